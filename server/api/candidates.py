"""Routes by which an operator finds persons of another unit, each look counted and recorded."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from server import drafts, elsewhere
from server.api.login import address_of
from server.api.scope import authorised
from server.api.wire import Line, Strict
from server.business.base import Business
from server.business.check import Texts
from server.db import Connection, transaction
from server.sessions import Session

SOUGHT_MAX = 200


class SoughtIn(Strict, frozen=True):
    from_unit: Line
    sought: Annotated[list[Line], msgspec.Meta(max_length=SOUGHT_MAX)]


class CandidateOut(msgspec.Struct, frozen=True):
    """Name and ID number are covered; ``sought`` is the text that found the person."""

    sought: str
    account: int
    name: str
    id_tail: str
    status: str


class CandidatesOut(msgspec.Struct, frozen=True):
    candidates: list[CandidateOut]


def routes(business: Business) -> list[HTTPRouteHandler]:
    """None for a business that takes no other unit's persons."""
    if not business.takes_from:
        return []

    @post("/candidates", status_code=200, summary=f"{business.label}：查找转出单位的职工")
    async def candidates(
        request: Request[Any, Any, Any], data: JSONBody[SoughtIn]
    ) -> CandidatesOut:
        async with authorised(request) as scope:
            looker = _looker(scope.session, request)
            from_unit = elsewhere.taken_from(business, {business.takes_from: data.from_unit})
            if from_unit is None or from_unit == looker.unit_id:
                return CandidatesOut([])
            found = await elsewhere.look(scope.conn, looker, business, from_unit, data.sought)
        return CandidatesOut([
            CandidateOut(it.sought, it.account, it.name, it.id_tail, it.status) for it in found
        ])  # fmt: skip

    return [candidates]


async def trace_check(
    request: Request[Any, Any, Any],
    conn: Connection,
    session: Session,
    business: Business,
    head: Texts,
    rows: list[dict[str, str]],
) -> None:
    """A check says of each row whether there is such a person: it is a look, too."""
    from_unit = elsewhere.taken_from(business, head)
    sought = elsewhere.sought_in(business, rows) if from_unit is not None else []
    if from_unit is not None and from_unit != session.unit_id and sought:
        await elsewhere.trace(conn, _looker(session, request), from_unit, sought)


async def trace_submission(
    request: Request[Any, Any, Any], session: Session, business: Business, batch_id: int
) -> None:
    """In a transaction of its own: what is refused was looked at all the same."""
    if not business.takes_from:
        return
    async with transaction(request.app.state.pool) as conn:
        draft = await drafts.load(conn, session.unit_id, business.code, batch_id)
        rows = [dict(row) for row in draft.rows]
        await trace_check(request, conn, session, business, draft.head, rows)


def _looker(session: Session, request: Request[Any, Any, Any]) -> elsewhere.Looker:
    return elsewhere.Looker(
        session.unit_id, session.operator_id, session.token_sha256, address_of(request)
    )
