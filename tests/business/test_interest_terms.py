"""Which days a rate holds for, when it is listed only in the course of the year."""

from __future__ import annotations

import datetime

import pytest

from server.business.interest import InterestMethod, Rates, Terms

START, END = datetime.date(2023, 7, 1), datetime.date(2024, 7, 1)
LATE = Rates(datetime.date(2024, 3, 1), 1100, 1200)
BEFORE = Rates(datetime.date(2016, 2, 21), 1500, 1500)


def test_only_rate_listed_within_the_year_holds_for_all_of_it() -> None:
    terms = Terms(START, END, InterestMethod.DAILY_360, [LATE])
    assert terms.weight(START) == (366 * 1100, 366 * 1200)


@pytest.mark.parametrize(
    ("day", "days"), [(START, (244, 122)), (LATE.since, (0, 122)), (END, (0, 0))]
)
def test_two_rates_each_hold_for_their_own_days(day: datetime.date, days: tuple[int, int]) -> None:
    terms = Terms(START, END, InterestMethod.DAILY_360, [BEFORE, LATE])
    assert terms.weight(day).current == days[0] * 1500 + days[1] * 1200
