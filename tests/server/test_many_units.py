"""Sixteen operators of different units submit and query at once, through the whole application."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from server.business.queries import QUERIES
from server.business.query import PARENT
from server.demo_people import person
from tests.asked import SAMPLES
from tests.factory import NEXT_MONTH
from tests.server.hall import Caller, Hall, assert_books_agree

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
OPERATORS, ROUNDS, PEOPLE = 16, 2, 6
LIMIT_S = 120.0


class Clerk:
    """Knows whom the unit has, and takes offence at anybody else."""

    def __init__(self, caller: Caller, number: int) -> None:
        self.caller, self.number = caller, number
        self.names, self.accounts = {f"第{number}单位"}, set[int]()
        self.keys: dict[str, str] = {}  # by query, the first row's: what its drill-down is given
        self.seen: Counter[str] = Counter()

    async def work(self) -> None:
        for turn in range(ROUNDS):
            first = self.number * 1000 + turn * PEOPLE
            month = str(NEXT_MONTH.plus(turn))
            new = [person(n) | {"month": month} for n in range(first, first + PEOPLE)]
            self.names |= {row["name"] for row in new}
            await self.do("account_opening", new)
            self.accounts = set()  # Some are new.
            roster = await self.ask("roster")
            self.accounts = {row["account"] for row in roster}
            await asyncio.gather(self.change(roster, month), *(self.ask(q.code) for q in QUERIES))

    async def change(self, roster: list[Any], month: str) -> None:
        one = str(roster[0]["account"])
        status = roster[0]["status"]
        if status == "01":
            await self.do("sealing", [{"account": one, "reason": "01"}])
        else:
            await self.do("unsealing", [{"account": one}])
        await self.do("remittance", [], {"until": month, "method": "prepayment"})

    async def do(self, code: str, rows: list[Any], head: dict[str, str] | None = None) -> None:
        answer = await self.caller.do(code, rows, head)
        assert answer.status_code in (200, 422), answer.text
        self.seen[f"{code} {answer.status_code}"] += 1

    async def ask(self, code: str) -> list[Any]:
        """Every page of a query, by its own order and by its last column."""
        query = next(q for q in QUERIES if q.code == code)
        needed = [f.field for f in query.filters if f.field.required]
        params = {f.key: f.kind.show(SAMPLES[type(f.kind)]) for f in needed if f.key != PARENT}
        if any(f.key == PARENT for f in needed):
            opener = next(q.code for q in QUERIES if q.drill == code)
            if opener not in self.keys:
                return []
            params[PARENT] = self.keys[opener]
        found: list[Any] = []
        for sort in ("", f"-{query.sortable[-1].key}"):
            found = await self.pages(code, params | ({"sort": sort} if sort else {}))
        return found

    async def pages(self, code: str, params: dict[str, str]) -> list[Any]:
        found: list[Any] = []
        after: dict[str, str] = {}
        while True:
            path = f"/api/queries/{code}"
            answer = await self.caller.call("GET", path, params=params | after | {"limit": "5"})
            assert answer.status_code == 200, (code, answer.text)
            page = answer.json()
            self.check(page["rows"])
            found += page["rows"]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        if found:
            self.keys[code] = found[0]["_key"]
            self.seen[code] += 1
        return found

    def check(self, rows: list[Any]) -> None:
        for row in rows:
            assert row.get("name") is None or row["name"] in self.names
            assert not self.accounts or row.get("account") in (None, *self.accounts)
            assert row.get("unit_id") in (None, self.caller.unit_id)


async def test_nobody_sees_anothers_row_nothing_locks_up_and_nothing_breaks(hall: Hall) -> None:
    clerks = [Clerk(await hall.enter(f"第{n}单位"), n) for n in range(OPERATORS)]
    for number, desk in enumerate(hall.desks.values()):
        await desk.enter_cheque("900000.00", f"3010{number:04d}")
    await asyncio.wait_for(asyncio.gather(*(clerk.work() for clerk in clerks)), LIMIT_S)
    seen = sum((clerk.seen for clerk in clerks), Counter[str]())
    for code in ("roster", "payments", "payment_persons", "seal_changes", "receipts"):
        assert seen[code] >= OPERATORS, seen
    for code in ("account_opening", "remittance"):
        assert seen[f"{code} 200"] == OPERATORS * ROUNDS, seen
    assert seen["sealing 200"] + seen["unsealing 200"] == OPERATORS * ROUNDS, seen
    await assert_books_agree(hall)
