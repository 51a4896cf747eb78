"""Person accounts: finding them, and what a business changes on them besides money, set-based."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server.business.base import (
    Business,
    Line,
    Past,
    PastMonth,
    Person,
    Status,
    Unit,
    Values,
)
from server.business.identity import with_account_check
from server.business.kinds import DocumentNumber, Phone
from server.business.month import Month
from server.db import Connection

CENTRE_PREFIX = 5323  # the prefecture's code opens every person account number
FOREVER = Month.of(2999, 12)

PERSON = """
    a.acct_id, a.unit_id, a.name, a.status, a.base_fen, a.unit_fen, a.personal_fen, a.balance_fen,
    a.from_month, a.until_month, a.paid_through, a.is_frozen, a.id_mask
"""


def _person(row: Sequence[Any]) -> Person:
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
        paid,
        frozen,
        mask,
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
        paid_through=None if paid is None else Month(paid),
        is_frozen=frozen,
        id_tail=mask,
    )


def _persons(rows: Sequence[Sequence[Any]]) -> list[Person]:
    """For a thread: a large unit's would hold up the event loop."""
    return [_person(row) for row in rows]


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
    else:
        rows = await conn.execute(
            f"select a.acct_id, {PERSON} from account a where unit_id = %s and acct_id = any(%s)",
            (unit_id, list(keys)),
        )
    found = await rows.fetchall()
    persons = await asyncio.to_thread(_persons, [row[1:] for row in found])
    return {row[0]: person for row, person in zip(found, persons, strict=True)}


PAST = """
    select e.acct_id, e.month,
           coalesce(sum(e.amount_fen) filter (where w.what = 'remittance'), 0)::bigint,
           coalesce(sum(e.amount_fen) filter (where w.what = 'full'), 0)::bigint,
           coalesce(sum(e.amount_fen) filter (where w.what = 'difference'), 0)::bigint,
           coalesce(sum(e.amount_fen) filter (where w.what = 'free'), 0)::bigint,
           coalesce(sum(e.amount_fen) filter (where w.what = 'correction'), 0)::bigint,
           sum(e.unit_fen)::bigint
    from txn_part p
    join entry e on e.unit_id = p.unit_id and e.txn_id = p.txn_id and e.month = p.month
    join txn t on t.unit_id = p.unit_id and t.txn_id = p.txn_id
    left join txn o on o.unit_id = t.unit_id and o.txn_id = t.reverses
    cross join lateral (
        select case coalesce(o.business, t.business)
               when 'back_payment' then case coalesce(o.kind, t.kind)
                    when '1' then 'full' when '2' then 'difference' else 'free' end
               else coalesce(o.business, t.business) end as what) w
    where p.unit_id = %(unit)s and e.acct_id = any(%(accounts)s)
      and p.month between %(first)s and %(last)s and w.what <> 'settlement'
    group by 1, 2
"""


async def past(
    conn: Connection, unit_id: int, accounts: Sequence[int], months: range
) -> dict[int, Past]:
    """What each account was credited for each of ``months``, reversals taken off."""
    values = {
        "unit": unit_id, "accounts": list(accounts), "first": months.start, "last": months.stop - 1,
    }  # fmt: skip
    found: dict[int, dict[Month, PastMonth]] = {account: {} for account in accounts}
    rows = await conn.execute(PAST, values)
    for account, month, *parts, corrected_fen, unit_fen in await rows.fetchall():
        remitted, made_up, short, free = _less(parts, -corrected_fen)
        found[account][Month(month)] = PastMonth(remitted, made_up, short, free, unit_fen)
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
        account: Past(found[account], works.get(account), marked.get(account, frozenset()))
        for account in accounts
    }


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


async def apply(
    conn: Connection, business: Business, unit: Unit, txn_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    """Opens, seals or starts the accounts of ``rows``, as the description's statuses say.

    The caller holds the unit's lock and has checked the rows against it. Opening fills each row's
    ``account``.
    """
    if business.leaves is None:
        return
    if not business.takes:
        await _open(conn, unit, rows)
    elif business.leaves is Status.SEALED:
        await _record(conn, business, unit, txn_id, rows)
        await _seal(conn, unit, rows)
        return
    else:
        await _record(conn, business, unit, txn_id, rows)
        await _restart(conn, unit, txn_id, rows)
        return
    await _record(conn, business, unit, txn_id, rows)


def _column(
    rows: Sequence[Values], key: str, cast: Callable[[Any], Any] = lambda v: v
) -> list[Any]:
    return [None if row.get(key) is None else cast(row[key]) for row in rows]


async def _open(conn: Connection, unit: Unit, rows: Sequence[dict[str, Any]]) -> None:
    numbers = await conn.execute(
        "select nextval('account_number') from generate_series(1, %s)", (len(rows),)
    )
    for row, (number,) in zip(rows, await numbers.fetchall(), strict=True):
        row["account"] = with_account_check(CENTRE_PREFIX * 10_000_000 + number)
    await conn.execute(
        """
        insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month,
                             base_fen, unit_fen, personal_fen, opened_day)
        select %(unit)s, acct_id, name, id_mask, phone_mask, '01', month,
               base, unit_fen, personal_fen, %(day)s
        from unnest(%(accounts)s::bigint[], %(names)s::text[], %(ids)s::text[], %(phones)s::text[],
                    %(months)s::int[], %(bases)s::bigint[], %(units)s::bigint[],
                    %(personals)s::bigint[])
             as t(acct_id, name, id_mask, phone_mask, month, base, unit_fen, personal_fen)
        order by acct_id
        """,
        {
            "unit": unit.unit_id,
            "day": unit.business_day,
            "accounts": _column(rows, "account"),
            "names": _column(rows, "name"),
            "ids": _column(rows, "id_number", DocumentNumber().mask),
            "phones": _column(rows, "phone", Phone().mask),
            **_amounts(rows),
        },
    )
    await _insert_persons(conn, unit, rows)


PERSON_TEXTS = (
    "id_number", "id_type", "name", "sex", "phone", "marriage", "education", "occupation",
    "address", "card",
)  # fmt: skip


async def _insert_persons(conn: Connection, unit: Unit, rows: Sequence[Values]) -> None:
    arrays = ", ".join(f"%({key})s::text[]" for key in PERSON_TEXTS)
    names = ", ".join(PERSON_TEXTS)
    values: dict[str, object] = {key: _column(rows, key) for key in PERSON_TEXTS}
    days: Mapping[str, list[datetime.date | None]] = {
        k: _column(rows, k) for k in ("born", "work_day")
    }
    await conn.execute(
        f"""
        insert into person (unit_id, acct_id, born, work_day, {names})
        select %(unit)s, acct_id, born, work_day, {names}
        from unnest(%(accounts)s::bigint[], %(born)s::date[], %(work_day)s::date[], {arrays})
             as t(acct_id, born, work_day, {names})
        order by id_number
        """,
        {"unit": unit.unit_id, "accounts": _column(rows, "account"), **days, **values},
    )


def _amounts(rows: Sequence[Values]) -> dict[str, object]:
    return {
        "months": _column(rows, "month", int),
        "bases": _column(rows, "base"),
        "units": _column(rows, "unit_fen"),
        "personals": _column(rows, "personal_fen"),
    }


async def _record(
    conn: Connection, business: Business, unit: Unit, txn_id: int, rows: Sequence[Values]
) -> None:
    """One event a person: what the account was before, and what it is from the month on."""
    inserted = await conn.execute(
        """
        insert into event (unit_id, acct_id, txn_id, std, month, reason, remark, status_before,
                           base_before_fen, base_fen, unit_fen, personal_fen)
        select %(unit)s, t.acct_id, %(txn)s, %(std)s, t.month, t.reason, t.remark, %(before)s,
               case when %(before)s::text is not null then a.base_fen end,
               coalesce(t.base, a.base_fen), coalesce(t.unit_fen, a.unit_fen),
               coalesce(t.personal_fen, a.personal_fen)
        from unnest(%(accounts)s::bigint[], %(months)s::int[], %(bases)s::bigint[],
                    %(units)s::bigint[], %(personals)s::bigint[], %(reasons)s::text[],
                    %(remarks)s::text[])
             as t(acct_id, month, base, unit_fen, personal_fen, reason, remark)
        join account a on a.unit_id = %(unit)s and a.acct_id = t.acct_id
        """,
        {
            "unit": unit.unit_id,
            "txn": txn_id,
            "std": business.std,
            "before": business.takes[0] if business.takes else None,
            "accounts": _column(rows, "account"),
            "reasons": _column(rows, "reason"),
            "remarks": _column(rows, "remark"),
            **_amounts(rows),
        },
    )
    _all(inserted.rowcount, rows)


async def _seal(conn: Connection, unit: Unit, rows: Sequence[Values]) -> None:
    updated = await conn.execute(
        """
        update account a set status = '02', until_month = t.month
        from unnest(%(accounts)s::bigint[], %(months)s::int[]) as t(acct_id, month)
        where a.unit_id = %(unit)s and a.acct_id = t.acct_id and a.status = '01'
        """,
        {
            "unit": unit.unit_id,
            "accounts": _column(rows, "account"),
            "months": _column(rows, "month", int),
        },
    )
    _all(updated.rowcount, rows)


async def _restart(conn: Connection, unit: Unit, txn_id: int, rows: Sequence[Values]) -> None:
    """Ends the segment on the account row at the month, keeps it, and begins the next one there."""
    values = {
        "unit": unit.unit_id,
        "txn": txn_id,
        "accounts": _column(rows, "account"),
        **_amounts(rows),
    }
    await conn.execute(
        """
        insert into segment (unit_id, until_month, acct_id, txn_id, from_month, base_fen, unit_fen,
                             personal_fen)
        select a.unit_id, least(a.until_month, t.month), a.acct_id, %(txn)s, a.from_month,
               a.base_fen, a.unit_fen, a.personal_fen
        from unnest(%(accounts)s::bigint[], %(months)s::int[]) as t(acct_id, month)
        join account a on a.unit_id = %(unit)s and a.acct_id = t.acct_id
        where a.from_month < least(a.until_month, t.month)
        """,
        values,
    )
    updated = await conn.execute(
        """
        update account a set status = '01', from_month = t.month, until_month = %(forever)s,
               base_fen = t.base, unit_fen = t.unit_fen, personal_fen = t.personal_fen
        from unnest(%(accounts)s::bigint[], %(months)s::int[], %(bases)s::bigint[],
                    %(units)s::bigint[], %(personals)s::bigint[])
             as t(acct_id, month, base, unit_fen, personal_fen)
        where a.unit_id = %(unit)s and a.acct_id = t.acct_id
        """,
        values | {"forever": int(FOREVER)},
    )
    _all(updated.rowcount, rows)


def _all(count: int, rows: Sequence[Values]) -> None:
    """A join that misses a person is silent in SQL; here it is not."""
    if count != len(rows):
        raise RuntimeError(f"{len(rows) - count} of {len(rows)} accounts were not found")
