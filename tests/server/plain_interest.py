"""Interest reckoned plainly, day by day, and lives of a centre whose statements must equal it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from server import interest
from server.business.interest import InterestMethod
from server.business.month import Month
from server.db import Connection, Pool, open_pool
from tests.server.interest_years import ONE_DAY, Centre, Day, day

Move = tuple[Day, int]  # in fen; what is taken is negative
LAST = day("2018-01-01"), 0
YEARS = (2016, 2017)


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

    def parts(self, year: int, opening_fen: int, moves: list[Move]) -> tuple[int, int]:
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

    def interest(self, year: int, opening_fen: int, moves: list[Move]) -> tuple[int, Fraction]:
        """The year's, in fen; and exactly, what of it the balance carried over earned."""
        denominator = 100_000 * {"DAILY_360": 360, "DAILY_365": 365, "MONTHLY": 12}[self.method]
        prior, current = self.parts(year, opening_fen, moves)
        return int(Fraction(prior + current, denominator) + Fraction(1, 2)), Fraction(
            prior, denominator
        )


PLAINS = st.builds(Plain, st.sampled_from(list(InterestMethod)), st.booleans(), st.booleans())
MOVES = st.lists(
    st.tuples(
        st.integers(0, 760).map(lambda n: day("2015-07-01") + n * ONE_DAY),
        st.integers(1, 500_000_00) | st.integers(-300_000_00, -1),
    ),
    max_size=9,
).map(lambda moves: sorted(moves, key=lambda move: move[0]))
DELAYS = st.tuples(st.integers(0, 30), st.integers(0, 30))  # of each year's settlement, in days
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


@contextmanager
def running(database: str, connections: int) -> Iterator[tuple[asyncio.Runner, Pool]]:
    """For laws: hypothesis calls plain functions."""
    with asyncio.Runner() as runner:
        pool = open_pool(database, connections)
        runner.run(pool.open())
        try:
            yield runner, pool
        finally:
            runner.run(pool.close())


async def live(
    centre: Centre, plain: Plain, steps: Sequence[Move | Day], delays: tuple[int, int]
) -> list[Move]:
    """Two years at the server; a day alone is a transfer. The movements that were possible."""
    await centre.set("interest.method", plain.method)
    await centre.set("interest.include_settlement_day", "是" if plain.is_included else "否")
    await centre.set("interest.segmented", "是" if plain.is_segmented else "否")
    settles = [day("2015-07-01")]
    settles += [Day(year, 7, 1) + n * ONE_DAY for year, n in zip(YEARS, delays, strict=True)]
    done: list[Move] = []
    for step in [*steps, LAST]:
        today = step if isinstance(step, Day) else step[0]
        while settles and settles[0] <= today:
            await settle(centre, settles.pop(0))
        if isinstance(step, Day):
            await centre.hop(today)
        elif await is_possible(centre, step, done):
            await centre.move(*step)
            done.append(step)
    assert await centre.disagreements() == []
    return done


async def settle(centre: Centre, today: Day) -> None:
    await centre.go_to(today)
    shown = await interest.preview_year(centre.pool, today.year)
    run = await interest.settle_year(centre.pool, today.year, "王主任")
    assert run.interest_fen == sum(unit.interest_fen for unit in shown)


async def is_possible(centre: Centre, step: Move, done: list[Move]) -> bool:
    """Nobody is taken more than they have, and each month is corrected once."""
    today, fen = step
    ((balance_fen,),) = await centre.sql("select balance_fen from account where status <> '99'")
    corrected = {Month.of_day(when) for when, taken in done if taken < 0}
    return fen != 0 and balance_fen + fen >= 0 and (fen > 0 or Month.of_day(today) not in corrected)


def assert_reckoned(plain: Plain, done: list[Move], statements: Sequence[tuple[int, ...]]) -> None:
    """Each year's opening, in, out, interest, its part carried over (to a fen) and closing."""
    opening_fen = 0
    for year, shown in zip(YEARS, statements, strict=True):
        of_year = [m for m in done if Day(year - 1, 7, 1) <= m[0] <= Day(year, 6, 30)]
        fen, prior = plain.interest(year, opening_fen, of_year)
        out_fen = -sum(f for _, f in of_year if f < 0)
        in_fen = sum(f for _, f in of_year if f > 0)
        closing_fen = opening_fen + in_fen - out_fen + fen
        assert (*shown[:4], shown[5]) == (opening_fen, in_fen, out_fen, fen, closing_fen)
        assert abs(shown[4] - prior) < 1
        opening_fen = closing_fen
