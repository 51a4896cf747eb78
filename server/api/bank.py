"""The bank's door: notices of what moved on the centre's account, under the bank's signature."""

from typing import Any

from litestar import Request, post

from server.bank_notices import Movements
from server.business.refusals import refused
from server.outside.bank import BadNotice, read_notice
from server.outside.bank_wire import BANK_TEXTS, NOTICE

NOTICE_BYTES_MAX = 16 * 1024


@post(
    NOTICE,
    status_code=200,
    summary="银行账户变动通知",
    tags=["银行"],
    request_max_body_size=NOTICE_BYTES_MAX,
)
async def hear(request: Request[Any, Any, Any]) -> None:
    """Acknowledged once it is stored, however often it comes; what it means is worked out after."""
    movements: Movements = request.app.state.movements
    try:
        detail = read_notice(request.headers, await request.body(), request.app.state.bank_key)
    except BadNotice as bad:
        raise refused("B14", why=BANK_TEXTS[bad.code]) from None
    await movements.take(detail)


BANK_ROUTES = [hear]
