"""Random businesses of one unit against a plain model: who is due when, balances, paid months."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from server import units
from server.business.month import Month
from server.business.refusals import Refused
from server.db import Pool, open_pool, transaction
from server.demo_people import person
from server.ledger.balance import books
from tests.factory import DAY, Desk, give_prepayment, open_unit

NOW = Month.of_day(DAY)
PAID_THROUGH = NOW.plus(-8)
HORIZON = [PAID_THROUGH.plus(n) for n in range(1, 17)]
BASES = {"3000.00": 720_00, "5000.00": 1200_00, "9999.00": 2400_00}  # 12 % each, to the yuan

PEOPLE_MAX = 5
members = st.integers(0, PEOPLE_MAX - 1)
ahead = st.integers(0, 5)  # months after the one paid through last
bases = st.sampled_from(sorted(BASES))


@dataclass
class Member:
    """What a person owes in each month, and what became of it."""

    account: int
    due: dict[Month, int]
    starts: Month
    is_sealed: bool = False
    ends: Month = Month(0)
    balance_fen: int = 0
    paid_through: Month = Month(0)

    def owes_from(self, month: Month, amount_fen: int) -> None:
        self.due = {m: self.due.get(m, 0) for m in HORIZON if m < month}
        self.due |= {m: amount_fen for m in HORIZON if m >= month}


class Model(RuleBasedStateMachine):
    """Each rule does a business at the server, and in the model if that says it may be done."""

    runner: ClassVar[asyncio.Runner]
    pool: ClassVar[Pool]
    numbers: ClassVar[Iterator[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk = self.run(open_unit(self.pool))
        first = (int(PAID_THROUGH), self.desk.unit_id)
        self.run(self.desk.sql("update unit set paid_through = %s where unit_id = %s", *first))
        self.members: list[Member] = []
        self.paid_through = PAID_THROUGH
        self.prepaid_fen = self.members_fen = self.receipts = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def attempt(self, may: bool, code: str, rows: tuple[Any, ...] = (), **head: str) -> bool:
        """The server does it exactly when the model may."""
        try:
            self.run(self.desk.do(code, rows, **head))
        except Refused as refused:
            codes = [p.code for p in refused.problems]
        else:
            codes = []
        assert may == (not codes), codes or "the server should have refused"
        self.receipts += may
        return may

    @rule(months=ahead, base=bases)
    @precondition(lambda self: len(self.members) < PEOPLE_MAX)
    def open(self, months: int, base: str) -> None:
        month = self.paid_through.plus(months)
        row = person(next(self.numbers)) | {"month": str(month), "base": base}
        latest = max(self.paid_through.plus(1), NOW.plus(1))
        if self.attempt(self.paid_through < month <= latest, "account_opening", (row,)):
            accounts = self.run(self.desk.accounts())
            (account,) = set(accounts) - {m.account for m in self.members}
            self.members.append(Member(account, {}, month))
            self.members[-1].owes_from(month, BASES[base])

    @rule(who=members, months=ahead)
    @precondition(lambda self: any(not m.is_sealed for m in self.members))
    def seal(self, who: int, months: int) -> None:
        member, month = self.members[who % len(self.members)], self.paid_through.plus(months)
        may = not member.is_sealed and month > self.paid_through and month >= member.starts
        row = {"account": str(member.account), "reason": "01", "month": str(month)}
        if self.attempt(may, "sealing", (row,)):
            member.is_sealed, member.ends = True, month
            member.owes_from(month, 0)

    @rule(who=members, months=ahead, base=bases)
    @precondition(lambda self: any(m.is_sealed for m in self.members))
    def unseal(self, who: int, months: int, base: str) -> None:
        member, month = self.members[who % len(self.members)], self.paid_through.plus(months)
        may = member.is_sealed and month > self.paid_through and month >= member.ends
        row = {"account": str(member.account), "month": str(month), "base": base}
        if self.attempt(may, "unsealing", (row,)):
            member.is_sealed, member.starts = False, month
            member.owes_from(month, BASES[base])

    @rule(amount_fen=st.sampled_from([1, 1200_00, 10_000_00]))
    def prepay(self, amount_fen: int) -> None:
        self.run(give_prepayment(self.desk, amount_fen))
        self.prepaid_fen += amount_fen

    @rule(months=st.sampled_from([0, 1, 1, 2, 3]), is_prepaid=st.booleans())
    def remit(self, months: int, is_prepaid: bool) -> None:
        """``is_prepaid``: exactly what is missing is prepaid first."""
        until = self.paid_through.plus(months)
        due = [m for m in HORIZON if self.paid_through < m <= until]
        total_fen = sum(member.due[m] for member in self.members for m in due)
        if is_prepaid and total_fen > self.prepaid_fen:
            self.prepay(total_fen - self.prepaid_fen)
        may = bool(due) and until <= NOW and 0 < total_fen <= self.prepaid_fen
        if not self.attempt(may, "remittance", until=str(until), method="prepayment"):
            return
        self.paid_through = until
        self.prepaid_fen -= total_fen
        self.members_fen += total_fen
        for member in self.members:
            paid = [m for m in due if member.due[m]]
            member.balance_fen += sum(member.due[m] for m in paid)
            member.paid_through = max([member.paid_through, *paid])

    @invariant()
    def server_and_model_agree(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        unit_id = self.desk.unit_id
        (unit,) = await self.desk.sql(
            "select paid_through, prepayment_fen, members_fen, receipt_count from unit"
            " where unit_id = %s",
            unit_id,
        )
        model = (self.paid_through, self.prepaid_fen, self.members_fen, self.receipts)
        assert unit == tuple(map(int, model))
        accounts = await self.desk.sql(
            "select acct_id, balance_fen, coalesce(paid_through, 0), status = '02' from account"
            " where unit_id = %s",
            unit_id,
        )
        assert sorted(accounts) == sorted(
            (m.account, m.balance_fen, int(m.paid_through), m.is_sealed) for m in self.members
        )
        async with transaction(self.pool) as conn:
            due = await units.due(conn, unit_id, self.paid_through.plus(1), HORIZON[-1])
        for month, found in due.items():
            owed = [fen for member in self.members if (fen := member.due[month])]
            assert (found.persons, found.amount_fen) == (len(owed), sum(owed)), month

    def teardown(self) -> None:
        async def disagreements() -> list[str]:
            async with transaction(self.pool) as conn:
                return (await books(conn)).disagreements

        assert [d for d in self.run(disagreements()) if "没有回单" not in d] == []


def test_server_agrees_with_a_plain_model(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with asyncio.Runner() as runner:
        pool = open_pool(database, 2)
        runner.run(pool.open())
        monkeypatch.setattr(Model, "runner", runner, raising=False)
        monkeypatch.setattr(Model, "pool", pool, raising=False)
        try:
            run_state_machine_as_test(
                Model,
                settings=settings(
                    max_examples=25, stateful_step_count=25, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )  # fmt: skip
        finally:
            runner.run(pool.close())
