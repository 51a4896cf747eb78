"""One running application for operators of several units: real database, bank and certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from litestar.testing import AsyncTestClient

from server import captcha, demo_ca, passwords
from server.app import create_app
from server.config import Config
from server.db import Pool
from server.outside.bank import HttpBank
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import Pace
from tests.factory import ACCOUNT_NO, open_unit
from tests.server.hall import AUDIENCE, Caller, Hall
from tests.server.office import MONEY_FEN, QUICK, Office
from tests.server.visitor import OPERATOR, Visitor
from tests.server.visitor import QUICK as QUICK_PASSWORDS


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


@pytest.fixture
async def office(pool: Pool, hall_bank: SandboxBank) -> AsyncIterator[Office]:
    """A signed unit with money at the bank, without HTTP between desk and centre."""
    name = "楚雄彩云科技有限公司"
    desk = await open_unit(pool, name)
    hall_bank.clear_faults()
    hall_bank.set_account(Account(ACCOUNT_NO, name, MONEY_FEN))
    hall_bank.sign(f"XY{ACCOUNT_NO}", ACCOUNT_NO)
    ready = hall_bank.ready
    async with HttpBank(ready.url, ready.key, timeout_s=QUICK.bank_timeout_s) as bank:
        yield Office(desk, bank, hall_bank)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the captchas show, which nothing but an eye could read."""
    shown: list[str] = []
    draw = captcha.draw

    def draw_and_tell(answer: str) -> bytes:
        shown.append(answer)
        return draw(answer)

    monkeypatch.setattr(captcha, "draw", draw_and_tell)
    return shown


@pytest.fixture
async def visitor(hall: Hall, answers: list[str], monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """The operator of a unit that is not registered; what is slow on purpose is quick."""
    monkeypatch.setattr(passwords, "HASHER", QUICK_PASSWORDS)
    desk = await open_unit(hall.pool)
    visitor = Visitor(hall.client, hall.pool, desk.unit_id, answers)
    await visitor.enrol(OPERATOR)
    return visitor


@pytest.fixture
async def member(visitor: Visitor) -> Visitor:
    """One whose unit is registered."""
    await visitor.be_registered()
    return visitor
