"""错缴更正 on a real PostgreSQL: from the person back into the prepayment account, once a month."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.business.refusals import Refused
from server.db import Pool
from server.ledger.entry import day_number
from tests.factory import (
    DAY,
    PAID_THROUGH,
    Desk,
    assert_books_agree,
    assert_moments_agree,
    open_pair,
)

pytestmark = pytest.mark.anyio
APRIL, MAY = PAID_THROUGH.plus(-1), PAID_THROUGH
FULL, DIFFERENCE = "1", "2"


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    """Two people with April and May paid, 1200 each; 95200 prepaid are left."""
    return await open_pair(pool, APRIL, MAY)


async def correct(desk: Desk, account: int, amount: str, month: Any = MAY) -> Any:
    row = {"account": str(account), "month": str(month), "amount": amount}
    return await desk.counter.do("correction", [row], reason="离职当月多缴")


async def test_what_was_paid_too_much_goes_back_to_prepayment(desk: Desk) -> None:
    first, second = await desk.accounts()
    answer = await correct(desk, first, "300")
    assert (answer.state, answer.amount_fen) == ("posted", 300_00)
    assert await desk.sql(
        "select debit, credit, amount_fen from posting where txn_id = %s", answer.serial
    ) == [("201", "21901", 300_00)]
    assert await desk.sql(
        "select acct_id, month, unit_fen, amount_fen, balance_fen from entry where txn_id = %s",
        answer.serial,
    ) == [(first, int(MAY), -150_00, -300_00, 2100_00)]
    assert await desk.sql(
        "select acct_id, balance_fen, moment, paid_through from account order by 1"
    ) == [
        (first, 2100_00, 2100_00 * day_number(DAY), int(MAY)),
        (second, 2400_00, 2400_00 * day_number(DAY), int(MAY)),
    ]
    assert await desk.sql(
        "select members_fen, prepayment_fen, paid_through from unit where unit_id > 0"
    ) == [(4500_00, 95_500_00, int(MAY))]
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_receipt_names_month_and_amount(desk: Desk) -> None:
    first, _ = await desk.accounts()
    answer = await correct(desk, first, "300")
    ((title, content),) = await desk.sql(
        "select title, content from receipt where txn_id = %s", answer.serial
    )
    assert title == "错缴更正回单"
    assert dict(content["facts"]) == {"退回预缴户金额": "300.00", "更正原因": "离职当月多缴"}
    shown = dict(zip([c[1] for c in content["columns"]], content["rows"][0], strict=True))
    assert (shown["错缴年月"], shown["更正金额"]) == (str(MAY), "300.00")


async def test_a_persons_month_is_corrected_once(desk: Desk) -> None:
    first, second = await desk.accounts()
    await correct(desk, first, "1")
    assert await desk.refused(correct(desk, first, "1")) == [(0, "month", "E04")]
    assert (await correct(desk, first, "1", APRIL)).state == "posted"
    assert (await correct(desk, second, "1")).state == "posted"


async def test_two_clerks_at_once_correct_a_month_once(desk: Desk) -> None:
    first, _ = await desk.accounts()
    found = await asyncio.gather(
        *(correct(desk, first, "1") for _ in range(5)), return_exceptions=True
    )
    codes = [[p.code for p in f.problems] for f in found if isinstance(f, Refused)]
    assert codes == [["E04"]] * 4
    assert await desk.sql("select count(*) from correction") == [(1,)]


async def test_no_more_than_the_month_was_credited_is_taken_back(desk: Desk) -> None:
    """Remittance and differences together, to the fen; a month without any has nothing."""
    first, _ = await desk.accounts()
    row = {"account": str(first), "monthly": "200", "start": str(MAY), "end": str(MAY)}
    await desk.do("back_payment", [row], kind=DIFFERENCE, method="prepayment")
    for amount, month in (("1400.01", MAY), ("0", MAY), ("-5", MAY), ("1", APRIL.plus(-1))):
        assert await desk.refused(correct(desk, first, amount, month)) == [(0, "amount", "E02")]
    answer = await correct(desk, first, "1400")
    assert await desk.sql(
        "select unit_fen, amount_fen from entry where txn_id = %s", answer.serial
    ) == [(-700_00, -1400_00)]


async def test_a_month_that_is_not_paid_yet_cannot_be_corrected(desk: Desk) -> None:
    first, _ = await desk.accounts()
    for month in (MAY.plus(1), MAY.plus(40)):
        assert await desk.refused(correct(desk, first, "1", month)) == [(0, "amount", "E02")]


async def test_the_balance_must_reach(desk: Desk) -> None:
    """As after a withdrawal."""
    first, _ = await desk.accounts()
    await desk.sql("update account set balance_fen = 29999 where acct_id = %s", first)
    assert await desk.refused(correct(desk, first, "300")) == [(0, "amount", "E03")]
    await desk.sql("update account set balance_fen = 30000 where acct_id = %s", first)
    await desk.sql("update unit set members_fen = 270000 where unit_id > 0")
    assert (await correct(desk, first, "300")).state == "posted"


async def test_a_month_taken_back_whole_can_be_made_up_whole(desk: Desk) -> None:
    first, second = await desk.accounts()
    await correct(desk, first, "1200")
    await correct(desk, second, "1199")
    row = {"account": "", "monthly": "500", "start": str(MAY), "end": str(MAY)}

    async def make_up(account: int, kind: str) -> Any:
        rows = [row | {"account": str(account)}]
        return await desk.do("back_payment", rows, kind=kind, method="prepayment")

    assert await desk.refused(make_up(first, DIFFERENCE)) == [(0, "start", "B03A")]
    assert await desk.refused(make_up(second, FULL)) == [(0, "start", "B02")]
    assert (await make_up(first, FULL)).state == "posted"
    assert (await make_up(second, DIFFERENCE)).state == "posted"
    await assert_books_agree(desk.pool)


async def test_parts_are_taken_back_as_they_were_credited(desk: Desk) -> None:
    """April at 10 and 7: of 588 and 412 the parts of 500 go back."""
    first, _ = await desk.accounts()
    march = APRIL.plus(-1)
    await desk.sql("insert into unit_ratio values (%s, %s, 1000, 700)", desk.unit_id, int(march))
    row = {"account": str(first), "monthly": "1000", "start": str(march), "end": str(march)}
    await desk.do("back_payment", [row], kind=FULL, method="prepayment")
    answer = await correct(desk, first, "500", march)
    assert await desk.sql(
        "select unit_fen, amount_fen from entry where txn_id = %s", answer.serial
    ) == [(-294_00, -500_00)]


async def test_sealed_people_and_units_in_deferral_can_be_corrected(desk: Desk) -> None:
    first, _ = await desk.accounts()
    await desk.do("sealing", [{"account": str(first), "reason": "01"}])
    await desk.sql("update unit set status = '03' where unit_id = %s", desk.unit_id)
    assert (await correct(desk, first, "300")).state == "posted"


async def test_a_payment_in_flight_must_end_first(desk: Desk) -> None:
    first, _ = await desk.accounts()
    await desk.remit(MAY.plus(1), "settle")
    assert await desk.refused(correct(desk, first, "300")) == [(None, "", "G02")]


async def test_a_correction_is_not_reversed(desk: Desk) -> None:
    first, _ = await desk.accounts()
    answer = await correct(desk, first, "300")
    assert await desk.refused(desk.reverse(answer.serial)) == [(None, "", "E08")]
