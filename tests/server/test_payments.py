"""Debits through the real sandbox bank: sent once, found out whatever breaks, posted once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server import completion, payments
from server.db import Connection, Pool, transaction
from server.outside.bank import HttpBank
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.outside.sandbox_bank.scenarios import Fault
from server.payments import IN, UNSENT_ATTEMPTS_MAX, Pace
from tests.factory import ACCOUNT_NO, open_unit
from tests.server.office import MONEY_FEN, Office

pytestmark = pytest.mark.anyio


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
    async with transaction(office.desk.pool) as conn:
        assert (await payments.timeline(conn, office.desk.unit_id, serial)).problem_code == "B10"
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
            office = Office(desk, bank, sandbox)
            sandbox.kill()
            serial = await office.prepay()
            runner = office.payments(Pace(0.4, (1.0,), 0.5))
            await runner.start(desk.unit_id, serial, 5)
            assert await office.state(serial) == "pending"
            sandbox.start()
            assert await office.until_ended(serial, runner) == "posted"
            await office.assert_paid_once(serial)


async def test_payment_answer_lost_and_bank_away_is_asked_about_and_never_sent_again(
    pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The bank has the money; for longer than an unsent request may wait, nobody can ask it."""
    sandbox = SandboxBank(tmp_path_factory.mktemp("bank"), seed=1)
    with sandbox:
        desk = await open_unit(pool)
        sandbox.set_account(Account(ACCOUNT_NO, "楚雄彩云科技有限公司", MONEY_FEN))
        sandbox.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
        sandbox.add_fault(Fault("connection_dropped"))
        async with HttpBank(sandbox.ready.url, sandbox.ready.key, timeout_s=0.4) as bank:
            office = Office(desk, bank, sandbox)
            serial = await office.prepay()
            assert await office.pay(serial) == "unknown"
            sandbox.kill()
            runner = office.payments()
            for _ in range(UNSENT_ATTEMPTS_MAX + 1):
                await desk.sql("update payment set next_at = now()")
                await runner.advance(desk.unit_id, serial)
                assert await office.state(serial) == "unknown"
            sandbox.start()
            await desk.sql("update payment set next_at = now()")
            assert await office.until_ended(serial, runner) == "posted"
            await office.assert_paid_once(serial)
            async with transaction(pool) as conn:
                steps = (await payments.timeline(conn, desk.unit_id, serial)).steps
            assert [s.state for s in steps] == ["pending", "sent", "unknown", "collected", "posted"]


async def test_payments_that_the_bank_keeps_waiting_hold_up_no_other(office: Office) -> None:
    """A dozen units wait for an answer; one that comes after them is paid meanwhile."""
    for number in range(12):
        account_no = f"53230199{number:04d}"
        waiting = await open_unit(office.desk.pool, f"第{number}单位", account_no=account_no)
        office.sandbox.set_account(Account(account_no, f"第{number}单位", MONEY_FEN))
        office.sandbox.sign(f"XY{account_no}", account_no)
        office.sandbox.add_fault(
            Fault("no_answer_then_success", account_no=account_no, seconds=20.0)
        )
        await waiting.do("prepayment", amount="1")
    serial = await office.prepay()
    ready = office.sandbox.ready
    async with HttpBank(ready.url, ready.key, timeout_s=20.0) as patient:
        runner = replace(office, bank=patient).payments(Pace(20.0, (1.0,), 1.0))
        assert await office.until_ended(serial, runner, limit_s=10.0) == "posted"


async def test_payment_posting_fails_keeps_the_debit_and_posts_later(office: Office) -> None:
    serial = await office.prepay()
    runner = office.payments()
    failing = iter([RuntimeError("disk full")])

    async def complete(conn: Connection, payment: payments.Payment) -> object:
        for error in failing:
            raise error
        return await completion.complete_paid(conn, payment)

    runner._complete = {IN: complete}
    await runner.start(office.desk.unit_id, serial, 10)
    assert await office.state(serial) == "collected"
    assert await office.until_ended(serial, runner) == "posted"
    await office.assert_paid_once(serial)
