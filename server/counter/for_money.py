"""Money at the counter: cheques, claims, reversals, corrections, deferrals, the yearly interest."""

from __future__ import annotations

import datetime

from server import (
    batches,
    business_calendar,
    deferral,
    drafts,
    interest,
    parameters,
    refunds,
    reversal,
    suspense,
    units,
)
from server.business.base import Business, Field
from server.business.check import Texts, refuse_fields
from server.business.counter import CHEQUE, CORRECTION, REFUND_KEPT, REVERSAL
from server.business.counter_kinds import Code
from server.business.facts import Values
from server.business.kinds import Day, Masked, Money, MonthKind, Serial, Stamp, Text, Whole
from server.business.refusals import problem, refused
from server.counter.action import Action, Desk, Told
from server.counter.for_units import UNIT, show_unit
from server.counter.staff import EVERYBODY, Role
from server.db import Connection, Pool
from server.submission import Answer, Operator, Submit

MENU = "资金"
FINANCE = frozenset({Role.FINANCE})
CLERKS = frozenset({Role.TELLER, Role.FINANCE})
APPROVERS = frozenset({Role.APPROVER, Role.SUPERVISOR})
SETTLERS = frozenset({Role.FINANCE, Role.SUPERVISOR, Role.AUDITOR})
CHEQUE_DAYS = 3  # working days from receipt until the money must be usable (H08)
CHEQUE_OLD = datetime.timedelta(days=90)
COUNTER_LOGIN = "counter"
SERIAL = Field("serial", "业务流水号", Serial())
RECEIPT = Field("receipt_no", "回单编号", Text())


def _operator(desk: Desk, unit_id: int) -> Operator:
    """Who entered it acts in the unit's books; who approved it stands beside the deed."""
    return Operator(unit_id, desk.staff.staff_id, desk.staff.shown, COUNTER_LOGIN)


def _idem(desk: Desk) -> str:
    return f"deed-{desk.deed_id}"


async def submit(
    desk: Desk, unit_id: int, business: Business, head: Texts, rows: list[Texts]
) -> Answer:
    """As an operator's batch, checked and posted alike, in the desk's transaction."""
    operator = _operator(desk, unit_id)
    await units.lock(desk.conn, unit_id)
    batch_id, version = await drafts.save_new(
        desk.conn, unit_id, operator.operator_id, business.code, dict(head), [dict(r) for r in rows]
    )
    order = Submit(business, batch_id, version, False, _idem(desk))
    return await batches.submit_in(desk.conn, operator, order, _approved_by_a_colleague)


async def _approved_by_a_colleague(conn: Connection, digest: bytes) -> None:
    """The staff sign nothing with a key: the second person stands in the deed."""


def texts(fields: tuple[Field, ...], values: Values) -> dict[str, str]:
    return {f.key: f.kind.show(values[f.key]) for f in fields if f.key in values}


def _typed(business: Business) -> tuple[Field, ...]:
    return tuple(f for f in business.fields if f.typed)


def posted(unit_id: int, serial: int, receipt_no: str | None) -> Told:
    row = {"unit": unit_id, "serial": serial, "receipt_no": receipt_no}
    return Told((UNIT, SERIAL, RECEIPT), [row], unit_id)


CHEQUE_NO, RECEIVED = CHEQUE.field("cheque_no"), CHEQUE.field("received_day")


async def cheque(desk: Desk, values: Values) -> Told:
    unit_id: int = values["unit"]
    await units.lock(desk.conn, unit_id)
    today, received = await parameters.business_day(desk.conn), values[RECEIVED.key]
    low = today - CHEQUE_OLD
    if not low <= received <= today:
        wrong = problem("T10", RECEIVED.key, label=RECEIVED.label, low=low, high=today)
        raise refuse_fields(wrong)
    await _insist_on_new_cheque(desk.conn, unit_id, values[CHEQUE_NO.key])
    answer = await submit(desk, unit_id, CHEQUE, texts(CHEQUE.head, values), [])
    return posted(unit_id, answer.serial, answer.receipt_no)


async def _insist_on_new_cheque(conn: Connection, unit_id: int, number: str) -> None:
    """Two clerks may each enter the cheque on their desk; under the unit's lock."""
    rows = await conn.execute(
        """
        select 1 from txn t
        where unit_id = %s and business = %s and head ->> %s = %s
          and not exists (select from txn r where r.unit_id = t.unit_id and r.reverses = t.txn_id)
        """,
        (unit_id, CHEQUE.code, CHEQUE_NO.key, number),
    )
    if await rows.fetchone():
        raise refused("T17")


async def cheque_due(desk: Desk, values: Values) -> datetime.date:
    """Manual 25: the cheque's money is in the prepayment account within three working days."""
    calendar = await business_calendar.calendar(desk.conn)
    return calendar.plus_working_days(values[RECEIVED.key], CHEQUE_DAYS)


BANK_SERIAL = Field("bank_serial", "银行流水号", Text(40))
REMARK = CHEQUE.field("remark")
HELD = (
    BANK_SERIAL, Field("bank_day", "到账日期", Day()), Field("amount_fen", "金额", Money()),
    Field("account_no", "付款账号", Text()), Field("holder", "付款户名", Text()),
    Field("remark", "摘要", Text()),
)  # fmt: skip


async def claim(desk: Desk, values: Values) -> Told:
    operator = _operator(desk, values["unit"])
    serial, remark = values[BANK_SERIAL.key], values.get(REMARK.key, "")
    claimed = await suspense.claim(desk.conn, operator, serial, remark)
    return posted(operator.unit_id, claimed.serial, claimed.receipt_no)


async def show_suspense(desk: Desk, values: Values) -> Told:
    held = await suspense.held(desk.conn)
    return Told(HELD, [{f.key: getattr(receipt, f.key) for f in HELD} for receipt in held])


REVERSES, REASON = REVERSAL.field("reverses"), REVERSAL.field("reason")


async def reverse(desk: Desk, values: Values) -> Told:
    operator = _operator(desk, values["unit"])
    done = await reversal.reverse(
        desk.conn, operator, values[REVERSES.key], values[REASON.key], _idem(desk)
    )
    return posted(operator.unit_id, done.serial, done.receipt_no)


REFUND = Field("refund", "退款流水号", Serial())
OWED = (
    UNIT, REFUND, Field("begun_at", "提交时间", Stamp()), Field("amount_fen", "退款金额", Money()),
    Field("payee", "收款账户", Masked()), Field("why", "银行说明", Text()),
)  # fmt: skip


async def show_refunds(desk: Desk, values: Values) -> Told:
    return Told(OWED, [
        {UNIT.key: refund.unit_id, REFUND.key: refund.serial}
        | {f.key: getattr(refund, f.key) for f in OWED[2:]}
        for refund in await refunds.owed(desk.conn)
    ])  # fmt: skip


async def ask_again(desk: Desk, values: Values) -> Told:
    operator = _operator(desk, values["unit"])
    serial = await refunds.ask_again(desk.conn, operator, values[REFUND.key])
    row = {"unit": operator.unit_id, REFUND.key: serial}
    return Told((UNIT, REFUND), [row], operator.unit_id)


async def keep_refund(desk: Desk, values: Values) -> Told:
    operator = _operator(desk, values["unit"])
    return posted(operator.unit_id, *await refunds.keep(desk.conn, operator, values[REFUND.key]))


async def correct(desk: Desk, values: Values) -> Told:
    """One person's month; what was paid too much goes back to the unit's prepayment account."""
    unit_id: int = values["unit"]
    head, row = texts(CORRECTION.head, values), texts(CORRECTION.rows, values)
    answer = await submit(desk, unit_id, CORRECTION, head, [row])
    return posted(unit_id, answer.serial, answer.receipt_no)


FIRST = Field("first_month", "起始年月", MonthKind())
LAST = Field("last_month", "终止年月", MonthKind())
LAST_KEPT = Field(LAST.key, "实际终止年月", LAST.kind, required=False, note="提前恢复时填写")


async def defer(desk: Desk, values: Values) -> Told:
    await deferral.grant(desk.conn, values["unit"], values[FIRST.key], values[LAST.key])
    return await show_unit(desk, values)


async def end_deferral(desk: Desk, values: Values) -> Told:
    await deferral.end(desk.conn, values["unit"], values.get(LAST.key))
    return await show_unit(desk, values)


YEAR = Field("year", "结息年度", Code(r"20[0-9]{2}", "4 位年份"))
INTEREST = Field("interest_fen", "利息", Money())
ACCOUNTS = Field("accounts", "户数", Whole())
EARNED = (UNIT, ACCOUNTS, Field("balance_fen", "余额", Money()), INTEREST)
RUN = (YEAR, Field("units", "单位数", Whole()), ACCOUNTS, INTEREST)


async def preview_interest(desk: Desk, values: Values) -> Told:
    async def then(pool: Pool) -> Told:
        found = await interest.preview_year(pool, int(values[YEAR.key]))
        return Told(EARNED, [
            {UNIT.key: u.unit_id} | {f.key: getattr(u, f.key) for f in EARNED[1:]} for u in found
        ])  # fmt: skip

    return Told(then=then)


async def settle_interest(desk: Desk, values: Values) -> Told:
    """Types nothing but the year, so nobody has to check it; done again it does nothing again."""

    async def then(pool: Pool) -> Told:
        run = await interest.settle_year(pool, int(values[YEAR.key]), desk.staff.name)
        return Told(RUN, [{YEAR.key: values[YEAR.key]} | {f.key: getattr(run, f.key)
                                                          for f in RUN[1:]}])  # fmt: skip

    return Told(then=then)


MONEY_ACTIONS = (
    Action("cheque", CHEQUE.label, MENU, FINANCE, cheque, (UNIT, *_typed(CHEQUE)), APPROVERS,
           due=cheque_due),
    Action("claim", "暂收认领", MENU, FINANCE, claim, (UNIT, BANK_SERIAL, REMARK), APPROVERS),
    Action("list-suspense", "暂收列表", MENU, EVERYBODY, show_suspense, is_keyed=False),
    Action("reverse", REVERSAL.label, MENU, CLERKS, reverse, (UNIT, REVERSES, REASON), APPROVERS),
    Action("list-refunds", "未付退款列表", MENU, EVERYBODY, show_refunds, is_keyed=False),
    Action("retry-refund", "重新退款", MENU, FINANCE, ask_again, (UNIT, REFUND), APPROVERS),
    Action("keep-refund", REFUND_KEPT.label, MENU, FINANCE, keep_refund, (UNIT, REFUND), APPROVERS),
    Action("correct", CORRECTION.label, MENU, CLERKS, correct, (UNIT, *_typed(CORRECTION)),
           APPROVERS),
    Action("defer", "缓缴批准", MENU, CLERKS, defer, (UNIT, FIRST, LAST), APPROVERS),
    Action("end-deferral", "缓缴终止", MENU, CLERKS, end_deferral, (UNIT, LAST_KEPT), APPROVERS),
    Action("preview-interest", "结息试算", MENU, SETTLERS, preview_interest, (YEAR,),
           is_keyed=False),
    Action("settle-interest", "年终结息", MENU, FINANCE, settle_interest, (YEAR,),
           is_keyed=False),
)  # fmt: skip
