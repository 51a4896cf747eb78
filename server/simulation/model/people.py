"""Who is on a unit's roster: opening, sealing and unsealing of people (4.5–4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.simulation.model import amounts
from server.simulation.model.state import (
    DEFERRED,
    NORMAL,
    OPENED,
    PAYING,
    SEALED,
    Centre,
    Person,
    Refusals,
    Stay,
    Unit,
)


@dataclass(frozen=True)
class Opening:
    id_no: str
    name: str
    first: int
    base: int


@dataclass(frozen=True)
class Sealing:
    person: str
    month: int


@dataclass(frozen=True)
class Unsealing:
    person: str
    month: int
    base: int | None = None  # None: as before, or the former base at today's ratios (ruling 4)


def open_people(centre: Centre, key: str, rows: Sequence[Opening]) -> Refusals:
    unit = centre.units[key]
    found: Refusals = {None: batch_blocked(unit, {NORMAL, OPENED})}
    for place, row in enumerate(rows):
        codes = already_opened(centre.people.get(row.id_no), row, key)
        if row.id_no in [earlier.id_no for earlier in rows[:place]]:
            codes.add("G07")
        if base_outside(centre, unit, row.base):
            codes.add("K08")
        if row.first <= unit.paid_through or row.first > centre.month + 1:
            codes.add("K09")
        found[place] = codes
    if refused := only_refusals(found):
        return refused
    for row in rows:
        person = Person(row.id_no, row.name, key, centre.day)
        person.stays = stays_from(centre, unit, row.first, row.base)
        centre.people[row.id_no] = person
    return {}


def already_opened(known: Person | None, row: Opening, key: str) -> set[str]:
    """K03 and K04 by where and how the ID number is known; K06 beside them (ruling 11)."""
    if known is None:
        return set()
    here = known.unit == key
    paying = known.status == PAYING
    codes = {("K03A" if paying else "K03B") if here else ("K04B" if paying else "K04A")}
    if known.name != row.name:
        codes.add("K06")
    return codes


def seal(centre: Centre, key: str, rows: Sequence[Sealing]) -> Refusals:
    unit = centre.units[key]
    found: Refusals = {None: batch_blocked(unit, {NORMAL, OPENED, DEFERRED})}
    for place, row in enumerate(rows):
        person, codes = found_here(centre, key, place, [it.person for it in rows])
        if person and person.status != PAYING:
            codes.add("F01")
        if row.month <= unit.paid_through:
            codes.add("F02")
        elif person and row.month < began(person):
            codes.add("F04")
        found[place] = codes
    if refused := only_refusals(found):
        return refused
    for row in rows:
        person = centre.people[row.person]
        while person.stays[-1].first > row.month:
            person.stays.pop()
        person.stays[-1].until = row.month
        person.status = SEALED
    return {}


def unseal(centre: Centre, key: str, rows: Sequence[Unsealing]) -> Refusals:
    unit = centre.units[key]
    found: Refusals = {None: batch_blocked(unit, {NORMAL, OPENED})}
    for place, row in enumerate(rows):
        person, codes = found_here(centre, key, place, [it.person for it in rows])
        if person:
            codes |= unseal_problems(centre, unit, person, row)
        elif row.base is not None and base_outside(centre, unit, row.base):
            codes.add("K08")
        found[place] = codes
    if refused := only_refusals(found):
        return refused
    for row in rows:
        person = centre.people[row.person]
        last = person.stays[-1]
        begun = stays_from(centre, unit, row.month, last.base if row.base is None else row.base)
        if row.base is None and stands_for_amount(centre, unit, last, row.month):
            begun[0].unit_part, begun[0].person_part = last.unit_part, last.person_part
        person.stays += begun
        person.status = PAYING
    return {}


def unseal_problems(centre: Centre, unit: Unit, person: Person, row: Unsealing) -> set[str]:
    codes = set()
    last = person.stays[-1]
    if person.status != SEALED:
        codes.add("Q01")
    if row.month <= max(unit.paid_through, person.paid_through or 0):
        codes.add("Q02")
    elif last.until is not None and row.month < last.until:
        codes.add("Q06")
    if row.base is None and stands_for_amount(centre, unit, last, row.month):
        if amount_outside(centre, unit, last.unit_part + last.person_part, row.month):
            codes |= {"K08"} if base_outside(centre, unit, last.base) else set()
    elif base_outside(centre, unit, last.base if row.base is None else row.base):
        codes.add("K08")
    return codes


def stands_for_amount(centre: Centre, unit: Unit, stay: Stay, month: int) -> bool:
    """Whether the base only records an amount that was typed (4.3), at ratios that hold still: the
    amount is then what the person goes on with."""
    ratios, parts = unit.ratio_of(month), (stay.unit_part, stay.person_part)
    if stay.base != amounts.base_behind(sum(parts), *ratios):
        return False
    return parts == amounts.split(sum(parts), *ratios, centre.rounding(centre.day))


def amount_outside(centre: Centre, unit: Unit, amount: int, month: int) -> bool:
    """An amount is held against what the limits of a base come to (ruling 1)."""
    ratios, rounding = unit.ratio_of(month), centre.rounding(centre.day)
    least, most = (
        sum(amounts.monthly(limit, *ratios, rounding))
        for limit in centre.limits_on(unit.county, centre.day)
    )
    return not least <= amount <= most


def base_outside(centre: Centre, unit: Unit, base: int) -> bool:
    low, high = centre.limits_on(unit.county, centre.day)
    return not low <= base <= high


def batch_blocked(unit: Unit, allowed: set[str]) -> set[str]:
    """What stops a whole batch: the unit's status, or money the bank has not answered for."""
    codes = set()
    if unit.status not in allowed:
        codes.add("G01")
    if unit.pending:
        codes.add("G02")
    return codes


def began(person: Person) -> int:
    """When the person came, or came back, for the last time."""
    return [stay.first for stay in person.stays if not stay.continues][-1]


def stays_from(centre: Centre, unit: Unit, first: int, base: int) -> list[Stay]:
    """At that month's ratios, and from their months on at those that were decided already."""
    rounding = centre.rounding(centre.day)
    parts = amounts.monthly(base, *unit.ratio_of(first), rounding)
    stays = [Stay(first, None, base, *parts)]
    for month, *ratios in unit.ratios:
        if month > first:
            stays[-1:] = change_from(stays[-1], month, (ratios[0], ratios[1]), rounding)
    return stays


def change_from(stay: Stay, month: int, ratios: tuple[int, int], rounding: str) -> list[Stay]:
    """A stay, and from the month on what it comes to at other ratios."""
    if stay.until is not None and stay.until <= month:
        return [stay]
    parts = amounts.monthly(stay.base, *ratios, rounding)
    if stay.first >= month:
        return [Stay(stay.first, stay.until, stay.base, *parts, stay.continues)]
    later = Stay(month, stay.until, stay.base, *parts, continues=True)
    stay.until = month
    return [stay, later]


def found_here(
    centre: Centre, key: str, place: int, people: Sequence[str]
) -> tuple[Person | None, set[str]]:
    """The person of this row if the unit has them, and G03 or G07 that the row gets."""
    codes = repeated(place, people)
    person = centre.people.get(people[place])
    if person is None or person.unit != key:
        return None, codes | {"G03"}
    return person, codes


def repeated(place: int, people: Sequence[str]) -> set[str]:
    """G07, told at the later of two rows (ruling 14)."""
    return {"G07"} if people[place] in people[:place] else set()


def only_refusals(found: Refusals) -> Refusals:
    return {place: codes for place, codes in found.items() if codes}


def roster(centre: Centre, key: str, month: int) -> Iterable[tuple[Person, Stay]]:
    """Who is due in that month, and at which amounts; nobody in a deferred month (ruling 7)."""
    if centre.units[key].deferred(month):
        return []
    return [
        (person, stay)
        for person in centre.people_of(key)
        for stay in person.stays
        if stay.has(month)
    ]
