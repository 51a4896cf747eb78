"""缴存基数变更 and 单位比例变更 on a real database: rosters, remittances, sealing, receipts."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from typing import Any

import pytest
from psycopg import AsyncConnection

from server import queries, units
from server.business.amounts import Rounding, monthly
from server.business.change_queries import BASE_CHANGES, RATIO_CHANGES, RATIO_EFFECT_PERSONS
from server.business.month import Month
from server.business.queries import query_of
from server.db import Connection, Pool, transaction
from server.demo_people import person
from server.receipts import issue
from server.receipts.layout import ReceiptData
from tests.factory import NEXT_MONTH, Desk, assert_books_agree, open_unit

pytestmark = pytest.mark.anyio

ROSTER = """
    select acct_id, from_month, until_month, base_fen, unit_fen + personal_fen from account
    union all
    select acct_id, from_month, until_month, base_fen, unit_fen + personal_fen from segment
    order by 1, 2, 3
"""


def month(number: int) -> Month:
    """The first unpaid month, and those after it."""
    return NEXT_MONTH.plus(number)


async def unit_at(pool: Pool, percent: int, bases: tuple[str, ...] = ("5000", "6210")) -> Desk:
    """A unit at these ratios and its people, with money for years."""
    desk = await open_unit(pool)
    at = percent * 100
    await desk.sql("update unit set unit_ratio = %s, personal_ratio = %s", at, at)
    await desk.sql("update unit_ratio set unit_ratio = %s, personal_ratio = %s", at, at)
    rows = [person(n) | {"base": base, "month": str(NEXT_MONTH)} for n, base in enumerate(bases)]
    await desk.do("account_opening", rows)
    await desk.enter_cheque("1000000")
    await desk.sql(
        "insert into parameter (key, from_day, value, set_by)"
        " values ('remit_ahead_months', '2020-01-01', '12', '州中心')"
    )
    return desk


async def due(desk: Desk, count: int) -> list[int]:
    """What each of the next months comes to, in yuan."""
    async with transaction(desk.pool) as conn:
        found = await units.due(conn, desk.unit_id, month(0), month(count - 1))
    return [it.amount_fen // 100 for it in found.values()]


async def change_base(desk: Desk, account: int, base: str, start: Month) -> None:
    await desk.do("base_change", [{"account": str(account), "base": base, "month": str(start)}])


async def change_ratio(desk: Desk, percent: int, start: Month) -> Any:
    return await desk.do("ratio_change", unit_ratio=f"{percent}%", reason="02", month=str(start))


async def seal(desk: Desk, account: int, start: Month) -> None:
    await desk.do("sealing", [{"account": str(account), "reason": "01", "month": str(start)}])


async def test_rounding_in_the_database_is_that_of_the_descriptions(conn: Connection) -> None:
    dice = random.Random(4)
    bases = [0, 1, 4_99, 5_00, 8765_43, 1770_00, 26023_00, 10010_00]
    bases += [dice.randrange(30_000_00) for _ in range(300)]
    ratios = [(1200, 1200), (500, 500), (1000, 700), (1050, 800), (555, 1199)]
    for (by_unit, personal), rounding in itertools.product(ratios, Rounding):
        rows = await conn.execute(
            "select base, unit_fen, personal_fen from unnest(%s::bigint[]) base"
            " cross join lateral monthly_parts(base, %s, %s, %s)",
            (bases, by_unit, personal, rounding.value),
        )
        for base, unit_fen, personal_fen in await rows.fetchall():
            assert (unit_fen, personal_fen) == monthly(base, by_unit, personal, rounding)


async def test_remittance_over_a_base_change_pays_old_amounts_before_and_new_after(
    pool: Pool,
) -> None:
    desk = await unit_at(pool, 12)
    first, second = await desk.accounts()
    await change_base(desk, first, "10000", month(2))
    assert await due(desk, 4) == [2690, 2690, 3890, 3890]
    await desk.remit(month(3))
    entries = await desk.sql(
        "select month, amount_fen from entry where acct_id = %s order by 1", first
    )
    assert entries == [
        (int(month(n)), yuan * 100) for n, yuan in enumerate((1200, 1200, 2400, 2400))
    ]
    untouched = await desk.sql("select distinct amount_fen from entry where acct_id = %s", second)
    assert untouched == [(1490_00,)]
    await assert_books_agree(pool)


async def test_base_changes_once_a_year_and_unsealing_does_not_count(pool: Pool) -> None:
    desk = await unit_at(pool, 12)
    first, second = await desk.accounts()
    await seal(desk, first, month(0))
    await desk.do("unsealing", [{"account": str(first), "base": "7000", "month": str(month(1))}])
    await change_base(desk, first, "8000", month(1))
    again = desk.do("base_change", [{"account": str(first), "base": "9000"}])
    assert await desk.refused(again) == [(0, "month", "J04")]
    both = [{"account": str(first), "base": "9000"}, {"account": str(second), "base": "9000"}]
    assert await desk.refused(desk.do("base_change", both)) == [(0, "month", "J04")]
    await change_base(desk, second, "9000", month(0))
    later = [{"account": str(first), "base": "9000", "month": str(Month.of(2027, 1))}]
    assert (await desk.do("base_change", later)).rows == 1


async def test_changes_wait_for_a_payment_under_way(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    (first, _) = await desk.accounts()
    assert (await desk.remit(month(0), "settle")).state == "paying"
    base = desk.do("base_change", [{"account": str(first), "base": "9000"}])
    assert await desk.refused(base) == [(None, "", "G02")]
    assert await desk.refused(change_ratio(desk, 11, month(1))) == [(None, "", "G02")]


async def test_sealing_before_a_change_to_come_cuts_the_roster_there(pool: Pool) -> None:
    desk = await unit_at(pool, 12)
    first, second = await desk.accounts()
    await change_base(desk, first, "10000", month(2))
    await seal(desk, first, month(1))
    assert await due(desk, 4) == [2690, 1490, 1490, 1490]
    assert await desk.sql("select * from segment") == []
    assert (await desk.sql(ROSTER))[0] == (
        first, int(month(0)), int(month(1)), 5000_00, 1200_00,
    )  # fmt: skip
    # Back again: the base from before the change that never took effect, unless typed.
    await desk.do("unsealing", [{"account": str(first), "month": str(month(2))}])
    assert await due(desk, 4) == [2690, 1490, 2690, 2690]
    await seal(desk, second, month(0))
    assert await due(desk, 4) == [1200, 0, 1200, 1200]


async def test_sealing_at_a_change_to_come_keeps_the_months_before(pool: Pool) -> None:
    desk = await unit_at(pool, 12)
    (first, _) = await desk.accounts()
    await change_base(desk, first, "10000", month(2))
    await seal(desk, first, month(2))
    assert await due(desk, 4) == [2690, 2690, 1490, 1490]


async def test_sealing_before_the_person_started_again_is_refused_still(pool: Pool) -> None:
    desk = await unit_at(pool, 12)
    (first, _) = await desk.accounts()
    await seal(desk, first, month(0))
    await desk.do("unsealing", [{"account": str(first), "month": str(month(2))}])
    await change_base(desk, first, "10000", month(3))
    early = {"account": str(first), "reason": "01", "month": str(month(1))}
    assert await desk.refused(desk.do("sealing", [early])) == [(0, "month", "F04")]
    await seal(desk, first, month(2))
    assert await due(desk, 4) == [1490] * 4


async def test_ratio_change_recomputes_everybody_from_its_month_on(pool: Pool) -> None:
    desk = await unit_at(pool, 10, ("5000", "6210", "8765.43", "7000"))
    *_, sealed = await desk.accounts()
    await desk.remit(month(0))
    await seal(desk, sealed, month(1))
    before = await desk.sql("select acct_id, month, amount_fen from entry order by 1")
    answer = await change_ratio(desk, 12, month(3))
    assert (answer.state, answer.receipt_no) == ("posted", "2026-000005")
    async with transaction(pool) as conn:
        found = await units.due(conn, desk.unit_id, month(1), month(4))
    old, new = (1000 + 1242 + 1754) * 100, (1200 + 1490 + 2104) * 100
    assert [it.amount_fen for it in found.values()] == [old, old, new, new]
    assert await desk.sql("select acct_id, month, amount_fen from entry order by 1") == before
    # Ruling 5: who is sealed keeps the old amounts, and starts again at the new ratios.
    row = {"account": str(sealed), "month": str(month(3))}
    await desk.do("unsealing", [row])
    amounts = await desk.sql(
        "select unit_fen, personal_fen from account where acct_id = %s", sealed
    )
    assert amounts == [(840_00, 840_00)]
    await desk.remit(month(4))
    await assert_books_agree(pool)


async def test_who_starts_before_ratios_to_come_changes_with_everybody(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    first, _ = await desk.accounts()
    await seal(desk, first, month(0))
    await change_ratio(desk, 12, month(2))
    await desk.do("unsealing", [{"account": str(first), "month": str(month(1))}])
    await desk.do("account_opening", [person(9) | {"base": "5000", "month": str(month(0))}])
    assert await due(desk, 4) == [1242 + 1000, 1242 + 2000, 1490 + 2400, 1490 + 2400]
    # A base may only change with them or after them.
    row = {"account": str(first), "base": "9000", "month": str(month(1))}
    assert await desk.refused(desk.do("base_change", [row])) == [(0, "month", "J05")]


async def test_ratio_change_reaches_into_what_was_decided_for_later(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    first, second = await desk.accounts()
    await change_base(desk, first, "10000", month(3))
    await seal(desk, second, month(3))
    await desk.do("unsealing", [{"account": str(second), "month": str(month(4))}])
    await change_ratio(desk, 12, month(1))
    assert await due(desk, 5) == [2242, 1200 + 1490, 1200 + 1490, 2400, 2400 + 1490]
    await desk.remit(month(4))
    await assert_books_agree(pool)


async def test_ratio_change_twice_in_a_year_is_refused(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    await change_ratio(desk, 11, month(0))
    assert await desk.refused(change_ratio(desk, 12, month(1))) == [(None, "month", "J14")]
    assert (await change_ratio(desk, 12, Month.of(2027, 1))).state == "posted"
    steps = await desk.sql("select from_month, unit_ratio, unit_before from unit_ratio order by 1")
    assert steps == [(int(month(0)), 1100, 1000), (int(Month.of(2027, 1)), 1200, 1100)]


async def test_preview_says_what_submitting_then_does(pool: Pool) -> None:
    desk = await unit_at(pool, 10, ("5000", "6210", "25737"))
    await desk.sql(
        "insert into parameter (key, from_day, value, set_by) values"
        " ('base_lower_fen', '2020-01-01', '5500', '州中心')"
    )
    asked = {"unit_ratio": 1200, "personal_ratio": 1200}
    async with transaction(pool) as conn:
        effect = await queries.run(
            conn, query_of("ratio_effect"), desk.unit_id, asked | {"month": month(1)}
        )
        people = await queries.run(
            conn, RATIO_EFFECT_PERSONS, desk.unit_id, asked | {"parent": month(1)}
        )
        outside = await queries.run(
            conn, RATIO_EFFECT_PERSONS, desk.unit_id,
            asked | {"parent": month(1), "outside": "1"},
        )  # fmt: skip
    (row,) = effect.rows
    assert (row["persons"], row["outside"], row["outside_fen"]) == (3, 1, 1200_00)
    assert [it["base_fen"] for it in outside.rows] == [5000_00]
    await change_ratio(desk, 12, month(1))
    done = await desk.sql("select acct_id, unit_fen, personal_fen from account order by 1")
    shown = [(it["account"], it["unit_fen"], it["personal_fen"]) for it in people.rows]
    assert shown == done
    assert row["after_fen"] == people.totals["after_fen"] == sum(a + b for _, a, b in done)
    assert row["before_fen"] + row["changed_fen"] == row["after_fen"]


async def lines_of(desk: Desk, receipt_no: str) -> ReceiptData:
    """What is printed, as the renderer is given it."""
    printed: list[ReceiptData] = []

    async def render(receipt: ReceiptData) -> bytes:
        printed.append(receipt)
        return b"%PDF"

    async with transaction(desk.pool) as conn:
        year, number = issue.parse_number(receipt_no)
        await issue.stored_pdf(conn, issue.Press(render, "", render), desk.unit_id, year, number)
    return printed[0]


async def test_receipts_show_everyone_before_and_after(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    first, second = await desk.accounts()
    changed = await desk.do("base_change", [{"account": str(first), "monthly_fen": "2000"}])
    receipt = await lines_of(desk, changed.receipt_no or "")
    named = dict(zip([c.label for c in receipt.columns], receipt.rows[0], strict=True))
    assert (receipt.title, named["变更前基数"], named["缴存基数"]) == (
        "基数变更回单", "5,000.00", "10,000.00",
    )  # fmt: skip
    assert (named["变更前月缴存额"], named["月缴存额"]) == ("1,000.00", "2,000.00")
    answer = await change_ratio(desk, 11, month(0))
    receipt = await lines_of(desk, answer.receipt_no or "")
    facts = dict(receipt.facts)
    assert (facts["单位比例"], facts["个人比例"]) == ("10% → 11%", "10% → 11%")
    assert (facts["变更前月缴存额合计"], facts["变更后月缴存额合计"]) == ("3,242.00", "3,566.00")
    assert [(row[0], *row[2:4], row[-1]) for row in receipt.rows] == [
        (str(first), "10,000.00", "2,000.00", "2,200.00"),
        (str(second), "6,210.00", "1,242.00", "1,366.00"),
    ]
    counted = await desk.sql("select row_count from receipt order by number desc limit 1")
    assert counted == [(2,)]


async def test_changes_are_found_by_day_and_person(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    first, second = await desk.accounts()
    await change_base(desk, first, "10000", month(0))
    await change_base(desk, second, "9000", month(1))
    await change_ratio(desk, 11, month(2))
    async with transaction(pool) as conn:
        both = await queries.run(conn, BASE_CHANGES, desk.unit_id, {})
        one = await queries.run(conn, BASE_CHANGES, desk.unit_id, {"account": second})
        ratios = await queries.run(conn, RATIO_CHANGES, desk.unit_id, {})
        none = await queries.run(
            conn, RATIO_CHANGES, desk.unit_id,
            queries.parse_filters(RATIO_CHANGES, {"to_day": "2026-07-19"}),
        )  # fmt: skip
    assert [row["account"] for row in both.rows] == [second, first]
    (row,) = one.rows
    assert (row["base_before_fen"], row["base_fen"]) == (6210_00, 9000_00)
    assert (row["monthly_before"], row["monthly_fen"]) == (1242_00, 1800_00)
    (row,) = ratios.rows
    assert (row["unit_before"], row["unit_ratio"], row["reason"]) == (1000, 1100, "02")
    assert (row["month"], row["receipt_no"]) == (int(month(2)), "2026-000005")
    assert none.rows == []


async def test_units_change_side_by_side_without_touching_each_other(pool: Pool) -> None:
    one, other = await unit_at(pool, 10), await open_unit(pool, "州第二中学", account_no="532302")
    await other.open_people(range(20, 22))
    before = await other.sql(
        "select * from account where unit_id = %s order by acct_id", other.unit_id
    )
    await change_ratio(one, 12, month(0))
    assert before == await other.sql(
        "select * from account where unit_id = %s order by acct_id", other.unit_id
    )


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement went to the database."""
    seen: Counter[str] = Counter()
    plain = AsyncConnection.execute

    async def counted(self: Any, query: Any, *more: Any, **given: Any) -> Any:
        if "code_key" not in str(query):  # Once a connection, and the pool has several.
            seen[str(query)] += 1
        return await plain(self, query, *more, **given)

    monkeypatch.setattr(AsyncConnection, "execute", counted)
    return seen


async def open_many(desk: Desk, count: int) -> None:
    """People as an office of that size has them, without typing them in."""
    await desk.sql(
        """
        insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month,
                             base_fen, unit_fen, personal_fen, opened_day)
        select %s, 600000000000 + n, '职工', '', '', '01', %s, b, p.unit_fen, p.personal_fen,
               '2026-07-20'
        from generate_series(1, %s) n cross join lateral (select 300000 + n * 7 as b) base
        cross join lateral monthly_parts(b, 1000, 1000, 'EACH_YUAN') p
        """,
        desk.unit_id, int(NEXT_MONTH), count,
    )  # fmt: skip


@pytest.mark.slow
async def test_ratio_change_of_ten_thousand_takes_as_few_statements_as_of_two(
    pool: Pool, statements: Counter[str]
) -> None:
    small = await unit_at(pool, 10)
    statements.clear()
    await change_ratio(small, 12, month(1))
    few = statements.total()
    large = await open_unit(pool, "州第二中学", account_no="532302")
    await large.sql(
        "update unit set unit_ratio = 1000, personal_ratio = 1000 where unit_id = %s",
        large.unit_id,
    )
    await open_many(large, 10_000)
    statements.clear()
    await change_ratio(large, 12, month(1))
    assert statements.total() == few
    (changed,) = await large.sql(
        "select count(*), sum(a.unit_fen + a.personal_fen), sum(s.unit_fen + s.personal_fen)"
        " from account a join segment s using (unit_id, acct_id) where unit_id = %s",
        large.unit_id,
    )
    bases = [300_000 + n * 7 for n in range(1, 10_001)]
    new, old = (
        sum(monthly(base, ratio, ratio, Rounding.EACH_YUAN).total_fen for base in bases)
        for ratio in (1200, 1000)
    )
    assert changed == (10_000, new, old)


async def test_unit_facts_hold_every_ratio_that_ever_was(pool: Pool) -> None:
    desk = await unit_at(pool, 10)
    await change_ratio(desk, 12, month(2))
    async with transaction(pool) as conn:
        unit = await units.facts(conn, desk.unit_id)
    assert [dataclasses.astuple(it) for it in unit.ratios] == [
        (month(0), 1000, 1000, False), (month(2), 1200, 1200, True),
    ]  # fmt: skip
    assert [unit.ratio(month(n)) for n in (-1, 0, 1, 2, 9)] == [
        (1200, 1200), (1000, 1000), (1000, 1000), (1200, 1200), (1200, 1200),
    ]  # fmt: skip
