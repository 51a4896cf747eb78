"""Working days: the State Council's calendar as a library keeps it, and the centre's exceptions."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import chinese_calendar

from server import parameters
from server.db import Connection

Day = datetime.date
ONE_DAY = datetime.timedelta(days=1)
YEARS = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)
SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """The centre's working days. Holidays are announced a year ahead at most: beyond the years of
    the library's table only week-ends are known to be free, and ``is_certain`` says so."""

    holidays_extra: frozenset[Day] = frozenset()
    workdays_extra: frozenset[Day] = frozenset()

    def is_working_day(self, day: Day) -> bool:
        if day in self.workdays_extra:
            return True
        if day in self.holidays_extra:
            return False
        if day.year in YEARS:
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < SATURDAY

    def is_certain(self, day: Day) -> bool:
        """Whether the year's holidays are known: to the library, or named by the centre."""
        named = self.holidays_extra | self.workdays_extra
        return day.year in YEARS or any(d.year == day.year for d in named)

    def next_working_day(self, day: Day) -> Day:
        """The first one after ``day``."""
        day += ONE_DAY
        while not self.is_working_day(day):
            day += ONE_DAY
        return day

    def plus_working_days(self, day: Day, n: int) -> Day:
        """The ``n``-th working day after ``day``; ``day`` itself when ``n`` is 0."""
        for _ in range(n):
            day = self.next_working_day(day)
        return day


async def calendar(conn: Connection) -> Calendar:
    """With the exceptions in force on the business day."""
    values = await parameters.in_force(conn, await parameters.business_day(conn))
    return Calendar(frozenset(values["holidays_extra"]), frozenset(values["workdays_extra"]))
