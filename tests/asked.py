"""What each query is asked with where all of them are: a value for each field that it needs."""

from __future__ import annotations

from typing import Any

from server import queries
from server.business.kinds import Kind, MonthKind, Ratio
from server.business.queries import QUERIES
from server.business.query import PARENT, Query
from server.db import Connection
from tests.factory import NEXT_MONTH

SAMPLES: dict[type[Kind], Any] = {MonthKind: NEXT_MONTH.plus(1), Ratio: 1100}


async def values_of(conn: Connection, query: Query, unit_id: int) -> dict[str, Any] | None:
    """A drill-down is given the first row of whatever opens it; None where there is no such row."""
    needed = [f.field for f in query.filters if f.field.required]
    values = {f.key: SAMPLES[type(f.kind)] for f in needed if f.key != PARENT}
    if all(f.key != PARENT for f in needed):
        return values
    opener = next(q for q in QUERIES if q.drill == query.code)
    above = await values_of(conn, opener, unit_id)
    if above is None:
        return None
    rows = (await queries.run(conn, opener, unit_id, above)).rows
    return values | {PARENT: rows[0][opener.drill_by or opener.order]} if rows else None
