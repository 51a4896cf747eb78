"""混合缴款 (H07): prepayment first, the rest by the bank, together exactly once or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from server import completion, payments, units
from server.business.back_payment import BACK_PAYMENT
from server.business.chart import Gl
from server.business.month import Month
from server.db import Connection, new_id, transaction
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.outside.sandbox_bank.scenarios import Fault
from server.parameters import set_parameter
from server.payments import IN
from tests.factory import (
    ACCOUNT_NO,
    DAY,
    NEXT_MONTH,
    Desk,
    assert_books_agree,
    assert_moments_agree,
    open_handbook_people,
)
from tests.server.office import MONEY_FEN, Office

pytestmark = pytest.mark.anyio
MAY, JULY = NEXT_MONTH.plus(-1), NEXT_MONTH.plus(1)


@pytest.fixture
async def mixed(office: Office) -> Office:
    """The handbook's unit: 6400 are due for three months, 5000 are prepaid, mixing is allowed."""
    async with transaction(office.desk.pool) as conn:
        await set_parameter(conn, "remit_mixed", "是", DAY, "主任")
    await open_handbook_people(office.desk, MAY)
    await office.desk.enter_cheque("5000")
    return office


async def unit(desk: Desk) -> Any:
    (row,) = await desk.sql(
        "select deposits_fen, members_fen, prepayment_fen, reserved_fen, paid_through from unit"
        " where unit_id = %s",
        desk.unit_id,
    )
    return row


async def postings(desk: Desk, serial: int) -> Any:
    return await desk.sql(
        "select debit, credit, amount_fen from posting where txn_id = %s order by amount_fen",
        serial,
    )


async def assert_paid_from_both(office: Office, serial: int) -> None:
    """Once, and all of it."""
    (debit,) = office.moved(serial)
    assert debit.amount_fen == 1400_00
    assert office.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN - 1400_00
    assert await unit(office.desk) == (6400_00, 6400_00, 0, 0, int(JULY))
    assert await postings(office.desk, serial) == [
        ("101", "201", 1400_00), ("21901", "201", 5000_00),
    ]  # fmt: skip
    await assert_moments_agree(office.desk)
    await assert_books_agree(office.desk.pool)


async def assert_nothing_paid(office: Office) -> None:
    assert office.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN
    assert await unit(office.desk) == (5000_00, 0, 5000_00, 0, int(MAY.plus(-1)))
    await assert_books_agree(office.desk.pool)


async def test_prepayment_is_reserved_and_used_with_the_banks_part(mixed: Office) -> None:
    paying = await mixed.desk.remit(JULY, "mixed")
    assert (paying.state, paying.amount_fen) == ("paying", 6400_00)
    assert await unit(mixed.desk) == (5000_00, 0, 5000_00, 5000_00, int(MAY.plus(-1)))
    assert (await mixed.unit()).prepayment_fen == 0, "nobody else may use it"
    assert await mixed.pay(paying.serial) == "posted"
    await assert_paid_from_both(mixed, paying.serial)
    ((content,),) = await mixed.desk.sql(
        "select content from receipt where txn_id = %s", paying.serial
    )
    facts = dict(content["facts"])
    assert (facts["应缴金额"], facts["实缴金额"], facts["预缴转出金额"]) == (
        "6,400.00", "1,400.00", "5,000.00",
    )  # fmt: skip
    assert mixed.told == [True]


async def test_prepayment_is_free_again_when_the_bank_refuses(mixed: Office) -> None:
    mixed.sandbox.add_fault(Fault("insufficient_funds", times=1))
    paying = await mixed.desk.remit(JULY, "mixed")
    assert await mixed.pay(paying.serial) == "failed"
    await assert_nothing_paid(mixed)
    again = await mixed.desk.remit(JULY, "mixed")
    assert await mixed.pay(again.serial) == "posted"
    await assert_paid_from_both(mixed, again.serial)


async def test_prepayment_that_is_enough_leaves_the_bank_alone(mixed: Office) -> None:
    await mixed.desk.enter_cheque("1400", "2")
    done = await mixed.desk.remit(JULY, "mixed")
    assert (done.state, done.receipt_no is not None) == ("posted", True)
    assert await postings(mixed.desk, done.serial) == [("21901", "201", 6400_00)]
    assert mixed.moved(done.serial) == []
    await assert_books_agree(mixed.desk.pool)


async def test_the_same_key_gives_the_first_answer_while_the_bank_is_asked(mixed: Office) -> None:
    """All of what is due, not only the bank's part of it."""
    desk = mixed.desk
    row = {"account": str((await desk.accounts())[0]), "monthly": "5600"}
    row |= {"start": str(MAY.plus(-1)), "end": str(MAY.plus(-1))}
    batch_id = await desk.save(BACK_PAYMENT, {"kind": "1", "method": "mixed"}, [row])
    first = await desk.submit(BACK_PAYMENT, batch_id, "press-one")
    assert (first.state, first.rows, first.amount_fen) == ("paying", 1, 5600_00)
    assert await desk.submit(BACK_PAYMENT, batch_id, "press-one") == first
    assert await mixed.pay(first.serial) == "posted"
    posted = await desk.submit(BACK_PAYMENT, batch_id, "press-one")
    assert (posted.state, posted.rows, posted.amount_fen) == ("posted", 1, 5600_00)
    assert len(mixed.moved(first.serial)) == 1


async def test_without_prepayment_the_bank_pays_all(mixed: Office) -> None:
    await mixed.desk.sql("update unit set prepayment_fen = 0 where unit_id > 0")
    paying = await mixed.desk.remit(JULY, "mixed")
    assert await mixed.pay(paying.serial) == "posted"
    assert await postings(mixed.desk, paying.serial) == [("101", "201", 6400_00)]


async def test_a_cheque_that_comes_meanwhile_is_left_for_the_next_time(mixed: Office) -> None:
    """What was asked of the bank stands, though by now the prepayment would be enough."""
    paying = await mixed.desk.remit(JULY, "mixed")
    await mixed.desk.enter_cheque("9000", "2")
    assert await mixed.pay(paying.serial) == "posted"
    assert await unit(mixed.desk) == (15_400_00, 6400_00, 9000_00, 0, int(JULY))
    assert await postings(mixed.desk, paying.serial) == [
        ("101", "201", 1400_00), ("21901", "201", 5000_00),
    ]  # fmt: skip
    ((content,),) = await mixed.desk.sql(
        "select content from receipt where txn_id = %s", paying.serial
    )
    assert dict(content["facts"])["预缴转出金额"] == "5,000.00"
    await assert_books_agree(mixed.desk.pool)


async def test_mixing_is_refused_unless_the_centre_allows_it(mixed: Office) -> None:
    async with transaction(mixed.desk.pool) as conn:
        await set_parameter(conn, "remit_mixed", "否", DAY, "主任")
    assert await mixed.desk.refused(mixed.desk.remit(JULY, "mixed")) == [(None, "method", "H07")]


async def test_what_is_reserved_cannot_be_spent_twice(mixed: Office) -> None:
    """No business can, and should one try, the unit's own row refuses."""
    desk = mixed.desk
    account = (await desk.accounts())[0]
    months = {"start": str(MAY.plus(-1)), "end": str(MAY.plus(-1))}
    late = {"account": str(account), "monthly": "100"} | months
    await desk.remit(JULY, "mixed")
    refused = await desk.refused(desk.remit(MAY))
    assert {code for _, _, code in refused} == {"H04", "H06"}
    refused = await desk.refused(desk.do("back_payment", [late], kind="3", method="prepayment"))
    assert {code for _, _, code in refused} == {"G02", "B08B"}
    (cheque,) = await desk.sql("select txn_id from txn where business = 'cheque'")
    assert await desk.refused(desk.reverse(cheque[0])) == [(None, "", "G02")]
    with pytest.raises(psycopg.errors.CheckViolation):
        await spend(desk, 1)


async def spend(desk: Desk, amount_fen: int) -> None:
    """What no business would post."""
    async with transaction(desk.pool) as conn:
        await units.lock(conn, desk.unit_id)
        taken = (Posting(Gl.PREPAYMENT, Gl.DEPOSITS, amount_fen),)
        txn = Transaction(
            desk.unit_id, new_id(), "x", DAY, 1, "counter", "x", 0, amount_fen, {}, postings=taken
        )
        await post(conn, txn)


@pytest.mark.parametrize(
    ("scenario", "is_paid"),
    [
        ("no_answer_then_success", True),
        ("connection_dropped", True),
        ("no_answer_then_failed", False),
        ("no_answer_not_received", False),
    ],
)
async def test_without_a_clear_answer_it_is_found_out(
    mixed: Office, scenario: str, is_paid: bool
) -> None:
    mixed.sandbox.add_fault(Fault(scenario, seconds=1.0, times=1))
    paying = await mixed.desk.remit(JULY, "mixed")
    runner = mixed.payments()
    await runner.start(mixed.desk.unit_id, paying.serial, 0.1)
    await mixed.until_ended(paying.serial, runner)
    if is_paid:
        await assert_paid_from_both(mixed, paying.serial)
    else:
        await assert_nothing_paid(mixed)


async def test_taken_by_four_workers_and_failing_to_post_it_is_used_once(mixed: Office) -> None:
    """As after a kill: what was collected is posted by whoever comes first, and once."""
    paying = await mixed.desk.remit(JULY, "mixed")
    failing = iter([RuntimeError("disk full")])

    async def complete(conn: Connection, payment: payments.Payment) -> object:
        for error in failing:
            raise error
        return await completion.complete_paid(conn, payment)

    runner = mixed.payments()
    runner._complete = {IN: complete}
    await runner.start(mixed.desk.unit_id, paying.serial, 10)
    assert await mixed.state(paying.serial) == "collected"
    assert (await unit(mixed.desk))[3] == 5000_00, "still reserved"
    await mixed.desk.sql("update payment set next_at = now()")
    workers = (mixed.payments() for _ in range(4))
    await asyncio.gather(*(w.advance(mixed.desk.unit_id, paying.serial) for w in workers))
    assert await mixed.until_ended(paying.serial, mixed.payments()) == "posted"
    await assert_paid_from_both(mixed, paying.serial)


async def test_reversal_gives_each_part_back_to_where_it_came_from(mixed: Office) -> None:
    paying = await mixed.desk.remit(JULY, "mixed")
    assert await mixed.pay(paying.serial) == "posted"
    taken = await mixed.desk.reverse(paying.serial)
    assert await unit(mixed.desk) == (6400_00, 0, 5000_00, 0, int(MAY.plus(-1)))
    assert taken.refund_id is not None
    assert await mixed.pay(taken.refund_id) == "posted"
    await assert_nothing_paid(mixed)


async def test_back_payment_is_mixed_alike(mixed: Office) -> None:
    desk = mixed.desk
    account = (await desk.accounts())[0]
    month = str(Month(MAY.plus(-1)))
    row = {"account": str(account), "monthly": "5600", "start": month, "end": month}
    paying = await desk.do("back_payment", [row], kind="1", method="mixed")
    assert (await unit(desk))[3] == 5000_00
    assert await mixed.pay(paying.serial) == "posted"
    assert await postings(desk, paying.serial) == [
        ("101", "201", 600_00),
        ("21901", "201", 5000_00),
    ]
    await assert_books_agree(desk.pool)


async def test_vector_of_the_handbook_settled_by_the_bank(office: Office) -> None:
    """Domain 8.3: 6400 from the bank: 甲 3600, 乙 800 in one month only, 丙 2000."""
    desk = office.desk
    people = await open_handbook_people(desk, MAY)
    paying = await desk.remit(JULY, "settle")
    assert await office.pay(paying.serial) == "posted"
    assert await postings(desk, paying.serial) == [("101", "201", 6400_00)]
    assert await desk.sql(
        "select acct_id, count(*), sum(amount_fen)::bigint from entry group by 1 order by 1"
    ) == list(zip(people, (3, 1, 2), (3600_00, 800_00, 2000_00), strict=True))
    assert await desk.sql(
        "select month, amount_fen from txn_part where txn_id = %s order by 1", paying.serial
    ) == [(int(MAY.plus(n)), fen) for n, fen in enumerate((2000_00, 2200_00, 2200_00))]
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_vector_of_the_handbook_from_prepayment(office: Office) -> None:
    """Domain 8.3: 5000 are short by 1400; prepaid as well they are enough, and 219 is empty."""
    desk = office.desk
    await open_handbook_people(desk, MAY)
    for amount in ("5000", "1400"):
        if amount == "1400":
            assert await desk.refused(desk.remit(JULY)) == [(None, "method", "H06")]
        paying = await desk.do("prepayment", amount=amount)
        assert await office.pay(paying.serial) == "posted"
    done = await desk.remit(JULY)
    assert await postings(desk, done.serial) == [("21901", "201", 6400_00)]
    assert await unit(desk) == (6400_00, 6400_00, 0, 0, int(JULY))
    assert office.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN - 6400_00
    await assert_books_agree(desk.pool)
