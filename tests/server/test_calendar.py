"""Working days: what was announced, the centre's exceptions, and what nobody knows yet."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import units
from server.business_calendar import YEARS, Calendar, calendar
from server.db import Connection
from server.parameters import set_parameter
from tests.factory import DAY

PLAIN = Calendar()
days = st.dates(datetime.date(2024, 1, 1), datetime.date(2030, 12, 31))


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "is_working"),
    [
        ("2026-07-20", True),  # a Monday
        ("2026-07-25", False),  # a Saturday
        ("2026-02-17", False),  # 春节
        ("2026-02-14", True),  # a Saturday worked for it
        ("2025-10-01", False),
    ],
)
def test_days_as_announced(text: str, is_working: bool) -> None:
    assert PLAIN.is_working_day(day(text)) is is_working
    assert PLAIN.is_certain(day(text))


def test_three_working_days_step_over_the_week_end_and_the_holiday() -> None:
    assert PLAIN.plus_working_days(day("2026-07-23"), 3) == day("2026-07-28")
    assert PLAIN.plus_working_days(day("2025-09-30"), 1) == day("2025-10-09")
    assert PLAIN.plus_working_days(day("2026-07-25"), 0) == day("2026-07-25")


def test_beyond_the_table_only_week_ends_are_known() -> None:
    unknown = datetime.date(YEARS.stop, 10, 1)
    assert not PLAIN.is_certain(unknown)
    assert PLAIN.is_working_day(unknown) is (unknown.weekday() < 5)
    told = Calendar(holidays_extra=frozenset({unknown}))
    assert told.is_certain(unknown) and not told.is_working_day(unknown)


@given(days, st.integers(0, 30), st.sets(days, max_size=20), st.sets(days, max_size=20))
def test_nth_working_day_is_one_with_n_of_them_passed(
    start: datetime.date, n: int, holidays: set[datetime.date], workdays: set[datetime.date]
) -> None:
    ours = Calendar(frozenset(holidays), frozenset(workdays))
    reached = ours.plus_working_days(start, n)
    passed = [start + datetime.timedelta(days=i + 1) for i in range((reached - start).days)]
    assert sum(map(ours.is_working_day, passed)) == n
    assert n == 0 or ours.is_working_day(reached)


@pytest.mark.anyio
async def test_centres_exceptions_come_from_its_parameters(conn: Connection) -> None:
    await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)
    assert (await calendar(conn)).is_working_day(day("2026-07-24"))
    await set_parameter(conn, "holidays_extra", "2026-07-24", DAY, "王主任")  # 火把节
    await set_parameter(conn, "workdays_extra", "2026-07-25", DAY, "王主任")
    ours = await calendar(conn)
    assert not ours.is_working_day(day("2026-07-24"))
    assert ours.next_working_day(day("2026-07-23")) == day("2026-07-25")
