"""Routes of the counter: who of the staff, parse, perform, map. One route for each action."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from server.api.batches import IdempotencyKey
from server.api.login import BODY_MAX, address_of, session_cookie
from server.api.wire import ONE_LINE, Strict, texts_of, texts_struct
from server.counter import sessions
from server.counter.action import Action
from server.counter.actions import ACTIONS
from server.counter.perform import Origin, Outcome, perform
from server.db import transaction
from server.sessions import ABSOLUTE_LIMIT_S, token_digest

COUNTER_COOKIE = "__Host-counter"
AnyRequest = Request[Any, Any, Any]


class LoginIn(Strict, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=ONE_LINE)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class CounterSession(msgspec.Struct, frozen=True):
    """``actions`` are the codes of what this person may do now."""

    name: str
    shown: str
    role: str
    must_change: bool
    idle_left_s: int
    absolute_left_s: int
    actions: list[str]


class ColumnOut(msgspec.Struct, frozen=True):
    key: str
    label: str


class OutcomeOut(msgspec.Struct, frozen=True):
    """``state`` is done, or pending until a colleague approves or rejects ``number``."""

    state: str
    number: str
    columns: list[ColumnOut]
    rows: list[dict[str, str]]


@post("/login", status_code=200, summary="柜台登录")
async def log_in(request: AnyRequest, data: JSONBody[LoginIn]) -> Response[CounterSession]:
    pool = request.app.state.pool
    token = await sessions.log_in(pool, data.name, data.password, address_of(request))
    async with transaction(pool) as conn:
        view = _view(await sessions.standing_of(conn, token))
    cookie = session_cookie(COUNTER_COOKIE, token, max_age=ABSOLUTE_LIMIT_S)
    return Response(view, cookies=[cookie])


@post("/logout", status_code=204, summary="柜台退出")
async def log_out(request: AnyRequest) -> Response[None]:
    async with transaction(request.app.state.pool) as conn:
        await sessions.log_out(conn, _token(request), address_of(request))
    cookie = session_cookie(COUNTER_COOKIE, "", max_age=0)
    return Response(None, status_code=204, cookies=[cookie])


@get("/session", summary="柜台会话：是谁，能办什么")
async def own_session(request: AnyRequest) -> CounterSession:
    async with transaction(request.app.state.pool) as conn:
        return _view(await sessions.standing_of(conn, _token(request)))


def route(action: Action) -> HTTPRouteHandler:
    """The action's own route, so that the OpenAPI document tells the truth about its fields."""
    name = "".join(part.capitalize() for part in action.code.split("-"))
    body: Any = texts_struct(f"Counter{name}", action.fields)
    wrap = post(
        f"/actions/{action.code}", status_code=200, summary=f"{action.menu}：{action.label}"
    )

    if action.is_keyed:

        async def once(
            request: AnyRequest, data: JSONBody[body], idem: IdempotencyKey
        ) -> OutcomeOut:
            return await _perform(request, action, texts_of(data), idem)

        return wrap(once)

    async def again(request: AnyRequest, data: JSONBody[body]) -> OutcomeOut:
        return await _perform(request, action, texts_of(data), "")

    return wrap(again)


async def _perform(
    request: AnyRequest, action: Action, texts: dict[str, str], idem: str
) -> OutcomeOut:
    state, token = request.app.state, _token(request)
    async with transaction(state.pool) as conn:
        who = await sessions.staff_of(conn, token)
    origin = Origin(who, address_of(request), state.is_production, token_digest(token))
    return _out(await perform(state.pool, origin, action, texts, idem))


def _token(request: AnyRequest) -> str:
    return request.cookies.get(COUNTER_COOKIE, "")


def _out(outcome: Outcome) -> OutcomeOut:
    return OutcomeOut(
        outcome.state,
        str(outcome.number or ""),
        [ColumnOut(key, label) for key, label in outcome.columns],
        [dict(row) for row in outcome.rows],
    )


def _view(standing: sessions.Standing) -> CounterSession:
    who = standing.staff
    return CounterSession(
        who.name,
        who.shown,
        who.role.value,
        who.must_change,
        standing.idle_left_s,
        standing.absolute_left_s,
        [a.code for a in ACTIONS if who.role in a.roles and (a.for_new or not who.must_change)],
    )


counter_router = Router(
    "/counter",
    route_handlers=[log_in, log_out, own_session, *(route(action) for action in ACTIONS)],
    tags=["中心柜台"],
    request_max_body_size=BODY_MAX,
)
