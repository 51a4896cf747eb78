"""Sessions of the centre's staff over HTTP: apart from the operators' in table and cookie."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from server import audit
from server.business.refusals import refused
from server.counter import staff
from server.counter.staff import Staff
from server.db import Connection, Pool, transaction
from server.sessions import ABSOLUTE_LIMIT_S, IDLE_LIMIT_S, TOUCH_EVERY_S, token_digest

ALIVE = f"""
    from staff_session s join staff t on t.staff_id = s.staff_id
    where s.token_sha256 = %s and s.ended_at is null and t.state = 'active'
      and s.last_seen_at > now() - interval '{IDLE_LIMIT_S} s'
      and s.created_at > now() - interval '{ABSOLUTE_LIMIT_S} s'
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as its owner sees it."""

    staff: Staff
    idle_left_s: int
    absolute_left_s: int


async def log_in(pool: Pool, name: str, password: str, address: str) -> str:
    """The new session's token."""
    who = await staff.prove(pool, name, password, address)
    token = secrets.token_urlsafe(32)
    digest = token_digest(token)
    async with transaction(pool) as conn:
        await conn.execute(
            "insert into staff_session (token_sha256, staff_id) values (%s, %s)",
            (digest, who.staff_id),
        )
        await audit.record(
            conn, "counter:login", audit.OK, address, staff_id=who.staff_id, token_sha256=digest
        )
    return token


async def standing_of(conn: Connection, token: str) -> Standing:
    """Does not count as activity; raises N01."""
    rows = await conn.execute(
        "select s.staff_id, extract(epoch from now() - s.last_seen_at),"
        " extract(epoch from now() - s.created_at)" + ALIVE,
        (token_digest(token),),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N01")
    staff_id, idle_s, age_s = row
    return Standing(
        await staff.load(conn, staff_id),
        int(IDLE_LIMIT_S - idle_s),
        int(ABSOLUTE_LIMIT_S - age_s),
    )


async def staff_of(conn: Connection, token: str) -> Staff:
    """Who may act now, and acts."""
    standing = await standing_of(conn, token)
    await conn.execute(
        "update staff_session set last_seen_at = now() where token_sha256 = ("
        " select token_sha256 from staff_session where token_sha256 = %s"
        " and last_seen_at < now() - make_interval(secs => %s) for update skip locked)",
        (token_digest(token), TOUCH_EVERY_S),
    )
    return standing.staff


async def log_out(conn: Connection, token: str, address: str) -> None:
    rows = await conn.execute(
        "update staff_session set ended_at = now() where token_sha256 = %s and ended_at is null"
        " returning staff_id",
        (token_digest(token),),
    )
    if row := await rows.fetchone():
        await audit.record(
            conn, "counter:logout", audit.OK, address, staff_id=row[0],
            token_sha256=token_digest(token),
        )  # fmt: skip
