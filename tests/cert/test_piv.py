"""The PIV driver against transcripts: what it sends to the byte, and what it makes of answers."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hpf_desktop.cert.apdu import tlv
from hpf_desktop.cert.drivers.piv import PivToken, pkcs1_block
from hpf_desktop.cert.token import CardError, CardFault, PinKind, PinOutcome, PinStatus, Usage
from server.business.signed_message import Algorithm
from tests.cert.keys import NOW, PIN, Script, card, certificate, private_key

SELECTS = (
    "00A404000BA00000030800001000010000",
    "00A4040009A0000003080000100000",
    "00A4040005A00000030800",
)


def token(*exchanges: tuple[str, str]) -> tuple[PivToken, Script]:
    script = Script(exchanges)
    return PivToken(script), script


@pytest.mark.parametrize("known", [0, 1, 2])
def test_probe_tries_each_form_of_the_name(known: int) -> None:
    exchanges = [(select, "6A82") for select in SELECTS[:known]] + [(SELECTS[known], "9000")]
    piv, script = token(*exchanges)
    assert piv.probe()
    assert script.at == known + 1


def test_probe_of_another_card_sends_three_selects_and_no_pin() -> None:
    piv, script = token(*[(select, "6A82") for select in SELECTS])
    assert not piv.probe()
    assert script.at == 3


def answer_with(der: bytes, flags: int = 0) -> list[tuple[str, str]]:
    """GET DATA of slot 9A, in parts of 255 bytes."""
    content = tlv(0x53, tlv(0x70, der) + tlv(0x71, bytes([flags])) + tlv(0xFE, b""))
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    rest = [len(part) for part in parts[1:]]
    asks = ["00CB3FFF055C035FC10500"] + [f"00C00000{size:02X}" for size in rest]
    statuses = [f"61{size:02X}" for size in rest] + ["9000"]
    return [
        (ask, part.hex() + status) for ask, part, status in zip(asks, parts, statuses, strict=True)
    ]


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
@pytest.mark.parametrize("packs", [False, True])
def test_certificate_is_read_in_parts_and_unpacked(kind: str, packs: bool) -> None:
    der = certificate(private_key(kind), padding=600)
    stored = gzip.compress(der) if packs else der
    piv, script = token(*answer_with(stored, int(packs)))
    held = piv.certificate(0x9A)
    assert held is not None and held.der == der and held.usage is Usage.SIGN
    wanted = Algorithm.ECDSA_SHA256 if kind == "p256" else Algorithm.RSA_PKCS1_SHA256
    assert held.algorithm is wanted
    assert script.at == len(script.exchanges)


@pytest.mark.parametrize("kind", ["p384", "rsa1024"])
def test_certificate_with_an_unfit_key_has_no_algorithm(kind: str) -> None:
    piv, _ = token(*answer_with(certificate(private_key(kind))))
    held = piv.certificate(0x9A)
    assert held is not None and held.algorithm is None


@pytest.mark.parametrize("signs", [False, None])
def test_certificate_not_for_signatures_is_for_encryption(signs: bool | None) -> None:
    piv, _ = token(*answer_with(certificate(private_key("p256"), signs=signs)))
    held = piv.certificate(0x9A)
    assert held is not None and held.usage is Usage.ENCRYPT


@pytest.mark.parametrize(
    ("stored", "flags"),
    [
        (b"no certificate", 0),
        (b"no gzip", 1),
        (gzip.compress(bytes(20_000)), 1),  # larger than a certificate may get
        (gzip.compress(b"abcdef")[:-6], 1),
    ],
)
def test_certificate_that_cannot_be_read_is_none(stored: bytes, flags: int) -> None:
    piv, _ = token(*answer_with(stored, flags))
    assert piv.certificate(0x9A) is None


def test_certificate_absent_is_none() -> None:
    piv, _ = token(("00CB3FFF055C035FC10A00", "6A82"))
    assert piv.certificate(0x9C) is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("63C3", PinStatus(3)),
        ("63C1", PinStatus(1)),
        ("63C0", PinStatus(0, is_blocked=True)),
        ("6983", PinStatus(0, is_blocked=True)),
        ("6984", PinStatus(0, is_blocked=True)),
        ("9000", PinStatus(None)),
        ("6985", PinStatus(None)),
    ],
)
def test_pin_status_is_read_without_a_pin(answer: str, status: PinStatus) -> None:
    piv, _ = token(("00200080", answer))
    assert piv.pin_status() == status


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("9000", PinOutcome(PinKind.OK)),
        ("63C2", PinOutcome(PinKind.WRONG, 2)),
        ("63C0", PinOutcome(PinKind.BLOCKED, 0)),
        ("6983", PinOutcome(PinKind.BLOCKED, 0)),
        ("6982", PinOutcome(PinKind.WRONG)),
        ("6985", PinOutcome(PinKind.WRONG)),
        ("6988", PinOutcome(PinKind.WRONG)),
        ("", PinOutcome(PinKind.UNKNOWN)),
    ],
)
def test_verify_answer_becomes_an_outcome(answer: str, outcome: PinOutcome) -> None:
    piv, script = token(("0020008008313233343536FFFF", answer))
    assert piv.verify_pin(bytearray(PIN.encode())) == outcome
    assert script.at == 1


@pytest.mark.parametrize("pin", ["", "12345", "123456789", "12345a", "１２３４５６"])
def test_verify_of_what_is_no_pin_sends_nothing(pin: str) -> None:
    piv, script = token()
    assert piv.verify_pin(bytearray(pin.encode())).kind is PinKind.NOT_SENT
    assert script.at == 0


def test_verify_leaves_no_pin_in_what_it_sent() -> None:
    class Keeping(Script):
        kept: Any = None

        def transmit(self, apdu: bytes | bytearray) -> bytes:
            self.kept = apdu
            return super().transmit(apdu)

    transport = Keeping((("0020008008313233343536FFFF", "9000"),))
    PivToken(transport).verify_pin(bytearray(PIN.encode()))
    assert bytes(transport.kept) == bytes(13)


def test_pkcs1_block_is_what_the_public_operation_gives_back() -> None:
    key = private_key("rsa2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    signed = int.from_bytes(key.sign(b"message", padding.PKCS1v15(), hashes.SHA256()), "big")
    numbers = key.public_key().public_numbers()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"message")
    assert pow(signed, numbers.e, numbers.n).to_bytes(256, "big") == pkcs1_block(digest.finalize())


@pytest.mark.parametrize("answer", ["9000", "7C0082009000", "7C048205AA9000", "7C028200 9000"])
def test_sign_answer_without_a_signature_is_malformed(answer: str) -> None:
    digest = "1db27b06adabb8b1eb5e2c6e2efbe34d5cf23d7ad1a8b1ae6bc6d5d3a0ab6fd3"
    script = Script(())
    script.transmit = lambda apdu: bytes.fromhex(answer)  # type: ignore[method-assign]
    with pytest.raises(CardFault) as caught:
        PivToken(script).sign(0x9A, Algorithm.ECDSA_SHA256, bytes.fromhex(digest))
    assert caught.value.error is CardError.MALFORMED


def test_sign_refused_by_the_card_is_a_fault_with_its_status() -> None:
    script = Script(())
    script.transmit = lambda apdu: b"\x69\x82"  # type: ignore[method-assign]
    with pytest.raises(CardFault) as caught:
        PivToken(script).sign(0x9A, Algorithm.RSA_PKCS1_SHA256, b"message")
    assert (caught.value.error, caught.value.code) == (CardError.FAILED, 0x6982)


def test_cards_dates_do_not_matter_to_the_driver() -> None:
    held = card(begins=NOW, ends=NOW).credentials[0x9A].certificate
    assert held is not None
    piv, _ = token(*answer_with(held))
    assert piv.certificate(0x9A) is not None
