"""Interest over a year in several units: to the fen what it is without a transfer, and once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import interest
from server.business.interest import InterestMethod
from server.business.month import Month
from server.db import Pool, open_pool, transaction
from tests.factory import Desk
from tests.server.interest_years import FIRST_ACCOUNT, ONE_DAY, Centre, Day, day
from tests.server.test_interest_laws import MOVES, Plain, empty

ACCOUNT = FIRST_ACCOUNT + 1001
FIRST = day("2015-06-30")
ID_NUMBER = "532301199003070012"
HOPS = st.lists(st.integers(0, 770).map(lambda n: day("2015-07-01") + n * ONE_DAY), max_size=5)


@dataclass
class Moving(Centre):
    """One person with money, in the first of three units; ``unit_ids[0]`` is where they are now."""

    hops: int = 0
    homes: list[int] = field(default_factory=list)

    async def begin(self) -> None:
        await self.open((1, 0, 0))
        self.homes = [*self.unit_ids]
        await self.sql(
            "insert into person (id_number, id_type, unit_id, acct_id, name, phone)"
            " values (%s, '01', %s, %s, '职工1', '')",
            ID_NUMBER, self.unit_ids[0], ACCOUNT,
        )  # fmt: skip

    async def hop(self, today: Day) -> None:
        """Sealed before the first month there, and taken by the next unit but one or by the one
        before: so that people come back, too."""
        await self.go_to(today)
        self.hops += 1
        here = self.unit_ids[0]
        others = [unit_id for unit_id in self.homes if unit_id != here]
        there = others[self.hops % 2]
        await self.sql(
            "update account set status = '02', until_month = from_month"
            " where unit_id = %s and acct_id = %s", here, ACCOUNT,
        )  # fmt: skip
        row = {"person": ID_NUMBER, "month": str(Month.of_day(FIRST)), "base": "5000"}
        await Desk(self.pool, there).do("transfer", [row], from_unit=str(here))
        self.unit_ids = [there]

    async def statements(self) -> list[tuple[int, ...]]:
        """Wherever they were made."""
        return await self.sql(
            """
            select opening_fen, in_fen, out_fen, interest_fen, prior_interest_fen, closing_fen
            from interest_statement where acct_id = %s and year > 2015 order by year
            """,
            ACCOUNT,
        )  # fmt: skip


Steps = list[tuple[Day, int]]


async def live(
    pool: Pool, plain: Plain, moves: Steps, hops: list[Day], late: tuple[int, int]
) -> tuple[Steps, list[tuple[int, ...]]]:
    """Two years at the server; a day's money comes before its transfer."""
    async with transaction(pool) as conn:
        await empty(conn)
    centre = Moving(pool, FIRST)
    await centre.begin()
    await centre.set("interest.method", plain.method)
    await centre.set("interest.include_settlement_day", "是" if plain.is_included else "否")
    await centre.set("interest.segmented", "是" if plain.is_segmented else "否")
    await centre.set("base_lower_fen", "1")
    settles = [day("2015-07-01")]
    settles += [Day(2016 + n, 7, 1) + days * ONE_DAY for n, days in enumerate(late)]
    done: Steps = []
    steps = [(when, 0, fen) for when, fen in moves] + [(when, 1, 0) for when in hops]
    for today, is_hop, fen in sorted([*steps, (day("2018-01-01"), 0, 0)]):
        while settles and settles[0] <= today:
            await centre.go_to(settles.pop(0))
            preview = await interest.preview_year(pool, centre.today.year)
            run = await interest.settle_year(pool, centre.today.year, "王主任")
            assert run.interest_fen == sum(u.interest_fen for u in preview)
        if is_hop:
            await centre.hop(today)
            continue
        ((balance_fen,),) = await centre.sql(
            "select balance_fen from account where acct_id = %s and status <> '99'", ACCOUNT
        )
        corrected = {Month.of_day(when) for when, taken in done if taken < 0}
        is_once = fen > 0 or Month.of_day(today) not in corrected
        if fen and balance_fen + fen >= 0 and is_once:
            await centre.move(today, fen)
            done.append((today, fen))
    assert await centre.disagreements() == []
    return done, await centre.statements()


@pytest.mark.slow
def test_interest_does_not_know_of_transfers(database: str) -> None:
    """Any movements and any transfers, also between the settlement day and a late settlement."""
    with asyncio.Runner() as runner:
        pool = open_pool(database, 3)
        runner.run(pool.open())

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.builds(Plain, st.sampled_from(list(InterestMethod)), st.booleans(), st.booleans()),
            MOVES,
            HOPS,
            st.tuples(st.integers(0, 30), st.integers(0, 30)),
        )
        def holds(plain: Plain, moves: Steps, hops: list[Day], late: tuple[int, int]) -> None:
            done, statements = runner.run(live(pool, plain, moves, hops, late))
            opening_fen = 0
            for year, shown in zip((2016, 2017), statements, strict=True):
                of_year = [m for m in done if Day(year - 1, 7, 1) <= m[0] <= Day(year, 6, 30)]
                fen = plain.interest(year, opening_fen, of_year)
                out_fen = -sum(f for _, f in of_year if f < 0)
                in_fen = sum(f for _, f in of_year if f > 0)
                closing_fen = opening_fen + in_fen - out_fen + fen
                assert (*shown[:4], shown[5]) == (opening_fen, in_fen, out_fen, fen, closing_fen)
                opening_fen = closing_fen

        try:
            holds()
        finally:
            runner.run(pool.close())
