"""补缴 (U26) on a real PostgreSQL: each rule from both of its sides, and what is posted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server import parameters
from server.business.month import Month
from server.db import Pool, transaction
from server.demo_people import person
from server.ledger.entry import day_number
from server.outside.sandbox_bank.scenarios import Fault
from tests.factory import (
    DAY,
    PAID_THROUGH,
    Desk,
    assert_books_agree,
    assert_moments_agree,
    open_unit,
    set_paid_through,
)
from tests.server.office import Office

pytestmark = pytest.mark.anyio
MARCH, APRIL, MAY = PAID_THROUGH.plus(-2), PAID_THROUGH.plus(-1), PAID_THROUGH
FULL, DIFFERENCE, FREE = "1", "2", "3"
PAID_FEN = 1200_00  # a month of everybody's: a base of 5000 at 12 % twice


async def with_history(desk: Desk) -> None:
    """March to May paid for one person; a second one has worked since March, too, but was
    registered only from June on."""
    row = person(1) | {"base": "5000.00", "month": str(MARCH), "work_day": "2019-08-15"}
    await set_paid_through(desk, MARCH.plus(-1))
    await desk.do("account_opening", [row])
    await desk.enter_cheque("100000")
    await desk.remit(MAY)
    late = person(2) | {"base": "5000.00", "month": str(MAY.plus(1))}
    await desk.do("account_opening", [late])


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    desk = await open_unit(pool)
    await with_history(desk)
    return desk


def row(account: int, start: Month, end: Month, monthly: str = "500") -> dict[str, str]:
    return {"account": str(account), "monthly": monthly, "start": str(start), "end": str(end)}


async def make_up(desk: Desk, kind: str, *rows: dict[str, str], method: str = "prepayment") -> Any:
    return await desk.do("back_payment", rows, kind=kind, method=method)


async def codes(desk: Desk, kind: str, *rows: dict[str, str]) -> list[str]:
    """Of the refusals; none when it is done."""
    try:
        await make_up(desk, kind, *rows)
    except Exception as refused:  # noqa: BLE001 - Anything but a refusal has no such attribute.
        return [p.code for p in refused.problems]  # type: ignore[attr-defined]
    return []


async def test_months_are_credited_one_by_one_and_nothing_else_moves(desk: Desk) -> None:
    paid, late = await desk.accounts()
    before = await desk.sql("select members_fen, prepayment_fen from unit where unit_id > 0")
    answer = await make_up(desk, FULL, row(late, MARCH, MAY, "1000"))
    assert (answer.state, answer.rows, answer.amount_fen) == ("posted", 1, 3000_00)
    entries = await desk.sql(
        "select month, unit_fen, amount_fen, balance_fen, biz_day from entry where acct_id = %s"
        " order by month",
        late,
    )
    assert entries == [
        (int(m), 500_00, 1000_00, n * 1000_00, DAY) for n, m in enumerate((MARCH, APRIL, MAY), 1)
    ]
    (account,) = await desk.sql(
        "select balance_fen, moment, paid_through from account where acct_id = %s", late
    )
    assert account == (3000_00, 3000_00 * day_number(DAY), None), "not paid through: made up"
    (unit,) = await desk.sql(
        "select members_fen, prepayment_fen, paid_through from unit where unit_id > 0"
    )
    assert unit == (before[0][0] + 3000_00, before[0][1] - 3000_00, int(MAY))
    assert await desk.sql(
        "select kind, method, total_fen from txn where txn_id = %s", answer.serial
    ) == [(FULL, "prepayment", 3000_00)]
    assert await desk.sql(
        "select debit, credit, amount_fen from posting where txn_id = %s", answer.serial
    ) == [("21901", "201", 3000_00)]
    assert paid
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_receipt_says_what_was_made_up_for_whom(desk: Desk) -> None:
    _, late = await desk.accounts()
    answer = await make_up(desk, FULL, row(late, APRIL, MAY, "1000"))
    ((title, amount_fen, content),) = await desk.sql(
        "select title, amount_fen, content from receipt where txn_id = %s", answer.serial
    )
    assert (title, amount_fen) == ("单位补缴回单", 2000_00)
    facts = dict(content["facts"])
    assert facts["补缴类型"] == "正常全额补缴"
    assert facts["缴款方式"] == "预缴户转出"
    assert (facts["实缴金额"], facts["预缴转出金额"]) == ("0.00", "2,000.00")
    shown = dict(zip([c[1] for c in content["columns"]], content["rows"][0], strict=True))
    assert (shown["开始年月"], shown["截止年月"], shown["月数"]) == (str(APRIL), str(MAY), "2")
    assert (shown["单位部分"], shown["个人部分"], shown["合计"]) == (
        "1,000.00", "1,000.00", "2,000.00",
    )  # fmt: skip
    assert shown["补缴原因"] == "漏缴"


async def test_months_lie_between_the_first_of_work_and_the_last_paid(desk: Desk) -> None:
    """B01. What is not paid yet is remitted; nobody makes up for a time before their work."""
    paid, late = await desk.accounts()
    august = Month.of(2019, 8)
    assert await codes(desk, FULL, row(late, MAY, MAY.plus(1))) == ["B01"]
    assert await codes(desk, FULL, row(late, MAY, APRIL)) == ["B01"]
    assert await codes(desk, FREE, row(paid, august.plus(-1), august)) == ["B01"]
    assert await codes(desk, FREE, row(paid, august, august)) == []
    first = Month.of(1999, 4)
    assert await codes(desk, FREE, row(late, first.plus(-1), first)) == ["B01"]
    assert await codes(desk, FREE, row(late, first, first)) == []
    assert await codes(desk, FREE, row(late, MAY.plus(1), MAY.plus(9))) == ["B01"]


async def test_a_whole_month_is_made_up_only_where_there_is_none(desk: Desk) -> None:
    """B02: neither remitted nor made up whole; other amounts do not make it whole."""
    paid, late = await desk.accounts()
    assert await codes(desk, FULL, row(paid, MAY, MAY)) == ["B02"]
    assert await codes(desk, FULL, row(paid, MARCH.plus(-1), MARCH)) == ["B02"]
    assert await codes(desk, FULL, row(paid, MARCH.plus(-1), MARCH.plus(-1))) == []
    assert await codes(desk, FREE, row(late, MAY, MAY)) == []
    assert await codes(desk, FULL, row(late, MAY, MAY)) == []
    assert await codes(desk, FULL, row(late, MAY, MAY)) == ["B02"]


async def test_a_difference_needs_a_month_that_was_remitted(desk: Desk) -> None:
    """B03, and ruling 6: a month made up whole is none."""
    paid, late = await desk.accounts()
    assert await codes(desk, DIFFERENCE, row(late, MAY, MAY)) == ["B03A"]
    await make_up(desk, FULL, row(late, MAY, MAY))
    assert await codes(desk, DIFFERENCE, row(late, MAY, MAY)) == ["B03A"]
    assert await codes(desk, DIFFERENCE, row(paid, MARCH.plus(-1), MARCH)) == ["B03A"]
    assert await codes(desk, DIFFERENCE, row(paid, MARCH, MAY)) == []


async def test_a_difference_reaches_the_upper_limit_and_no_further(desk: Desk) -> None:
    """6176 a month at 25737 and 12 % twice; earlier differences count, amounts at will do not."""
    paid, _ = await desk.accounts()
    await make_up(desk, FREE, row(paid, MAY, MAY, "9999"))
    assert await codes(desk, DIFFERENCE, row(paid, MAY, MAY, "4977")) == ["B03B"]
    assert await codes(desk, DIFFERENCE, row(paid, MAY, MAY, "4900")) == []
    assert await codes(desk, DIFFERENCE, row(paid, MAY, MAY, "77")) == ["B03B"]
    assert await codes(desk, DIFFERENCE, row(paid, MAY, MAY, "76")) == []


async def test_the_upper_limit_and_the_ratios_are_those_of_the_month(desk: Desk) -> None:
    """April: limit 10000, ratios 10 and 7: 1700 a month. What no record tells goes by today's."""
    paid, _ = await desk.accounts()
    async with transaction(desk.pool) as conn:
        for day, value in ((APRIL.first_day, "10000"), (MAY.first_day, "26023")):
            await parameters.set_parameter(conn, "base_upper_fen", value, day, "主任")
    await desk.sql(
        "insert into unit_ratio values (%s, %s, 1000, 700), (%s, %s, 1200, 1200)",
        desk.unit_id, int(APRIL), desk.unit_id, int(MAY),
    )  # fmt: skip
    assert await codes(desk, DIFFERENCE, row(paid, MARCH, MAY, "501")) == ["B03B"]
    answer = await make_up(desk, DIFFERENCE, row(paid, MARCH, MAY, "500"))
    parts = await desk.sql(
        "select month, unit_fen, amount_fen from entry where txn_id = %s order by 1", answer.serial
    )
    assert parts == [
        (int(MARCH), 250_00, 500_00), (int(APRIL), 294_00, 500_00), (int(MAY), 250_00, 500_00),
    ]  # fmt: skip


async def test_the_smallest_amount_follows_the_rounding(desk: Desk) -> None:
    """B04."""
    _, late = await desk.accounts()
    for amount in ("0", "-500", "500.50"):
        assert await codes(desk, FULL, row(late, MAY, MAY, amount)) == ["B04"]
    assert await codes(desk, FULL, row(late, APRIL, APRIL, "1")) == []
    async with transaction(desk.pool) as conn:
        await parameters.set_parameter(conn, "rounding", "EACH_FEN", DAY, "主任")
    assert await codes(desk, FULL, row(late, MAY, MAY, "0.01")) == []


async def test_whose_account_is_open_may_be_made_up(desk: Desk) -> None:
    """B05: sealed and frozen people may; closed accounts and other units' people may not."""
    _, late = await desk.accounts()
    other = await open_unit(desk.pool, "州第二中学", account_no="532302")
    await other.open_people(range(50, 51))
    (elsewhere,) = await other.sql("select acct_id from account where unit_id = %s", other.unit_id)
    assert await codes(desk, FULL, row(elsewhere[0], MAY, MAY)) == ["G03"]  # Ruling 17.
    await desk.do("sealing", [{"account": str(late), "reason": "01"}])
    assert await codes(desk, FULL, row(late, MARCH, MARCH)) == []
    await desk.sql("update account set is_frozen = true where acct_id = %s", late)
    assert await codes(desk, FULL, row(late, APRIL, APRIL)) == []
    await desk.sql("update account set status = '05' where acct_id = %s", late)
    assert await codes(desk, FULL, row(late, MAY, MAY)) == ["G04"]


async def test_one_row_spans_at_most_the_months_of_the_parameter(desk: Desk) -> None:
    """B07."""
    _, late = await desk.accounts()
    assert await codes(desk, FULL, row(late, MAY.plus(-36), MAY)) == ["B07"]
    assert await codes(desk, FULL, row(late, MAY.plus(-35), MAY, "100")) == []
    async with transaction(desk.pool) as conn:
        await parameters.set_parameter(conn, "makeup_max_months", "2", DAY, "主任")
    assert await codes(desk, FREE, row(late, MARCH, MAY)) == ["B07"]
    assert await codes(desk, FREE, row(late, APRIL, MAY)) == []


async def test_prepayment_must_reach_to_the_fen(desk: Desk) -> None:
    """B08: 96400 is what is left."""
    _, late = await desk.accounts()
    assert await codes(desk, FULL, row(late, MAY, MAY, "96401")) == ["B08B"]
    assert await codes(desk, FULL, row(late, MAY, MAY, "96400")) == []
    assert await desk.sql("select prepayment_fen from unit where unit_id > 0") == [(0,)]
    assert await codes(desk, FULL, row(late, APRIL, APRIL, "1")) == ["B08B"]


async def test_unsigned_unit_is_told_the_way_to_sign(pool: Pool) -> None:
    desk = await open_unit(pool, signed=False)
    await with_history(desk)
    _, late = await desk.accounts()
    refused = await desk.refused(make_up(desk, FULL, row(late, MAY, MAY), method="settle"))
    assert refused == [(None, "method", "B08A")]
    assert await codes(desk, FULL, row(late, MAY, MAY)) == []


async def test_one_bad_row_posts_nothing_and_is_named(desk: Desk) -> None:
    paid, late = await desk.accounts()
    rows = [row(late, MARCH, MAY), row(paid, MAY, MAY)]
    refused = await desk.refused(make_up(desk, FULL, *rows))
    assert refused == [(1, "start", "B02")]
    assert await desk.sql("select count(*) from entry where acct_id = %s", late) == [(0,)]


async def test_the_same_month_made_up_twice_at_once_is_made_up_once(desk: Desk) -> None:
    _, late = await desk.accounts()
    found = await asyncio.gather(*(codes(desk, FULL, row(late, MAY, MAY)) for _ in range(6)))
    assert sorted(found) == [[], *[["B02"]] * 5]
    assert await desk.sql("select count(*) from entry where acct_id = %s", late) == [(1,)]


async def test_many_people_and_months_in_one_batch_run_their_balances_on(pool: Pool) -> None:
    desk = await open_unit(pool)
    await set_paid_through(desk, MARCH.plus(-1))
    await desk.open_people(range(40), MARCH)
    await desk.enter_cheque("9000000")
    await desk.remit(MAY)
    people = await desk.accounts()
    rows = [row(a, MARCH, MAY, str(n)) for n, a in enumerate(people, 1)]
    answer = await make_up(desk, FREE, *rows)
    assert answer.amount_fen == 3 * 100 * sum(range(1, 41))
    entries = await desk.sql(
        "select acct_id, amount_fen, balance_fen from entry order by acct_id, txn_id, month"
    )
    by_account: dict[int, int] = {}
    for account, amount_fen, balance_fen in entries:
        by_account[account] = by_account.get(account, 0) + amount_fen
        assert balance_fen == by_account[account]
    await assert_moments_agree(desk)
    await assert_books_agree(pool)


async def test_settled_by_the_bank_is_posted_when_it_is_paid(office: Office) -> None:
    desk = office.desk
    await with_history(desk)
    paid, late = await desk.accounts()
    paying = await make_up(desk, FULL, row(late, APRIL, MAY, "1000"), method="settle")
    assert (paying.state, paying.amount_fen) == ("paying", 2000_00)
    assert await desk.sql("select count(*) from entry where acct_id = %s", late) == [(0,)]
    assert await codes(desk, FREE, row(paid, MAY, MAY)) == ["G02"]
    assert await office.pay(paying.serial) == "posted"
    (debit,) = office.moved(paying.serial)
    assert debit.amount_fen == 2000_00
    assert await desk.sql(
        "select debit, credit, amount_fen from posting where txn_id = %s", paying.serial
    ) == [("101", "201", 2000_00)]
    ((content,),) = await desk.sql("select content from receipt where txn_id = %s", paying.serial)
    assert dict(content["facts"])["银行流水号"] == debit.bank_serial
    await assert_moments_agree(desk)
    await assert_books_agree(desk.pool)


async def test_not_paid_by_the_bank_can_be_submitted_again(office: Office) -> None:
    desk = office.desk
    await with_history(desk)
    _, late = await desk.accounts()
    office.sandbox.add_fault(Fault("insufficient_funds", times=1))
    paying = await make_up(desk, FULL, row(late, MAY, MAY), method="settle")
    assert await office.pay(paying.serial) == "failed"
    assert await desk.sql("select count(*) from entry where acct_id = %s", late) == [(0,)]
    again = await make_up(desk, FULL, row(late, MAY, MAY), method="settle")
    assert await office.pay(again.serial) == "posted"
    await assert_books_agree(desk.pool)
