"""What goes over the wire: structs that refuse unknown fields, made from the descriptions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from server.business.base import Business, Field
from server.business.check import ROWS_MAX
from server.business.refusals import Problem, problem

TEXT_MAX = 200
# Text that is stored as it came: without control characters, which PostgreSQL may not hold.
ONE_LINE = r"^[^\x00-\x1f]*$"
Line = Annotated[str, msgspec.Meta(max_length=TEXT_MAX, pattern=ONE_LINE)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Base of every request body."""


class ProblemOut(msgspec.Struct, frozen=True):
    """One refusal at its place; ``row`` counts from 0 in the rows that were sent."""

    code: str
    text: str
    next_step: str
    key: str
    row: int | None
    level: str
    carries: dict[str, str] = {}


class ErrorOut(msgspec.Struct, frozen=True):
    """The body of every answer that is not 2xx."""

    code: str
    text: str
    next_step: str
    problems: list[ProblemOut] = []


def problem_out(found: Problem) -> ProblemOut:
    return ProblemOut(
        found.code,
        found.text,
        found.next_step,
        found.key,
        found.row,
        found.level.value,
        dict(found.carries),
    )


def bank_problem(code: str | None, bank_text: str | None) -> ProblemOut | None:
    """Why the bank did not pay, in the catalogue's words."""
    return problem_out(problem(code, reason=bank_text or "银行未说明原因")) if code else None


def texts_struct(name: str, fields: tuple[Field, ...]) -> type[msgspec.Struct]:
    """A struct of the typed fields as text, all optional: a draft may be unfinished or wrong."""
    members: list[Any] = [
        (
            spec.key,
            Annotated[
                str,
                msgspec.Meta(
                    max_length=max(TEXT_MAX, spec.kind.length_max),
                    title=spec.label,
                    description=spec.note or None,
                ),
            ],
            "",
        )
        for spec in fields
        if spec.typed and not spec.sent_to
    ]
    return msgspec.defstruct(
        name, members, forbid_unknown_fields=True, frozen=True, gc=False, omit_defaults=True
    )


def batch_struct(business: Business, versioned: bool) -> type[msgspec.Struct]:
    """``{"head": {…}, "rows": [{…}]}``, and the version that is replaced when there is one."""
    title = "".join(part.capitalize() for part in business.code.split("_"))
    head = texts_struct(f"{title}Head", business.head)
    row: Any = texts_struct(f"{title}Row", business.rows)
    rows_max = ROWS_MAX if business.is_batch else 0
    members: list[Any] = [
        ("head", head, msgspec.field(default_factory=head)),
        (
            "rows",
            Annotated[list[row], msgspec.Meta(max_length=rows_max)],
            msgspec.field(default_factory=list),
        ),
    ]
    if versioned:
        members.insert(0, ("version", Annotated[int, msgspec.Meta(ge=1)]))
    name = f"{title}{'Again' if versioned else 'Batch'}"
    return msgspec.defstruct(name, members, forbid_unknown_fields=True, frozen=True)


def texts_of(struct: msgspec.Struct) -> dict[str, str]:
    """The fields that are filled."""
    return {key: text for key in struct.__struct_fields__ if (text := getattr(struct, key))}
