"""The centre's trust: which CAs count; whether a certificate is theirs, in date, not revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from server.business.signed_message import Algorithm

CHAIN_DEPTH_MAX = 4
CRL_GRACE = timedelta(hours=24)
RSA_BITS_MIN = 2048
LOGIN_PURPOSES = frozenset(
    {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)

T = TypeVar("T")


class Rejected(Exception):
    """``code`` is what the person is told; ``why`` is for the audit log only."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code} {why}")
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Trust:
    """What is in the trust folder: ``roots/``, ``intermediates/`` and ``crls/``, PEM or DER."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    crl_grace: timedelta = CRL_GRACE
    is_soft_fail: bool = False  # Accept when no current revocation list is at hand.


class TrustFolder:
    """Reads the folder again when a file in it changed: a new CRL counts without a restart."""

    def __init__(self, folder: Path, is_soft_fail: bool = False) -> None:
        self._folder = folder
        self._is_soft_fail = is_soft_fail
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._trust = Trust(())

    def current(self) -> Trust:
        now = tuple(
            (str(file), file.stat().st_mtime_ns, file.stat().st_size)
            for file in _files(self._folder, "*")
        )
        if now != self._seen:
            self._trust = load_trust(self._folder, self._is_soft_fail)
            self._seen = now
        return self._trust


def load_trust(folder: Path, is_soft_fail: bool = False) -> Trust:
    load = x509.load_pem_x509_certificates
    return Trust(
        roots=_read(folder, "roots", load, x509.load_der_x509_certificate),
        intermediates=_read(folder, "intermediates", load, x509.load_der_x509_certificate),
        crls=_read(
            folder, "crls", lambda raw: [x509.load_pem_x509_crl(raw)], x509.load_der_x509_crl
        ),
        is_soft_fail=is_soft_fail,
    )


def _files(folder: Path, kind: str) -> Iterator[Path]:
    # A dot file is one that is being written: it gets its name when it is whole.
    found = sorted(folder.glob(f"{kind}/*"))
    return (file for file in found if file.is_file() and not file.name.startswith("."))


def _read(
    folder: Path, kind: str, pem: Callable[[bytes], list[T]], der: Callable[[bytes], T]
) -> tuple[T, ...]:
    loaded: list[T] = []
    for file in _files(folder, kind):
        raw = file.read_bytes()
        loaded += pem(raw) if b"-----BEGIN" in raw else [der(raw)]
    return tuple(loaded)


def parse_certificate(der: bytes) -> x509.Certificate:
    """With a key this server accepts: RSA of 2048 bits or more, or P-256."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        # Parsing is lazy: a certificate that is broken inside fails here and not later.
        _ = certificate.subject, certificate.issuer, certificate.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as broken:
        raise Rejected("L09", "certificate cannot be read") from broken
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return certificate
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return certificate
    raise Rejected("L09", "kind or size of key")


def spki_sha256(certificate: x509.Certificate) -> bytes:
    """Of the public key alone: it stays when the certificate is renewed."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def check_signature(
    certificate: x509.Certificate, algorithm: str, signature: bytes, message: bytes
) -> None:
    """``algorithm`` has to be the one that fits the certificate's key; raises Rejected."""
    key = certificate.public_key()
    try:
        if algorithm == Algorithm.RSA_PKCS1_SHA256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == Algorithm.ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            raise Rejected("L09", "algorithm does not fit the key")
    except InvalidSignature as wrong:
        raise Rejected("L02", "signature") from wrong


def check_certificate(
    trust: Trust,
    leaf: x509.Certificate,
    offered: Sequence[x509.Certificate] = (),
    now: datetime | None = None,
) -> None:
    """Chain, dates, purpose, revocation, in this order; raises Rejected."""
    moment = now or datetime.now(UTC)
    chain = _chain(trust, leaf, offered, moment)
    _check_dates(leaf, moment)
    _check_purpose(leaf)
    _check_revocations(trust, chain, moment)


def examine_certificate(
    trust: Trust,
    leaf: x509.Certificate,
    offered: Sequence[x509.Certificate] = (),
    now: datetime | None = None,
) -> dict[str, str]:
    """All of them side by side: the code of each check, empty where it passes. Of a stranger's
    certificate there is nothing to say but that."""
    moment = now or datetime.now(UTC)
    try:
        chain = _chain(trust, leaf, offered, moment)
    except Rejected as stranger:
        return {"chain": stranger.code}
    return {
        "chain": "",
        "dates": _code_of(lambda: _check_dates(leaf, moment)),
        "purpose": _code_of(lambda: _check_purpose(leaf)),
        "revocation": _code_of(lambda: _check_revocations(trust, chain, moment)),
    }


def _code_of(check: Callable[[], None]) -> str:
    try:
        check()
    except Rejected as rejected:
        return rejected.code
    return ""


def _chain(
    trust: Trust, leaf: x509.Certificate, offered: Sequence[x509.Certificate], now: datetime
) -> list[x509.Certificate]:
    """From the leaf to a root. A stranger's certificate is a stranger's, whatever its dates."""
    at = min(max(now, leaf.not_valid_before_utc), leaf.not_valid_after_utc)
    if not trust.roots:
        raise Rejected("L03", "no roots configured")
    verifier = (
        PolicyBuilder()
        .store(Store(list(trust.roots)))
        .time(at)
        .max_chain_depth(CHAIN_DEPTH_MAX)
        # CA keys carry no subjectAltName, which the web's rules demand of a client.
        .extension_policies(
            ee_policy=ExtensionPolicy.permit_all(),
            ca_policy=ExtensionPolicy.webpki_defaults_ca(),
        )
        .build_client_verifier()
    )
    try:
        chain = verifier.verify(leaf, [*trust.intermediates, *offered]).chain
    except VerificationError as stranger:
        raise Rejected("L03", "no chain to a trusted root") from stranger
    return chain


def _check_dates(leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        raise Rejected("L04", "expired")
    if now < leaf.not_valid_before_utc:
        raise Rejected("L04", "not yet valid")


def _check_purpose(leaf: x509.Certificate) -> None:
    """Certificates for encryption, for CAs, and for other purposes than a client do not log in."""
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not (usage.digital_signature or usage.content_commitment):
        raise Rejected("L15", "key usage")
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise Rejected("L15", "certificate of a CA")
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    if purposes is not None and LOGIN_PURPOSES.isdisjoint(purposes):
        raise Rejected("L15", "extended key usage")


def _check_revocations(trust: Trust, chain: Sequence[x509.Certificate], now: datetime) -> None:
    for certificate, issuer in pairwise(chain):
        check_revocation(trust, certificate, issuer, now)


def check_revocation(
    trust: Trust, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> None:
    """By any current list; an old list still revokes, but no longer acquits."""
    is_current = False
    for crl in _lists_of(trust.crls, issuer):
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise Rejected("L05", "on the revocation list")
        is_current |= _is_current(crl, now, trust.crl_grace)
    if not is_current and not trust.is_soft_fail:
        raise Rejected("L12", "no current revocation list")


def _is_current(crl: x509.CertificateRevocationList, now: datetime, grace: timedelta) -> bool:
    until = crl.next_update_utc
    return until is not None and crl.last_update_utc <= now <= until + grace


def _lists_of(
    crls: Iterable[x509.CertificateRevocationList], issuer: x509.Certificate
) -> Iterator[x509.CertificateRevocationList]:
    """The issuer's own complete lists, by name and signature."""
    usage = _extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return
    for crl in crls:
        # A critical extension narrows the list (partitions, deltas): it would acquit too much.
        is_complete = not any(extension.critical for extension in crl.extensions)
        if crl.issuer == issuer.subject and is_complete and crl.is_signature_valid(key):
            yield crl


E = TypeVar("E", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
