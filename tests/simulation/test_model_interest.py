"""The model's interest against the handbook's vectors A, B and C, and a law."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.simulation.model import amounts
from server.simulation.model.interest import (
    DAILY_360,
    DAILY_365,
    MONTHLY,
    Listed,
    Movement,
    Terms,
    accrued,
    interest_of_year,
)

RATE = Listed(date(2016, 2, 21), Fraction(15, 1000), Fraction(15, 1000))

TENTHS = [Movement(date(2025 + m // 13, (m - 1) % 12 + 1, 10), 0, 120_000) for m in range(7, 19)]
VECTOR_A = [*TENTHS, Movement(date(2026, 3, 15), -300_000, 0)]


@pytest.mark.parametrize(
    ("terms", "interest"),
    [
        (Terms(DAILY_360), 40_347),
        (Terms(DAILY_365), 39_794),
        (Terms(DAILY_360, include_settlement_day=False), 40_216),
        (Terms(MONTHLY), 38_775),
    ],
)
def test_interest_of_vector_a_by_each_method(terms: Terms, interest: int) -> None:
    assert interest_of_year(2_000_000, VECTOR_A, 2026, [RATE], terms) == interest


def test_interest_of_the_published_monthly_statement() -> None:
    tenths = [
        Movement(date(2016 + m // 13, (m - 1) % 12 + 1, 10), 0, 465_600) for m in range(7, 19)
    ]
    assert interest_of_year(8_551_418, tenths, 2017, [RATE], Terms(MONTHLY)) == 166_683


def test_interest_of_vector_b_takes_each_days_own_rate() -> None:
    listed = [
        (date(2015, 6, 28), "1.60"),
        (date(2015, 8, 26), "1.35"),
        (date(2015, 10, 24), "1.10"),
        (date(2016, 2, 21), "1.50"),
    ]
    rates = [Listed(day, Fraction(rate) / 100, Fraction(35, 10_000)) for day, rate in listed]
    assert interest_of_year(1_000_000, [], 2016, rates, Terms(segmented=True)) == 13_826
    assert interest_of_year(1_000_000, [], 2016, rates, Terms()) == 15_250


def test_interest_of_vector_c_stops_before_the_closing_day() -> None:
    movements = [Movement(date(2026, number, 10), 0, 50_000) for number in (7, 8)]
    exact = accrued(
        1_200_000, movements, date(2026, 7, 1), date(2026, 9, 1), 360, lambda _day: RATE
    )
    assert amounts.half_up(exact) == 3_256


@given(
    st.integers(0, 10_000_000),
    st.lists(st.tuples(st.integers(0, 364), st.integers(0, 1_000_000)), max_size=8),
)
def test_daily_interest_equals_amounts_by_the_days_they_stood(
    opening: int, deposits: list[tuple[int, int]]
) -> None:
    start = date(2025, 7, 1).toordinal()
    movements = [Movement(date.fromordinal(start + day), 0, fen) for day, fen in deposits]
    product = opening * 365 + sum(fen * (365 - day) for day, fen in deposits)
    expected = amounts.half_up(Fraction(product * 15, 1000 * 360))
    assert interest_of_year(opening, movements, 2026, [RATE], Terms()) == expected
