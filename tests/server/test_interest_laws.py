"""Interest for any movements, methods, rates and delays, against plain reckoning day by day."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import interest
from server.business.interest import InterestMethod, rounded
from server.business.month import Month
from server.db import Connection, Pool, open_pool, transaction
from tests.server.interest_years import ONE_DAY, Centre, Day, day


@dataclass(frozen=True)
class Plain:
    """A year's interest the long way: every day's balance, in fractions, at that day's rate."""

    method: str
    is_included: bool
    is_segmented: bool

    RATES = (  # on what was carried over, on what came in since
        (day("2011-07-07"), 3100, 500), (day("2015-06-28"), 1600, 350),
        (day("2015-08-26"), 1350, 350), (day("2015-10-24"), 1100, 350),
        (day("2016-02-21"), 1500, 1500),
    )  # fmt: skip

    def rates(self, today: Day, year: int) -> tuple[int, int]:
        if not self.is_segmented:
            today = Day(year, 6, 30)
        return next(rates for since, *rates in reversed(self.RATES) if since <= today)  # type: ignore[misc,return-value]

    def parts(self, year: int, opening_fen: int, moves: list[tuple[Day, int]]) -> tuple[int, int]:
        """What the two parts of the balance earn, times 100,000 x 360, 365 or 12."""
        is_monthly = self.method == "MONTHLY"
        earned = [0, 0]
        balance = [opening_fen, 0]
        today, last = Day(year - 1, 7, 1), Day(year, 6, 30)
        waiting: list[int] = []
        while today <= last:
            if is_monthly and today.day == 1:
                self.take_in(balance, waiting)
                waiting = []
            arrived = [fen for when, fen in moves if when == today]
            if is_monthly:
                waiting += arrived
            else:
                self.take_in(balance, arrived)
            bears = today.day == 1 if is_monthly else (today < last or self.is_included)
            if bears:
                prior, current = self.rates(today, year)
                earned = [earned[0] + balance[0] * prior, earned[1] + balance[1] * current]
            today += ONE_DAY
        return earned[0], earned[1]

    def take_in(self, balance: list[int], moves: list[int]) -> None:
        """What is taken comes out of the current year's part first."""
        for fen in moves:
            balance[1] += fen
            if fen < 0 and balance[1] < 0:
                balance[0] += balance[1]
                balance[1] = 0

    def interest(self, year: int, opening_fen: int, moves: list[tuple[Day, int]]) -> int:
        period = {"DAILY_360": 360, "DAILY_365": 365, "MONTHLY": 12}[self.method]
        exact = Fraction(sum(self.parts(year, opening_fen, moves)), 100_000 * period)
        return int(exact + Fraction(1, 2))


MOVES = st.lists(
    st.tuples(
        st.integers(0, 760).map(lambda n: day("2015-07-01") + n * ONE_DAY),
        st.integers(1, 500_000_00) | st.integers(-300_000_00, -1),
    ),
    max_size=9,
).map(lambda moves: sorted(moves, key=lambda move: move[0]))
CENTRES_UNIT = """
    insert into unit (unit_id, name, uscc, county, status, opened_day, unit_ratio, personal_ratio,
                      paid_through) values (0, '中心', '', '', '01', '2000-01-01', 0, 0, 0)
"""


async def empty(conn: Connection) -> None:
    """As a database is after its migrations."""
    await conn.execute("set role none")
    tables = await conn.execute(
        "select string_agg(tablename, ', ') from pg_tables"
        " where schemaname = 'public' and tablename <> 'alembic_version'"
    )
    await conn.execute(f"truncate {(await tables.fetchone() or ('',))[0]}")
    await conn.execute(CENTRES_UNIT)


async def live(
    pool: Pool, plain: Plain, moves: list[tuple[Day, int]], late: tuple[int, int]
) -> tuple[list[tuple[Day, int]], list[tuple[int, ...]]]:
    """Two years at the server: the movements that were possible, and the two statements."""
    async with transaction(pool) as conn:
        await empty(conn)
    centre = Centre(pool, day("2015-06-30"))
    await centre.open()
    await centre.set("interest.method", plain.method)
    await centre.set("interest.include_settlement_day", "是" if plain.is_included else "否")
    await centre.set("interest.segmented", "是" if plain.is_segmented else "否")
    settles = [day("2015-07-01")]
    settles += [Day(2016 + n, 7, 1) + days * ONE_DAY for n, days in enumerate(late)]
    done: list[tuple[Day, int]] = []
    for today, fen in [*moves, (day("2018-01-01"), 0)]:
        while settles and settles[0] <= today:
            await centre.go_to(settles.pop(0))
            shown = sum(
                u.interest_fen for u in await interest.preview_year(pool, centre.today.year)
            )
            run = await interest.settle_year(pool, centre.today.year, "王主任")
            assert run.interest_fen == shown
        (balance,) = await centre.sql("select balance_fen from account")
        corrected = {Month.of_day(when) for when, taken in done if taken < 0}
        is_once = fen > 0 or Month.of_day(today) not in corrected
        if fen and balance[0] + fen >= 0 and is_once:
            await centre.move(today, fen)
            done.append((today, fen))
    assert await centre.disagreements() == []
    return done, [await centre.statement(2016), await centre.statement(2017)]


@pytest.mark.slow
def test_interest_is_what_plain_reckoning_day_by_day_says(database: str) -> None:
    """Any movements, any method, any rates, and settled on time or late."""
    with asyncio.Runner() as runner:
        pool = open_pool(database, 2)
        runner.run(pool.open())

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.builds(Plain, st.sampled_from(list(InterestMethod)), st.booleans(), st.booleans()),
            MOVES,
            st.tuples(st.integers(0, 30), st.integers(0, 30)),
        )
        def holds(plain: Plain, moves: list[tuple[Day, int]], late: tuple[int, int]) -> None:
            done, statements = runner.run(live(pool, plain, moves, late))
            opening_fen = 0
            for year, shown in zip((2016, 2017), statements, strict=True):
                of_year = [m for m in done if Day(year - 1, 7, 1) <= m[0] <= Day(year, 6, 30)]
                fen = plain.interest(year, opening_fen, of_year)
                out_fen = -sum(f for _, f in of_year if f < 0)
                in_fen = sum(f for _, f in of_year if f > 0)
                closing_fen = opening_fen + in_fen - out_fen + fen
                assert (*shown[:4], shown[5]) == (opening_fen, in_fen, out_fen, fen, closing_fen)
                prior = Fraction(plain.parts(year, opening_fen, of_year)[0], 100_000)
                period = {"DAILY_360": 360, "DAILY_365": 365, "MONTHLY": 12}[plain.method]
                assert abs(shown[4] - prior / period) < 1
                opening_fen = closing_fen

        try:
            holds()
        finally:
            runner.run(pool.close())


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.sampled_from([12, 360, 365]))
def test_parts_make_up_the_whole_and_are_each_within_a_fen(
    prior: int, current: int, period: int
) -> None:
    denominator = 100_000 * period
    whole = rounded(prior, current, denominator)
    assert whole.total_fen == int(Fraction(prior + current, denominator) + Fraction(1, 2))
    assert whole.prior_fen + whole.current_fen == whole.total_fen
    assert abs(whole.prior_fen - Fraction(prior, denominator)) < 1
    assert abs(whole.current_fen - Fraction(current, denominator)) < 1
