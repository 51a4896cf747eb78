"""The journal as a stream: every voucher's lines down to unit and person, and the balances.

Nothing here names a person: accounts are numbers. Whatever the size, a few thousand rows are held.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from server.business.businesses import business_of
from server.business.month import Month
from server.db import Connection
from server.receipts.issue import show_number

Day = datetime.date
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Leaf:
    """An account with nothing below it: of the chart, and below 201 and 219 of a unit and, below
    201, of a person."""

    gl: str
    unit_id: int | None = None
    account: int | None = None


@dataclass(frozen=True, slots=True)
class Voucher:
    """What the lines of one transaction have in common."""

    day: Day
    unit_id: int
    txn_id: int
    label: str
    reverses: int | None
    number: str


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a voucher; red amounts are negative."""

    leaf: Leaf
    dr_fen: int
    cr_fen: int
    month: Month | None = None

    @property
    def amount_fen(self) -> int:
        """Debit less credit."""
        return self.dr_fen - self.cr_fen


# Account 201 is said by the entries, on the side on which the voucher has it.
LINES = """
    select t.biz_day, t.unit_id, t.txn_id, t.business, t.head->>'kind', t.reverses, r.year,
           r.number, l.gl, l.acct_id, l.month, l.dr_fen, l.cr_fen
    from (select *, exists (select from posting p where p.unit_id = x.unit_id
                                and p.txn_id = x.txn_id and p.debit = '201') as takes
          from txn x where biz_day between %(first)s and %(last)s) t
    left join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
    join (select unit_id, txn_id, line * 2 + (cr_fen <> 0)::int as line, gl,
                 null::bigint as acct_id, null::int as month, null::bigint as fen, dr_fen, cr_fen
          from voucher_line where gl <> '201'
          union all
          select unit_id, txn_id, 100000, '201', acct_id, month, amount_fen, 0, 0 from entry
         ) m on m.unit_id = t.unit_id and m.txn_id = t.txn_id
    cross join lateral (
        select m.gl, m.acct_id, m.month,
               case when m.fen is null then m.dr_fen when t.takes then -m.fen else 0 end as dr_fen,
               case when m.fen is null then m.cr_fen when t.takes then 0 else m.fen end as cr_fen
    ) l
    order by t.biz_day, t.txn_id, t.unit_id, m.line, m.acct_id, m.month
"""


async def journal(conn: Connection, first: Day, last: Day) -> AsyncIterator[tuple[Voucher, Line]]:
    """All lines from ``first`` to ``last``, in order, those of a voucher together."""
    async with conn.cursor(name="journal") as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(LINES, {"first": first, "last": last})
        async for row in cursor:
            day, unit_id, txn_id, business, kind, reverses, year, number = row[:8]
            gl, account, month, dr_fen, cr_fen = row[8:]
            label = label_of(business, kind)
            shown = show_number(year, number) if number else ""
            voucher = Voucher(day, unit_id, txn_id, label, reverses, shown)
            kept = unit_id if has_units(gl) else None
            yield (
                voucher,
                Line(
                    Leaf(gl, kept, account), dr_fen, cr_fen, None if month is None else Month(month)
                ),
            )


def label_of(business: str, kind: str | None) -> str:
    """What a voucher is about; ``kind`` is the shown sub-type of those businesses that have one."""
    label = business_of(business).label
    return f"{label}—{kind}" if kind else label


def has_units(gl: str) -> bool:
    """Whether the account goes on below as one for each unit."""
    return gl[:3] in ("201", "219")


# From the postings: what each leaf held at the end of a day.
POSTED = """
    select gl, unit_id, null::bigint, sum(fen)::bigint
    from (select v.gl, case when left(v.gl, 3) in ('201', '219') then v.unit_id end as unit_id,
                 v.dr_fen - v.cr_fen as fen
          from voucher_line v join txn t on t.unit_id = v.unit_id and t.txn_id = v.txn_id
          where v.gl <> '201' and t.biz_day <= %(day)s) lines
    group by 1, 2
    union all
    select '201', unit_id, acct_id, -sum(amount_fen)::bigint from entry
    where biz_day <= %(day)s group by unit_id, acct_id
    order by 1, 2, 3
"""
# From the balances that are kept beside the postings, as they are now; a unit's own line of 201 is
# the sum of its persons.
KEPT = """
    select '201', unit_id, null::bigint, -members_fen from unit where members_fen <> 0
    union all
    select '201', unit_id, acct_id, -balance_fen from account
    union all
    select '21901', unit_id, null, -prepayment_fen from unit
    order by 1, 2, 3 nulls first
"""
# All there are by a day, and since when.
LEAVES = """
    select '201', unit_id, null::bigint, opened_day from unit where opened_day <= %(day)s
    union all
    select '201', unit_id, acct_id, opened_day from account where opened_day <= %(day)s
    union all
    select gl, unit_id, null, opened_day
    from (select '21901' as gl, unit_id from unit
          union select gl, unit_id from voucher_line where left(gl, 3) = '219') used
    join unit using (unit_id) where opened_day <= %(day)s
    order by 1, 2, 3 nulls first
"""


async def leaves(conn: Connection, day: Day) -> AsyncIterator[tuple[Leaf, Day]]:
    """The accounts below the chart's, and since when there are."""
    async for leaf, opened in _leaves(conn, LEAVES, {"day": day}):
        yield leaf, opened


async def posted_balances(conn: Connection, day: Day) -> AsyncIterator[tuple[Leaf, int]]:
    """At the end of ``day``; positive on the debit side."""
    async for leaf, fen in _leaves(conn, POSTED, {"day": day}):
        yield leaf, fen


async def kept_balances(conn: Connection) -> AsyncIterator[tuple[Leaf, int]]:
    """Now; positive on the debit side."""
    async for leaf, fen in _leaves(conn, KEPT, {}):
        yield leaf, fen


async def _leaves(
    conn: Connection, query: str, values: Mapping[str, object]
) -> AsyncIterator[tuple[Leaf, Any]]:
    async with conn.cursor(name="leaves") as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(query, values)
        async for gl, unit_id, account, value in cursor:
            yield Leaf(gl, unit_id, account), value
