"""The centre's own people: added, stopped and let in again, passwords."""

from __future__ import annotations

from server.business.base import Field
from server.business.check import refuse_fields
from server.business.counter_kinds import Code, Secret
from server.business.facts import Values
from server.business.kinds import Choice, Text
from server.business.refusals import problem
from server.counter import staff
from server.counter.action import Action, Desk, Told
from server.counter.staff import EVERYBODY, ROLES, Role

MENU = "用户管理"
ADMINS = frozenset({Role.ADMIN})
SUPERVISORS = frozenset({Role.SUPERVISOR})
WATCHERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR})
STATES = {"active": "在用", "inactive": "停用"}
NAME = Field(
    "name", "用户名", Code(r"[A-Za-z][A-Za-z0-9._-]{1,31}", "以字母开头的 2–32 位字母或数字")
)
SHOWN = Field("shown", "姓名", Text(20))
ROLE = Field("role", "岗位", Choice(ROLES))
PASSWORD = Field("password", "一次性密码", Secret())


async def add(desk: Desk, values: Values) -> Told:
    password = await staff.add(desk.conn, values["name"], values["shown"], Role(values["role"]))
    return Told((NAME, PASSWORD), [{"name": values["name"], "password": password}])


async def reset(desk: Desk, values: Values) -> Told:
    password = await staff.reset_password(desk.conn, values["name"])
    return Told((NAME, PASSWORD), [{"name": values["name"], "password": password}])


async def stop(desk: Desk, values: Values) -> Told:
    await staff.set_state(desk.conn, values["name"], "inactive")
    return Told()


async def restore(desk: Desk, values: Values) -> Told:
    await staff.set_state(desk.conn, values["name"], "active")
    return Told()


async def change_password(desk: Desk, values: Values) -> Told:
    if values["again"] != values["new"]:
        raise refuse_fields(problem("T03", "again", why="两次输入的新密码不同"))
    await staff.change_password(desk.conn, desk.staff, values["old"], values["new"])
    return Told()


async def show_all(desk: Desk, values: Values) -> Told:
    rows = await desk.conn.execute("select name, shown, role, state from staff order by name")
    columns = (NAME, SHOWN, ROLE, Field("state", "状态", Choice(STATES)))
    return Told(columns, [_row(columns, row) for row in await rows.fetchall()])


def _row(columns: tuple[Field, ...], row: tuple[object, ...]) -> dict[str, object]:
    return {f.key: value for f, value in zip(columns, row, strict=True)}


OLD, NEW, AGAIN = (
    Field("old", "原密码", Secret()),
    Field("new", "新密码", Secret()),
    Field("again", "再次输入新密码", Secret()),
)
# Whoever could add or reset alone could be two people.
ADD_STAFF = Action("add-staff", "新增用户", MENU, ADMINS, add, (NAME, SHOWN, ROLE), SUPERVISORS)
STAFF_ACTIONS = (
    ADD_STAFF,
    Action("reset-password", "重置密码", MENU, ADMINS, reset, (NAME,), SUPERVISORS),
    Action("stop-staff", "停用用户", MENU, ADMINS, stop, (NAME,)),
    Action("restore-staff", "恢复用户", MENU, ADMINS, restore, (NAME,), SUPERVISORS),
    Action(
        "change-password", "修改密码", MENU, EVERYBODY, change_password, (OLD, NEW, AGAIN),
        is_keyed=False, for_new=True,
    ),
    Action("list-staff", "用户列表", MENU, WATCHERS, show_all, is_keyed=False),
)  # fmt: skip
