"""The ledger's immutable values (domain 8.2): what a transaction says and how it moves money."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.business.base import Gl
from server.business.month import Month


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: ``amount_fen`` from the account debited to the account credited; positive."""

    debit: Gl
    credit: Gl
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One business done: it has one receipt, and moves money if it has postings.

    ``months`` are the months whose roster is credited, oldest first; empty when no person is.
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
    batch_id: int | None = None
    payment_id: int | None = None
    postings: Sequence[Posting] = ()
    months: Sequence[Month] = ()

    def __post_init__(self) -> None:
        assert sum(p.amount_fen for p in self.postings) == self.total_fen, "unbalanced"
        assert all(p.debit is not p.credit for p in self.postings), "debit and credit are one"
