"""科目余额表: what each account opened with, what moved, and what it closed with."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.business.chart import CHART, first_level
from server.business.refusals import refused
from server.db import Connection

Day = datetime.date

# What moved in each account on each day: closed days as rolled up, the open one as posted.
TURNOVERS = """
    select day, gl, dr_fen, cr_fen from gl_day
    union all
    select t.biz_day, v.gl, sum(v.dr_fen)::bigint, sum(v.cr_fen)::bigint
    from txn t join voucher_line v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
    where t.biz_day > coalesce((select max(day) from day_close), '-infinity')
    group by 1, 2
"""
PERIOD = f"""
    select gl, coalesce(sum(dr_fen - cr_fen) filter (where day < %(first)s), 0)::bigint,
           coalesce(sum(dr_fen) filter (where day >= %(first)s), 0)::bigint,
           coalesce(sum(cr_fen) filter (where day >= %(first)s), 0)::bigint
    from ({TURNOVERS}) moved where day <= %(last)s group by 1 order by 1
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """One account over a period. A balance is positive on the debit side, negative on the other;
    ``is_subtotal`` when the accounts below it follow and its sums are theirs."""

    gl: str
    opening_fen: int
    dr_fen: int
    cr_fen: int
    is_subtotal: bool = False

    @property
    def label(self) -> str:
        return CHART[self.gl].label

    @property
    def closing_fen(self) -> int:
        return self.opening_fen + self.dr_fen - self.cr_fen


@dataclass(frozen=True)
class TrialBalance:
    """All accounts from ``first`` to ``last``, in order, first-level ones before those below."""

    first: Day
    last: Day
    lines: Sequence[Balance]

    @property
    def total(self) -> tuple[int, int]:
        """All debits and all credits of the period; they are the same, or the books are wrong."""
        leaves = [line for line in self.lines if not line.is_subtotal]
        return sum(line.dr_fen for line in leaves), sum(line.cr_fen for line in leaves)


async def trial_balance(conn: Connection, first: Day, last: Day) -> TrialBalance:
    """From ``first`` to ``last``, both included; the open business day may be the last."""
    rows = await conn.execute(PERIOD, {"first": first, "last": last})
    leaves = [Balance(*row) for row in await rows.fetchall()]
    return TrialBalance(first, last, list(_with_subtotals(leaves)))


def _with_subtotals(leaves: Sequence[Balance]) -> Iterator[Balance]:
    tops = dict.fromkeys(first_level(leaf.gl) for leaf in leaves)
    for top in tops:
        below = [leaf for leaf in leaves if first_level(leaf.gl) == top]
        if below[0].gl != top:
            yield Balance(
                top,
                sum(leaf.opening_fen for leaf in below),
                sum(leaf.dr_fen for leaf in below),
                sum(leaf.cr_fen for leaf in below),
                is_subtotal=True,
            )
        yield from below


async def period(conn: Connection, first: Day | None, last: Day | None) -> tuple[Day, Day]:
    """The days to report on: without ``last`` up to the business day, without ``first`` from the
    first of its month."""
    row = await (await conn.execute("select business_day from centre")).fetchone()
    assert row is not None, "the centre has been opened"
    last = min(last or row[0], row[0])
    first = first or last.replace(day=1)
    if first > last:
        raise refused("E21", first=first, last=last)
    return first, last
