"""Dated tables of reasons, from the counter's setting to the grid, the check and the receipt."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from server import passwords
from server.books.close import close_day
from server.business.back_payment import REASONS
from server.business.sealing import SEAL_REASONS
from server.db import Pool, transaction
from server.demo_people import person
from server.parameters import set_parameter
from tests.counter.doors import QUICK, Api, hire_all
from tests.factory import DAY, NEXT_MONTH, give_prepayment
from tests.server.hall import Caller, Hall, code_of, problems_of
from tests.server.office import Office

pytestmark = pytest.mark.anyio
TOMORROW = DAY + datetime.timedelta(days=1)
NEW = {**SEAL_REASONS, "02": "调往州外", "10": "单位撤销"}
del NEW["08"]


def said(table: dict[str, str]) -> str:
    return "；".join(f"{code} {name}" for code, name in table.items())


async def set_by_counter(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", QUICK)
    async with transaction(hall.pool) as conn:
        await hire_all(conn)
    setting = {"key": "seal_reasons", "value": said(NEW), "from_day": str(TOMORROW)}
    counter = Api(hall.pool, hall.client)
    entered = await counter.do("supervisor1", "set-parameter", **setting)
    done = await counter.do("approver1", "approve", number=entered.number)
    assert done.row["state"] == "已复核"


async def next_day(pool: Pool) -> None:
    async with transaction(pool) as conn:
        await close_day(conn, TOMORROW)


async def offered(caller: Caller) -> Any:
    return (await caller.call("GET", "/api/unit")).json()["unit"]["choices"]


async def receipts(pool: Pool, business: str) -> list[list[list[str]]]:
    """The rows of each receipt as printed, in their order."""
    async with transaction(pool) as conn:
        found = await conn.execute(
            "select content -> 'rows' from receipt where business = %s order by number", (business,)
        )
        return [rows for (rows,) in await found.fetchall()]


async def test_reasons_set_at_the_counter_are_the_choices_from_their_day_on(
    hall: Hall, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await caller.do("account_opening", [person(n) for n in range(1, 4)])
    assert opened.json()["state"] == "posted"
    people = (await caller.call("GET", "/api/people")).json()
    accounts = [str(row[people["columns"].index("account")]) for row in people["rows"]]
    await set_by_counter(hall, monkeypatch)

    assert (await offered(caller))["seal_reasons"] == SEAL_REASONS
    early = await caller.do("sealing", [{"account": accounts[0], "reason": "单位撤销"}])
    assert problems_of(early) == [(0, "reason", "V05")]
    old = [{"account": accounts[0], "reason": "08"}]
    assert (await caller.do("sealing", old)).json()["state"] == "posted"
    kept = await caller.save("sealing", [{"account": accounts[1], "reason": "出国出境"}])
    await next_day(hall.pool)

    assert await offered(caller) == {"seal_reasons": NEW, "back_payment_reasons": REASONS}
    path = f"/api/businesses/sealing/batches/{kept['batch_id']}"
    rows = (await caller.call("GET", path)).json()["rows"]
    checked = await caller.call(
        "POST", "/api/businesses/sealing/check", json={"head": {}, "rows": rows}
    )
    (problem,) = checked.json()["problems"]
    assert (problem["row"], problem["key"], problem["code"]) == (0, "reason", "V05")
    assert "单位撤销" in problem["next_step"] and "出国出境" not in problem["next_step"]
    refused = await caller.do("sealing", rows)
    assert (code_of(refused), problems_of(refused)) == ("G14", [(0, "reason", "V05")])
    new = [
        {"account": account, "reason": reason}
        for account, reason in zip(accounts[1:], ("10", "调往州外"), strict=True)
    ]
    assert (await caller.do("sealing", new)).json()["state"] == "posted"

    before, after = await receipts(hall.pool, "sealing")
    assert "出国出境" in before[0]
    assert "单位撤销" in after[0] and "调往州外" in after[1]


async def test_what_was_accepted_yesterday_is_posted_with_the_reason_it_had(
    office: Office,
) -> None:
    """The bank's answer may come after the day end on which a table changed."""
    desk = office.desk
    await desk.open_people(range(1, 2))
    await give_prepayment(desk, 10_000_00)
    await desk.remit(NEXT_MONTH)
    (account,) = await desk.accounts()
    row = {
        "account": str(account), "monthly": "500", "start": str(NEXT_MONTH), "reason": "漏缴",
    }  # fmt: skip
    answer = await desk.do("back_payment", [row], kind="3", method="settle")
    assert answer.state == "paying"
    table = {"02": REASONS["02"], "11": "漏报人员"}
    async with transaction(desk.pool) as conn:
        await set_parameter(conn, "back_payment_reasons", said(table), TOMORROW, "王主任")
    await next_day(desk.pool)
    assert dict((await office.unit()).choices["back_payment_reasons"]) == table
    assert await office.pay(answer.serial) == "posted"
    ((printed,),) = await receipts(desk.pool, "back_payment")
    assert "漏缴" in printed


async def test_reason_is_left_blank_where_the_usual_one_is_not_offered(office: Office) -> None:
    desk = office.desk
    await desk.open_people(range(1, 2))
    await give_prepayment(desk, 10_000_00)
    await desk.remit(NEXT_MONTH)
    (account,) = await desk.accounts()
    async with transaction(desk.pool) as conn:
        await set_parameter(conn, "back_payment_reasons", "11 漏报人员", DAY, "王主任")
    row = {"account": str(account), "monthly": "500", "start": str(NEXT_MONTH)}
    await desk.do("back_payment", [row], kind="3", method="prepayment")
    await desk.do("back_payment", [row | {"reason": "11"}], kind="3", method="prepayment")
    (blank,), (named,) = await receipts(desk.pool, "back_payment")
    assert not {*REASONS.values(), *REASONS} & set(blank)
    assert "漏报人员" in named
