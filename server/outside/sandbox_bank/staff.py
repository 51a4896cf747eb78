"""The sandbox bank's staff door: what is set up, and what happens by the bank's own doing."""

from __future__ import annotations

import hmac
from datetime import date
from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException, NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.router import Router

from server.outside.bank_wire import Detail, Serial, Text
from server.outside.sandbox_bank.books import Account, Books, Debit
from server.outside.sandbox_bank.scenarios import Chaos, Fault
from server.outside.sandbox_bank.statement import (
    IncomingMoney,
    NoticeState,
    NoticeTarget,
    Opening,
)

Asked = Request[Any, Any, Any]


class AgreementIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agreement: Text
    account_no: Text


class DayIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    day: date


class SerialIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    serial: Serial


def _books(request: Asked) -> Books:
    books: Books = request.app.state.bank.books
    return books


@post("/accounts")
async def set_account(request: Asked, data: Account) -> None:
    _books(request).set_account(data)


@get("/accounts")
async def accounts(request: Asked) -> list[Account]:
    return _books(request).accounts()


@post("/agreements")
async def sign(request: Asked, data: AgreementIn) -> None:
    _books(request).sign(data.agreement, data.account_no)


@delete("/agreements/{agreement:str}")
async def cancel(request: Asked, agreement: str) -> None:
    _books(request).cancel(agreement)


@post("/faults")
async def add_fault(request: Asked, data: Fault) -> dict[str, int]:
    return {"fault_id": _books(request).add_fault(data)}


@post("/chaos")
async def set_chaos(request: Asked, data: Chaos) -> None:
    _books(request).set_chaos(data)


@delete("/faults")
async def clear_faults(request: Asked) -> None:
    _books(request).clear_faults()


@post("/day")
async def set_day(request: Asked, data: DayIn) -> None:
    _books(request).set_day(data.day)


@get("/day")
async def day(request: Asked) -> date:
    return _books(request).store.day()


@get("/debits")
async def debits(request: Asked) -> list[Debit]:
    return _books(request).debits()


@post("/opening")
async def set_opening(request: Asked, data: Opening) -> None:
    _books(request).statement.set_opening(data)


@get("/balance")
async def balance(request: Asked) -> dict[str, int]:
    return {"balance_fen": _books(request).statement.balance_fen()}


@post("/receive")
async def receive(request: Asked, data: IncomingMoney) -> Detail:
    return _books(request).statement.receive(data)


@post("/reverse")
async def reverse(request: Asked, data: SerialIn) -> Detail:
    try:
        return _books(request).reverse(data.serial)
    except ValueError as error:
        raise ClientException(str(error)) from None


@post("/notices")
async def set_notices(request: Asked, data: NoticeTarget) -> None:
    _books(request).statement.set_target(data)


@get("/notices")
async def notices(request: Asked) -> list[NoticeState]:
    return _books(request).statement.notices()


def _staff_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    wanted = f"Bearer {connection.app.state.bank.admin_token}"
    found = connection.headers.get("authorization", "")
    if not hmac.compare_digest(wanted.encode(), found.encode()):
        raise NotAuthorizedException("token")


STAFF = Router(
    "/admin",
    guards=[_staff_only],
    route_handlers=[
        set_account, accounts, sign, cancel, add_fault, set_chaos, clear_faults, set_day, day,
        debits, set_opening, balance, receive, reverse, set_notices, notices,
    ],
)  # fmt: skip
