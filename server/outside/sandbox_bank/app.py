"""The sandbox bank's two doors: the centre's signed messages, and its own staff's commands."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, Request, delete, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.response.base import ASGIResponse
from litestar.router import Router
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.outside.bank_wire import (
    ANSWER_BYTES_MAX,
    BANK_TEXTS,
    COLLECT,
    QUERY,
    SERIAL_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    AnswerMessage,
    BankCode,
    CollectMessage,
    QueryMessage,
    Text,
    is_signature,
    sign_answer,
    sign_request,
)
from server.outside.sandbox_bank.books import FAILED, PROCESSING, Account, Books, Debit
from server.outside.sandbox_bank.scenarios import SCENARIOS, Fault, Reply

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

    def answer(self, message: AnswerMessage) -> ASGIApp:
        return self.answer_as(Reply.ANSWER, message)

    def answer_as(self, reply: Reply, message: AnswerMessage) -> ASGIApp:
        body = msgspec.json.encode(message)
        match reply:
            case Reply.ANSWER:
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
    if not moment.isdecimal() or abs(time.time_ns() - int(moment)) > bank.fresh_s * 1e9:
        raise NotAuthorizedException("time")
    return Exchange(bank, path, moment, serial, body, request.scope["client"])


def _malformed(serial: str) -> AnswerMessage:
    return AnswerMessage(serial, FAILED, BankCode.MALFORMED, BANK_TEXTS[BankCode.MALFORMED])


@post(COLLECT, status_code=200)
async def collect(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    try:
        message = msgspec.json.decode(exchange.body, type=CollectMessage)
    except msgspec.MsgspecError:
        return exchange.answer(_malformed(exchange.serial))
    if message.serial != exchange.serial:
        return exchange.answer(_malformed(exchange.serial))
    receipt = exchange.bank.books.collect(message)
    scenario, answer = SCENARIOS[receipt.fault.scenario], receipt.answer
    if answer is None:
        return exchange.cut()
    if scenario.is_late or scenario.reply is Reply.SILENCE:
        await asyncio.sleep(receipt.fault.seconds + CLOCKS_APART_S)
    if scenario.is_late and answer.state == PROCESSING:
        answer = exchange.bank.books.query(message.serial)
    return exchange.answer_as(scenario.reply, answer)


@post(QUERY, status_code=200)
async def query(request: Request[Any, Any, Any]) -> ASGIApp:
    exchange = await _exchange(request)
    try:
        message = msgspec.json.decode(exchange.body, type=QueryMessage)
    except msgspec.MsgspecError:
        return exchange.answer(_malformed(exchange.serial))
    return exchange.answer(exchange.bank.books.query(message.serial))


class AgreementIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agreement: Text
    account_no: Text


class DayIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    day: date


@post("/accounts")
async def set_account(request: Request[Any, Any, Any], data: Account) -> None:
    request.app.state.bank.books.set_account(data)


@get("/accounts")
async def accounts(request: Request[Any, Any, Any]) -> list[Account]:
    books: Books = request.app.state.bank.books
    return books.accounts()


@post("/agreements")
async def sign(request: Request[Any, Any, Any], data: AgreementIn) -> None:
    request.app.state.bank.books.sign(data.agreement, data.account_no)


@delete("/agreements/{agreement:str}")
async def cancel(request: Request[Any, Any, Any], agreement: str) -> None:
    request.app.state.bank.books.cancel(agreement)


@post("/faults")
async def add_fault(request: Request[Any, Any, Any], data: Fault) -> dict[str, int]:
    return {"fault_id": request.app.state.bank.books.add_fault(data)}


@delete("/faults")
async def clear_faults(request: Request[Any, Any, Any]) -> None:
    request.app.state.bank.books.clear_faults()


@post("/day")
async def set_day(request: Request[Any, Any, Any], data: DayIn) -> None:
    request.app.state.bank.books.set_setting("day", data.day.isoformat())


@get("/debits")
async def debits(request: Request[Any, Any, Any]) -> list[Debit]:
    books: Books = request.app.state.bank.books
    return books.debits()


def _staff_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    wanted = f"Bearer {connection.app.state.bank.admin_token}"
    found = connection.headers.get("authorization", "")
    if not hmac.compare_digest(wanted.encode(), found.encode()):
        raise NotAuthorizedException("token")


def create_app(bank: Bank) -> Litestar:
    staff = Router(
        "/admin",
        guards=[_staff_only],
        route_handlers=[
            set_account, accounts, sign, cancel, add_fault, clear_faults, set_day, debits,
        ],
    )  # fmt: skip
    app = Litestar(
        [collect, query, staff], openapi_config=None, request_max_body_size=ANSWER_BYTES_MAX
    )
    app.state.bank = bank
    return app
