"""A query's rows as a list to print: the same layout as a receipt's, without number and seal."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from server import queries, units
from server.business.query import Query
from server.business.refusals import refused
from server.db import Connection
from server.queries import Sort
from server.receipts.layout import Column, Paper, ReceiptData

ROWS_MAX = 10_000
WIDE_PX = 800  # What is wider lies across.
STATEMENT = "本表为网厅查询结果，不作业务凭证"


async def list_of(
    conn: Connection,
    query: Query,
    unit_id: int,
    operator: str,
    values: Mapping[str, Any],
    sort: Sort | None,
) -> ReceiptData:
    """All rows that match; refused (N16) when they are more than ``ROWS_MAX``."""
    page = await queries.run(conn, query, unit_id, values, limit=1)
    if page.count > ROWS_MAX:
        raise refused("N16", count=page.count, limit=ROWS_MAX)
    unit = await units.facts(conn, unit_id)
    found = await conn.execute("select name, to_char(now(), 'YYYY-MM-DD HH24:MI:SS') from centre")
    centre, now = await found.fetchone() or ("", "")
    rows = [
        [
            "" if row[c.key] is None else c.kind.show(_readable(queries.inside(c.kind, row[c.key])))
            for c in query.columns
        ]
        async for row in queries.all_rows(conn, query, unit_id, values, sort)
    ]
    is_wide = sum(column.width for column in query.columns) > WIDE_PX
    return ReceiptData(
        centre=centre,
        title=query.label,
        number="",
        serial="",
        unit_name=unit.name,
        unit_account=str(unit_id),
        issued="",
        operator=operator,
        login="",
        code="",
        url="",
        seal="",
        facts=[("打印时间", now), ("查询条件", _conditions(query, values))],
        columns=[
            Column(c.label, c.width, "right" if c.kind.align_right else "left", c.summed)
            for c in query.columns
        ],
        rows=rows,
        row_unit="行",
        statement=STATEMENT,
        paper=Paper.A4_WIDE if is_wide else Paper.A4,
    )


def _conditions(query: Query, values: Mapping[str, Any]) -> str:
    told = (
        f"{f.field.label} {f.field.kind.show(values[f.field.key])}"
        for f in query.filters
        if f.field.key in values
    )
    return "；".join(told) or "全部"


def _readable(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.datetime) else value
