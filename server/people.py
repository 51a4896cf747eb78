"""Person accounts: finding them, and what is known of their months."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from server.business.base import Business, Counted, Line
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES
from server.business.facts import Past, PastMonth, Person, Status
from server.business.month import Month
from server.business.sealing import SEALING
from server.db import Connection

FOREVER = Month.of(2999, 12)

PERSON = """
    a.acct_id, a.unit_id, a.name, a.status, a.base_fen, a.unit_fen, a.personal_fen, a.balance_fen,
    a.from_month, a.until_month, a.start_month, a.paid_through, a.is_frozen, a.id_mask, a.phone_mask
"""


def read_person(row: Sequence[Any]) -> Person:
    (
        account,
        unit_id,
        name,
        status,
        base,
        unit,
        personal,
        balance,
        start,
        until,
        began,
        paid,
        frozen,
        mask,
        phone,
    ) = row
    return Person(
        account=account,
        unit_id=unit_id,
        name=name,
        status=Status(status),
        base_fen=base,
        unit_fen=unit,
        personal_fen=personal,
        balance_fen=balance,
        from_month=Month(start),
        until_month=None if until == FOREVER else Month(until),
        start_month=None if began is None else Month(began),
        paid_through=None if paid is None else Month(paid),
        is_frozen=frozen,
        id_tail=mask,
        phone=phone,
    )


def _persons(rows: Sequence[Sequence[Any]]) -> list[Person]:
    """For a thread: a large unit's would hold up the event loop."""
    return [read_person(row) for row in rows]


async def roster(conn: Connection, unit_id: int) -> list[Person]:
    """All of the unit's people whose accounts are open, by account number."""
    rows = await conn.execute(
        f"""
        select {PERSON} from account a
        where unit_id = %s and status in ('01', '02') order by acct_id
        """,
        (unit_id,),
    )
    return await asyncio.to_thread(_persons, await rows.fetchall())


async def find(
    conn: Connection, unit_id: int, business: Business, keys: Sequence[Any]
) -> dict[Any, Person]:
    """The persons a batch names: by account in the unit, or by ID number in the whole centre."""
    if business.person_key == "id_number":
        rows = await conn.execute(
            f"""select p.id_number, {PERSON} from person p
                join account a on a.unit_id = p.unit_id and a.acct_id = p.acct_id
                where p.id_number = any(%s)""",
            (list(keys),),
        )
    elif not business.is_batch:  # A form about one person, whose phone it may compare.
        rows = await conn.execute(
            f"""select a.acct_id, {PERSON.replace("a.phone_mask", "p.phone")} from account a
                join person p on p.unit_id = a.unit_id and p.acct_id = a.acct_id
                where a.unit_id = %s and a.acct_id = any(%s)""",
            (unit_id, list(keys)),
        )
    else:
        rows = await conn.execute(
            f"""select a.acct_id, {PERSON} from account a
                where unit_id = %s and acct_id = any(%s) and status <> '99'""",
            (unit_id, list(keys)),
        )
    found = await rows.fetchall()
    persons = await asyncio.to_thread(_persons, [row[1:] for row in found])
    return {row[0]: person for row, person in zip(found, persons, strict=True)}


# What each business credits a person's month as, by its description.
COUNTED = [
    (business.code, kind, counted.value)
    for business in BUSINESSES + COUNTER_BUSINESSES
    if business.payment
    for kind, counted in business.payment.counts.items()
]
CODES, KINDS, COUNTS = (list(column) for column in zip(*COUNTED, strict=True))
SUMS = ", ".join(
    f"coalesce(sum(e.amount_fen) filter (where w.counted = '{counted}'), 0)::bigint"
    for counted in Counted
)
PAST = f"""
    select e.acct_id, e.month, {SUMS}, sum(e.unit_fen)::bigint
    from {{entries}}
    left join txn o on o.unit_id = t.unit_id and o.txn_id = t.reverses
    join unnest(%(codes)s::text[], %(kinds)s::text[], %(counts)s::text[])
         as w(business, kind, counted)
      on w.business = coalesce(o.business, t.business) and w.kind in ('', coalesce(o.kind, t.kind))
    where e.unit_id = %(unit)s and e.acct_id = any(%(accounts)s)
      and e.month between %(first)s and %(last)s
    group by 1, 2
"""
PAST_HERE = PAST.format(
    entries="""txn_part p
    join entry e on e.unit_id = p.unit_id and e.txn_id = p.txn_id and e.month = p.month
                and p.unit_id = %(unit)s and p.month between %(first)s and %(last)s
    join txn t on t.unit_id = p.unit_id and t.txn_id = p.txn_id"""
)
PAST_ELSEWHERE = PAST.format(
    entries="""earlier_entry e
    join txn t on t.unit_id = e.in_unit and t.txn_id = e.txn_id and e.in_unit <> e.unit_id"""
)


async def past(
    conn: Connection, unit_id: int, accounts: Sequence[int], months: range
) -> dict[int, Past]:
    """What each account was credited for each of ``months``, reversals taken off; also by the units
    that had it before."""
    values = {
        "unit": unit_id, "accounts": list(accounts), "first": months.start, "last": months.stop - 1,
        "codes": CODES, "kinds": KINDS, "counts": COUNTS,
    }  # fmt: skip
    found = await _past_months(conn, PAST_HERE, values)
    elsewhere = await _past_months(conn, PAST_ELSEWHERE, values)
    began = await conn.execute(
        "select acct_id, work_day from person where unit_id = %(unit)s"
        " and acct_id = any(%(accounts)s) and work_day is not null",
        values,
    )
    works = {account: Month.of_day(day) for account, day in await began.fetchall()}
    corrections = await conn.execute(
        "select acct_id, array_agg(month::int) from correction where unit_id = %(unit)s"
        " and acct_id = any(%(accounts)s) group by 1",
        values,
    )
    marked = {acct: frozenset(map(Month, once)) for acct, once in await corrections.fetchall()}
    return {
        account: Past(
            found.get(account, {}),
            works.get(account),
            marked.get(account, frozenset()),
            elsewhere=elsewhere.get(account, {}),
        )
        for account in accounts
    }


async def changes(
    conn: Connection, unit_id: int, business: Business, accounts: Sequence[int]
) -> dict[int, Past]:
    """From which months each account was changed by this business (ruling 3: not by unsealing)."""
    rows = await conn.execute(
        "select acct_id, array_agg(month::int) from event"
        " where unit_id = %s and acct_id = any(%s) and std = %s group by 1",
        (unit_id, list(accounts), business.std),
    )
    found = {account: tuple(map(Month, months)) for account, months in await rows.fetchall()}
    return {account: Past({}, changes=found.get(account, ())) for account in accounts}


async def seal_reasons(conn: Connection, unit_id: int, accounts: Sequence[int]) -> dict[int, Past]:
    """Why the unit sealed each account the last time."""
    rows = await conn.execute(
        """
        select distinct on (acct_id) acct_id, reason from event
        where unit_id = %s and acct_id = any(%s) and std = %s and reason is not null
        order by acct_id, txn_id desc
        """,
        (unit_id, list(accounts), SEALING.std),
    )
    return {account: Past({}, seal_reason=reason) for account, reason in await rows.fetchall()}


async def _past_months(
    conn: Connection, query: str, values: Mapping[str, object]
) -> dict[int, dict[Month, PastMonth]]:
    found: dict[int, dict[Month, PastMonth]] = {}
    rows = await conn.execute(query, values)
    for account, month, *parts, corrected_fen, unit_fen in await rows.fetchall():
        remitted, made_up, short, free = _less(parts, -corrected_fen)
        months = found.setdefault(account, {})
        months[Month(month)] = PastMonth(remitted, made_up, short, free, unit_fen)
    return found


def _less(parts: list[int], taken_fen: int) -> list[int]:
    """``parts`` without ``taken_fen``, taken from the first as far as it goes."""
    left = []
    for part in parts:
        off = min(part, taken_fen)
        left.append(part - off)
        taken_fen -= off
    return left


async def mark_corrected(
    conn: Connection, unit_id: int, txn_id: int, lines: Sequence[Line]
) -> None:
    """Each person's month is corrected once; a second time violates the key."""
    await conn.execute(
        """
        insert into correction (unit_id, acct_id, month, txn_id)
        select %s, acct_id, month, %s from unnest(%s::bigint[], %s::int[]) as l(acct_id, month)
        """,
        (unit_id, txn_id, [line.account for line in lines], [int(line.month) for line in lines]),
    )


async def taken_phones(conn: Connection, phones: Sequence[str]) -> set[str]:
    """Those of ``phones`` that some person has already (K07)."""
    rows = await conn.execute("select phone from person where phone = any(%s)", (list(phones),))
    return {row[0] for row in await rows.fetchall()}
