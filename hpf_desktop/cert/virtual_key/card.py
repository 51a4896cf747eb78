"""A PIV card (NIST SP 800-73-4): selection, data objects, PIN counter, and signatures."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

from hpf_desktop.cert.apdu import MalformedAnswer, element, elements, tlv
from hpf_desktop.cert.virtual_key.tricks import Action, Tricks, perform_before

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

AID = bytes.fromhex("A000000308000010000100")
CERTIFICATE_OBJECTS = {0x5FC105: 0x9A, 0x5FC10A: 0x9C, 0x5FC10B: 0x9D}
CHUID, DISCOVERY = 0x5FC102, 0x7E
SLOT_PIN_ALWAYS = 0x9C
ALGORITHM_RSA_2048, ALGORITHM_P256 = 0x07, 0x11
PIN_REFERENCE = 0x80
INS_SELECT, INS_GET_DATA, INS_VERIFY, INS_AUTHENTICATE, INS_MORE = 0xA4, 0xCB, 0x20, 0x87, 0xC0
CHAIN_MAX = 4096

OK = b"\x90\x00"
SECURITY_NOT_SATISFIED = b"\x69\x82"
BLOCKED = b"\x69\x83"
WRONG_DATA = b"\x6a\x80"
NOT_FOUND = b"\x6a\x82"
WRONG_P1P2 = b"\x6a\x86"
REFERENCE_NOT_FOUND = b"\x6a\x88"
WRONG_LENGTH = b"\x67\x00"
UNKNOWN_INS = b"\x6d\x00"

HISTORICAL = b"HPF-KEY1"


def answer_to_reset(historical: bytes = HISTORICAL) -> bytes:
    """T=1 with nothing but historical bytes; the last byte is the XOR of all after the first."""
    body = bytes([0x80 | len(historical), 0x01]) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])


@dataclass(frozen=True, slots=True)
class Credential:
    """One slot: its private key, and its certificate unless the slot is to have none."""

    key: PrivateKey
    certificate: bytes | None


@dataclass(slots=True)
class Manners:
    """Lasting habits of a card, all of which the standard allows but the last two."""

    gzips_certificate: bool = False
    insists_on_length: bool = False  # answers 6Cxx to any other Le
    hides_counter: bool = False  # a wrong PIN gives 6982 without a number
    knows_only_short_name: bool = False
    breaks_signatures: bool = False
    sends_bad_atr: bool = False


@dataclass(slots=True)
class _Session:
    """What a card forgets when it loses power."""

    is_selected: bool = False
    is_verified: bool = False
    is_pin_fresh: bool = False
    chained: bytearray = field(default_factory=bytearray)
    remaining: bytes = b""


class PivCard:
    """Commands in, answers out. The counter outlives power; selection and PIN do not."""

    def __init__(self, credentials: Mapping[int, Credential], pin: str, tries_max: int = 3) -> None:
        self.credentials = dict(credentials)
        self.tries_left = self.tries_max = tries_max
        self.manners = Manners()
        self.tricks = Tricks()
        self.verify_count = 0  # VERIFY commands with a PIN, for the rule "one per press"
        self._pin = pin.encode().ljust(8, b"\xff")
        self._session = _Session()

    @property
    def atr(self) -> bytes:
        return b"\x00" if self.manners.sends_bad_atr else answer_to_reset()

    def power(self) -> None:
        """Switched on, off, or reset: the same to a card."""
        self._session = _Session()

    def answer(self, apdu: bytes) -> bytes:
        """Raises Pulled when a trick takes the key away."""
        if len(apdu) < 4:
            return WRONG_LENGTH
        data, le = _body(apdu)
        if data is None:
            return WRONG_LENGTH
        trick = self.tricks.take(apdu[1], len(data))
        early = perform_before(trick)
        if early is not None:
            return early
        answer = self._do(apdu[0], apdu[1], apdu[2] << 8 | apdu[3], data, le)
        if trick is not None and trick.action is Action.DO_AND_STATUS:
            return trick.sw.to_bytes(2, "big")
        return answer

    def _do(self, cla: int, ins: int, p1p2: int, data: bytes, le: int | None) -> bytes:
        session = self._session
        was_fresh, session.is_pin_fresh = session.is_pin_fresh, False
        if ins == INS_MORE:
            return self._reply(session.remaining, le, insists=False)
        session.remaining = b""
        if cla & 0x10:
            return self._chain(ins, p1p2 & 0xFF, data, was_fresh)
        whole = bytes(session.chained) + data
        session.chained.clear()
        if ins == INS_SELECT:
            return self._select(p1p2, whole, le)
        if not session.is_selected:
            return UNKNOWN_INS
        if ins == INS_VERIFY:
            return self._verify(p1p2, whole)
        if ins == INS_GET_DATA:
            return self._get_data(p1p2, whole, le)
        if ins == INS_AUTHENTICATE:
            return self._authenticate(p1p2 >> 8, p1p2 & 0xFF, whole, le, was_fresh)
        return UNKNOWN_INS

    def _chain(self, ins: int, slot: int, data: bytes, was_fresh: bool) -> bytes:
        session = self._session
        if ins == INS_AUTHENTICATE and not self._may_use(slot, was_fresh):
            session.chained.clear()
            return SECURITY_NOT_SATISFIED
        if len(session.chained) + len(data) > CHAIN_MAX:
            session.chained.clear()
            return WRONG_LENGTH
        session.chained += data
        session.is_pin_fresh = was_fresh
        return OK

    def _reply(self, content: bytes, le: int | None, insists: bool | None = None) -> bytes:
        """As much as the command asked for; the rest waits for GET RESPONSE."""
        asked = le or 256
        if insists is None:
            insists = self.manners.insists_on_length
        if insists and len(content) < 256 and asked != len(content):
            return bytes([0x6C, len(content)])
        part, self._session.remaining = content[:asked], content[asked:]
        rest = len(self._session.remaining)
        return part + (bytes([0x61, rest if rest < 256 else 0]) if rest else OK)

    def _select(self, p1p2: int, name: bytes, le: int | None) -> bytes:
        if p1p2 >> 8 != 0x04:
            return WRONG_P1P2
        is_too_long = self.manners.knows_only_short_name and len(name) > 5
        if len(name) < 5 or not AID.startswith(name) or is_too_long:
            return NOT_FOUND
        self._session.is_selected = True
        template = (
            tlv(0x4F, AID[5:]) + tlv(0x79, tlv(0x4F, AID[:5])) + tlv(0x50, b"HPF virtual key")
        )
        return self._reply(tlv(0x61, template), le)

    def _verify(self, p1p2: int, pin: bytes) -> bytes:
        session = self._session
        if p1p2 == 0xFF00 | PIN_REFERENCE and not pin:
            session.is_verified = False
            return OK
        if p1p2 != PIN_REFERENCE:
            return REFERENCE_NOT_FOUND
        if not pin:
            return OK if session.is_verified else self._refusal()
        if len(pin) != 8:
            return WRONG_DATA
        self.verify_count += 1
        if self.tries_left == 0:
            return BLOCKED
        session.is_verified = session.is_pin_fresh = hmac.compare_digest(pin, self._pin)
        if session.is_verified:
            self.tries_left = self.tries_max
            return OK
        self.tries_left -= 1
        return SECURITY_NOT_SATISFIED if self.manners.hides_counter else self._refusal()

    def _refusal(self) -> bytes:
        return bytes([0x63, 0xC0 | self.tries_left]) if self.tries_left else BLOCKED

    def _get_data(self, p1p2: int, query: bytes, le: int | None) -> bytes:
        if p1p2 != 0x3FFF:
            return WRONG_P1P2
        name = _element(query, 0x5C)
        if not name:
            return WRONG_DATA
        content = self._object(int.from_bytes(name, "big"))
        return NOT_FOUND if content is None else self._reply(content, le)

    def _object(self, name: int) -> bytes | None:
        if name == DISCOVERY:
            return tlv(DISCOVERY, tlv(0x4F, AID) + tlv(0x5F2F, b"\x40\x00"))
        if name == CHUID:
            return tlv(0x53, self._holder_id())
        credential = self.credentials.get(CERTIFICATE_OBJECTS.get(name, 0))
        if credential is None or credential.certificate is None:
            return None
        packs = self.manners.gzips_certificate
        der = credential.certificate
        der = gzip.compress(der, mtime=0) if packs else der
        return tlv(0x53, tlv(0x70, der) + tlv(0x71, bytes([packs])) + tlv(0xFE, b""))

    def _holder_id(self) -> bytes:
        certificates = b"".join(held.certificate or b"" for held in self.credentials.values())
        guid = hashlib.sha256(certificates).digest()[:16]
        return (
            tlv(0x30, bytes.fromhex("d4e739da739ced39ce739da1685a1082108ce73984108421c2"))
            + tlv(0x34, guid)
            + tlv(0x35, b"20991231")
            + tlv(0x3E, b"")
            + tlv(0xFE, b"")
        )

    def _may_use(self, slot: int, was_fresh: bool) -> bool:
        return was_fresh if slot == SLOT_PIN_ALWAYS else self._session.is_verified

    def _authenticate(
        self, algorithm: int, slot: int, template: bytes, le: int | None, was_fresh: bool
    ) -> bytes:
        credential = self.credentials.get(slot)
        if credential is None:
            return REFERENCE_NOT_FOUND
        if not self._may_use(slot, was_fresh):
            return SECURITY_NOT_SATISFIED
        wanted = (
            ALGORITHM_RSA_2048
            if isinstance(credential.key, rsa.RSAPrivateKey)
            else (ALGORITHM_P256)
        )
        fields = dict(_elements(_element(template, 0x7C) or b""))
        if algorithm != wanted or 0x82 not in fields:
            return WRONG_DATA
        result = _compute(credential.key, fields)
        if result is None:
            return WRONG_DATA
        if self.manners.breaks_signatures:
            result = result[:-1] + bytes([result[-1] ^ 1])
        return self._reply(tlv(0x7C, tlv(0x82, result)), le)


def _body(apdu: bytes) -> tuple[bytes | None, int | None]:
    """Data and Le of a short APDU; (None, None) when the lengths do not add up."""
    rest = apdu[4:]
    if not rest:
        return b"", None
    if len(rest) == 1:
        return b"", rest[0]
    count = rest[0]
    if count == 0 or len(rest) not in (count + 1, count + 2):
        return None, None
    return rest[1 : 1 + count], rest[-1] if len(rest) == count + 2 else None


def _compute(key: PrivateKey, fields: Mapping[int, bytes]) -> bytes | None:
    """The private operation: on a whole RSA block, on a digest, or with another's point."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _raw_rsa(key, fields.get(0x81, b""))
    try:
        if 0x85 in fields:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), fields[0x85])
            return key.exchange(ec.ECDH(), point)
    except ValueError:
        return None
    digest = fields.get(0x81, b"")
    if not digest:
        return None
    return key.sign(digest[:32].rjust(32, b"\x00"), ec.ECDSA(utils.Prehashed(SHA256())))


def _raw_rsa(key: rsa.RSAPrivateKey, block: bytes) -> bytes | None:
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    value = int.from_bytes(block, "big")
    if len(block) != 256 or value >= modulus:
        return None
    # Chinese remainders: a quarter of the work of one power modulo n.
    by_p = pow(value % numbers.p, numbers.dmp1, numbers.p)
    by_q = pow(value % numbers.q, numbers.dmq1, numbers.q)
    result = by_q + (numbers.iqmp * (by_p - by_q) % numbers.p) * numbers.q
    return result.to_bytes(256, "big")


def _element(encoded: bytes, tag: int) -> bytes | None:
    try:
        return element(encoded, tag)
    except MalformedAnswer:
        return None


def _elements(encoded: bytes) -> list[tuple[int, bytes]]:
    try:
        return list(elements(encoded))
    except MalformedAnswer:
        return []
