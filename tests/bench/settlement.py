"""A year's interest for all accounts beside COPY of its entries; then check-books over it all."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

import psycopg

from server import interest
from server.books.close import close_day
from server.books.command import READ_ONLY
from server.business.interest import ONE_DAY, settlement_day
from server.db import Pool, open_pool, transaction
from server.ledger.balance import disagreements
from tests.bench.centre import FIRST, clocked, open_units, owner, remit, row, vacuum

# 200,000 accounts in units of every size.
SIZES = [20_000] * 3 + [3_000] * 20 + [500] * 100 + [100] * 200 + [30] * 200 + [10] * 400
OPENED = datetime.date(2025, 7, 20)
YEARS = range(2026, 2030)  # The first warms caches and plans.
CHECKS = 3
TARGET, CHECK_TARGET = 3.5, 50.0
WRITE = """
    copy (select e.* from entry e join txn t using (unit_id, txn_id) where t.idem = %(key)s)
    to %(file)s (format binary)
"""
READ = "copy entry_copy from %(file)s (format binary)"
SUMS = "select count(*), sum(unit_fen), sum(amount_fen), sum(balance_fen) from entry"


async def fill(pool: Pool) -> None:
    """Every unit remits a month, with its receipt."""
    async with transaction(pool) as conn:
        ids = await open_units(conn, SIZES, OPENED)
    for unit_id, persons in zip(ids, SIZES, strict=True):
        async with transaction(pool) as conn:
            await remit(conn, unit_id, FIRST, persons, OPENED)
    await vacuum(pool)


async def measure_year(pool: Pool, conn: psycopg.Connection, year: int) -> tuple[float, float]:
    """Seconds of the settlement, and of COPY of its entries from a file on the server."""
    client = psycopg.ClientCursor(conn)  # COPY takes no parameters of the server's.
    async with transaction(pool) as app:
        await close_day(app, settlement_day(year) + ONE_DAY)
    settled = await clocked(interest.settle_year(pool, year, "bench"))
    (folder,) = conn.execute("show data_directory").fetchone() or ("",)
    values = {"key": f"settlement-{year}", "file": f"{folder}/bench.copy"}
    written = client.execute(WRITE, values)
    assert written.rowcount == sum(SIZES)
    conn.execute("truncate entry_copy")
    start = time.perf_counter()
    client.execute(READ, values)
    copied = time.perf_counter() - start
    await vacuum(pool)
    return settled, copied


async def check_books(pool: Pool) -> tuple[float, float]:
    """Seconds for a million entries: of the check as the command makes it, and of plain sums."""
    async with transaction(pool) as conn:
        for setting in READ_ONLY:
            await conn.execute(setting)
        summed = await clocked(conn.execute(SUMS))
        start = time.perf_counter()
        found = await disagreements(conn)
        checked = time.perf_counter() - start
        entries = (await (await conn.execute(SUMS)).fetchone() or (0,))[0]
    assert found == [], found
    return checked / entries * 1e6, summed / entries * 1e6


async def measure_all(url: str) -> list[dict[str, Any]]:
    async with open_pool(url, 2) as pool:
        await fill(pool)
        with owner(url) as conn:
            years = [await measure_year(pool, conn, year) for year in YEARS]
        checks = [await check_books(pool) for _ in range(CHECKS)]
    return [
        row(
            f"settlement of {sum(SIZES):,} accounts in {len(SIZES)} units, statements, receipts",
            "s",
            "COPY of its entries from a file on the server",
            years[1:],
            TARGET,
            at_most=True,
        ),
        row(
            "check-books, a million entries",
            "s",
            "count and sums of entry",
            checks,
            CHECK_TARGET,
            at_most=True,
        ),
    ]


def measure(url: str) -> list[dict[str, Any]]:
    """``url`` names a migrated database that may be filled."""
    with owner(url) as conn:
        conn.execute("create table entry_copy (like entry including all)")
    return asyncio.run(measure_all(url))
