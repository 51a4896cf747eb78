"""What holds of every route, found in the application itself: a new one is asked the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from server.business.queries import QUERIES
from server.demo_people import person
from tests.server.hall import Caller, Hall, code_of

pytestmark = pytest.mark.anyio
HEADERS = {"Idempotency-Key": "12345678"}
# What JSON can carry and a database, a path or a reader of names may choke on.
HOSTILE = (
    "\x00", "a\x00b", "\u202e王", "王\u200b\ufeff", "\ufffe", "'; drop table unit; --", "%s%(x)s",
    "=cmd|' /C calc'!A0", "../../../etc/passwd", "9" * 60, "-1", "1e999", "²", "٣", "𝟙𝟚", "王" * 60,
)  # fmt: skip
ENDLESS = b'{"rows":[' + b"[" * 60_000


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def body(self) -> Any:
        """The struct that the handler takes, or None."""
        spec = self.handler.parsed_fn_signature.parameters.get("data")
        return spec and spec.annotation

    @property
    def is_of_a_unit(self) -> bool:
        return self.path.startswith("/api/")

    def at(self, number: str) -> str:
        """Its path with ``number`` where an id belongs."""
        return "/".join(number if "{" in part else part for part in self.path.split("/"))


def routes(app: Litestar) -> list[Route]:
    return [
        Route(method, route.path, handler)
        for route in app.routes
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items()
        if method not in ("OPTIONS", "HEAD") and not route.path.startswith("/schema")
    ]


def sample(kind: Any, text: str) -> Any:
    """A value of ``kind`` with ``text`` wherever it holds a text."""
    kind = getattr(kind, "__supertype__", kind)
    if hasattr(kind, "__metadata__"):
        return sample(get_args(kind)[0], text)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {f.name: sample(f.type, text) for f in msgspec.structs.fields(kind)}
    if get_origin(kind) in (list, tuple):
        return [sample(get_args(kind)[0], text)]
    if kind is str:
        return text
    if kind is int:
        return 1
    if kind is bool:
        return False
    if kind is bytes:
        return "AAAA"
    if (
        get_origin(kind) is not None
        and len(get_args(kind)) == 2
        and type(None) not in get_args(kind)
    ):
        return {text[:20]: text[:20]}
    return None


def bodies(kind: Any) -> Iterator[Any]:
    for text in HOSTILE:
        yield sample(kind, text)


async def test_no_route_of_a_unit_reads_a_body_before_it_knows_whose_it_is(caller: Caller) -> None:
    caller.cookies.clear()
    found = routes(caller.client.app)
    assert len([r for r in found if r.is_of_a_unit]) > 60
    for route in found:
        if not route.is_of_a_unit:
            continue
        for content in (ENDLESS, b"{}"):
            answer = await caller.call(
                route.method, route.at("1"), content=content,
                headers=HEADERS | {"Content-Type": "application/json"},
            )  # fmt: skip
            assert (answer.status_code, code_of(answer)) == (401, "N01"), (route, answer.text)


async def test_no_text_breaks_any_route(caller: Caller) -> None:
    broken = []
    for route in routes(caller.client.app):
        if route.path in ("/auth/logout", "/auth/logout-everywhere", "/auth/suspend"):
            continue
        if route.body is None:
            continue
        for body in bodies(route.body):
            answer = await caller.call(route.method, route.at("1"), json=body, headers=HEADERS)
            if answer.status_code >= 500:
                broken.append((route.method, route.path, body, answer.text))
    assert broken == []


async def test_another_units_id_answers_as_one_that_nobody_has(hall: Hall, caller: Caller) -> None:
    """Of every route and every query that takes an id, whatever a business's id is given to."""
    other = await hall.enter("州第二中学")
    done = (await other.do("account_opening", [person(n) for n in range(3)])).json()
    paid = (await other.do("prepayment", [], {"amount": "100.00"})).json()
    roster = (await other.call("GET", "/api/queries/roster")).json()["rows"]
    saved = [(await other.save(code, [], {}))["batch_id"] for code in ("sealing", "prepayment")]
    theirs = [done["receipt_no"], done["serial"], paid["serial"], *saved, str(roster[0]["account"])]
    asked = 0
    for route in routes(caller.client.app):
        if not route.is_of_a_unit or route.at("1") == route.path:
            continue
        body = None if route.body is None else sample(route.body, "")
        for number in theirs:
            nobodys = "2026-009999" if "-" in number else "4" * len(number)
            answers = [
                await caller.call(
                    route.method, f"{route.at(it)}?version=1", json=body, headers=HEADERS
                )
                for it in (number, nobodys)
            ]  # fmt: skip
            found = {(a.status_code, a.text) for a in answers}
            assert len(found) == 1 and answers[0].status_code in (400, 404), (route, number, found)
            asked += 1
    assert asked > 40 * len(theirs)
    for query in QUERIES:
        for spec in query.filters:
            for number in theirs:
                path = f"/api/queries/{query.code}?{spec.field.key}={number}"
                answer = await caller.call("GET", path)
                if answer.status_code == 200:
                    assert answer.json()["rows"] == [], (path, answer.text)
