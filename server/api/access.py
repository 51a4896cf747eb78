"""Routes of the access by password, and what one does with any session. No logic."""

import secrets
from typing import Any

import msgspec
from litestar import Response, Router, post
from litestar.params import JSONBody

from server import access
from server.api.login import (
    BODY_MAX,
    BROWSER_COOKIE,
    SESSION_COOKIE,
    AnyRequest,
    Database,
    SessionView,
    address_of,
    browser_of,
    session_cookie,
    session_view,
    token_of,
)
from server.api.scope import insist_on_session, session_of_request
from server.api.wire import texts_of, texts_struct
from server.business.access import ASK_CODE, CHANGE, LOGIN, REGISTRATION, RESET
from server.captcha import LIFE_S, open_captcha
from server.db import transaction
from server.sessions import ABSOLUTE_LIMIT_S, log_out_everywhere, standing_of

LoginBody: Any = texts_struct("PasswordLogin", LOGIN)
AskCodeBody: Any = texts_struct("AskCode", ASK_CODE)
RegistrationBody: Any = texts_struct("Registration", REGISTRATION)
ResetBody: Any = texts_struct("PasswordReset", RESET)
ChangeBody: Any = texts_struct("PasswordChange", CHANGE)


class CaptchaOut(msgspec.Struct, frozen=True):
    """A picture for this browser; the one before is void."""

    png: bytes
    expires_in_s: int


class CodeOut(msgspec.Struct, frozen=True):
    """Said whether or not a code was sent."""

    again_in_s: int


@post("/captcha", summary="图片验证码")
async def captcha(request: AnyRequest, pool: Database) -> Response[CaptchaOut]:
    browser = browser_of(request) or secrets.token_urlsafe(24)
    png = await open_captcha(pool, browser, address_of(request))
    cookies = [session_cookie(BROWSER_COOKIE, browser)]
    return Response(CaptchaOut(png, LIFE_S), cookies=cookies, headers={"Cache-Control": "no-store"})


@post("/password/login", summary="单位密码登录")
async def log_in(
    request: AnyRequest, data: JSONBody[LoginBody], pool: Database
) -> Response[SessionView]:
    token = await access.log_in(pool, texts_of(data), _caller(request))
    async with transaction(pool) as conn:
        view = session_view(await standing_of(conn, token))
    return Response(view, cookies=[session_cookie(SESSION_COOKIE, token, max_age=ABSOLUTE_LIMIT_S)])


@post("/password/code", status_code=200, summary="注册、重置密码的短信验证码")
async def send_code(request: AnyRequest, data: JSONBody[AskCodeBody], pool: Database) -> CodeOut:
    return CodeOut(await access.send_code(pool, texts_of(data), _caller(request)))


@post("/password/register", status_code=204, summary="单位注册")
async def register(request: AnyRequest, data: JSONBody[RegistrationBody], pool: Database) -> None:
    await access.register(pool, texts_of(data), _caller(request))


@post("/password/reset", status_code=204, summary="单位密码重置")
async def reset(request: AnyRequest, data: JSONBody[ResetBody], pool: Database) -> None:
    await access.reset(pool, texts_of(data), _caller(request))


@post("/password/change", status_code=204, summary="单位密码修改", guards=[insist_on_session])
async def change(request: AnyRequest, data: JSONBody[ChangeBody], pool: Database) -> Response[None]:
    session = session_of_request(request)
    await access.change(pool, session, texts_of(data), _caller(request))
    return _logged_out()


@post("/keep", status_code=200, summary="继续使用，不因空闲退出", guards=[insist_on_session])
async def keep(request: AnyRequest, pool: Database) -> SessionView:
    async with transaction(pool) as conn:
        return session_view(await standing_of(conn, token_of(request)))


@post("/logout-everywhere", status_code=204, summary="退出本人的所有登录")
async def end_everywhere(request: AnyRequest, pool: Database) -> Response[None]:
    async with transaction(pool) as conn:
        await log_out_everywhere(conn, token_of(request), address_of(request))
    return _logged_out()


access_router = Router(
    "/auth",
    route_handlers=[captcha, log_in, send_code, register, reset, change, keep, end_everywhere],
    tags=["登录"],
    request_max_body_size=BODY_MAX,
)


def _caller(request: AnyRequest) -> access.Caller:
    return access.Caller(address_of(request), browser_of(request))


def _logged_out() -> Response[None]:
    return Response(None, status_code=204, cookies=[session_cookie(SESSION_COOKIE, "", max_age=0)])
