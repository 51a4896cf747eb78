"""The simulation itself: some months agree to the fen, and a fen of difference is found."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from server.db import transaction
from server.outside.sandbox_bank.control import SandboxBank
from server.simulation.compare import compare
from server.simulation.hall import open_hall
from server.simulation.life import Difference, Life
from server.simulation.play import FIRST_DAY, Plan, Play, new_database

pytestmark = pytest.mark.slow
NUMBERED = re.compile(r"[0-9]{17,}")  # serials grow with time, not with the seed


def live(database: str, sandbox: SandboxBank, plan: Plan) -> tuple[Life, list[str]]:
    told: list[str] = []

    async def run() -> Life:
        async with open_hall(database, sandbox, FIRST_DAY) as hall:
            return await Play(hall, plan, told.append).run()

    return asyncio.run(run()), told


def test_play_of_four_months_agrees_in_every_figure(database: str, sandbox: SandboxBank) -> None:
    life, told = live(database, sandbox, Plan(seed=11, years=0.33, units=4, largest=20))
    counts = life.counts
    assert counts["days"] > 115
    assert min(counts["businesses"], counts["refusals"], counts["payments"]) > 10
    assert min(counts["faults"], counts["reconciliations"], counts["sent twice"]) > 0
    assert counts["comparisons"] > 300
    assert len(told) >= 4


def test_play_draws_the_same_history_from_the_same_seed(postgres: str, tmp_path: Path) -> None:
    def steps(number: int) -> list[str]:
        (tmp_path / str(number)).mkdir()
        url = new_database(postgres, f"t_play_{number}", "template_hpf")
        with SandboxBank(tmp_path / str(number), seed=1) as sandbox:
            life, _ = live(url, sandbox, Plan(5, 0.1, 2, 5, races=False))
        return [NUMBERED.sub("", step) for step in life.history]

    first = steps(1)
    assert len(first) > 20
    assert steps(2) == first


def test_compare_finds_a_fen_that_is_not_the_models(database: str, sandbox: SandboxBank) -> None:
    async def spoil() -> None:
        async with open_hall(database, sandbox, FIRST_DAY) as hall:
            plan = Plan(seed=5, years=0.2, units=1, largest=6)
            life = await Play(hall, plan, lambda _: None).run()
            somebody = next(it for it in life.centre.people.values() if it.balance)
            somebody.current -= 1
            with pytest.raises(Difference, match=f"people {somebody.id_no}"):
                await compare(life)
            somebody.current += 1
            async with transaction(hall.pool) as conn:
                await conn.execute("set local role none")
                await conn.execute(
                    "update unit set prepayment_fen = prepayment_fen + 1 where unit_id > 0"
                )
            with pytest.raises(Difference, match="units U1"):
                await compare(life)

    asyncio.run(spoil())
