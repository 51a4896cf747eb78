"""The sheet's columns: a business's row fields as text, read and shown by their kinds. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpf_desktop.ui.sheet.normal import are_normal, plain_amounts
from server.business.base import Business, Field
from server.business.kinds import Account, DocumentNumber, Invalid, Masked, PersonName

RESULT_LABEL = "校验结果"
LINE_BREAKS = str.maketrans({"\r": None, "\n": " "})


@dataclass(frozen=True)
class Column:
    """One row field as a column of texts."""

    field: Field

    @property
    def key(self) -> str:
        return self.field.key

    @property
    def is_typed(self) -> bool:
        return self.field.typed

    @property
    def is_right(self) -> bool:
        return self.field.kind.align_right

    @property
    def is_money(self) -> bool:
        return self.field.kind.editor == "money"

    @property
    def is_identity(self) -> bool:
        """Whether the filter box looks here: names and numbers that tell who someone is."""
        return isinstance(self.field.kind, PersonName | Account | DocumentNumber | Masked)

    @property
    def is_name(self) -> bool:
        return isinstance(self.field.kind, PersonName)

    @property
    def header(self) -> str:
        return (
            f"{self.field.label} *" if self.is_typed and self.field.required else self.field.label
        )

    def normal(self, text: str) -> str:
        """The text as the kind shows it; what cannot be read stays as typed."""
        if not text or text.isspace():
            return ""
        try:
            return self.field.kind.show(self.field.kind.parse(text))
        except Invalid:
            return text.translate(LINE_BREAKS).strip()

    def normal_all(self, texts: Sequence[str]) -> list[str]:
        """A whole column; equal texts are read once and kept once."""
        if are_normal(self.field.kind, texts):
            return list(texts)
        if (amounts := plain_amounts(self.field.kind, texts)) is not None:
            return amounts
        shown = {text: self.normal(text) for text in dict.fromkeys(texts)}
        return [shown[text] for text in texts]

    def show(self, value: Any) -> str:
        return self.field.kind.show(value)


def columns_of(business: Business) -> tuple[Column, ...]:
    return tuple(Column(field) for field in business.shown_rows)


def leading_columns(columns: Sequence[Column]) -> int:
    """How many columns stay in sight by default: up to the person's name, when it is near."""
    for number, column in enumerate(columns[:3], start=1):
        if column.is_name:
            return number
    return 0


def fen_of(shown: str) -> int | None:
    """The fen in an amount as shown, or None when it is empty or could not be read."""
    plain = shown.replace(",", "")
    whole, dot, cents = plain.partition(".")
    if not dot or len(cents) != 2 or not cents.isdigit() or not whole.lstrip("-").isdigit():
        return None
    return int(whole + cents)
