"""Short histories that Hypothesis draws, against the model; it shrinks the one that differs."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from server.outside.sandbox_bank.control import SandboxBank
from server.simulation.compare import compare
from server.simulation.hall import open_hall
from server.simulation.play import Plan, Play, new_database

pytestmark = pytest.mark.slow
Step = Callable[[Play, str], Awaitable[object]]
BEGINS = datetime.date(2024, 5, 29)  # not far from a settlement
UNITS = 2


def drawn(draw: str) -> Step:
    """Submits what ``Draws`` draws under this name, if it finds something."""

    async def step(play: Play, key: str) -> None:
        if move := getattr(play.draws, draw)(key):
            await play.life.do(move)

    return step


async def correct(play: Play, key: str) -> None:
    if row := play.draws.correction(key):
        await play.life.correct(key, row)


async def reverse(play: Play, key: str) -> None:
    if number := play.draws.business(key):
        await play.life.reverse(number)


async def defer(play: Play, key: str) -> None:
    first = play.draws.month(play.draws.unit(key).paid_through + 1, play.life.centre.month + 1)
    await play.life.defer(key, first, first + play.dice.randint(0, 3))


async def claim(play: Play, key: str) -> None:
    known = [*play.life.centre.suspense, *sorted(play.life.centre.claimed), "SR0"]
    await play.life.claim(play.dice.choice(known), key)


async def next_month(play: Play, key: str) -> None:
    """The last day of the month, whatever is in between left out; then its end."""
    month = play.life.centre.month + 1
    await play.life.skip_to(datetime.date(month // 12, month % 12 + 1, 1) - datetime.timedelta(1))
    if play.may_accrue():
        await play.life.accrue(play.life.centre.month)
    await play.life.end_day()


async def settle(play: Play, key: str) -> None:
    if play.is_settlement_due():
        await play.life.settle(play.life.centre.day.year)


STEPS: dict[str, Step] = {
    "open": drawn("opening"),
    "seal": drawn("sealing"),
    "unseal": drawn("unsealing"),
    "change bases": drawn("base_change"),
    "change ratios": drawn("ratio_change"),
    "prepay": drawn("prepayment"),
    "remit": drawn("remittance"),
    "back pay": drawn("back_payment"),
    "cheque": lambda play, key: play.cheque(key, play.dice.randint(0, 2_000_00)),
    "claim": claim,
    "correct": correct,
    "reverse": reverse,
    "defer": defer,
    "end deferral": lambda play, key: play.life.end_deferral(key, None),
    "sign": lambda play, key: play.life.sign(key),
    "cancel": lambda play, key: play.life.cancel(key),
    "receive": lambda play, key: play.life.receive(play.dice.randint(1, 9_000_00), is_told=True),
    "at once": lambda play, key: play.race(),
    "ask again": lambda play, key: play.life.ask_again(),
    "parameters": lambda play, key: play.parameters(),
    "tomorrow": lambda play, key: play.life.end_day(),
    "next month": next_month,
    "settle": settle,
}  # fmt: skip


async def live(url: str, sandbox: SandboxBank, dice: random.Random, steps: Sequence[str]) -> None:
    async with open_hall(url, sandbox, BEGINS) as hall:
        play = Play(hall, Plan(seed=0, units=UNITS), lambda _: None, BEGINS, dice)
        for _ in range(UNITS):
            await play.open(2)
        for step in steps:
            await STEPS[step](play, dice.choice(list(play.habits)))
        await compare(play.life, to_the_last_line=True)


def test_short_histories_come_to_the_same_in_model_and_server(
    postgres: str, sandbox: SandboxBank
) -> None:
    @settings(
        max_examples=15, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(
        st.lists(st.sampled_from(sorted(STEPS)), min_size=6, max_size=30),
        st.randoms(use_true_random=False),
    )
    def check(steps: list[str], dice: random.Random) -> None:
        sandbox.clear_faults()
        url = new_database(postgres, "t_histories", "template_hpf")
        asyncio.run(live(url, sandbox, dice, steps))

    check()
