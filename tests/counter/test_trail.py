"""The trail of what the staff did: whatever the database's owner does to it shows."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from server import audit
from server.db import transaction
from tests.counter.doors import NAMES, Api, sql

pytestmark = pytest.mark.anyio


async def found(api: Api) -> audit.Trail:
    async with transaction(api.pool) as conn:
        return await audit.check_trail(conn)


async def test_trail_of_many_at_once_is_whole(api: Api) -> None:
    for name in NAMES.values():
        await api.log_in(name)
    await asyncio.gather(*(api.do(name, "show-day") for name in NAMES.values() for _ in range(4)))
    trail = await found(api)
    assert trail.is_whole and trail.length == len(NAMES) * 5


async def test_trail_leaves_out_what_no_staff_did(api: Api) -> None:
    await api.log_in("nobody", "Wrong-pass-word-1")
    assert await found(api) == audit.Trail(0, None, 0, "")
    assert await sql(api, "select count(*) from audit") == [(1,)]


FORGED = (
    "insert into audit (unit_id, audit_id, staff_id, address, action, outcome)"
    " select 0, 1, staff_id, '', 'counter:approve', 'ok' from staff limit 1"
)


@pytest.mark.parametrize(
    ("statement", "broken_at", "strangers"),
    [
        ("update audit set outcome = 'T04' where audit_id = %s", 2, 0),
        ("update audit set at = at - interval '1 microsecond' where audit_id = %s", 2, 0),
        ("update audit set detail = '{\"deed\": 9}' where audit_id = %s", 2, 0),
        ("delete from audit where audit_id = %s", 2, 0),
        ("delete from audit_chain where position = 2", 3, 1),
        (FORGED, None, 1),
    ],
)
async def test_trail_shows_what_was_done_to_it(
    api: Api, database: str, statement: str, broken_at: int | None, strangers: int
) -> None:
    for _ in range(4):
        await api.do("teller1", "show-day")
    with psycopg.connect(database, autocommit=True) as owner:
        second = owner.execute("select audit_id from audit_chain where position = 2").fetchone()
        assert owner.execute(statement, second if "%s" in statement else None).rowcount == 1
    trail = await found(api)
    assert (trail.broken_at, trail.strangers, trail.is_whole) == (broken_at, strangers, False)
    told = (await api.do("auditor1", "check-trail")).row["verdict"]
    assert told.startswith("第") and ("不在链中" in told) is bool(strangers)


async def test_trail_cut_off_at_its_end_shows_by_the_noted_hash(api: Api, database: str) -> None:
    for _ in range(3):
        await api.do("teller1", "show-day")
    before = await found(api)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("delete from audit where audit_id = (select audit_id from audit_chain"
                      " where position = 4)")  # fmt: skip
        owner.execute("delete from audit_chain where position = 4")
    after = await found(api)
    assert after.is_whole and (after.length, after.last_hash) != (before.length, before.last_hash)
