"""Counts how often a receipt is printed: the first is the original, each later one a reprint.

A printing is reserved, so that its paper can bear its number; it counts once a printer's queue has
its job (``job`` is set) and before that queue may begin. So nobody prints what is not counted, and
a client that dies on its way there has counted nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server import units
from server.business.refusals import refused
from server.db import Connection
from server.receipts.issue import parse_number, show_number

# Reserved by a client that died, or by one that is slower: it will find its reservation gone.
FORGET = """
    delete from print p using unnest(%(years)s::int[], %(numbers)s::int[]) as w(year, number)
    where p.unit_id = %(unit)s and p.year = w.year and p.number = w.number and p.job is null
"""
RESERVE = """
    insert into print (unit_id, print_id, year, number, nth, printer, operator_id)
    select r.unit_id, w.print_id, r.year, r.number,
           (select count(*) from print p
            where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number),
           %(printer)s, %(operator)s
    from unnest(%(ids)s::bigint[], %(years)s::int[], %(numbers)s::int[])
        as w(print_id, year, number)
    join receipt r on r.unit_id = %(unit)s and r.year = w.year and r.number = w.number
    returning print_id, year, number, nth, to_char(at, 'YYYY-MM-DD HH24:MI')
"""
# Paper that bears a later number says that this one was printed, too: then it stays counted.
TAKE_BACK = """
    delete from print p
    where p.unit_id = %(unit)s and p.operator_id = %(operator)s and p.outcome is null
      and p.print_id = any(%(ids)s::bigint[])
      and not exists (select from print later
                      where later.unit_id = p.unit_id and later.year = p.year
                        and later.number = p.number and later.nth > p.nth)
"""


@dataclass(frozen=True)
class Print:
    """One printing of a receipt; ``nth`` counts from 0: the first is the original, no reprint."""

    receipt_no: str
    print_id: int
    nth: int
    mark: str


async def reserve(
    conn: Connection,
    unit_id: int,
    operator: tuple[int, str],
    numbers: Sequence[str],
    printer: str,
    print_ids: Sequence[int],
) -> list[Print]:
    """A printing of each receipt, all or none; nothing is counted yet.

    ``operator`` is who prints, by number and name; there is a print id for each receipt.
    """
    wanted = [parse_number(number) for number in numbers]
    if len(set(wanted)) < len(wanted):
        raise refused("N03", why="同一张回单重复")
    operator_id, operator_name = operator
    await units.lock(conn, unit_id)
    values = {
        "unit": unit_id, "operator": operator_id, "printer": printer, "ids": list(print_ids),
        "years": [year for year, _ in wanted], "numbers": [number for _, number in wanted],
    }  # fmt: skip
    await conn.execute(FORGET, values)
    rows = await conn.execute(RESERVE, values)
    made = {
        (year, number): Print(
            show_number(year, number), print_id, nth, _mark(nth, at, operator_name)
        )
        for print_id, year, number, nth, at in await rows.fetchall()
    }
    if len(made) < len(wanted):
        raise refused("N04")
    return [made[key] for key in wanted]


async def mark_of(conn: Connection, unit_id: int, year: int, number: int, print_id: int) -> str:
    """What a reserved printing of this receipt bears; empty for the original."""
    rows = await conn.execute(
        """
        select p.nth, to_char(p.at, 'YYYY-MM-DD HH24:MI'), coalesce(o.name, '')
        from print p left join operator o on o.unit_id = p.unit_id and o.operator_id = p.operator_id
        where p.unit_id = %s and p.year = %s and p.number = %s and p.print_id = %s
        """,
        (unit_id, year, number, print_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    return _mark(*row)


def _mark(nth: int, at: str, operator_name: str) -> str:
    return f"第{nth}次补打  {at}  {operator_name}" if nth else ""


async def count(
    conn: Connection, unit_id: int, print_ids: Sequence[int], job: str, outcome: str
) -> None:
    """Of printings whose job a queue has, all or none; ``outcome`` is empty until it has ended."""
    await units.lock(conn, unit_id)
    updated = await conn.execute(
        """
        update print set job = %s, outcome = nullif(%s, '')
        where unit_id = %s and print_id = any(%s::bigint[])
        """,
        (job, outcome, unit_id, list(print_ids)),
    )
    if updated.rowcount < len(set(print_ids)):
        raise refused("P19")


async def take_back(
    conn: Connection, unit_id: int, operator_id: int, print_ids: Sequence[int]
) -> None:
    """Of what the operator counted and did not print after all; what is not so stays counted."""
    await units.lock(conn, unit_id)
    values = {"unit": unit_id, "operator": operator_id, "ids": list(print_ids)}
    await conn.execute(TAKE_BACK, values)
