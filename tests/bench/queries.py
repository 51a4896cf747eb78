"""Every query's pages, for a unit of 8,000 people with ten years of months: the first one with its
totals and one in the middle, in each order that one may ask for."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from server import queries
from server.business.queries import QUERIES
from server.business.query import Query
from server.db import Connection, open_pool, transaction
from server.queries import Sort
from tests.asked import values_of
from tests.bench.centre import DAY, FIRST, open_units, owner, row, vacuum

PEOPLE, OTHERS, MONTHS = 8_000, 1_000, 120
LAST = FIRST.plus(2)  # month that is paid; three are not
ROUNDS = 5
OWN, SORTED = "first page and totals", "first page and totals, sorted by any column"
MIDDLE = "page in the middle, in any order"
# A page is to be there within 100 ms; the ratios hold on machines of another speed, too.
TARGETS = {OWN: 0.6, SORTED: 1.0, MIDDLE: 0.9}
# What is asked of the certificate: all the months there are.
WIDEST = {"from_month": LAST.plus(1 - MONTHS), "until": LAST}

# A month's serial is ten times its number from 1 on, a back payment's five before its month's, a
# settlement's 1000 and its year.
FILL = """
insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen,
                 method, head, idem)
select %(unit)s, n * 10, 'remittance',
       make_date((%(first)s + n) / 12, (%(first)s + n) %% 12 + 1, 15), 1, 'certificate', %(people)s,
       %(people)s * 120000, 'settle', '{}', 'month-' || n
from generate_series(1, %(months)s) n;

insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen,
                 method, head, idem)
select unit_id, txn_id - 5, 'back_payment', biz_day, 1, 'certificate', 10, 10 * 60000, 'settle',
       '{}', 'back-' || txn_id
from txn where unit_id = %(unit)s;

insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen, head,
                 idem)
select %(unit)s, 1000 + y, 'settlement', make_date(y, 6, 30), 0, 'counter', 0, 0, '{}',
       'settlement-' || y
from generate_series(%(first)s / 12, (%(first)s + %(months)s) / 12 - 1) y;

insert into chain (unit_id, position, txn_id, hash)
select unit_id, row_number() over (order by biz_day, txn_id), txn_id, '' from txn
where unit_id = %(unit)s;

insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
select %(unit)s, %(unit)s + p, n * 10, %(first)s + n,
       make_date((%(first)s + n) / 12, (%(first)s + n) %% 12 + 1, 15), 60000, 120000, n * 120000
from generate_series(1, %(months)s) n, generate_series(1, %(people)s) p;

insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
select unit_id, acct_id, txn_id - 5, month, biz_day, 30000, 60000, balance_fen
from entry where unit_id = %(unit)s and acct_id <= %(unit)s + 10;

insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen,
                   opening_fen, out_fen, prior_interest_fen, closing_fen)
select %(unit)s, %(unit)s + p, t.txn_id, extract(year from t.biz_day)::int * 12 + 5, t.biz_day, 0,
       p, 1000000 + p, 1000000, 0, p / 2, 1000000 + p
from txn t, generate_series(1, %(people)s) p
where t.unit_id = %(unit)s and t.business = 'settlement';

insert into txn_part (unit_id, txn_id, month, persons, paying, unit_fen, amount_fen, digest)
select unit_id, txn_id, month, count(*), count(*), sum(unit_fen), sum(amount_fen), '' from entry
where unit_id = %(unit)s group by 1, 2, 3;

insert into receipt (unit_id, year, number, txn_id, business, title, biz_day, amount_fen, row_count,
                     content, code)
select unit_id, extract(year from biz_day), row_number() over (order by biz_day), txn_id, business,
       '回单', biz_day, total_fen, rows, '{}', 'code-' || txn_id
from txn where unit_id = %(unit)s;

insert into payment (unit_id, payment_id, business, batch_id, idem, operator_id, login_kind,
                     amount_fen, account_no, state, direction)
select unit_id, txn_id, business, txn_id, idem, 1, 'certificate', total_fen, '', 'posted', 'in'
from txn where unit_id = %(unit)s and business = 'remittance';

insert into payment_step (unit_id, payment_id, step, state)
select unit_id, payment_id, s.n, s.state
from payment, unnest(array['pending', 'sent', 'collected', 'posted']) with ordinality s(state, n)
where unit_id = %(unit)s;

-- Everybody is opened and has a new base each year; every twentieth is sealed and comes back.
insert into event (unit_id, acct_id, txn_id, std, month, reason, status_before, base_before_fen,
                   base_fen, unit_fen, personal_fen)
select %(unit)s, %(unit)s + p, ((y - 1) * 12 + k.place) * 10, k.std,
       %(first)s + (y - 1) * 12 + k.place, case k.std when '05' then '05' end, '01', 500000,
       500000, 60000, 60000
from (values (1, '03'), (2, '05'), (3, '04'), (7, '10')) k(place, std),
     generate_series(1, %(months)s / 12) y, generate_series(1, %(people)s) p
where case k.std when '03' then y = 1 when '10' then true else p %% 20 = y end;

update account set from_month = %(first)s + 1 where unit_id = %(unit)s;

update unit set paid_through = %(first)s + %(months)s where unit_id = %(unit)s
"""
YEARS_SETTLED = """
    insert into settlement (year, state, method, includes_settlement_day, is_segmented, prior_rate,
                            current_rate, started_by, shortfall_fen, finished_at)
    select distinct extract(year from biz_day)::int, 'done', 'daily_360', true, true, 1500, 1500,
           '测速', 0, now() from txn where business = 'settlement'
"""
REFERENCE = "count and sum of all entries of the unit"
COUNT = "select count(*), sum(amount_fen) from entry where unit_id = %s"

Middles = dict[tuple[str, int], str]  # by query and which of its orders
Round = tuple[float, dict[str, dict[str, float]]]  # of the reference, and by kind of page


def fill(url: str, units: dict[int, int]) -> None:
    """As the owner of the tables: the application may only post on the business day."""
    with owner(url) as conn:
        for unit_id, people in units.items():
            values = {
                "unit": unit_id, "people": people, "months": MONTHS, "first": int(LAST) - MONTHS,
            }  # fmt: skip
            for statement in FILL.split(";\n\n"):
                conn.execute(statement, values)
        conn.execute(YEARS_SETTLED)


async def clocked_ms(work: Any) -> float:
    start = time.perf_counter()
    await work
    return (time.perf_counter() - start) * 1000


async def asked_with(conn: Connection, query: Query, unit_id: int) -> dict[str, Any] | None:
    values = await values_of(conn, query, unit_id)
    return values and values | {key: WIDEST[key] for key in values if key in WIDEST}


def orders(query: Query) -> list[Sort | None]:
    return [None, *(Sort(c, is_down) for c in query.sortable for is_down in (False, True))]


async def middles(conn: Connection, unit_id: int) -> Middles:
    """The cursors at the middle of each result of more than a page, in each order."""
    found: Middles = {}
    for query in QUERIES:
        values = await asked_with(conn, query, unit_id)
        page = None if values is None else await queries.run(conn, query, unit_id, values)
        if values is None or page is None or page.after is None:
            continue
        for nth, sort in enumerate(orders(query)):
            rows = queries.all_rows(conn, query, unit_id, values, sort)
            middle = await row_at(page.count // 2, rows)
            found[query.code, nth] = queries.cursor_at(query, sort, middle)
    return found


async def row_at(number: int, rows: AsyncGenerator[dict[str, Any], None]) -> dict[str, Any]:
    async with aclosing(rows):
        async for row in rows:
            if number == 0:
                return row
            number -= 1
    raise IndexError(number)


async def pages(conn: Connection, unit_id: int, middle: Middles) -> dict[str, dict[str, float]]:
    """Milliseconds by kind of page, and by query and order."""
    taken: dict[str, dict[str, float]] = {kind: {} for kind in TARGETS}
    for query in QUERIES:
        values = await asked_with(conn, query, unit_id)
        if values is None:
            continue  # Nothing of this unit opens it.
        for nth, sort in enumerate(orders(query)):
            by = f" by {'-' * sort.is_descending}{sort.column.key}" if sort else ""
            asked = {SORTED if sort else OWN: None, MIDDLE: middle.get((query.code, nth))}
            for kind, after in asked.items():
                if kind != MIDDLE or after:
                    page = queries.run(conn, query, unit_id, values, after, sort=sort)
                    taken[kind][query.code + by] = await clocked_ms(page)
    return taken


async def measure_all(url: str) -> list[dict[str, Any]]:
    async with open_pool(url, 2) as pool:
        async with transaction(pool) as conn:
            big, other = await open_units(conn, [PEOPLE, OTHERS], DAY)
        await asyncio.to_thread(fill, url, {big: PEOPLE, other: OTHERS})
        await vacuum(pool)
        async with transaction(pool) as conn:
            middle = await middles(conn, big)
        rounds = []
        for _ in range(ROUNDS + 1):  # The first warms caches and plans.
            async with transaction(pool) as conn:
                count_ms = await clocked_ms(conn.execute(COUNT, (big,)))
                rounds.append((count_ms, await pages(conn, big, middle)))
    return [_slowest(rounds[1:], kind) for kind in TARGETS]


def _slowest(rounds: Sequence[Round], kind: str) -> dict[str, Any]:
    """Of all queries and orders the one whose median is the greatest."""
    medians = {
        name: statistics.median(taken[kind][name] for _, taken in rounds)
        for name in rounds[0][1][kind]
    }
    slowest = max(medians, key=lambda name: medians[name])
    pairs = [(taken[kind][slowest], count_ms) for count_ms, taken in rounds]
    name = f"{kind}: {slowest}, the slowest of {len(medians)}, {PEOPLE:,} people, ten years"
    found = row(name, "ms", REFERENCE, pairs, TARGETS[kind], at_most=True)
    return found | {"all_ms": {name: round(ms, 1) for name, ms in medians.items()}}


def measure(url: str) -> list[dict[str, Any]]:
    """``url`` names a migrated database that may be filled."""
    return asyncio.run(measure_all(url))
