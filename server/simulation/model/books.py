"""Posting and taking back: the only place where balances of the model change, and 30 June."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from server.simulation.model.amounts import half_up
from server.simulation.model.interest import (
    ONE_DAY,
    Movement,
    interest_of_year,
    interest_until,
    year_of,
)
from server.simulation.model.state import (
    NORMAL,
    OPENED,
    Business,
    Centre,
    Person,
    Statement,
)


def post(centre: Centre, business: Business, until: int | None = None) -> None:
    unit = centre.units[business.unit]
    totals: dict[str, int] = defaultdict(int)
    for credit in business.credits:
        centre.people[credit.person].credits.append(credit)
        totals[credit.person] += credit.amount
    for id_no, total in totals.items():
        person = centre.people[id_no]
        business.drawn[id_no] = share(person, total)
        move(person, centre.day, *business.drawn[id_no])
    unit.prepaid += business.prepaid
    move_ledger(centre, business, 1)
    if until is not None:
        unit.paid_through = until
        if unit.status == OPENED:
            unit.status = NORMAL
    centre.businesses.append(business)


def share(person: Person, amount: int) -> tuple[int, int]:
    """Money in is this year's, and so is what is corrected, as far as this year's goes."""
    current = max(amount, -person.current)
    return amount - current, current


def move(person: Person, day: date, prior: int, current: int) -> None:
    person.prior += prior
    person.current += current
    person.movements.append(Movement(day, prior, current))


def take_back(centre: Centre, business: Business) -> None:
    """The same lines in red; months and status as they were before (ruling 24). What the bank had
    collected waits in 219 until it is paid back."""
    unit = centre.units[business.unit]
    for credit in business.credits:
        centre.people[credit.person].credits.remove(credit)
    for id_no, (prior, current) in business.drawn.items():
        person = centre.people[id_no]
        move(person, centre.day, -prior, -current)
        person.movements.pop()  # within its own day: it neither came in nor went out
        person.movements.remove(Movement(business.day, prior, current))
    unit.prepaid -= business.prepaid
    move_ledger(centre, business, -1)
    if business.collected:
        centre.ledger["101"] += business.collected
        centre.ledger["219"] -= business.collected
        centre.refunds[business.number] = business.collected
    if business.kind == "remittance":
        unit.paid_through = business.paid_before
        if unit.status == NORMAL:
            unit.status = business.status_before
    business.reversed = True


def move_ledger(centre: Centre, business: Business, sign: int) -> None:
    """What the bank collected comes from 101; what else a debit is made of, from the prepayment."""
    from_prepayment = business.amount - business.collected if business.collected else 0
    centre.ledger[business.debit] += sign * (business.amount - from_prepayment)
    if from_prepayment:
        centre.ledger["219"] += sign * from_prepayment
    centre.ledger[business.credit] -= sign * business.amount


def refund(centre: Centre, number: int) -> None:
    """The bank has paid back what a reversed business had collected."""
    amount = centre.refunds.pop(number)
    centre.ledger["101"] -= amount
    centre.ledger["219"] += amount


def settle_interest(centre: Centre, year: int) -> int:
    """30 June of ``year`` for every account; again is the first result (ruling 22). What had not
    been accrued is expensed, so that nothing of the year stays in 211."""
    if year not in centre.settled:
        settles = date(year, 6, 30)
        centre.settled.add(year)
        total = sum(
            settle_person(centre, person, year)
            for person in centre.people.values()
            if person.opened <= settles
        )
        centre.ledger["211"] += total
        centre.ledger["201"] -= total
        expense(centre, year, total - centre.accrued[year])
    known = [it.statements[year] for it in centre.people.values() if year in it.statements]
    return sum(it.interest for it in known)


def expense(centre: Centre, year: int, amount: int) -> None:
    centre.accrued[year] += amount
    centre.ledger["411"] += amount
    centre.ledger["211"] -= amount


def accrue_interest(centre: Centre, month: int) -> int:
    """计提利息: what all accounts have earned in the year by the end of ``month``, less what was
    accrued before. Interest is linear: all accounts earn together what each earns."""
    stop = date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    year = year_of(stop - ONE_DAY)
    opening = sum(it.carried for it in centre.people.values())
    movements = [
        it for person in centre.people.values() for it in person.movements if it.day < stop
    ]
    by_day = [
        Movement(
            day,
            sum(it.prior for it in movements if it.day == day),
            sum(it.current for it in movements if it.day == day),
        )
        for day in {it.day for it in movements}
    ]
    terms = centre.terms_on(stop - ONE_DAY)
    earned = half_up(interest_until(opening, by_day, stop, centre.rates, terms))
    amount = earned - centre.accrued[year]
    expense(centre, year, amount)
    return amount


def settle_person(centre: Centre, person: Person, year: int) -> int:
    """What was there on 30 June is carried over with its interest; what came after stays new."""
    settles = date(year, 6, 30)
    within = [it for it in person.movements if it.day <= settles]
    after = [it for it in person.movements if it.day > settles]
    interest = interest_of_year(
        person.carried, within, year, centre.rates, centre.terms_on(settles)
    )
    moved = [it.prior + it.current for it in within]
    statement = Statement(
        opening=person.carried,
        paid_in=sum(it for it in moved if it > 0),
        taken_out=-sum(it for it in moved if it < 0),
        interest=interest,
    )
    person.statements[year] = statement
    person.carried = person.prior = statement.closing
    person.current = 0
    person.movements = []
    for later in after:
        move(person, later.day, *share(person, later.prior + later.current))
    return interest


def books_disagree(centre: Centre) -> list[str]:
    """The invariants of 8.2 on the model itself."""
    wrong = []
    if sum(centre.ledger.values()):
        wrong.append("debits and credits differ")
    if sum(it.balance for it in centre.people.values()) != -centre.ledger["201"]:
        wrong.append("201 is not what the people have")
    prepaid = sum(it.prepaid for it in centre.units.values())
    waiting = sum(centre.suspense.values()) + sum(centre.refunds.values())
    if prepaid + waiting != -centre.ledger["219"]:
        wrong.append("219 is not what units prepaid and what waits for its owner")
    return wrong
