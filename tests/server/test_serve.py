"""The real server over HTTPS: whose address it believes, what it logs, who can make it wait."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from server.config import Config
from server.db import Pool, transaction
from server.demo_ca import DemoCa
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import Pace
from server.serve import server
from tests.factory import open_unit
from tests.server.visitor import OPERATOR, PASSWORD, USCC

pytestmark = pytest.mark.anyio
SLOW_CLIENTS = 150


@pytest.fixture
async def site(
    pool: Pool, database: str, hall_ca: DemoCa, hall_bank: SandboxBank
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it that checks its certificate."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    config = Config(
        database_url=database, files=hall_ca.folder, host="127.0.0.1", port=port, audience=url,
        public_url=url, bank_url=hall_bank.ready.url, bank_key=hall_bank.ready.key,
        pace=Pace(1.0, (0.2,), 0.5),
    )  # fmt: skip
    running = server(config)
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(30):
        while not running.started:
            await asyncio.sleep(0.05)
    try:
        verify = ssl.create_default_context(cafile=str(hall_ca.root_file))
        async with httpx.AsyncClient(base_url=url, verify=verify, timeout=20) as client:
            yield client
    finally:
        running.should_exit = True
        await task


async def test_address_that_a_client_claims_is_not_believed(
    site: httpx.AsyncClient, pool: Pool
) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    body = {"unit": "530100000993", "password": PASSWORD, "captcha": "3467"}
    await site.post("/auth/password/login", json=body, headers=claims)
    await site.post("/auth/captcha", headers=claims)
    async with transaction(pool) as conn:
        found = await conn.execute("select address from audit union select address from captcha")
        assert await found.fetchall() == [("127.0.0.1",)]


async def test_nothing_private_is_logged_of_what_is_refused_broken_or_asked_in_an_address(
    site: httpx.AsyncClient, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    unit_id = (await open_unit(pool)).unit_id
    caplog.set_level(logging.INFO)
    facts = {"unit": str(unit_id), "uscc": USCC, "name": OPERATOR.name,
             "id_number": OPERATOR.id_number, "phone": OPERATOR.phone}  # fmt: skip
    typed = facts | {"code": "918273", "password": PASSWORD}
    await site.post("/auth/password/register", json=typed)
    await site.post("/auth/password/login", json={"unit": str(unit_id), "password": PASSWORD})
    await site.get("/api/queries/roster", params={"name": OPERATOR.name})
    await site.get(f"/v/{OPERATOR.id_number}", params={"tail": OPERATOR.phone[-4:]})
    async with transaction(pool) as conn:
        await conn.execute("set local role none")
        await conn.execute("drop table sms_code cascade")
    broken = await site.post("/auth/password/register", json=typed)
    assert broken.json()["code"] == "N05"
    # It would name who was looked for; nothing hears it but pytest, which listens to all.
    assert not logging.getLogger("uvicorn.access").propagate
    logged = "\n".join(
        logging.Formatter("%(message)s").format(record)
        for record in caplog.records
        if record.name.split(".")[0] not in ("httpx", "httpcore", "asyncio")
        and record.name != "uvicorn.access"
    )
    assert "UndefinedTable" in logged, "the failure itself was logged"
    private = (PASSWORD, "918273", OPERATOR.name, OPERATOR.id_number, OPERATOR.phone, USCC)
    assert [secret for secret in private if secret in logged + broken.text] == []


async def test_clients_that_never_end_their_requests_keep_nobody_waiting(
    site: httpx.AsyncClient, hall_ca: DemoCa
) -> None:
    """Half of them stop within the headers, half within the body: none holds a connection of the
    pool."""
    context = ssl.create_default_context(cafile=str(hall_ca.root_file))
    port = site.base_url.port
    head = "POST /auth/password/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60\r\n"
    opened = []
    try:
        for nth in range(SLOW_CLIENTS):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            opened.append(writer)
            writer.write((head + ('\r\n{"unit":' if nth % 2 else "")).encode())
            await writer.drain()
        began = time.monotonic()
        for _ in range(5):
            assert (await site.get("/health")).status_code == 200
        assert time.monotonic() - began < 5
    finally:
        for writer in opened:
            writer.transport.abort()
