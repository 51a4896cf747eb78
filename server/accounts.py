"""What a business changes on person accounts besides money, as its description says, set-based."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server import ratios
from server.business.base import Business
from server.business.facts import Status, Unit, Values
from server.business.identity import with_account_check
from server.business.kinds import DocumentNumber, Phone
from server.db import Connection
from server.people import FOREVER

CENTRE_PREFIX = 5323  # the prefecture's code opens every person account number


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
    await _record(conn, business, unit, txn_id, rows)
    if business.leaves is Status.SEALED:
        await _seal(conn, unit, rows)
        return
    if business.takes:
        await _restart(conn, unit, txn_id, rows)
    await ratios.follow(conn, unit, txn_id, rows)


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
                           base_before_fen, unit_before_fen, personal_before_fen,
                           base_fen, unit_fen, personal_fen)
        select %(unit)s, t.acct_id, %(txn)s, %(std)s, t.month, t.reason, t.remark, b.status,
               b.base_fen, b.unit_fen, b.personal_fen,
               coalesce(t.base, a.base_fen), coalesce(t.unit_fen, a.unit_fen),
               coalesce(t.personal_fen, a.personal_fen)
        from unnest(%(accounts)s::bigint[], %(months)s::int[], %(bases)s::bigint[],
                    %(units)s::bigint[], %(personals)s::bigint[], %(reasons)s::text[],
                    %(remarks)s::text[])
             as t(acct_id, month, base, unit_fen, personal_fen, reason, remark)
        join account a on a.unit_id = %(unit)s and a.acct_id = t.acct_id
        left join account b on b.unit_id = a.unit_id and b.acct_id = a.acct_id and %(is_known)s
        """,
        {
            "unit": unit.unit_id,
            "txn": txn_id,
            "std": business.std,
            "is_known": bool(business.takes),
            "accounts": _column(rows, "account"),
            "reasons": _column(rows, "reason"),
            "remarks": _column(rows, "remark"),
            **_amounts(rows),
        },
    )
    _all(inserted.rowcount, rows)


async def _seal(conn: Connection, unit: Unit, rows: Sequence[Values]) -> None:
    """Ends the segment that the month falls in, which may be an earlier one; later ones go."""
    values = {
        "unit": unit.unit_id,
        "accounts": _column(rows, "account"),
        "months": _column(rows, "month", int),
    }
    updated = await conn.execute(
        """
        update account a set status = '02', until_month = t.month,
               from_month = coalesce(s.from_month, a.from_month),
               base_fen = coalesce(s.base_fen, a.base_fen),
               unit_fen = coalesce(s.unit_fen, a.unit_fen),
               personal_fen = coalesce(s.personal_fen, a.personal_fen)
        from unnest(%(accounts)s::bigint[], %(months)s::int[]) as t(acct_id, month)
        left join segment s on s.unit_id = %(unit)s and s.acct_id = t.acct_id
                           and s.from_month <= t.month and s.until_month > t.month
        where a.unit_id = %(unit)s and a.acct_id = t.acct_id and a.status = '01'
        """,
        values,
    )
    _all(updated.rowcount, rows)
    await conn.execute(
        """
        delete from segment s using unnest(%(accounts)s::bigint[], %(months)s::int[])
                                    as t(acct_id, month)
        where s.unit_id = %(unit)s and s.acct_id = t.acct_id and s.until_month > t.month
        """,
        values,
    )


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
               start_month = case a.status when '01' then coalesce(a.start_month, a.from_month) end,
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
