"""A certificate on a key as the operator chooses it: whose it is, and why it may not be used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from hpf_desktop.cert.problems import Fault, KeyProblem, problem_of
from hpf_desktop.cert.token import CertificateSlot, Usage
from server.business.signed_message import Algorithm


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """Identified by ``fingerprint``: reader names change when a key is plugged in again."""

    reader: str
    insertion: int
    slot: int
    der: bytes
    fingerprint: str
    holder: str
    unit_name: str
    unit_code: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    algorithm: Algorithm | None
    refusal: KeyProblem | None

    @property
    def is_usable(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Listing:
    """What the inserted keys offer, usable first, and which readers have trouble."""

    certificates: tuple[KeyCertificate, ...]
    problems: tuple[KeyProblem, ...] = ()

    @property
    def preselected(self) -> KeyCertificate | None:
        """Nothing is chosen for the operator when there is a choice."""
        usable = [certificate for certificate in self.certificates if certificate.is_usable]
        return usable[0] if len(usable) == 1 else None


def describe(held: CertificateSlot, reader: str, insertion: int, now: datetime) -> KeyCertificate:
    certificate = x509.load_der_x509_certificate(held.der)
    return KeyCertificate(
        reader=reader,
        insertion=insertion,
        slot=held.slot,
        der=held.der,
        fingerprint=hashlib.sha256(held.der).hexdigest(),
        holder=_name(certificate.subject, NameOID.COMMON_NAME),
        unit_name=_name(certificate.subject, NameOID.ORGANIZATION_NAME),
        unit_code=_name(certificate.subject, NameOID.ORGANIZATIONAL_UNIT_NAME),
        issuer=_name(certificate.issuer, NameOID.COMMON_NAME),
        serial=f"{certificate.serial_number:X}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        algorithm=held.algorithm,
        refusal=_refusal(held, certificate, now),
    )


def _refusal(
    held: CertificateSlot, certificate: x509.Certificate, now: datetime
) -> KeyProblem | None:
    if held.usage is not Usage.SIGN:
        return problem_of(Fault.ENCRYPTION_ONLY)
    if held.algorithm is None:
        return problem_of(Fault.UNSUPPORTED_ALGORITHM)
    if now > certificate.not_valid_after_utc:
        return problem_of(Fault.EXPIRED, until=_day(certificate.not_valid_after_utc))
    if now < certificate.not_valid_before_utc:
        return problem_of(Fault.NOT_YET_VALID, since=_day(certificate.not_valid_before_utc))
    return None


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")


def _name(name: x509.Name, oid: ObjectIdentifier) -> str:
    values = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
    return values[0] if values else ""


def verifies(der: bytes, algorithm: Algorithm, signature: bytes, message: bytes) -> bool:
    """Whether the certificate's key made ``signature``: a damaged key is found before sending."""
    key = x509.load_der_x509_certificate(der).public_key()
    try:
        if algorithm is Algorithm.RSA_PKCS1_SHA256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            return True
        if algorithm is Algorithm.ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False
