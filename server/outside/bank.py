"""The bank as the server sees it: collect and query, whose every end is a value, never an error."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

import httpx
import msgspec

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
    is_signature,
    sign_answer,
    sign_request,
)

TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 10.0


class Outcome(StrEnum):
    """How an exchange with the bank ended. Only SUCCESS and FAILED say what happened to money."""

    SUCCESS = "success"  # The payer was debited.
    FAILED = "failed"  # The payer was not debited, and will not be under this serial.
    UNKNOWN = "unknown"  # Either may be true, or become true: ask, and never send again.
    NOT_FOUND = "not_found"  # Of a query: the bank has not seen the serial so far.
    NOT_SENT = "not_sent"  # There was no connection; not one byte of the request left us.


@dataclass(frozen=True, slots=True)
class BankAccount:
    number: str
    holder: str
    bank_code: str  # 联行号
    bank_name: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """A debit of a unit's signed account. ``serial`` is ours, one per payment for ever."""

    serial: str
    amount_fen: int
    payer: BankAccount
    agreement: str
    remark: str


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """``amount_fen`` is what the bank booked under the serial, 0 where it says nothing of it."""

    outcome: Outcome
    code: str
    text: str
    bank_serial: str = ""
    bank_day: date | None = None
    amount_fen: int = 0
    is_duplicate: bool = False  # The bank had this serial already; this is its first result.


class Bank(Protocol):
    async def collect(self, collection: Collection) -> BankAnswer:
        """Ask for a debit, once. Never answers NOT_FOUND."""

    async def query(self, serial: str) -> BankAnswer:
        """Ask what became of a serial.

        A request may still be on its way: NOT_FOUND is final only when the sender's time limit
        and ``bank_wire.FRESH_S`` have passed since it was sent.
        """


class HttpBank:
    """A bank that speaks signed JSON over HTTP; used from one event loop."""

    def __init__(
        self,
        base_url: str,
        key: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self._key = key
        self._timeout_s = timeout_s
        # A kept connection may die as we write to it, which would turn "not sent" into "unknown".
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout_s, connect=min(connect_timeout_s, timeout_s)),
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=_tls(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def collect(self, collection: Collection) -> BankAnswer:
        payer = collection.payer
        message = CollectMessage(
            serial=collection.serial,
            amount_fen=collection.amount_fen,
            holder=payer.holder,
            account_no=payer.number,
            bank_name=payer.bank_name,
            bank_code=payer.bank_code,
            agreement=collection.agreement,
            remark=collection.remark,
        )
        answer = await self._exchange(COLLECT, collection.serial, message)
        if answer.outcome is Outcome.NOT_FOUND:
            return _unknown(BankCode.MISMATCHED)
        if answer.outcome is Outcome.SUCCESS and answer.amount_fen != collection.amount_fen:
            return _unknown(BankCode.MISMATCHED)
        return answer

    async def query(self, serial: str) -> BankAnswer:
        return await self._exchange(QUERY, serial, QueryMessage(serial))

    async def _exchange(
        self, path: str, serial: str, message: CollectMessage | QueryMessage
    ) -> BankAnswer:
        moment = str(time.time_ns())
        body = msgspec.json.encode(message)
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            TIME_HEADER: moment,
            SERIAL_HEADER: serial,
            SIGNATURE_HEADER: sign_request(self._key, path, moment, serial, body),
        }
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", path, content=body, headers=headers) as response,
            ):
                content = await _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return BankAnswer(Outcome.NOT_SENT, *_words(BankCode.NOT_CONNECTED))
        except (TimeoutError, httpx.TimeoutException):
            return _unknown(BankCode.TIMED_OUT)
        except (httpx.HTTPError, OSError):
            return _unknown(BankCode.BROKEN_OFF)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return _unknown(BankCode.TURNED_AWAY)
        signature = response.headers.get(SIGNATURE_HEADER)
        if response.status_code != httpx.codes.OK or content is None or signature is None:
            return _unknown(BankCode.UNREADABLE)
        if not is_signature(sign_answer(self._key, path, moment, serial, content), signature):
            return _unknown(BankCode.FORGED)
        return _parse(content, serial)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # Reads all the system's certificates: once is enough.


OUTCOMES = (Outcome.SUCCESS, Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_FOUND)


async def _read(response: httpx.Response) -> bytes | None:
    """The answer's body, or None when it is longer than any answer is."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            return None
    return content


def _parse(content: bytes, serial: str) -> BankAnswer:
    try:
        answer = msgspec.json.decode(content, type=AnswerMessage)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _unknown(BankCode.UNREADABLE)
    if answer.serial != serial:
        return _unknown(BankCode.MISMATCHED)
    return BankAnswer(
        OUTCOMES[answer.state],
        answer.code,
        answer.text,
        answer.bank_serial,
        answer.bank_day,
        answer.amount_fen,
        answer.is_duplicate,
    )


def _unknown(code: BankCode) -> BankAnswer:
    return BankAnswer(Outcome.UNKNOWN, *_words(code))


def _words(code: BankCode) -> tuple[str, str]:
    return code.value, BANK_TEXTS[code]
