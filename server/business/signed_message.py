"""The exact bytes a certificate key signs: one purpose each, so that none fits another use."""

from __future__ import annotations

from enum import StrEnum

LOGIN_DOMAIN = b"HR-LOGIN-1"
APPROVAL_DOMAIN = b"HR-APPROVE-1"
DIGEST_LENGTH = 32
FIELD_LENGTH_MAX = 0xFFFF


class Algorithm(StrEnum):
    """How a key signs; the value is the name on the wire, and no other is accepted."""

    RSA_PKCS1_SHA256 = "RSA-PKCS1-SHA256"
    ECDSA_SHA256 = "ECDSA-SHA256"


def login_message(
    audience: str,
    nonce: bytes,
    challenge_id: str,
    server_spki_sha256: bytes,
    certificate_sha256: bytes,
) -> bytes:
    """What proves that the key is present for this challenge, on this connection."""
    return (
        LOGIN_DOMAIN
        + _prefixed(audience.encode())
        + _prefixed(nonce)
        + _prefixed(challenge_id.encode())
        + _digest(server_spki_sha256)
        + _digest(certificate_sha256)
        + _prefixed(b"login")
    )


def approval_message(
    audience: str,
    idempotency_key: str,
    document_sha256: bytes,
    server_spki_sha256: bytes,
    certificate_sha256: bytes,
) -> bytes:
    """What the operator signs to approve one document under one idempotency key."""
    return (
        APPROVAL_DOMAIN
        + _prefixed(audience.encode())
        + _prefixed(idempotency_key.encode())
        + _digest(document_sha256)
        + _digest(server_spki_sha256)
        + _digest(certificate_sha256)
        + _prefixed(b"approve")
    )


def _prefixed(field: bytes) -> bytes:
    if len(field) > FIELD_LENGTH_MAX:
        raise ValueError("a signed field is at most 65535 bytes")
    return len(field).to_bytes(2, "big") + field


def _digest(sha256: bytes) -> bytes:
    if len(sha256) != DIGEST_LENGTH:
        raise ValueError("a SHA-256 digest is 32 bytes")
    return sha256
