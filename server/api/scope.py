"""The session of a request, known before its body is read, and its one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from server.api.login import SESSION_COOKIE
from server.business.refusals import refused
from server.db import Connection, transaction
from server.sessions import Session, session_of


@dataclass(frozen=True)
class Scope:
    """What a handler may use: the transaction, and whose session it is."""

    conn: Connection
    session: Session


UNITS_ROUTES = "/api/"


async def insist_on_session(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A guard. Refuses with N01 without a live session, and with L11 while it is locked.

    The session is touched in a transaction of its own: a refused request was still a sign of life.
    """
    token = connection.cookies.get(SESSION_COOKIE)
    if not token:
        raise refused("N01")
    async with transaction(connection.app.state.pool) as conn:
        connection.state.session = await session_of(conn, token)


async def guard_units_routes(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Of the whole application, so that no route under /api can be without it: whoever has no
    session has no large body read for them either."""
    if connection.scope["path"].startswith(UNITS_ROUTES):
        await insist_on_session(connection, handler)


def session_of_request(request: Request[Any, Any, Any]) -> Session:
    """Whose it is, as the guard of its route found."""
    session: Session = request.state.session
    return session


@asynccontextmanager
async def authorised(request: Request[Any, Any, Any]) -> AsyncIterator[Scope]:
    """The request's session and its transaction, committed when the handler's block ends well."""
    session = session_of_request(request)
    async with transaction(request.app.state.pool) as conn:
        yield Scope(conn, session)
