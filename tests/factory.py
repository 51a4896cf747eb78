"""Units, people and submissions with valid defaults, made through the server's own doors."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server import batches, drafts, units
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business, Gl
from server.business.businesses import business_of
from server.business.month import Month
from server.db import Connection, Pool, new_id, transaction
from server.demo_people import person
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post

DAY = datetime.date(2026, 7, 20)
PAID_THROUGH = Month.of(2026, 5)
NEXT_MONTH = PAID_THROUGH.plus(1)
ACCOUNT_NO = "5323010000001"


async def approve(conn: Connection, digest: bytes) -> None:
    """Approvals have tests of their own."""
    assert len(digest) == 32


@dataclass(frozen=True)
class Desk:
    """One unit's operator at the server, without HTTP in between."""

    pool: Pool
    unit_id: int
    operator: batches.Operator = field(init=False)

    def __post_init__(self) -> None:
        clerk = batches.Operator(self.unit_id, 1, "李经办", "certificate", None)
        object.__setattr__(self, "operator", clerk)

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
    ) -> batches.Answer:
        order = batches.Submit(
            business, batch_id, version, only_passing, idem or f"test-{new_id()}"
        )
        return await batches.submit(self.pool, self.operator, order, approve)

    async def do(
        self, code: str, rows: Sequence[Any] = (), only_passing: bool = False, **head: str
    ) -> batches.Answer:
        """Saves and submits in one go."""
        business = business_of(code)
        return await self.submit(business, await self.save(business, head, rows), "", only_passing)

    async def open_people(self, numbers: range, month: Month = NEXT_MONTH) -> batches.Answer:
        rows = [person(n) | {"month": str(month)} for n in numbers]
        return await self.do(ACCOUNT_OPENING.code, rows)

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
            desk.unit_id, new_id(), "prepayment", DAY, 1, "counter", f"give-{new_id()}", 0,
            amount_fen, {}, postings=(Posting(Gl.DEPOSITS, Gl.PREPAYMENT, amount_fen),),
        )  # fmt: skip
        await post(conn, txn)
