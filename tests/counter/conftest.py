"""The counter with its staff, over HTTP and on the command line; real database, real bank."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server import demo_ca, passwords, units
from server.app import create_app
from server.config import Config
from server.db import Pool, transaction
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import Pace
from tests.counter.doors import QUICK, Api, CommandLine, Door, hire_all
from tests.factory import ACCOUNT_NO, DAY
from tests.server.hall import AUDIENCE

MONEY_FEN = 10_000_000_00
QUICK_PACE = Pace(bank_timeout_s=2.0, backoff_s=(0.2,), not_found_grace_s=0.5)


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> demo_ca.DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def counter_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=1) as running:
        yield running


@pytest.fixture
def bank(counter_bank: SandboxBank) -> SandboxBank:
    """In a process of its own; the unit of ``factory.open_unit`` has money there."""
    counter_bank.clear_faults()
    counter_bank.set_account(Account(ACCOUNT_NO, "楚雄彩云科技有限公司", MONEY_FEN))
    counter_bank.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
    return counter_bank


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow on purpose has a test of its own."""
    monkeypatch.setattr(passwords, "HASHER", QUICK)


@pytest.fixture
async def counter_pool(pool: Pool) -> Pool:
    """A database with its centre and one person of each role."""
    async with transaction(pool) as conn:
        await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)
        await hire_all(conn)
    return pool


@pytest.fixture
async def client(
    counter_pool: Pool, database: str, ca: demo_ca.DemoCa, bank: SandboxBank
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    config = Config(
        database_url=database, files=ca.folder, host="127.0.0.1", port=0, audience=AUDIENCE,
        public_url=AUDIENCE, bank_url=bank.ready.url, bank_key=bank.ready.key,
        pace=QUICK_PACE,
    )  # fmt: skip
    async with AsyncTestClient(create_app(config), base_url=AUDIENCE) as client:
        yield client


@pytest.fixture
async def api(client: AsyncTestClient[Litestar], counter_pool: Pool) -> Api:
    return Api(counter_pool, client)


@pytest.fixture(params=["api", "command line"])
async def door(
    request: pytest.FixtureRequest,
    client: AsyncTestClient[Litestar],
    counter_pool: Pool,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Door:
    """The two ways to the same actions."""
    if request.param == "api":
        return Api(counter_pool, client)
    monkeypatch.setenv("HPF_DATABASE_URL", database)
    return CommandLine(counter_pool)
