"""缓缴 on a real PostgreSQL: months that are not remitted, and made up later person by person."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from server import deferral, units
from server.business.month import Month
from server.business.refusals import Refused
from server.db import Pool, transaction
from tests.factory import (
    NEXT_MONTH,
    Desk,
    assert_books_agree,
    assert_moments_agree,
    open_pair,
)

pytestmark = pytest.mark.anyio
JULY = NEXT_MONTH.plus(1)  # the month of the business day
MARCH, APRIL, MAY, JUNE = (JULY.plus(n) for n in range(-4, 0))
FULL = "1"


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    """Two people, 1200 a month each; March paid, so that April is next. 97600 are prepaid."""
    return await open_pair(pool, MARCH, MARCH)


async def grant(desk: Desk, first: Month, last: Month) -> None:
    async with transaction(desk.pool) as conn:
        await deferral.grant(conn, desk.unit_id, first, last)


async def end(desk: Desk, last: Month | None = None) -> None:
    async with transaction(desk.pool) as conn:
        await deferral.end(conn, desk.unit_id, last)


async def code(doing: Awaitable[Any]) -> str:
    with pytest.raises(Refused) as refused:
        await doing
    return refused.value.reason.code


async def status(desk: Desk) -> str:
    rows = await desk.sql("select status from unit where unit_id = %s", desk.unit_id)
    return str(rows[0][0])


async def due(desk: Desk, until: Month) -> dict[Month, int]:
    async with transaction(desk.pool) as conn:
        unit = await units.facts(conn, desk.unit_id)
        found = await units.due(conn, desk.unit_id, unit.next_month, until)
    return {month: one.amount_fen for month, one in found.items()}


async def test_deferred_months_are_not_due(desk: Desk) -> None:
    await grant(desk, MAY, JUNE)
    assert await due(desk, JULY.plus(1)) == {
        APRIL: 2400_00, JULY: 2400_00, JULY.plus(1): 2400_00,
    }  # fmt: skip


async def test_unit_in_deferral_cannot_pay_but_seal(desk: Desk) -> None:
    await grant(desk, APRIL, JUNE)
    assert await status(desk) == "03"
    assert await desk.refused(desk.remit(JULY)) == [(None, "", "H10")]
    account = (await desk.accounts())[0]
    months = {"start": str(MARCH), "end": str(MARCH)}
    late = {"account": str(account), "monthly": "1"} | months
    refused = desk.do("back_payment", [late], kind="3", method="prepayment")
    assert await desk.refused(refused) == [(None, "", "G01")]
    assert await desk.refused(desk.open_people(range(9, 10), APRIL)) == [(None, "", "G01")]
    sealed = await desk.do("sealing", [{"account": str(account), "reason": "05"}])
    assert sealed.state == "posted"


async def test_remittance_passes_over_what_was_deferred_and_that_is_made_up(desk: Desk) -> None:
    """Ruling 7."""
    await grant(desk, MAY, JUNE)
    await end(desk)
    assert await status(desk) == "01"
    done = await desk.remit(JULY)
    assert done.amount_fen == 2 * 2400_00
    assert await desk.sql(
        "select distinct month from entry where txn_id = %s order by 1", done.serial
    ) == [(int(APRIL),), (int(JULY),)]
    assert await desk.sql("select paid_through from unit where unit_id > 0") == [(int(JULY),)]
    rows = [
        {
            "account": str(account), "monthly": "1200", "start": str(MAY), "end": str(JUNE),
            "reason": "缓缴补缴",
        }
        for account in await desk.accounts()
    ]  # fmt: skip
    late = await desk.do("back_payment", rows, kind=FULL, method="prepayment")
    assert late.amount_fen == 2 * 2400_00
    assert await desk.sql("select distinct balance_fen from account") == [(5 * 1200_00,)]
    ((content,),) = await desk.sql("select content from receipt where txn_id = %s", late.serial)
    assert all("缓缴补缴" in row for row in content["rows"])
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_only_deferred_months_up_to_now_leave_nothing_to_remit(desk: Desk) -> None:
    await grant(desk, APRIL, JULY)
    await end(desk)
    assert await desk.refused(desk.remit(JULY)) == [(None, "until", "H03")]


async def test_months_after_an_early_end_are_due_after_all(desk: Desk) -> None:
    await grant(desk, APRIL, JULY)
    await end(desk, MAY)
    assert list(await due(desk, JULY)) == [JUNE, JULY]
    assert (await desk.remit(JULY)).amount_fen == 2 * 2400_00


async def test_reversal_goes_back_before_the_deferred_months(desk: Desk) -> None:
    await grant(desk, APRIL, JUNE)
    await end(desk)
    done = await desk.remit(JULY)
    await desk.reverse(done.serial)
    assert await desk.sql("select paid_through from unit where unit_id > 0") == [(int(MARCH),)]
    assert list(await due(desk, JULY)) == [JULY]


async def test_reversed_first_remittance_of_a_unit_in_deferral_leaves_it_deferred(
    desk: Desk,
) -> None:
    """Its status is what it was before the first remittance once the deferral has ended."""
    ((first,),) = await desk.sql("select txn_id from txn where business = 'remittance'")
    await grant(desk, APRIL, JUNE)
    await desk.reverse(first)
    assert await status(desk) == "03"
    await end(desk)
    assert await status(desk) == "02"


@pytest.mark.parametrize(
    ("first", "months", "expected"),
    [(APRIL, 12, ""), (APRIL, 13, "E10"), (APRIL, 0, "E10"), (MARCH, 1, "E11")],
)
async def test_deferral_is_a_year_at_most_and_from_unpaid_months(
    desk: Desk, first: Month, months: int, expected: str
) -> None:
    granting = grant(desk, first, first.plus(months - 1))
    if expected:
        assert await code(granting) == expected
        assert await status(desk) == "01"
    else:
        await granting
        assert await status(desk) == "03"


async def test_deferrals_follow_each_other_and_do_not_overlap(desk: Desk) -> None:
    await grant(desk, APRIL, MAY)
    assert await code(grant(desk, JUNE, JUNE)) == "G01"
    await end(desk)
    assert await code(grant(desk, MAY, JUNE)) == "E10"
    await grant(desk, JUNE, JULY)
    assert await due(desk, JULY) == {}


async def test_ended_before_it_began_may_be_granted_again(desk: Desk) -> None:
    await grant(desk, APRIL, JUNE)
    await end(desk, MARCH)
    assert list(await due(desk, JULY)) == [APRIL, MAY, JUNE, JULY]
    await grant(desk, APRIL, MAY)
    assert await status(desk) == "03"
    assert list(await due(desk, JULY)) == [JUNE, JULY]
    await end(desk)
    assert list(await due(desk, JULY)) == [JUNE, JULY]


async def test_nothing_to_end_and_a_payment_in_flight_are_refused(desk: Desk) -> None:
    assert await code(end(desk)) == "E12"
    await desk.remit(APRIL, "settle")
    assert await code(grant(desk, MAY, JUNE)) == "G02"
