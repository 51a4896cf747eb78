"""The centre's side of its bank account, with a unit's desk and a real bank of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server import completion, payments, reversal
from server.adjustment import Adjustment
from server.bank_notices import Movements
from server.db import Connection, Pool, transaction
from server.ledger.balance import books
from server.outside.bank import HttpBank
from server.outside.bank_wire import Detail
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import IN, OUT, Pace, Payments
from server.reconciliation import reconcile
from tests.factory import ACCOUNT_NO, DAY, Desk, open_unit

NAME = "楚雄彩云科技有限公司"
MONEY_FEN = 10_000_000_00
# Nobody asks the bank a second time within a test: what becomes known was told.
PATIENT = Pace(bank_timeout_s=2.0, backoff_s=(600.0,), not_found_grace_s=600.0)


async def _tell_nobody(
    conn: Connection, payment: payments.Payment, is_posted: bool, reason: str
) -> None:
    pass


@dataclass
class BankDesk:
    desk: Desk
    bank: HttpBank
    sandbox: SandboxBank
    payments: Payments
    movements: Movements

    async def prepay(self, amount: str = "1,234.56", wait_s: float = 10) -> int:
        answer = await self.desk.do("prepayment", amount=amount)
        await self.payments.start(self.desk.unit_id, answer.serial, wait_s)
        return answer.serial

    async def cheque(self, number: str = "ZP001", drawer: str = "楚雄州财政局") -> int:
        answer = await self.desk.do(
            "cheque", cheque_no=number, drawer=drawer, received_day=DAY.isoformat(), amount="500"
        )
        return answer.serial

    async def listed(self) -> list[Detail]:
        """What the bank has booked today."""
        return list((await self.bank.details(DAY)).details)

    async def tell(self, *details: Detail) -> None:
        """Notices, in this order; returns when each was tried once."""
        for detail in details:
            await self.movements.take(detail)
            await self.movements.settle(detail)
            await asyncio.gather(*self.movements._tasks)

    async def reconcile(self) -> Adjustment:
        return await reconcile(self.desk.pool, self.bank, self.movements, DAY)

    async def payment(self, serial: int) -> payments.Timeline:
        async with transaction(self.desk.pool) as conn:
            return await payments.timeline(conn, self.desk.unit_id, serial)

    async def steps(self, serial: int) -> list[str]:
        return [step.state for step in (await self.payment(serial)).steps]

    async def end_of(self, detail: Detail) -> str:
        rows = await self.desk.sql(
            "select state from bank_movement where bank_serial = %s and amount_fen = %s",
            detail.bank_serial, detail.amount_fen,
        )  # fmt: skip
        return str(rows[0][0])

    async def gl(self, account: str) -> int:
        """Debits less credits of an account, all units together."""
        ((fen,),) = await self.desk.sql(
            "select coalesce(sum(dr_fen - cr_fen), 0)::bigint from voucher_line where gl = %s",
            account,
        )
        return int(fen)

    async def assert_books_and_bank_agree(self) -> None:
        async with transaction(self.desk.pool) as conn:
            found = (await books(conn)).disagreements
        assert found == [], found
        assert await self.gl("101") == self.sandbox.centre_balance_fen()


@asynccontextmanager
async def open_desk(pool: Pool, folder: Path, pace: Pace = PATIENT) -> AsyncIterator[BankDesk]:
    with SandboxBank(folder, seed=1) as sandbox:
        sandbox.set_day(DAY)
        sandbox.set_account(Account(ACCOUNT_NO, NAME, MONEY_FEN))
        sandbox.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
        desk = await open_unit(pool, NAME)
        async with HttpBank(
            sandbox.ready.url, sandbox.ready.key, timeout_s=pace.bank_timeout_s
        ) as bank:
            ends = {IN: completion.complete_paid, OUT: reversal.complete_refund}
            runner = Payments(pool, bank, ends, _tell_nobody, pace)
            yield BankDesk(desk, bank, sandbox, runner, Movements(pool, runner))
