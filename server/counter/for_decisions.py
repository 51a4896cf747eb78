"""What waits for a second person: listed, approved (it happens then), or rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server import parameters
from server.business.base import Field
from server.business.check import read_fields
from server.business.counter_kinds import UnitAccount
from server.business.facts import Values
from server.business.kinds import Day, Serial, Stamp, Text
from server.business.refusals import refused
from server.counter import staff
from server.counter.action import Action, Desk, Told
from server.counter.perform import digest_of, keep_result, not_of_role
from server.counter.staff import EVERYBODY, Role

MENU = "复核"
DECIDERS = frozenset({Role.APPROVER, Role.SUPERVISOR})
NUMBER = Field("number", "编号", Serial())
LABEL = Field("label", "业务", Text())
STATES = {"pending": "待复核", "approved": "已复核", "rejected": "已退回", "done": "无须复核"}
WAITING = (
    NUMBER,
    LABEL,
    Field("unit", "单位账号", UnitAccount()),
    Field("entered_at", "录入时间", Stamp()),
    Field("entered_by", "录入人", Text()),
    Field("content", "内容", Text()),
    Field("due", "应办日期", Day()),
    Field("late", "提示", Text()),
)
DECIDED = (NUMBER, LABEL, Field("state", "结果", Text()))


@dataclass(frozen=True)
class Entry:
    """A deed as it was entered, locked until this transaction ends."""

    deed_id: int
    action: Action
    unit_id: int
    texts: Mapping[str, str]
    entered_by: int


def decisions(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The actions that decide about those of ``actions`` that need two people."""
    by_code = {action.code: action for action in actions if action.approved_by}

    async def list_pending(desk: Desk, values: Values) -> Told:
        rows = await desk.conn.execute(
            """
            select d.deed_id, d.action, nullif(d.unit_id, 0), d.entered_at::text, s.shown, d.texts
            from deed d join staff s on s.staff_id = d.entered_by
            where d.state = 'pending' order by d.deed_id
            """
        )
        return Told(WAITING, [await _waiting(desk, by_code, row) for row in await rows.fetchall()])

    async def approve(desk: Desk, values: Values) -> Told:
        entry = await _take(desk, by_code, values["number"])
        if desk.staff.role not in entry.action.approved_by:
            raise not_of_role(desk.staff, entry.action.label, entry.action.approved_by)
        entered_by = await staff.load(desk.conn, entry.entered_by)
        told = await entry.action.run(
            replace(desk, staff=entered_by, deed_id=entry.deed_id, approver=desk.staff),
            read_fields(entry.action.fields, entry.texts),
        )
        await _decide(desk, entry, "approved", None)
        await keep_result(desk.conn, entry.deed_id, told)
        first, *others = told.rows or [{}]
        return Told(
            (*DECIDED, *told.columns),
            [_decided(entry, "approved") | dict(first), *others],
            told.unit_id or entry.unit_id,
        )

    async def reject(desk: Desk, values: Values) -> Told:
        entry = await _take(desk, by_code, values["number"])
        await _decide(desk, entry, "rejected", values["reason"])
        return Told(DECIDED, [_decided(entry, "rejected")], entry.unit_id)

    reason = Field("reason", "退回原因", Text())
    return (
        Action("pending", "待复核列表", MENU, EVERYBODY, list_pending, is_keyed=False),
        Action("approve", "复核通过", MENU, DECIDERS, approve, (NUMBER,)),
        Action("reject", "复核退回", MENU, DECIDERS, reject, (NUMBER, reason)),
    )


async def _take(desk: Desk, by_code: Mapping[str, Action], number: int) -> Entry:
    """The pending entry, locked; T05 for one's own, T06 for one that is decided."""
    rows = await desk.conn.execute(
        "select action, unit_id, texts, digest, entered_by, state from deed"
        " where deed_id = %s for no key update",
        (number,),
    )
    row = await rows.fetchone()
    if row is None or row[0] not in by_code:
        raise refused("N04")
    action, unit_id, texts, digest, entered_by, state = row
    if state != "pending":
        raise refused("T06", state=STATES[state])
    if entered_by == desk.staff.staff_id:
        raise refused("T05")
    assert bytes(digest) == digest_of(action, texts), "an entry stays as it was entered"
    return Entry(number, by_code[action], unit_id, texts, entered_by)


async def _decide(desk: Desk, entry: Entry, state: str, reason: str | None) -> None:
    await desk.conn.execute(
        "update deed set state = %s, decided_by = %s, decided_at = now(), reason = %s"
        " where deed_id = %s",
        (state, desk.staff.staff_id, reason, entry.deed_id),
    )


async def _waiting(
    desk: Desk, by_code: Mapping[str, Action], row: tuple[Any, ...]
) -> dict[str, Any]:
    number, code, unit_id, entered_at, entered_by, texts = row
    action = by_code[code]
    values = read_fields(action.fields, texts)
    content = [f"{f.label}：{f.kind.show(values[f.key])}" for f in action.fields if f.key in values]
    due = await action.due(desk, values) if action.due else None
    is_late = due is not None and await parameters.business_day(desk.conn) > due
    return {
        "number": number, "label": action.label, "unit": unit_id, "entered_at": entered_at,
        "entered_by": entered_by, "content": "；".join(content), "due": due,
        "late": "已逾期" if is_late else None,
    }  # fmt: skip


def _decided(entry: Entry, state: str) -> dict[str, Any]:
    return {"number": entry.deed_id, "label": entry.action.label, "state": STATES[state]}
