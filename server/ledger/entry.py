"""The ledger's immutable values (domain 8.2): what a transaction says and how it moves money."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.business.base import Line
from server.business.chart import Gl
from server.business.month import Month

EPOCH = datetime.date(2000, 1, 1)


def day_number(day: datetime.date) -> int:
    """Days since ``EPOCH``: what amounts are multiplied by in an account's moment."""
    return (day - EPOCH).days


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: ``amount_fen`` from the account debited to the account credited.

    A negative amount is 红字: it takes back, on the same sides, what another line said.
    """

    debit: Gl
    credit: Gl
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One business done: it has one receipt, and moves money if it has postings.

    ``months`` are the months whose roster is credited, oldest first; ``lines`` are the persons
    credited otherwise, one line a person and month; both are empty when no person is.
    ``paid_through`` is what the unit's paid-through month becomes, None when it stays.
    ``total_fen`` is what the postings sum up to.
    """

    unit_id: int
    txn_id: int
    business: str
    biz_day: datetime.date
    operator_id: int
    login_kind: str
    idem: str
    rows: int
    total_fen: int
    head: Mapping[str, Any]
    method: str | None = None
    kind: str | None = None
    batch_id: int | None = None
    payment_id: int | None = None
    reverses: int | None = None
    postings: Sequence[Posting] = ()
    months: Sequence[Month] = ()
    lines: Sequence[Line] = ()
    paid_through: Month | None = None

    def __post_init__(self) -> None:
        assert sum(p.amount_fen for p in self.postings) == self.total_fen, "unbalanced"
        assert all(p.debit is not p.credit for p in self.postings), "debit and credit are one"

    def moved_fen(self, gl: Gl) -> int:
        """By how much the postings increase ``gl`` on its debit side."""
        debits = sum(p.amount_fen for p in self.postings if p.debit is gl)
        return debits - sum(p.amount_fen for p in self.postings if p.credit is gl)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is issued with a transaction; its number is the unit's next one of the year.

    ``content`` is what will be printed, as JSON; ``row_count`` is None where the receipt lists the
    persons that are credited.
    """

    title: str
    code: str
    content: str
    amount_fen: int | None
    row_count: int | None
