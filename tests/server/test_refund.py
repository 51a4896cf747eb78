"""What a 冲正 owes to the payer goes back through the bank, once, whatever breaks on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server import reversal
from server.counter.staff import Role
from server.db import transaction
from server.outside.sandbox_bank.scenarios import Fault
from server.submission import Operator
from tests.counter.doors import hire
from tests.factory import ACCOUNT_NO, Desk, assert_books_agree, assert_moments_agree
from tests.server.office import MONEY_FEN, Office
from tests.server.test_reversal import JUNE, balances, with_people

pytestmark = pytest.mark.anyio


async def errors_fen(desk: Desk) -> int:
    """What 错账待处理 owes."""
    rows = await desk.sql(
        "select coalesce(sum(cr_fen - dr_fen), 0)::bigint from voucher_line where gl = '21903'"
    )
    return int(rows[0][0])


async def collect(office: Office, business: Awaitable[Any]) -> Any:
    paying = await business
    assert paying.state == "paying"
    assert await office.pay(paying.serial) == "posted"
    return paying


@pytest.fixture
async def banked(office: Office) -> Office:
    await with_people(office.desk)
    return office


def settle(desk: Desk) -> Awaitable[Any]:
    return desk.remit(JUNE, "settle")


def prepay(desk: Desk) -> Awaitable[Any]:
    return desk.do("prepayment", amount="2,400.00")


@pytest.mark.parametrize("business", [settle, prepay])
async def test_what_the_bank_collected_goes_back_through_the_bank(
    banked: Office, business: Callable[[Desk], Awaitable[Any]]
) -> None:
    """From 错账待处理, which is settled when the bank has paid."""
    desk = banked.desk
    before = await balances(desk)
    done = await collect(banked, business(desk))
    taken = await desk.reverse(done.serial)
    assert taken.refund_id is not None
    assert await errors_fen(desk) == 2400_00
    assert (await balances(desk))[1:] == before[1:]
    assert banked.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN - 2400_00
    await assert_books_agree(desk.pool)

    assert await banked.pay(taken.refund_id) == "posted"
    assert await balances(desk) == before
    assert await errors_fen(desk) == 0
    assert banked.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN
    (debit,) = banked.moved(taken.refund_id)
    assert (debit.direction.value, debit.account_no) == ("out", ACCOUNT_NO)
    ((title, content),) = await desk.sql(
        "select title, content from receipt where txn_id = %s", taken.refund_id
    )
    facts = dict(content["facts"])
    assert (title, facts["冲正流水号"], facts["退款金额"]) == (
        "退款回单", str(taken.serial), "2,400.00",
    )  # fmt: skip
    assert facts["收款账户"].endswith(ACCOUNT_NO[-4:])
    assert banked.told == [True], "operators hear of what they asked for, not of refunds"
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_the_refunds_receipt_names_who_reversed(banked: Office) -> None:
    """The bank pays it later, when nobody stands at the counter any more."""
    desk = banked.desk
    done = await collect(banked, settle(desk))
    async with transaction(desk.pool) as conn:
        await hire(conn, "finance1", Role.FINANCE)
        ((staff_id, shown),) = await (
            await conn.execute("select staff_id, shown from staff")
        ).fetchall()
        clerk = Operator(desk.unit_id, staff_id, shown, "counter")
        taken = await reversal.reverse(conn, clerk, done.serial, "录入有误", "press-1")
    assert taken.refund_id is not None
    assert await banked.pay(taken.refund_id) == "posted"
    for serial in (taken.serial, taken.refund_id):
        ((content,),) = await desk.sql("select content from receipt where txn_id = %s", serial)
        assert (content["operator"], content["login"]) == (shown, "中心柜台")


async def test_the_refund_in_flight_blocks_nobody(banked: Office) -> None:
    desk = banked.desk
    taken = await desk.reverse((await collect(banked, settle(desk))).serial)
    again = await collect(banked, settle(desk))
    second = await desk.reverse(again.serial)
    assert taken.refund_id is not None and second.refund_id is not None
    assert await banked.pay(second.refund_id) == "posted"
    assert await banked.pay(taken.refund_id) == "posted"
    assert banked.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN
    await assert_books_agree(desk.pool)


async def test_the_same_key_again_names_the_same_refund(banked: Office) -> None:
    desk = banked.desk
    done = await collect(banked, settle(desk))
    first = await desk.reverse(done.serial, "press-1")
    assert await desk.reverse(done.serial, "press-1") == first
    assert await desk.sql("select count(*) from payment where direction = 'out'") == [(1,)]


async def test_a_refund_without_a_clear_answer_is_found_out(banked: Office) -> None:
    desk = banked.desk
    taken = await desk.reverse((await collect(banked, settle(desk))).serial)
    assert taken.refund_id is not None
    banked.sandbox.add_fault(Fault("no_answer_then_success", seconds=1.0))
    runner = banked.payments()
    await runner.start(desk.unit_id, taken.refund_id, 0.1)
    assert await banked.until_ended(taken.refund_id, runner) == "posted"
    assert len(banked.moved(taken.refund_id)) == 1
    assert (await errors_fen(desk), banked.sandbox.balance_fen(ACCOUNT_NO)) == (0, MONEY_FEN)


async def test_a_refund_that_never_reached_the_bank_is_sent_anew(banked: Office) -> None:
    """As after a kill between the note and the sending: nobody would ask for it again."""
    desk = banked.desk
    taken = await desk.reverse((await collect(banked, settle(desk))).serial)
    assert taken.refund_id is not None
    banked.sandbox.add_fault(Fault("no_answer_not_received", times=1))
    runner = banked.payments()
    await runner.start(desk.unit_id, taken.refund_id, 0.1)
    assert await banked.until_ended(taken.refund_id, runner) == "posted"
    assert len(banked.moved(taken.refund_id)) == 1
    states = await desk.sql(
        "select state from payment_step where payment_id = %s order by step", taken.refund_id
    )
    assert [state for (state,) in states] == [
        "pending", "sent", "unknown", "pending", "sent", "collected", "posted",
    ]  # fmt: skip
    assert (await errors_fen(desk), banked.sandbox.balance_fen(ACCOUNT_NO)) == (0, MONEY_FEN)


async def test_a_refund_that_the_bank_refuses_stays_owed(banked: Office) -> None:
    """Finance sees it in 错账待处理; what was reversed stays reversed."""
    desk = banked.desk
    taken = await desk.reverse((await collect(banked, settle(desk))).serial)
    assert taken.refund_id is not None
    banked.sandbox.add_fault(Fault("account_unknown", times=1))
    assert await banked.pay(taken.refund_id) == "failed"
    assert await errors_fen(desk) == 2400_00
    assert banked.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN - 2400_00
    assert await desk.sql("select state from batch where business = 'remittance'") == [
        ("reversed",)
    ]
    await assert_books_agree(desk.pool)


async def test_what_the_bank_has_returned_by_itself_is_not_refunded(banked: Office) -> None:
    desk = banked.desk
    before = await balances(desk)
    done = await collect(banked, settle(desk))
    banked.sandbox.reverse(str(done.serial))
    async with transaction(desk.pool) as conn:
        taken = await reversal.reverse(
            conn, desk.counter.operator, done.serial, "银行冲正", "by-bank", is_returned=True
        )
    assert taken.refund_id is None
    assert await balances(desk) == before
    assert await errors_fen(desk) == 0
    await assert_books_agree(desk.pool)
