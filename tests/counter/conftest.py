"""The counter with its staff, over HTTP and on the command line, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server import demo_ca, units
from server.app import create_app
from server.config import Config
from server.counter import staff
from server.db import Pool, transaction
from tests.counter.doors import QUICK, Api, CommandLine, Door, hire_all
from tests.factory import DAY
from tests.server.hall import AUDIENCE

NO_BANK = "http://127.0.0.1:9"  # Nobody listens there: the counter does not ask the bank.


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> demo_ca.DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow on purpose has a test of its own."""
    monkeypatch.setattr(staff, "HASHER", QUICK)


@pytest.fixture
async def counter_pool(pool: Pool) -> Pool:
    """A database with its centre and one person of each role."""
    async with transaction(pool) as conn:
        await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)
        await hire_all(conn)
    return pool


@pytest.fixture
async def client(
    counter_pool: Pool, database: str, ca: demo_ca.DemoCa
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    config = Config(
        database_url=database, files=ca.folder, host="127.0.0.1", port=0, audience=AUDIENCE,
        public_url=AUDIENCE, bank_url=NO_BANK, bank_key=bytes(32),
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
