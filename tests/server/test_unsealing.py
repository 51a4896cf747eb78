"""个人启封 on a real database: the amounts a person comes back to, and who does not come back."""

from __future__ import annotations

import pytest

from server.db import Pool
from tests.factory import assert_books_agree
from tests.server.test_changes import change_ratio, due, month, seal, unit_at

pytestmark = pytest.mark.anyio


async def test_amount_that_was_typed_survives_sealing(pool: Pool) -> None:
    """Domain 4.3 and 4.8: 1001 yuan at 5/5 is 501 and 500, and is what the person comes back to."""
    desk = await unit_at(pool, 5)
    first, _ = await desk.accounts()
    await desk.do("base_change", [{"account": str(first), "monthly_fen": "1001"}])
    await seal(desk, first, month(1))
    await desk.do("unsealing", [{"account": str(first), "month": str(month(2))}])
    assert await due(desk, 4) == [1001 + 622, 622, 1001 + 622, 1001 + 622]
    await change_ratio(desk, 6, month(3))
    assert await due(desk, 4) == [1623, 622, 1623, 1202 + 746]
    await desk.remit(month(3))
    await assert_books_agree(pool)


async def test_who_waits_to_be_closed_is_not_unsealed(pool: Pool) -> None:
    """Q03 goes by the last sealing, and tells nobody else's reason."""
    desk = await unit_at(pool, 10)
    first, second = await desk.accounts()
    for account, reason in ((first, "03"), (second, "05")):
        await desk.do("sealing", [{"account": str(account), "reason": reason}])
    rows = [{"account": str(account)} for account in (first, second)]
    assert await desk.refused(desk.do("unsealing", rows)) == [(0, "account", "Q03")]
    await desk.do("unsealing", rows[1:])
    await desk.do("sealing", [{"account": str(second), "reason": "04"}])
    assert await desk.refused(desk.do("unsealing", rows[1:])) == [(0, "account", "Q03")]
    assert await desk.refused(desk.do("unsealing", rows[:1] * 2)) == [
        (0, "account", "Q03"), (1, "account", "Q03"), (1, "account", "G07"),
    ]  # fmt: skip
