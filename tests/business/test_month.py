"""A month counts, compares and reads back; its wire form is one form only."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.month import Month

MONTHS = st.builds(Month.of, st.integers(1900, 2999), st.integers(1, 12))


@given(MONTHS)
def test_month_shown_reads_back(month: Month) -> None:
    assert Month.parse(str(month)) == month
    assert Month.of(month.year, month.number) == month


@given(MONTHS, st.integers(-1000, 1000))
def test_month_plus_counts_calendar_months(month: Month, months: int) -> None:
    later = month.plus(months)
    assert isinstance(later, Month)
    assert (later.year - month.year) * 12 + later.number - month.number == months


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2999, 12, 31)))
def test_month_of_a_day_holds_the_day(day: datetime.date) -> None:
    assert str(Month.of_day(day)) == f"{day:%Y-%m}"


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00", "2026-7", "202607", "2026/07", "1899-12", "3000-01", "", "2026-+7",
     "2026- 7", "2026-07\n", "２０２６-０７", " 2026-07"],
)  # fmt: skip
def test_month_wire_form_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)
