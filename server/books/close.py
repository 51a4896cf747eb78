"""Day end: the business day is closed, rolled up, and moved; a closed day takes no postings."""

from __future__ import annotations

import datetime

from server import parameters, units
from server.books.balances import TURNOVERS
from server.business.chart import Gl
from server.business.finance import YEAR_END
from server.business.refusals import refused
from server.db import Connection, take_day
from server.ledger.entry import Posting
from server.ledger.post import LedgerMismatch
from server.submission import Operator
from server.suspense import book

Day = datetime.date
SYSTEM = Operator(units.CENTRE, 0, "系统", "counter")

# Every day since the last one closed, in case one was left out.
ROLL_UP = """
    insert into gl_day (day, gl, dr_fen, cr_fen, balance_fen)
    select day, gl, dr_fen, cr_fen,
           coalesce((select balance_fen from gl_day g where g.gl = moved.gl
                     order by g.day desc limit 1), 0)
               + sum(dr_fen - cr_fen) over (partition by gl order by day)
    from (select t.biz_day as day, v.gl, sum(v.dr_fen)::bigint as dr_fen,
                 sum(v.cr_fen)::bigint as cr_fen
          from txn t join voucher_line v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
          where t.biz_day <= %(day)s
            and t.biz_day > coalesce((select max(day) from day_close), '-infinity')
          group by 1, 2) moved
    returning dr_fen, cr_fen
"""


async def close_day(conn: Connection, next_day: Day) -> Day:
    """Closes the business day and opens ``next_day``. Who is posting has finished by then, who
    comes later posts on the new day. The last close of a year carries income and expenses over."""
    await take_day(conn)
    today = await parameters.business_day(conn)
    if next_day <= today:
        raise refused("T16", now=today)
    if next_day.year > today.year:
        await _carry_year_over(conn, today.year)
    await _roll_up(conn, today)
    await conn.execute("update centre set business_day = %s", (next_day,))
    return next_day


async def _roll_up(conn: Connection, day: Day) -> None:
    rows = await (await conn.execute(ROLL_UP, {"day": day})).fetchall()
    if sum(dr for dr, _ in rows) != sum(cr for _, cr in rows):
        raise LedgerMismatch("the day's debits are not its credits")
    await conn.execute("insert into day_close (day) values (%s)", (day,))


async def _carry_year_over(conn: Connection, year: int) -> None:
    """年末结转 (domain 8.2): 401 to 311 and 311 to 411, all that has accumulated."""
    await units.lock(conn, units.CENTRE)
    rows = await conn.execute(
        f"""
        select gl, sum(dr_fen - cr_fen)::bigint from ({TURNOVERS}) moved
        where left(gl, 3) in ('401', '411') group by 1 having sum(dr_fen - cr_fen) <> 0 order by 1
        """
    )
    balances = {Gl(gl): fen for gl, fen in await rows.fetchall()}
    incomes = {gl: -fen for gl, fen in balances.items() if gl.startswith("401")}
    expenses = {gl: fen for gl, fen in balances.items() if gl.startswith("411")}
    if not balances:
        return
    postings = [Posting(gl, Gl.GAINS, fen) for gl, fen in incomes.items()]
    postings += [Posting(Gl.GAINS, gl, fen) for gl, fen in expenses.items()]
    income_fen, expense_fen = sum(incomes.values()), sum(expenses.values())
    head = {
        "year": str(year), "income": income_fen, "expense": expense_fen,
        "gains": income_fen - expense_fen,
    }  # fmt: skip
    await book(conn, SYSTEM, YEAR_END, head, postings, f"year-end-{year}")
