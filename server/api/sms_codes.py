"""The route by which any business has a code sent to the phone that it is about to register."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.params import JSONBody

from server import audit, sms_codes
from server.api.login import address_of
from server.api.scope import authorised
from server.api.wire import Strict
from server.business.businesses import BUSINESSES
from server.business.refusals import refused

# By the business, the kind of the phone that its code is sent to.
KINDS = {b.code: b.field(spec.sent_to).kind for b in BUSINESSES for spec in b.codes}
Short = Annotated[str, msgspec.Meta(max_length=40)]


class CodeIn(Strict, frozen=True):
    business: Short
    phone: Short


class CodeOut(msgspec.Struct, frozen=True):
    """The seconds until another code may be asked for."""

    again_in_s: int


@post("/api/sms-codes", status_code=200, summary="获取短信验证码", tags=["归集业务"])
async def send_code(request: Request[Any, Any, Any], data: JSONBody[CodeIn]) -> CodeOut:
    """To the new phone: whoever submits shows that they read what arrives there."""
    if data.business not in KINDS:
        raise refused("N03", why="该业务不用短信验证码")
    phone = KINDS[data.business].read(data.phone)
    if phone is None:
        raise refused("V07")
    async with authorised(request) as scope:
        session = scope.session
        again_in_s = await sms_codes.send_within(scope.conn, data.business, session.unit_id, phone)
        await audit.record(
            scope.conn, f"code:{data.business}", audit.OK, address_of(request),
            unit_id=session.unit_id, operator_id=session.operator_id,
            token_sha256=session.token_sha256,
        )  # fmt: skip
    return CodeOut(again_in_s)
