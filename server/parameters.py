"""The centre's parameters with effective dates; what is in force on a day counts that day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from server.business.parameters import (
    BY_KEY,
    ORDERED,
    PARAMETERS,
    UNCONFIRMED_MARK,
    Codes,
    Parameter,
    parameter_of,
)
from server.business.refusals import refused
from server.db import Connection

Day = datetime.date
GENERAL = ""  # the scope of what holds wherever a county has no value of its own


@dataclass(frozen=True, slots=True)
class Step:
    """The value in force, the day from which it holds, and whether nobody has recorded it."""

    value: Any
    since: Day
    is_default: bool


@dataclass(frozen=True)
class Timeline:
    """What was recorded: texts by first day, by parameter and county. Defaults stand below."""

    texts: Mapping[tuple[str, str], Mapping[Day, str]]

    def step(self, key: str, day: Day, scope: str = GENERAL) -> Step:
        """The latest on or before ``day``; a county's own goes before the general one."""
        parameter = BY_KEY[key]
        if scope and (own := _latest(self.texts.get((key, scope), {}), day)):
            return Step(parameter.parse(self.texts[key, scope][own]), own, False)
        recorded = _latest(self.texts.get((key, GENERAL), {}), day)
        default = _latest(parameter.defaults, day) or min(parameter.defaults)
        if recorded is not None and recorded >= default:
            return Step(parameter.parse(self.texts[key, GENERAL][recorded]), recorded, False)
        return Step(parameter.defaults[default], default, True)

    def on(self, day: Day, scope: str = GENERAL) -> dict[str, Any]:
        return {p.key: self.step(p.key, day, scope).value for p in PARAMETERS}

    def days(self, key: str, scope: str = GENERAL) -> set[Day]:
        """Every day on which the value may change."""
        own = set(self.texts.get((key, scope), {}))
        return own if scope else own | set(BY_KEY[key].defaults)

    def with_text(self, key: str, scope: str, day: Day, text: str) -> Timeline:
        own = {**self.texts.get((key, scope), {}), day: text}
        return Timeline({**self.texts, (key, scope): own})


def _latest(days: Mapping[Day, Any], day: Day) -> Day | None:
    return max((d for d in days if d <= day), default=None)


async def timeline(conn: Connection, *scopes: str) -> Timeline:
    """What is recorded for these counties and in general; for every county when none is named."""
    rows = await conn.execute(
        """
        select distinct on (key, scope, from_day) key, scope, from_day, value from parameter
        where %(all)s or scope = '' or scope = any(%(scopes)s)
        order by key, scope, from_day, set_at desc
        """,
        {"all": not scopes, "scopes": list(scopes)},
    )
    texts: dict[tuple[str, str], dict[Day, str]] = {}
    for key, scope, day, text in await rows.fetchall():
        texts.setdefault((key, scope), {})[day] = text
    return Timeline(texts)


async def in_force(conn: Connection, day: Day, scope: str = GENERAL) -> dict[str, Any]:
    """Every parameter's value on ``day``; a value for ``scope`` (a county) goes before the
    general one."""
    return (await timeline(conn, scope)).on(day, scope)


def code_tables(values: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Of the values in force, the tables that the choices of businesses come from."""
    return {p.key: values[p.key] for p in PARAMETERS if isinstance(p.kind, Codes)}


async def set_parameter(
    conn: Connection, key: str, value: str, from_day: Day, set_by: str, scope: str = GENERAL
) -> None:
    """Adds a value, as typed, from a day on. What is recorded stays; of two for the same day the
    later counts. What was in force on a day already gone never changes."""
    parameter = parameter_of(key)
    text = parameter.text(parameter.parse(value))
    if scope and not (parameter.is_by_county and re.fullmatch("[0-9]{6}", scope)):
        raise refused("M05", label=parameter.label, scope=scope)
    today, opened = await _lock_centre(conn)
    before = await timeline(conn)
    if _changes_the_past(before, parameter, scope, from_day, today, opened):
        raise refused("M02", label=parameter.label, day=from_day, gone=today, today=today)
    _refuse_crossed(before.with_text(key, scope, from_day, text), key, from_day)
    await conn.execute(
        "insert into parameter (key, scope, from_day, value, set_by) values (%s, %s, %s, %s, %s)",
        (key, scope, from_day, text, set_by),
    )


async def _lock_centre(conn: Connection) -> tuple[Day, Day | None]:
    """The business day, which stays while we hold it, and the day the first unit was opened:
    nothing was computed before. Settings wait for each other here."""
    rows = await conn.execute(
        """
        select business_day, (select min(opened_day) from unit where unit_id > 0)
        from centre
        for no key update of centre
        """
    )
    row = await rows.fetchone()
    assert row is not None, "the centre has been opened"
    return row[0], row[1]


def _changes_the_past(
    before: Timeline,
    parameter: Parameter,
    scope: str,
    from_day: Day,
    today: Day,
    opened: Day | None,
) -> bool:
    """A value holds until the next one of its kind; that must not reach into the days computed."""
    if from_day >= today or opened is None or opened >= today:
        return False
    later = [d for d in before.days(parameter.key, scope) if d > from_day]
    return from_day >= opened or min(later, default=today) > opened


def _refuse_crossed(after: Timeline, key: str, from_day: Day) -> None:
    """M04 on the first day, in any county, when a lower limit would be above its upper one."""
    for low, high in ORDERED:
        if key not in (low, high):
            continue
        for day, scope in _changes(after, (low, high), from_day):
            lower, upper = after.step(low, day, scope).value, after.step(high, day, scope).value
            if lower > upper:
                raise refused(
                    "M04", day=day,
                    low_label=BY_KEY[low].label, low=BY_KEY[low].kind.show(lower),
                    high_label=BY_KEY[high].label, high=BY_KEY[high].kind.show(upper),
                )  # fmt: skip


def _changes(after: Timeline, keys: tuple[str, str], from_day: Day) -> Iterator[tuple[Day, str]]:
    """Each day from ``from_day`` on, and each county, where one of the parameters may change."""
    scopes = {GENERAL} | {scope for key, scope in after.texts if key in keys}
    for scope in sorted(scopes):
        days = {d for key in keys for place in {scope, GENERAL} for d in after.days(key, place)}
        for day in sorted({from_day} | {d for d in days if d > from_day}):
            yield day, scope


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of a parameter's list or history, as shown; ``set_by`` is empty for a default."""

    key: str
    label: str
    scope: str
    since: Day
    shown: str
    note: str
    set_by: str = ""
    set_at: datetime.datetime | None = None


def _setting(parameter: Parameter, step: Step, scope: str) -> Setting:
    notes = []
    if step.is_default and not parameter.is_confirmed:
        notes.append(UNCONFIRMED_MARK)
    if parameter.awaits:
        notes.append(f"{parameter.awaits}后生效")
    unit = parameter.unit and f" {parameter.unit}"
    shown = f"{parameter.kind.show(step.value)}{unit}"
    return Setting(parameter.key, parameter.label, scope, step.since, shown, "；".join(notes))


async def settings(conn: Connection, day: Day, scope: str = GENERAL) -> list[Setting]:
    """Every parameter with the value in force on ``day``, as the centre is shown it."""
    known = await timeline(conn, scope)
    return [_setting(p, known.step(p.key, day, scope), scope) for p in PARAMETERS]


async def history(conn: Connection, key: str) -> list[Setting]:
    """Everything a parameter ever was or will be, oldest first: defaults, then what was recorded,
    in the order of the days from which they hold; the last of a day counts."""
    parameter = parameter_of(key)
    lines = [
        _setting(parameter, Step(value, day, True), GENERAL)
        for day, value in parameter.defaults.items()
    ]
    rows = await conn.execute(
        """
        select scope, from_day, value, set_by, set_at from parameter where key = %s
        order by from_day, scope, set_at
        """,
        (key,),
    )
    for scope, day, text, set_by, set_at in await rows.fetchall():
        line = _setting(parameter, Step(parameter.parse(text), day, False), scope)
        lines.append(Setting(key, line.label, scope, day, line.shown, line.note, set_by, set_at))
    return sorted(lines, key=lambda line: line.since)


async def business_day(conn: Connection) -> Day:
    """营业日: the centre's, never the machine's clock."""
    row = await (await conn.execute("select business_day from centre")).fetchone()
    assert row is not None, "the centre has been opened"
    return cast(Day, row[0])
