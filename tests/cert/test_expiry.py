"""Warnings before a certificate ends: 60, 30 and 7 days, once a day, and none after the end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hpf_desktop.cert.expiry import remember, warning

NOW = datetime(2026, 7, 15, 10).astimezone()
DAY = timedelta(days=1)
KEY, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("left", "code"),
    [
        (61 * DAY, ""),
        (60 * DAY, "W12"),
        (DAY, "W12"),
        (timedelta(hours=5), "W13"),
        (timedelta(), "W13"),
        (-timedelta(seconds=1), ""),
        (-400 * DAY, ""),
    ],
)
def test_warning_comes_before_the_end_only(left: timedelta, code: str) -> None:
    said = warning(NOW + left, NOW)
    assert (said.code if said else "") == code


def test_warning_says_when_and_what_to_do() -> None:
    said = warning(NOW + 29 * DAY, NOW)
    assert said and "2026-08-13" in said.text and "29 天" in said.text
    assert "发证机构" in said.next_step and "柜台" in said.next_step


def test_each_threshold_is_told_once_a_day() -> None:
    told, news = "", []
    for hour in range(0, 62 * 24, 6):
        now = NOW + hour * timedelta(hours=1)
        after = remember(told, KEY, NOW + 60 * DAY, now)
        if warning(NOW + 60 * DAY, now) and after != told:
            news.append(now.date())
        told = after
    days = [(NOW + n * DAY).date() for n in range(61)]
    # On the days on which a threshold is crossed, it is told again.
    crossed = [(NOW + n * DAY).date() for n in (30, 53)]
    assert news == sorted([*days, *crossed])


def test_two_keys_are_told_apart_and_yesterday_is_forgotten() -> None:
    told = remember("", KEY, NOW + 20 * DAY, NOW)
    both = remember(told, OTHER, NOW + 20 * DAY, NOW)
    assert both != told and remember(both, KEY, NOW + 20 * DAY, NOW) == both
    tomorrow = remember(both, KEY, NOW + 20 * DAY, NOW + DAY)
    assert tomorrow != both and len(tomorrow) == len(told)
    assert remember("broken", KEY, NOW + 20 * DAY, NOW) == told
