"""The database: one pool, one transaction a request, and the clock that is the centre's."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

CONNECTIONS_MIN, CONNECTIONS_MAX = 2, 10
WAIT_S = 10.0
# The application works as hpf_app, which cannot change the ledger. A statement or a lock that takes
# longer than this is a fault, not a wait. A month of 100,000 people is sorted in memory.
SETTINGS = (
    "-c role=hpf_app -c work_mem=32MB -c jit=off -c statement_timeout=60s -c lock_timeout=20s"
    " -c idle_in_transaction_session_timeout=60s -c timezone=Asia/Shanghai"
)


def open_pool(url: str, connections_max: int = CONNECTIONS_MAX) -> Pool:
    """A pool that is not open yet: ``await pool.open()`` belongs into the application's start."""
    return AsyncConnectionPool(
        url,
        # Transactions are begun here, not by psycopg before each first statement.
        kwargs={"options": SETTINGS, "prepare_threshold": 1, "autocommit": True},
        min_size=min(CONNECTIONS_MIN, connections_max),
        max_size=connections_max,
        timeout=WAIT_S,
        open=False,
        check=_begin,
    )


async def _begin(conn: Connection) -> None:
    """The first thing a connection does shows whether it is still one; a broken one is replaced."""
    await conn.execute("begin")


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction: committed at the end, rolled back by any exception."""
    async with pool.connection(timeout=WAIT_S) as conn:
        yield conn


# Who posts on the business day shares this lock; who closes the day takes it alone.
DAY_LOCK = 5323
HOLD_DAY = f"pg_advisory_xact_lock_shared({DAY_LOCK})"


async def hold_day(conn: Connection) -> None:
    """Until the transaction ends, the business day stays what it is."""
    await conn.execute(f"select {HOLD_DAY}")


async def take_day(conn: Connection) -> None:
    """Waits for all who hold the day; until the transaction ends, nobody posts."""
    await conn.execute("select pg_advisory_xact_lock(%s)", (DAY_LOCK,))


def new_id() -> int:
    """A 63-bit id that grows with time: milliseconds, then 21 random bits. It means no more."""
    return (int(time.time() * 1000) << 21 | secrets.randbits(21)) & (2**63 - 1)


def id_before(days: int) -> int:
    """Below every id that was made in the last ``days``."""
    return int((time.time() - days * 86_400) * 1000) << 21
