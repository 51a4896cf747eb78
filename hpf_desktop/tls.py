"""Whom the client trusts, and whose key answers. No Qt."""

from __future__ import annotations

import hashlib
import ssl
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from server.business.refusals import refused

if TYPE_CHECKING:
    import httpx


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """The customer's CA alone, or the system's store."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError:
        raise refused("N11") from None


def is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def peer_certificate(response: httpx.Response) -> bytes:
    """Read while the connection is still the response's own; empty for a transport without TLS."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    return tls.getpeercert(True) if tls is not None else b""


def valid_until(der: bytes) -> datetime:
    from cryptography import x509

    return x509.load_der_x509_certificate(der).not_valid_after_utc


def spki_sha256(der: bytes) -> bytes:
    """Of a certificate's public key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()
