"""Runs a described query: filters, pages that follow each other by key, totals over all rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import DataError, sql
from psycopg.rows import dict_row

from server import units
from server.business.base import Field
from server.business.kinds import Kind, Text
from server.business.month import Month
from server.business.query import DICTIONARY, Query, check_ranges
from server.business.refusals import Refused, refused
from server.db import Connection

PAGE_MAX = 1000


@dataclass(frozen=True)
class Sort:
    """By which column first; rows without a value come last, equal ones in the query's order."""

    column: Field
    is_descending: bool = False


@dataclass(frozen=True)
class Page:
    """Some rows by column key, the cursor of the next page, and over all pages count and totals."""

    rows: list[dict[str, Any]]
    after: str | None
    count: int
    totals: dict[str, int]


def parse_filters(query: Query, texts: Mapping[str, str]) -> dict[str, Any]:
    """The search fields' values by key; a field that is unknown or cannot be read is refused."""
    filters = {f.field.key: f.field for f in query.filters}
    values: dict[str, Any] = {}
    for key, text in texts.items():
        if key not in filters:
            raise refused("N03", why="没有这个查询条件")
        if not text:
            continue
        value = filters[key].kind.read(text)
        if value is None:
            raise refused("N03", why=f"{filters[key].label}不能识别")
        values[key] = value
    if any(spec.required and key not in values for key, spec in filters.items()):
        raise refused("N03", why="缺少查询条件")
    if found := list(check_ranges(query, values)):
        raise Refused(found[0], found)
    return values


def parse_sort(query: Query, text: str) -> Sort | None:
    """``key`` or ``-key``, the latter from the greatest to the least."""
    if not text:
        return None
    key = text.removeprefix("-")
    for column in query.sortable:
        if column.key == key:
            return Sort(column, text != key)
    raise refused("N03", why="不能按该列排序")


async def run(
    conn: Connection,
    query: Query,
    unit_id: int,
    values: Mapping[str, Any],
    after: str | None = None,
    limit: int = 200,
    sort: Sort | None = None,
) -> Page:
    """One page of the unit's own rows, at most ``PAGE_MAX``; totals and count with the first."""
    limit = min(limit, PAGE_MAX)
    params = await _params(conn, query, unit_id, values) | {"limit": limit + 1}
    matching = _matching(query, values)
    beyond = ""
    if after is not None:
        beyond, place = _beyond(query, sort, after)
        params |= place
    text = _paged(query, sort, matching + beyond)
    async with conn.cursor(row_factory=dict_row) as cursor:
        try:
            await cursor.execute(sql.SQL(text), params)
        except DataError:
            if after is None:
                raise
            raise refused("N03", why="不能识别翻页位置") from None
        rows = await cursor.fetchall()
    following = cursor_at(query, sort, rows[limit - 1]) if len(rows) > limit else None
    count, totals = 0, dict[str, int]()
    if after is None and following is None:
        count, totals = len(rows), _sums(query, rows)
    elif after is None:
        count, totals = await _totals(conn, query, matching, params)
    return Page(rows[:limit], following, count, totals)


async def _params(
    conn: Connection, query: Query, unit_id: int, values: Mapping[str, Any]
) -> dict[str, Any]:
    params = {"unit_id": unit_id, **values}
    if query.facts:
        unit = await units.facts(conn, unit_id)
        params |= {key: getattr(unit, key) for key in query.facts}
    return params


def _matching(query: Query, values: Mapping[str, Any]) -> str:
    conditions = (f" and ({f.where})" for f in query.filters if f.where and f.field.key in values)
    return f"from ({query.source}) q where true{''.join(conditions)}"


def _paged(query: Query, sort: Sort | None, matching: str) -> str:
    """A page's rows; where they are found by their keys, first the keys alone."""
    ordering = _ordering(query, sort)
    keys = ", ".join(query.keys) if query.found_by_key else ""
    page = f"select {keys or '*'} {matching} order by {ordering} limit %(limit)s"
    if not keys:
        return page
    return f"select q.* from ({page}) k join ({query.source}) q using ({keys}) order by {ordering}"


def _ordering(query: Query, sort: Sort | None) -> str:
    direction = " desc" if query.newest_first else ""
    keys = ", ".join(f"{key}{direction}" for key in query.keys)
    if sort is None:
        return keys
    falling = " desc" if sort.is_descending else ""
    return f"{_sorted(query, sort)}{falling} nulls last, {keys}"


def _sorted(query: Query, sort: Sort) -> str:
    """What rows are compared by."""
    key = sort.column.key
    value = DICTIONARY.format(key) if isinstance(sort.column.kind, Text) else key
    return query.sorted_as.get(key, value)


# A cursor is the order's values of the last row, by commas, and when sorted, after a colon, what it
# has in that column; without the colon it has nothing there. The database reads the texts by the
# columns' types, and refuses those that are none.


def cursor_at(query: Query, sort: Sort | None, row: Mapping[str, Any]) -> str:
    """What comes after this row is the page that ``run`` gives for it."""
    place = ",".join(str(row[key]) for key in query.keys)
    value = row[sort.column.key] if sort else None
    return place if value is None else f"{place}:{value}"


def _beyond(query: Query, sort: Sort | None, after: str) -> tuple[str, dict[str, str]]:
    """The condition for what comes after a cursor, and its values."""
    place, colon, value = after.partition(":")
    parts = place.split(",")
    if len(parts) != len(query.keys) or (colon and sort is None) or "\0" in after:
        raise refused("N03", why="不能识别翻页位置")
    names = [f"after_{number}" for number in range(len(parts))]
    found = dict(zip(names, parts, strict=True))
    marks = ", ".join(f"%({name})s" for name in names)
    later = f"({', '.join(query.keys)}) {'<' if query.newest_first else '>'} ({marks})"
    if sort is None:
        return f" and {later}", found
    if not colon:
        return f" and {sort.column.key} is null and {later}", found
    key, mark = sort.column.key, "%(after_value)s"
    # Converted once, not for every row; what is equal needs no converting.
    bound = f"(select {DICTIONARY.format(mark)})" if isinstance(sort.column.kind, Text) else mark
    step = "<" if sort.is_descending else ">"
    beyond = f"{_sorted(query, sort)} {step} {bound} or {key} is null or {key} = {mark} and {later}"
    return f" and ({beyond})", found | {"after_value": value}


def _sums(query: Query, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {c.key: sum(row[c.key] or 0 for row in rows) for c in query.columns if c.summed}


async def _totals(
    conn: Connection, query: Query, matching: str, params: Mapping[str, Any]
) -> tuple[int, dict[str, int]]:
    summed = [column.key for column in query.columns if column.summed]
    sums = "".join(f", coalesce(sum({key}), 0)::bigint" for key in summed)
    cursor = await conn.execute(sql.SQL(f"select count(*){sums} {matching}"), params)
    row = await cursor.fetchone()
    assert row is not None
    return row[0], dict(zip(summed, row[1:], strict=True))


async def all_rows(
    conn: Connection,
    query: Query,
    unit_id: int,
    values: Mapping[str, Any],
    sort: Sort | None = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Every row, through a cursor on the server: memory stays flat."""
    text = f"select * {_matching(query, values)} order by {_ordering(query, sort)}"
    async with conn.cursor(name=f"all_{query.code}", row_factory=dict_row) as cursor:
        cursor.itersize = PAGE_MAX
        await cursor.execute(sql.SQL(text), await _params(conn, query, unit_id, values))
        async for row in cursor:
            yield row


def inside(kind: Kind, value: Any) -> Any:
    """A value as the database gives it, as the kind's own type."""
    return Month(value) if value is not None and kind.python is Month else value


def wire(kind: Kind, value: Any) -> Any:
    """A value as the API gives it: months and days as text, money in fen."""
    value = inside(kind, value)
    if value is None or (kind.python is int and not kind.is_text_on_wire):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
