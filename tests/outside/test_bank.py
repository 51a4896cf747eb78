"""The adapter to the bank: signatures, and an outcome, never an error, for whatever comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date

import httpx
import msgspec
import pytest

from server.outside.bank import (
    BadNotice,
    BankAccount,
    BankAnswer,
    Collection,
    HttpBank,
    Outcome,
    read_notice,
)
from server.outside.bank_wire import (
    BANK_TEXTS,
    MESSAGE_BYTES_MAX,
    QUERY,
    SERIAL_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    AnswerMessage,
    BankCode,
    Detail,
    Direction,
    QueryMessage,
    sign_answer,
    sign_notice,
    sign_request,
)
from tests.outside.centre import OPENING_FEN, Centre

KEY = b"k" * 32
COLLECTION = Collection("S1", 500, BankAccount("6222", "单位", "102"), "A1", "汇缴")
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_signature_of_a_known_message_is_the_published_one() -> None:
    # Worked out apart from this code, with openssl:
    #   printf 'request\n/query\n1700000000000000000\nS1\n%s' "$(printf '{}' | openssl sha256 -r
    #   | cut -d' ' -f1)" | openssl sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    signed = sign_request(KEY, QUERY, "1700000000000000000", "S1", b"{}")
    assert signed == "bfb007b14ed222fee5502c4f0b3aa125148a1bd45a5e0a37a8e2fbcff9fc0b0b"


def test_signature_changes_with_each_part_and_with_the_direction() -> None:
    parts = {"path": QUERY, "moment": "1", "serial": "S1", "body": b"{}"}
    whole = sign_request(KEY, **parts)
    others = {
        sign_request(KEY, **parts | {name: value})
        for name, value in {"path": "/x", "moment": "2", "serial": "S2", "body": b"[]"}.items()
    }
    others |= {sign_request(b"other", **parts), sign_answer(KEY, **parts)}
    assert len(others) == 6
    assert whole not in others


@pytest.mark.parametrize("code", BankCode)
def test_every_code_has_its_words(code: BankCode) -> None:
    assert BANK_TEXTS[code]


def test_wrong_key_is_turned_away_and_debits_nothing(centre: Centre) -> None:
    stranger = replace(centre, key=b"another key")
    assert stranger.collect().code == BankCode.TURNED_AWAY
    assert stranger.collect().outcome is Outcome.UNKNOWN
    assert centre.query().outcome is Outcome.NOT_FOUND
    assert centre.balance_fen() == OPENING_FEN


@pytest.mark.parametrize("broken", ["body", "serial", "time", "signature", "age"])
def test_request_changed_on_the_way_or_stale_is_refused(centre: Centre, broken: str) -> None:
    ready = centre.sandbox.ready
    age_ns = 61 * 10**9 if broken == "age" else 0
    moment, serial = str(time.time_ns() - age_ns), f"{centre.prefix}-1"
    body = msgspec.json.encode(QueryMessage(serial))
    signature = sign_request(ready.key, QUERY, moment, serial, body)
    headers = {TIME_HEADER: moment, SERIAL_HEADER: serial, SIGNATURE_HEADER: signature}
    changes = {"serial": SERIAL_HEADER, "time": TIME_HEADER, "signature": SIGNATURE_HEADER}
    if broken in changes:
        headers[changes[broken]] += "1"
    if broken == "body":
        body = body.replace(b"-1", b"-2")
    answer = httpx.post(ready.url + QUERY, content=body, headers=headers, trust_env=False)
    assert answer.status_code == 401


def test_request_signed_but_malformed_is_answered_as_failed(centre: Centre) -> None:
    answer = centre.ask(lambda bank: bank.collect(replace(centre.collection(), amount_fen=0)))
    assert (answer.outcome, answer.code) == (Outcome.FAILED, BankCode.MALFORMED)


def test_refused_connection_is_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        answer = asyncio.run(_collect(url))
    assert (answer.outcome, answer.code) == (Outcome.NOT_SENT, BankCode.NOT_CONNECTED)


def test_unknown_host_is_not_sent() -> None:
    assert asyncio.run(_collect("http://bank.invalid:9")).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", BankCode.BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", BankCode.BROKEN_OFF),
        (b"\x16\x03\x01 not http at all\r\n\r\n", BankCode.BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", BankCode.UNREADABLE),
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", BankCode.UNREADABLE),
        (b"HTTP/1.1 302 Go\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", BankCode.UNREADABLE),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MESSAGE_BYTES_MAX + 1), BankCode.UNREADABLE),
        (b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", BankCode.TURNED_AWAY),
        (
            b"HTTP/1.1 200 OK\r\nx-bank-signature: \xff\xff\r\ncontent-length: 2\r\n\r\n{}",
            BankCode.FORGED,
        ),
    ],
)
def test_answer_that_is_none_is_unknown(sent: bytes, code: BankCode) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(sent)

    answered = _collect_from(answer)
    assert (answered.outcome, answered.code) == (Outcome.UNKNOWN, code)


@pytest.mark.parametrize("pause_s", [0.05, 5.0])
def test_answer_that_drips_or_comes_late_is_unknown_within_the_limit(pause_s: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(pause_s)

    before = time.monotonic()
    assert _collect_from(answer, timeout_s=0.3).code == BankCode.TIMED_OUT
    assert time.monotonic() - before < 2


SIGNED = AnswerMessage("S1", 0, "00000", "交易成功", "B1", None, 500)


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        (msgspec.json.encode(SIGNED), Outcome.SUCCESS, "00000"),
        (b"not json", Outcome.UNKNOWN, BankCode.UNREADABLE),
        (b'{"serial":"S1","state":7,"code":"","text":""}', Outcome.UNKNOWN, BankCode.UNREADABLE),
        (b'{"serial":"\xff"}', Outcome.UNKNOWN, BankCode.UNREADABLE),
        (
            msgspec.json.encode(msgspec.structs.replace(SIGNED, serial="S2")),
            Outcome.UNKNOWN,
            BankCode.MISMATCHED,
        ),
        (
            msgspec.json.encode(msgspec.structs.replace(SIGNED, amount_fen=501)),
            Outcome.UNKNOWN,
            BankCode.MISMATCHED,
        ),
        (
            msgspec.json.encode(msgspec.structs.replace(SIGNED, state=3)),
            Outcome.UNKNOWN,
            BankCode.MISMATCHED,
        ),
    ],
)
def test_answer_rightly_signed_is_believed_only_if_it_fits(
    body: bytes, outcome: Outcome, code: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _write_signed(reader, writer, body)

    answered = _collect_from(answer)
    assert (answered.outcome, answered.code) == (outcome, code)


def test_answer_to_an_earlier_request_is_not_taken_for_this_one() -> None:
    moments: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _write_signed(reader, writer, msgspec.json.encode(SIGNED), moments)

    async def twice(url: str) -> BankAnswer:
        await _collect(url)
        return await _collect(url)

    assert asyncio.run(_serve(answer, twice)).code == BankCode.FORGED


DETAIL = Detail("SR1", date(2026, 7, 20), Direction.IN, 5, "6222", "某公司", "公积金")


def _notice(age_s: float = 0.0, serial: str = "SR1", body: bytes = b"") -> tuple[dict, bytes]:  # type: ignore[type-arg]
    body = body or msgspec.json.encode(DETAIL)
    moment = str(time.time_ns() - int(age_s * 1e9))
    headers = {TIME_HEADER: moment, SERIAL_HEADER: serial}
    return headers | {SIGNATURE_HEADER: sign_notice(KEY, moment, serial, body)}, body


def test_notice_rightly_signed_is_read() -> None:
    assert read_notice(*_notice(), KEY) == DETAIL


@pytest.mark.parametrize(
    ("notice", "code"),
    [
        (lambda: ({}, _notice()[1]), BankCode.FORGED),
        (lambda: (_notice()[0], _notice()[1].replace(b":5,", b":6,")), BankCode.FORGED),
        (lambda: (_notice()[0] | {SERIAL_HEADER: "SR2"}, _notice()[1]), BankCode.FORGED),
        (lambda: _notice(age_s=61), BankCode.STALE),
        (lambda: _notice(age_s=-61), BankCode.STALE),
        (lambda: _notice(serial="SR2"), BankCode.MISMATCHED),
        (lambda: _notice(body=b"{}"), BankCode.UNREADABLE),
        (lambda: _notice(body=b"\xff"), BankCode.UNREADABLE),
    ],
)
def test_notice_that_the_bank_did_not_sign_now_is_refused(
    notice: Callable[[], tuple[dict[str, str], bytes]], code: BankCode
) -> None:
    with pytest.raises(BadNotice) as refusal:
        read_notice(*notice(), KEY)
    assert refusal.value.code is code


def test_signed_request_is_no_notice() -> None:
    moment, body = str(time.time_ns()), msgspec.json.encode(DETAIL)
    signature = sign_request(KEY, "/bank/notices", moment, "SR1", body)
    headers = {TIME_HEADER: moment, SERIAL_HEADER: "SR1", SIGNATURE_HEADER: signature}
    with pytest.raises(BadNotice):
        read_notice(headers, body, KEY)


async def _write_signed(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    body: bytes,
    moments: list[str] | None = None,
) -> None:
    """Answer with the right signature; ``moments`` keeps the first request's for all later ones."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    fields = dict(line.split(": ", 1) for line in head[1:] if line)
    moments = [] if moments is None else moments
    moments.append(fields[TIME_HEADER])
    signature = sign_answer(KEY, head[0].split()[1], moments[0], fields[SERIAL_HEADER], body)
    writer.write(
        f"HTTP/1.1 200 OK\r\n{SIGNATURE_HEADER}: {signature}\r\n"
        f"content-length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body)


def _collect_from(answer: Answering, timeout_s: float = 3.0) -> BankAnswer:
    return asyncio.run(_serve(answer, lambda url: _collect(url, timeout_s)))


async def _collect(url: str, timeout_s: float = 3.0) -> BankAnswer:
    async with HttpBank(url, KEY, timeout_s=timeout_s) as bank:
        return await bank.collect(COLLECTION)


async def _serve(answer: Answering, call: Callable[[str], Awaitable[BankAnswer]]) -> BankAnswer:
    """A bank of a few raw bytes, for what the sandbox bank is too well-behaved to say."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # The adapter has given up, or the test is over.
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        return await call(url)
    finally:
        listener.close()
