"""What somebody might do next: drawn by dice, mostly right, now and then wrong on purpose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from server.demo_people import person
from server.simulation import moves
from server.simulation.life import Life
from server.simulation.model.amounts import EACH_FEN, base_behind, monthly, smallest_step
from server.simulation.model.changes import BaseChange
from server.simulation.model.counter import Correction
from server.simulation.model.payments import (
    DIFFERENCE,
    FREE,
    FULL,
    MIXED,
    PREPAID,
    SETTLED,
    BackRow,
    due,
)
from server.simulation.model.people import Opening, Sealing, Unsealing, began
from server.simulation.model.state import PAYING, SEALED, Person, Unit
from server.simulation.model.transfers import Moving
from server.simulation.moves import Move

T = TypeVar("T")
ROWS_MAX = 4
NOWHERE = "U0"
NOBODYS_UNIT = "530199999993"


@dataclass
class Draws:
    """``wrong`` is the chance that a draw is not held to what is allowed."""

    life: Life
    wrong: float = 0.12
    born: int = 0  # how many people were invented

    @property
    def dice(self) -> random.Random:
        return self.life.dice

    def unit(self, key: str) -> Unit:
        return self.life.centre.units[key]

    def is_wrong(self) -> bool:
        return self.life.chance(self.wrong)

    def people(self, key: str, status: str = "") -> list[Person]:
        found = self.life.centre.people_of(key)
        return [it for it in found if status in ("", it.status)]

    def some(self, found: Sequence[T]) -> list[T]:
        """From one to a few of them."""
        count = min(len(found), 1 + int(self.dice.random() ** 3 * ROWS_MAX))
        return self.dice.sample(list(found), count)

    def base(self, key: str) -> int:
        low, high = self.life.centre.limits_on(self.unit(key).county, self.life.centre.day)
        if self.is_wrong():
            return self.dice.choice([low - 1, low, high, high + 1, 1, high * 3])
        span = high - low
        yuan = low + int(self.dice.random() ** 2 * span) // 100 * 100
        return min(high, yuan + self.dice.choice([0, 0, 0, 17, 50, 99]))

    def month(self, low: int, high: int) -> int:
        """Mostly the first that is right."""
        if self.is_wrong():
            return self.dice.randrange(low - 3, max(low, high) + 4)
        return self.dice.randint(low, high) if high > low and self.life.chance(0.3) else low

    def somebody_new(self) -> tuple[str, str, str]:
        """ID number, name and phone of a person the centre does not know."""
        while True:
            self.born += 1
            row = person(self.born)
            if row["id_number"] not in self.life.centre.people:
                return row["id_number"], row["name"], row["phone"]

    def opening(self, key: str) -> Move:
        rows, phones = self.openings(key, self.dice.randint(1, ROWS_MAX))
        if self.life.chance(self.wrong / 4):
            rows.append(rows[0])
            phones.append(phones[0])
        return moves.opening(key, rows, phones)

    def openings(self, key: str, count: int) -> tuple[list[Opening], list[str]]:
        low, high = self.unit(key).paid_through + 1, self.life.centre.month + 1
        rows, phones = [], []
        for _ in range(count):
            id_no, name, phone = self.somebody_new()
            known = list(self.life.centre.people.values())
            if known and self.is_wrong():
                it = self.dice.choice(known)
                id_no, name = it.id_no, self.dice.choice([it.name, it.name, name])
            rows.append(Opening(id_no, name, self.month(low, high), self.base(key)))
            phones.append(phone)
        return rows, phones

    def first_people(self, *keys: str, count: int = 1) -> list[Move]:
        """New people, and nothing wrong with them; with several units, each opens them."""
        kept, self.wrong = self.wrong, 0.0
        rows, phones = self.openings(keys[0], count)
        self.wrong = kept
        return [moves.opening(key, rows, phones) for key in keys]

    def chosen(self, key: str, status: str) -> list[Person]:
        """People in the status that is right, or any at all of any unit."""
        if self.is_wrong():
            return self.some(list(self.life.centre.people.values()))
        return self.some(self.people(key, status)) if self.people(key, status) else []

    def sealing(self, key: str) -> Move | None:
        low = self.unit(key).paid_through + 1
        rows = [
            Sealing(it.id_no, self.month(max(low, began(it)), self.life.centre.month + 2))
            for it in self.chosen(key, PAYING)
        ]
        return moves.sealing(key, rows, self.accounts(key)) if rows else None

    def unsealing(self, key: str) -> Move | None:
        low = self.unit(key).paid_through + 1
        rows = []
        for it in self.chosen(key, SEALED):
            month = self.month(max(low, it.stays[-1].until or 0), self.life.centre.month + 2)
            base = self.base(key) if self.life.chance(0.5) else None
            rows.append(Unsealing(it.id_no, month, base))
        return moves.unsealing(key, rows, self.accounts(key)) if rows else None

    def base_change(self, key: str) -> Move | None:
        unit, centre = self.unit(key), self.life.centre
        rows = []
        for it in self.chosen(key, PAYING):
            low = max(unit.paid_through + 1, unit.ratios[-1][0], it.stays[-1].first)
            month = self.month(low, centre.month + 4)
            base, ratios = self.base(key), unit.ratio_of(month)
            amount = sum(monthly(base, *ratios, centre.rounding(centre.day)))
            if self.is_wrong():
                amount += self.dice.choice([0, 1, 100, -100])
                rows.append(BaseChange(it.id_no, month, base, amount))
            elif self.is_wrong():
                rows.append(BaseChange(it.id_no, month, base_behind(amount, *ratios), amount))
            elif self.life.chance(0.5):
                rows.append(BaseChange(it.id_no, month, amount=amount))
            else:
                rows.append(BaseChange(it.id_no, month, base))
        return moves.base_change(key, rows, self.accounts(key)) if rows else None

    def ratio_change(self, key: str) -> Move:
        unit, centre = self.unit(key), self.life.centre
        month = self.month(
            max(unit.paid_through + 1, unit.ratios[-1][0]), centre.month + self.dice.choice([0, 4])
        )
        by_unit, by_person = unit.ratio_today()
        steps = range(centre.ratio_min, centre.ratio_max + 1, 100)
        rising = [it for it in steps if it > by_unit or centre.ratio_down]
        unit_ratio = self.dice.choice(rising or [by_unit])
        if self.is_wrong():
            unit_ratio = self.dice.choice([by_unit, by_unit - 100, 400, 850, 1300])
        person_ratio = None if self.life.chance(0.6) else max(by_person, self.dice.choice(steps))
        return moves.ratio_change(key, month, unit_ratio, person_ratio)

    def transfer(self, key: str) -> Move | None:
        """Somebody sealed elsewhere; now and then somebody who is not, or from nowhere."""
        others = [it for it in self.life.centre.units if it != key and self.people(it, SEALED)]
        if self.is_wrong():
            others = [*self.life.centre.units, NOWHERE]
        if not others:
            return None
        giver = self.dice.choice(others)
        found = self.chosen(giver, SEALED)
        rows = [
            Moving(it.id_no, self.month(self._from_here(key, it), self.life.centre.month + 2),
                   self.base(key))
            for it in found
        ]  # fmt: skip
        account = str(self.life.units[giver]) if giver != NOWHERE else NOBODYS_UNIT
        numbers = self.accounts(key) if self.life.chance(0.5) else {}
        return moves.transfer(key, giver, account, rows, numbers) if rows else None

    def _from_here(self, key: str, it: Person) -> int:
        paid, until = it.paid_through or 0, it.stays[-1].until or 0
        return max(self.unit(key).paid_through + 1, paid + 1, until)

    def accounts(self, key: str) -> dict[str, str]:
        return self.life.hall.accounts

    def method(self, key: str, amount: int) -> str:
        unit = self.unit(key)
        if self.is_wrong():
            return self.dice.choice([SETTLED, PREPAID, MIXED])
        if self.life.centre.remit_mixed and unit.signed and self.life.chance(0.3):
            return MIXED
        if unit.available >= amount and (not unit.signed or self.life.chance(0.7)):
            return PREPAID
        return SETTLED

    def remittance(self, key: str) -> Move:
        until = self.month(self.life.centre.month, self.life.centre.month)
        amount = sum(it.amount for it in due(self.life.centre, key, until))
        return moves.remittance(key, until, self.method(key, amount))

    def prepayment(self, key: str) -> Move:
        amount = self.missing(key)
        if self.is_wrong():
            amount = self.dice.choice([0, self.life.centre.payment_limit + 1, 1])
        return moves.prepayment(key, amount)

    def missing(self, key: str) -> int:
        """What the month needs beyond what is prepaid, or some more."""
        short = max(self.needs(key) - self.unit(key).available, 0)
        return short or self.dice.randrange(1_00, 20_000_00)

    def needs(self, key: str) -> int:
        """What is due up to this month."""
        return sum(it.amount for it in due(self.life.centre, key, self.life.centre.month))

    def back_payment(self, key: str) -> Move | None:
        kind = self.dice.choice([FULL, FULL, DIFFERENCE, DIFFERENCE, FREE])
        found = self.chosen(key, self.dice.choice([PAYING, PAYING, SEALED]))
        rows = [self.back_row(key, kind, it) for it in found]
        if not rows:
            return None
        total = sum(row.amount * len(row.months) for row in rows)
        return moves.back_payment(key, kind, rows, self.method(key, total), self.accounts(key))

    def back_row(self, key: str, kind: str, it: Person) -> BackRow:
        until = self.unit(key).paid_through
        months = [
            month
            for month in range(until - 30, until + 1)
            if kind == FREE or (it.paid_for(month, "remittance") > 0) == (kind == DIFFERENCE)
        ]
        first = self.dice.choice(months or [until])
        last = min(until, first + int(self.dice.random() ** 2 * 4))
        if self.is_wrong():
            first, last = self.dice.choice(
                [(first, until + 1), (last + 1, first), (until - 40, until), (12 * 1999, 12 * 1999)]
            )
        step = smallest_step(self.life.centre.rounding(self.life.centre.day))
        amount = self.dice.randrange(step, 800_00, step)
        if self.is_wrong():
            amount = self.dice.choice([0, 50, 12_345, 9_000_00])
        return BackRow(it.id_no, amount, first, last)

    def correction(self, key: str) -> Correction | None:
        paid = [it for it in self.people(key) if it.credits]
        if not paid:
            return None
        it = self.dice.choice(paid)
        month = self.dice.choice(it.credits).month
        most = it.paid_for(month)
        amount = self.dice.randint(1, max(most, 1))
        if self.is_wrong():
            amount, month = self.dice.choice(
                [(0, month), (most + 1, month), (100, month - 60), (it.balance + 1, month)]
            )
        return Correction(it.id_no, month, amount)

    def business(self, key: str) -> int | None:
        """One that may be reversed today, or any of the unit's that may not."""
        ours = [it for it in self.life.centre.businesses if it.unit == key]
        todays = [it for it in ours if it.day == self.life.centre.day]
        found = ours if self.is_wrong() else todays
        return self.dice.choice(found).number if found else None

    def rounding(self) -> str:
        return self.dice.choice(["EACH_YUAN", EACH_FEN, "SUM_YUAN", "SUM_TRUNC_YUAN"])
