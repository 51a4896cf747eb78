"""One account's interest over one interest year (5.1–5.4), day by day or month by month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from server.simulation.model.amounts import half_up

DAILY_360 = "DAILY_360"
DAILY_365 = "DAILY_365"
MONTHLY = "MONTHLY"
METHODS = (DAILY_360, DAILY_365, MONTHLY)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Movement:
    """What one day's business did to the two balances of an account."""

    day: date
    prior: int
    current: int


@dataclass(frozen=True)
class Listed:
    """Yearly rates as listed from a day on: what was carried over, and what came in since."""

    since: date
    prior: Fraction
    current: Fraction


@dataclass(frozen=True)
class Terms:
    method: str = DAILY_360
    include_settlement_day: bool = True
    segmented: bool = False  # each day at its own rate, not all at the settlement day's


def in_force(rates: Sequence[Listed], day: date) -> Listed:
    return max((listed for listed in rates if listed.since <= day), key=lambda it: it.since)


def accrued(
    opening: int,
    movements: Sequence[Movement],
    first: date,
    stop: date,
    days_in_year: int,
    rate_on: Callable[[date], Listed],
) -> Fraction:
    """Interest of the days from ``first`` up to but without ``stop``, not rounded."""
    prior = opening + sum(it.prior for it in movements if it.day < first)
    current = sum(it.current for it in movements if it.day < first)
    products: dict[Listed, tuple[int, int]] = {}  # balance by days at each rate
    day = first
    while day < stop:
        for it in movements:
            if it.day == day:
                prior, current = prior + it.prior, current + it.current
        listed = rate_on(day)
        before = products.get(listed, (0, 0))
        products[listed] = (before[0] + prior, before[1] + current)
        day += ONE_DAY
    earned = (at.prior * of[0] + at.current * of[1] for at, of in products.items())
    return sum(earned, Fraction(0)) / days_in_year


def accrued_monthly(
    opening: int,
    movements: Sequence[Movement],
    first: date,
    stop: date,
    rate_on: Callable[[date], Listed],
) -> Fraction:
    """Months that begin from ``first`` on and before ``stop``; a movement counts from the month
    after its own."""
    interest = Fraction(0)
    for month in range(first.year * 12 + first.month - 1, stop.year * 12 + stop.month - 1):
        starts = date(month // 12, month % 12 + 1, 1)
        arrived = [it for it in movements if it.day < starts]
        listed = rate_on(starts)
        prior = opening + sum(it.prior for it in arrived)
        current = sum(it.current for it in arrived)
        interest += (prior * listed.prior + current * listed.current) / 12
    return interest


def year_of(day: date) -> int:
    """The interest year of a day, named after the June it ends in."""
    return day.year + (1 if (day.month, day.day) > (6, 30) else 0)


def interest_until(
    opening: int,
    movements: Sequence[Movement],
    stop: date,
    rates: Sequence[Listed],
    terms: Terms,
) -> Fraction:
    """What an account that carried ``opening`` into the year has earned before ``stop``: at the
    last day's rate, or at each day's own."""
    last = stop - ONE_DAY
    at_the_end = in_force(rates, last)

    def rate_on(day: date) -> Listed:
        return in_force(rates, day) if terms.segmented else at_the_end

    first = date(year_of(last) - 1, 7, 1)
    if terms.method == MONTHLY:
        return accrued_monthly(opening, movements, first, stop, rate_on)
    if not terms.include_settlement_day and (last.month, last.day) == (6, 30):
        stop = last
    days_in_year = 360 if terms.method == DAILY_360 else 365
    return accrued(opening, movements, first, stop, days_in_year, rate_on)


def interest_of_year(
    opening: int,
    movements: Sequence[Movement],
    year: int,
    rates: Sequence[Listed],
    terms: Terms,
) -> int:
    """What 30 June of ``year`` pays on an account that carried ``opening`` over; rounded once."""
    return half_up(interest_until(opening, movements, date(year, 7, 1), rates, terms))
