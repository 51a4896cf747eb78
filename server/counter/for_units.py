"""Units at the counter: opened, their bank accounts signed, their operators and certificates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from server import enrolment, parameters, registration, units
from server.business.base import Field
from server.business.check import refuse_fields
from server.business.counter_kinds import (
    BankAccountNumber,
    Certificate,
    Code,
    ResidentId,
    UnitAccount,
    Uscc,
)
from server.business.facts import UNIT_STATUSES, Values
from server.business.kinds import Choice, Money, MonthKind, PersonName, Phone, Ratio, Serial, Text
from server.business.month import Month
from server.business.refusals import Problem, problem, refused
from server.business.registration import ITEMS
from server.counter.action import Action, Desk, Told
from server.counter.staff import EVERYBODY, Role
from server.db import Connection

MENU = "单位与经办人"
TELLERS = frozenset({Role.TELLER})
STATES = {"active": "在用", "inactive": "停用", "bound": "已绑定", "revoked": "已解除"}

UNIT = Field("unit", "单位账号", UnitAccount())
NAME = Field("name", "单位名称", Text(60))
USCC = Field("uscc", "统一社会信用代码", Uscc())
COUNTY = Field("county", "行政区划", Code(r"[1-9][0-9]{5}", "6 位行政区划代码，例如 532301"))
BRANCH = Field("branch", "管理部", Code(r"[1-9][0-9]{3}", "4 位管理部编号"))
FIRST = Field("first_month", "首次汇缴年月", MonthKind())
UNIT_RATIO = Field("unit_ratio", "单位比例", Ratio())
PERSONAL_RATIO = Field("personal_ratio", "个人比例", Ratio())


async def open_unit(desk: Desk, values: Values) -> Told:
    await _insist_on_new(desk.conn, values["uscc"])
    day = await parameters.business_day(desk.conn)
    rules = await parameters.in_force(desk.conn, day, values["county"])
    if problems := [
        *_wrong_ratios(values, rules["ratio_min"], rules["ratio_max"], rules["ratio_step"]),
        *_wrong_month(values["first_month"], Month.of_day(day)),
    ]:
        raise refuse_fields(*problems)
    opening = units.Opening(
        values["name"], values["uscc"], values["county"], int(values["branch"]),
        values["first_month"].plus(-1), values["unit_ratio"], values["personal_ratio"],
    )  # fmt: skip
    unit_id = await units.open_unit(desk.conn, opening)
    await registration.register(desk.conn, unit_id, values)
    return Told((UNIT, NAME), [{"unit": unit_id, "name": values["name"]}], unit_id)


async def _insist_on_new(conn: Connection, uscc: str) -> None:
    """One employer, one account: two clerks who open it at once follow each other here."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (uscc,))
    rows = await conn.execute("select unit_id from unit where uscc = %s limit 1", (uscc,))
    if row := await rows.fetchone():
        raise refused("T09", unit=row[0])


def _wrong_ratios(values: Values, low: int, high: int, step: int) -> Iterator[Problem]:
    for f in (UNIT_RATIO, PERSONAL_RATIO):
        show, value = f.kind.show, values[f.key]
        if not low <= value <= high:
            yield problem("T10", f.key, label=f.label, low=show(low), high=show(high))
        elif value % step:
            yield problem("M10", f.key, label=f.label, step=show(step))


def _wrong_month(first: Month, now: Month) -> list[Problem]:
    """A year back, for who registers late; not so far ahead that it must be a slip."""
    low, high = now.plus(-12), now.plus(12)
    if low <= first <= high:
        return []
    return [problem("T10", FIRST.key, label=FIRST.label, low=low, high=high)]


ACCOUNT_NO = Field("account_no", "银行账号", BankAccountNumber())
HOLDER = Field("holder", "账户名称", Text(60))
BANK_NAME = Field("bank_name", "开户银行", Text(60))
BANK_CODE = Field("bank_code", "联行号", Code("[0-9]{3}|[0-9]{12}", "12 位联行号或 3 位银行代码"))
AGREEMENT = Field("agreement", "扣款协议号", Code("[0-9A-Za-z-]{4,40}", "银行给出的协议号"))
SIGNED = (UNIT, ACCOUNT_NO, HOLDER, BANK_NAME, BANK_CODE, AGREEMENT)


async def sign_account(desk: Desk, values: Values) -> Told:
    await units.lock(desk.conn, values["unit"])
    await units.sign_account(
        desk.conn, values["unit"], units.SignedAccount(**{f.key: values[f.key] for f in SIGNED[1:]})
    )
    return await show_accounts(desk, values)


async def cancel_account(desk: Desk, values: Values) -> Told:
    await units.lock(desk.conn, values["unit"])
    await units.cancel_account(desk.conn, values["unit"], values["account_no"])
    return await show_accounts(desk, values)


async def choose_account(desk: Desk, values: Values) -> Told:
    await units.lock(desk.conn, values["unit"])
    await units.choose_account(desk.conn, values["unit"], values["account_no"])
    return await show_accounts(desk, values)


async def show_accounts(desk: Desk, values: Values) -> Told:
    columns = (*SIGNED[1:], Field("use", "扣款账户", Text()))
    return await _found(
        desk, values, columns,
        """
        select account_no, holder, bank_name, bank_code, agreement,
               case when is_default then '默认' else '' end
        from bank_account where unit_id = %s and cancelled_day is null
        order by is_default desc, signed_day, account_no
        """,
    )  # fmt: skip


OPERATOR = Field("operator", "经办人编号", Serial())
PERSON = Field("name", "姓名", PersonName())
ID_NUMBER = Field("id_number", "身份证号", ResidentId())
PHONE = Field("phone", "手机号码", Phone())
CERTIFICATE = Field("certificate", "证书", Certificate())
BINDING = Field("binding", "证书编号", Serial())


async def register_operator(desk: Desk, values: Values) -> Told:
    person = enrolment.Operator(values["name"], values["id_number"], values["phone"])
    operator_id = await enrolment.register_operator(desk.conn, values["unit"], person)
    return Told((OPERATOR,), [{"operator": operator_id}], values["unit"])


async def change_phone(desk: Desk, values: Values) -> Told:
    await enrolment.change_phone(desk.conn, values["unit"], values["operator"], values["phone"])
    return await show_operators(desk, values)


async def stop_operator(desk: Desk, values: Values) -> Told:
    await enrolment.set_operator_state(desk.conn, values["unit"], values["operator"], "inactive")
    return await show_operators(desk, values)


async def restore_operator(desk: Desk, values: Values) -> Told:
    await enrolment.set_operator_state(desk.conn, values["unit"], values["operator"], "active")
    return await show_operators(desk, values)


async def bind_certificate(desk: Desk, values: Values) -> Told:
    binding = await enrolment.bind_to(
        desk.conn, values["unit"], values["operator"], values["certificate"]
    )
    return Told((BINDING,), [{"binding": binding}], values["unit"])


async def revoke_certificate(desk: Desk, values: Values) -> Told:
    await enrolment.revoke_certificate(desk.conn, values["unit"], values["binding"])
    return await show_operators(desk, values)


async def show_operators(desk: Desk, values: Values) -> Told:
    columns = (
        OPERATOR, PERSON, Field("phone_mask", "手机", Text()),
        Field("state", "状态", Choice(STATES)), BINDING, Field("serial", "证书序列号", Text()),
        Field("bound", "证书状态", Choice(STATES)),
    )  # fmt: skip
    return await _found(
        desk, values, columns,
        """
        select o.operator_id, o.name, left(o.phone, 3) || '****' || right(o.phone, 4), o.state,
               c.certificate_id, c.serial, c.state
        from operator o left join certificate c
            on c.unit_id = o.unit_id and c.operator_id = o.operator_id
        where o.unit_id = %s order by o.operator_id, c.certificate_id
        """,
    )  # fmt: skip


UNIT_COLUMNS = (
    NAME, USCC, COUNTY, Field("status", "状态", Choice(UNIT_STATUSES)),
    Field("paid_through", "缴至年月", MonthKind()), UNIT_RATIO, PERSONAL_RATIO,
    Field("prepayment", "预缴户余额", Money()),
)  # fmt: skip


async def show_unit(desk: Desk, values: Values) -> Told:
    told = await _found(
        desk, values, UNIT_COLUMNS,
        """
        select name, uscc, county, status, paid_through, unit_ratio, personal_ratio, prepayment_fen
        from unit where unit_id = %s
        """,
    )  # fmt: skip
    return Told(told.columns, [{**r, "paid_through": Month(r["paid_through"])} for r in told.rows],
                told.unit_id)  # fmt: skip


async def _found(desk: Desk, values: Values, columns: Sequence[Field], statement: str) -> Told:
    """What a statement about one unit finds, by column; N04 for a unit that is not there."""
    unit_id: int = values["unit"]
    known = await desk.conn.execute("select 1 from unit where unit_id = %s", (unit_id,))
    if await known.fetchone() is None:
        raise refused("N04")
    found: Any = await desk.conn.execute(statement, (unit_id,))
    rows = [dict(zip([f.key for f in columns], row, strict=True)) for row in await found.fetchall()]
    return Told(tuple(columns), rows, unit_id)


OPENED = (NAME, USCC, COUNTY, BRANCH, FIRST, UNIT_RATIO, PERSONAL_RATIO, *ITEMS)
UNIT_ACTIONS = (
    Action("open-unit", "单位开户", MENU, TELLERS, open_unit, OPENED),
    Action("show-unit", "单位资料", MENU, EVERYBODY, show_unit, (UNIT,), is_keyed=False),
    Action("sign-account", "缴存银行账户签约", MENU, TELLERS, sign_account, SIGNED),
    Action("cancel-account", "银行账户解约", MENU, TELLERS, cancel_account, (UNIT, ACCOUNT_NO)),
    Action("choose-account", "指定扣款账户", MENU, TELLERS, choose_account, (UNIT, ACCOUNT_NO)),
    Action("list-accounts", "签约账户列表", MENU, EVERYBODY, show_accounts, (UNIT,),
           is_keyed=False),
    Action("register-operator", "经办人登记", MENU, TELLERS, register_operator,
           (UNIT, PERSON, ID_NUMBER, PHONE)),
    Action("change-operator-phone", "经办人手机变更", MENU, TELLERS, change_phone,
           (UNIT, OPERATOR, PHONE)),
    Action("stop-operator", "经办人停用", MENU, TELLERS, stop_operator, (UNIT, OPERATOR)),
    Action("restore-operator", "经办人恢复", MENU, TELLERS, restore_operator, (UNIT, OPERATOR)),
    Action("bind-certificate", "证书绑定", MENU, TELLERS, bind_certificate,
           (UNIT, OPERATOR, CERTIFICATE)),
    Action("revoke-certificate", "证书解除绑定", MENU, TELLERS, revoke_certificate,
           (UNIT, BINDING)),
    Action("list-operators", "经办人与证书", MENU, EVERYBODY, show_operators, (UNIT,),
           is_keyed=False),
)  # fmt: skip
