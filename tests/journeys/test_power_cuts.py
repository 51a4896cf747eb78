"""The server, and the bank, killed in the middle of payments: nothing lost, nothing paid twice."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

import httpx
import pytest

from server.db import transaction
from server.ledger.balance import books
from server.outside.sandbox_bank.books import SUCCESS
from server.outside.sandbox_bank.control import SandboxBank
from tests.factory import ACCOUNT_NO, Desk
from tests.journeys.conftest import MONEY_FEN, ServerProcess
from tests.server.hall import Caller

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def prepay(caller: Caller, amount: str, idem: str, saved: dict[str, Any]) -> str:
    """One press of 提交, pressed again with the same key until an answer comes."""
    head = {"amount": amount}
    body = {
        "version": saved["version"],
        "approval": caller.approval("prepayment", idem, [], head),
    }
    path = f"/api/businesses/prepayment/batches/{saved['batch_id']}/submit"
    # Killed between its note "sent" and the sending, a server asks the bank until the request
    # cannot arrive any more: past the first wait, 10 s, and the second, 30 s.
    for _ in range(400):
        try:
            answer = await caller.call("POST", path, json=body, headers={"Idempotency-Key": idem})
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
            continue
        assert answer.status_code == 200, answer.text
        if answer.json()["state"] != "paying":
            return str(answer.json()["state"])
        await asyncio.sleep(0.2)
    raise AssertionError("no end to it")


async def test_server_killed_at_any_moment_pays_once_and_loses_nothing(
    caller: Caller, desk: Desk, server_process: ServerProcess, sandbox: SandboxBank
) -> None:
    dice = random.Random(20261123)
    states = []
    for number in range(8):
        amount = f"{100 + number}.00"
        saved = await caller.save("prepayment", [], {"amount": amount})
        paying = asyncio.create_task(prepay(caller, amount, str(uuid.uuid4()), saved))
        await asyncio.sleep(dice.uniform(0, 0.12))
        server_process.kill()
        await asyncio.to_thread(server_process.start)
        states.append(await asyncio.wait_for(paying, 90))
    await assert_agreed(desk, sandbox, states)


async def assert_agreed(desk: Desk, sandbox: SandboxBank, states: list[str]) -> None:
    """The bank's debits, the payments and the books say the same."""
    debits = [d for d in sandbox.debits() if d.state == SUCCESS]
    rows = await desk.sql("select payment_id::text, amount_fen from payment where state = 'posted'")
    assert sorted((d.serial, d.amount_fen) for d in debits) == sorted(rows)
    assert len(rows) == states.count("posted") and states.count("posted") >= 1
    assert MONEY_FEN - sandbox.balance_fen(ACCOUNT_NO) == sum(amount for _, amount in rows)
    assert await desk.sql(
        "select count(*) from payment where state not in ('posted', 'failed')"
    ) == [(0,)]
    async with transaction(desk.pool) as conn:
        found = await books(conn)
    assert found.disagreements == []
    assert found.balances["219"] == sum(amount for _, amount in rows)
