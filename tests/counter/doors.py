"""The staff's two ways to the counter: routes over ASGI, and the command line."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from argon2 import PasswordHasher
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.__main__ import main
from server.business.kinds import Kind
from server.counter import staff
from server.counter.actions import ACTIONS
from server.counter.staff import Role
from server.db import Connection, Pool, new_id, transaction

PASSWORD = "Rain-over-7-hills"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # HASHER is slow by design.
HASH = QUICK.hash(PASSWORD)
NAMES = {role: f"{role.value}1" for role in Role}


async def hire(conn: Connection, name: str, role: Role) -> None:
    """With a password of their own already."""
    await conn.execute(
        "insert into staff (staff_id, name, shown, role, password_hash, must_change)"
        " values (%s, %s, %s, %s, %s, false)",
        (new_id(), name, f"{staff.ROLES[role]}{name[-1]}", role.value, HASH),
    )


async def hire_all(conn: Connection) -> None:
    for role, name in NAMES.items():
        await hire(conn, name, role)


@dataclass(frozen=True)
class Reply:
    """What came back: an outcome, or the codes of a refusal with the fields they stand at."""

    state: str = ""
    number: str = ""
    rows: list[dict[str, str]] = field(default_factory=list)
    refusal: str = ""
    text: str = ""

    @property
    def row(self) -> dict[str, str]:
        (only,) = self.rows
        return only


class Door(Protocol):
    pool: Pool

    async def do(
        self, name: str, code: str, /, _key: str = "", _password: str = PASSWORD, **texts: str
    ) -> Reply: ...


async def sql(door: Door, statement: str, *values: Any) -> list[Any]:
    async with transaction(door.pool) as conn:
        cursor = await conn.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


@dataclass
class Api:
    """Each person has a session of their own."""

    pool: Pool
    client: AsyncTestClient[Litestar]
    cookies: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, name: str = "", **arguments: Any) -> Any:
        self.client.cookies.clear()
        headers = arguments.pop("headers", {})
        if token := self.cookies.get(name):
            headers = headers | {"Cookie": f"__Host-counter={token}"}
        answer = await self.client.request(method, path, headers=headers, **arguments)
        if "__Host-counter" in answer.cookies:
            self.cookies[name] = answer.cookies["__Host-counter"]
        return answer

    async def log_in(self, name: str, password: str = PASSWORD) -> Any:
        body = {"name": name, "password": password}
        return await self.call("POST", "/counter/login", name, json=body)

    async def send(self, name: str, code: str, key: str, texts: Mapping[str, str]) -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        path = f"/counter/actions/{code}"
        return await self.call("POST", path, name, json=dict(texts), headers=headers)

    async def do(
        self, name: str, code: str, /, _key: str = "", _password: str = PASSWORD, **texts: str
    ) -> Reply:
        if name not in self.cookies:
            entered = await self.log_in(name, _password)
            if entered.status_code != 200:
                return Reply(refusal=entered.json()["code"], text=entered.text)
        answer = await self.send(name, code, _key, texts)
        told = answer.json()
        if answer.status_code == 200:
            return Reply(told["state"], told["number"], told["rows"])
        codes = {p["code"] for p in told["problems"]} or {told["code"]}
        if told["code"] == "N01":
            del self.cookies[name]
        return Reply(refusal=" ".join(sorted(codes)), text=answer.text)


@dataclass
class CommandLine:
    pool: Pool

    async def do(
        self, name: str, code: str, /, _key: str = "", _password: str = PASSWORD, **texts: str
    ) -> Reply:
        return await asyncio.to_thread(_type, name, code, _key, _password, texts)


def _type(name: str, code: str, key: str, password: str, texts: Mapping[str, str]) -> Reply:
    """As typed into a terminal; the third party there is the terminal's own password prompt."""
    kinds: dict[str, Kind] = next(
        {f.key: f.kind for f in a.fields} for a in ACTIONS if a.code == code
    )
    words = ["server", "counter", "--staff", name, "--json", *(["--key", key] if key else []), code]
    prompts = iter([text for k, text in texts.items() if kinds[k].editor == "password"])
    with contextlib.ExitStack() as stack:
        for k, text in texts.items():
            if kinds[k].editor != "password":
                given = stack.enter_context(_file(text)) if kinds[k].editor == "file" else text
                words.append(f"--{k.replace('_', '-')}={given}")
        stack.enter_context(patch.dict(os.environ, {"HPF_STAFF_PASSWORD": password}))
        stack.enter_context(patch.object(sys, "argv", words))
        stack.enter_context(patch("getpass.getpass", lambda prompt: next(prompts)))
        out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        errors = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        status = main()
    if status == 0:
        told = json.loads(out.getvalue())
        return Reply(told["state"], told["number"], told["rows"])
    found = sorted({line.split()[0] for line in errors.getvalue().splitlines()})
    return Reply(refusal=" ".join(found), text=errors.getvalue())


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "certificate.pem"
        file.write_text(text, encoding="ascii")
        yield str(file)
