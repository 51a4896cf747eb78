"""Other bases and other ratios from a month on (4.3, 4.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.simulation.model import amounts
from server.simulation.model.people import (
    amount_outside,
    base_outside,
    batch_blocked,
    change_from,
    found_here,
    only_refusals,
)
from server.simulation.model.state import (
    NORMAL,
    OPENED,
    PAYING,
    Centre,
    Person,
    Refusals,
    Stay,
    Unit,
)

AHEAD_MAX = 12  # months from this one in which a change may take effect


@dataclass(frozen=True)
class BaseChange:
    """``base`` or ``amount`` is typed, or both."""

    person: str
    month: int
    base: int | None = None
    amount: int | None = None


def change_bases(centre: Centre, key: str, rows: Sequence[BaseChange]) -> Refusals:
    unit = centre.units[key]
    found: Refusals = {None: batch_blocked(unit, {NORMAL, OPENED})}
    for place, row in enumerate(rows):
        person, codes = found_here(centre, key, place, [it.person for it in rows])
        if person and person.status != PAYING:
            codes.add("J01")
        codes |= amount_problems(centre, unit, row) | month_problems(
            centre, unit, row.month, person
        )
        if person:
            codes |= repeated_change(centre, person, row)
        found[place] = codes
    if refused := only_refusals(found):
        return refused
    for row in rows:
        person = centre.people[row.person]
        base, parts = worked_out(centre, unit, row)
        begin(person, Stay(row.month, None, base, *parts))
        person.base_changes.append(row.month)
    return {}


def worked_out(centre: Centre, unit: Unit, row: BaseChange) -> tuple[int, tuple[int, int]]:
    """The base and what unit and person pay: of the base unless the amount says otherwise."""
    ratios, rounding = unit.ratio_of(row.month), centre.rounding(centre.day)
    if row.base is not None:
        parts = amounts.monthly(row.base, *ratios, rounding)
        if row.amount in (None, sum(parts)):
            return row.base, parts
    assert row.amount is not None
    base = amounts.base_behind(row.amount, *ratios)
    return base if row.base is None else row.base, amounts.split(row.amount, *ratios, rounding)


def amount_problems(centre: Centre, unit: Unit, row: BaseChange) -> set[str]:
    """J03 by what was typed (ruling 1); an amount must be what the rounding can come to."""
    ratios, rounding = unit.ratio_of(row.month), centre.rounding(centre.day)
    codes = set()
    if row.base is not None and not (
        row.amount is not None and row.base == amounts.base_behind(row.amount, *ratios)
    ):
        if base_outside(centre, unit, row.base):
            codes.add("J03")
        if row.amount not in (None, sum(amounts.monthly(row.base, *ratios, rounding))):
            codes.add("J08")
        return codes
    assert row.amount is not None
    if amount_outside(centre, unit, row.amount, row.month):
        codes.add("J03")
    if row.amount % amounts.smallest_step(rounding):
        codes.add("J09")
    return codes


def month_problems(centre: Centre, unit: Unit, month: int, person: Person | None) -> set[str]:
    first, last = unit.paid_through + 1, max(unit.paid_through + 1, centre.month + AHEAD_MAX)
    if not first <= month <= last:
        return {"J06"}
    if month < unit.ratios[-1][0]:
        return {"J05"}
    return {"J07"} if person and month < person.stays[-1].first else set()


def repeated_change(centre: Centre, person: Person, row: BaseChange) -> set[str]:
    """J02 when everything typed is as before, J04 when the year has had its changes (ruling 3)."""
    codes = set()
    last = person.stays[-1]
    is_same_base = row.base in (None, last.base)
    if is_same_base and row.amount in (None, last.unit_part + last.person_part):
        codes.add("J02")
    year = adjustment_year(centre, row.month)
    done = [month for month in person.base_changes if adjustment_year(centre, month) == year]
    if len(done) >= centre.base_changes_per_year:
        codes.add("J04")
    return codes


def adjustment_year(centre: Centre, month: int) -> int:
    return (month - centre.base_year_starts + 1) // 12


def begin(person: Person, stay: Stay) -> None:
    """From its month on; what was to begin then never does."""
    last = person.stays[-1]
    if last.first == stay.first:
        stay.continues = last.continues
        person.stays[-1] = stay
        return
    last.until = stay.first
    stay.continues = True
    person.stays.append(stay)


def change_ratio(
    centre: Centre, key: str, month: int, unit_ratio: int, person_ratio: int | None = None
) -> Refusals:
    unit = centre.units[key]
    new = (unit_ratio, unit_ratio if person_ratio is None else person_ratio)
    codes = batch_blocked(unit, {NORMAL, OPENED}) | month_problems(centre, unit, month, None)
    for ratio, today in zip(new, unit.ratio_today(), strict=True):
        if not centre.ratio_min <= ratio <= centre.ratio_max or ratio % 100:
            codes.add("J11")
        elif ratio < today and not centre.ratio_down:
            codes.add("J12")
    if new == unit.ratio_today():
        codes.add("J13")
    year = adjustment_year(centre, month)
    if year in {adjustment_year(centre, it) for it in unit.ratio_changes}:
        codes.add("J14")
    if codes:
        return {None: codes}
    unit.ratios = [it for it in unit.ratios if it[0] != month] + [(month, *new)]
    unit.ratio_changes.append(month)
    for person in centre.people_of(key):
        if person.status == PAYING:
            person.stays = [
                it
                for stay in person.stays
                for it in change_from(stay, month, new, centre.rounding(centre.day))
            ]
    return {}
