"""Who submits what, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.business.base import Business


@dataclass(frozen=True)
class Operator:
    """Who acts, for which unit, and how they logged in."""

    unit_id: int
    operator_id: int
    name: str
    login_kind: str
    certificate_id: int | None = None
    address: str = ""


@dataclass(frozen=True)
class Submit:
    """One press of 提交. ``idem`` is the client's name for it: again, it gets the first answer."""

    business: Business
    batch_id: int
    version: int
    only_passing: bool
    idem: str
    signature: bytes | None = None
    amount_fen: int | None = None  # what the operator saw; another amount by now is refused
    # Codes sent to phones, by field key: beside the document, so that they are nowhere kept.
    codes: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer:
    """What became of a submission; ``state`` is posted, paying or failed."""

    state: str
    serial: int
    receipt_no: str | None
    rows: int
    amount_fen: int
    left_batch_id: int | None = None
    problem_code: str | None = None
    bank_text: str | None = None
