"""Does an action: right and role, values, once by its key, the second person, and the audit row."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg.types.json import Jsonb

from server import audit
from server.business.base import Field
from server.business.check import read_fields
from server.business.facts import Values
from server.business.refusals import Refused, refused
from server.counter.action import Action, Desk, Told
from server.counter.staff import ROLES, Role, Staff, named
from server.db import Connection, Pool, transaction

Texts = Mapping[str, str]
UNIT = "unit"  # the field that says whom an action is about


def is_production() -> bool:
    """Whether what only a trial may do is forbidden."""
    return os.environ.get("HPF_PRODUCTION") == "1"


@dataclass(frozen=True)
class Origin:
    """Who stands at the counter, and from where; ``is_production`` is the server's own."""

    staff: Staff
    address: str
    is_production: bool
    token_sha256: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """``state`` is done or pending; ``number`` is what a colleague approves, if it is pending."""

    state: str
    number: int
    columns: Sequence[tuple[str, str]] = ()  # key and label
    rows: Sequence[Texts] = ()


async def perform(pool: Pool, origin: Origin, action: Action, texts: Texts, idem: str) -> Outcome:
    """All or nothing, in one transaction. ``idem`` names this press of the button: again, it gets
    the first answer. What was refused leaves its trace too.
    """
    try:
        async with transaction(pool) as conn:
            outcome, told = await _perform(conn, origin, action, texts, idem)
            deed = {"deed": outcome.number} if outcome.number else {}
            await _record(conn, origin, action, audit.OK, told.unit_id, deed)
        return _shown(outcome.state, 0, await told.then(pool)) if told.then else outcome
    except Exception as error:
        code = error.reason.code if isinstance(error, Refused) else "N05"
        async with transaction(pool) as conn:
            unit_id = await _known_unit(conn, action, texts)
            await _record(conn, origin, action, code, unit_id, {})
        raise


async def _perform(
    conn: Connection, origin: Origin, action: Action, texts: Texts, idem: str
) -> tuple[Outcome, Told]:
    _authorise(origin.staff, action)
    values = read_fields(action.fields, texts)
    desk = Desk(conn, origin.staff, 0, origin.is_production)
    if not action.is_keyed:
        told = await action.run(desk, values)
        return _shown("done", 0, told), told
    assert idem, "what is done once has a key"
    unit_id = values.get(UNIT, audit.UNKNOWN_UNIT)
    deed_id, earlier = await _enter(conn, origin.staff, action, texts, idem, unit_id)
    if earlier is not None:
        return earlier, Told(unit_id=unit_id)
    desk = replace(desk, deed_id=deed_id)
    if action.approved_by:
        # Tried and undone: whoever types it learns now what the colleague would learn later.
        async with conn.transaction(force_rollback=True):
            await action.run(desk, values)
        return Outcome("pending", deed_id), Told(unit_id=unit_id)
    told = await action.run(desk, values)
    await keep_result(conn, deed_id, told)
    return _shown("done", deed_id, told), replace(told, unit_id=told.unit_id or unit_id)


def _authorise(staff: Staff, action: Action) -> None:
    if staff.must_change and not action.for_new:
        raise refused("T02")
    if staff.role not in action.roles:
        raise not_of_role(staff, action.label, action.roles)


def not_of_role(staff: Staff, label: str, roles: frozenset[Role]) -> Refused:
    return refused("T04", role=ROLES[staff.role], label=label, roles=named(roles))


def digest_of(action_code: str, texts: Texts) -> bytes:
    """Over what is filled: an empty field and an absent one are the same."""
    filled = {key: text for key, text in texts.items() if text}
    plain = json.dumps([action_code, filled], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(plain.encode()).digest()


async def _enter(
    conn: Connection, staff: Staff, action: Action, texts: Texts, idem: str, unit_id: int
) -> tuple[int, Outcome | None]:
    """A new deed's number; or an earlier one's and its outcome, when the key was used for it."""
    digest = digest_of(action.code, texts)
    rows = await conn.execute(
        """
        insert into deed (action, unit_id, texts, digest, entered_by, idem, state)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (entered_by, idem) do nothing returning deed_id
        """,
        (
            action.code, unit_id, Jsonb(dict(texts)) if action.approved_by else None, digest,
            staff.staff_id, idem, "pending" if action.approved_by else "done",
        ),
    )  # fmt: skip
    if row := await rows.fetchone():
        return int(row[0]), None
    rows = await conn.execute(
        "select deed_id, digest, state, result from deed where entered_by = %s and idem = %s",
        (staff.staff_id, idem),
    )
    row = await rows.fetchone()
    assert row is not None, "a key that is taken has its deed"
    deed_id, first_digest, state, result = row
    if bytes(first_digest) != digest:
        raise refused("G12")
    return int(deed_id), Outcome(state, int(deed_id), **(result or {}))


async def keep_result(conn: Connection, deed_id: int, told: Told) -> None:
    """As shown, with what is secret covered: the first answer to a key that comes again."""
    kept = {
        "columns": [(f.key, f.label) for f in told.columns],
        "rows": [_texts(told.columns, row, is_masked=True) for row in told.rows],
    }
    await conn.execute("update deed set result = %s where deed_id = %s", (Jsonb(kept), deed_id))


def _shown(state: str, number: int, told: Told) -> Outcome:
    columns = [(f.key, f.label) for f in told.columns]
    return Outcome(state, number, columns, [_texts(told.columns, row) for row in told.rows])


def _texts(fields: Sequence[Field], values: Values, is_masked: bool = False) -> dict[str, str]:
    return {
        f.key: (f.kind.mask if is_masked else f.kind.show)(values[f.key])
        for f in fields
        if values.get(f.key) is not None
    }


async def _known_unit(conn: Connection, action: Action, texts: Texts) -> int:
    """For the trace of a refusal: nobody's typing becomes a key of the audit table."""
    kind = next((f.kind for f in action.fields if f.key == UNIT), None)
    unit_id = kind.read(texts.get(UNIT, "")) if kind else None
    rows = await conn.execute("select 1 from unit where unit_id = %s", (unit_id,))
    return int(unit_id) if unit_id and await rows.fetchone() else audit.UNKNOWN_UNIT


async def _record(
    conn: Connection,
    origin: Origin,
    action: Action,
    outcome: str,
    unit_id: int,
    detail: Mapping[str, int],
) -> None:
    await audit.record(
        conn, f"counter:{action.code}", outcome, origin.address, unit_id=unit_id,
        staff_id=origin.staff.staff_id, token_sha256=origin.token_sha256, detail=detail,
    )  # fmt: skip
