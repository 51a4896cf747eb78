"""Interest for any movements, methods, rates and delays, against plain reckoning day by day."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.business.interest import rounded
from server.db import Pool, transaction
from tests.server.interest_years import Centre, day
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


async def centre_of_one(pool: Pool) -> Centre:
    async with transaction(pool) as conn:
        await empty(conn)
    centre = Centre(pool, day("2015-06-30"))
    await centre.open()
    return centre


@pytest.mark.slow
def test_interest_is_what_plain_reckoning_day_by_day_says(database: str) -> None:
    """Any movements, any method, any rates, and settled on time or late."""
    with running(database, 2) as (runner, pool):

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(PLAINS, MOVES, DELAYS)
        def holds(plain: Plain, moves: list[Move], delays: tuple[int, int]) -> None:
            centre = runner.run(centre_of_one(pool))
            done = runner.run(live(centre, plain, moves, delays))
            statements = [runner.run(centre.statement(year)) for year in (2016, 2017)]
            assert_reckoned(plain, done, statements)

        holds()


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
