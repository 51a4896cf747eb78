"""Access by password: a unit is registered, logs in, and has its password reset or changed.

No answer tells which part of what was typed was wrong, nor does the work that was done for it.
Each step has its own transaction: a failure must be counted, and leave its trace.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server import audit, captcha, passwords, sms_codes
from server.business.access import ASK_CODE, CHANGE, FACTS, LOGIN, REGISTRATION, RESET
from server.business.check import read_fields
from server.business.passwords import weakness
from server.business.refusals import Refused, refused
from server.db import Connection, Pool, id_before, transaction
from server.login_limits import (
    FREE_FROM_ANYWHERE,
    PASSWORD_FREE_FAILURES,
    clear_failures,
    count_failure,
    take_turn,
    wait_left_s,
)
from server.sessions import PASSWORD_LOGIN, Session, create_session, end_sessions

Texts = Mapping[str, str]
FREE_OF_ADDRESS, FREE_OF_UNIT = PASSWORD_FREE_FAILURES
KNOWN_FOR_DAYS = 30


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from: its address, and the cookie from before the login."""

    address: str
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The unit's password, and the operator for whom it logs in."""

    operator_id: int
    password_hash: str
    set_at: datetime  # of no other password
    is_active: bool


async def log_in(pool: Pool, texts: Texts, caller: Caller) -> str:
    """The new session's token."""
    values = read_fields(LOGIN, texts)
    unit_id = values["unit"]
    async with _traced(pool, "login", unit_id, caller):
        await captcha.spend(pool, caller.browser, values["captcha"])
        account = await _prove(pool, unit_id, values["password"], caller, "L17")
        if not account.is_active:
            raise refused("L07")
        token = secrets.token_urlsafe(32)
        async with transaction(pool) as conn:
            await _insist_unchanged(conn, unit_id, account, "L17")
            digest = await create_session(
                conn, token, unit_id, account.operator_id, None, PASSWORD_LOGIN
            )
            await _record_ok(conn, "login", unit_id, account.operator_id, caller, digest)
    return token


async def send_code(pool: Pool, texts: Texts, caller: Caller) -> int:
    """Sends a code if all is as the centre registered it; what is answered does not tell.

    The seconds until the next one may be asked for.
    """
    values = read_fields(ASK_CODE, texts)
    unit_id, purpose = values["unit"], values["purpose"]
    action = f"code:{purpose}"
    async with _traced(pool, action, unit_id, caller):
        await captcha.spend(pool, caller.browser, values["captcha"])
        async with transaction(pool) as conn:
            operator_id, recipient = await _addressee(conn, values)
            send = sms_codes.send if operator_id else sms_codes.withhold
            again_in_s = await send(conn, purpose, unit_id, recipient)
            await _record_ok(
                conn, action, await _known(conn, unit_id), operator_id, caller,
                why="" if operator_id else "facts",
            )  # fmt: skip
    return again_in_s


async def register(pool: Pool, texts: Texts, caller: Caller) -> None:
    """The unit's first password; a new one only once its operator may act no more."""
    values = read_fields(REGISTRATION, texts)
    unit_id = values["unit"]
    async with _traced(pool, "register", unit_id, caller):
        _refuse_weak(values["password"], values)
        await _take_turn(pool, _access_subject(unit_id, caller), caller)
        # Before anything is looked up, so that it takes its time for everybody.
        password_hash = await passwords.hash_password(values["password"])
        async with _proven(pool, "register", values, caller) as (conn, operator_id):
            await keep_first_password(conn, unit_id, operator_id, password_hash)


async def keep_first_password(
    conn: Connection, unit_id: int, operator_id: int, password_hash: str
) -> None:
    """Raises L24 while the one for whom the unit logs in may still act."""
    done = await conn.execute(
        """
        insert into unit_password as p (unit_id, operator_id, password_hash) values (%s, %s, %s)
        on conflict (unit_id) do update
        set operator_id = excluded.operator_id, password_hash = excluded.password_hash,
            set_at = now()
        where not exists (
            select from operator o where o.unit_id = p.unit_id
                and o.operator_id = p.operator_id and o.state = 'active')
        """,
        (unit_id, operator_id, password_hash),
    )
    if done.rowcount == 0:
        raise refused("L24")


async def reset(pool: Pool, texts: Texts, caller: Caller) -> None:
    """A new password for a forgotten one, from whichever operator the centre knows."""
    values = read_fields(RESET, texts)
    unit_id = values["unit"]
    async with _traced(pool, "reset", unit_id, caller):
        _refuse_weak(values["password"], values)
        await _take_turn(pool, _access_subject(unit_id, caller), caller)
        # Before anything is looked up, so that it takes its time for everybody.
        password_hash = await passwords.hash_password(values["password"])
        async with _proven(pool, "reset", values, caller) as (conn, operator_id):
            await _set_password(conn, unit_id, operator_id, password_hash)


async def change(pool: Pool, session: Session, texts: Texts, caller: Caller) -> None:
    """Ends the operator's sessions, this one too, and every one opened by the old password."""
    values = read_fields(CHANGE, texts)
    unit_id = session.unit_id
    async with _traced(pool, "change", unit_id, caller, session.operator_id):
        own = await _own_facts(pool, session)
        _refuse_weak(values["new"], own, values["old"])
        account = await _prove(pool, unit_id, values["old"], caller, "L26")
        password_hash = await passwords.hash_password(values["new"])
        async with transaction(pool) as conn:
            await _insist_unchanged(conn, unit_id, account, "L26")
            await _set_password(conn, unit_id, account.operator_id, password_hash)
            await end_sessions(conn, unit_id, session.operator_id)
            await _record_ok(
                conn, "change", unit_id, session.operator_id, caller, session.token_sha256
            )


async def _prove(pool: Pool, unit_id: int, password: str, caller: Caller, code: str) -> Account:
    """The unit's account if this is its password; else ``code``, or L08 while one has to wait."""
    await _take_turn(pool, _login_subject(unit_id, caller), caller, unit_id)
    async with transaction(pool) as conn:
        found = await conn.execute(
            "select p.operator_id, p.password_hash, p.set_at, o.state = 'active'"
            " from unit_password p"
            " join operator o on o.unit_id = p.unit_id and o.operator_id = p.operator_id"
            " where p.unit_id = %s",
            (unit_id,),
        )
        row = await found.fetchone()
    if not await passwords.fits(row[1] if row else None, password) or row is None:
        await _count_for_address(pool, caller)
        raise refused(code)
    account = Account(*row)
    stronger = await passwords.hash_anew(account.password_hash, password)
    async with transaction(pool) as conn:
        await clear_failures(conn, (_login_subject(unit_id, caller), _subject("unit", unit_id)))
        if stronger:
            await conn.execute(
                "update unit_password set password_hash = %s"
                " where unit_id = %s and password_hash = %s",
                (stronger, unit_id, account.password_hash),
            )
    return account


@asynccontextmanager
async def _proven(
    pool: Pool, purpose: str, values: Mapping[str, Any], caller: Caller
) -> AsyncIterator[tuple[Connection, int]]:
    """The transaction that uses the code up, and the operator whom facts and code prove; else L23.

    What does not agree is treated as what does, to the code that nobody was sent.
    """
    unit_id = values["unit"]
    try:
        async with transaction(pool) as conn:
            operator_id, recipient = await _addressee(conn, values)
            await sms_codes.consume(conn, purpose, unit_id, recipient, values["code"])
            if operator_id is None:
                raise refused("L19")
            yield conn, operator_id
            own = (_access_subject(unit_id, caller), _login_subject(unit_id, caller))
            await clear_failures(conn, (*own, _subject("unit", unit_id)))
            await _record_ok(conn, purpose, unit_id, operator_id, caller)
    except Refused as refusal:
        if refusal.reason.code != "L19":
            raise
        await _count_for_address(pool, caller)
        raise refused("L23") from None


async def _addressee(conn: Connection, values: Mapping[str, Any]) -> tuple[int | None, str]:
    """The active operator whom the facts describe, and who a code is for: their phone, or a name
    for exactly these facts, which no phone has."""
    found = await conn.execute(
        "select o.operator_id from operator o join unit u on u.unit_id = o.unit_id"
        " where u.unit_id = %(unit)s and u.uscc = %(uscc)s and o.name = %(name)s"
        " and o.id_number = %(id_number)s and o.phone = %(phone)s and o.state = 'active'",
        {f.key: values[f.key] for f in FACTS},
    )
    row = await found.fetchone()
    if row is not None:
        return row[0], values["phone"]
    return None, "\n".join(str(values[f.key]) for f in FACTS)


def _refuse_weak(password: str, own: Mapping[str, Any], old: str | None = None) -> None:
    numbers = [str(own[key]) for key in ("unit", "phone", "id_number")]
    if why := "不能与原密码相同" if password == old else weakness(password, numbers):
        raise refused("L22", why=why)


async def _own_facts(pool: Pool, session: Session) -> dict[str, str]:
    async with transaction(pool) as conn:
        found = await conn.execute(
            "select phone, id_number from operator where unit_id = %s and operator_id = %s",
            (session.unit_id, session.operator_id),
        )
        row = await found.fetchone()
        assert row is not None, "a session belongs to an operator"
        registered = await conn.execute(
            "select from unit_password where unit_id = %s", (session.unit_id,)
        )
        if await registered.fetchone() is None:
            raise refused("L25")
    return {"unit": str(session.unit_id), "phone": row[0], "id_number": row[1]}


async def _insist_unchanged(conn: Connection, unit_id: int, account: Account, code: str) -> None:
    """Nobody set another password since this one was looked at; until the transaction ends nobody
    will, so that a session cannot slip in behind the change that ends them all."""
    found = await conn.execute(
        "select from unit_password where unit_id = %s and set_at = %s for no key update",
        (unit_id, account.set_at),
    )
    if await found.fetchone() is None:
        raise refused(code)


async def _set_password(
    conn: Connection, unit_id: int, operator_id: int, password_hash: str
) -> None:
    done = await conn.execute(
        "update unit_password set operator_id = %s, password_hash = %s, set_at = now()"
        " where unit_id = %s",
        (operator_id, password_hash, unit_id),
    )
    if done.rowcount == 0:
        raise refused("L25")
    await end_sessions(conn, unit_id, operator_id, and_by_password=True)


async def _take_turn(
    pool: Pool, subject: bytes, caller: Caller, guessed_unit: int | None = None
) -> None:
    """L08 while the address or the subject has to wait; else the try is counted already.

    A unit whose password is guessed from many places makes strangers wait, and nobody who is where
    it has been working: else whoever knows its number could keep it out for good.
    """
    async with transaction(pool) as conn:
        wait_s = await wait_left_s(conn, (_subject("address", caller.address),))
        wait_s = wait_s or await take_turn(conn, subject, FREE_OF_UNIT)
        if not wait_s and guessed_unit is not None:
            wait_s = await take_turn(conn, _subject("unit", guessed_unit), FREE_FROM_ANYWHERE)
            if wait_s and await _works_at(conn, guessed_unit, caller.address):
                wait_s = 0
        if wait_s:
            raise refused("L08", seconds=wait_s)


async def _works_at(conn: Connection, unit_id: int, address: str) -> bool:
    """Whether somebody logged in for the unit from there lately, by whichever way."""
    found = await conn.execute(
        "select exists (select from audit where unit_id = %s and audit_id > %s"
        " and action = 'login' and outcome = %s and address = %s)",
        (unit_id, id_before(KNOWN_FOR_DAYS), audit.OK, address),
    )
    row = await found.fetchone()
    return bool(row and row[0])


async def _count_for_address(pool: Pool, caller: Caller) -> None:
    async with transaction(pool) as conn:
        address = _subject("address", caller.address)
        await count_failure(conn, "", (address,), (FREE_OF_ADDRESS,))


@asynccontextmanager
async def _traced(
    pool: Pool, action: str, unit_id: int, caller: Caller, operator_id: int | None = None
) -> AsyncIterator[None]:
    """Records what is refused; what is done is recorded where it is done."""
    try:
        yield
    except Refused as refusal:
        async with transaction(pool) as conn:
            await audit.record(
                conn, action, refusal.reason.code, caller.address,
                unit_id=await _known(conn, unit_id), operator_id=operator_id,
                detail={"kind": PASSWORD_LOGIN},
            )  # fmt: skip
        raise


async def _record_ok(
    conn: Connection,
    action: str,
    unit_id: int,
    operator_id: int | None,
    caller: Caller,
    token_sha256: bytes | None = None,
    why: str = "",
) -> None:
    await audit.record(
        conn, action, audit.OK, caller.address, unit_id=unit_id, operator_id=operator_id,
        token_sha256=token_sha256, detail={"kind": PASSWORD_LOGIN, "why": why},
    )  # fmt: skip


async def _known(conn: Connection, unit_id: int) -> int:
    found = await conn.execute("select unit_id from unit where unit_id = %s", (unit_id,))
    row = await found.fetchone()
    return row[0] if row else audit.UNKNOWN_UNIT


def _login_subject(unit_id: int, caller: Caller) -> bytes:
    return _subject("unit", f"{unit_id}:{caller.address}")


def _access_subject(unit_id: int, caller: Caller) -> bytes:
    """Registration and reset have a limit of their own: their failures stop no login. What cannot
    be guessed there, the code, has its own number of tries, wherever they come from."""
    return _subject("access", f"{unit_id}:{caller.address}")


def _subject(kind: str, value: object) -> bytes:
    """Apart from the certificates' and the staff's subjects, which share the table."""
    return hashlib.sha256(f"password:{kind}:{value}".encode()).digest()
