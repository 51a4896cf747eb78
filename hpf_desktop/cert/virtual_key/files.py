"""A virtual card's slots from key and certificate files (PEM, DER or PKCS#12)."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from hpf_desktop.cert.virtual_key.card import Credential


def load_credential(files: list[Path], password: str | None = None) -> Credential:
    """One PKCS#12 file, or a private key followed by its certificate."""
    secret = password.encode() if password else None
    if len(files) == 1:
        key, certificate, _ = pkcs12.load_key_and_certificates(files[0].read_bytes(), secret)
    else:
        key_file, certificate_file = files
        raw = key_file.read_bytes()
        load = load_pem_private_key if raw.lstrip().startswith(b"-----") else load_der_private_key
        key, certificate = load(raw, secret), _certificate(certificate_file.read_bytes())
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("the key is neither RSA nor on an elliptic curve")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size != 2048:
        raise ValueError("an RSA key has to have 2048 bits")
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("an elliptic-curve key has to be on P-256")
    return Credential(key, certificate.public_bytes(Encoding.DER) if certificate else None)


def _certificate(raw: bytes) -> x509.Certificate:
    if raw.lstrip().startswith(b"-----"):
        return x509.load_pem_x509_certificate(raw)
    return x509.load_der_x509_certificate(raw)
