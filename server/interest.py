"""Interest (domain 5): settles a year in ranges of units, shows it beforehand, accrues it by month.

A run is a row of ``settlement`` and one for each range of units. Whoever settles a range notes it
in the same transaction: so a run that was killed goes on, two at once share the work, and one that
is done stays as it is (ruling 22).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from server import parameters, units
from server.business.amounts import half_up
from server.business.chart import Gl
from server.business.counter import SETTLEMENT
from server.business.finance import ACCRUAL
from server.business.interest import (
    ONE_DAY,
    InterestMethod,
    Rates,
    Terms,
    first_day,
    interest_year,
    settlement_day,
)
from server.business.month import Month
from server.business.parameters import BY_KEY
from server.business.payment_queries import PAYMENT_PERSONS
from server.business.refusals import refused
from server.db import Connection, Pool, hold_day, new_id, transaction
from server.ledger.entry import Posting
from server.ledger.settle import Settled, UnitInterest, Work, earned, preview, settle
from server.receipts import codes, issue
from server.submission import Operator
from server.suspense import book

CHUNK_ACCOUNTS = 50_000
WORKERS = 2
CLERK = Operator(units.CENTRE, 0, "系统", "counter")  # what the centre does by rule
PRIOR, CURRENT = "deposit_rate_prior", "deposit_rate_current"
Day = datetime.date


@dataclass(frozen=True)
class Rules:
    """What of the centre's parameters decides about interest, as in force on some day."""

    method: InterestMethod
    includes_settlement_day: bool
    is_segmented: bool
    rates: Sequence[Rates]

    def terms(self, start: Day, end: Day, listed_on: Day) -> Terms:
        """From ``start`` up to and without ``end``, at what is listed on a day or, in segments, at
        each day's own rate."""

        def at(day: Day) -> Rates:
            return max((r for r in self.rates if r.since <= day), default=self.rates[0])

        if not self.is_segmented:
            return Terms(start, end, self.method, [at(listed_on)])
        within = [r for r in self.rates if start < r.since < end]
        return Terms(start, end, self.method, [at(start), *within])

    def of_year(self, year: int) -> Terms:
        last = settlement_day(year)
        is_to_last = self.includes_settlement_day or self.method is InterestMethod.MONTHLY
        return self.terms(first_day(year), last + ONE_DAY if is_to_last else last, last)

    def of_closing(self, day: Day) -> Terms:
        """For an account that is closed on ``day`` (R-JX-07)."""
        return self.terms(first_day(interest_year(day)), day, day)


async def rules(conn: Connection, day: Day) -> Rules:
    known = await parameters.timeline(conn, parameters.GENERAL)
    values = known.on(day)
    return Rules(
        method=values["interest.method"],
        includes_settlement_day=values["interest.include_settlement_day"],
        is_segmented=values["interest.segmented"],
        rates=[
            Rates(since, known.step(PRIOR, since).value, known.step(CURRENT, since).value)
            for since in sorted(known.days(PRIOR) | known.days(CURRENT))
        ],
    )


@dataclass(frozen=True)
class Run:
    """How far a year's settlement is, or what it came to; ``shortfall_fen`` is what had not been
    accrued (negative: accrued too much), known when it is done."""

    year: int
    is_done: bool
    shortfall_fen: int | None
    ranges: int
    ranges_done: int
    units: int
    accounts: int
    interest_fen: int


async def run_of(conn: Connection, year: int) -> Run | None:
    rows = await conn.execute(
        """
        select s.year, s.state = 'done', s.shortfall_fen, count(r.year), count(r.done_at),
               coalesce(sum(r.units), 0)::int, coalesce(sum(r.accounts), 0)::bigint,
               coalesce(sum(r.interest_fen), 0)::bigint
        from settlement s left join settlement_range r using (year)
        where s.year = %s group by s.year
        """,
        (year,),
    )
    row = await rows.fetchone()
    return Run(*row) if row else None


async def preview_year(pool: Pool, year: int) -> list[UnitInterest]:
    """What settling the year would credit, by unit, were nothing more posted; changes nothing."""
    found: list[UnitInterest] = []
    async with transaction(pool) as conn:
        terms = (await rules(conn, settlement_day(year))).of_year(year)
        await _insist_on_order(conn, year)
        spans = await _spans(conn, CHUNK_ACCOUNTS)
    for after, upto in spans:
        async with transaction(pool) as conn:
            found += await preview(conn, _work(year, terms, after, upto))
    return found


async def settle_year(
    pool: Pool,
    year: int,
    settled_by: str,
    progress: Callable[[Run], None] = lambda run: None,
    chunk_accounts: int = CHUNK_ACCOUNTS,
) -> Run:
    """Credits the year's interest to every account, range by range, as far as no other run has
    done so; a year that is done gives its first result again."""
    async with transaction(pool) as conn:
        in_force = await rules(conn, settlement_day(year))
        terms = in_force.of_year(year)
        await _begin(conn, year, in_force, terms, settled_by, chunk_accounts)

    async def work(others_waited_for: bool) -> None:
        while run := await _settle_next(pool, year, terms, others_waited_for):
            progress(run)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(WORKERS, pool.max_size)):
                group.create_task(work(False))
    except BaseExceptionGroup as failures:  # The first one stopped the others.
        raise failures.exceptions[0] from None
    await work(True)
    async with transaction(pool) as conn:
        return await _finish(conn, year)


def _work(year: int, terms: Terms, after: int, upto: int) -> Work:
    return Work(year, terms, settlement_day(year) + ONE_DAY, after, upto)


async def _insist_on_order(conn: Connection, year: int) -> None:
    """M08 when an earlier year of the centre's is not settled: its interest bears interest."""
    rows = await conn.execute("select min(opened_day) from unit where unit_id > 0")
    opened = (await rows.fetchone() or (None,))[0]
    rows = await conn.execute("select year from settlement where state = 'done'")
    done = {row[0] for row in await rows.fetchall()}
    for earlier in range(interest_year(opened) if opened else year, year):
        if earlier not in done:
            raise refused("M08", year=year, earlier=earlier)


async def _begin(
    conn: Connection, year: int, in_force: Rules, terms: Terms, settled_by: str, accounts: int
) -> None:
    """Notes the run and its ranges, unless that was done. Whatever unit is opened from now on has
    nothing that could earn interest by the settlement day."""
    last = settlement_day(year)
    if await parameters.business_day(conn) <= last:
        raise refused("M07", year=year, day=last)
    await _insist_on_order(conn, year)
    begun = await conn.execute(
        """
        insert into settlement (year, method, includes_settlement_day, is_segmented, prior_rate,
                                current_rate, started_by)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        (
            year, in_force.method, in_force.includes_settlement_day, in_force.is_segmented,
            terms.rates[-1].prior, terms.rates[-1].current, settled_by,
        ),
    )  # fmt: skip
    if begun.rowcount:
        spans = await _spans(conn, accounts)
        await conn.execute(
            """
            insert into settlement_range (year, after_unit, upto_unit)
            select %s, * from unnest(%s::bigint[], %s::bigint[])
            """,
            (year, [after for after, _ in spans], [upto for _, upto in spans]),
        )


async def _spans(conn: Connection, accounts_max: int) -> list[tuple[int, int]]:
    """Ranges of units of about so many accounts each; a unit is never divided."""
    rows = await conn.execute("select unit_id, count(*) from account group by 1 order by 1")
    spans, accounts, after, upto = [], 0, 0, 0
    for unit_id, count in await rows.fetchall():
        accounts, upto = accounts + count, unit_id
        if accounts >= accounts_max:
            spans.append((after, upto))
            after, accounts = upto, 0
    return spans + ([(after, upto)] if accounts else [])


async def _settle_next(pool: Pool, year: int, terms: Terms, others_waited_for: bool) -> Run | None:
    """Settles a range that nobody has settled or is at, in one transaction; None without one."""
    async with transaction(pool) as conn:
        rows = await conn.execute(
            f"""
            select after_unit, upto_unit from settlement_range
            where year = %s and done_at is null order by after_unit limit 1
            for no key update {"" if others_waited_for else "skip locked"}
            """,
            (year,),
        )
        span = await rows.fetchone()
        if span is None:
            return None
        await hold_day(conn)
        rows = await conn.execute(
            """
            select unit_id from unit where unit_id > %s and unit_id <= %s order by 1
            for no key update
            """,
            span,
        )
        txns = {row[0]: new_id() for row in await rows.fetchall()}
        biz_day = await parameters.business_day(conn)
        settled = await settle(conn, _work(year, terms, *span), biz_day, txns)
        await _issue_receipts(conn, year, biz_day, terms, txns)
        await _note(conn, year, span[0], settled)
    async with transaction(pool) as conn:
        return await run_of(conn, year)


async def _note(conn: Connection, year: int, after: int, settled: Settled) -> None:
    await conn.execute(
        """
        update settlement_range set units = %s, accounts = %s, interest_fen = %s,
               done_at = clock_timestamp()
        where year = %s and after_unit = %s
        """,
        (settled.units, settled.accounts, settled.interest_fen, year, after),
    )


async def _issue_receipts(
    conn: Connection, year: int, biz_day: Day, terms: Terms, txns: Mapping[int, int]
) -> None:
    """Each unit's next number, and what will be printed; the persons come from the ledger."""
    row = await (await conn.execute("select name, code_key from centre")).fetchone()
    assert row is not None, "the centre has been opened"
    centre, key = row
    columns = [f for f in PAYMENT_PERSONS.columns if f.key in ("account", "name", "amount")]
    rate = BY_KEY[PRIOR].kind.show
    content = {
        "centre": centre, "operator": centre, "login": issue.LOGINS["counter"],
        "facts": [
            ("结息年度", f"{first_day(year)} 至 {settlement_day(year)}"),
            ("积数口径", BY_KEY["interest.method"].kind.show(terms.method)),
            ("上年结转年利率", rate(terms.rates[-1].prior)),
            ("当年归集年利率", rate(terms.rates[-1].current)),
        ],
        "columns": [[f.key, f.label, f.width, f.kind.align_right, f.summed] for f in columns],
        "rows": [],
    }  # fmt: skip
    await conn.execute(
        """
        with given as (
            select * from unnest(%(units)s::bigint[], %(txns)s::bigint[], %(codes)s::text[])
                          as g(unit_id, txn_id, code)),
        numbered as (
            update unit u set receipt_year = %(year)s,
                   receipt_count = case when receipt_year = %(year)s then receipt_count + 1
                                   else 1 end
            from given g join txn t using (unit_id, txn_id) where u.unit_id = g.unit_id
            returning u.unit_id, u.name, u.receipt_count, g.txn_id, g.code, t.total_fen, t.rows),
        issued as (
            insert into receipt (unit_id, year, number, txn_id, business, title, biz_day,
                                 amount_fen, row_count, content, code)
            select unit_id, %(year)s, receipt_count, txn_id, %(business)s, %(title)s, %(day)s,
                   total_fen, rows,
                   (%(content)s::jsonb || jsonb_build_object('unit_name', name))::json, code
            from numbered)
        insert into receipt_code (code, unit_id, year, number)
        select code, unit_id, %(year)s, receipt_count from numbered
        """,
        {
            "units": list(txns), "txns": list(txns.values()), "year": biz_day.year, "day": biz_day,
            "codes": [codes.new_code(bytes(key)) for _ in txns],
            "business": SETTLEMENT.code, "title": SETTLEMENT.receipt, "content": Jsonb(content),
        },
    )  # fmt: skip


async def _finish(conn: Connection, year: int) -> Run:
    """Expenses what the year's interest came to beyond what was accrued, so that 211 holds nothing
    of the year any more (domain 8.2)."""
    await units.lock(conn, units.CENTRE)
    run = await run_of(conn, year)
    assert run is not None and run.ranges_done == run.ranges, "every range has been settled"
    if run.is_done:
        return run
    shortfall_fen = run.interest_fen - sum((await _accruals(conn, year)).values())
    if shortfall_fen:
        await _expense(conn, Month.of(year, 6), shortfall_fen, f"settlement-{year}")
    await conn.execute(
        """
        update settlement set state = 'done', shortfall_fen = %s, finished_at = clock_timestamp()
        where year = %s
        """,
        (shortfall_fen, year),
    )
    done = await run_of(conn, year)
    assert done is not None
    return done


async def _accruals(conn: Connection, year: int) -> dict[str, int]:
    """What was accrued of a year's interest, by key; the keys are in the order of the months."""
    rows = await conn.execute(
        "select idem, total_fen from txn where unit_id = %s and business = %s and idem like %s",
        (units.CENTRE, ACCRUAL.code, f"accrual-{year}-%"),
    )
    return dict(await rows.fetchall())


async def accrue(conn: Connection, month: Month) -> int:
    """计提: expenses what all accounts have earned up to the end of ``month`` beyond what was
    expensed before; returns the fen posted. A month that was accrued gives its first result."""
    last = month.plus(1).first_day - ONE_DAY
    year = interest_year(last)
    key = f"accrual-{year}-{month}"
    await units.lock(conn, units.CENTRE)
    before = await _accruals(conn, year)
    if key in before:
        return before[key]
    if await parameters.business_day(conn) < last:
        raise refused("M09", month=month, why="该月尚未结束")
    if any(other > key for other in before):
        raise refused("M09", month=month, why="以后的月份已经计提")
    if await run_of(conn, year):
        raise refused("M09", month=month, why=f"{year} 年度已经结息")
    await _insist_on_order(conn, year)
    in_force = await rules(conn, last)
    end = min(last + ONE_DAY, in_force.of_year(year).end)
    terms = in_force.terms(first_day(year), end, last)
    exact = 0
    for after, upto in await _spans(conn, CHUNK_ACCOUNTS):
        exact += sum(await earned(conn, Work(year, terms, last + ONE_DAY, after, upto)))
    amount_fen = half_up(exact, terms.denominator) - sum(before.values())
    await _expense(conn, month, amount_fen, key)
    return amount_fen


async def _expense(conn: Connection, until: Month, amount_fen: int, key: str) -> None:
    """Dr 411 Cr 211 on the centre's own books; in red when too much had been accrued."""
    postings = [Posting(Gl.INTEREST_EXPENSE, Gl.INTEREST_PAYABLE, amount_fen)]
    head = {"until": until, "amount": amount_fen}
    await book(conn, CLERK, ACCRUAL, head, postings if amount_fen else [], key)
