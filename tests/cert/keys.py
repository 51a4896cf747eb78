"""Keys, cards and a scripted transport for the tests of the certificate key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hpf_desktop.cert.virtual_key.card import Credential, PivCard, PrivateKey

PIN = "123456"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "甲单位"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "91532300MA6NTEQT85"),
        x509.NameAttribute(NameOID.COMMON_NAME, "王经办"),
    ]
)


@cache
def private_key(kind: str, number: int = 0) -> PrivateKey:
    """Made once a run; ``number`` tells apart several of a kind."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


def certificate(
    key: PrivateKey,
    *,
    signs: bool | None = True,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    padding: int = 0,
) -> bytes:
    """Self-signed DER; ``signs=None`` leaves keyUsage out, ``padding`` makes it long."""
    builder = x509.CertificateBuilder(
        SUBJECT, SUBJECT, key.public_key(), x509.random_serial_number(), begins, ends
    )
    if signs is not None:
        usage = x509.KeyUsage(
            digital_signature=signs, content_commitment=False, key_encipherment=not signs,
            data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    if padding:
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"x" * padding), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def credential(kind: str = "p256", number: int = 0, **options: object) -> Credential:
    key = private_key(kind, number)
    return Credential(key, certificate(key, **options))  # type: ignore[arg-type]


def card(kind: str = "p256", slot: int = 0x9A, number: int = 0, **options: object) -> PivCard:
    return PivCard({slot: credential(kind, number, **options)}, PIN)


@dataclass
class Script:
    """A transport that expects exactly these commands and gives these answers, in hex."""

    exchanges: Sequence[tuple[str, str]]
    at: int = 0

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        expected, answer = self.exchanges[self.at]
        assert bytes(apdu).hex() == expected.replace(" ", "").lower()
        self.at += 1
        return bytes.fromhex(answer)

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...
