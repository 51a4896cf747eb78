"""Codes by short message: six digits for one purpose, unit and phone, and for a few minutes.

A code is sent by the transaction that asks for it, and used up by the one that it lets through.
Wrong tries are counted apart from both: the refused request is rolled back, its try stays.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection

from server import parameters
from server.business.access import PURPOSES, WITHOUT_SESSION
from server.business.refusals import refused
from server.db import Connection, id_before, new_id
from server.outside.sms import Outbox, Template

CONNECT_LIMIT_S = 10
SALT_BYTES = 16
KEPT_S = 2 * 24 * 60 * 60  # The limits look back over one day.


@dataclass(frozen=True, slots=True)
class Issued:
    """``code`` is nowhere else but in the message."""

    code_id: int
    code: str
    valid_s: int
    again_in_s: int


async def send(conn: Connection, purpose: str, unit_id: int, phone: str) -> int:
    """Sends a new code when the transaction is committed; it replaces the earlier one.

    The seconds until the next one may be asked for. Raises L20 before that, and L21 when the
    number had its codes of the day.
    """
    issued = await _issue(conn, purpose, unit_id, phone)
    params = {
        "purpose": PURPOSES[purpose],
        "code": issued.code,
        "minutes": str(issued.valid_s // 60),
    }
    await Outbox(conn).send(phone, Template.CODE, params, f"code-{issued.code_id}")
    return issued.again_in_s


async def send_within(conn: Connection, purpose: str, unit_id: int, phone: str) -> int:
    """As ``send``, for a business of a unit that is logged in: L28 when it had its codes of the
    day, so that nobody writes to one foreign phone after the other."""
    now = await parameters.in_force(conn, await parameters.business_day(conn))
    # The unit's requests follow each other here; who is not logged in adds nothing to them.
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 2))", (str(unit_id),))
    rows = await conn.execute(
        "select count(*) from sms_code where unit_id = %s and code_id > %s"
        " and asked_at >= date_trunc('day', clock_timestamp()) and not purpose = any(%s)",
        (unit_id, id_before(2), list(WITHOUT_SESSION)),
    )
    if (await rows.fetchone() or (0,))[0] >= now["sms_unit_day_max"]:
        raise refused("L28", limit=now["sms_unit_day_max"])
    return await send(conn, purpose, unit_id, phone)


async def withhold(conn: Connection, purpose: str, unit_id: int, recipient: str) -> int:
    """As ``send`` in all that the asker can see, but nobody gets the code."""
    return (await _issue(conn, purpose, unit_id, recipient)).again_in_s


async def consume(conn: Connection, purpose: str, unit_id: int, phone: str, code: str) -> None:
    """Uses the code up if the transaction is committed; raises L19 for any other than the last
    one sent for this purpose, unit and phone, for one too old, and after too many wrong tries.

    The code must have been sent by a transaction that is committed already.
    """
    code_id = await _try(conn, purpose, unit_id, phone, code)
    # Of two requests with the same code the second waits here, and finds it used.
    done = await conn.execute(
        "update sms_code set ended_at = now()"
        " where unit_id = %s and code_id = %s and ended_at is null",
        (unit_id, code_id),
    )
    if done.rowcount != 1:
        raise refused("L19")


async def forget_old_codes(conn: Connection) -> None:
    """For the worker: what no limit looks at any more."""
    await conn.execute(
        "delete from sms_code where asked_at < now() - make_interval(secs => %s)", (KEPT_S,)
    )


async def _issue(conn: Connection, purpose: str, unit_id: int, recipient: str) -> Issued:
    assert purpose in PURPOSES, purpose
    now = await parameters.in_force(conn, await parameters.business_day(conn))
    interval_s = now["sms_interval_s"]
    await _insist_on_limits(conn, recipient, interval_s, now["sms_day_max"])
    await conn.execute(
        "update sms_code set ended_at = now() where unit_id = %s and purpose = %s"
        " and recipient_sha256 = %s and ended_at is null",
        (unit_id, purpose, _digest(recipient)),
    )
    issued = Issued(new_id(), f"{secrets.randbelow(10**6):06d}", now["sms_ttl_s"], interval_s)
    salt = secrets.token_bytes(SALT_BYTES)
    await conn.execute(
        "insert into sms_code (unit_id, code_id, purpose, recipient_sha256, salt, code_sha256,"
        " expires_at) values (%s, %s, %s, %s, %s, %s,"
        " clock_timestamp() + make_interval(secs => %s))",
        (
            unit_id, issued.code_id, purpose, _digest(recipient), salt,
            hashlib.sha256(salt + issued.code.encode()).digest(), issued.valid_s,
        ),
    )  # fmt: skip
    return issued


async def _insist_on_limits(
    conn: Connection, recipient: str, interval_s: int, day_max: int
) -> None:
    """One number's requests of whatever purpose follow each other here; a day is the calendar's."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (recipient,))
    rows = await conn.execute(
        """
        select count(*) filter (where asked_at >= date_trunc('day', clock_timestamp())),
               ceil(extract(epoch from max(asked_at) - clock_timestamp()) + %s)::int
        from sms_code
        where recipient_sha256 = %s and asked_at > clock_timestamp() - interval '1 day'
        """,
        (interval_s, _digest(recipient)),
    )
    count, wait_s = await rows.fetchone() or (0, None)
    if wait_s is not None and wait_s > 0:
        raise refused("L20", seconds=wait_s)
    if count >= day_max:
        raise refused("L21", limit=day_max)


async def _try(
    conn: Connection, purpose: str, unit_id: int, recipient: str, code: str
) -> int | None:
    """The id of the code if it is this one. A wrong try is counted and committed at once."""
    day = await parameters.business_day(conn)
    wrong_max = (await parameters.in_force(conn, day))["sms_wrong_max"]
    async with _apart(conn) as counting:
        rows = await counting.execute(
            """
            update sms_code set wrong_tries = wrong_tries
                + (code_sha256 <> sha256(salt || %(code)s))::int
            where unit_id = %(unit)s and purpose = %(purpose)s and recipient_sha256 = %(to)s
                and ended_at is null and expires_at > clock_timestamp()
                and wrong_tries < %(most)s
            returning code_id, code_sha256 = sha256(salt || %(code)s)
            """,
            {
                "code": code.encode(), "unit": unit_id, "purpose": purpose,
                "to": _digest(recipient), "most": wrong_max,
            },
        )  # fmt: skip
        row = await rows.fetchone()
    return row[0] if row is not None and row[1] else None


@asynccontextmanager
async def _apart(conn: Connection) -> AsyncIterator[Connection]:
    """A connection beside ``conn`` and not of its pool, which could run dry under those who wait
    for a second one; committed at the end."""
    async with await AsyncConnection.connect(
        conn.info.dsn, password=conn.info.password, connect_timeout=CONNECT_LIMIT_S
    ) as beside:
        yield beside


def _digest(recipient: str) -> bytes:
    return hashlib.sha256(recipient.encode()).digest()
