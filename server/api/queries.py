"""Routes of the queries, the unit's own facts, and how far a payment has come."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import FromPath, FromQuery, QueryParameter

from server import payments, people, queries, registration, units
from server.api.batches import batch_id_of
from server.api.receipts import NO_STORE, PDF
from server.api.scope import authorised
from server.api.wire import ProblemOut, bank_problem
from server.business.facts import Person
from server.business.kinds import Serial
from server.business.month import Month
from server.business.queries import QUERIES
from server.business.query import Query
from server.receipts import issue
from server.receipts.lists import list_of

PEOPLE = (
    "account", "name", "id_tail", "status", "base_fen", "unit_fen", "personal_fen", "balance_fen",
    "from_month", "until_month", "start_month", "paid_through", "is_frozen", "phone",
)  # fmt: skip


class PageOut(msgspec.Struct, frozen=True):
    """``next`` is the cursor of the next page; count and totals come with the first page."""

    rows: list[dict[str, Any]]
    next: str | None
    count: int
    totals: dict[str, int]


def routes(query: Query) -> Any:
    @get(f"/{query.code}", summary=query.label)
    async def run(
        request: Request[Any, Any, Any],
        after: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(name="limit", ge=1, le=queries.PAGE_MAX)] = 200,
        sort: FromQuery[str] = "",
    ) -> PageOut:
        values = queries.parse_filters(query, filter_texts(request))
        by = queries.parse_sort(query, sort)
        async with authorised(request) as scope:
            unit_id = scope.session.unit_id
            page = await queries.run(scope.conn, query, unit_id, values, after, limit, by)
        kinds = {column.key: column.kind for column in query.columns}
        parts = (query.drill_by,) if query.drill_by else query.keys
        keys = {key: kinds.get(key, Serial()) for key in parts}
        rows = [
            {key: queries.wire(kind, row[key]) for key, kind in kinds.items()}
            | {"_key": ",".join(str(queries.wire(kind, row[key])) for key, kind in keys.items())}
            for row in page.rows
        ]
        return PageOut(rows, page.after, page.count, page.totals)

    return run


def paper_route(query: Query) -> Any:
    @get(f"/{query.code}/pdf", summary=f"{query.label}（打印）", media_type=PDF)
    async def paper(request: Request[Any, Any, Any], sort: FromQuery[str] = "") -> Response[bytes]:
        values = queries.parse_filters(query, filter_texts(request))
        by = queries.parse_sort(query, sort)
        async with authorised(request) as scope:
            session = scope.session
            listed = await list_of(
                scope.conn, query, session.unit_id, session.operator_name, values, by
            )
        content = await request.app.state.press.render(listed)
        return Response(content, media_type=PDF, headers=NO_STORE)

    return paper


def filter_texts(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What stands in the address besides the page asked for."""
    return {k: v for k, v in request.query_params.items() if k not in ("after", "limit", "sort")}


class UnitOut(msgspec.Struct, frozen=True):
    unit: dict[str, Any]
    operator: dict[str, str]


@get("/api/unit", summary="本单位", tags=["单位"])
async def unit(request: Request[Any, Any, Any]) -> UnitOut:
    async with authorised(request) as scope:
        session = scope.session
        found = await units.facts(scope.conn, session.unit_id)
        found = await registration.with_registration(scope.conn, found, session.operator_id)
    shown = {name: getattr(found, name) for name in found.__dataclass_fields__}
    del shown["rules"]
    shown |= {
        "paid_through": str(found.paid_through),
        "deferred": [str(month) for month in sorted(found.deferred)],
        "ratios": [asdict(it) | {"from_month": str(it.from_month)} for it in found.ratios],
        "registration": registration.masked(found.registration),
    }
    return UnitOut(shown, {"name": session.operator_name, "login_kind": session.login_kind})


class PeopleOut(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    rows: list[list[Any]]


@get("/api/people", summary="本单位职工名册（供模糊查询）", tags=["单位"])
async def roster(request: Request[Any, Any, Any]) -> PeopleOut:
    async with authorised(request) as scope:
        found = await people.roster(scope.conn, scope.session.unit_id)
    return PeopleOut(PEOPLE, await asyncio.to_thread(_people_out, found))


def _people_out(persons: Sequence[Person]) -> list[list[Any]]:
    return [
        [
            str(value) if isinstance(value, Month) else value
            for value in (getattr(person, key) for key in PEOPLE)
        ]
        for person in persons
    ]


class StepOut(msgspec.Struct, frozen=True):
    at: str
    state: str
    text: str


class PaymentOut(msgspec.Struct, frozen=True):
    serial: str
    business: str
    amount_fen: int
    state: str
    receipt_no: str | None
    timeline: list[StepOut]
    problem: ProblemOut | None


@get("/api/payments/{serial:str}", summary="缴款进度", tags=["缴存业务"])
async def payment(request: Request[Any, Any, Any], serial: FromPath[str]) -> PaymentOut:
    async with authorised(request) as scope:
        unit_id = scope.session.unit_id
        found = await payments.timeline(scope.conn, unit_id, batch_id_of(serial))
        receipt_no = await issue.number_of(scope.conn, unit_id, found.payment.payment_id)
    return PaymentOut(
        serial,
        found.payment.business,
        found.payment.amount_fen,
        found.payment.state,
        receipt_no,
        [StepOut(step.at, step.state, step.text) for step in found.steps],
        bank_problem(found.problem_code, found.bank_text),
    )


HANDLERS = [make(query) for query in QUERIES for make in (routes, paper_route)]
QUERY_ROUTES = [
    Router("/api/queries", route_handlers=HANDLERS, tags=["查询"]),
    unit,
    roster,
    payment,
]
