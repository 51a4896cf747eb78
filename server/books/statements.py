"""明细账, 日记账 and 个人明细账: every movement of one account, with its running balance."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass

from server.books.journal import label_of
from server.business.chart import Gl
from server.business.month import Month
from server.business.refusals import refused
from server.db import Connection
from server.receipts.issue import show_number

Day = datetime.date
AT_ONCE = 2000  # rows fetched at a time, however long the statement is


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a statement, or a sum of some (``label`` says of what); the balance after it is
    positive on the debit side."""

    day: Day
    label: str
    dr_fen: int
    cr_fen: int
    balance_fen: int
    unit_id: int | None = None
    txn_id: int | None = None
    voucher_no: str = ""
    month: Month | None = None


OPENING = """
    select coalesce(sum(v.dr_fen - v.cr_fen), 0)::bigint
    from voucher_line v join txn t on t.unit_id = v.unit_id and t.txn_id = v.txn_id
    where v.gl = %(gl)s and (%(unit)s::bigint is null or v.unit_id = %(unit)s)
      and t.biz_day < %(first)s
"""
# For the whole centre the closed days know it.
CLOSED_OPENING = """
    select coalesce((select balance_fen from gl_day where gl = %(gl)s and day < %(first)s
                     order by day desc limit 1), 0)
         + coalesce((select sum(v.dr_fen - v.cr_fen)
                     from txn t join voucher_line v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
                     where t.biz_day > coalesce((select max(day) from day_close), '-infinity')
                       and t.biz_day < %(first)s and v.gl = %(gl)s), 0)::bigint
"""
LEDGER = """
    select t.biz_day, t.business, t.head->>'kind', v.dr_fen, v.cr_fen, t.unit_id, t.txn_id,
           r.year, r.number
    from txn t
    join (select unit_id, txn_id, sum(dr_fen)::bigint as dr_fen, sum(cr_fen)::bigint as cr_fen
          from voucher_line
          where gl = %(gl)s and (%(unit)s::bigint is null or unit_id = %(unit)s)
          group by 1, 2) v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
    left join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
    where t.biz_day between %(first)s and %(last)s
    order by t.biz_day, t.txn_id, t.unit_id
"""


async def ledger_statement(
    conn: Connection, gl: Gl, first: Day, last: Day, unit_id: int | None = None
) -> AsyncIterator[Movement]:
    """明细账 of an account, of one unit's part of it when asked; the first line is the opening
    balance, and each month ends with its sums, for 101 (日记账) each day, too."""
    values = {"gl": gl, "unit": unit_id, "first": first, "last": last}
    opening = CLOSED_OPENING if unit_id is None else OPENING
    row = await (await conn.execute(opening, values)).fetchone()
    balance_fen = int((row or (0,))[0])
    yield Movement(first, "期初余额", 0, 0, balance_fen)
    sums = _Sums(is_journal=gl is Gl.DEPOSITS)
    async with conn.cursor(name="ledger_statement") as cursor:
        cursor.itersize = AT_ONCE
        await cursor.execute(LEDGER, values)
        async for day, business, kind, dr_fen, cr_fen, unit, txn_id, year, number in cursor:
            for line in sums.ended(day, balance_fen):
                yield line
            balance_fen += dr_fen - cr_fen
            sums.add(day, dr_fen, cr_fen)
            voucher_no = show_number(year, number) if number else ""
            label = label_of(business, kind)
            yield Movement(day, label, dr_fen, cr_fen, balance_fen, unit, txn_id, voucher_no)
    for line in sums.ended(None, balance_fen):
        yield line


class _Sums:
    """本日合计 and 本月合计: what has moved since the day, and since the month began."""

    def __init__(self, is_journal: bool) -> None:
        self._is_journal = is_journal
        self._day: Day | None = None
        self._of_day, self._of_month = (0, 0), (0, 0)

    def add(self, day: Day, dr_fen: int, cr_fen: int) -> None:
        self._day = day
        self._of_day = self._of_day[0] + dr_fen, self._of_day[1] + cr_fen
        self._of_month = self._of_month[0] + dr_fen, self._of_month[1] + cr_fen

    def ended(self, next_day: Day | None, balance_fen: int) -> list[Movement]:
        """The sums to be drawn before a line of ``next_day``; None: the statement ends."""
        day, lines = self._day, []
        if day is None or day == next_day:
            return []
        if self._is_journal:
            lines.append(Movement(day, "本日合计", *self._of_day, balance_fen))
        self._of_day = 0, 0
        if next_day is None or Month.of_day(next_day) != Month.of_day(day):
            lines.append(Movement(day, "本月合计", *self._of_month, balance_fen))
            self._of_month = 0, 0
        return lines


PERSON = """
    select biz_day, business, kind, month, dr_fen, cr_fen, txn_id, year, number,
           sum(dr_fen - cr_fen) over (order by biz_day, position, month)::bigint
    from (select t.biz_day, t.business, t.head->>'kind' as kind, e.month, t.txn_id,
                 r.year, r.number, c.position,
                 case when p.is_debit then -e.amount_fen else 0 end as dr_fen,
                 case when p.is_debit then 0 else e.amount_fen end as cr_fen
          from entry e
          join txn t on t.unit_id = e.unit_id and t.txn_id = e.txn_id
          join chain c on c.unit_id = t.unit_id and c.txn_id = t.txn_id
          left join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
          cross join lateral (
              select exists (select from posting where unit_id = t.unit_id and txn_id = t.txn_id
                                                   and debit = '201') as is_debit) p
          where e.unit_id = %(unit)s and e.acct_id = %(account)s) moved
    order by biz_day, position, month
"""


async def person_statement(
    conn: Connection, unit_id: int, account: int, first: Day, last: Day
) -> list[Movement]:
    """个人明细账 in one unit, month by month; the first line is the opening balance."""
    known = await conn.execute(
        "select 1 from account where unit_id = %s and acct_id = %s", (unit_id, account)
    )
    if await known.fetchone() is None:
        raise refused("G03")
    rows = await conn.execute(PERSON, {"unit": unit_id, "account": account})
    lines = [
        Movement(day, label_of(business, kind), dr_fen, cr_fen, balance_fen, unit_id, txn_id,
                 show_number(year, number) if number else "", Month(month))
        for day, business, kind, month, dr_fen, cr_fen, txn_id, year, number, balance_fen
        in await rows.fetchall()
    ]  # fmt: skip
    before = [line.balance_fen for line in lines if line.day < first]
    opening = Movement(first, "期初余额", 0, 0, before[-1] if before else 0)
    return [opening, *(line for line in lines if first <= line.day <= last)]
