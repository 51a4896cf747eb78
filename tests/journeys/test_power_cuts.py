"""The server, and the bank, killed in the middle of payments: nothing lost, nothing paid twice."""

from __future__ import annotations

import asyncio
import random
import shutil
import ssl
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server import demo_ca
from server.db import open_pool, transaction
from server.ledger.balance import books
from server.migrate import migrate
from server.outside.sandbox_bank.books import SUCCESS
from server.outside.sandbox_bank.control import SandboxBank
from server.outside.sandbox_bank.scenarios import Chaos
from server.parameters import set_parameter
from server.postgres import EmbeddedPostgres
from tests.conftest import shared_folder
from tests.factory import ACCOUNT_NO, DAY, Desk, assert_moments_agree, set_paid_through
from tests.journeys.conftest import MONEY_FEN, PROJECT, ServerProcess, free_port
from tests.journeys.storm import BEFORE, Clerk, Power
from tests.server.hall import Caller, Hall

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


CLERKS, STORM_S = 64, 60.0
# About a quarter of what is asked of the bank does not go as it should.
CHAOS = Chaos(
    mix={
        "insufficient_funds": 0.04, "no_answer_then_success": 0.03, "no_answer_then_failed": 0.02,
        "no_answer_not_received": 0.03, "connection_dropped": 0.04, "garbage": 0.02,
        "forged_answer": 0.02, "out_of_order": 0.02, "duplicate_answer": 0.02,
        "processing_for": 0.03, "slow": 0.02,
    },
    seconds=1.0, queries=2, delay_ms_high=30,
)  # fmt: skip


@pytest.fixture
async def storm(tmp_path: Path) -> AsyncIterator[tuple[Hall, Power]]:
    """Everything of its own, to be killed without harm to others."""
    root = Path(tempfile.mkdtemp(prefix="hpf-storm-", dir=shared_folder()))
    root.chmod(0o755)
    postgres, bank = EmbeddedPostgres(root / "postgres"), SandboxBank(tmp_path, seed=5)
    url = postgres.start()
    migrate(url)
    bank.start()
    ca, port = demo_ca.make(tmp_path / "ca"), free_port()
    environment = {
        "HPF_DATABASE_URL": url, "HPF_FILES": str(ca.folder), "HPF_PORT": str(port),
        "HPF_BANK_URL": bank.ready.url, "HPF_BANK_KEY": bank.ready.key.hex(),
        "HPF_BANK_TIMEOUT_S": "2", "HPF_BANK_GRACE_S": "1", "HPF_BANK_BACKOFF_S": "0.5 1 2",
        "PYTHONPATH": str(PROJECT),
    }  # fmt: skip
    server = ServerProcess(environment, f"https://127.0.0.1:{port}", ca, tmp_path / "server.log")
    server.start()
    context = ssl.create_default_context(cafile=str(ca.root_file))
    async with (
        open_pool(url, 4) as pool,
        httpx.AsyncClient(base_url=server.url, verify=context, timeout=15) as client,
    ):
        hall = Hall(client, ca, bank, pool)  # type: ignore[arg-type]
        yield hall, Power(postgres, bank, server, random.Random(20261123))
    server.kill()
    bank.kill()
    postgres.stop()
    shutil.rmtree(root)


async def test_power_fails_in_the_middle_of_many_payments(storm: tuple[Hall, Power]) -> None:
    """Server, bank and database die in turn and together; each unit ends where its clerk says."""
    hall, power = storm
    clerks = []
    for number in range(CLERKS):
        caller = await hall.enter(f"第{number}单位", MONEY_FEN)
        desk = hall.desks[caller.unit_id]
        await set_paid_through(desk, BEFORE)
        clerks.append(Clerk(caller, desk, random.Random(number)))
        await clerks[-1].open(number)
    async with transaction(hall.pool) as conn:
        await set_parameter(conn, "remit_mixed", "是", DAY, "主任")
    hall.bank.set_chaos(CHAOS)
    until = time.monotonic() + STORM_S
    await asyncio.gather(power.fail(until), *(clerk.work(until) for clerk in clerks))
    done: Counter[str] = sum((clerk.done for clerk in clerks), Counter())
    print(dict(done), dict(power.cuts), f"slowest {max(c.slowest_s for c in clerks):.1f} s")
    assert done["posted"] > 50 and done["failed"] and power.cuts.total() > 2
    await until_refunds_have_ended(clerks[0].desk)
    await assert_each_unit_ends_where_its_clerk_says(hall, clerks)
    await assert_bank_and_books_agree(hall)


async def assert_each_unit_ends_where_its_clerk_says(hall: Hall, clerks: list[Clerk]) -> None:
    """A refund that the bank has refused is still owed to the unit, and still at the bank."""
    desk = hall.desks[clerks[0].caller.unit_id]
    for clerk in clerks:
        unit_id = clerk.caller.unit_id
        ((owed_fen,),) = await desk.sql(
            "select coalesce(sum(amount_fen), 0)::bigint from payment"
            " where unit_id = %s and direction = 'out' and state = 'failed'",
            unit_id,
        )
        assert await desk.sql(
            "select deposits_fen, members_fen, prepayment_fen, reserved_fen, paid_through"
            " from unit where unit_id = %s",
            unit_id,
        ) == [
            (
                clerk.bank_fen + owed_fen, clerk.members_fen, clerk.prepaid_fen, 0,
                int(clerk.paid_through),
            )
        ]  # fmt: skip
        ((account_no,),) = await desk.sql(
            "select account_no from bank_account where unit_id = %s", unit_id
        )
        assert MONEY_FEN - hall.bank.balance_fen(account_no) == clerk.bank_fen + owed_fen
    done = sum(c.done["posted"] + c.done["reversed"] + 1 for c in clerks)  # and accounts opened
    assert await desk.sql("select count(*) from txn where business <> 'refund'") == [(done,)]


async def until_refunds_have_ended(desk: Desk) -> None:
    """Nobody waits for them at a counter."""
    async with asyncio.timeout(60):
        while await desk.sql(
            "select 1 from payment where state not in ('posted', 'failed') limit 1"
        ):
            await asyncio.sleep(0.2)


async def assert_bank_and_books_agree(hall: Hall) -> None:
    desk = next(iter(hall.desks.values()))
    debits = sorted((d.serial, d.amount_fen) for d in hall.bank.debits() if d.state == SUCCESS)
    paid = await desk.sql("select payment_id::text, amount_fen from payment where state = 'posted'")
    assert debits == sorted(paid)
    assert await desk.sql(
        "select count(*) from payment where state not in ('posted', 'failed')"
    ) == [(0,)]
    owed_fen = "select coalesce(sum(amount_fen), 0)::bigint from payment where direction = 'out'"
    assert await desk.sql(f"{owed_fen} and state = 'failed'") == await desk.sql(
        "select coalesce(sum(cr_fen - dr_fen), 0)::bigint from voucher_line where gl = '21903'"
    )
    assert await desk.sql("select count(*) from batch where state = 'paying'") == [(0,)]
    async with transaction(hall.pool) as conn:
        assert (await books(conn)).disagreements == []
    await assert_moments_agree(desk)
