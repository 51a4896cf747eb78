"""Enrolment: which certificate stands for which operator of which unit. Done at the centre only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg.errors import UniqueViolation

from server import audit
from server.business.refusals import refused
from server.certificates import Rejected, parse_certificate, spki_sha256
from server.db import Connection, new_id

CENTRE = "centre"  # What the audit log has for an address when the centre itself acts.


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may act for the unit, as the centre registers them."""

    name: str
    id_number: str
    phone: str
    role: str = "经办人"


async def bind_certificate(conn: Connection, unit_id: int, operator: Operator, der: bytes) -> int:
    """The certificate's id; registers the operator if the unit does not have them yet."""
    operator_id = await register_operator(conn, unit_id, operator)
    return await bind_to(conn, unit_id, operator_id, der)


async def bind_to(conn: Connection, unit_id: int, operator_id: int, der: bytes) -> int:
    """Binds to an operator the unit has; the certificate's id. A certificate stands for one."""
    await _insist_on(conn, unit_id, operator_id)
    try:
        certificate = parse_certificate(der)
    except Rejected as rejected:
        raise refused(rejected.code) from rejected
    certificate_id = new_id()
    try:
        async with conn.transaction():
            await conn.execute(
                "insert into certificate (unit_id, certificate_id, operator_id, issuer, serial,"
                " fingerprint, spki_sha256, der) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    unit_id,
                    certificate_id,
                    operator_id,
                    certificate.issuer.rfc4514_string(),
                    f"{certificate.serial_number:X}",
                    hashlib.sha256(der).digest(),
                    spki_sha256(certificate),
                    der,
                ),
            )
    except UniqueViolation as bound:
        raise refused("L16") from bound
    await _record(conn, "bind-certificate", unit_id, operator_id, certificate_id)
    return certificate_id


async def revoke_certificate(conn: Connection, unit_id: int, certificate_id: int) -> None:
    """Undoes the binding; sessions that it opened stop at their next request."""
    found = await conn.execute(
        "update certificate set state = 'revoked', revoked_at = now()"
        " where unit_id = %s and certificate_id = %s and state = 'bound' returning operator_id",
        (unit_id, certificate_id),
    )
    row = await found.fetchone()
    if row is None:
        raise refused("N04")
    await _record(conn, "revoke-certificate", unit_id, row[0], certificate_id)


async def register_operator(conn: Connection, unit_id: int, operator: Operator) -> int:
    """The operator's id; one known by their ID number stays as they are."""
    found = await conn.execute(
        "select (select operator_id from operator where unit_id = u.unit_id and id_number = %s)"
        " from unit u where unit_id = %s for update of u",
        (operator.id_number, unit_id),
    )
    row = await found.fetchone()
    if row is None:
        raise refused("N04")
    if row[0] is not None:
        return int(row[0])
    operator_id = new_id()
    await conn.execute(
        "insert into operator (unit_id, operator_id, name, id_number, phone, role)"
        " values (%s, %s, %s, %s, %s, %s)",
        (
            unit_id, operator_id, operator.name, operator.id_number, operator.phone, operator.role
        ),
    )  # fmt: skip
    return operator_id


async def change_phone(conn: Connection, unit_id: int, operator_id: int, phone: str) -> None:
    """Where the operator's codes go from now on; whoever cannot read them cannot register."""
    await _insist_on(conn, unit_id, operator_id)
    await conn.execute(
        "update operator set phone = %s where unit_id = %s and operator_id = %s",
        (phone, unit_id, operator_id),
    )


async def set_operator_state(conn: Connection, unit_id: int, operator_id: int, state: str) -> None:
    """``active`` or ``inactive``; an inactive operator's sessions stop at their next request."""
    await _insist_on(conn, unit_id, operator_id)
    await conn.execute(
        "update operator set state = %s where unit_id = %s and operator_id = %s",
        (state, unit_id, operator_id),
    )


async def _insist_on(conn: Connection, unit_id: int, operator_id: int) -> None:
    found = await conn.execute(
        "select 1 from operator where unit_id = %s and operator_id = %s", (unit_id, operator_id)
    )
    if await found.fetchone() is None:
        raise refused("T14")


async def _record(
    conn: Connection, action: str, unit_id: int, operator_id: int, certificate_id: int
) -> None:
    await audit.record(
        conn, action, audit.OK, CENTRE, unit_id=unit_id, operator_id=operator_id,
        detail={"certificate_id": certificate_id},
    )  # fmt: skip
