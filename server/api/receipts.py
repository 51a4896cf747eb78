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
from server.receipts import codes, issue, prints
from server.receipts.overlay import mark_reprint

TEMPLATES = Path(__file__).parent / "templates"
PDF = "application/pdf"
NO_STORE = {"Cache-Control": "no-store"}
# By address: four digits of an account number would be guessed soon without it.
PRINTS_MAX = 200
VERIFY_LIMIT = RateLimitConfig(rate_limit=("minute", 30))


Receipts = Annotated[list[Line], msgspec.Meta(min_length=1, max_length=PRINTS_MAX)]
PrintIds = Annotated[list[Line], msgspec.Meta(min_length=1, max_length=PRINTS_MAX)]


class PrintsIn(Strict, frozen=True):
    receipts: Receipts
    printer: Line = ""


class PrintOut(msgspec.Struct, frozen=True):
    """``nth`` 0 is the original; ``mark`` is what a reprint bears."""

    receipt_no: str
    print_id: str
    nth: int
    mark: str


class PrintsOut(msgspec.Struct, frozen=True):
    prints: list[PrintOut]


class CountIn(Strict, frozen=True):
    """``outcome`` is empty until the job has ended."""

    print_ids: PrintIds
    job: Line
    outcome: Line = ""


class NotPrintedIn(Strict, frozen=True):
    print_ids: PrintIds


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
            mark = await prints.mark_of(scope.conn, unit_id, year, sequence, batch_id_of(print_id))
    content = await asyncio.to_thread(mark_reprint, document, mark) if mark else document
    return Response(content, media_type=PDF, headers=NO_STORE)


@post("/api/prints", summary="预登记打印", tags=["回单"])
async def reserve_prints(request: Request[Any, Any, Any], data: JSONBody[PrintsIn]) -> PrintsOut:
    """One printing of each receipt, all or none, in the order asked for; not counted yet."""
    async with authorised(request) as scope:
        session = scope.session
        made = await prints.reserve(
            scope.conn, session.unit_id, (session.operator_id, session.operator_name),
            data.receipts, data.printer[:120], [new_id() for _ in data.receipts],
        )  # fmt: skip
    return PrintsOut([PrintOut(p.receipt_no, str(p.print_id), p.nth, p.mark) for p in made])


@put("/api/prints", summary="登记打印及结果", tags=["回单"], status_code=204)
async def count_prints(request: Request[Any, Any, Any], data: JSONBody[CountIn]) -> None:
    """They count from when a printer's queue has their job; said again it changes nothing but how
    the job ended."""
    async with authorised(request) as scope:
        print_ids = [batch_id_of(print_id) for print_id in data.print_ids]
        await prints.count(
            scope.conn, scope.session.unit_id, print_ids, data.job[:40], data.outcome[:40]
        )


@post("/api/prints/not-printed", summary="撤销没有打印的登记", tags=["回单"], status_code=204)
async def take_back(request: Request[Any, Any, Any], data: JSONBody[NotPrintedIn]) -> None:
    """Of what left the printer's queue before it began."""
    async with authorised(request) as scope:
        session = scope.session
        print_ids = [batch_id_of(print_id) for print_id in data.print_ids]
        await prints.take_back(scope.conn, session.unit_id, session.operator_id, print_ids)


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
            where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number
              and p.job is not null)
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


RECEIPT_ROUTES = [pdf, reserve_prints, count_prints, take_back, verify]
