"""个人转移 (4.10): the unit that takes a person names the one that gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.simulation.model.people import (
    base_outside,
    batch_blocked,
    only_refusals,
    repeated,
    stays_from,
)
from server.simulation.model.state import (
    NORMAL,
    OPENED,
    PAYING,
    Business,
    Centre,
    Person,
    Refusals,
    Unit,
)

FAR_MONTHS = 600


@dataclass(frozen=True)
class Moving:
    person: str
    month: int
    base: int


def take_over(centre: Centre, key: str, giver: str, rows: Sequence[Moving]) -> Refusals:
    """``giver`` may be a unit that does not exist."""
    unit, other = centre.units[key], centre.units.get(giver)
    codes = batch_blocked(unit, {NORMAL, OPENED})
    if giver == key:
        codes.add("Z01B")
    elif other is None:
        codes.add("Z01A")
    elif other.pending:
        codes.add("Z05")
    found: Refusals = {None: codes}
    for place, row in enumerate(rows):
        person = centre.people.get(row.person)
        if person is None or person.unit != giver or giver == key:
            person = None
        found[place] = repeated(place, [it.person for it in rows])
        found[place] |= row_problems(centre, unit, other, person, row)
    if refused := only_refusals(found):
        return refused
    for row in rows:
        person = centre.people[row.person]
        person.unit, person.status = key, PAYING
        person.stays = stays_from(centre, unit, row.month, row.base)
        person.base_changes = []
    for side, kind in ((giver, "transfer out"), (key, "transfer")):
        centre.businesses.append(
            Business(
                number=len(centre.businesses) + 1,
                kind=kind,
                unit=side,
                day=centre.day,
                amount=0,
                moved=[row.person for row in rows],
            )
        )
    return {}


def row_problems(
    centre: Centre, unit: Unit, other: Unit | None, person: Person | None, row: Moving
) -> set[str]:
    codes = {"K08"} if base_outside(centre, unit, row.base) else set()
    lowest = unit.paid_through + 1
    if person is None or other is None:
        return codes | {"Z02A"} | ({"Z03"} if row.month < lowest else set())
    until = person.stays[-1].until
    lowest = max(lowest, (person.paid_through or 0) + 1, until or 0)
    if row.month < lowest:
        codes.add("Z03")
    if person.status == PAYING:
        codes.add("Z02B")
    owed = owed_month(other, person)
    if owed is not None and owed < (row.month if until is None else until):
        codes.add("Z06")
    return codes


def owed_month(other: Unit, person: Person) -> int | None:
    """The first month that the giving unit must still remit for the person (ruling 7: no
    deferred one)."""
    first = other.paid_through + 1
    months = [
        month
        for month in range(first, first + FAR_MONTHS)
        if not other.deferred(month) and any(stay.has(month) for stay in person.stays)
    ]
    return months[0] if months else None
