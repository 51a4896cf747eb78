"""Routes of the businesses: who, whose unit, parse, call, map the result. No logic.

Each business has routes of its own, so that the OpenAPI document tells the truth about its fields.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from server import batches, checking, drafts
from server.api import candidates
from server.api.login import address_of
from server.api.scope import authorised, session_of_request
from server.api.wire import (
    ProblemOut,
    Strict,
    bank_problem,
    batch_struct,
    problem_out,
    texts_of,
)
from server.approval import Approval, check_approval
from server.business.base import Business
from server.business.businesses import BUSINESSES
from server.business.refusals import refused
from server.db import Connection, transaction
from server.sessions import CERTIFICATE_LOGIN, Session
from server.submission import Answer, Operator, Submit

BODY_MAX_BYTES = 64 * 1024 * 1024
IdempotencyKey = Annotated[
    str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=64)
]
Code = Annotated[str, msgspec.Meta(max_length=20)]
ANSWER_WAIT_S = 8.0  # How long a submission waits for the bank before it answers "paying".


class SavedOut(msgspec.Struct, frozen=True):
    batch_id: str
    version: int


class UnfinishedOut(msgspec.Struct, frozen=True):
    batch_id: str
    version: int
    state: str
    row_count: int
    updated_at: str
    updated_by: str


class ListOut(msgspec.Struct, frozen=True):
    batches: list[UnfinishedOut]


class DraftOut(msgspec.Struct, frozen=True):
    batch_id: str
    version: int
    state: str
    head: dict[str, str]
    rows: list[dict[str, str]]


class CheckOut(msgspec.Struct, frozen=True):
    """Computed head values as shown, and everything that submitting would refuse or remark."""

    head: dict[str, str]
    problems: list[ProblemOut]


class ApprovalIn(Strict, frozen=True):
    algorithm: str
    signature: bytes


class SubmitIn(Strict, frozen=True):
    version: int
    only_passing: bool = False
    approval: ApprovalIn | None = None
    amount_fen: int | None = None  # what the operator was shown, part of what is signed
    codes: Mapping[str, Code] = msgspec.field(default_factory=dict)  # those sent to phones


class AnswerOut(msgspec.Struct, frozen=True):
    """``state`` is posted, paying or failed; the serial finds the payment's timeline."""

    state: str
    serial: str
    receipt_no: str | None
    rows: int
    amount_fen: int
    left_batch_id: str | None
    problem: ProblemOut | None


def batch_id_of(text: str) -> int:
    """Raises G13 for what is no batch id."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise refused("G13")
    return int(text)


def answer_out(answer: Answer) -> AnswerOut:
    return AnswerOut(
        state=answer.state,
        serial=str(answer.serial),
        receipt_no=answer.receipt_no,
        rows=answer.rows,
        amount_fen=answer.amount_fen,
        left_batch_id=str(answer.left_batch_id) if answer.left_batch_id else None,
        problem=bank_problem(answer.problem_code, answer.bank_text),
    )


async def submit(
    request: Request[Any, Any, Any], business: Business, batch_id: str, data: SubmitIn, idem: str
) -> AnswerOut:
    """Posts at once, or starts the debit and waits a little for the bank."""
    state = request.app.state
    order = Submit(
        business,
        batch_id_of(batch_id),
        data.version,
        data.only_passing,
        idem,
        data.approval.signature if data.approval else None,
        data.amount_fen,
        data.codes,
    )
    session = session_of_request(request)
    await candidates.trace_submission(request, session, business, order.batch_id)

    async def approve(conn: Connection, digest: bytes) -> None:
        if data.approval is None:
            if session.login_kind == CERTIFICATE_LOGIN:
                raise refused("L14")
            return
        approval = Approval(data.approval.algorithm, data.approval.signature)
        await check_approval(
            conn, session, idem, digest, approval, state.spki_sha256, state.audience
        )

    operator = _operator(session, address_of(request))
    answer = await batches.submit(state.pool, operator, order, approve)
    if answer.state != "paying":
        return answer_out(answer)
    await state.payments.start(session.unit_id, answer.serial, ANSWER_WAIT_S)
    async with transaction(state.pool) as conn:
        return answer_out(await batches.answer_now(conn, session.unit_id, order))


def _operator(session: Session, address: str) -> Operator:
    return Operator(
        session.unit_id,
        session.operator_id,
        session.operator_name,
        session.login_kind,
        session.certificate_id,
        address,
    )


def _draft_routes(business: Business) -> list[HTTPRouteHandler]:
    """What may be done to a batch before it is submitted."""
    new_body: Any = batch_struct(business, versioned=False)
    again_body: Any = batch_struct(business, versioned=True)
    code = business.code

    @post("/batches", summary=f"{business.label}：保存新业务单")
    async def save_new(request: Request[Any, Any, Any], data: JSONBody[new_body]) -> SavedOut:
        async with authorised(request) as scope:
            session, rows = scope.session, [texts_of(row) for row in data.rows]
            batch_id, version = await drafts.save_new(
                scope.conn, session.unit_id, session.operator_id, code, texts_of(data.head), rows
            )
        return SavedOut(str(batch_id), version)

    @put("/batches/{batch_id:str}", summary=f"{business.label}：再次保存")
    async def save_again(
        request: Request[Any, Any, Any], batch_id: FromPath[str], data: JSONBody[again_body]
    ) -> SavedOut:
        async with authorised(request) as scope:
            session, rows = scope.session, [texts_of(row) for row in data.rows]
            number = batch_id_of(batch_id)
            version = await drafts.save_again(
                scope.conn, session.unit_id, session.operator_id, code, number, data.version,
                texts_of(data.head), rows,
            )  # fmt: skip
        return SavedOut(batch_id, version)

    @get("/batches", summary=f"{business.label}：未办结的业务单")
    async def unfinished(request: Request[Any, Any, Any]) -> ListOut:
        async with authorised(request) as scope:
            found = await drafts.unfinished(scope.conn, scope.session.unit_id, code)
        return ListOut([
            UnfinishedOut(
                str(b.batch_id), b.version, b.state, b.row_count,
                b.updated_at.isoformat(), b.updated_by,
            )
            for b in found
        ])  # fmt: skip

    @get("/batches/{batch_id:str}", summary=f"{business.label}：打开业务单")
    async def load(request: Request[Any, Any, Any], batch_id: FromPath[str]) -> DraftOut:
        async with authorised(request) as scope:
            draft = await drafts.load(
                scope.conn, scope.session.unit_id, code, batch_id_of(batch_id)
            )
        return DraftOut(
            batch_id, draft.version, draft.state, dict(draft.head), [dict(r) for r in draft.rows]
        )

    @delete("/batches/{batch_id:str}", summary=f"{business.label}：删除业务单")
    async def discard(
        request: Request[Any, Any, Any], batch_id: FromPath[str], version: FromQuery[int]
    ) -> None:
        async with authorised(request) as scope:
            await drafts.discard(
                scope.conn, scope.session.unit_id, code, batch_id_of(batch_id), version
            )

    return [save_new, save_again, unfinished, load, discard]


def routes(business: Business) -> Router:
    """All routes of one business."""
    new_body: Any = batch_struct(business, versioned=False)

    @post("/check", status_code=200, summary=f"{business.label}：校验")
    async def check(request: Request[Any, Any, Any], data: JSONBody[new_body]) -> CheckOut:
        async with authorised(request) as scope:
            head, rows = texts_of(data.head), [texts_of(row) for row in data.rows]
            await candidates.trace_check(request, scope.conn, scope.session, business, head, rows)
            unit, found = await checking.check(
                scope.conn, scope.session.unit_id, business, head, rows, scope.session.operator_id
            )
        fields = business.in_force(unit).head
        shown = {f.key: f.kind.show(found.head[f.key]) for f in fields if f.key in found.head}
        return CheckOut(shown, [problem_out(p) for p in found.problems])

    @post("/batches/{batch_id:str}/submit", status_code=200, summary=f"{business.label}：提交")
    async def submit_batch(
        request: Request[Any, Any, Any],
        batch_id: FromPath[str],
        data: JSONBody[SubmitIn],
        idem: IdempotencyKey,
    ) -> AnswerOut:
        return await submit(request, business, batch_id, data, idem)

    handlers = [check, *_draft_routes(business), *candidates.routes(business), submit_batch]
    return Router(
        f"/api/businesses/{business.code}", route_handlers=handlers, tags=[business.label]
    )


BATCH_ROUTES = [routes(business) for business in BUSINESSES]
