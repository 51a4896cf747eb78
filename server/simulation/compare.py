"""Every figure of the database beside the model's, and the books with themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from server import units
from server.business.month import Month
from server.db import transaction
from server.ledger.balance import books
from server.people import FOREVER
from server.simulation.life import Life
from server.simulation.model.books import books_disagree
from server.simulation.model.payments import due

LOOK_AHEAD = 3  # months whose roster is compared before anybody pays them

UNITS = "select unit_id, status, paid_through, prepayment_fen, reserved_fen from unit"
PEOPLE = """
    select p.id_number, a.unit_id, a.status, a.balance_fen, a.prior_fen, a.paid_through,
           a.base_fen, a.unit_fen, a.personal_fen, a.from_month, a.until_month
    from person p join account a using (unit_id, acct_id)
"""
STATEMENTS = """
    select p.id_number, s.year, s.opening_fen, s.in_fen, s.out_fen, s.interest_fen, s.closing_fen
    from interest_statement s join person p using (acct_id)
"""
# What a year is closed into belongs to the same expense.
LEDGER = """
    select case when left(gl, 3) = '311' then '411' else left(gl, 3) end,
           sum(dr_fen - cr_fen)::bigint
    from voucher_line group by 1
"""
BY_PARTS = """
    select p.id_number, e.month, sum(e.unit_fen)::bigint, sum(e.amount_fen)::bigint
    from entry e
    join person p using (acct_id)
    join txn t on t.unit_id = e.unit_id and t.txn_id = e.txn_id
    where t.business not in ('settlement', 'transfer', 'transfer_out') group by 1, 2
"""


async def compare(life: Life, *, to_the_last_line: bool = False) -> int:
    """How many figures agree; raises at the first that does not. ``to_the_last_line`` also what
    each person has for each month."""
    compared = 0
    pairs: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
        "units": (_units(life), await _found_units(life)),
        "people": (_people(life), await _found_people(life)),
        "statements": (_statements(life), await _found_statements(life)),
        "ledger": (
            {gl: fen for gl, fen in life.centre.ledger.items() if fen},
            {gl: fen for gl, fen in await life.hall.rows(LEDGER) if fen},
        ),
    }
    if to_the_last_line:
        pairs["months"] = _months(life), await _found_months(life)
    for name, (expected, found) in pairs.items():
        compared += _same(life, name, expected, found)
    compared += await _same_rosters(life)
    life.agree("the model's own books", [], books_disagree(life.centre))
    await _check_books(life)
    life.counts["comparisons"] += compared
    return compared


def _same(
    life: Life, name: str, expected: Mapping[str, object], found: Mapping[str, object]
) -> int:
    for key in sorted(expected.keys() | found.keys()):
        life.agree(f"{name} {key}", expected.get(key), found.get(key))
    return len(expected)


def _units(life: Life) -> dict[str, object]:
    return {
        key: (unit.status, unit.paid_through, unit.prepaid, unit.prepaid - unit.available)
        for key, unit in life.centre.units.items()
    }


async def _found_units(life: Life) -> dict[str, object]:
    names = {unit_id: key for key, unit_id in life.units.items()}
    rows = await life.hall.rows(UNITS)
    return {names[row[0]]: tuple(row[1:]) for row in rows if row[0] in names}


def _people(life: Life) -> dict[str, object]:
    return {
        person.id_no: (
            life.units[person.unit], person.status, person.balance, person.prior,
            person.paid_through, person.stays[-1].base, person.stays[-1].unit_part,
            person.stays[-1].person_part, person.stays[-1].first, person.stays[-1].until,
        )
        for person in life.centre.people.values()
    }  # fmt: skip


def _person(row: tuple[object, ...]) -> tuple[object, ...]:
    return (*row[:-1], None if row[-1] == FOREVER else row[-1])


async def _found_people(life: Life) -> dict[str, object]:
    rows = await life.hall.rows(PEOPLE)
    return {row[0]: _person(row[1:]) for row in rows if row[0] in life.centre.people}


def _statements(life: Life) -> dict[str, object]:
    return {
        f"{person.id_no} {year}": (
            it.opening, it.paid_in, it.taken_out, it.interest, it.closing,
        )
        for person in life.centre.people.values()
        for year, it in person.statements.items()
    }  # fmt: skip


async def _found_statements(life: Life) -> dict[str, object]:
    rows = await life.hall.rows(STATEMENTS)
    return {f"{row[0]} {row[1]}": tuple(row[2:]) for row in rows}


def _months(life: Life) -> dict[str, object]:
    sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person in life.centre.people.values():
        for credit in person.credits:
            by_unit, amount = sums[f"{person.id_no} {credit.month}"]
            sums[f"{person.id_no} {credit.month}"] = (
                by_unit + credit.unit_part,
                amount + credit.amount,
            )
    return {key: value for key, value in sums.items() if value != (0, 0)}


async def _found_months(life: Life) -> dict[str, object]:
    rows = await life.hall.rows(BY_PARTS)
    return {
        f"{who} {month}": (part, fen) for who, month, part, fen in rows if (part, fen) != (0, 0)
    }


async def _same_rosters(life: Life) -> int:
    """What the coming months would come to."""
    for key, unit_id in life.units.items():
        first = life.centre.units[key].paid_through + 1
        until = first + LOOK_AHEAD - 1
        expected: dict[int, tuple[int, int]] = {}
        for credit in due(life.centre, key, until):
            persons, amount = expected.get(credit.month, (0, 0))
            expected[credit.month] = (persons + 1, amount + credit.amount)
        async with transaction(life.hall.pool) as conn:
            rows = await units.due(conn, unit_id, Month(first), Month(until))
        found = {int(m): (it.persons, it.amount_fen) for m, it in rows.items() if it.persons}
        life.agree(f"roster of {key}", expected, found)
    return len(life.units) * LOOK_AHEAD


async def _check_books(life: Life) -> None:
    async with transaction(life.hall.pool) as conn:
        life.agree("invariants", [], (await books(conn)).disagreements)
