"""Checks a batch or a form over the facts that only the database knows, as it stands now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from server import people, units
from server.business.back_payment import EARLIEST
from server.business.base import Business, Due, Past, Person, Spread, Unit
from server.business.check import Checked, Texts, check_batch
from server.business.month import Month
from server.db import Connection


async def check(
    conn: Connection,
    unit_id: int,
    business: Business,
    head: Texts,
    rows: Sequence[Texts],
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Unit, Checked]:
    """What submitting these texts would find, without changing anything; and the facts of it.
    ``choices`` are those of another day, on which the texts were accepted."""
    unit = await units.facts(conn, unit_id)
    if choices is not None:
        unit = replace(unit, choices=choices)
    persons, taken = await _persons(conn, unit_id, business, rows)
    due = await _due(conn, unit, business, head)
    past: Mapping[int, Past] = {}
    if business.payment is not None and business.payment.spread is Spread.ROWS:
        months = _months(business, unit, rows)
        unit = await units.with_rules(conn, unit, months)
        past = await people.past(conn, unit_id, [p.account for p in persons.values()], months)
    # Seconds of pure Python for the largest batches: not on the event loop.
    return unit, await asyncio.to_thread(
        check_batch, business, unit, head, rows, persons, due, True, taken, past
    )


def _months(business: Business, unit: Unit, rows: Sequence[Texts]) -> range:
    """The past months that the rows of a payment speak of, from the first to the last."""
    keys = [f.key for f in business.rows if f.typed and f.kind.python is Month]
    found = [month for key in keys for month in _parsed(business, key, rows)]
    if not found:
        return range(0)
    return range(max(min(found), EARLIEST), min(max(found), unit.paid_through) + 1)


async def _persons(
    conn: Connection, unit_id: int, business: Business, rows: Sequence[Texts]
) -> tuple[dict[Any, Person], dict[str, set[str]]]:
    """The persons that the rows name, and what others have already of what must be told."""
    if not business.is_batch:
        return {}, {}
    keys = _parsed(business, business.person_key, rows)
    taken = {
        spec.key: await people.taken_phones(conn, _parsed(business, spec.key, rows))
        for spec in business.rows
        if spec.taken_code
    }
    return await people.find(conn, unit_id, business, keys), taken


def _parsed(business: Business, key: str, rows: Sequence[Texts]) -> list[Any]:
    kind = business.field(key).kind
    return [v for v in (kind.read(row.get(key, "")) for row in rows) if v is not None]


async def _due(
    conn: Connection, unit: Unit, business: Business, head: Texts
) -> Mapping[Month, Due] | None:
    """What the unpaid months come to, if the roster is paid; None for an absurd month."""
    payment = business.payment
    if payment is None or payment.spread is not Spread.ROSTER:
        return None
    until = business.field(payment.until).kind.read(head.get(payment.until, ""))
    if until is None or until > unit.month_now.plus(unit.remit_ahead_months):
        return None
    return await units.due(conn, unit.unit_id, unit.next_month, until)
