"""One remittance of N people in one durable transaction, beside COPY of the same rows."""

from __future__ import annotations

import asyncio
import datetime
import statistics
import time
from typing import Any

from server.business.base import Gl
from server.business.month import Month
from server.db import Connection, Pool, new_id, open_pool, transaction
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.units import Opening, due, open_centre, open_unit

DAY = datetime.date(2026, 7, 20)
FIRST = Month.of(2025, 1)
TARGETS = {1_000: 0.55, 10_000: 0.42, 100_000: 0.42}
ROUNDS = 5

PEOPLE = """
    insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month, base_fen,
                         unit_fen, personal_fen, product_day, opened_day)
    select %(unit)s, %(unit)s * 1000000 + n, '职工' || n, '', '', '01', %(month)s, 500000,
           60000, 60000, %(day)s, %(day)s
    from generate_series(1, %(n)s) n
"""


async def make_unit(pool: Pool, people: int, branch: int) -> int:
    """A unit of ``people`` whose first month to remit is ``FIRST``."""
    async with transaction(pool) as conn:
        await open_centre(conn, "测试中心", DAY)
        opening = Opening(
            "测速单位", "91532300MA6NTEQT85", "532301", branch, FIRST.plus(-1), 1200, 1200
        )
        unit_id = await open_unit(conn, opening)
        values = {"unit": unit_id, "month": int(FIRST), "day": DAY, "n": people}
        await conn.execute(PEOPLE, values)
    return unit_id


async def remit(conn: Connection, unit_id: int, month: Month) -> int:
    """The whole posting of one month, as ``batches`` does it after its checks."""
    await conn.execute("select 1 from unit where unit_id = %s for update", (unit_id,))
    of_month = (await due(conn, unit_id, month, month))[month]
    txn_id = new_id()
    txn = Transaction(
        unit_id, txn_id, "remittance", DAY, 1, "certificate", str(txn_id), 0,
        of_month.amount_fen, {}, months=(month,),
        postings=(Posting(Gl.DEPOSITS, Gl.MEMBERS, of_month.amount_fen),),
    )  # fmt: skip
    posted = await post(conn, txn)
    assert posted.entries == of_month.persons
    return txn_id


async def copy_rows(conn: Connection, unit_id: int, people: int, txn_id: int) -> None:
    types = ["int8", "int8", "int8", "int4", "date", "int8", "int8", "int8"]
    async with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy entry_copy (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen,"
            " balance_fen) from stdin (format binary)"
        ) as copy,
    ):
        copy.set_types(types)
        for n in range(1, people + 1):
            await copy.write_row(
                (unit_id, unit_id * 1000000 + n, txn_id, int(FIRST), DAY, 60000, 120000, 120000)
            )


async def _seconds(work: Any) -> float:
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def _in_transaction(pool: Pool, work: Any, *arguments: Any) -> None:
    async with transaction(pool) as conn:
        await work(conn, *arguments)


async def measure_size(pool: Pool, people: int, branch: int) -> dict[str, Any]:
    unit_id = await make_unit(pool, people, branch)
    ratios, times = [], []
    for round_ in range(ROUNDS + 1):
        month = FIRST.plus(round_)
        copied = await _seconds(_in_transaction(pool, copy_rows, unit_id, people, new_id()))
        posted = await _seconds(_in_transaction(pool, remit, unit_id, month))
        async with pool.connection() as conn:
            await conn.set_autocommit(True)
            await conn.execute("set role none")
            await conn.execute("vacuum analyze account")
            await conn.execute("set role hpf_app")
            await conn.set_autocommit(False)
        if round_:  # The first warms caches and plans.
            ratios.append(copied / posted)
            times.append(posted)
    ratio = statistics.median(ratios)
    return {
        "name": f"remittance of {people:,} people against COPY of its entries",
        "value": round(statistics.median(times) * 1000, 1),
        "unit": "ms",
        "reference": "binary COPY of the same rows with commit",
        "reference_value": round(statistics.median(times) * ratio * 1000, 1),
        "ratio": round(ratio, 2),
        "target": f">= {TARGETS[people]}",
        "met": ratio >= TARGETS[people],
    }


async def measure_all(url: str) -> list[dict[str, Any]]:
    pool = open_pool(url, 2)
    await pool.open()
    try:
        async with pool.connection() as conn:
            await conn.execute("set role none")
            await conn.execute("drop table if exists entry_copy")
            await conn.execute("create table entry_copy (like entry including all)")
            await conn.execute("grant all on entry_copy to hpf_app")
        return [await measure_size(pool, n, 7000 + i) for i, n in enumerate(TARGETS)]
    finally:
        await pool.close()


def measure(url: str) -> list[dict[str, Any]]:
    """``url`` names a migrated database that may be filled."""
    return asyncio.run(measure_all(url))
