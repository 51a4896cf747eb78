"""Runs a described query: filters, pages that follow each other by key, totals over all rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from server.business.kinds import Kind
from server.business.month import Month
from server.business.query import Query
from server.business.refusals import refused
from server.db import Connection

PAGE_MAX = 1000


@dataclass(frozen=True)
class Page:
    """Some rows by column key, the cursor of the next page, and over all pages count and totals."""

    rows: list[dict[str, Any]]
    after: int | None
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
    if "parent" in filters and "parent" not in values:
        raise refused("N03", why="缺少查询条件")
    return values


def _conditions(query: Query, values: Mapping[str, Any]) -> str:
    return "".join(f" and ({f.where})" for f in query.filters if f.field.key in values)


async def run(
    conn: Connection,
    query: Query,
    unit_id: int,
    values: Mapping[str, Any],
    after: int | None = None,
    limit: int = 200,
) -> Page:
    """One page of the unit's own rows, at most ``PAGE_MAX``; totals and count with the first."""
    params = {"unit_id": unit_id, **values, "after": after, "limit": min(limit, PAGE_MAX) + 1}
    matching = f"from ({query.source}) q where true{_conditions(query, values)}"
    step = "<" if query.newest_first else ">"
    direction = "desc" if query.newest_first else "asc"
    beyond = f" and {query.order} {step} %(after)s" if after is not None else ""
    text = f"select * {matching}{beyond} order by {query.order} {direction} limit %(limit)s"
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql.SQL(text), params)
        rows = await cursor.fetchall()
    has_more = len(rows) == params["limit"]
    rows = rows[: params["limit"] - 1]
    following = int(rows[-1][query.order]) if has_more else None
    count, totals = await _totals(conn, query, matching, params) if after is None else (0, {})
    return Page(rows, following, count, totals)


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
    conn: Connection, query: Query, unit_id: int, values: Mapping[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    """Every row, through a cursor on the server: memory stays flat."""
    direction = "desc" if query.newest_first else "asc"
    text = (
        f"select * from ({query.source}) q where true{_conditions(query, values)}"
        f" order by {query.order} {direction}"
    )
    async with conn.cursor(name=f"all_{query.code}", row_factory=dict_row) as cursor:
        cursor.itersize = PAGE_MAX
        await cursor.execute(sql.SQL(text), {"unit_id": unit_id, **values})
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
