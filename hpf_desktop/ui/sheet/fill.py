"""What the fill handle writes: copies, and months and days that count on. No Qt."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from hpf_desktop.ui.sheet.columns import Column
from server.business.kinds import Day, Invalid, MonthKind
from server.business.month import Month


def continued(
    column: Column, source: Sequence[str], count: int, is_back: bool = False
) -> list[str]:
    """``count`` texts that follow ``source``; ``is_back`` fills upwards."""
    if not source or not count:
        return []
    ordered = list(reversed(source)) if is_back else list(source)
    following = _series(column, ordered, count, -1 if is_back else 1)
    if following is None:
        following = [ordered[n % len(ordered)] for n in range(count)]
    return list(reversed(following)) if is_back else following


def _series(column: Column, source: Sequence[str], count: int, sign: int) -> list[str] | None:
    """Months and days with an even step; a single one steps by one."""
    step_on = _stepper(column)
    if step_on is None or not all(source):
        return None
    try:
        values = [column.field.kind.parse(text) for text in source]
    except Invalid:
        return None
    ordinals = [_ordinal(value) for value in values]
    steps = {after - before for before, after in pairwise(ordinals)}
    if len(steps) > 1:
        return None
    step = steps.pop() if steps else sign
    try:
        return [column.show(step_on(values[-1], step * n)) for n in range(1, count + 1)]
    except (OverflowError, AssertionError):
        return None  # Past the end of the calendar.


def _stepper(column: Column) -> Callable[[Any, int], Any] | None:
    if isinstance(column.field.kind, MonthKind):
        return lambda month, n: Month.of(month.plus(n).year, month.plus(n).number)
    if isinstance(column.field.kind, Day):
        return lambda day, n: day + datetime.timedelta(days=n)
    return None


def _ordinal(value: Any) -> int:
    return value.toordinal() if isinstance(value, datetime.date) else int(value)
