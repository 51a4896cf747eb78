"""What one unit may learn of another's people for a transfer, and of how many in a day."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server import audit, drafts, parameters, units
from server.business.base import Business
from server.business.check import Texts
from server.business.facts import OtherUnit, Person, Status, UnitStatus
from server.business.kinds import trimmed
from server.business.month import Month
from server.business.refusals import refused
from server.business.transfer import is_account
from server.db import Connection
from server.people import PERSON, read_person

LOOK_ACTION = "transfer.look"
LOOSE_LENGTH_MIN = 2
FOUND_MAX = 20
# The first month that the unit has yet to remit while the person is on its roster. Deferred months
# hold nobody back (ruling 7); a unit that owes for years is found by any of them.
# The numbers that are asked for stand first: of as many as there are, whatever the planner knows.
FIND = f"""
    select p.id_number, {PERSON}, owed.month
    from ({{wanted}}) w
    join person p on p.unit_id = %(unit)s and p.acct_id = w.acct_id
    join account a on a.unit_id = p.unit_id and a.acct_id = p.acct_id
    join unit u on u.unit_id = p.unit_id
    left join lateral (
        select min(m) as month
        from (select a.from_month, a.until_month
              union all
              select s.from_month, s.until_month from segment s
              where s.unit_id = a.unit_id and s.until_month > u.paid_through + 1
                and s.acct_id = a.acct_id) r
        cross join generate_series(greatest(r.from_month, u.paid_through + 1),
                                   least(r.until_month, u.paid_through + 600) - 1) m
        where not exists (select from deferral d where d.unit_id = a.unit_id
                                                   and m between d.from_month and d.until_month)
    ) owed on true
    where a.status in ('01', '02')
"""
FIND_WHOLE = FIND.format(
    wanted="""
    select unnest(%(numbers)s::bigint[]) as acct_id
    union
    select acct_id from person where unit_id = %(unit)s and id_number = any(%(texts)s)"""
)
FIND_LOOSELY = FIND.format(
    wanted="""
    select acct_id from person where unit_id = %(unit)s and (
        strpos(acct_id::text, %(part)s) > 0 or strpos(name, %(part)s) > 0
        or right(id_number, greatest(length(%(part)s), 4)) = upper(%(part)s))"""
)


@dataclass(frozen=True)
class Looker:
    """Who looks, at which client."""

    unit_id: int
    operator_id: int
    token_sha256: bytes
    address: str


@dataclass(frozen=True)
class Candidate:
    """All that another unit learns of a person: ``sought`` is what it asked with."""

    sought: str
    account: int
    name: str
    id_tail: str
    status: Status


def taken_from(business: Business, head: Texts) -> int | None:
    """The unit that the head names, if there is such a field and it can be read."""
    key = business.takes_from
    found = business.field(key).kind.read(head.get(key, "")) if key else None
    return None if found is None else int(found)


async def lock(conn: Connection, unit_id: int, business: Business, batch_id: int) -> None:
    """The unit, and the one that persons are taken from, in the order of their numbers. The saved
    batch names it; a batch that is changed meanwhile is refused (G08)."""
    needed = {unit_id}
    if business.takes_from:
        draft = await drafts.load(conn, unit_id, business.code, batch_id)
        other = taken_from(business, draft.head)
        if other is not None and await other_unit(conn, other):
            needed.add(other)
    for each in sorted(needed):
        await units.lock(conn, each)


async def other_unit(conn: Connection, unit_id: int) -> OtherUnit | None:
    rows = await conn.execute(
        """
        select u.name, u.status, exists (
                   select from payment p where p.unit_id = u.unit_id and p.direction = 'in'
                   and p.state in ('pending', 'sent', 'unknown', 'collected'))
        from unit u where unit_id = %s and unit_id > 0
        """,
        (unit_id,),
    )
    row = await rows.fetchone()
    if row is None:
        return None
    name, status, is_paying = row
    return OtherUnit(unit_id, name, status != UnitStatus.CLOSED, is_paying)


async def find(conn: Connection, unit_id: int, keys: Iterable[str]) -> dict[str, Person]:
    """The people of a unit whose whole account or ID number is among ``keys``."""
    wanted = list(keys)
    values = {
        "unit": unit_id, "numbers": [int(key) for key in wanted if is_account(key)],
        "texts": wanted,
    }  # fmt: skip
    rows = await conn.execute(FIND_WHOLE, values)
    found = await asyncio.to_thread(_persons, await rows.fetchall())
    by_key = found | {str(person.account): person for person in found.values()}
    return {key: by_key[key] for key in wanted if key in by_key}


def _persons(rows: Sequence[Sequence[Any]]) -> dict[str, Person]:
    """By ID number."""
    return {row[0]: replace(read_person(row[1:-1]), owed_month=_month(row[-1])) for row in rows}


def _month(value: int | None) -> Month | None:
    return None if value is None else Month(value)


async def look(
    conn: Connection, looker: Looker, business: Business, from_unit: int, sought: Sequence[str]
) -> list[Candidate]:
    """Who of another unit can be taken by the numbers ``sought``; each look leaves a trace."""
    await trace(conn, looker, from_unit, sought)
    values = await parameters.in_force(conn, await parameters.business_day(conn))
    statuses = [Status.SEALED]
    if not values["transfer_requires_sealed"]:
        statuses.append(Status.NORMAL)
    kind = business.field(business.person_key).kind
    keys = {text: key for text in sought if (key := kind.read(text)) is not None}
    by_key = await find(conn, from_unit, keys.values())
    found = [(text, by_key[key]) for text, key in keys.items() if key in by_key]
    if not values["transfer_lookup_exact"]:
        whole = {text for text, _ in found}
        found += await _find_loosely(conn, from_unit, [t for t in sought if t not in whole])
    return [_candidate(text, person) for text, person in found if person.status in statuses]


async def trace(conn: Connection, looker: Looker, from_unit: int, sought: Sequence[str]) -> None:
    """Counts and records that the unit asks for these people; Z07 when that are too many."""
    await _count(conn, looker.unit_id, from_unit, sought)
    await audit.record(
        conn, LOOK_ACTION, audit.OK, looker.address, unit_id=looker.unit_id,
        operator_id=looker.operator_id, token_sha256=looker.token_sha256,
        detail={"from_unit": from_unit, "sought": len(sought)},
    )  # fmt: skip


def sought_in(business: Business, rows: Iterable[Texts]) -> list[str]:
    """What the rows of a batch ask for."""
    kind = business.field(business.person_key).kind
    texts = (row.get(business.person_key, "") for row in rows)
    return [text for text in texts if kind.read(text) is not None]


async def _find_loosely(
    conn: Connection, unit_id: int, parts: Iterable[str]
) -> list[tuple[str, Person]]:
    """By part of a number or name, where the centre allows it."""
    found: list[tuple[str, Person]] = []
    for part in parts:
        if len(trimmed(part)) < LOOSE_LENGTH_MIN:
            continue
        rows = await conn.execute(
            f"{FIND_LOOSELY} order by p.acct_id limit {FOUND_MAX}",
            {"unit": unit_id, "part": trimmed(part)},
        )
        found += [(part, person) for person in _persons(await rows.fetchall()).values()]
    return found


def _candidate(sought: str, person: Person) -> Candidate:
    """Covered as domain 11.3 has it between units."""
    name = "*" * (len(person.name) - 1) + person.name[-1:]
    return Candidate(sought, person.account, name, person.id_tail[-4:], person.status)


async def _count(conn: Connection, unit_id: int, from_unit: int, sought: Iterable[str]) -> None:
    """Each person once a day."""
    rows = await conn.execute("select business_day, code_key from centre")
    row = await rows.fetchone()
    assert row is not None, "the centre has been opened"
    day: datetime.date = row[0]
    digests = [
        hmac.digest(bytes(row[1]), f"{from_unit}|{text}".encode(), hashlib.sha256)
        for text in dict.fromkeys(map(trimmed, sought))
        if text
    ]
    await conn.execute(
        "insert into look (unit_id, day, sought_sha256)"
        " select %s, %s, * from unnest(%s::bytea[]) on conflict do nothing",
        (unit_id, day, digests),
    )
    counted = await conn.execute(
        "select count(*) from look where unit_id = %s and day = %s", (unit_id, day)
    )
    limit = (await parameters.in_force(conn, day))["transfer_looks_per_day"]
    if (await counted.fetchone() or (0,))[0] > limit:
        raise refused("Z07", limit=limit)
