"""Smart-card commands and BER as pure values: building, chaining, and reading answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

SHORT_MAX = 255
CHAINED = 0x10
ANSWER_MAX = 65_536  # A card that keeps saying 61xx must not fill the memory.
ROUNDS_MAX = 300

SW_OK = 0x9000
SW_AUTHENTICATION_REQUIRED = 0x6982
SW_BLOCKED = 0x6983
SW_NOT_FOUND = 0x6A82

Transmit = Callable[[bytes], bytes]


class MalformedAnswer(Exception):
    """The card's answer is not what the standard allows."""


@dataclass(frozen=True, slots=True)
class Command:
    """One logical command, of any data length."""

    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None  # 0 means "as much as there is" (256); None asks for nothing.
    cla: int = 0x00

    def pieces(self) -> Iterator[bytes]:
        """The short APDUs that carry it: all but the last with the chaining bit."""
        head = bytes([self.ins, self.p1, self.p2])
        data = self.data
        while len(data) > SHORT_MAX:
            yield bytes([self.cla | CHAINED]) + head + bytes([SHORT_MAX]) + data[:SHORT_MAX]
            data = data[SHORT_MAX:]
        body = bytes([len(data)]) + data if data else b""
        tail = b"" if self.le is None else bytes([self.le & 0xFF])
        yield bytes([self.cla]) + head + body + tail


@dataclass(frozen=True, slots=True)
class Answer:
    """What the card said in the end: all data, and the last status word."""

    data: bytes
    sw: int

    @property
    def is_ok(self) -> bool:
        return self.sw == SW_OK


def exchange(transmit: Transmit, command: Command) -> Answer:
    """Send ``command`` in pieces and collect the whole answer (61xx, 6Cxx)."""
    *first, last = command.pieces()
    for piece in first:
        answer = split(transmit(piece))
        if not answer.is_ok:
            return answer
    answer = split(transmit(last))
    if answer.sw >> 8 == 0x6C:
        # ISO 7816-4: the same command again with the length that the card names.
        header = last[:-1] if command.le is not None else last
        answer = split(transmit(header + bytes([answer.sw & 0xFF])))
    return _collect(transmit, answer, command.cla)


def _collect(transmit: Transmit, answer: Answer, cla: int) -> Answer:
    collected = bytearray(answer.data)
    rounds = 0
    while answer.sw >> 8 == 0x61:
        rounds += 1
        if rounds > ROUNDS_MAX or len(collected) > ANSWER_MAX:
            raise MalformedAnswer("answer without end")
        answer = split(transmit(bytes([cla, 0xC0, 0, 0, answer.sw & 0xFF])))
        collected += answer.data
    return Answer(bytes(collected), answer.sw)


def split(answer: bytes) -> Answer:
    if len(answer) < 2:
        raise MalformedAnswer("no status word")
    return Answer(answer[:-2], int.from_bytes(answer[-2:], "big"))


def tlv(tag: int, value: bytes) -> bytes:
    """One BER element; ``tag`` as its one to three bytes read as a number."""
    tag_bytes = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")
    return tag_bytes + _length(len(value)) + value


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    if length <= 0xFF:
        return bytes([0x81, length])
    if length <= 0xFFFF:
        return b"\x82" + length.to_bytes(2, "big")
    raise ValueError("BER element too long for a card")


def elements(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, value) pairs of one level; raises MalformedAnswer where it does not add up."""
    at = 0
    while at < len(encoded):
        tag, at = _read_tag(encoded, at)
        length, at = _read_length(encoded, at)
        if at + length > len(encoded):
            raise MalformedAnswer("element is cut off")
        yield tag, encoded[at : at + length]
        at += length


def element(encoded: bytes, tag: int) -> bytes | None:
    """The value of the first element ``tag``; unknown ones beside it are skipped."""
    return next((value for found, value in elements(encoded) if found == tag), None)


def _read_tag(encoded: bytes, at: int) -> tuple[int, int]:
    tag = encoded[at]
    at += 1
    if tag & 0x1F != 0x1F:
        return tag, at
    for _ in range(2):
        if at >= len(encoded):
            break
        tag = tag << 8 | encoded[at]
        at += 1
        if not encoded[at - 1] & 0x80:
            return tag, at
    raise MalformedAnswer("tag is cut off or too long")


def _read_length(encoded: bytes, at: int) -> tuple[int, int]:
    if at >= len(encoded):
        raise MalformedAnswer("length is missing")
    first = encoded[at]
    at += 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if not 1 <= count <= 2 or at + count > len(encoded):
        raise MalformedAnswer("length form is not allowed")
    return int.from_bytes(encoded[at : at + count], "big"), at + count
