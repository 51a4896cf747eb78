"""Interest over a year in several units: to the fen what it is without a transfer, and once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.business.month import Month
from server.db import Pool, transaction
from tests.factory import Desk
from tests.server.interest_years import FIRST_ACCOUNT, ONE_DAY, Centre, Day, day
from tests.server.plain_interest import (
    DELAYS,
    MOVES,
    PLAINS,
    Move,
    Plain,
    assert_reckoned,
    empty,
    live,
    running,
)

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


async def centre_of_three(pool: Pool) -> Moving:
    async with transaction(pool) as conn:
        await empty(conn)
    centre = Moving(pool, FIRST)
    await centre.begin()
    await centre.set("base_lower_fen", "1")
    return centre


def mixed(moves: list[Move], hops: list[Day]) -> list[Move | Day]:
    """A day's money comes before its transfer."""
    steps = [(when, 0, (when, fen)) for when, fen in moves] + [(when, 1, when) for when in hops]
    return [step for *_, step in sorted(steps, key=lambda step: step[:2])]


@pytest.mark.slow
def test_interest_does_not_know_of_transfers(database: str) -> None:
    """Any movements and any transfers, also between the settlement day and a late settlement."""
    with running(database, 3) as (runner, pool):

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(PLAINS, MOVES, HOPS, DELAYS)
        def holds(
            plain: Plain, moves: list[Move], hops: list[Day], delays: tuple[int, int]
        ) -> None:
            centre = runner.run(centre_of_three(pool))
            done = runner.run(live(centre, plain, mixed(moves, hops), delays))
            assert_reckoned(plain, done, runner.run(centre.statements()))

        holds()
