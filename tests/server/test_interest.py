"""Settlement of a year: the handbook's vectors, kills, repetitions, accruals, receipts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from server import interest, queries
from server.business.interest import Flow, InterestMethod, Rates, Terms
from server.business.interest_queries import INTEREST_STATEMENTS, INTEREST_YEAR
from server.business.month import Month
from server.business.refusals import Refused
from server.db import Pool, transaction
from server.receipts.issue import Press, stored_pdf
from server.receipts.layout import ReceiptData
from tests.server.interest_years import ONE_DAY, Centre, Day, carry_over, day

pytestmark = pytest.mark.anyio


@pytest.fixture
async def centre(pool: Pool) -> Centre:
    return Centre(pool, day("2025-06-30"))


@pytest.mark.parametrize(
    ("method", "included", "interest_fen", "closing_fen"),
    [
        ("DAILY_360", "是", 403_47, 31803_47),
        ("DAILY_365", "是", 397_94, 31797_94),
        ("DAILY_360", "否", 402_16, 31802_16),
        ("MONTHLY", "是", 387_75, 31787_75),
        ("MONTHLY", "否", 387_75, 31787_75),
    ],
)
@pytest.mark.parametrize("settles_on", ["2026-07-01", "2026-07-20"])
async def test_vector_a(
    centre: Centre,
    method: str,
    included: str,
    interest_fen: int,
    closing_fen: int,
    settles_on: str,
) -> None:
    await carry_over(centre, 20000_00)
    await centre.set("interest.method", method)
    await centre.set("interest.include_settlement_day", included)
    for n in range(12):
        month = Month.of(2025, 7).plus(n)
        await centre.move(Day(month.year, month.number, 10), 1200_00)
        if month == Month.of(2026, 3):
            await centre.move(day("2026-03-15"), -3000_00)
    for late in range((day(settles_on) - day("2026-07-01")).days):
        await centre.move(day("2026-07-01") + late * ONE_DAY, 1000_00)
    await centre.go_to(day(settles_on))
    shown = await interest.preview_year(centre.pool, 2026)
    assert [u.interest_fen for u in shown] == [interest_fen]
    run = await interest.settle_year(centre.pool, 2026, "王主任")
    assert (run.units, run.accounts, run.interest_fen) == (1, 1, interest_fen)
    opening, put_in, out, credited, _, closing = await centre.statement(2026)
    assert (opening, put_in, out) == (20000_00, 14400_00, 3000_00)
    assert (credited, closing) == (interest_fen, closing_fen)
    assert await centre.disagreements() == []


async def test_vector_a_shows_its_two_parts(centre: Centre) -> None:
    """What was withdrawn came out of what was carried over (R-JX-06)."""
    flows = [Flow(Day(2025 + (n > 5), (n + 6) % 12 + 1, 10), 1200_00) for n in range(12)]
    flows.append(Flow(day("2026-03-15"), -3000_00, -3000_00))
    terms = Terms(
        day("2025-07-01"), day("2026-07-01"), InterestMethod.DAILY_360, [Rates(Day.min, 1500, 1500)]
    )
    assert terms.interest(20000_00, flows) == (403_47, 290_67)
    assert terms.interest(20000_00, flows).current_fen == 112_80


async def test_vector_b_by_segments(pool: Pool) -> None:
    centre = Centre(pool, day("2015-06-30"))
    await carry_over(centre, 10000_00)
    await centre.set("interest.include_settlement_day", "是")
    await centre.set("interest.segmented", "是")
    await centre.go_to(day("2016-07-01"))
    run = await interest.settle_year(pool, 2016, "王主任")
    assert run.interest_fen == 138_26
    assert await centre.statement(2016) == (10000_00, 0, 0, 138_26, 138_26, 10138_26)


async def test_vector_c_when_an_account_is_closed(pool: Pool) -> None:
    centre = Centre(pool, day("2026-07-20"))
    await centre.open()
    async with transaction(pool) as conn:
        terms = (await interest.rules(conn, day("2026-09-01"))).of_closing(day("2026-09-01"))
    flows = [Flow(day("2026-07-10"), 500_00), Flow(day("2026-08-10"), 500_00)]
    assert terms.interest(12000_00, flows).total_fen == 32_56


async def test_settlement_is_posted_with_receipt_and_carried_over(centre: Centre) -> None:
    await centre.open([3, 1, 2])
    await centre.remit(day("2025-07-10"))
    await centre.remit(day("2026-05-10"))
    await centre.go_to(day("2026-07-01"))
    async with transaction(centre.pool) as conn:
        with pytest.raises(Refused) as fault:
            await interest.accrue(conn, Month.of(2026, 6))
    assert fault.value.reason.code == "M08"  # June 2025 is a year of the centre's, too.
    for year in (2025, 2026):
        run = await interest.settle_year(centre.pool, year, "王主任")
    # 1200 for 356 days and 1200 for 52: 20.40 each.
    assert run == interest.Run(2026, True, 6 * 20_40, 1, 1, 3, 6, 6 * 20_40)
    accounts = await centre.sql(
        "select distinct balance_fen, opening_fen, prior_fen, moment - prior_moment from account"
    )
    assert accounts == [(2420_40, 2420_40, 2420_40, 0)]
    postings = await centre.sql(
        "select unit_id, debit, credit, amount_fen from posting join txn using (unit_id, txn_id)"
        " where business in ('settlement', 'accrual') order by 1"
    )
    assert postings == [
        (0, "41101", "211", 6 * 20_40),
        *[(u, "211", "201", n * 20_40) for u, n in zip(centre.unit_ids, (3, 1, 2), strict=True)],
    ]
    assert await centre.disagreements() == []


async def test_second_run_gives_the_first_result_and_posts_nothing(centre: Centre) -> None:
    await centre.open([2])
    await interest_of_2025_is_nothing(centre)
    await centre.remit(day("2025-08-10"))
    await centre.go_to(day("2026-07-01"))
    first = await interest.settle_year(centre.pool, 2026, "王主任")
    before = await centre.sql("select count(*) from txn")
    await centre.remit(day("2026-07-10"))
    await centre.sql("select 1")
    assert await interest.settle_year(centre.pool, 2026, "李主任") == first
    assert first.interest_fen > 0
    (after,) = await centre.sql("select count(*) from txn where business <> 'remittance'")
    assert after[0] == before[0][0] - 1
    assert await centre.disagreements() == []


async def interest_of_2025_is_nothing(centre: Centre) -> None:
    """The centre opens on the settlement day; so there is a year that must be settled first."""
    await centre.go_to(day("2025-07-01"))
    run = await interest.settle_year(centre.pool, 2025, "王主任")
    assert run.interest_fen == 0


async def test_years_are_settled_in_order_and_not_before_they_end(centre: Centre) -> None:
    await centre.open()
    for year, code in ((2025, "M07"), (2026, "M07")):
        with pytest.raises(Refused) as fault:
            await interest.settle_year(centre.pool, year, "王主任")
        assert fault.value.reason.code == code
    await centre.go_to(day("2026-07-01"))
    with pytest.raises(Refused) as fault:
        await interest.settle_year(centre.pool, 2026, "王主任")
    assert fault.value.reason.code == "M08"


async def test_interrupted_run_goes_on_where_it_stopped(centre: Centre) -> None:
    """Ranges that are done stay done; the one that was cut short leaves nothing behind."""
    await many_units(centre)

    def stop(run: interest.Run) -> None:
        raise InterruptedError

    for _ in range(3):
        with pytest.raises(InterruptedError):
            await interest.settle_year(centre.pool, 2026, "王主任", stop, chunk_accounts=1)
    (done,) = await centre.sql("select count(*) from txn where idem = 'settlement-2026'")
    assert 3 <= done[0] <= 6
    run = await interest.settle_year(centre.pool, 2026, "王主任", chunk_accounts=5)
    await is_settled_once(centre, run)


async def many_units(centre: Centre) -> None:
    await centre.open([1 + n % 4 for n in range(12)])
    await interest_of_2025_is_nothing(centre)
    await centre.remit(day("2025-07-10"))
    await centre.go_to(day("2026-07-01"))


async def is_settled_once(centre: Centre, run: interest.Run) -> None:
    people = sum(1 + n % 4 for n in range(12))
    assert (run.is_done, run.units, run.accounts) == (True, 12, people)
    assert run.interest_fen == run.shortfall_fen == people * 17_80  # 1200 for 356 days
    total = await centre.sql("select sum(balance_fen)::bigint from account")
    assert total == [(people * (1200_00 + 17_80),)]
    assert await centre.disagreements() == []


async def test_runs_at_the_same_time_settle_once(centre: Centre) -> None:
    await many_units(centre)
    runs = await asyncio.gather(
        *(interest.settle_year(centre.pool, 2026, f"主任{n}", chunk_accounts=3) for n in range(3))
    )
    assert len(set(runs)) == 1
    await is_settled_once(centre, runs[0])


KILLED = """
import asyncio, sys, time
from server import interest
from server.db import open_pool

async def main():
    async with open_pool(sys.argv[1], 2) as pool:
        def show(run):
            print(run.ranges_done, flush=True)
            time.sleep(0.02)
        await interest.settle_year(pool, 2026, "王主任", show, chunk_accounts=1)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_killed_process_leaves_a_run_that_another_finishes(
    centre: Centre, database: str
) -> None:
    await many_units(centre)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, database], stdout=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert 4 <= max(seen) < 12
    run = await interest.settle_year(centre.pool, 2026, "李主任")
    await is_settled_once(centre, run)


async def test_accrual_by_month_leaves_the_settlement_nothing_but_what_was_not_accrued(
    centre: Centre,
) -> None:
    await centre.open([2])
    await interest_of_2025_is_nothing(centre)
    await centre.remit(day("2025-07-10"))
    accrued = []
    for n in range(11):
        following = Month.of(2025, 8).plus(n).first_day
        await centre.go_to(following + n * ONE_DAY)
        if n == 2:
            await centre.remit(centre.today)  # Not of the month that is accrued now.
        async with transaction(centre.pool) as conn:
            accrued.append(await interest.accrue(conn, Month.of(2025, 7).plus(n)))
            assert await interest.accrue(conn, Month.of(2025, 7).plus(n)) == accrued[-1]
    # 2400 for 22 days in July, 31 in August, 30 in September …
    assert accrued[:3] == [2_20, 3_10, 3_00]
    await centre.go_to(day("2026-07-01"))
    shown = await interest.preview_year(centre.pool, 2026)
    run = await interest.settle_year(centre.pool, 2026, "王主任")
    assert sum(u.interest_fen for u in shown) == run.interest_fen
    assert run.shortfall_fen == run.interest_fen - sum(accrued)
    payable = await centre.sql("select sum(dr_fen - cr_fen) from voucher_line where gl = '211'")
    assert payable == [(0,)]
    assert await centre.disagreements() == []


async def test_statement_query_shows_what_201_got_and_the_years_entries(centre: Centre) -> None:
    await centre.open([3])
    await interest_of_2025_is_nothing(centre)
    await centre.remit(day("2025-07-10"))
    await centre.move(day("2026-01-10"), -200_00)
    await centre.go_to(day("2026-07-05"))
    await centre.remit(day("2026-07-05"))
    run = await interest.settle_year(centre.pool, 2026, "王主任")
    async with transaction(centre.pool) as conn:
        page = await queries.run(conn, INTEREST_STATEMENTS, centre.unit_ids[0], {"year": "2026"})
        first = page.rows[0]
        year = await queries.run(conn, INTEREST_YEAR, centre.unit_ids[0], {"parent": first["line"]})
    assert page.count == 3
    assert page.totals["interest_fen"] == run.interest_fen
    assert (first["in_fen"], first["out_fen"]) == (1200_00, 200_00)
    assert (first["prior_rate"], first["current_rate"]) == (1500, 1500)
    assert [row["kind"] for row in year.rows] == ["remittance", "correction", "settlement"]
    assert year.totals["amount"] == first["closing_fen"] == 1000_00 + first["interest_fen"]


@pytest.mark.slow
async def test_command_previews_settles_and_settles_no_more(centre: Centre, database: str) -> None:
    await many_units(centre)

    def command(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "server", *words],
            env=os.environ | {"HPF_DATABASE_URL": database},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout))

    shown = command("settle-interest", "2026", "--preview")
    first = command("settle-interest", "2026")
    assert command("settle-interest", "2026") == first
    assert shown["interest_fen"] == first["interest_fen"] > 0
    assert [unit["unit_id"] for unit in shown["units"]] == centre.unit_ids
    run = await interest.settle_year(centre.pool, 2026, "王主任")
    await is_settled_once(centre, run)


async def test_receipt_lists_everybody_with_their_interest(centre: Centre) -> None:
    await many_units(centre)
    await interest.settle_year(centre.pool, 2026, "王主任")
    printed: list[ReceiptData] = []

    async def render(receipt: ReceiptData) -> bytes:
        printed.append(receipt)
        return b"%PDF"

    ((number,),) = await centre.sql(
        "select number from receipt where unit_id = %s and year = 2026 and business = 'settlement'",
        centre.unit_ids[3],
    )
    async with transaction(centre.pool) as conn:
        press = Press(render, "https://hpf.example", render)
        await stored_pdf(conn, press, centre.unit_ids[3], 2026, number)
    assert printed[0].title == "单位结息回单"
    assert printed[0].amount_fen == 4 * 17_80
    assert [(name, fen) for _, name, fen in printed[0].rows] == [
        (f"职工{n}", "17.80") for n in range(1, 5)
    ]
    assert ("上年结转年利率", "1.50%") in printed[0].facts


async def test_no_index_stands_on_what_a_settlement_changes(centre: Centre) -> None:
    """So that every update of an account stays on its page (HOT)."""
    indexed = await centre.sql(
        """
        select distinct a.attname from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = 'account'::regclass
        """
    )
    assert {name for (name,) in indexed} == {"unit_id", "acct_id"}
