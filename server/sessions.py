"""Sessions: who acts for which unit, for how long, and what locks or ends it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from server import audit
from server.business.refusals import refused
from server.certificates import Rejected, Trust, check_certificate, parse_certificate
from server.db import Connection

IDLE_LIMIT_S = 15 * 60
ABSOLUTE_LIMIT_S = 8 * 60 * 60
TOUCH_EVERY_S = 30
CERTIFICATE_LOGIN, PASSWORD_LOGIN = "certificate", "password"

# Revoked at once, not at the next login: the binding and the operator count at every request.
ALIVE = f"""
    from session s
    join operator o on o.unit_id = s.unit_id and o.operator_id = s.operator_id
    join unit u on u.unit_id = s.unit_id
    left join certificate c on c.unit_id = s.unit_id and c.certificate_id = s.certificate_id
    where s.token_sha256 = %s and s.ended_at is null
      and s.last_seen_at > now() - interval '{IDLE_LIMIT_S} s'
      and s.created_at > now() - interval '{ABSOLUTE_LIMIT_S} s'
      and o.state = 'active' and (s.certificate_id is null or c.state = 'bound')
"""

STANDING = """
    select s.unit_id, s.operator_id, o.name, s.login_kind, s.certificate_id, u.name,
        s.suspended_at is not null, extract(epoch from now() - s.last_seen_at),
        extract(epoch from now() - s.created_at)
"""


@dataclass(frozen=True, slots=True)
class Session:
    unit_id: int
    operator_id: int
    operator_name: str
    login_kind: str
    certificate_id: int | None
    token_sha256: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as its owner sees it."""

    session: Session
    unit_name: str
    is_suspended: bool
    idle_left_s: int
    absolute_left_s: int


def token_digest(token: str) -> bytes:
    """Only this is stored: whoever reads the table cannot act for anybody."""
    return hashlib.sha256(token.encode()).digest()


async def session_of(conn: Connection, token: str) -> Session:
    """The session that may act now, and acts: refuses with N01, or L11 if it is suspended."""
    standing = await standing_of(conn, token)
    if standing.is_suspended:
        raise refused("L11")
    # Rarely, and never waiting for a long request of the same session.
    await conn.execute(
        "update session set last_seen_at = now() where token_sha256 = ("
        " select token_sha256 from session where token_sha256 = %s"
        " and last_seen_at < now() - make_interval(secs => %s) for update skip locked)",
        (standing.session.token_sha256, TOUCH_EVERY_S),
    )
    return standing.session


async def standing_of(conn: Connection, token: str) -> Standing:
    """Also of a suspended session; does not count as activity."""
    found = await conn.execute(
        STANDING + ALIVE,
        (token_digest(token),),
    )
    row = await found.fetchone()
    if row is None:
        raise refused("N01")
    return Standing(
        Session(row[0], row[1], row[2], row[3], row[4], token_digest(token)),
        unit_name=row[5],
        is_suspended=row[6],
        idle_left_s=int(IDLE_LIMIT_S - row[7]),
        absolute_left_s=int(ABSOLUTE_LIMIT_S - row[8]),
    )


async def create_session(
    conn: Connection,
    token: str,
    unit_id: int,
    operator_id: int,
    certificate_id: int | None,
    login_kind: str = CERTIFICATE_LOGIN,
) -> bytes:
    digest = token_digest(token)
    await conn.execute(
        "insert into session (token_sha256, unit_id, operator_id, certificate_id, login_kind)"
        " values (%s, %s, %s, %s, %s)",
        (digest, unit_id, operator_id, certificate_id, login_kind),
    )
    return digest


async def resume_session(
    conn: Connection, token: str, unit_id: int, certificate_id: int
) -> str | None:
    """Unlocks it, or answers why not; a foreign certificate ends it."""
    digest = token_digest(token)
    found = await conn.execute("select s.unit_id, s.certificate_id" + ALIVE, (digest,))
    row = await found.fetchone()
    if row is None:
        return "N01"
    if tuple(row) != (unit_id, certificate_id):
        await _end(conn, digest)
        return "L13"
    await conn.execute(
        "update session set suspended_at = null, last_seen_at = now() where token_sha256 = %s",
        (digest,),
    )
    return None


async def suspend(conn: Connection, token: str, address: str) -> None:
    """The key was pulled. Nothing to say when there is no such session, or none with a key."""
    found = await conn.execute(
        "update session set suspended_at = now()"
        " where token_sha256 = %s and ended_at is null and suspended_at is null"
        " and certificate_id is not null returning unit_id, operator_id",
        (token_digest(token),),
    )
    await _record_own(conn, "suspend", await found.fetchone(), token, address)


async def log_out(conn: Connection, token: str, address: str) -> None:
    found = await conn.execute(
        "update session set ended_at = now() where token_sha256 = %s and ended_at is null"
        " returning unit_id, operator_id",
        (token_digest(token),),
    )
    await _record_own(conn, "logout", await found.fetchone(), token, address)


async def log_out_everywhere(conn: Connection, token: str, address: str) -> None:
    """Ends all sessions of the operator whose token this is; of a suspended one, too."""
    session = (await standing_of(conn, token)).session
    await end_sessions(conn, session.unit_id, session.operator_id)
    owner = session.unit_id, session.operator_id
    await _record_own(conn, "logout-everywhere", owner, token, address)


async def end_sessions(
    conn: Connection, unit_id: int, operator_id: int, and_by_password: bool = False
) -> None:
    """The operator's; and those that anybody opened by the unit's password, when that changes."""
    await conn.execute(
        "update session set ended_at = now() where unit_id = %s and ended_at is null"
        " and (operator_id = %s or (%s and login_kind = %s))",
        (unit_id, operator_id, and_by_password, PASSWORD_LOGIN),
    )


async def end_sessions_of_untrusted(
    conn: Connection, trust: Trust, now: datetime | None = None
) -> int:
    """For the worker, daily: certificates of open sessions once more. How many were ended.

    A revocation list that is merely late ends nobody's work; the next login meets it.
    """
    found = await conn.execute(
        "select distinct s.unit_id, s.certificate_id, s.operator_id, c.der from session s"
        " join certificate c on c.unit_id = s.unit_id and c.certificate_id = s.certificate_id"
        " where s.ended_at is null and s.created_at > now() - make_interval(secs => %s)",
        (ABSOLUTE_LIMIT_S,),
    )
    ended = 0
    for unit_id, certificate_id, operator_id, der in await found.fetchall():
        try:
            check_certificate(trust, parse_certificate(bytes(der)), now=now)
        except Rejected as rejected:
            detail = {"why": rejected.why, "certificate_id": certificate_id}
            await audit.record(
                conn, "recheck", rejected.code, "", unit_id=unit_id, operator_id=operator_id,
                detail=detail,
            )  # fmt: skip
            if rejected.code != "L12":
                ended += await _end_all(conn, unit_id, certificate_id)
    return ended


async def _end(conn: Connection, token_sha256: bytes) -> None:
    await conn.execute(
        "update session set ended_at = now() where token_sha256 = %s", (token_sha256,)
    )


async def _end_all(conn: Connection, unit_id: int, certificate_id: int) -> int:
    done = await conn.execute(
        "update session set ended_at = now()"
        " where unit_id = %s and certificate_id = %s and ended_at is null",
        (unit_id, certificate_id),
    )
    return done.rowcount


async def _record_own(
    conn: Connection, action: str, owner: tuple[int, int] | None, token: str, address: str
) -> None:
    if owner is None:
        return
    unit_id, operator_id = owner
    await audit.record(
        conn, action, audit.OK, address, unit_id=unit_id, operator_id=operator_id,
        token_sha256=token_digest(token),
    )  # fmt: skip
