"""The sandbox bank's door for the centre: signed messages, and what can go wrong with answers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import uvicorn
from litestar import Litestar, Request, post
from litestar.exceptions import NotAuthorizedException
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.outside.bank_wire import (
    BANK_TEXTS,
    COLLECT,
    COLLECT_MANY,
    DETAILS,
    MESSAGE_BYTES_MAX,
    PAY,
    QUERY,
    SERIAL_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    AnswerMessage,
    BankCode,
    CollectManyMessage,
    CollectMessage,
    DetailsMessage,
    ManyAnswerMessage,
    PayMessage,
    QueryMessage,
    is_fresh,
    is_signature,
    sign_answer,
    sign_request,
)
from server.outside.sandbox_bank.books import FAILED, Books, Receipt
from server.outside.sandbox_bank.messenger import LOOK_EVERY_S, Messenger
from server.outside.sandbox_bank.scenarios import SCENARIOS, Reply, Telling
from server.outside.sandbox_bank.staff import STAFF

CLOCKS_APART_S = 0.02  # The event loop may wake a moment before the books' clock says so.
GARBAGE = (
    "<?xml version='1.0' encoding='GBK'?><message><head><field".encode("gbk") + b"\x81\xff\x00"
)


@dataclass(slots=True)
class Line:
    """The connections below HTTP, where answers go missing; ``server`` comes with the start."""

    server: uvicorn.Server | None = None

    def cut(self, client: Any, last_words: bytes = b"") -> None:
        """End the client's connection, after ``last_words`` if there are any."""
        assert self.server is not None
        for connection in list(self.server.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == tuple(client):
                if last_words:
                    connection.transport.write(last_words)
                    connection.transport.close()
                else:
                    connection.transport.abort()


@dataclass(frozen=True, slots=True)
class Bank:
    books: Books
    key: bytes
    admin_token: str
    fresh_s: float
    line: Line


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request whose signature was right, and how to answer it."""

    bank: Bank
    path: str
    moment: str
    serial: str
    body: bytes
    client: Any

    def answer(self, message: msgspec.Struct, reply: Reply = Reply.ANSWER) -> ASGIApp:
        body = msgspec.json.encode(message)
        match reply:
            case Reply.ANSWER | Reply.MISPLACED:
                return ASGIResponse(body=body, headers=self._signed(self.bank.key, body))
            case Reply.TWICE:
                head = self._signed(self.bank.key, body) | {"content-length": str(len(body))}
                lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in head.items())]
                once = "\r\n".join([*lines, "", ""]).encode() + body
                return self.cut(once + once)
            case Reply.GARBLED:
                return ASGIResponse(body=GARBAGE, media_type="application/xml")
            case Reply.FORGED:
                return ASGIResponse(body=body, headers=self._signed(secrets.token_bytes(32), body))
            case Reply.SILENCE | Reply.CUT:
                return self.cut()

    def cut(self, last_words: bytes = b"") -> ASGIApp:
        async def end(scope: Scope, receive: Receive, send: Send) -> None:
            self.bank.line.cut(self.client, last_words)
            while (await receive())["type"] != "http.disconnect":
                pass

        return end

    def _signed(self, key: bytes, body: bytes) -> dict[str, str]:
        return {SIGNATURE_HEADER: sign_answer(key, self.path, self.moment, self.serial, body)}


async def _exchange(request: Request[Any, Any, Any]) -> Exchange:
    """Check who is asking; the serial and the moment in the headers are under the signature."""
    bank: Bank = request.app.state.bank
    body = await request.body()
    moment, serial, found = (
        request.headers.get(name, "") for name in (TIME_HEADER, SERIAL_HEADER, SIGNATURE_HEADER)
    )
    path = request.url.path
    if not is_signature(sign_request(bank.key, path, moment, serial, body), found):
        raise NotAuthorizedException("signature")
    if not is_fresh(moment, bank.fresh_s):
        raise NotAuthorizedException("time")
    return Exchange(bank, path, moment, serial, body, request.scope["client"])


def _malformed(serial: str) -> AnswerMessage:
    return AnswerMessage(serial, FAILED, BankCode.MALFORMED, BANK_TEXTS[BankCode.MALFORMED])


M = TypeVar("M")


def _message(exchange: Exchange, kind: type[M]) -> M | None:
    """What was asked; None if it is malformed, or not what the headers say."""
    try:
        message = msgspec.json.decode(exchange.body, type=kind)
    except msgspec.MsgspecError:
        return None
    return message if getattr(message, "serial", exchange.serial) == exchange.serial else None


@post([COLLECT, PAY], status_code=200)
async def transfer(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    message: PayMessage | CollectMessage | None
    if exchange.path == PAY:
        message = _message(exchange, PayMessage)
    else:
        message = _message(exchange, CollectMessage)
    if message is None:
        return exchange.answer(_malformed(exchange.serial))
    receipts = exchange.bank.books.receive([message])
    answers = await _wait(exchange.bank, receipts)
    if not answers:
        return exchange.cut()
    reply = SCENARIOS[receipts[0].fault.scenario].reply
    if reply is Reply.MISPLACED:
        return exchange.answer(exchange.bank.books.another(exchange.serial))
    return exchange.answer(answers[0], reply)


@post(COLLECT_MANY, status_code=200)
async def collect_many(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    message = _message(exchange, CollectManyMessage)
    if message is None:
        return exchange.answer(_malformed(exchange.serial))
    receipts = exchange.bank.books.receive(message.items)
    answers = await _wait(exchange.bank, receipts)
    if not answers:
        return exchange.cut()
    # The items share one answer: the first that something happens to decides how it fares.
    replies = [SCENARIOS[receipt.fault.scenario].reply for receipt in receipts]
    reply = next((reply for reply in replies if reply is not Reply.ANSWER), Reply.ANSWER)
    if reply is Reply.MISPLACED:
        return exchange.answer(ManyAnswerMessage(answers[::-1]))
    return exchange.answer(ManyAnswerMessage(answers), reply)


async def _wait(bank: Bank, receipts: Sequence[Receipt]) -> list[AnswerMessage]:
    """Let the time pass that the faults take; what the answers say then, or none at all."""
    answers = [receipt.answer for receipt in receipts if receipt.answer is not None]
    if len(answers) < len(receipts):
        return []
    pauses_s = [0.0]
    for receipt in receipts:
        scenario = SCENARIOS[receipt.fault.scenario]
        is_long = scenario.is_late or scenario.reply is Reply.SILENCE
        pauses_s.append(receipt.delay_s + (receipt.fault.seconds if is_long else 0))
        if scenario.telling is Telling.BEFORE and receipt.answer is not None:
            await _until_told(bank, receipt.answer.bank_serial, receipt.fault.seconds)
    if max(pauses_s):
        await asyncio.sleep(max(pauses_s) + CLOCKS_APART_S)
        bank.books.settle_due()
        return [bank.books.look(answer) for answer in answers]
    return answers


async def _until_told(bank: Bank, bank_serial: str, limit_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while not bank.books.statement.is_told(bank_serial):
                await asyncio.sleep(LOOK_EVERY_S / 4)


@post(QUERY, status_code=200)
async def query(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    message = _message(exchange, QueryMessage)
    if message is None:
        return exchange.answer(_malformed(exchange.serial))
    return exchange.answer(exchange.bank.books.query(message.serial))


@post(DETAILS, status_code=200)
async def details(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    message = _message(exchange, DetailsMessage)
    if message is None:
        return exchange.answer(_malformed(exchange.serial))
    exchange.bank.books.settle_due()
    return exchange.answer(exchange.bank.books.statement.page(message))


def create_app(bank: Bank) -> Litestar:
    @asynccontextmanager
    async def telling(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(Messenger(bank.books, bank.key).run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = Litestar(
        [transfer, collect_many, query, details, STAFF],
        lifespan=[telling],
        openapi_config=None,
        request_max_body_size=MESSAGE_BYTES_MAX,
    )
    app.state.bank = bank
    return app
