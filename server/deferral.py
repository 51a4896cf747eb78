"""缓缴: months that a unit need not remit; the counter grants and ends them (domain 4.14)."""

from __future__ import annotations

from server import units
from server.business.facts import UNIT_STATUSES, UnitStatus
from server.business.month import Month
from server.business.refusals import refused
from server.db import Connection

MONTHS_MAX = 12  # a year; another one may be granted after it


async def grant(conn: Connection, unit_id: int, first: Month, last: Month) -> None:
    """From ``first`` to ``last`` nothing is due; the unit's status becomes 缓缴 until it ends."""
    await units.lock(conn, unit_id)
    unit = await units.facts(conn, unit_id)
    if unit.status not in (UnitStatus.NORMAL, UnitStatus.OPENED):
        raise refused("G01", status=UNIT_STATUSES[unit.status])
    for serial in unit.paying.values():
        raise refused("G02", serial=serial)
    months = {Month(m) for m in range(first, last + 1)}
    if not 0 < len(months) <= MONTHS_MAX or months & unit.deferred:
        raise refused("E10", limit=MONTHS_MAX)
    if first < unit.next_month:
        raise refused("E11", low=unit.next_month)
    await conn.execute(
        """
        insert into deferral (unit_id, from_month, until_month, granted_day)
        values (%s, %s, %s, %s)
        on conflict (unit_id, from_month) do update  -- one that was ended before it began
            set until_month = excluded.until_month, granted_day = excluded.granted_day,
                ended_day = null
        """,
        (unit_id, int(first), int(last), unit.business_day),
    )
    await _set_status(conn, unit_id, UnitStatus.DEFERRED)


async def end(conn: Connection, unit_id: int, last: Month | None = None) -> None:
    """The unit remits again; with ``last`` the months after it are due after all."""
    await units.lock(conn, unit_id)
    unit = await units.facts(conn, unit_id)
    if unit.status is not UnitStatus.DEFERRED:
        raise refused("E12")
    await conn.execute(
        """
        update deferral set ended_day = %(day)s,
               until_month = greatest(least(until_month, %(last)s::int), from_month - 1)
        where unit_id = %(unit)s and ended_day is null
        """,
        {"unit": unit_id, "day": unit.business_day, "last": None if last is None else int(last)},
    )
    rows = await conn.execute(
        f"select exists (select from {units.REMITTED})",
        {"unit": unit_id, "roster": units.ROSTER},
    )
    has_remitted = (await rows.fetchone() or (False,))[0]
    await _set_status(conn, unit_id, UnitStatus.NORMAL if has_remitted else UnitStatus.OPENED)


async def _set_status(conn: Connection, unit_id: int, status: UnitStatus) -> None:
    await conn.execute("update unit set status = %s where unit_id = %s", (status, unit_id))
