"""Operators of many units who pay all the time, and a power that fails in the middle of it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from server.business.month import Month
from server.demo_people import person
from server.outside.sandbox_bank.control import SandboxBank
from server.postgres import EmbeddedPostgres
from tests.factory import Desk
from tests.journeys.conftest import ServerProcess
from tests.server.hall import Caller

BEFORE = Month.of(2020, 12)  # paid through; a month after the other can be remitted
DUE_FEN = 2400_00  # of two people with a base of 5000
REVERSED = 0.2  # of what is paid
ANSWER_LIMIT_S = 120.0
# One part alone, or several at once; always started again in this order.
PARTS = ("postgres", "bank", "server")
CUTS = (("server",), ("bank",), ("postgres",), ("postgres", "server"), PARTS)


@dataclass
class Clerk:
    """Pays at random, and knows to the fen what must have come of it: nobody else is there."""

    caller: Caller
    desk: Desk
    dice: random.Random
    account: str = ""
    last: str = ""  # the serial of what was posted last
    bank_fen: int = 0
    prepaid_fen: int = 0
    members_fen: int = 0
    paid_through: Month = BEFORE
    done: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    async def open(self, number: int) -> None:
        first = str(BEFORE.plus(1))
        rows = [person(number * 2 + n) | {"base": "5000.00", "month": first} for n in range(2)]
        answer = await self.caller.do("account_opening", rows)
        assert answer.json()["state"] == "posted", answer.text
        roster = (await self.caller.call("GET", "/api/queries/roster")).json()["rows"]
        self.account = str(roster[0]["account"])

    async def work(self, until: float) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            before = (self.bank_fen, self.prepaid_fen, self.members_fen, self.paid_through)
            done = await self.dice.choice((self.prepay, self.prepay, self.remit, self.make_up))()
            if done == "posted" and self.dice.random() < REVERSED:
                await self.take_back()
                self.bank_fen, self.prepaid_fen, self.members_fen, self.paid_through = before
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    async def prepay(self) -> str:
        fen = self.dice.randrange(1, 3000_00)
        done = await self.pay("prepayment", [], {"amount": f"{fen / 100:.2f}"}, True)
        if done == "posted":
            self.bank_fen += fen
            self.prepaid_fen += fen
        return done

    async def remit(self) -> str:
        until = self.paid_through.plus(1)
        head = {"until": str(until), "method": self.dice.choice(("settle", "prepayment", "mixed"))}
        done = await self.pay("remittance", [], head, self.may(head, DUE_FEN))
        if done == "posted":
            self.credit(head, DUE_FEN)
            self.paid_through = until
        return done

    async def make_up(self) -> str:
        fen, month = self.dice.randrange(1, 99) * 100, str(BEFORE)
        row = {"account": self.account, "monthly": f"{fen // 100}", "start": month, "end": month}
        head = {"kind": "3", "method": self.dice.choice(("settle", "prepayment", "mixed"))}
        done = await self.pay("back_payment", [row], head, self.may(head, fen))
        if done == "posted":
            self.credit(head, fen)
        return done

    async def take_back(self) -> None:
        """冲正 at the counter, asked for with one key until it is done. What the bank collected it
        pays back in its own time."""
        idem = str(uuid.uuid4())
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while True:
                try:
                    await self.desk.reverse(int(self.last), idem)
                except (psycopg.Error, PoolTimeout):
                    await asyncio.sleep(0.1)
                    continue
                self.done["reversed"] += 1
                return

    def may(self, head: dict[str, str], fen: int) -> bool:
        return head["method"] != "prepayment" or fen <= self.prepaid_fen

    def credit(self, head: dict[str, str], fen: int) -> None:
        held_fen = {"settle": 0, "prepayment": fen, "mixed": min(fen, self.prepaid_fen)}
        self.prepaid_fen -= held_fen[head["method"]]
        self.bank_fen += fen - held_fen[head["method"]]
        self.members_fen += fen

    async def pay(self, code: str, rows: list[Any], head: dict[str, str], may: bool) -> str:
        """Presses 提交 with one key until there is an end to it."""
        idem, path = str(uuid.uuid4()), f"/api/businesses/{code}/batches"
        saved = (await self.answer("POST", path, json={"head": head, "rows": rows})).json()
        body = {
            "version": saved["version"],
            "approval": self.caller.approval(code, idem, rows, head),
        }
        path = f"{path}/{saved['batch_id']}/submit"
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while True:
                answer = await self.answer(
                    "POST", path, json=body, headers={"Idempotency-Key": idem}
                )
                state = str(answer.json().get("state", "refused"))
                assert (state != "refused") == may, answer.text
                if state != "paying":
                    self.done[state] += 1
                    self.last = str(answer.json().get("serial", ""))
                    return state
                await asyncio.sleep(0.2)

    async def answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The server's, as soon as it is there again."""
        while True:
            try:
                answer = await self.caller.call(method, path, **arguments)
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 500:
                assert answer.status_code in (200, 201, 422), answer.text
                return answer  # type: ignore[no-any-return]
            await asyncio.sleep(0.1)


@dataclass
class Power:
    """Fails now and then: what hangs on it ends without a word, and is started again."""

    postgres: EmbeddedPostgres
    bank: SandboxBank
    server: ServerProcess
    dice: random.Random
    cuts: Counter[str] = field(default_factory=Counter)

    async def fail(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self.dice.uniform(2.0, 6.0))
            parts = self.dice.choice(CUTS)
            for part in parts:
                self._kill(part)
            await asyncio.sleep(self.dice.uniform(0, 0.5))
            for part in parts:
                await asyncio.to_thread(self._start, part)
            self.cuts["+".join(parts)] += 1

    def _kill(self, part: str) -> None:
        if part == "postgres":
            lines = (self.postgres.root / "data" / "postmaster.pid").read_text().split()
            os.kill(int(lines[0]), signal.SIGKILL)
        else:
            (self.bank if part == "bank" else self.server).kill()

    def _start(self, part: str) -> None:
        if part == "postgres":
            self.postgres.stop()
            self.postgres.start()
        else:
            (self.bank if part == "bank" else self.server).start()
