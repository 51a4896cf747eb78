"""Routes of the certificate login and of the session. No logic: parse, call, set the cookie."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody

from server.db import Pool, transaction
from server.login import (
    CHALLENGE_LIFE_S,
    NONCE_BYTES,
    Attempt,
    LoginSettings,
    examine,
    log_in,
    open_challenge,
    resume,
)
from server.sessions import (
    ABSOLUTE_LIMIT_S,
    Standing,
    log_out,
    standing_of,
    suspend,
)

# The prefix makes the browser insist on HTTPS, this host, and the whole site.
SESSION_COOKIE = "__Host-session"
BROWSER_COOKIE = "__Host-prelogin"
BODY_MAX = 64 * 1024

AnyRequest = Request[Any, Any, Any]
Settings = NamedDependency[LoginSettings]
Database = NamedDependency[Pool]
Certificate = Annotated[bytes, msgspec.Meta(min_length=1, max_length=8192)]


class ChallengeView(msgspec.Struct):
    challenge_id: str
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    audience: str
    expires_in_s: int


class LoginBody(msgspec.Struct, forbid_unknown_fields=True):
    challenge_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[\w-]+$")]
    algorithm: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    certificate: Certificate
    server_spki_sha256: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    signature: Annotated[bytes, msgspec.Meta(min_length=1, max_length=1024)]
    chain: Annotated[list[Certificate], msgspec.Meta(max_length=4)] = []

    def attempt(self) -> Attempt:
        return Attempt(
            self.challenge_id,
            self.algorithm,
            self.certificate,
            self.server_spki_sha256,
            self.signature,
            tuple(self.chain),
        )


class ExamineBody(msgspec.Struct, forbid_unknown_fields=True):
    certificate: Certificate
    chain: Annotated[list[Certificate], msgspec.Meta(max_length=4)] = []


class ExaminationView(msgspec.Struct):
    """Of each check the refusal's code: empty where it passes, null where it was not made."""

    chain: str
    dates: str | None = None
    purpose: str | None = None
    revocation: str | None = None
    binding: str | None = None


class SessionView(msgspec.Struct):
    unit_id: int
    unit_name: str
    operator_name: str
    login_kind: str
    certificate_id: int | None
    is_suspended: bool
    idle_left_s: int
    absolute_left_s: int


@post("/challenge")
async def challenge(
    request: AnyRequest, pool: Database, login_settings: Settings
) -> Response[ChallengeView]:
    browser = browser_of(request) or secrets.token_urlsafe(24)
    opened = await open_challenge(pool, browser, address_of(request))
    view = ChallengeView(
        opened.challenge_id, opened.nonce, login_settings.audience, CHALLENGE_LIFE_S
    )
    return Response(view, cookies=[session_cookie(BROWSER_COOKIE, browser)])


@post("/examine", status_code=200, summary="证书体检：登录会遇到什么")
async def examine_certificate(
    request: AnyRequest, data: JSONBody[ExamineBody], pool: Database, login_settings: Settings
) -> ExaminationView:
    chain = tuple(data.chain)
    found = await examine(pool, login_settings, data.certificate, chain, address_of(request))
    return ExaminationView(**found)


@post("/login")
async def login(
    request: AnyRequest, data: JSONBody[LoginBody], pool: Database, login_settings: Settings
) -> Response[SessionView]:
    token = await log_in(
        pool, login_settings, data.attempt(), browser_of(request), address_of(request)
    )
    async with transaction(pool) as conn:
        view = session_view(await standing_of(conn, token))
    cookie = session_cookie(SESSION_COOKIE, token, max_age=ABSOLUTE_LIMIT_S)
    return Response(view, cookies=[cookie])


@post("/resume")
async def resume_suspended(
    request: AnyRequest, data: JSONBody[LoginBody], pool: Database, login_settings: Settings
) -> SessionView:
    token = token_of(request)
    await resume(
        pool, login_settings, data.attempt(), browser_of(request), address_of(request), token
    )
    async with transaction(pool) as conn:
        return session_view(await standing_of(conn, token))


@post("/suspend", status_code=204)
async def suspend_own(request: AnyRequest, pool: Database) -> None:
    async with transaction(pool) as conn:
        await suspend(conn, token_of(request), address_of(request))


@post("/logout", status_code=204)
async def log_out_own(request: AnyRequest, pool: Database) -> Response[None]:
    async with transaction(pool) as conn:
        await log_out(conn, token_of(request), address_of(request))
    return Response(None, status_code=204, cookies=[session_cookie(SESSION_COOKIE, "", max_age=0)])


@get("/session")
async def own_session(request: AnyRequest, pool: Database) -> SessionView:
    async with transaction(pool) as conn:
        return session_view(await standing_of(conn, token_of(request)))


login_router = Router(
    "/auth",
    route_handlers=[
        challenge, examine_certificate, login, resume_suspended, suspend_own, log_out_own,
        own_session,
    ],
    request_max_body_size=BODY_MAX,
)  # fmt: skip


def token_of(request: AnyRequest) -> str:
    """The session's token, or nothing, which no session has."""
    return request.cookies.get(SESSION_COOKIE, "")


def address_of(request: AnyRequest) -> str:
    return request.client.host if request.client else ""


def browser_of(request: AnyRequest) -> str:
    return request.cookies.get(BROWSER_COOKIE, "")


def session_cookie(name: str, value: str, max_age: int | None = None) -> Cookie:
    return Cookie(
        name,
        value=value,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
        max_age=max_age,
    )


def session_view(standing: Standing) -> SessionView:
    session = standing.session
    return SessionView(
        session.unit_id,
        standing.unit_name,
        session.operator_name,
        session.login_kind,
        session.certificate_id,
        standing.is_suspended,
        standing.idle_left_s,
        standing.absolute_left_s,
    )
