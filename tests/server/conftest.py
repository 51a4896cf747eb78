"""One running application for operators of several units: real database, bank and certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from litestar.testing import AsyncTestClient

from server import demo_ca
from server.app import create_app
from server.config import Config
from server.db import Pool
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import Pace
from tests.server.hall import AUDIENCE, Caller, Hall


@pytest.fixture(scope="module")
def hall_ca(tmp_path_factory: pytest.TempPathFactory) -> demo_ca.DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def hall_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=1) as running:
        yield running


@pytest.fixture
async def hall(
    pool: Pool, database: str, hall_ca: demo_ca.DemoCa, hall_bank: SandboxBank
) -> AsyncIterator[Hall]:
    """The server in this process, to which operators of any unit can log in."""
    hall_bank.clear_faults()
    config = Config(
        database_url=database, files=hall_ca.folder, host="127.0.0.1", port=0, audience=AUDIENCE,
        public_url=AUDIENCE, bank_url=hall_bank.ready.url, bank_key=hall_bank.ready.key,
        pace=Pace(1.0, (0.2,), 0.5),
    )  # fmt: skip
    async with AsyncTestClient(create_app(config), base_url=AUDIENCE) as client:
        yield Hall(client, hall_ca, hall_bank, pool)


@pytest.fixture
async def caller(hall: Hall) -> Caller:
    """An operator of a signed unit, logged in with a certificate."""
    return await hall.enter("楚雄彩云科技有限公司")
