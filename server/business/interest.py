"""Interest on a person's balance (domain 5): what a credit of some day earns, and one rounding.

The year runs from 1 July to 30 June. Interest is linear in the credits: each earns its amount
times a weight that hangs on its day alone. Whole years are sums, and only they are rounded.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from server.business.amounts import half_up
from server.business.month import Month

Day = datetime.date
ONE_DAY = datetime.timedelta(days=1)
RATE_ONE = 100_000  # annual rates are hundred-thousandths: 1.50% is 1500


class InterestMethod(StrEnum):
    """积数口径 (domain 5.2)."""

    DAILY_360 = "DAILY_360"
    DAILY_365 = "DAILY_365"
    MONTHLY = "MONTHLY"


PERIODS = {InterestMethod.DAILY_360: 360, InterestMethod.DAILY_365: 365, InterestMethod.MONTHLY: 12}


class Rates(NamedTuple):
    """The annual rates from a day on: for 上年结转 and for 当年归集."""

    since: Day
    prior: int
    current: int


class Weight(NamedTuple):
    """What one fen earns: days (or months) times rate, for either part of the balance."""

    prior: int
    current: int


class Flow(NamedTuple):
    """What a day's business did to a balance; ``prior_fen`` of it to the part carried over."""

    day: Day
    amount_fen: int
    prior_fen: int = 0


class Interest(NamedTuple):
    """Interest in fen; ``prior_fen`` is the share of what was carried over (存量), for display."""

    total_fen: int
    prior_fen: int

    @property
    def current_fen(self) -> int:
        return self.total_fen - self.prior_fen


@dataclass(frozen=True)
class Terms:
    """How interest is computed from ``start`` up to and without ``end``, the day it stops (算头不
    算尾). ``rates`` are in order; the first holds at ``start``, and is the only one when the rate
    listed on the last day counts for all of it (ruling 9)."""

    start: Day
    end: Day
    method: InterestMethod
    rates: Sequence[Rates]

    @property
    def denominator(self) -> int:
        return RATE_ONE * PERIODS[self.method]

    @property
    def has_running_product(self) -> bool:
        """Whether one rate times the product is all: the account's own moments tell the product."""
        return self.method is not InterestMethod.MONTHLY and len(self.rates) == 1

    def weight(self, day: Day) -> Weight:
        """Of a credit on ``day``; what is older counts from ``start``."""
        if self.method is InterestMethod.MONTHLY:
            months = range(
                max(Month.of_day(day).plus(1), Month.of_day(self.start)), Month.of_day(self.end)
            )
            listed = [self._rates_on(Month(month).first_day) for month in months]
            return Weight(sum(r.prior for r in listed), sum(r.current for r in listed))
        # The first holds at ``start``, even if it is the one listed later, on the last day.
        begins = [self.start, *(rates.since for rates in self.rates[1:])]
        spans = [
            (max(since, day, self.start), following, rates)
            for since, rates, following in zip(begins, self.rates, self._ends(), strict=True)
        ]
        days = [(max((until - since).days, 0), rates) for since, until, rates in spans]
        return Weight(
            sum(n * rates.prior for n, rates in days), sum(n * rates.current for n, rates in days)
        )

    def _ends(self) -> list[Day]:
        return [min(rates.since, self.end) for rates in self.rates[1:]] + [self.end]

    def _rates_on(self, day: Day) -> Rates:
        return max((r for r in self.rates if r.since <= day), default=self.rates[0])

    def interest(self, opening_fen: int, flows: Iterable[Flow]) -> Interest:
        """Of what was there at ``start`` and of what came and went since; also when an account is
        closed (R-JX-07)."""
        prior = opening_fen * self.weight(self.start - ONE_DAY).prior
        current = 0
        for flow in flows:
            weight = self.weight(flow.day)
            prior += flow.prior_fen * weight.prior
            current += (flow.amount_fen - flow.prior_fen) * weight.current
        return rounded(prior, current, self.denominator)


def rounded(prior: int, current: int, denominator: int) -> Interest:
    """Rounds once, the sum; its two parts are made to fit by the largest remainder (domain 5.3)."""
    total_fen = half_up(prior + current, denominator)
    prior_fen, prior_rest = divmod(prior, denominator)
    current_fen, current_rest = divmod(current, denominator)
    missing = total_fen - prior_fen - current_fen
    is_priors = missing == 2 or (missing == 1 and prior_rest >= current_rest)
    return Interest(total_fen, prior_fen + is_priors)


def settlement_day(year: int) -> Day:
    """结息日; the interest bears interest itself from the day after."""
    return datetime.date(year, 6, 30)


def first_day(year: int) -> Day:
    return datetime.date(year - 1, 7, 1)


def interest_year(day: Day) -> int:
    """The year in which what is credited on ``day`` is settled first."""
    return day.year + (day > settlement_day(day.year))
