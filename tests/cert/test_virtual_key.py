"""The virtual key as a card, and what it can be told to do wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from hpf_desktop.cert.virtual_key.card import PivCard, answer_to_reset
from hpf_desktop.cert.virtual_key.control import HELP, Control, serve_control
from hpf_desktop.cert.virtual_key.files import load_credential
from hpf_desktop.cert.virtual_key.tricks import Pulled
from tests.cert.keys import PIN, card, certificate, private_key

SELECT = bytes.fromhex("00A4040005A00000030800")
VERIFY = bytes.fromhex("0020008008") + PIN.encode() + b"\xff\xff"
STATUS = bytes.fromhex("00200080")
DIGEST = bytes(32)
SIGN_P256 = bytes.fromhex("0087119A26 7C24 8200 8120") + DIGEST + b"\x00"


def selected(key: PivCard) -> PivCard:
    assert key.answer(SELECT)[-2:] == b"\x90\x00"
    return key


def sign_command(slot: int) -> bytes:
    return SIGN_P256[:3] + bytes([slot]) + SIGN_P256[4:]


def test_atr_check_byte_makes_the_xor_zero() -> None:
    atr = answer_to_reset()
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert (atr[0], check) == (0x3B, 0)


def test_card_unselected_knows_no_command() -> None:
    assert card().answer(STATUS) == b"\x6d\x00"


def test_card_loses_selection_and_pin_but_not_the_counter_with_power() -> None:
    key = selected(card())
    key.answer(VERIFY[:-3] + b"9\xff\xff")
    key.answer(VERIFY)
    key.answer(VERIFY[:-3] + b"9\xff\xff")
    key.power()
    assert selected(key).answer(STATUS) == b"\x63\xc2"


def test_card_wrong_pin_counts_to_blocked_and_stays_so() -> None:
    key = selected(card())
    wrong = VERIFY[:-3] + b"9\xff\xff"
    assert [key.answer(wrong) for _ in range(3)] == [b"\x63\xc2", b"\x63\xc1", b"\x69\x83"]
    assert key.answer(VERIFY) == b"\x69\x83"


def test_card_pin_of_a_wrong_length_is_not_a_try() -> None:
    key = selected(card())
    assert key.answer(bytes.fromhex("0020008006313233343536")) == b"\x6a\x80"
    assert key.tries_left == 3


def test_card_signs_only_after_the_pin() -> None:
    key = selected(card())
    assert key.answer(sign_command(0x9A)) == b"\x69\x82"
    assert key.answer(VERIFY) == b"\x90\x00"
    assert [key.answer(sign_command(0x9A))[-2:] for _ in range(2)] == [b"\x90\x00"] * 2


@pytest.mark.parametrize("between", [STATUS, SELECT, sign_command(0x9C)])
def test_card_slot_9c_wants_the_pin_directly_before(between: bytes) -> None:
    key = selected(card(slot=0x9C))
    key.answer(VERIFY)
    assert key.answer(sign_command(0x9C))[-2:] == b"\x90\x00"
    key.answer(VERIFY)
    key.answer(between)
    assert key.answer(sign_command(0x9C)) == b"\x69\x82"


@pytest.mark.parametrize(
    "apdu", ["", "00", "00A404", "00A40400", "00A404000B01", "00CB3FFF00", "0087119A", "FFFFFFFFFF"]
)
def test_card_survives_broken_commands(apdu: str) -> None:
    key = selected(card())
    assert len(key.answer(bytes.fromhex(apdu))) == 2


class Plug:
    """A link that only remembers."""

    def __init__(self, key: PivCard) -> None:
        self.card = key
        self.is_inserted = True

    def insert(self) -> None:
        self.is_inserted = True

    def pull(self) -> None:
        self.is_inserted = False


@pytest.fixture
def control() -> Control:
    return Control(Plug(selected(card())))


def test_control_pull_and_insert(control: Control) -> None:
    assert control.obey("state") == "ok inserted tries=3 verifies=0"
    control.obey("pull")
    assert control.obey("state").startswith("ok pulled")
    control.obey("insert")
    assert control.obey("state").startswith("ok inserted")


def test_control_trick_happens_after_skipping_and_once(control: Control) -> None:
    key = control._card
    assert control.obey("on verify status 6F00 skip 1 times 2") == "ok"
    answers = [key.answer(VERIFY) for _ in range(4)]
    assert answers == [b"\x90\x00", b"\x6f\x00", b"\x6f\x00", b"\x90\x00"]


def test_control_pull_during_verify_leaves_the_counter_question_alone(control: Control) -> None:
    key = control._card
    control.obey("on verify pull")
    assert key.answer(STATUS) == b"\x63\xc3", "reading the counter is not a VERIFY"
    with pytest.raises(Pulled):
        key.answer(VERIFY)


def test_control_counts_tries_down_although_it_answers_something_else(control: Control) -> None:
    key = control._card
    control.obey("on verify do-and-status 6F00")
    assert key.answer(VERIFY[:-3] + b"9\xff\xff") == b"\x6f\x00"
    assert control.obey("state") == "ok inserted tries=2 verifies=1"


def test_control_calm_takes_everything_back(control: Control) -> None:
    for line in ("tries 1", "certificate none", "lengths exact", "atr bad", "on any pull"):
        assert control.obey(line) == "ok"
    key = control._card
    assert control.obey("calm") == "ok"
    assert key.answer(bytes.fromhex("00CB3FFF055C035FC10500"))[:1] == b"\x53"
    assert key.atr == answer_to_reset()


@pytest.mark.parametrize(
    "line",
    ["nonsense", "tries", "tries x", "tries 99", "on verify explode", "on never pull",
     "on verify status", "on verify status zz", "on verify delay -1", "certificate green",
     "atr", "on any pull skip", "insert now"],
)  # fmt: skip
def test_control_what_it_does_not_know_it_says(control: Control, line: str) -> None:
    assert control.obey(line).startswith("error")


def test_control_help_lists_its_verbs(control: Control) -> None:
    assert control.obey("help") == control.obey("") == HELP


def test_control_socket_answers(control: Control, tmp_path: Path) -> None:
    path = tmp_path / "key.sock"
    server = serve_control(control, path)
    try:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(5)
            caller.connect(str(path))
            caller.sendall(b"tries 1\nstate\n")
            answers = caller.makefile()
            assert [answers.readline() for _ in range(2)] == [
                "ok\n",
                "ok inserted tries=1 verifies=0\n",
            ]
            answers.close()
        assert path.stat().st_mode & 0o077 == 0
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_files_pem_der_and_pkcs12_give_the_same(tmp_path: Path, kind: str) -> None:
    key = private_key(kind)
    der = certificate(key)
    parsed = x509.load_der_x509_certificate(der)
    plain = NoEncryption()
    contents = {
        "key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain),
        "key.der": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, plain),
        "cert.pem": parsed.public_bytes(Encoding.PEM),
        "cert.der": der,
        "both.pfx": pkcs12.serialize_key_and_certificates(
            b"x", key, parsed, None, BestAvailableEncryption(b"secret")
        ),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for files, password in (
        (["key.pem", "cert.pem"], None),
        (["key.der", "cert.der"], None),
        (["both.pfx"], "secret"),
    ):
        loaded = load_credential([tmp_path / file for file in files], password)
        assert loaded.certificate == der
        assert loaded.key.private_numbers() == key.private_numbers()


@pytest.mark.parametrize("kind", ["p384", "rsa1024"])
def test_files_with_another_kind_of_key_are_refused(tmp_path: Path, kind: str) -> None:
    key = private_key(kind)
    (tmp_path / "k").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "c").write_bytes(certificate(key))
    with pytest.raises(ValueError, match="key has to"):
        load_credential([tmp_path / "k", tmp_path / "c"])
