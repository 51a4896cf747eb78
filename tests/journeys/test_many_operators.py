"""Operators of many units at one server at once, and one unit of a hundred thousand beside them."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from server.db import transaction
from server.demo_people import person
from server.ledger.balance import books
from server.outside.sandbox_bank.books import SUCCESS
from tests.factory import NEXT_MONTH
from tests.journeys.conftest import MONEY_FEN, ServerProcess
from tests.server.hall import Caller, Hall

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
OPERATORS, BUSY_S, PAYING_S = 16, 10.0, 60.0
MANY = 100_000


class Clerk:
    """One operator who does whatever comes to mind and never sees anything of another unit."""

    def __init__(self, caller: Caller, number: int) -> None:
        self.caller, self.number = caller, number
        self.dice = random.Random(number)
        self.done: Counter[str] = Counter()
        self.paying: list[int] = []  # what the bank had not answered for when we were answered
        self.slowest_s = 0.0
        self.people = iter(range(number * 10_000, (number + 1) * 10_000))
        self.names: set[str] = set()
        self.used: set[str] = set()
        self.accounts: list[int] = []

    async def work(self, until: float) -> None:
        businesses = [
            self.open,
            self.seal,
            self.unseal,
            self.prepay,
            self.remit,
            self.keep,
            self.look,
        ]
        while time.monotonic() < until:
            business = self.dice.choice(businesses)
            began = time.monotonic()
            answer = await business()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            if answer is not None:
                state = answer.json().get("state") or answer.json().get("code")
                assert answer.status_code in (200, 422), answer.text
                self.done[f"{business.__name__} {state}"] += 1
                if state == "paying":
                    self.paying.append(int(answer.json()["serial"]))

    async def open(self) -> Any:
        new = [person(next(self.people)) for _ in range(self.dice.randrange(1, 9))]
        self.names |= {p["name"] for p in new}
        self.used |= {p["id_number"] for p in new}
        rows = [p | {"month": str(NEXT_MONTH)} for p in new]
        return await self.caller.do("account_opening", rows, only_passing=True)

    async def seal(self) -> Any:
        rows = [{"account": str(a), "reason": "01"} for a in self.some()]
        return await self.caller.do("sealing", rows, only_passing=self.dice.random() < 0.5)

    async def unseal(self) -> Any:
        return await self.caller.do(
            "unsealing", [{"account": str(a)} for a in self.some()], only_passing=True
        )

    async def prepay(self) -> Any:
        return await self.caller.do(
            "prepayment", [], {"amount": f"{self.dice.randrange(1, 90_000)}.00"}
        )

    async def remit(self) -> Any:
        until = NEXT_MONTH.plus(self.dice.randrange(2))
        method = self.dice.choice(("settle", "prepayment"))
        return await self.caller.do("remittance", [], {"until": str(until), "method": method})

    async def keep(self) -> None:
        saved = await self.caller.save("sealing", [{"account": str(a)} for a in self.some()])
        path = f"/api/businesses/sealing/batches/{saved['batch_id']}"
        again = await self.caller.call("PUT", path, json={"version": 1, "rows": []})
        assert again.json()["version"] == 2
        if self.dice.random() < 0.7:
            gone = await self.caller.call("DELETE", f"{path}?version=2")
            assert gone.status_code == 204, gone.text

    async def look(self) -> None:
        page = (await self.caller.call("GET", "/api/queries/roster?limit=1000")).json()
        self.accounts = [row["account"] for row in page["rows"]]
        assert {row["name"] for row in page["rows"]} <= self.names
        for query in ("payments", "receipts"):
            assert (await self.caller.call("GET", f"/api/queries/{query}")).status_code == 200
        for code in ("sealing", "remittance"):
            assert (
                await self.caller.call("GET", f"/api/businesses/{code}/batches")
            ).status_code == 200

    def some(self) -> list[int]:
        return self.dice.sample(self.accounts, min(len(self.accounts), self.dice.randrange(1, 4)))


async def test_operators_of_many_units_at_once_end_with_books_that_agree(hall: Hall) -> None:
    clerks = [Clerk(await hall.enter(f"第{n}单位", MONEY_FEN), n) for n in range(OPERATORS)]
    until = time.monotonic() + BUSY_S
    await asyncio.wait_for(asyncio.gather(*(c.work(until) for c in clerks)), BUSY_S + 60)
    done: Counter[str] = sum((c.done for c in clerks), Counter())
    print(dict(done), f"slowest {max(c.slowest_s for c in clerks):.2f} s")
    assert {"open posted", "seal posted", "unseal posted", "prepay posted", "remit posted"} <= set(
        done
    )
    await assert_all_ended_well(hall, clerks)


async def assert_all_ended_well(hall: Hall, clerks: list[Clerk]) -> None:
    """Books, receipts and bank agree, and everybody's people are their own."""
    desk = hall.desks[clerks[0].caller.unit_id]
    under_way = "select count(*) from payment where state not in ('posted', 'failed')"
    async with asyncio.timeout(PAYING_S):
        while await desk.sql(under_way) != [(0,)]:
            await asyncio.sleep(0.2)
    async with transaction(hall.pool) as conn:
        assert (await books(conn)).disagreements == []
    posted = sum(n for c in clerks for what, n in c.done.items() if what.endswith(" posted"))
    paying = [serial for c in clerks for serial in c.paying]
    late = "select count(*) from payment where state = 'posted' and payment_id = any(%s)"
    ((posted_late,),) = await desk.sql(late, paying)
    assert await desk.sql("select count(*) from txn") == [(posted + posted_late,)]
    debits = sorted((d.serial, d.amount_fen) for d in hall.bank.debits() if d.state == SUCCESS)
    paid = await desk.sql("select payment_id::text, amount_fen from payment where state = 'posted'")
    assert debits == sorted(paid)
    for clerk in clerks:
        unit_id = clerk.caller.unit_id
        found = await desk.sql("select id_number from person where unit_id = %s", unit_id)
        assert {row[0] for row in found} <= clerk.used


class Pulse(threading.Thread):
    """Asks /health all the time, and knows how long the worst answer took."""

    def __init__(self, process: ServerProcess) -> None:
        super().__init__(daemon=True)
        self._context = ssl.create_default_context(cafile=str(process.ca.root_file))
        self._url, self._ended, self.worst_s = process.url, threading.Event(), 0.0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, verify=self._context, timeout=60) as client:
            while not self._ended.wait(0.01):
                began = time.monotonic()
                client.get("/health").raise_for_status()
                self.worst_s = max(self.worst_s, time.monotonic() - began)

    def __enter__(self) -> Pulse:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(60)


async def test_a_hundred_thousand_rows_hold_nobody_up(
    hall: Hall, server_process: ServerProcess
) -> None:
    caller = await hall.enter("大单位")
    people = {row["id_number"]: row for row in map(person, range(MANY))}
    with Pulse(server_process) as pulse:
        check_s = await open_look_and_print(caller, list(people.values()))
    print(f"a check took {check_s:.2f} s, the slowest answer of /health {pulse.worst_s:.2f} s")
    assert pulse.worst_s < check_s / 2, "others wait for the work of one"


async def open_look_and_print(caller: Caller, rows: list[Any]) -> float:
    """Every kind of work that grows with the rows; returns the seconds of the check alone."""
    began = time.monotonic()
    path = "/api/businesses/account_opening/check"
    checked = await caller.call("POST", path, json={"rows": rows})
    check_s = time.monotonic() - began
    assert checked.json()["problems"] == []
    answer = await caller.do("account_opening", rows)
    assert answer.json()["rows"] == len(rows), answer.text
    assert len((await caller.call("GET", "/api/people")).json()["rows"]) == len(rows)
    receipt = f"/api/receipts/{answer.json()['receipt_no']}"
    for _ in range(2):
        printed = await caller.print(answer.json()["receipt_no"])
    marked = await caller.call("GET", f"{receipt}/pdf?print_id={printed['print_id']}")
    assert marked.content.startswith(b"%PDF")
    accounts = await caller.call("GET", "/api/people")
    sealed = [{"account": str(row[0]), "reason": "01"} for row in accounts.json()["rows"]]
    assert (await caller.do("sealing", sealed)).json()["rows"] == len(rows)
    return check_s
