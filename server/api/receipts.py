"""Routes of receipts: the document, its printings, and the public page that verifies a code."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post, put
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Template

from server.api.batches import batch_id_of
from server.api.scope import authorised
from server.api.wire import Line, Strict
from server.business.kinds import Money
from server.db import new_id, transaction
from server.receipts import codes, issue
from server.receipts.overlay import mark_reprint

TEMPLATES = Path(__file__).parent / "templates"
PDF = "application/pdf"
NO_STORE = {"Cache-Control": "no-store"}
# By address: four digits of an account number would be guessed soon without it.
VERIFY_LIMIT = RateLimitConfig(rate_limit=("minute", 30))


class PrintIn(Strict, frozen=True):
    printer: Line = ""


class PrintOut(msgspec.Struct, frozen=True):
    """``nth`` 0 is the original; ``mark`` is what a reprint bears."""

    print_id: str
    nth: int
    mark: str


class OutcomeIn(Strict, frozen=True):
    outcome: Line
    job: Line = ""


@get("/api/receipts/{number:str}/pdf", summary="回单文件", tags=["回单"], media_type=PDF)
async def pdf(
    request: Request[Any, Any, Any], number: FromPath[str], print_id: FromQuery[str] = ""
) -> Response[bytes]:
    """The stored bytes; with a reprint's ``print_id``, marked 第N次补打."""
    year, sequence = issue.parse_number(number)
    async with authorised(request) as scope:
        unit_id = scope.session.unit_id
        document = await issue.stored_pdf(
            scope.conn, request.app.state.press, unit_id, year, sequence
        )
        mark = ""
        if print_id:
            mark = await issue.mark_of(scope.conn, unit_id, year, sequence, batch_id_of(print_id))
    content = await asyncio.to_thread(mark_reprint, document, mark) if mark else document
    return Response(content, media_type=PDF, headers=NO_STORE)


@post("/api/receipts/{number:str}/prints", summary="登记一次打印", tags=["回单"])
async def record_print(
    request: Request[Any, Any, Any], number: FromPath[str], data: JSONBody[PrintIn]
) -> PrintOut:
    async with authorised(request) as scope:
        session = scope.session
        made = await issue.record_print(
            scope.conn, session.unit_id, session.operator_id, session.operator_name, number,
            data.printer[:120], new_id(),
        )  # fmt: skip
    return PrintOut(str(made.print_id), made.nth, made.mark)


@put("/api/prints/{print_id:str}", summary="登记打印结果", tags=["回单"], status_code=204)
async def record_outcome(
    request: Request[Any, Any, Any], print_id: FromPath[str], data: JSONBody[OutcomeIn]
) -> None:
    async with authorised(request) as scope:
        await issue.set_outcome(
            scope.conn,
            scope.session.unit_id,
            batch_id_of(print_id),
            data.outcome[:40],
            data.job[:40],
        )


@dataclass(frozen=True)
class Verified:
    """What the public page tells of a genuine code; the facts only with the second factor."""

    title: str
    number: str
    day: str
    unit_name: str
    amount: str
    rows: int
    prints: int


VERIFY = """
    select r.title, r.year, r.number, r.biz_day::text, u.name, coalesce(r.amount_fen, 0),
           r.row_count, r.unit_id,
           (select count(*) from print p
            where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number)
    from receipt_code c
    join receipt r on r.unit_id = c.unit_id and r.year = c.year and r.number = c.number
    join unit u on u.unit_id = r.unit_id
    where c.code = %s
"""


@get(
    "/v/{code:str}",
    summary="回单验真",
    tags=["公开"],
    media_type=MediaType.HTML,
    middleware=[VERIFY_LIMIT.middleware],
)
async def verify(
    request: Request[Any, Any, Any],
    code: FromPath[str],
    tail: Annotated[str, QueryParameter(name="tail", max_length=4)] = "",
) -> Template:
    """A genuine code is confirmed; names and amounts only with the account's last four digits."""
    async with transaction(request.app.state.pool) as conn:
        key_row = await (await conn.execute("select code_key from centre")).fetchone()
        key = bytes(key_row[0]) if key_row else b""
        plain = codes.normalise(code)
        row = None
        if plain and codes.is_genuine(key, plain):
            row = await (await conn.execute(VERIFY, (plain,))).fetchone()
    found = None
    if row and tail and str(row[7])[-4:] == tail:
        title, year, number, day, unit_name, amount_fen, rows, _, prints = row
        shown = issue.show_number(year, number)
        found = Verified(title, shown, day, unit_name, Money().show(amount_fen), rows, prints)
    context = {"code": code[:20], "is_genuine": row is not None, "found": found, "tail": tail}
    return Template("verify.html", context=context, headers=NO_STORE)


RECEIPT_ROUTES = [pdf, record_print, record_outcome, verify]
