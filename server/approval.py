"""Approvals: the operator's signature over one document, by the key that opened the session."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from server.business.refusals import refused
from server.business.signed_message import approval_message
from server.certificates import Rejected, check_signature, parse_certificate
from server.db import Connection
from server.sessions import Session


@dataclass(frozen=True, slots=True)
class Approval:
    algorithm: str
    signature: bytes


async def check_approval(
    conn: Connection,
    session: Session,
    idempotency_key: str,
    document_sha256: bytes,
    approval: Approval,
    own_spki_sha256: Collection[bytes],
    audience: str,
) -> None:
    """Refuses with L14 unless the session's own, still bound certificate signed exactly this."""
    found = await conn.execute(
        "select der from certificate"
        " where unit_id = %s and certificate_id = %s and state = 'bound'",
        (session.unit_id, session.certificate_id),
    )
    row = await found.fetchone()
    if row is None:
        raise refused("L14")
    der = bytes(row[0])
    for spki_sha256 in own_spki_sha256:
        message = approval_message(
            audience, idempotency_key, document_sha256, spki_sha256, hashlib.sha256(der).digest()
        )
        if _is_signed(der, approval, message):
            return
    raise refused("L14")


def _is_signed(der: bytes, approval: Approval, message: bytes) -> bool:
    try:
        certificate = parse_certificate(der)
        check_signature(certificate, approval.algorithm, approval.signature, message)
    except Rejected:
        return False
    return True
