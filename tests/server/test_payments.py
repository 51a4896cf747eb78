"""Debits through the real sandbox bank: sent once, found out whatever breaks, posted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from server import batches, payments
from server.db import Connection, Pool, transaction
from server.ledger.balance import books
from server.outside.bank import Bank, HttpBank
from server.outside.sandbox_bank.books import SUCCESS, Account
from server.outside.sandbox_bank.control import SandboxBank
from server.outside.sandbox_bank.scenarios import Fault
from server.payments import Pace, Payments
from tests.factory import ACCOUNT_NO, Desk, open_unit

pytestmark = pytest.mark.anyio

QUICK = Pace(bank_timeout_s=0.4, backoff_s=(0.2,), not_found_grace_s=0.5)
MONEY_FEN = 10_000_000_00
AMOUNT_FEN = 1234_56


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=1) as running:
        yield running


@dataclass
class Office:
    """The centre's side of payments, with the unit's desk; ``told`` records the notices."""

    desk: Desk
    bank: Bank
    sandbox: SandboxBank
    told: list[bool]

    def payments(self, pace: Pace = QUICK) -> Payments:
        async def notify(
            conn: Connection, payment: payments.Payment, is_posted: bool, reason: str
        ) -> None:
            self.told.append(is_posted)

        return Payments(self.desk.pool, self.bank, batches.complete_paid, notify, pace)

    async def prepay(self) -> int:
        answer = await self.desk.do("prepayment", amount="1,234.56")
        assert answer.state == "paying"
        return answer.serial

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

    async def assert_paid_once(self, serial: int) -> None:
        """One debit at the bank, one txn, one receipt, books in balance."""
        debits = [
            d for d in self.sandbox.debits() if d.serial == str(serial) and d.state == SUCCESS
        ]
        assert len(debits) == 1
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


@pytest.fixture
async def office(pool: Pool, sandbox: SandboxBank) -> AsyncIterator[Office]:
    desk = await open_unit(pool)
    sandbox.clear_faults()
    sandbox.set_account(Account(ACCOUNT_NO, "楚雄彩云科技有限公司", MONEY_FEN))
    sandbox.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
    async with HttpBank(
        sandbox.ready.url, sandbox.ready.key, timeout_s=QUICK.bank_timeout_s
    ) as bank:
        yield Office(desk, bank, sandbox, [])


async def test_payment_success_posts_and_is_told(office: Office) -> None:
    serial = await office.prepay()
    await office.payments().start(office.desk.unit_id, serial, 10)
    assert await office.state(serial) == "posted"
    await office.assert_paid_once(serial)
    async with transaction(office.desk.pool) as conn:
        steps = (await payments.timeline(conn, office.desk.unit_id, serial)).steps
    assert [s.state for s in steps] == ["pending", "sent", "collected", "posted"]


@pytest.mark.parametrize("scenario", ["insufficient_funds", "unsigned", "over_limit", "cut_off"])
async def test_payment_refused_by_the_bank_leaves_the_batch_open(
    office: Office, scenario: str
) -> None:
    office.sandbox.add_fault(Fault(scenario))
    serial = await office.prepay()
    await office.payments().start(office.desk.unit_id, serial, 10)
    assert await office.state(serial) == "failed"
    await office.assert_not_paid(serial)
    again = await office.prepay()
    assert again != serial


@pytest.mark.parametrize(
    ("scenario", "state"),
    [
        ("no_answer_then_success", "posted"),
        ("no_answer_then_failed", "failed"),
        ("no_answer_not_received", "failed"),
        ("connection_dropped", "posted"),
        ("garbage", "posted"),
        ("forged_answer", "posted"),
        ("duplicate_answer", "posted"),
        ("processing_for", "posted"),
        ("slow", "posted"),
    ],
)
async def test_payment_without_a_clear_answer_is_found_out(
    office: Office, scenario: str, state: str
) -> None:
    office.sandbox.add_fault(Fault(scenario, seconds=1.0, queries=2))
    serial = await office.prepay()
    runner = office.payments()
    await runner.start(office.desk.unit_id, serial, 0.1)
    assert await office.until_ended(serial, runner) == state
    if state == "posted":
        await office.assert_paid_once(serial)
    else:
        await office.assert_not_paid(serial)


async def test_payment_after_a_restart_goes_on_from_each_state(office: Office) -> None:
    """The process dies after each written state; a new one, knowing only the database, ends it."""
    for state in ("pending", "sent", "unknown", "collected"):
        serial = await office.prepay()
        if state == "collected":
            await office.bank.collect(
                await office.payments()._collection(await _payment(office, serial))
            )
        await office.desk.sql(
            "update payment set state = %s, attempts = 1, sent_at = now() - interval '1 hour',"
            " next_at = now(), bank_serial = 'x' where payment_id = %s",
            state,
            serial,
        )
        ended = await office.until_ended(serial, office.payments())
        assert ended == {"pending": "posted", "collected": "posted"}.get(state, "failed")


async def _payment(office: Office, serial: int) -> payments.Payment:
    async with transaction(office.desk.pool) as conn:
        return (await payments.timeline(conn, office.desk.unit_id, serial)).payment


async def test_payment_taken_by_four_workers_is_sent_and_posted_once(office: Office) -> None:
    serial = await office.prepay()
    await asyncio.gather(
        *(office.payments().advance(office.desk.unit_id, serial) for _ in range(4))
    )
    await office.until_ended(serial, office.payments())
    await office.assert_paid_once(serial)


async def test_payment_bank_away_is_sent_when_it_is_back(
    pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sandbox = SandboxBank(tmp_path_factory.mktemp("bank"), seed=1)
    with sandbox:
        desk = await open_unit(pool)
        sandbox.set_account(Account(ACCOUNT_NO, "楚雄彩云科技有限公司", MONEY_FEN))
        sandbox.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
        async with HttpBank(sandbox.ready.url, sandbox.ready.key, timeout_s=0.4) as bank:
            office = Office(desk, bank, sandbox, [])
            sandbox.kill()
            serial = await office.prepay()
            runner = office.payments(Pace(0.4, (1.0,), 0.5))
            await runner.start(desk.unit_id, serial, 5)
            assert await office.state(serial) == "pending"
            sandbox.start()
            assert await office.until_ended(serial, runner) == "posted"
            await office.assert_paid_once(serial)


async def test_payment_posting_fails_keeps_the_debit_and_posts_later(office: Office) -> None:
    serial = await office.prepay()
    runner = office.payments()
    failing = iter([RuntimeError("disk full")])

    async def complete(conn: Connection, payment: payments.Payment) -> object:
        for error in failing:
            raise error
        return await batches.complete_paid(conn, payment)

    runner._complete = complete
    await runner.start(office.desk.unit_id, serial, 10)
    assert await office.state(serial) == "collected"
    assert await office.until_ended(serial, runner) == "posted"
    await office.assert_paid_once(serial)
