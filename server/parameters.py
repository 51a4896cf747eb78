"""The centre's parameters with effective dates; what is in force on a day counts that day."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import cast

from server.db import Connection

# Defaults of domain 13. The base limits are those of a neighbouring prefecture and not confirmed
# for this centre: whoever reads them out is told so (``UNCONFIRMED``).
DEFAULTS: Mapping[str, str] = {
    "rounding": "EACH_YUAN",
    "remit_ahead_months": "0",
    "base_upper_fen": "2573700",
    "base_lower_fen": "202000",
    "payment_limit_fen": "10000000000",
    "bank_timeout_s": "60",
}
UNCONFIRMED = frozenset({"base_upper_fen", "base_lower_fen", "rounding"})


async def in_force(conn: Connection, day: datetime.date, scope: str) -> dict[str, str]:
    """Every parameter on ``day``; a value for ``scope`` (a county) goes before the general one."""
    rows = await conn.execute(
        """
        select distinct on (key) key, value from parameter
        where from_day <= %s and scope in ('', %s)
        order by key, scope desc, from_day desc
        """,
        (day, scope),
    )
    return {**DEFAULTS, **dict(await rows.fetchall())}


async def set_parameter(
    conn: Connection, key: str, value: str, from_day: datetime.date, set_by: str, scope: str = ""
) -> None:
    """Adds a value from a day on. Values already recorded are never changed."""
    if key not in DEFAULTS:
        raise KeyError(key)
    await conn.execute(
        "insert into parameter (key, scope, from_day, value, set_by) values (%s, %s, %s, %s, %s)",
        (key, scope, from_day, value, set_by),
    )


async def business_day(conn: Connection) -> datetime.date:
    """营业日: the centre's, never the machine's clock."""
    row = await (await conn.execute("select business_day from centre")).fetchone()
    assert row is not None, "the centre has been opened"
    return cast(datetime.date, row[0])


async def end_day(conn: Connection, next_day: datetime.date) -> datetime.date:
    """Day end: moves the business day forward; it never goes back."""
    rows = await conn.execute(
        "update centre set business_day = %s where business_day < %s returning business_day",
        (next_day, next_day),
    )
    row = await rows.fetchone()
    if row is None:
        raise ValueError("营业日只能向前")
    return cast(datetime.date, row[0])
