"""The session of a request and its one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar import Request

from server.api.login import SESSION_COOKIE
from server.business.refusals import refused
from server.db import Connection, transaction
from server.sessions import Session, session_of


@dataclass(frozen=True)
class Scope:
    """What a handler may use: the transaction, and whose session it is."""

    conn: Connection
    session: Session


async def session_of_request(request: Request[Any, Any, Any]) -> Session:
    """Refuses with N01 without a live session, and with L11 while it is locked.

    The session is touched in a transaction of its own: a refused request was still a sign of life.
    """
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise refused("N01")
    async with transaction(request.app.state.pool) as conn:
        return await session_of(conn, token)


@asynccontextmanager
async def authorised(request: Request[Any, Any, Any]) -> AsyncIterator[Scope]:
    """The request's session and its transaction, committed when the handler's block ends well."""
    session = await session_of_request(request)
    async with transaction(request.app.state.pool) as conn:
        yield Scope(conn, session)
