"""Keys that speak PIV (NIST SP 800-73-4)."""

from __future__ import annotations

import hashlib
import zlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hpf_desktop.cert.apdu import (
    SW_BLOCKED,
    Answer,
    Command,
    MalformedAnswer,
    element,
    exchange,
    split,
    tlv,
)
from hpf_desktop.cert.token import (
    CardError,
    CardFault,
    CardTransport,
    CertificateSlot,
    PinKind,
    PinOutcome,
    PinStatus,
    Usage,
)
from server.business.signed_message import Algorithm

AID = bytes.fromhex("A000000308000010000100")
# Some cards know just one form of the name.
AIDS = (AID, AID[:9], AID[:5])

SIGN_9C, AUTHENTICATE_9A, DECRYPT_9D, CARD_9E = 0x9C, 0x9A, 0x9D, 0x9E
# 9A first: it is the one for authentication, and needs the PIN once only.
OBJECTS = {AUTHENTICATE_9A: 0x5FC105, SIGN_9C: 0x5FC10A, DECRYPT_9D: 0x5FC10B}

INS_VERIFY, INS_SELECT, INS_GET_DATA, INS_AUTHENTICATE = 0x20, 0xA4, 0xCB, 0x87
PIN_REFERENCE = 0x80
PIN_LENGTH = 8
PIN_DIGITS_MIN = 6

ALGORITHM_RSA_2048, ALGORITHM_P256 = 0x07, 0x11
CARD_ALGORITHM = {
    Algorithm.RSA_PKCS1_SHA256: ALGORITHM_RSA_2048,
    Algorithm.ECDSA_SHA256: ALGORITHM_P256,
}
RSA_BLOCK = 256
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

IS_GZIP = 0x01
GZIP_WINDOW = 47  # zlib reads gzip and zlib headers alike.
CERTIFICATE_MAX = 16_384


class PivToken:
    """The PIV application on a connected card."""

    def __init__(self, transport: CardTransport) -> None:
        self._transport = transport

    def probe(self) -> bool:
        return any(self._send(Command(INS_SELECT, 4, 0, aid, 0)).is_ok for aid in AIDS)

    def certificates(self) -> tuple[CertificateSlot, ...]:
        found = (self.certificate(slot) for slot in OBJECTS)
        return tuple(certificate for certificate in found if certificate is not None)

    def certificate(self, slot: int) -> CertificateSlot | None:
        name = tlv(0x5C, OBJECTS[slot].to_bytes(3, "big"))
        answer = self._send(Command(INS_GET_DATA, 0x3F, 0xFF, name, 0))
        if not answer.is_ok:
            return None
        try:
            der = _certificate_in(answer.data)
            certificate = x509.load_der_x509_certificate(der) if der else None
        except (MalformedAnswer, ValueError, zlib.error):
            return None
        if der is None or certificate is None:
            return None
        return CertificateSlot(slot, der, usage_of(certificate), algorithm_of(certificate))

    def pin_status(self) -> PinStatus:
        # 9000 here means that somebody verified it already: the card does not tell the counter.
        answer = self._send(Command(INS_VERIFY, 0, PIN_REFERENCE))
        return PinStatus(_tries_left(answer.sw), _is_blocked(answer.sw))

    def verify_pin(self, pin: bytearray) -> PinOutcome:
        if not is_pin(pin):
            return PinOutcome(PinKind.NOT_SENT)
        apdu = bytearray([0, INS_VERIFY, 0, PIN_REFERENCE, PIN_LENGTH])
        apdu += pin + b"\xff" * (PIN_LENGTH - len(pin))
        try:
            sw = split(self._transport.transmit(apdu)).sw
        except MalformedAnswer:
            return PinOutcome(PinKind.UNKNOWN)
        finally:
            apdu[:] = bytes(len(apdu))
        if sw == 0x9000:
            return PinOutcome(PinKind.OK)
        if _is_blocked(sw):
            return PinOutcome(PinKind.BLOCKED, 0)
        return PinOutcome(PinKind.WRONG, _tries_left(sw))

    def sign(self, slot: int, algorithm: Algorithm, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        block = pkcs1_block(digest) if algorithm is Algorithm.RSA_PKCS1_SHA256 else digest
        template = tlv(0x7C, tlv(0x82, b"") + tlv(0x81, block))
        command = Command(INS_AUTHENTICATE, CARD_ALGORITHM[algorithm], slot, template, 0)
        answer = self._send(command)
        if not answer.is_ok:
            raise CardFault(CardError.FAILED, answer.sw)
        try:
            signature = element(element(answer.data, 0x7C) or b"", 0x82)
        except MalformedAnswer as cut:
            raise CardFault(CardError.MALFORMED) from cut
        if not signature:
            raise CardFault(CardError.MALFORMED)
        return signature

    def close(self) -> None:
        self._transport.close()

    def _send(self, command: Command) -> Answer:
        try:
            return exchange(self._transport.transmit, command)
        except MalformedAnswer as cut:
            raise CardFault(CardError.MALFORMED) from cut


def is_pin(pin: bytearray) -> bool:
    """Whether the card would count it as a try at all: 6 to 8 ASCII digits."""
    return PIN_DIGITS_MIN <= len(pin) <= PIN_LENGTH and all(0x30 <= byte <= 0x39 for byte in pin)


def _is_blocked(sw: int) -> bool:
    return sw in (SW_BLOCKED, 0x6984, 0x63C0)


def _tries_left(sw: int) -> int | None:
    if sw & 0xFFF0 == 0x63C0:
        return sw & 0x0F
    return 0 if _is_blocked(sw) else None


def _certificate_in(answer: bytes) -> bytes | None:
    fields = element(answer, 0x53)
    if not fields:
        return None
    der = element(fields, 0x70)
    flags = element(fields, 0x71) or b"\x00"
    if der and flags[0] & IS_GZIP:
        unpacker = zlib.decompressobj(GZIP_WINDOW)
        der = unpacker.decompress(der, CERTIFICATE_MAX)
        if not unpacker.eof:
            raise MalformedAnswer("certificate too large or cut off")
    return der


def pkcs1_block(digest: bytes) -> bytes:
    """EMSA-PKCS1-v1_5 for a 2048-bit key: the card only raises it to its private exponent."""
    encoded = SHA256_DIGEST_INFO + digest
    return b"\x00\x01" + b"\xff" * (RSA_BLOCK - 3 - len(encoded)) + b"\x00" + encoded


def algorithm_of(certificate: x509.Certificate) -> Algorithm | None:
    """By the certificate's public key, never by the model of the card."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048:
        return Algorithm.RSA_PKCS1_SHA256
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return Algorithm.ECDSA_SHA256
    return None


def usage_of(certificate: x509.Certificate) -> Usage:
    """Chinese CA keys hold two certificates; only the one for signatures may log in."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return Usage.ENCRYPT
    signs = usage.digital_signature or usage.content_commitment
    return Usage.SIGN if signs else Usage.ENCRYPT
