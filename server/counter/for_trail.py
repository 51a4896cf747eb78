"""What the staff did: the trail of all, one's own deeds, and whether the trail is whole."""

from __future__ import annotations

from collections.abc import Sequence

from server import audit
from server.business.base import Field
from server.business.counter_kinds import UnitAccount
from server.business.facts import Values
from server.business.kinds import Choice, Day, Serial, Stamp, Text, Whole
from server.counter.action import Action, Desk, Told
from server.counter.for_staff import NAME, WATCHERS
from server.counter.staff import EVERYBODY

MENU = "操作记录"
ROWS_MAX = 1000
STATES = {"pending": "待复核", "approved": "已复核", "rejected": "已退回", "done": "已办理"}
SINCE = Field("since", "起始日期", Day())
WHOSE = Field(NAME.key, NAME.label, NAME.kind, required=False)
NAMES = {"own-deeds": "本人办理记录", "trail": "全部操作记录", "check-trail": "操作记录核对"}
LOGINS = {"login": "登录", "logout": "退出"}
CHAIN = (
    Field("length", "记录数", Whole()),
    Field("verdict", "核对结果", Text()),
    Field("last_hash", "末条摘要", Text()),
)


def trails(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The actions that look at what was done; ``actions`` give it its names."""
    labels = {action.code: action.label for action in actions} | NAMES
    events = {f"counter:{code}": label for code, label in (labels | LOGINS).items()}
    columns = (
        Field("at", "时间", Stamp()),
        Field("shown", "办理人", Text()),
        Field("unit", "单位账号", UnitAccount()),
        Field("address", "来源", Text()),
        Field("action", "事项", Choice(events)),
        Field("outcome", "结果", Choice({audit.OK: "成功"})),
        Field("deed", "编号", Text()),
    )
    own_columns = (
        Field("number", "编号", Serial()),
        Field("label", "业务", Choice(labels)),
        Field("unit", "单位账号", UnitAccount()),
        Field("entered_at", "办理时间", Stamp()),
        Field("state", "状态", Choice(STATES)),
        Field("decided_by", "复核人", Text()),
        Field("reason", "退回原因", Text()),
    )

    async def trail(desk: Desk, values: Values) -> Told:
        """The latest first: what the staff did since a day, or one of them."""
        rows = await desk.conn.execute(
            """
            select a.at::text, s.shown, nullif(a.unit_id, 0), a.address, a.action, a.outcome,
                   a.detail ->> 'deed'
            from audit a join staff s on s.staff_id = a.staff_id
            where a.at >= %(since)s::date and (%(name)s::text is null or s.name = %(name)s)
            order by a.audit_id desc limit %(limit)s
            """,
            {"since": values["since"], "name": values.get(WHOSE.key), "limit": ROWS_MAX},
        )
        return Told(columns, [_row(columns, row) for row in await rows.fetchall()])

    async def own(desk: Desk, values: Values) -> Told:
        """What one did or entered since a day, and what a colleague decided; the latest first."""
        rows = await desk.conn.execute(
            """
            select d.deed_id, d.action, nullif(d.unit_id, 0), d.entered_at::text, d.state, s.shown,
                   d.reason
            from deed d left join staff s on s.staff_id = d.decided_by
            where d.entered_by = %s and d.entered_at >= %s::date order by d.deed_id desc limit %s
            """,
            (desk.staff.staff_id, values["since"], ROWS_MAX),
        )
        return Told(own_columns, [_row(own_columns, row) for row in await rows.fetchall()])

    return (
        Action("own-deeds", NAMES["own-deeds"], MENU, EVERYBODY, own, (SINCE,), is_keyed=False),
        Action("trail", NAMES["trail"], MENU, WATCHERS, trail, (SINCE, WHOSE), is_keyed=False),
        Action("check-trail", NAMES["check-trail"], MENU, WATCHERS, check_trail, is_keyed=False),
    )


async def check_trail(desk: Desk, values: Values) -> Told:
    """Length and last hash are to be noted down: a trail cut off at its end shows by them."""
    found = await audit.check_trail(desk.conn)
    verdict = "完整" if found.is_whole else f"第 {found.broken_at or '—'} 条起不符"
    if found.strangers:
        verdict += f"，另有 {found.strangers} 条不在链中"
    row = {"length": found.length, "verdict": verdict, "last_hash": found.last_hash}
    return Told(CHAIN, [row])


def _row(columns: Sequence[Field], row: Sequence[object]) -> dict[str, object]:
    return {f.key: value for f, value in zip(columns, row, strict=True)}
