"""The centre's own books at the counter: vouchers, accruals, balances, the reconciliation."""

from __future__ import annotations

from server import adjustment, interest, reconciliation, units
from server.adjustment import KINDS, Adjustment
from server.books import balances, vouchers
from server.business.base import Field
from server.business.counter_kinds import UnitAccount
from server.business.facts import Values
from server.business.finance import KIND, VOUCHER, VOUCHER_AMOUNT, WORDS
from server.business.kinds import Day, Money, MonthKind, Serial, Text
from server.business.refusals import refused
from server.counter.action import Action, Desk, Told
from server.counter.for_money import APPROVERS, COUNTER_LOGIN, FINANCE, SERIAL, SETTLERS
from server.counter.for_units import UNIT
from server.submission import Operator

MENU = "账务"
VOUCHER_NO = Field("voucher_no", "凭证编号", Text())


async def voucher(desk: Desk, values: Values) -> Told:
    clerk = Operator(units.CENTRE, desk.staff.staff_id, desk.staff.shown, COUNTER_LOGIN)
    entered = await vouchers.post_voucher(
        desk.conn, clerk, values[KIND.key], values[VOUCHER_AMOUNT.key], values[WORDS.key],
        f"deed-{desk.deed_id}",
    )  # fmt: skip
    row = {"serial": entered.serial, "voucher_no": entered.voucher_no}
    return Told((SERIAL, VOUCHER_NO), [row])


MONTH = Field("month", "计提年月", MonthKind())
AMOUNT = Field("amount_fen", "计提金额", Money())


async def accrue(desk: Desk, values: Values) -> Told:
    amount_fen = await interest.accrue(desk.conn, values[MONTH.key])
    return Told((MONTH, AMOUNT), [{"month": values[MONTH.key], "amount_fen": amount_fen}])


FIRST = Field("first", "起始日期", Day(), required=False, note="不填为当月 1 日")
LAST = Field("last", "截止日期", Day(), required=False, note="不填为当前营业日")
BALANCE = (
    Field("gl", "科目", Text()), Field("label", "科目名称", Text()),
    Field("opening_fen", "期初余额", Money()), Field("dr_fen", "借方发生额", Money()),
    Field("cr_fen", "贷方发生额", Money()), Field("closing_fen", "期末余额", Money()),
)  # fmt: skip


async def show_balances(desk: Desk, values: Values) -> Told:
    first, last = await balances.period(desk.conn, values.get("first"), values.get("last"))
    found = await balances.trial_balance(desk.conn, first, last)
    return Told(BALANCE, [{f.key: getattr(line, f.key) for f in BALANCE} for line in found.lines])


ON_DAY = Field("day", "银行日期", Day())
COMPARED = (
    Field("item", "项目", Text()), Field("bank_serial", "银行流水号", Text()),
    Field("unit", "单位账号", UnitAccount()), Field("serial", "业务流水号", Serial()),
    Field("bank_fen", "银行金额", Money()), Field("book_fen", "账面金额", Money()),
    Field("note", "说明", Text()),
)  # fmt: skip


async def show_reconciliation(desk: Desk, values: Values) -> Told:
    """银行存款余额调节表 of a day as last made: both sides' balances, then what is not the same."""
    found = await adjustment.load(desk.conn, values["day"])
    if found is None:
        raise refused("N04")
    return Told(COMPARED, [*_sums(found), *_differences(found)])


def _sums(found: Adjustment) -> list[Values]:
    return [
        {"item": "调节前余额", "bank_fen": found.closing_fen, "book_fen": found.book_fen},
        {"item": "调节后余额", "bank_fen": found.adjusted_bank_fen,
         "book_fen": found.adjusted_book_fen,
         "note": "相符" if found.is_balanced else "不符"},
    ]  # fmt: skip


def _differences(found: Adjustment) -> list[Values]:
    return [
        {
            "item": KINDS[line.kind], "bank_serial": line.bank_serial,
            "unit": line.unit_id or None, "serial": line.txn_id, "bank_fen": line.bank_fen,
            "book_fen": line.book_fen, "note": line.note,
        }
        for line in found.lines
        if line.bank_fen != line.book_fen
    ]  # fmt: skip


async def withdraw(desk: Desk, values: Values) -> Told:
    """What our books have and the bank has not, as the latest reconciliation found it."""
    clerk = Operator(values[UNIT.key], desk.staff.staff_id, desk.staff.shown, COUNTER_LOGIN)
    serial = await reconciliation.withdraw(desk.conn, clerk, values[SERIAL.key])
    return Told((UNIT, SERIAL), [{"unit": clerk.unit_id, "serial": serial}], clerk.unit_id)


BOOK_ACTIONS = (
    Action("voucher", VOUCHER.label, MENU, FINANCE, voucher, (KIND, VOUCHER_AMOUNT, WORDS),
           APPROVERS),
    Action("accrue", "利息计提", MENU, FINANCE, accrue, (MONTH,)),
    Action("show-balances", "科目余额表", MENU, SETTLERS, show_balances, (FIRST, LAST),
           is_keyed=False),
    Action("show-reconciliation", "银行存款余额调节表", MENU, SETTLERS, show_reconciliation,
           (ON_DAY,), is_keyed=False),
    Action("withdraw", "撤销入账", MENU, FINANCE, withdraw, (UNIT, SERIAL), APPROVERS),
)  # fmt: skip
