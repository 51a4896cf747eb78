"""冲正 on a real PostgreSQL: the exact opposite, at most once, today only, in the right order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server import drafts
from server.business.refusals import Refused
from server.business.remittance import REMITTANCE
from server.db import Pool, transaction
from server.demo_people import person
from tests.factory import (
    NEXT_MONTH,
    PAID_THROUGH,
    Desk,
    assert_books_agree,
    assert_moments_agree,
    open_unit,
)

pytestmark = pytest.mark.anyio
JUNE, JULY = NEXT_MONTH, NEXT_MONTH.plus(1)
FULL = "1"


async def with_people(desk: Desk) -> None:
    """Two people from June, 1200 a month each; 10000 prepaid."""
    rows = [person(n) | {"base": "5000.00", "month": str(JUNE)} for n in range(2)]
    await desk.do("account_opening", rows)
    await desk.enter_cheque("10000")


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    desk = await open_unit(pool)
    await with_people(desk)
    return desk


async def balances(desk: Desk) -> list[Any]:
    """All that posting changes on the unit and its people."""
    unit = await desk.sql(
        "select deposits_fen, members_fen, prepayment_fen, reserved_fen, paid_through, status"
        " from unit where unit_id = %s",
        desk.unit_id,
    )
    people = await desk.sql(
        "select acct_id, balance_fen, moment, prior_fen, prior_moment, opening_fen, paid_through"
        " from account where unit_id = %s order by 1",
        desk.unit_id,
    )
    return unit + people


async def remit(desk: Desk) -> Any:
    return await desk.remit(JULY)


async def make_up(desk: Desk) -> Any:
    account = (await desk.accounts())[0]
    months = {"start": str(PAID_THROUGH.plus(-1)), "end": str(PAID_THROUGH)}
    row = {"account": str(account), "monthly": "77"} | months
    return await desk.do("back_payment", [row], kind=FULL, method="prepayment")


async def enter_cheque(desk: Desk) -> Any:
    return await desk.enter_cheque("6400", "30108822")


@pytest.mark.parametrize("business", [remit, make_up, enter_cheque])
async def test_reversal_restores_every_balance_and_month(
    desk: Desk, business: Callable[[Desk], Awaitable[Any]]
) -> None:
    before = await balances(desk)
    done = await business(desk)
    assert await balances(desk) != before
    taken = await desk.reverse(done.serial)
    assert await balances(desk) == before
    assert taken.refund_id is None
    said = "select debit, credit, {} from posting where txn_id = %s order by line"
    assert await desk.sql(said.format("-amount_fen"), taken.serial) == await desk.sql(
        said.format("amount_fen"), done.serial
    )
    credited = "select acct_id, month, {0} unit_fen, {0} amount_fen from entry where txn_id = %s"
    assert sorted(await desk.sql(credited.format("-"), taken.serial)) == sorted(
        await desk.sql(credited.format(""), done.serial)
    )
    assert await desk.sql("select reverses from txn where txn_id = %s", taken.serial) == [
        (done.serial,)
    ]
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_entries_of_several_months_run_down_to_what_was_there(desk: Desk) -> None:
    taken = await desk.reverse((await desk.remit(JULY)).serial)
    first = (await desk.accounts())[0]
    assert await desk.sql(
        "select month, amount_fen, balance_fen from entry where acct_id = %s and txn_id = %s"
        " order by month",
        first,
        taken.serial,
    ) == [(int(JUNE), -1200_00, 1200_00), (int(JULY), -1200_00, 0)]


async def test_first_remittance_reversed_leaves_the_unit_opened(desk: Desk) -> None:
    """Ruling 24; any later one leaves it in order, paid through the month before."""
    first, second = await desk.remit(JUNE), await desk.remit(JULY)

    async def unit() -> Any:
        return await desk.sql("select status, paid_through from unit where unit_id > 0")

    await desk.reverse(second.serial)
    assert await unit() == [("01", int(JUNE))]
    assert await desk.sql("select distinct paid_through from account") == [(int(JUNE),)]
    await desk.reverse(first.serial)
    assert await unit() == [("02", int(PAID_THROUGH))]
    assert await desk.sql("select distinct paid_through from account") == [(None,)]
    again = await desk.remit(JULY)
    assert again.state == "posted"
    assert await unit() == [("01", int(JULY))]
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_receipt_names_what_was_taken_back(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    taken = await desk.reverse(done.serial)
    ((title, content),) = await desk.sql(
        "select title, content from receipt where txn_id = %s", taken.serial
    )
    assert title == "冲正回单"
    assert dict(content["facts"]) == {
        "原业务流水号": str(done.serial), "原业务": "汇缴", "冲正原因": "录入有误",
        "冲正金额": "-2,400.00",
    }  # fmt: skip


async def test_batch_is_marked_and_no_unfinished_work(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    await desk.reverse(done.serial)
    assert await desk.sql("select state from batch where business = 'remittance'") == [
        ("reversed",)
    ]
    async with transaction(desk.pool) as conn:
        assert await drafts.unfinished(conn, desk.unit_id, REMITTANCE.code) == []


async def test_the_same_key_again_gives_the_first_answer(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    first = await desk.reverse(done.serial, "press-1")
    before = await balances(desk)
    assert await desk.reverse(done.serial, "press-1") == first
    assert await balances(desk) == before


async def test_a_business_is_reversed_once(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    found = await asyncio.gather(
        *(desk.reverse(done.serial) for _ in range(5)), return_exceptions=True
    )
    codes = [f.reason.code for f in found if isinstance(f, Refused)]
    assert codes == ["E07"] * 4
    assert await desk.refused(desk.reverse(done.serial)) == [(None, "", "E07")]
    assert await desk.sql("select count(*) from txn where reverses is not null") == [(1,)]


async def test_only_a_business_of_the_present_day_is_reversed(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    await desk.sql("update centre set business_day = business_day + 1")
    assert await desk.refused(desk.reverse(done.serial)) == [(None, "", "E05")]


async def test_what_moves_no_money_or_takes_back_is_not_reversed(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    account = (await desk.accounts())[0]
    sealed = await desk.do("sealing", [{"account": str(account), "reason": "01"}])
    taken = await desk.reverse(done.serial)
    for serial in (sealed.serial, taken.serial):
        assert await desk.refused(desk.reverse(serial)) == [(None, "", "E08")]


async def test_another_units_business_is_not_found(desk: Desk) -> None:
    other = await open_unit(desk.pool, "州第二中学", account_no="532302")
    done = await other.enter_cheque("100")
    assert await desk.refused(desk.reverse(done.serial)) == [(None, "", "N04")]
    assert await desk.refused(desk.reverse(1)) == [(None, "", "N04")]


async def test_what_later_postings_stand_on_is_reversed_after_them(desk: Desk) -> None:
    """A later posting on the account of one of its people, until that is taken back itself."""
    june = await desk.remit(JUNE)
    july = await desk.remit(JULY)
    late = await make_up(desk)
    for serial in (june.serial, july.serial):
        assert await desk.refused(desk.reverse(serial)) == [(None, "", "E06")]
    await desk.reverse(late.serial)
    assert await desk.refused(desk.reverse(june.serial)) == [(None, "", "E06")]
    await desk.reverse(july.serial)
    await desk.reverse(june.serial)
    await assert_books_agree(desk.pool)


async def test_a_correction_stands_on_the_remittance(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    row = {"account": str((await desk.accounts())[0]), "month": str(JUNE), "amount": "1"}
    await desk.counter.do("correction", [row], reason="多缴")
    assert await desk.refused(desk.reverse(done.serial)) == [(None, "", "E06")]


async def test_months_paid_later_stand_on_a_remittance_of_other_people(pool: Pool) -> None:
    """June has one person, July another one. Were June unpaid again, July would be paid twice."""
    desk = await open_unit(pool)
    rows = [person(n) | {"month": str(JUNE.plus(n))} for n in range(2)]
    await desk.do("account_opening", rows)
    june_only, july_only = await desk.accounts()
    await desk.do("sealing", [{"account": str(june_only), "reason": "01", "month": str(JULY)}])
    await desk.enter_cheque("20000")
    june, july = await desk.remit(JUNE), await desk.remit(JULY)
    assert await desk.refused(desk.reverse(june.serial)) == [(None, "", "E06")]
    await desk.reverse(july.serial)
    months = {"start": str(JUNE), "end": str(JUNE)}
    row = {"account": str(july_only), "monthly": "5"} | months
    late = await desk.do("back_payment", [row], kind=FULL, method="prepayment")
    assert await desk.refused(desk.reverse(june.serial)) == [(None, "", "E06")]
    await desk.reverse(late.serial)
    await desk.reverse(june.serial)
    assert (await desk.remit(JULY)).amount_fen == june.amount_fen + july.amount_fen
    await assert_books_agree(pool)


async def test_prepayment_that_is_used_is_reversed_after_its_use(desk: Desk) -> None:
    (cheque,) = await desk.sql("select txn_id from txn where business = 'cheque'")
    done = await desk.remit(JUNE)
    assert await desk.refused(desk.reverse(cheque[0])) == [(None, "", "E09")]
    await desk.reverse(done.serial)
    await desk.reverse(cheque[0])
    assert await desk.sql("select deposits_fen, prepayment_fen from unit where unit_id > 0") == [
        (0, 0)
    ]


async def test_a_payment_in_flight_must_end_first(desk: Desk) -> None:
    done = await desk.remit(JUNE)
    await desk.do("prepayment", amount="1")
    assert await desk.refused(desk.reverse(done.serial)) == [(None, "", "G02")]


async def test_made_up_again_after_a_reversal(desk: Desk) -> None:
    """What was taken back does not count as made up (B02)."""
    done = await make_up(desk)
    assert await desk.refused(make_up(desk)) == [(0, "start", "B02")]
    await desk.reverse(done.serial)
    assert (await make_up(desk)).state == "posted"
