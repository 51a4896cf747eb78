"""Every failure as the same JSON: a code of the catalogue, its words, and the next step."""

import logging
import secrets
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from psycopg.errors import LockNotAvailable, QueryCanceled
from psycopg_pool import PoolTimeout

from server.api.wire import ErrorOut, problem_out
from server.business.refusals import REFUSALS, Refused, refused
from server.log import describe

log = logging.getLogger(__name__)
HTTP_CODES = {401: "N01", 404: "N04", 405: "N04", 413: "N02", 429: "N08"}


def answer(found: Refused) -> Response[ErrorOut]:
    reason = found.reason
    problems = [problem_out(p) for p in found.problems]
    body = ErrorOut(reason.code, reason.text, reason.next_step, problems)
    headers = {"Cache-Control": "no-store"}
    if found.status == 429 and found.wait_s:
        headers["Retry-After"] = str(found.wait_s)
    return Response(body, status_code=found.status, headers=headers)


def on_refused(request: Request[Any, Any, Any], error: Refused) -> Response[ErrorOut]:
    return answer(error)


def on_invalid(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorOut]:
    """The request's form: what the client sent, not what the operator typed."""
    extra = getattr(error, "extra", None)
    places = [
        " ".join(str(item[name]) for name in ("key", "message") if item.get(name))
        for item in extra or []
        if isinstance(item, dict)
    ]
    return answer(refused("N03", why="，".join(places)[:200] or "格式不符"))


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorOut]:
    code = HTTP_CODES.get(error.status_code)
    if code is None:
        return (
            answer(refused("N03", why=str(error.status_code)))
            if error.status_code < 500
            else on_failure(request, error)
        )
    return answer(refused(code, limit=64, seconds=60))


def on_busy(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorOut]:
    return answer(refused("N09"))


def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorOut]:
    """Anything unforeseen: logged, without request data, under a number to be read out."""
    report = secrets.token_hex(4).upper()
    log.error("report %s: %s %s: %s", report, request.method, _route(request), describe(error))
    return answer(refused("N05", report=report))


def _route(request: Request[Any, Any, Any]) -> str:
    """Without what stands in the place of its numbers, which anybody may have typed."""
    return str(request.scope.get("path_template", ""))


HANDLERS: dict[Any, Any] = {
    Refused: on_refused,
    ValidationException: on_invalid,
    msgspec.ValidationError: on_invalid,
    UnicodeDecodeError: on_invalid,  # A body that is no UTF-8,
    RecursionError: on_invalid,  # or is nested without end: the decoder gives up.
    HTTPException: on_http,
    PoolTimeout: on_busy,
    LockNotAvailable: on_busy,
    QueryCanceled: on_busy,
    Exception: on_failure,
}

assert all(code in REFUSALS for code in HTTP_CODES.values())
