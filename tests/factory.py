"""Units, people and submissions with valid defaults, made through the server's own doors."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from server import batches, drafts, reversal, units
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business, Gl
from server.business.businesses import business_of
from server.business.month import Month
from server.business.refusals import Refused
from server.db import Connection, Pool, new_id, transaction
from server.demo_people import person
from server.ledger.balance import books
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.parameters import business_day
from server.submission import Answer, Operator, Submit

DAY = datetime.date(2026, 7, 20)
PAID_THROUGH = Month.of(2026, 5)
NEXT_MONTH = PAID_THROUGH.plus(1)
ACCOUNT_NO = "5323010000001"


async def approve(conn: Connection, digest: bytes) -> None:
    """Approvals have tests of their own."""
    assert len(digest) == 32


@dataclass(frozen=True)
class Desk:
    """One unit's operator at the server, without HTTP in between; or the centre's counter."""

    pool: Pool
    unit_id: int
    is_counter: bool = False
    operator: Operator = field(init=False)

    def __post_init__(self) -> None:
        clerk = Operator(self.unit_id, 1, "李经办", "certificate", None)
        teller = Operator(self.unit_id, 0, "中心柜台", "counter", None)
        object.__setattr__(self, "operator", teller if self.is_counter else clerk)

    @property
    def counter(self) -> Desk:
        """The same unit's business where the centre does it."""
        return Desk(self.pool, self.unit_id, is_counter=True)

    async def save(self, business: Business, head: dict[str, str], rows: Sequence[Any]) -> int:
        async with transaction(self.pool) as conn:
            saved = await drafts.save_new(conn, self.unit_id, 1, business.code, head, list(rows))
        return saved[0]

    async def submit(
        self,
        business: Business,
        batch_id: int,
        idem: str = "",
        only_passing: bool = False,
        version: int = 1,
    ) -> Answer:
        order = Submit(business, batch_id, version, only_passing, idem or f"test-{new_id()}")
        return await batches.submit(self.pool, self.operator, order, approve)

    async def do(
        self, code: str, rows: Sequence[Any] = (), only_passing: bool = False, **head: str
    ) -> Answer:
        """Saves and submits in one go."""
        business = business_of(code)
        return await self.submit(business, await self.save(business, head, rows), "", only_passing)

    async def open_people(self, numbers: range, month: Month = NEXT_MONTH) -> Answer:
        rows = [person(n) | {"month": str(month)} for n in numbers]
        return await self.do(ACCOUNT_OPENING.code, rows)

    async def enter_cheque(self, amount: str, number: str = "30108821") -> Answer:
        """Money into the prepayment account as the counter enters it, with a receipt."""
        return await self.counter.do(
            "cheque", cheque_no=number, drawer="楚雄州财政局", received_day=str(DAY), amount=amount
        )

    async def remit(self, until: Month, method: str = "prepayment") -> Answer:
        return await self.do("remittance", until=str(until), method=method)

    async def reverse(self, txn_id: int, idem: str = "") -> reversal.Reversed:
        """冲正, which only the counter does."""
        async with transaction(self.pool) as conn:
            return await reversal.reverse(
                conn, self.counter.operator, txn_id, "录入有误", idem or f"reverse-{new_id()}"
            )

    async def refused(self, business: Awaitable[Any]) -> list[tuple[int | None, str, str]]:
        """Where and with which codes a business is refused; it must be."""
        with pytest.raises(Refused) as refused:
            await business
        problems = refused.value.problems or [refused.value.reason]
        return [(p.row, p.key, p.code) for p in problems]

    async def accounts(self) -> list[int]:
        return [
            row[0]
            for row in await self.sql(
                "select acct_id from account where unit_id = %s order by 1", self.unit_id
            )
        ]

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        async with transaction(self.pool) as conn:
            cursor = await conn.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []


async def open_unit(
    pool: Pool,
    name: str = "楚雄彩云科技有限公司",
    signed: bool = True,
    account_no: str = ACCOUNT_NO,
) -> Desk:
    """A unit whose next month to remit is ``NEXT_MONTH``, with a signed bank account if asked."""
    async with transaction(pool) as conn:
        await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)
        opening = units.Opening(
            name, "91532300MA6NTEQT85", "532301", 5301, PAID_THROUGH, 1200, 1200
        )
        unit_id = await units.open_unit(conn, opening)
        if signed:
            await sign(conn, unit_id, name, account_no)
    return Desk(pool, unit_id)


async def sign(conn: Connection, unit_id: int, name: str, account_no: str) -> None:
    account = units.SignedAccount(
        account_no, name, "中国建设银行楚雄分行", "105", f"XY{account_no}"
    )
    await units.sign_account(conn, unit_id, account)


async def give_prepayment(desk: Desk, amount_fen: int) -> None:
    """As if the bank had paid: the bank itself has tests of its own."""
    async with transaction(desk.pool) as conn:
        await units.lock(conn, desk.unit_id)
        txn = Transaction(
            desk.unit_id, new_id(), "prepayment", await business_day(conn), 1, "counter",
            f"give-{new_id()}", 0,
            amount_fen, {}, postings=(Posting(Gl.DEPOSITS, Gl.PREPAYMENT, amount_fen),),
        )  # fmt: skip
        await post(conn, txn)


HANDBOOK_BASES = ("5000.00", "3333.33", "4166.67")  # 1200, 800 and 1000 yuan a month


async def open_handbook_people(desk: Desk, first: Month) -> list[int]:
    """Domain 4.11: 甲 1200 from the first month on, 乙 800 in that month only, 丙 1000 from the
    second on: three months come to 2000, 2200 and 2200 yuan."""
    await set_paid_through(desk, first.plus(-1))
    months = (first, first, first.plus(1))
    rows = [
        person(n) | {"base": base, "month": str(month)}
        for n, (base, month) in enumerate(zip(HANDBOOK_BASES, months, strict=True), 1)
    ]
    await desk.do(ACCOUNT_OPENING.code, rows)
    accounts = await desk.accounts()
    until = {"reason": "01", "month": str(first.plus(1))}
    await desk.do("sealing", [{"account": str(accounts[1])} | until])
    return accounts


async def open_pair(pool: Pool, first: Month, paid: Month) -> Desk:
    """A unit of two, paid from ``first`` to ``paid`` with 1200 a month each, out of 100000."""
    desk = await open_unit(pool)
    await set_paid_through(desk, first.plus(-1))
    rows = [person(n) | {"base": "5000.00", "month": str(first)} for n in range(2)]
    await desk.do("account_opening", rows)
    await desk.enter_cheque("100000")
    await desk.remit(paid)
    return desk


async def set_paid_through(desk: Desk, month: Month) -> None:
    """So that several months lie before the business day's."""
    await desk.sql("update unit set paid_through = %s where unit_id = %s", int(month), desk.unit_id)


async def assert_books_agree(pool: Pool) -> None:
    async with transaction(pool) as conn:
        assert (await books(conn)).disagreements == []


async def assert_moments_agree(desk: Desk) -> None:
    """Each account's moment is what its entries come to: amount x day number."""
    differing = await desk.sql(
        """
        select a.acct_id from account a left join entry e using (unit_id, acct_id)
        group by a.unit_id, a.acct_id, a.moment, a.balance_fen
        having a.moment <> coalesce(sum(e.amount_fen * (e.biz_day - date '2000-01-01')), 0)
            or a.balance_fen <> coalesce(sum(e.amount_fen), 0)
        """
    )
    assert differing == []
