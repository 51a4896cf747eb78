"""One remittance of N people in one durable transaction, beside COPY of the same rows."""

from __future__ import annotations

import asyncio
from typing import Any

from server import units
from server.business.month import Month
from server.db import Connection, Pool, new_id, open_pool, transaction
from tests.bench.centre import (
    DAY,
    DUE_FEN,
    FIRST,
    clocked,
    open_units,
    owner,
    post_month,
    row,
    vacuum,
)

TARGETS = {1_000: 0.55, 10_000: 0.42, 100_000: 0.42}
ROUNDS = {1_000: 15, 10_000: 9, 100_000: 6}
# The last unit stays as it is: no other's entries are at the end of an index, as in a centre.
SIZES = (*TARGETS, 10)
COPY = """
    copy entry_copy (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
    from stdin (format binary)
"""


async def remit_due(pool: Pool, unit_id: int, month: Month) -> None:
    """Lock, what is due, posting: as ``batches`` does it, without checks and receipt."""
    async with transaction(pool) as conn:
        await units.lock(conn, unit_id)
        due = (await units.due(conn, unit_id, month, month))[month]
        assert due.amount_fen == due.persons * DUE_FEN
        await post_month(conn, unit_id, month, due.persons)


async def copy_rows(pool: Pool, unit_id: int, people: int) -> None:
    types = ["int8", "int8", "int8", "int4", "date", "int8", "int8", "int8"]
    txn_id = new_id()
    async with (
        transaction(pool) as conn,
        conn.cursor() as cursor,
        cursor.copy(COPY) as copy,
    ):
        copy.set_types(types)
        for n in range(1, people + 1):
            await copy.write_row(
                (unit_id, unit_id + n, txn_id, int(FIRST), DAY, DUE_FEN // 2, DUE_FEN, DUE_FEN)
            )


async def measure_size(pool: Pool, unit_id: int, people: int) -> dict[str, Any]:
    pairs = []
    for round_ in range(ROUNDS[people] + 1):
        copied = await clocked(copy_rows(pool, unit_id, people))
        posted = await clocked(remit_due(pool, unit_id, FIRST.plus(round_)))
        await vacuum(pool)
        if round_:  # The first warms caches and plans.
            pairs.append((people / posted, people / copied))
    return row(
        f"remittance of {people:,} people, lock to commit",
        "entries/s",
        "binary COPY of them, same key, with commit",
        pairs,
        TARGETS[people],
    )


async def _prepare(conn: Connection) -> list[int]:
    ids = await open_units(conn, SIZES, DAY)
    await post_month(conn, ids[-1], FIRST, SIZES[-1])
    await conn.execute("insert into entry_copy select * from entry")
    return ids


async def measure_all(url: str) -> list[dict[str, Any]]:
    async with open_pool(url, 2) as pool:
        async with transaction(pool) as conn:
            ids = await _prepare(conn)
        return [
            await measure_size(pool, unit_id, people)
            for unit_id, people in zip(ids, TARGETS, strict=False)
        ]


def measure(url: str) -> list[dict[str, Any]]:
    """``url`` names a migrated database that may be filled."""
    with owner(url) as conn:
        conn.execute("create table entry_copy (like entry including all)")
        conn.execute("grant all on entry_copy to hpf_app")
    return asyncio.run(measure_all(url))
