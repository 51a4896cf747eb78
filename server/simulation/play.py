"""Years of a centre, day by day: ``python -m server simulate`` (people's habits, the calendar)."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from server.business.identity import USCC_LETTERS, uscc_is_valid
from server.migrate import migrate
from server.outside.sandbox_bank.control import SandboxBank
from server.postgres import EmbeddedPostgres
from server.simulation import moves
from server.simulation.compare import compare
from server.simulation.draws import Draws
from server.simulation.hall import Hall, open_hall
from server.simulation.life import ONE_DAY, Difference, Life
from server.simulation.model.amounts import EACH_YUAN
from server.simulation.model.interest import METHODS, Listed, Terms, year_of
from server.simulation.model.payments import PREPAID, SETTLED
from server.simulation.model.state import DEFERRED, Centre
from server.simulation.moves import Move, yuan

COUNTIES = ("532301", "532322", "532331")
FIRST_DAY = datetime.date(2023, 9, 1)
LIMITS = (2_020_00, 25_737_00)
RATE = Listed(datetime.date(2016, 2, 21), Fraction(15, 1000), Fraction(15, 1000))
PAYMENT_LIMIT_FEN = 100_000_000_00
BUSY = 12  # times as much on one day
SETTLEMENT_BY = 12  # of July
ASKED_DAYS_MAX = 15  # how long the last debits may take to end
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    seed: int
    years: float = 3.0
    units: int = 12
    largest: int = 250  # people of the largest unit
    races: bool = True  # two submissions at once: who comes first is not the seed's to say

    @property
    def last_day(self) -> datetime.date:
        return FIRST_DAY + datetime.timedelta(days=round(self.years * 365.25))


@dataclass(frozen=True)
class Habits:
    """How a unit goes about things."""

    pay_day: int
    is_fiscal: bool  # pays by cheque through its prepayment
    prepays: bool


def new_centre(day: datetime.date) -> Centre:
    centre = Centre(day, payment_limit=PAYMENT_LIMIT_FEN)
    centre.limits = {county: [(datetime.date.min, *LIMITS)] for county in COUNTIES}
    centre.roundings = [(datetime.date.min, EACH_YUAN)]
    centre.rates = [RATE]
    centre.terms = [(datetime.date.min, Terms())]
    return centre


def credit_codes() -> Iterator[str]:
    """Unified social credit codes with right check digits, one after the other."""
    number = 0
    while True:
        number += 1
        body = f"91532300{number:08d}"
        for ninth in "0123456789X":
            for last in USCC_LETTERS:
                if uscc_is_valid(body + ninth + last):
                    yield body + ninth + last


class Play:
    """One seed's years."""

    def __init__(
        self,
        hall: Hall,
        plan: Plan,
        tell: Tell,
        first_day: datetime.date = FIRST_DAY,
        dice: random.Random | None = None,
    ) -> None:
        self.plan, self.tell, self.first_day = plan, tell, first_day
        self.dice = dice or random.Random(plan.seed)  # noqa: S311 - chance, not secrecy
        self.life = Life(new_centre(first_day), hall, self.dice)
        self.draws = Draws(self.life)
        self.habits: dict[str, Habits] = {}
        self.codes = credit_codes()
        self.cheques = 0

    async def run(self) -> Life:
        """All of the plan; whatever the server fails with comes with the steps that led there."""
        try:
            return await self._run()
        except Difference:
            raise
        except Exception as error:
            raise self.life.differ(f"it failed with {error!r}") from error

    async def _run(self) -> Life:
        began = time.monotonic()
        await self.life.reconcile()  # Each day from the first one on will be fetched.
        for size in self._sizes():
            await self.open(size)
        while self.life.centre.day < self.plan.last_day:
            month = self.life.centre.month
            await self._day()
            if self.life.centre.month != month:
                await compare(self.life)
                self._report(began)
        await self._end()
        self._report(began)
        return self.life

    def _sizes(self) -> list[int]:
        """Many small units and one large one, as employers are."""
        drawn = [int(3 * self.dice.paretovariate(1.0)) for _ in range(self.plan.units - 1)]
        return [self.plan.largest, *(min(size, self.plan.largest) for size in drawn)]

    def _report(self, began: float) -> None:
        counts = self.life.counts
        self.tell(
            f"{self.life.centre.day} seed {self.plan.seed}: {counts['businesses']} businesses,"
            f" {counts['refusals']} refused, {counts['payments']} payments, {counts['faults']} "
            f"faults, {counts['comparisons']} figures agree, {time.monotonic() - began:.0f} s"
        )

    async def open(self, size: int) -> None:
        key = f"U{len(self.habits) + 1}"
        self.habits[key] = Habits(
            self.dice.randint(1, 25), self.life.chance(0.25), self.life.chance(0.3)
        )
        first_month = self.life.centre.month + self.dice.choice([-2, -1, 0, 0, 1])
        ratios = self.dice.choice([(1200, 1200), (500, 500), (1000, 700), (800, 800), (1200, 500)])
        await self.life.open_unit(
            key, self.dice.choice(COUNTIES), ratios, first_month, next(self.codes)
        )
        if not self.habits[key].is_fiscal:
            await self.life.sign(key)
        (people,) = self.draws.first_people(key, count=size)
        assert await self.life.do(people), "nothing is wrong with them"

    # --- A day ---

    async def _day(self) -> None:
        if self.life.centre.day.weekday() < 5:
            for key in self.habits:
                await self._unit(key)
            await self._centre()
        if self.life.waiting and self.life.chance(0.8):
            await self.life.ask_again()
        tomorrow = self.life.centre.day + ONE_DAY
        if tomorrow.day == 1 and self.may_accrue() and self.life.chance(0.8):
            await self.life.accrue(self.life.centre.month)
        await self.life.end_day()
        if tomorrow.weekday() == 0 or tomorrow.day == 1:
            await self.life.reconcile()
        await self._interest()
        if self.life.centre.day.day == 1:
            await self.parameters()

    async def _unit(self, key: str) -> None:
        unit = self.life.centre.units[key]
        before = len(self.life.centre.businesses)
        if unit.status == DEFERRED:
            if self.life.chance(0.03):
                last = unit.deferrals[-1].last
                early = self.life.chance(0.4)
                await self.life.end_deferral(key, last - 1 if early else None)
        elif unit.paid_through < self.life.centre.month and self._is_pay_time(key):
            await self._pay(key)
        is_busy = self.life.chance(0.04)
        for move in self._submissions(key, BUSY if is_busy else 1):
            await self.life.do(move)
        await self._at_the_counter(key, BUSY if is_busy else 1)
        if len(self.life.centre.businesses) > before:
            await self._reversals(key, is_busy)

    async def _reversals(self, key: str, is_busy: bool) -> None:
        """On a busy day there is something that later business stands on."""
        for _ in range(3 if is_busy else 1):
            if self.life.chance(0.5 if is_busy else 0.05) and (it := self.draws.business(key)):
                await self.life.reverse(it)

    def _is_pay_time(self, key: str) -> bool:
        day, pay_day = self.life.centre.day.day, self.habits[key].pay_day
        return day >= pay_day and self.life.chance(0.4 if day < pay_day + 7 else 0.05)

    async def _pay(self, key: str) -> None:
        """The manual's three situations: one payment, a fiscal unit's cheque, parts prepaid."""
        habits, unit = self.habits[key], self.life.centre.units[key]
        if not self.draws.needs(key) and not self.draws.is_wrong():
            return
        if not unit.signed and self.draws.needs(key) > unit.available and self.life.chance(0.9):
            await self.cheque(key, self.draws.missing(key))
        elif habits.prepays and unit.signed and self.life.chance(0.5):
            await self.life.do(self.draws.prepayment(key))
        await self.life.do(self.draws.remittance(key))

    def _submissions(self, key: str, times: int) -> Iterator[Move]:
        chances: list[tuple[float, Callable[[str], Move | None]]] = [
            (0.04, self.draws.opening),
            (0.035, self.draws.sealing),
            (0.03, self.draws.unsealing),
            (0.03, self.draws.back_payment),
            (0.04, self.draws.transfer),
            (0.02, self.draws.base_change),
            (0.006, self.draws.ratio_change),
            (0.01, self.draws.prepayment),
            (0.01, self.draws.remittance),
        ]
        for chance, draw in chances:
            if self.life.chance(chance * times) and (move := draw(key)):
                yield move

    async def _at_the_counter(self, key: str, times: int) -> None:
        unit = self.life.centre.units[key]
        if self.life.chance(0.01 * times) and (row := self.draws.correction(key)):
            await self.life.correct(key, row)
        if self.life.chance(0.008 * times):
            await self.cheque(key, self.dice.choice([0, self.dice.randrange(1_00, 9_000_00)]))
        if self.life.chance(0.004):
            await (self.life.cancel(key) if self.life.chance(0.3) else self.life.sign(key))
        if self.life.chance(0.003):
            first = self.draws.month(unit.paid_through + 1, self.life.centre.month + 1)
            length = self.dice.choice([0, 1, 2, 3, 12, 13])
            await self.life.defer(key, first, first + length - 1)
        if self.life.chance(0.002):
            await self.life.end_deferral(key, None)

    async def cheque(self, key: str, amount: int) -> None:
        self.cheques += 1
        await self.life.cheque(key, amount, f"{self.cheques:08d}")

    async def _centre(self) -> None:
        if self.life.chance(0.05):
            amount = self.dice.randrange(1_00, 50_000_00)
            await self.life.receive(amount, is_told=self.life.chance(0.5))
        known = [*self.life.centre.suspense, *sorted(self.life.centre.claimed)[:1], "SR0"]
        if self.life.chance(0.05):
            await self.life.claim(self.dice.choice(known), self.dice.choice([*self.habits]))
        if self.plan.races and self.life.chance(0.04):
            await self.race()

    async def race(self) -> None:
        """Two operators press 提交 at the same moment, of one unit or of two."""
        one = self.dice.choice([*self.habits])
        other = self.dice.choice([one, self.dice.choice([*self.habits])])
        first, second = self.draws.sealing(one), self._other(other)
        if self.life.chance(0.4):
            first, second = self.draws.first_people(one, other)
        elif self.life.chance(0.4):
            first, second = self.draws.transfer(one), self.draws.transfer(other)
        if first and second:
            await self.life.race(first, second)

    def _other(self, key: str) -> Move | None:
        """Against a sealing: one of the same people, or what the month comes to."""
        method = PREPAID if self.life.chance(0.5) else SETTLED
        if self.life.chance(0.5):
            return moves.remittance(key, self.life.centre.month, method)
        return self.draws.sealing(key)

    # --- The centre's calendar ---

    def may_accrue(self) -> bool:
        """Not before the year before is settled."""
        return not self.is_settlement_due()

    def is_settlement_due(self) -> bool:
        year = self.life.centre.day.year
        is_over = self.life.centre.day > datetime.date(year, 6, 30)
        is_ours = year >= year_of(self.first_day)
        return is_over and is_ours and year not in self.life.centre.settled

    async def _interest(self) -> None:
        if not self.is_settlement_due():
            return
        day = self.life.centre.day
        if day.day >= SETTLEMENT_BY or self.life.chance(0.3):
            await self.life.settle(day.year)
            await compare(self.life)

    async def parameters(self) -> None:
        """On the first of a month; each January the limits rise."""
        centre, life = self.life.centre, self.life
        if centre.day.month == 1:
            for county in COUNTIES:
                _, low, high = centre.limits[county][-1]
                low, high = low + self.dice.randrange(0, 90_00, 100), high + 1_234_00
                await life.set_parameter("base_upper_fen", yuan(high), county)
                await life.set_parameter("base_lower_fen", yuan(low), county)
                centre.limits[county].append((centre.day, low, high))
        if self.life.chance(0.06):
            rounding = self.draws.rounding()
            await life.set_parameter("rounding", rounding)
            centre.roundings.append((centre.day, rounding))
        if self.life.chance(0.06):
            await self._rates()
        if self.life.chance(0.06):
            centre.remit_mixed = not centre.remit_mixed
            await life.set_parameter("remit_mixed", str(centre.remit_mixed).lower())
        if self.life.chance(0.06):
            centre.ratio_down = not centre.ratio_down
            await life.set_parameter("ratio_down_online", str(centre.ratio_down).lower())
        if self.life.chance(0.03):
            centre.base_changes_per_year = self.dice.choice([1, 1, 2, 3])
            await life.set_parameter("base_change_per_year", str(centre.base_changes_per_year))
        if self.life.chance(0.03):
            centre.base_year_starts = self.dice.choice([1, 7])
            await life.set_parameter("base_year_start_month", str(centre.base_year_starts))
        if centre.day.month == 6 and self.life.chance(0.6):
            await self._terms()

    async def _rates(self) -> None:
        prior, current = (self.dice.randrange(35, 300, 5) for _ in range(2))
        await self.life.set_parameter("deposit_rate_prior", f"{yuan(prior)}%")
        await self.life.set_parameter("deposit_rate_current", f"{yuan(current)}%")
        since = self.life.centre.day
        self.life.centre.rates.append(
            Listed(since, Fraction(prior, 10_000), Fraction(current, 10_000))
        )

    async def _terms(self) -> None:
        terms = Terms(self.dice.choice(METHODS), self.life.chance(0.7), self.life.chance(0.5))
        await self.life.set_parameter("interest.method", terms.method)
        flags = {
            "interest.include_settlement_day": terms.include_settlement_day,
            "interest.segmented": terms.segmented,
        }
        for name, flag in flags.items():
            await self.life.set_parameter(name, str(flag).lower())
        self.life.centre.terms.append((self.life.centre.day, terms))

    async def _end(self) -> None:
        """All debits end, the bank's list is taken, and every line is compared."""
        for _ in range(ASKED_DAYS_MAX):
            if self.life.waiting:
                await self.life.end_day()
                await self.life.ask_again()
        self.life.agree("debits still open", [], self.life.waiting)
        await self.life.end_day()
        await self.life.reconcile()
        await compare(self.life, to_the_last_line=True)
        bank_fen = self.life.hall.sandbox.centre_balance_fen()
        self.life.agree(
            "the centre's account at the bank", self.life.centre.ledger["101"], bank_fen
        )


def simulate(plan: Plan, folder: Path | None, tell: Tell) -> Life:
    """All of it on an embedded PostgreSQL and a sandbox bank of its own; raises Difference."""
    with ExitStack() as stack:
        root = folder or Path(stack.enter_context(TemporaryDirectory(dir=_open_to_postgres())))
        root.chmod(0o755)
        url = stack.enter_context(EmbeddedPostgres(root / "postgres"))
        bank = stack.enter_context(SandboxBank(root / "bank", seed=plan.seed))
        database = new_database(url, "hpf_simulation")
        migrate(database)
        return asyncio.run(_live(database, bank, plan, tell))


def new_database(url: str, name: str, template: str = "template1") -> str:
    """An empty database, or a copy; it waits for no disk, since no power is cut here."""
    new, old = sql.Identifier(name), sql.Identifier(template)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(new))
        conn.execute(sql.SQL("create database {} template {}").format(new, old))
        conn.execute(sql.SQL("alter database {} set synchronous_commit = off").format(new))
    return make_conninfo(url, dbname=name)


def _open_to_postgres() -> str | None:
    """As root the database runs as a user who cannot enter root's own temporary folders."""
    shared = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in it
    return str(shared) if shared.is_dir() else None


async def _live(database: str, bank: SandboxBank, plan: Plan, tell: Tell) -> Life:
    async with open_hall(database, bank, FIRST_DAY) as hall:
        return await Play(hall, plan, tell).run()
