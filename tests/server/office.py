"""A unit's desk with the centre's payments behind it, at a real sandbox bank."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from server import completion, payments, reversal
from server.business.facts import Unit
from server.db import Connection, transaction
from server.ledger.balance import books
from server.outside.bank import Bank
from server.outside.sandbox_bank.books import SUCCESS, Debit
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import IN, OUT, Pace, Payments
from server.units import facts
from tests.factory import ACCOUNT_NO, Desk

QUICK = Pace(bank_timeout_s=0.4, backoff_s=(0.2,), not_found_grace_s=0.5)
MONEY_FEN = 10_000_000_00
AMOUNT_FEN = 1234_56


@dataclass
class Office:
    """The centre's side of payments, with the unit's desk; ``told`` records the notices."""

    desk: Desk
    bank: Bank
    sandbox: SandboxBank
    told: list[bool] = field(default_factory=list)

    def payments(self, pace: Pace = QUICK) -> Payments:
        async def notify(
            conn: Connection, payment: payments.Payment, is_posted: bool, reason: str
        ) -> None:
            self.told.append(is_posted)

        complete = {IN: completion.complete_paid, OUT: reversal.complete_refund}
        return Payments(self.desk.pool, self.bank, complete, notify, pace)

    async def prepay(self) -> int:
        answer = await self.desk.do("prepayment", amount="1,234.56")
        assert answer.state == "paying"
        return answer.serial

    async def pay(self, serial: int) -> str:
        """Takes the payment to its end at once, as a submission does."""
        await self.payments().start(self.desk.unit_id, serial, 10)
        return await self.state(serial)

    async def state(self, serial: int) -> str:
        async with transaction(self.desk.pool) as conn:
            return (await payments.timeline(conn, self.desk.unit_id, serial)).payment.state

    async def until_ended(self, serial: int, runner: Payments, limit_s: float = 15.0) -> str:
        task = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(limit_s):
                while (state := await self.state(serial)) not in ("posted", "failed"):
                    await asyncio.sleep(0.05)
        finally:
            task.cancel()
        return state

    async def unit(self) -> Unit:
        async with transaction(self.desk.pool) as conn:
            return await facts(conn, self.desk.unit_id)

    def moved(self, serial: int) -> list[Debit]:
        """What the bank has really done under our serial."""
        return [d for d in self.sandbox.debits() if d.serial == str(serial) and d.state == SUCCESS]

    async def assert_paid_once(self, serial: int) -> None:
        """One debit at the bank, one txn, one receipt, books in balance."""
        assert len(self.moved(serial)) == 1
        assert self.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN - AMOUNT_FEN
        assert await self.desk.sql("select total_fen from txn where txn_id = %s", serial) == [
            (AMOUNT_FEN,)
        ]
        assert await self.desk.sql("select count(*) from receipt") == [(1,)]
        async with transaction(self.desk.pool) as conn:
            assert (await books(conn)).disagreements == []
        assert self.told == [True]

    async def assert_not_paid(self, serial: int) -> None:
        assert self.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN
        assert await self.desk.sql("select count(*) from txn") == [(0,)]
        (state,) = await self.desk.sql("select state from batch")
        assert state == ("saved",)  # It can be submitted again.
        assert self.told == [False]
