"""The centre itself: its business day, and its parameters."""

from __future__ import annotations

import datetime

from server import parameters
from server.books.close import close_day
from server.business.base import Field
from server.business.counter_kinds import Code
from server.business.facts import Values
from server.business.kinds import Choice, Day, Text
from server.business.parameters import PARAMETERS
from server.business.refusals import refused
from server.counter.action import Action, Desk, Told
from server.counter.staff import EVERYBODY, Role

MENU = "营业日与参数"
CLOSERS = frozenset({Role.FINANCE, Role.SUPERVISOR})
SUPERVISORS = frozenset({Role.SUPERVISOR})
APPROVERS = frozenset({Role.APPROVER})
DAY = Field("day", "营业日", Day())
ONE_DAY = datetime.timedelta(days=1)


async def show_day(desk: Desk, values: Values) -> Told:
    return Told((DAY,), [{"day": await parameters.business_day(desk.conn)}])


async def end_day(desk: Desk, values: Values) -> Told:
    today = await parameters.business_day(desk.conn)
    return Told((DAY,), [{"day": await close_day(desk.conn, today + ONE_DAY)}])


async def set_day(desk: Desk, values: Values) -> Told:
    if desk.is_production:
        raise refused("T15")
    return Told((DAY,), [{"day": await close_day(desk.conn, values["day"])}])


KEY = Field("key", "参数", Choice({p.key: p.label for p in PARAMETERS}))
VALUE = Field("value", "参数值", Text(2000))
FROM_DAY = Field("from_day", "生效日期", Day())
SCOPE = Field("scope", "县市", Code(r"[1-9][0-9]{5}", "6 位行政区划代码，或留空"), required=False)
ON_DAY = Field("day", "日期", Day(), required=False, note="不填为当前营业日")


async def set_parameter(desk: Desk, values: Values) -> Told:
    await parameters.set_parameter(
        desk.conn, values["key"], values["value"], values["from_day"], desk.staff.name,
        values.get("scope", parameters.GENERAL),
    )  # fmt: skip
    return Told((KEY, FROM_DAY), [{"key": values["key"], "from_day": values["from_day"]}])


SETTINGS = (
    KEY, VALUE, Field("since", "生效日期", Text()), Field("note", "说明", Text()),
    Field("scope", "县市", Text()), Field("set_by", "设置人", Text()),
)  # fmt: skip


async def show_parameters(desk: Desk, values: Values) -> Told:
    day = values.get("day") or await parameters.business_day(desk.conn)
    found = await parameters.settings(desk.conn, day, values.get("scope", parameters.GENERAL))
    return Told(SETTINGS, [_setting(line) for line in found])


async def show_history(desk: Desk, values: Values) -> Told:
    return Told(SETTINGS, [_setting(x) for x in await parameters.history(desk.conn, values["key"])])


def _setting(line: parameters.Setting) -> Values:
    since = "" if line.since == datetime.date.min else line.since.isoformat()
    return {
        "key": line.key, "value": line.shown, "since": since, "note": line.note,
        "scope": line.scope, "set_by": line.set_by,
    }  # fmt: skip


CENTRE_ACTIONS = (
    Action("show-day", "当前营业日", MENU, EVERYBODY, show_day, is_keyed=False),
    Action("day-end", "日终", MENU, CLOSERS, end_day),
    Action("set-day", "设置营业日", MENU, frozenset({Role.ADMIN}), set_day, (DAY,)),
    Action("set-parameter", "设置参数", MENU, SUPERVISORS, set_parameter,
           (KEY, VALUE, FROM_DAY, SCOPE), APPROVERS),
    Action("list-parameters", "参数列表", MENU, EVERYBODY, show_parameters, (ON_DAY, SCOPE),
           is_keyed=False),
    Action("parameter-history", "参数沿革", MENU, EVERYBODY, show_history, (KEY,), is_keyed=False),
)  # fmt: skip
