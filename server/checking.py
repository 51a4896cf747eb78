"""Checks a batch or a form over the facts that only the database knows, as it stands now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from server import elsewhere, people, queries, registration, units
from server.business.back_payment import EARLIEST
from server.business.base import Business, Spread
from server.business.check import Checked, Texts, check_batch, check_head
from server.business.facts import Due, OtherUnit, Past, Person, Status, Unit
from server.business.month import Month
from server.business.queries import query_of
from server.db import Connection

NOBODY = 0  # no operator of the unit: the counter, or a machine


async def check(
    conn: Connection,
    unit_id: int,
    business: Business,
    head: Texts,
    rows: Sequence[Texts],
    operator_id: int = NOBODY,
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Unit, Checked]:
    """What submitting these texts would find, without changing anything; and the facts of it.

    ``operator_id`` is who acts, for what they may change of themselves; ``choices`` are those of
    another day, on which the texts were accepted."""
    unit = await units.facts(conn, unit_id)
    if choices is not None:
        unit = replace(unit, choices=choices)
    if any(spec.today for spec in business.head):
        unit = await registration.with_registration(conn, unit, operator_id)
    if business.daily_limit:
        unit = await units.with_left_today(conn, unit, business)
    other_id = elsewhere.taken_from(business, head)
    other = await elsewhere.other_unit(conn, other_id) if other_id is not None else None
    persons, taken = await _persons(
        conn, unit_id, business, rows if business.is_batch else [head], other
    )  # fmt: skip
    due = await _due(conn, unit, business, head)
    past: Mapping[int, Past] = {}
    if business.payment is not None and business.payment.spread is Spread.ROWS:
        months = _months(business, unit, rows)
        unit = await units.with_rules(conn, unit, months)
        past = await people.past(conn, unit_id, [p.account for p in persons.values()], months)
    elif business.leaves in business.takes:
        past = await people.changes(conn, unit_id, business, [p.account for p in persons.values()])
    elif business.takes == (Status.SEALED,):
        past = await people.seal_reasons(conn, unit_id, [p.account for p in persons.values()])
    totals = await _totals(conn, unit, business, head)
    # Seconds of pure Python for the largest batches: not on the event loop.
    return unit, await asyncio.to_thread(
        check_batch,
        business,
        unit,
        head,
        rows,
        persons,
        due,
        True,
        taken,
        past,
        totals,
        other,
    )


def _months(business: Business, unit: Unit, rows: Sequence[Texts]) -> range:
    """The past months that the rows of a payment speak of, from the first to the last."""
    keys = [f.key for f in business.rows if f.typed and f.kind.python is Month]
    found = [month for key in keys for month in _parsed(business, key, rows)]
    if not found:
        return range(0)
    return range(max(min(found), EARLIEST), min(max(found), unit.paid_through) + 1)


async def _totals(
    conn: Connection, unit: Unit, business: Business, head: Texts
) -> Mapping[str, int]:
    """What a form's preview comes to, where the head sums it up and all it asks is known."""
    if business.is_batch or not any(spec.sum_of for spec in business.head):
        return {}
    query, known = query_of(business.preview), check_head(business, unit, head, None).head
    values = {f.field.key: known[f.field.key] for f in query.filters if f.field.key in known}
    if any(f.field.required and f.field.key not in values for f in query.filters):
        return {}
    return (await queries.run(conn, query, unit.unit_id, values, limit=1)).totals


async def _persons(
    conn: Connection,
    unit_id: int,
    business: Business,
    rows: Sequence[Texts],
    other: OtherUnit | None,
) -> tuple[dict[Any, Person], dict[str, set[str]]]:
    """The persons that rows or a form name, and what others have already of what must be told."""
    if not business.person_key:
        return {}, {}
    keys = _parsed(business, business.person_key, rows)
    taken = {
        spec.key: await people.taken_phones(conn, _parsed(business, spec.key, rows))
        for spec in business.fields
        if spec.taken_code
    }
    if business.takes_from:
        is_other = other is not None and other.unit_id != unit_id
        return await elsewhere.find(conn, other.unit_id, keys) if is_other and other else {}, taken
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
