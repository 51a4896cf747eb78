"""A demo CA: a root, an issuing CA, and every certificate the demo and the tests need.

Its private keys lie beside it. It is for demo and test only, and its names say so.
"""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Extensions = list[tuple[x509.ExtensionType, bool]]  # and whether it is critical

# As a CA should be, older than any certificate that it ever signed.
CA_AGE, CA_LIFE = timedelta(days=3650), timedelta(days=3650)
LEAF_LIFE = timedelta(days=730)
CRL_LIFE = timedelta(days=30)
CRL_RENEWED_BEFORE = timedelta(days=15)
# Clocks of demo machines differ; a certificate that begins now would not be valid yet on some.
BACKDATED = timedelta(hours=1)


class Kind(StrEnum):
    P256 = "p256"
    RSA_2048 = "rsa2048"


@dataclass(frozen=True, slots=True)
class Issued:
    """A private key and its certificate, as PEM files."""

    key_file: Path
    certificate_file: Path

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key(self) -> PrivateKey:
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        assert isinstance(key, PrivateKey), "the demo CA makes no other keys"
        return key


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom an operator's certificate names: O, OU and CN of its subject."""

    unit_name: str = "楚雄彩云科技有限公司"
    unit_code: str = "91532300MA6NTEQT85"
    operator_name: str = "经办人"


@dataclass(frozen=True, slots=True)
class DemoCa:
    """Where everything is."""

    folder: Path

    @property
    def trust_folder(self) -> Path:
        return self.folder / "trust"

    @property
    def root_file(self) -> Path:
        """What clients trust."""
        return self.trust_folder / "roots" / "demo-root.pem"

    @property
    def tls(self) -> Issued:
        """For the server: the certificate file holds the chain up to the root."""
        return self._issued("tls/server")

    @property
    def receipts(self) -> Issued:
        return self._issued("receipts/signer")

    def operator(self, name: str) -> Issued:
        """``p256``, ``rsa2048``, ``expired``, ``not-yet-valid``, ``encryption``, ``other-ca``, …"""
        return self._issued(f"operators/{name}")

    def _issued(self, stem: str) -> Issued:
        return Issued(self.folder / f"{stem}.key", self.folder / f"{stem}.pem")

    @property
    def root(self) -> Issued:
        return Issued(self.folder / "ca/root.key", self.root_file)

    @property
    def issuing(self) -> Issued:
        return Issued(
            self.folder / "ca/issuing.key", self.trust_folder / "intermediates/demo-issuing.pem"
        )

    @property
    def foreign_root(self) -> Issued:
        return self._issued("ca/foreign")

    @property
    def revoked_file(self) -> Path:
        return self.folder / "ca/revoked.json"

    def crl_file(self, name: str) -> Path:
        return self.trust_folder / "crls" / f"{name}.pem"


def make(folder: Path, holder: Holder | None = None) -> DemoCa:
    """Makes what is missing and renews old revocation lists; keeps every key that exists."""
    ca, holder = DemoCa(folder), holder or Holder()
    _make_ca(ca.root, "演示根证书（仅供演示）", None)
    _make_ca(ca.issuing, "演示签发机构（仅供演示）", ca.root)
    _make_ca(ca.foreign_root, "其他机构根证书（仅供演示）", None)
    _make_tls(ca)
    _make_receipt_signer(ca)
    now = datetime.now(UTC)
    issue_operator(ca, "p256", holder)
    issue_operator(ca, "rsa2048", holder, Kind.RSA_2048)
    issue_operator(ca, "expired", holder, begins=now - 2 * LEAF_LIFE, ends=now - timedelta(days=1))
    issue_operator(
        ca, "not-yet-valid", holder, begins=now + timedelta(days=30), ends=now + LEAF_LIFE
    )
    issue_operator(ca, "encryption", holder, signs=False)
    issue_operator(ca, "other-ca", holder, issuer=ca.foreign_root)
    for name in ("root", "issuing"):
        if not _is_fresh(ca.crl_file(name), now):
            issue_crl(ca, name)
    return ca


def issue_operator(
    ca: DemoCa,
    name: str,
    holder: Holder,
    kind: Kind = Kind.P256,
    *,
    signs: bool = True,
    begins: datetime | None = None,
    ends: datetime | None = None,
    issuer: Issued | None = None,
) -> Issued:
    """As real operators' keys have them: the unit in the subject, and no subjectAltName."""
    subject = _name(
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, holder.unit_name),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, holder.unit_code),
        (NameOID.COMMON_NAME, holder.operator_name),
    )
    extensions: Extensions = [(_usage(digital_signature=signs, key_encipherment=not signs), True)]
    return _issue(ca.operator(name), subject, issuer or ca.issuing, kind, extensions, begins, ends)


def revoke(ca: DemoCa, certificate: x509.Certificate) -> None:
    """Puts it on its issuer's list, which the server reads at the next login."""
    serials = set(_revoked(ca)) | {f"{certificate.serial_number:X}"}
    _write(ca.revoked_file, json.dumps(sorted(serials)).encode())
    for name in ("root", "issuing"):
        issue_crl(ca, name)


def issue_crl(
    ca: DemoCa, name: str, begins: datetime | None = None, ends: datetime | None = None
) -> None:
    """``name`` is ``root`` or ``issuing``; one list of serials serves both, they never collide."""
    issuer = ca.root if name == "root" else ca.issuing
    begin = begins or datetime.now(UTC) - BACKDATED
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begin)
        .next_update(ends or begin + CRL_LIFE)
        .add_extension(_authority(issuer), critical=False)
        .add_extension(x509.CRLNumber(int(begin.timestamp())), critical=False)
    )
    for serial in _revoked(ca):
        entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
        builder = builder.add_revoked_certificate(entry.revocation_date(begin).build())
    crl = builder.sign(issuer.key, hashes.SHA256())
    _write(ca.crl_file(name), crl.public_bytes(serialization.Encoding.PEM), is_public=True)


def _revoked(ca: DemoCa) -> list[str]:
    return json.loads(ca.revoked_file.read_text()) if ca.revoked_file.exists() else []


def _is_fresh(crl_file: Path, now: datetime) -> bool:
    if not crl_file.exists():
        return False
    until = x509.load_pem_x509_crl(crl_file.read_bytes()).next_update_utc
    return until is not None and now < until - CRL_RENEWED_BEFORE


def _make_ca(files: Issued, common_name: str, issuer: Issued | None) -> None:
    subject = _name((NameOID.COUNTRY_NAME, "CN"), (NameOID.COMMON_NAME, common_name))
    extensions: Extensions = [
        (x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0), True),
        (_usage(key_cert_sign=True, crl_sign=True, digital_signature=False), True),
    ]
    now = datetime.now(UTC)
    _issue(
        files, subject, issuer or files, Kind.P256, extensions, now - CA_AGE, now + CA_LIFE, True
    )


def _make_tls(ca: DemoCa) -> None:
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    extensions: Extensions = [
        (x509.SubjectAlternativeName(names), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (_usage(digital_signature=True), True),
    ]
    subject = _name((NameOID.COMMON_NAME, "localhost"))
    _issue(ca.tls, subject, ca.issuing, Kind.P256, extensions, with_issuer=True)


def _make_receipt_signer(ca: DemoCa) -> None:
    subject = _name(
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "住房公积金管理中心（演示）"),
        (NameOID.COMMON_NAME, "电子回单签章（演示）"),
    )
    extensions: Extensions = [(_usage(digital_signature=True, content_commitment=True), True)]
    _issue(ca.receipts, subject, ca.issuing, Kind.P256, extensions)


def _issue(
    files: Issued,
    subject: x509.Name,
    issuer: Issued,
    kind: Kind,
    extensions: Extensions,
    begins: datetime | None = None,
    ends: datetime | None = None,
    is_ca: bool = False,
    with_issuer: bool = False,
) -> Issued:
    """Key and certificate, unless they are there already; ``issuer`` is ``files`` for a root."""
    if files.key_file.exists() and files.certificate_file.exists():
        return files
    key = _new_key(kind)
    begin = begins or datetime.now(UTC) - BACKDATED
    is_root = issuer == files
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if is_root else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(ends or begin + LEAF_LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_root:
        builder = builder.add_extension(_authority(issuer), critical=False)
    if not is_ca:
        no_ca = x509.BasicConstraints(ca=False, path_length=None)
        builder = builder.add_extension(no_ca, critical=True)
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    certificate = builder.sign(key if is_root else issuer.key, hashes.SHA256())
    _write(files.key_file, _pem(key))
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    if with_issuer:
        pem += issuer.certificate_file.read_bytes()
    _write(files.certificate_file, pem, is_public=True)
    return files


def _new_key(kind: Kind) -> PrivateKey:
    if kind is Kind.RSA_2048:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _authority(issuer: Issued) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _usage(
    *,
    digital_signature: bool,
    content_commitment: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, content: bytes, is_public: bool = False) -> None:
    """Whole or not at all, and private keys for the owner only from the first byte."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    mode = 0o644 if is_public else 0o600
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
    part.replace(file)
