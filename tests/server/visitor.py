"""Somebody at the login page who has no session yet: pictures, codes, passwords."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from typing import Any

from argon2 import PasswordHasher
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server import passwords
from server.db import Pool, transaction
from server.demo_people import id_number
from server.enrolment import Operator, register_operator

USCC = "91532300MA6NTEQT85"  # what the tests' units are opened with
PASSWORD, NEW_PASSWORD = "Zhuan-7-lan-shu", "Hong-9-he-qiao"
QUICK, SLOW = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1), passwords.HASHER
BORN = datetime.date(1988, 3, 7)
OPERATOR = Operator("张经办", id_number("532301", BORN, 101), "13987810001")
COLLEAGUE = Operator("王接任", id_number("532301", BORN, 102), "13987810002")


@dataclass
class Visitor:
    """``answers`` are what the pictures showed, as one who looks at them reads it."""

    client: AsyncTestClient[Litestar]
    pool: Pool
    unit_id: int
    answers: list[str]
    who: Operator = OPERATOR
    cookies: dict[str, str] = field(default_factory=dict)

    def elsewhere(self) -> Visitor:
        """The same operator at another computer."""
        return replace(self, cookies={})

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        self.client.cookies.clear()
        cookies = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = await self.client.request(
            method, path, headers={"Cookie": cookies} if cookies else {},
            json=body if method == "POST" else None,
        )  # fmt: skip
        self.cookies.update(dict(answer.cookies))
        return answer

    async def look(self) -> str:
        """What a fresh picture shows."""
        answer = await self.call("POST", "/auth/captcha", {})
        assert answer.status_code == 201, answer.text
        return self.answers[-1]

    @property
    def facts(self) -> dict[str, str]:
        return {
            "unit": str(self.unit_id), "uscc": USCC, "name": self.who.name,
            "id_number": self.who.id_number, "phone": self.who.phone,
        }  # fmt: skip

    async def log_in(self, password: str = PASSWORD, **changes: str) -> Any:
        captcha = changes.pop("captcha", None) or await self.look()
        body = {"unit": str(self.unit_id), "password": password, "captcha": captcha}
        return await self.call("POST", "/auth/password/login", body | changes)

    async def ask_code(self, purpose: str = "register", **changes: str) -> Any:
        body = self.facts | {"purpose": purpose, "captcha": await self.look()}
        return await self.call("POST", "/auth/password/code", body | changes)

    async def read_code(self) -> str:
        """The last message on the operator's phone; empty when there is none."""
        rows = await self.sql(
            "select params->>'code' from sms_outbox where phone = %s"
            " order by created_at desc limit 1",
            self.who.phone,
        )
        return str(rows[0][0]) if rows else ""

    async def register(self, code: str, password: str = PASSWORD, **changes: str) -> Any:
        body = self.facts | {"code": code, "password": password}
        return await self.call("POST", "/auth/password/register", body | changes)

    async def reset(self, code: str, password: str = NEW_PASSWORD, **changes: str) -> Any:
        body = self.facts | {"code": code, "password": password}
        return await self.call("POST", "/auth/password/reset", body | changes)

    async def be_registered(self) -> None:
        assert (await self.ask_code()).status_code == 200
        answer = await self.register(await self.read_code())
        assert answer.status_code == 204, answer.text

    async def pass_minute(self) -> None:
        """As if all that was asked for had been a minute earlier."""
        await self.sql("update sms_code set asked_at = asked_at - interval '61 s'")

    async def is_in(self) -> bool:
        return bool((await self.call("GET", "/auth/session")).status_code == 200)

    async def sql(self, statement: Any, *values: Any) -> list[Any]:
        async with transaction(self.pool) as conn:
            found = await conn.execute(statement, values)
            return await found.fetchall() if found.description else []

    async def audited(self, action: str) -> list[str]:
        rows = await self.sql("select outcome from audit where action = %s order by at", action)
        return [row[0] for row in rows]

    async def enrol(self, operator: Operator) -> int:
        async with transaction(self.pool) as conn:
            return await register_operator(conn, self.unit_id, operator)
