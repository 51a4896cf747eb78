"""A calendar month (年月) as one integer, so that ranges and SQL arithmetic stay plain."""

from __future__ import annotations

import datetime
import re


class Month(int):
    """Months since year 0: ``year * 12 + month - 1``. Compares, adds and stores like an int."""

    @classmethod
    def of(cls, year: int, month: int) -> Month:
        assert 1 <= month <= 12 and 1900 <= year <= 2999, "not a calendar month"
        return cls(year * 12 + month - 1)

    @classmethod
    def parse(cls, text: str) -> Month:
        """From ``YYYY-MM``, the wire form; raises ValueError for anything else."""
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            raise ValueError("month is YYYY-MM")
        year, month = int(text[:4]), int(text[5:])
        if not (1 <= month <= 12 and 1900 <= year <= 2999):
            raise ValueError("no such month")
        return cls.of(year, month)

    @classmethod
    def of_day(cls, day: datetime.date) -> Month:
        return cls.of(day.year, day.month)

    @property
    def first_day(self) -> datetime.date:
        return datetime.date(self.year, self.number, 1)

    @property
    def year(self) -> int:
        return int(self) // 12

    @property
    def number(self) -> int:
        return int(self) % 12 + 1

    def plus(self, months: int) -> Month:
        return Month(int(self) + months)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def __repr__(self) -> str:
        return f"Month({self})"
