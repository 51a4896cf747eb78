"""When a certificate's end is near enough to speak of it: in which words, and once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from server.business.refusals import Problem, problem

THRESHOLDS_DAYS = (60, 30, 7)
NAME_CHARS = 16  # of the fingerprint: enough to tell an office's keys apart


def warning(not_after: datetime, now: datetime) -> Problem | None:
    """None long before the end, and after it: then the certificate is refused."""
    left = not_after - now
    if left < timedelta() or _threshold_days(left) is None:
        return None
    until = not_after.astimezone().strftime("%Y-%m-%d")
    if left.days == 0:
        return problem("W13", until=until, hours=left.seconds // 3600)
    return problem("W12", until=until, days=left.days)


def remember(told: str, fingerprint: str, not_after: datetime, now: datetime) -> str:
    """``told`` with this warning in it; unchanged when it was told today at this threshold.

    It is the day and what was told on it, so that it never grows.
    """
    day = now.astimezone().strftime("%Y-%m-%d")
    on_day = told if told.startswith(f"{day} ") else day
    warned = f"{fingerprint[:NAME_CHARS]}/{_threshold_days(not_after - now)}"
    return told if warned in on_day.split() else f"{on_day} {warned}"


def _threshold_days(left: timedelta) -> int | None:
    """The nearest one that is reached: 60, 30 or 7."""
    return min((days for days in THRESHOLDS_DAYS if left <= timedelta(days=days)), default=None)
