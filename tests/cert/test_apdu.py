"""Commands in pieces, answers in parts, and BER, against hand-made bytes and against themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpf_desktop.cert.apdu import (
    Command,
    MalformedAnswer,
    element,
    elements,
    exchange,
    split,
    tlv,
)
from tests.cert.keys import Script


def run(command: Command, *exchanges: tuple[str, str]) -> tuple[str, int]:
    script = Script(exchanges)
    answer = exchange(script.transmit, command)
    assert script.at == len(exchanges), "not all expected commands were sent"
    return answer.data.hex(), answer.sw


def test_command_without_data_is_four_bytes() -> None:
    assert run(Command(0x20, 0, 0x80), ("00200080", "63C3")) == ("", 0x63C3)


def test_command_with_data_and_length_is_sent_whole() -> None:
    sent = ("00CB3FFF 05 5C035FC105 00", "5301AA 9000")
    command = Command(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FC105"), 0)
    assert run(command, sent) == ("5301aa", 0x9000)


def test_long_data_is_chained_and_only_the_last_piece_ends_it() -> None:
    data = bytes(range(256)) + b"end"
    first = "10870 79A FF".replace(" ", "") + data[:255].hex()
    last = "0087079A04" + data[255:].hex() + "00"
    command = Command(0x87, 0x07, 0x9A, data, 0)
    assert run(command, (first, "9000"), (last, "AABB9000")) == ("aabb", 0x9000)


def test_chain_refused_at_its_first_piece_stops_there() -> None:
    first = "1087079AFF" + "00" * 255
    assert run(Command(0x87, 0x07, 0x9A, bytes(300), 0), (first, "6982")) == ("", 0x6982)


def test_answer_in_parts_is_collected() -> None:
    found = run(
        Command(0xCB, 0x3F, 0xFF, b"\x5c\x01\x7e", 0),
        ("00CB3FFF035C017E00", "AAAA 6102"),
        ("00C0000002", "BBBB 6100"),
        ("00C0000000", "CC 9000"),
    )
    assert found == ("aaaabbbbcc", 0x9000)


def test_wrong_length_is_asked_again_with_the_right_one() -> None:
    found = run(
        Command(0xA4, 4, 0, b"\xa0\x00", 0),
        ("00A4040002A00000", "6C03"),
        ("00A4040002A00003", "010203 9000"),
    )
    assert found == ("010203", 0x9000)


def test_answer_without_end_is_refused() -> None:
    with pytest.raises(MalformedAnswer):
        exchange(lambda apdu: b"\x00" * 255 + b"\x61\x00", Command(0xCB, 0, 0, b"", 0))
    with pytest.raises(MalformedAnswer):
        exchange(lambda apdu: b"\x61\x00", Command(0xCB, 0, 0, b"", 0))


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_answer_without_status_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        split(answer)


@given(
    st.sampled_from([0x53, 0x70, 0x7C, 0x81, 0x7E, 0x5F2F, 0x5FC105]),
    st.binary(max_size=70_000).filter(lambda value: len(value) <= 0xFFFF),
)
def test_element_written_then_read_is_the_same(tag: int, value: bytes) -> None:
    if tag == 0x5FC105:  # Three bytes name a data object, not an element of this form.
        tag = 0x5F2F
    assert list(elements(tlv(tag, value))) == [(tag, value)]


@pytest.mark.parametrize(("length", "form"), [(127, "7f"), (128, "8180"), (256, "820100")])
def test_element_length_takes_the_shortest_form(length: int, form: str) -> None:
    assert tlv(0x53, bytes(length)).hex().startswith("53" + form)


def test_element_beside_unknown_ones_is_found() -> None:
    encoded = tlv(0x71, b"\x00") + tlv(0x5F2F, b"ab") + tlv(0x70, b"der") + tlv(0xFE, b"")
    assert element(encoded, 0x70) == b"der"
    assert element(encoded, 0x99) is None


@given(st.binary(max_size=64))
def test_elements_of_any_bytes_are_read_or_refused(encoded: bytes) -> None:
    try:
        found = list(elements(encoded))
    except MalformedAnswer:
        return
    assert sum(len(value) for _, value in found) <= len(encoded)


@pytest.mark.parametrize(
    "encoded", ["53", "5305AA", "5382", "5380", "53830000010A", "5F", "5FFFFF01"]
)
def test_elements_that_do_not_add_up_are_refused(encoded: str) -> None:
    with pytest.raises(MalformedAnswer):
        list(elements(bytes.fromhex(encoded)))
