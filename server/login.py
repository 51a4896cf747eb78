"""Certificate login: one-use challenges, and the checks that turn a signature into a session.

Each step has its own transaction: a failed login must use up its challenge and leave its trace.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from cryptography import x509

from server import audit
from server.business.refusals import Refused, refused
from server.business.signed_message import login_message
from server.certificates import (
    Rejected,
    TrustFolder,
    check_certificate,
    check_signature,
    examine_certificate,
    parse_certificate,
)
from server.db import Connection, Pool, transaction
from server.login_limits import clear_failures, count_failure, take_turn, wait_left_s
from server.sessions import CERTIFICATE_LOGIN, create_session, resume_session

CHALLENGE_LIFE_S = 120
OPEN_CHALLENGES_MAX = 5
# For one address, which may be a whole office, before it has to wait longer and longer.
EXAMINATIONS_FREE = 60
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """``audience`` is the origin clients use; ``own_spki_sha256`` of the current and next key."""

    audience: str
    own_spki_sha256: frozenset[bytes]
    trust: TrustFolder


@dataclass(frozen=True, slots=True)
class Challenge:
    challenge_id: str
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the client says; nothing of it is believed yet."""

    challenge_id: str
    algorithm: str
    certificate: bytes
    server_spki_sha256: bytes
    signature: bytes
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """Whom a certificate stands for, by enrolment."""

    unit_id: int
    operator_id: int
    certificate_id: int


async def open_challenge(pool: Pool, browser: str, address: str) -> Challenge:
    """A new one for this pre-login cookie, in place of its old one; so many per address."""
    challenge = Challenge(secrets.token_urlsafe(16), secrets.token_bytes(NONCE_BYTES))
    async with transaction(pool) as conn:
        # Two requests of one address count one after the other.
        await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (address,))
        await conn.execute(
            "delete from login_challenge"
            " where (address = %s and expires_at <= now()) or browser_sha256 = %s",
            (address, _sha256(browser.encode())),
        )
        found = await conn.execute(
            "select count(*), ceil(extract(epoch from min(expires_at) - now()))"
            " from login_challenge where address = %s",
            (address,),
        )
        count, free_in_s = await found.fetchone() or (0, 0)
        if count >= OPEN_CHALLENGES_MAX:
            raise refused("L08", seconds=int(free_in_s))
        await conn.execute(
            "insert into login_challenge"
            " (challenge_id, nonce, browser_sha256, address, expires_at)"
            " values (%s, %s, %s, %s, now() + make_interval(secs => %s))",
            (
                challenge.challenge_id,
                challenge.nonce,
                _sha256(browser.encode()),
                address,
                CHALLENGE_LIFE_S,
            ),
        )
    return challenge


async def log_in(
    pool: Pool, settings: LoginSettings, attempt: Attempt, browser: str, address: str
) -> str:
    """The new session's token."""
    binding = await _prove(pool, settings, attempt, browser, address, "login")
    token = secrets.token_urlsafe(32)
    async with transaction(pool) as conn:
        token_sha256 = await create_session(
            conn, token, binding.unit_id, binding.operator_id, binding.certificate_id
        )
        await _succeed(conn, "login", attempt, binding, token_sha256, address)
    return token


async def resume(
    pool: Pool, settings: LoginSettings, attempt: Attempt, browser: str, address: str, token: str
) -> None:
    """Unlocks the suspended session with the certificate it began with; another one ends it."""
    binding = await _prove(pool, settings, attempt, browser, address, "resume")
    async with transaction(pool) as conn:
        code = await resume_session(conn, token, binding.unit_id, binding.certificate_id)
        if code is None:
            token_sha256 = _sha256(token.encode())
            await _succeed(conn, "resume", attempt, binding, token_sha256, address)
        else:
            await _record(conn, "resume", code, "session", attempt, address, binding)
    # The transaction ends first: a session that met another certificate stays ended.
    if code is not None:
        raise refused(code)


async def examine(
    pool: Pool, settings: LoginSettings, der: bytes, chain: tuple[bytes, ...], address: str
) -> dict[str, str]:
    """What a login with this certificate would meet, by check; never whose certificate it is.

    Nothing is proved here, so nothing is told that its holder could mind: whether an operator is
    active, and of which unit, only a signature finds out.
    """
    async with transaction(pool) as conn:
        seconds = await take_turn(conn, _sha256(f"examine {address}".encode()), EXAMINATIONS_FREE)
    if seconds > 0:
        raise refused("L08", seconds=seconds)
    try:
        leaf = parse_certificate(der)
        found = examine_certificate(
            settings.trust.current(), leaf, [parse_certificate(offered) for offered in chain]
        )
    except Rejected as rejected:
        raise refused(rejected.code) from rejected
    async with transaction(pool) as conn:
        if found["chain"] == "":
            found["binding"] = "" if await _is_bound(conn, der) else "L06"
        detail = {"certificate": _sha256(der).hex(), **found}
        await audit.record(conn, "examine", audit.OK, address, detail=detail)
    return found


async def _is_bound(conn: Connection, der: bytes) -> bool:
    try:
        await _binding(conn, der)
    except Rejected:
        return False
    return True


async def _prove(
    pool: Pool,
    settings: LoginSettings,
    attempt: Attempt,
    browser: str,
    address: str,
    action: str,
) -> Binding:
    """All checks in the order of the design; a refusal says its class and no more."""
    subjects = (_sha256(address.encode()), _sha256(address.encode() + attempt.certificate))
    binding: Binding | None = None
    try:
        nonce = await _take_challenge(pool, attempt.challenge_id, browser)
        async with transaction(pool) as conn:
            await _insist_not_blocked(conn, subjects)
        certificate = parse_certificate(attempt.certificate)
        _check_proof(settings, attempt, certificate, nonce)
        offered = [parse_certificate(der) for der in attempt.chain]
        check_certificate(settings.trust.current(), certificate, offered)
        async with transaction(pool) as conn:
            binding = await _binding(conn, attempt.certificate)
            await _insist_active(conn, binding)
    except Rejected as rejected:
        async with transaction(pool) as conn:
            await count_failure(conn, rejected.code, subjects)
            await _record(conn, action, rejected.code, rejected.why, attempt, address, binding)
        raise refused(rejected.code) from rejected
    except Refused as limit:
        async with transaction(pool) as conn:
            await _record(conn, action, limit.reason.code, "limit", attempt, address, None)
        raise
    return binding


async def _take_challenge(pool: Pool, challenge_id: str, browser: str) -> bytes:
    """Committed by itself: it is gone whatever becomes of this login."""
    async with transaction(pool) as conn:
        found = await conn.execute(
            "delete from login_challenge where challenge_id = %s"
            " returning nonce, browser_sha256, expires_at > now()",
            (challenge_id,),
        )
        row = await found.fetchone()
    if row is None:
        raise Rejected("L01", "no such challenge")
    nonce, browser_sha256, is_alive = row
    if not secrets.compare_digest(browser_sha256, _sha256(browser.encode())):
        raise Rejected("L01", "challenge of another browser")
    if not is_alive:
        raise Rejected("L01", "challenge expired")
    return bytes(nonce)


async def _insist_not_blocked(conn: Connection, subjects: tuple[bytes, ...]) -> None:
    seconds = await wait_left_s(conn, subjects)
    if seconds > 0:
        raise refused("L08", seconds=seconds)


def _check_proof(
    settings: LoginSettings, attempt: Attempt, certificate: x509.Certificate, nonce: bytes
) -> None:
    message = login_message(
        settings.audience,
        nonce,
        attempt.challenge_id,
        attempt.server_spki_sha256,
        _sha256(attempt.certificate),
    )
    check_signature(certificate, attempt.algorithm, attempt.signature, message)
    # A good signature over a foreign key: somebody stands between this client and us.
    if attempt.server_spki_sha256 not in settings.own_spki_sha256:
        raise Rejected("L10", "client saw another server's key")


async def _binding(conn: Connection, der: bytes) -> Binding:
    found = await conn.execute(
        "select unit_id, operator_id, certificate_id from certificate"
        " where fingerprint = %s and state = 'bound'",
        (_sha256(der),),
    )
    row = await found.fetchone()
    if row is None:
        raise Rejected("L06", "not bound")
    return Binding(*row)


async def _insist_active(conn: Connection, binding: Binding) -> None:
    found = await conn.execute(
        "select state from operator where unit_id = %s and operator_id = %s",
        (binding.unit_id, binding.operator_id),
    )
    row = await found.fetchone()
    if row is None or row[0] != "active":
        raise Rejected("L07", "operator is not active")


async def _succeed(
    conn: Connection,
    action: str,
    attempt: Attempt,
    binding: Binding,
    token_sha256: bytes,
    address: str,
) -> None:
    await clear_failures(conn, (_sha256(address.encode() + attempt.certificate),))
    await _record(conn, action, audit.OK, "", attempt, address, binding, token_sha256)


async def _record(
    conn: Connection,
    action: str,
    outcome: str,
    why: str,
    attempt: Attempt,
    address: str,
    binding: Binding | None,
    token_sha256: bytes | None = None,
) -> None:
    detail = {
        "kind": CERTIFICATE_LOGIN,
        "why": why,
        "challenge": attempt.challenge_id,
        "certificate": _sha256(attempt.certificate).hex(),
    }
    await audit.record(
        conn,
        action,
        outcome,
        address,
        unit_id=binding.unit_id if binding else audit.UNKNOWN_UNIT,
        operator_id=binding.operator_id if binding else None,
        token_sha256=token_sha256,
        detail=detail,
    )


def _sha256(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
