"""What the benchmarks of the ledger share: a centre with units, one remittance, rows of results."""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from server import units
from server.business.chart import Gl
from server.business.check import Checked
from server.business.facts import Unit, UnitStatus
from server.business.month import Month
from server.business.remittance import REMITTANCE
from server.db import Connection, Pool, new_id
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.receipts import issue

DAY = datetime.date(2026, 7, 20)
FIRST = Month.of(2026, 1)  # that any unit here remits
DUE_FEN = 120_000  # by each person and month

UNITS = """
    insert into unit (unit_id, name, uscc, county, opened_day, unit_ratio, personal_ratio,
                      paid_through)
    select id, '测速单位', '91532300MA6NTEQT85', '532301', %(day)s, 1200, 1200, %(month)s - 1
    from unnest(%(ids)s::bigint[]) id
"""
PEOPLE = """
    insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month, base_fen,
                         unit_fen, personal_fen, opened_day)
    select u.id, u.id + n, '职工' || n, '5323**********1234', '138****5678', '01', %(month)s,
           500000, 60000, 60000, %(day)s
    from unnest(%(ids)s::bigint[], %(sizes)s::int[]) as u(id, size), generate_series(1, u.size) n
"""


async def open_units(conn: Connection, sizes: Sequence[int], opened: datetime.date) -> list[int]:
    """Units of so many people each, all of whom are due from ``FIRST`` on."""
    await units.open_centre(conn, "测试中心", opened)
    ids = [5_301_000_000_000 + n * 1_000_000 for n in range(1, len(sizes) + 1)]
    values = {"ids": ids, "sizes": list(sizes), "month": int(FIRST), "day": opened}
    await conn.execute(UNITS, values)
    await conn.execute(PEOPLE, values)
    return ids


def month_of(unit_id: int, month: Month, persons: int, day: datetime.date = DAY) -> Transaction:
    """A unit's month, as the server posts it."""
    txn_id, amount_fen = new_id(), persons * DUE_FEN
    return Transaction(
        unit_id, txn_id, REMITTANCE.code, day, 1, "certificate", str(txn_id), 0, amount_fen,
        {"until": str(month)}, months=(month,), paid_through=month,
        postings=(Posting(Gl.DEPOSITS, Gl.MEMBERS, amount_fen),),
    )  # fmt: skip


async def post_month(
    conn: Connection, unit_id: int, month: Month, persons: int, day: datetime.date = DAY
) -> None:
    """It alone, under the unit's lock."""
    posted = await post(conn, month_of(unit_id, month, persons, day))
    assert posted.entries == persons


async def remit(
    conn: Connection, unit_id: int, month: Month, persons: int, day: datetime.date = DAY
) -> None:
    """The ledger's side of one business: lock, posting, receipt with its number and code."""
    await units.lock(conn, unit_id)
    txn = month_of(unit_id, month, persons, day)
    unit = Unit(unit_id, "测速单位", UnitStatus.NORMAL, day, month.plus(-1), 1200, 1200, 0, 10**9)
    head = {"until": month, "amount": txn.total_fen}
    await issue.post_with_receipt(conn, "李经办", REMITTANCE, unit, txn, Checked(head), None)


async def clocked(work: Awaitable[object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def vacuum(pool: Pool) -> None:
    """As the server's own process does it, between rounds instead of in one of them."""
    async with pool.connection() as conn:
        await conn.commit()  # It is no business of a transaction.
        await conn.execute("set role none")
        await conn.execute("vacuum analyze")
        await conn.execute("set role hpf_app")


@contextmanager
def owner(url: str) -> Iterator[psycopg.Connection]:
    """A connection that may do what the application may not."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


def row(
    name: str,
    unit: str,
    reference: str,
    pairs: Sequence[tuple[float, float]],
    target: float,
    *,
    at_most: bool = False,
) -> dict[str, Any]:
    """One result from ``pairs`` of (value, reference value), each pair taken one after the other:
    the medians, and the median of their ratios, which ``target`` is about."""
    ratio = statistics.median(value / reference_value for value, reference_value in pairs)
    value, reference_value = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "reference": reference,
        "reference_value": round(reference_value, 2),
        "ratio": round(ratio, 2),
        "target": f"{'<=' if at_most else '>='} {target}",
        "met": ratio <= target if at_most else ratio >= target,
    }
