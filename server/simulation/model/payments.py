"""An employer's money (4.11–4.13): prepayment, remittance, back payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.simulation.model import amounts
from server.simulation.model.books import post
from server.simulation.model.people import only_refusals, repeated, roster
from server.simulation.model.state import (
    DEFERRED,
    NORMAL,
    OPENED,
    Business,
    Centre,
    Credit,
    Pending,
    Person,
    Refusals,
    Unit,
)

SETTLED, PREPAID, MIXED = "settled", "prepaid", "mixed"  # 实时结算, 预缴转出, H07's mixture
FULL, DIFFERENCE, FREE = "full", "difference", "free"  # 补缴 types 1, 2, 3
EARLIEST_MONTH = 1999 * 12 + 3  # the regulations began in 1999-04


@dataclass(frozen=True)
class BackRow:
    person: str
    amount: int  # of one month
    first: int
    last: int

    @property
    def months(self) -> range:
        return range(self.first, self.last + 1)


def prepay(centre: Centre, key: str, amount: int) -> Refusals:
    unit = centre.units[key]
    codes = not_open(unit)
    if not unit.signed:
        codes.add("Y01")
    if not 0 < amount <= centre.payment_limit:
        codes.add("Y02")
    if any(it.kind == "prepayment" for it in unit.pending):
        codes.add("Y03")
    if codes:
        return {None: codes}
    unit.pending.append(Pending("prepayment", amount))
    return {}


def not_open(unit: Unit) -> set[str]:
    """In 缓缴 only sealing and changes of particulars are done (G01); H10 says it of 汇缴."""
    return set() if unit.status in (NORMAL, OPENED) else {"G01"}


def due(centre: Centre, key: str, until: int) -> list[Credit]:
    """Every month after the paid-through one up to ``until``, each by its own roster."""
    return [
        Credit(person.id_no, "remittance", month, stay.unit_part, stay.person_part, key)
        for month in range(centre.units[key].paid_through + 1, until + 1)
        for person, stay in roster(centre, key, month)
    ]


def remit(centre: Centre, key: str, until: int, method: str) -> Refusals:
    unit = centre.units[key]
    highest = centre.month + centre.remit_ahead_months
    credits = due(centre, key, until) if until <= highest else []
    amount = sum(it.amount for it in credits)
    codes = {"H10"} if unit.status == DEFERRED else not_open(unit)
    for waiting in unit.pending:
        codes.add("H04" if waiting.kind == "remittance" else "G02")
    if unit.paid_through >= highest:
        codes.add("H01A")
    elif not unit.paid_through < until <= highest:
        codes.add("H01")
    elif amount == 0:
        codes.add("H03")
    codes |= method_refused(centre, unit, amount, method, "H05", "H06")
    if codes:
        return {None: codes}
    pay(centre, unit, Pending("remittance", amount, credits, until), method)
    return {}


def method_refused(
    centre: Centre, unit: Unit, amount: int, method: str, unsigned: str, short: str
) -> set[str]:
    if method == MIXED and not centre.remit_mixed:
        return {"H07"}
    if method == PREPAID:
        return set() if unit.available >= amount else {short}
    return set() if unit.signed else {unsigned}


def back_pay(centre: Centre, key: str, kind: str, rows: Sequence[BackRow], method: str) -> Refusals:
    unit = centre.units[key]
    codes = not_open(unit)
    if unit.pending:
        codes.add("G02")
    total = sum(
        row.amount * len(row.months) for row in rows if len(row.months) <= centre.makeup_max_months
    )
    codes |= method_refused(centre, unit, total, method, "B08A", "B08B")
    found: Refusals = {None: codes}
    for place, row in enumerate(rows):
        person = centre.people.get(row.person)
        found[place] = repeated(place, [it.person for it in rows])
        if person is None or person.unit != key:
            person = None
            found[place].add("G03")
        found[place] |= back_row_problems(centre, unit, person, kind, row)
    if refused := only_refusals(found):
        return refused
    credits = [credit for row in rows for credit in back_credits(centre, unit, kind, row)]
    pay(centre, unit, Pending("back payment", total, credits), method)
    return {}


def back_row_problems(
    centre: Centre, unit: Unit, person: Person | None, kind: str, row: BackRow
) -> set[str]:
    codes = set()
    if row.amount <= 0 or row.amount % amounts.smallest_step(centre.rounding(centre.day)):
        codes.add("B04")
    if not EARLIEST_MONTH <= row.first <= row.last <= unit.paid_through:
        return codes | {"B01"}
    if len(row.months) > centre.makeup_max_months:
        return codes | {"B07"}
    for month in row.months if person else ():
        codes |= month_problems(centre, unit, person, kind, month, row.amount)
    return codes


def month_problems(
    centre: Centre, unit: Unit, person: Person | None, kind: str, month: int, amount: int
) -> set[str]:
    """What the person has for the month already; a full one stands in nobody's way but a full
    one's (ruling 6)."""
    assert person is not None
    remitted = person.paid_for(month, "remittance")
    if kind == FULL and remitted + person.paid_for(month, FULL) > 0:
        return {"B02"}
    if kind == DIFFERENCE and remitted == 0:
        return {"B03A"}
    paid = remitted + person.paid_for(month, DIFFERENCE)
    if kind == DIFFERENCE and paid + amount > centre.cap_of(unit, month):
        return {"B03B"}
    return set()


def back_credits(centre: Centre, unit: Unit, kind: str, row: BackRow) -> list[Credit]:
    """Each month split by that month's own ratios (ruling 16)."""
    rounding = centre.rounding(centre.day)
    parts = {
        month: amounts.split(row.amount, *unit.ratio_of(month), rounding) for month in row.months
    }
    return [Credit(row.person, kind, month, *parts[month], unit.key) for month in row.months]


def pay(centre: Centre, unit: Unit, asked: Pending, method: str) -> None:
    """From the prepayment at once; what the bank must give waits for its answer."""
    if method == SETTLED:
        asked.reserved = 0
    elif method == PREPAID:
        asked.reserved = asked.amount
    else:
        asked.reserved = min(asked.amount, unit.available)
    if asked.reserved == asked.amount:
        book(centre, unit, asked)
    else:
        unit.pending.append(asked)


def answer(centre: Centre, key: str, kind: str, collected: bool) -> None:
    """The bank's answer for what was pending: posted on the day it is known, or nothing at all."""
    unit = centre.units[key]
    asked = next(it for it in unit.pending if it.kind == kind)
    unit.pending.remove(asked)
    if collected:
        book(centre, unit, asked)


def book(centre: Centre, unit: Unit, asked: Pending) -> None:
    collected = asked.amount - asked.reserved
    into_prepayment = asked.kind == "prepayment"
    post(
        centre,
        Business(
            number=len(centre.businesses) + 1,
            kind=asked.kind,
            unit=unit.key,
            day=centre.day,
            amount=asked.amount,
            credits=asked.credits,
            prepaid=asked.amount if into_prepayment else -asked.reserved,
            collected=collected,
            debit="101" if collected else "219",
            credit="219" if into_prepayment else "201",
            paid_before=unit.paid_through,
            status_before=unit.status,
        ),
        asked.until,
    )
