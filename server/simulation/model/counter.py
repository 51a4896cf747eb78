"""What only the centre's counter and finance do: cheques, corrections, reversals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from server.simulation.model.amounts import half_up
from server.simulation.model.books import post, take_back
from server.simulation.model.people import only_refusals, repeated
from server.simulation.model.state import (
    DEFERRED,
    NORMAL,
    OPENED,
    Business,
    Centre,
    Credit,
    Deferral,
    Person,
    Refusals,
    Unit,
)

LONGEST_DEFERRAL = 12  # months


def open_unit(
    centre: Centre, key: str, county: str, ratios: tuple[int, int], paid_through: int
) -> Unit:
    unit = Unit(key, county, paid_through, [(paid_through + 1, *ratios)])
    centre.units[key] = unit
    return unit


def sign_account(centre: Centre, key: str, signed: bool = True) -> None:
    centre.units[key].signed = signed


def enter_cheque(centre: Centre, key: str, amount: int) -> Refusals:
    if amount <= 0:
        return {None: {"E01"}}
    post(centre, of_unit(centre, key, "cheque", amount, amount, "101", "219"))
    return {}


def receive_unknown(centre: Centre, receipt: str, amount: int) -> None:
    """Money that came with no owner named: 暂收."""
    centre.suspense[receipt] = amount
    centre.ledger["101"] += amount
    centre.ledger["219"] -= amount


def claim(centre: Centre, receipt: str, key: str) -> Refusals:
    """219 to 219: from 暂收 into the unit's prepayment, once."""
    if receipt not in centre.suspense:
        return {None: {"E14" if receipt in centre.claimed else "E13"}}
    centre.claimed.add(receipt)
    amount = centre.suspense.pop(receipt)
    post(centre, of_unit(centre, key, "claim", amount, amount, "219", "219"))
    return {}


@dataclass(frozen=True)
class Correction:
    person: str
    month: int
    amount: int


def correct(centre: Centre, key: str, rows: Sequence[Correction]) -> Refusals:
    """错缴更正: from the person back into the unit's prepayment, once per person and month; from
    both parts as the month has them."""
    unit = centre.units[key]
    blocked = any(it.kind != "prepayment" for it in unit.pending)
    found: Refusals = {None: {"G02"} if blocked else set()}
    for place, row in enumerate(rows):
        found[place] = repeated(place, [it.person for it in rows])
        person = centre.people.get(row.person)
        if person is None or person.unit != key:
            found[place].add("G03")
        else:
            found[place] |= correction_problems(person, row)
    if refused := only_refusals(found):
        return refused
    amount = sum(row.amount for row in rows)
    business = of_unit(centre, key, "correction", amount, amount, "201", "219")
    for row in rows:
        person = centre.people[row.person]
        person.corrected.add((key, row.month))
        by_unit = half_up(
            Fraction(
                person.unit_paid_for(row.month, key) * row.amount,
                person.paid_for(row.month, unit=key),
            )
        )
        business.credits.append(
            Credit(row.person, "correction", row.month, -by_unit, by_unit - row.amount, key)
        )
    post(centre, business)
    return {}


def correction_problems(person: Person, row: Correction) -> set[str]:
    codes = set()
    if (person.unit, row.month) in person.corrected:
        codes.add("E04")
    if not 0 < row.amount <= person.paid_for(row.month, unit=person.unit):
        codes.add("E02")
    elif row.amount > person.balance:
        codes.add("E03")
    return codes


def reverse(centre: Centre, number: int) -> Refusals:
    """冲正: today's business only, nothing later standing on it, once (ruling 8)."""
    business = centre.businesses[number - 1]
    code = reversal_refused(centre, business)
    if code:
        return {None: {code}}
    take_back(centre, business)
    return {}


def reversal_refused(centre: Centre, business: Business) -> str:
    unit = centre.units[business.unit]
    if business.reversed:
        return "E07"
    if business.kind in ("correction", "claim", "transfer", "transfer out"):
        return "E08"
    if business.day != centre.day:
        return "E05"
    if unit.pending:
        return "G02"
    if depended_on(centre, business):
        return "E06"
    if business.prepaid > unit.available:
        return "E09"
    return ""


def depended_on(centre: Centre, business: Business) -> bool:
    """Something later stands on it: on the balances of its people, or on the months it paid."""
    later = [
        it
        for it in centre.businesses[business.number :]
        if it.unit == business.unit and not it.reversed
    ]
    people = {it.person for it in business.credits}
    if any(credit.person in people for it in later for credit in it.credits):
        return True
    if any(person in people for it in later for person in it.moved):
        return True
    return business.kind == "remittance" and any(
        it.kind == "remittance" or credit.month > business.paid_before
        for it in later
        for credit in it.credits
    )


def begin_deferral(centre: Centre, key: str, first: int, last: int) -> Refusals:
    unit = centre.units[key]
    if unit.status not in (NORMAL, OPENED):
        return {None: {"G01"}}
    if unit.pending:
        return {None: {"G02"}}
    overlaps = any(it.first <= last and first <= it.last for it in unit.deferrals)
    if overlaps or not 1 <= last - first + 1 <= LONGEST_DEFERRAL:
        return {None: {"E10"}}
    if first <= unit.paid_through:
        return {None: {"E11"}}
    unit.deferrals.append(Deferral(first, last))
    unit.status = DEFERRED
    return {}


def end_deferral(centre: Centre, key: str, last: int | None = None) -> Refusals:
    """The unit pays again; months up to ``last`` stay deferred and are made up one by one."""
    unit = centre.units[key]
    if unit.status != DEFERRED:
        return {None: {"E12"}}
    running = unit.deferrals[-1]
    running.ended = True
    if last is not None:
        running.last = max(min(running.last, last), running.first - 1)
    paid_before = any(
        it.kind == "remittance" and not it.reversed and it.unit == key for it in centre.businesses
    )
    unit.status = NORMAL if paid_before else OPENED
    return {}


def of_unit(
    centre: Centre, key: str, kind: str, amount: int, prepaid: int, debit: str, credit: str
) -> Business:
    unit = centre.units[key]
    return Business(
        number=len(centre.businesses) + 1,
        kind=kind,
        unit=key,
        day=centre.day,
        amount=amount,
        prepaid=prepaid,
        debit=debit,
        credit=credit,
        paid_before=unit.paid_through,
        status_before=unit.status,
    )
