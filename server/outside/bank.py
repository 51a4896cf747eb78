"""The bank as the server sees it: whatever is asked, every end is a value, never an error."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol, Self, TypeVar

import httpx
import msgspec

from server.outside.bank_wire import (
    BANK_TEXTS,
    COLLECT,
    COLLECT_MANY,
    DETAILS,
    ITEMS_MAX,
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
    Detail,
    DetailsAnswerMessage,
    DetailsMessage,
    ManyAnswerMessage,
    PayMessage,
    QueryMessage,
    is_fresh,
    is_signature,
    sign_answer,
    sign_notice,
    sign_request,
)

M = TypeVar("M")
TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 10.0


class Outcome(StrEnum):
    """How an exchange with the bank ended. Only SUCCESS and FAILED say what happened to money."""

    SUCCESS = "success"  # The money has moved.
    FAILED = "failed"  # It has not (or is back), and will not under this serial.
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
class Transfer:
    """A payment from the centre's own account, such as a refund. ``serial`` is ours."""

    serial: str
    amount_fen: int
    payee: BankAccount
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


@dataclass(frozen=True, slots=True)
class DetailPage:
    """Movements on the centre's account on one bank day; all else says nothing unless SUCCESS.

    ``after`` asks for the page that follows and is empty on the last one.
    """

    outcome: Outcome
    code: str
    text: str
    details: Sequence[Detail] = ()
    closing_fen: int = 0
    after: str = ""


class Bank(Protocol):
    async def collect(self, collection: Collection) -> BankAnswer:
        """Ask for a debit, once. Never answers NOT_FOUND."""

    async def collect_many(self, collections: Sequence[Collection]) -> Sequence[BankAnswer]:
        """Ask for up to ``ITEMS_MAX`` debits, once; each has an answer of its own, in order."""

    async def pay(self, transfer: Transfer) -> BankAnswer:
        """Ask for a payment from the centre's account, once. Never answers NOT_FOUND."""

    async def query(self, serial: str) -> BankAnswer:
        """Ask what became of a collection or payment.

        A request may still be on its way: NOT_FOUND is final only when the sender's time limit
        and ``bank_wire.FRESH_S`` have passed since it was sent.
        """

    async def details(self, day: date, after: str = "") -> DetailPage:
        """What moved on the centre's account on a bank day, a page at a time."""


class BadNotice(Exception):
    """A notice that the bank cannot have sent now; ``code`` says why."""

    def __init__(self, code: BankCode) -> None:
        super().__init__(code)
        self.code = code


def read_notice(headers: Mapping[str, str], body: bytes, key: bytes) -> Detail:
    """The movement that the bank tells (SBDC100), if the bank has signed it a moment ago."""
    moment, serial, found = (
        headers.get(name, "") for name in (TIME_HEADER, SERIAL_HEADER, SIGNATURE_HEADER)
    )
    if not is_signature(sign_notice(key, moment, serial, body), found):
        raise BadNotice(BankCode.FORGED)
    if not is_fresh(moment):
        raise BadNotice(BankCode.STALE)
    try:
        detail = msgspec.json.decode(body, type=Detail)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadNotice(BankCode.UNREADABLE) from None
    if detail.bank_serial != serial:
        raise BadNotice(BankCode.MISMATCHED)
    return detail


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

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def collect(self, collection: Collection) -> BankAnswer:
        content = await self._exchange(COLLECT, collection.serial, _collect_message(collection))
        return _believed(_one(content, collection.serial), collection.amount_fen)

    async def collect_many(self, collections: Sequence[Collection]) -> Sequence[BankAnswer]:
        assert len(collections) <= ITEMS_MAX
        if not collections:
            return []
        message = CollectManyMessage([_collect_message(one) for one in collections])
        content = await self._exchange(COLLECT_MANY, collections[0].serial, message)
        answers = _many(content, [one.serial for one in collections])
        return [_believed(answers[one.serial], one.amount_fen) for one in collections]

    async def pay(self, transfer: Transfer) -> BankAnswer:
        payee = transfer.payee
        message = PayMessage(
            transfer.serial, transfer.amount_fen, payee.holder, payee.number, payee.bank_code,
            payee.bank_name, transfer.remark,
        )  # fmt: skip
        content = await self._exchange(PAY, transfer.serial, message)
        return _believed(_one(content, transfer.serial), transfer.amount_fen)

    async def query(self, serial: str) -> BankAnswer:
        return _one(await self._exchange(QUERY, serial, QueryMessage(serial)), serial)

    async def details(self, day: date, after: str = "") -> DetailPage:
        content = await self._exchange(DETAILS, f"D{day:%Y%m%d}", DetailsMessage(day, after))
        return _page(content, day)

    async def _exchange(
        self, path: str, serial: str, message: msgspec.Struct
    ) -> bytes | BankAnswer:
        """The bank's signed answer to this very request; without one, what that leaves open."""
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
        return content


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # Reads all the system's certificates: once is enough.


OUTCOMES = (Outcome.SUCCESS, Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_FOUND)


async def _read(response: httpx.Response) -> bytes | None:
    """The answer's body, or None when it is longer than any answer is."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MESSAGE_BYTES_MAX:
            return None
    return content


def _collect_message(collection: Collection) -> CollectMessage:
    payer = collection.payer
    return CollectMessage(
        serial=collection.serial,
        amount_fen=collection.amount_fen,
        holder=payer.holder,
        account_no=payer.number,
        bank_name=payer.bank_name,
        bank_code=payer.bank_code,
        agreement=collection.agreement,
        remark=collection.remark,
    )


def _one(content: bytes | BankAnswer, serial: str) -> BankAnswer:
    if isinstance(content, BankAnswer):
        return content
    answer = _decode(content, AnswerMessage)
    if answer is None:
        return _unknown(BankCode.UNREADABLE)
    if answer.serial != serial:
        return _unknown(BankCode.MISMATCHED)
    return _said(answer)


def _many(content: bytes | BankAnswer, serials: Sequence[str]) -> dict[str, BankAnswer]:
    """An answer for each serial; in which order the bank gives them is its own affair."""
    if isinstance(content, BankAnswer):
        return dict.fromkeys(serials, content)
    message = _decode(content, ManyAnswerMessage)
    if message is None:
        return dict.fromkeys(serials, _unknown(BankCode.UNREADABLE))
    if sorted(answer.serial for answer in message.answers) != sorted(serials):
        return dict.fromkeys(serials, _unknown(BankCode.MISMATCHED))
    return {answer.serial: _said(answer) for answer in message.answers}


def _page(content: bytes | BankAnswer, day: date) -> DetailPage:
    if isinstance(content, BankAnswer):
        return DetailPage(content.outcome, content.code, content.text)
    page = _decode(content, DetailsAnswerMessage)
    if page is None:
        return DetailPage(Outcome.UNKNOWN, *_words(BankCode.UNREADABLE))
    if {page.day, *(detail.bank_day for detail in page.details)} != {day}:
        return DetailPage(Outcome.UNKNOWN, *_words(BankCode.MISMATCHED))
    done = _words(BankCode.SUCCESS)
    return DetailPage(Outcome.SUCCESS, *done, page.details, page.closing_fen, page.after)


def _decode(content: bytes, kind: type[M]) -> M | None:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _said(answer: AnswerMessage) -> BankAnswer:
    return BankAnswer(
        OUTCOMES[answer.state],
        answer.code,
        answer.text,
        answer.bank_serial,
        answer.bank_day,
        answer.amount_fen,
        answer.is_duplicate,
    )


def _believed(answer: BankAnswer, amount_fen: int) -> BankAnswer:
    """An answer to what was just asked for; a success under another amount proves nothing."""
    is_other = answer.outcome is Outcome.SUCCESS and answer.amount_fen != amount_fen
    if is_other or answer.outcome is Outcome.NOT_FOUND:
        return _unknown(BankCode.MISMATCHED)
    return answer


def _unknown(code: BankCode) -> BankAnswer:
    return BankAnswer(Outcome.UNKNOWN, *_words(code))


def _words(code: BankCode) -> tuple[str, str]:
    return code.value, BANK_TEXTS[code]
