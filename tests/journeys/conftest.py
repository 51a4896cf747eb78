"""A server in a process of its own, to be killed and started again on the same database."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from server import demo_ca
from server.db import Pool, transaction
from server.enrolment import Operator, bind_certificate
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from tests.factory import ACCOUNT_NO, Desk, open_unit
from tests.server.hall import Caller, Hall

START_LIMIT_S = 30.0
MONEY_FEN = 100_000_000_00
PROJECT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ServerProcess:
    """``python -m server serve``; ``kill`` is a power cut."""

    environment: dict[str, str]
    url: str
    ca: demo_ca.DemoCa
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"], cwd=PROJECT, stdin=subprocess.DEVNULL,
                env=os.environ | self.environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + START_LIMIT_S
        context = ssl.create_default_context(cafile=str(self.ca.root_file))
        while True:
            try:
                httpx.get(f"{self.url}/health", verify=context, timeout=2).raise_for_status()
                return
            except httpx.HTTPError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self.log.read_text()[-2000:]) from None
                time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=7) as running:
        running.set_account(Account(ACCOUNT_NO, "楚雄彩云科技有限公司", MONEY_FEN))
        running.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
        yield running


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await open_unit(pool)


@pytest.fixture
def server_process(database: str, sandbox: SandboxBank, tmp_path: Path) -> Iterator[ServerProcess]:
    ca = demo_ca.make(tmp_path / "ca")
    port = free_port()
    environment = {
        "HPF_DATABASE_URL": database, "HPF_FILES": str(ca.folder), "HPF_PORT": str(port),
        "HPF_BANK_URL": sandbox.ready.url, "HPF_BANK_KEY": sandbox.ready.key.hex(),
        "HPF_BANK_TIMEOUT_S": "2", "HPF_BANK_GRACE_S": "1", "PYTHONPATH": str(PROJECT),
    }  # fmt: skip
    process = ServerProcess(environment, f"https://127.0.0.1:{port}", ca, tmp_path / "server.log")
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def caller(desk: Desk, server_process: ServerProcess) -> AsyncIterator[Caller]:
    """An operator, logged in over real TLS."""
    key = server_process.ca.operator("p256")
    async with transaction(desk.pool) as conn:
        operator = Operator("李经办", "532301198512310024", "13987800001")
        await bind_certificate(conn, desk.unit_id, operator, key.der)
    context = ssl.create_default_context(cafile=str(server_process.ca.root_file))
    async with httpx.AsyncClient(base_url=server_process.url, verify=context, timeout=20) as client:
        caller = Caller(client, server_process.ca, key, desk.unit_id)  # type: ignore[arg-type]
        answer = await caller.log_in()
        assert answer.status_code == 201, answer.text
        yield caller


@pytest.fixture
async def hall(
    pool: Pool, server_process: ServerProcess, sandbox: SandboxBank
) -> AsyncIterator[Hall]:
    """As many operators as wanted, over real TLS to a server in a process of its own."""
    context = ssl.create_default_context(cafile=str(server_process.ca.root_file))
    async with httpx.AsyncClient(
        base_url=server_process.url, verify=context, timeout=120
    ) as client:
        yield Hall(client, server_process.ca, sandbox, pool)  # type: ignore[arg-type]
