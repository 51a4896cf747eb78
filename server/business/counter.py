"""What only the centre's counter and its finance section do to a unit's accounts."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.amounts import half_up
from server.business.base import Business, Counted, Field, Line, Payment, Rules, Spread
from server.business.chart import Gl
from server.business.facts import Case, PastMonth, Status, UnitStatus, Values
from server.business.kinds import Day, Masked, Money, MonthKind, Serial, Text
from server.business.parts import MONTH, PERSON, REMARK
from server.business.refusals import Problem, problem

ANY_OPEN_UNIT = (
    UnitStatus.NORMAL,
    UnitStatus.OPENED,
    UnitStatus.DEFERRED,
    UnitStatus.SEALED,
)
AMOUNT = Field("amount", "金额", Money())


def check_amount(case: Case) -> Iterator[Problem]:
    amount_fen = case.head.get("amount")
    if amount_fen is not None and amount_fen <= 0:
        yield problem("E01", "amount")


CHEQUE = Business(
    code="cheque",
    label="支票入预缴户",
    menu="",
    receipt="单位预缴回单",
    std="76",
    head=(
        Field("cheque_no", "支票号", Text(30)),
        Field("drawer", "出票单位", Text(60)),
        Field("received_day", "收到支票日期", Day()),
        AMOUNT,
        REMARK,
    ),
    head_rules=Rules(check=check_amount),
    payment=Payment("amount", Spread.PREPAYMENT, debit=Gl.DEPOSITS),
    unit_statuses=ANY_OPEN_UNIT,
)
CLAIM = Business(
    code="claim",
    label="暂收认领",
    menu="",
    receipt="单位预缴回单",
    std="76",
    head=(
        Field("bank_serial", "银行流水号", Text(40)),
        Field("received_day", "到账日期", Day()),
        AMOUNT,
        REMARK,
    ),
    head_rules=Rules(check=check_amount),
    payment=Payment("amount", Spread.PREPAYMENT, debit=Gl.CLEARING, is_reversible=False),
    unit_statuses=ANY_OPEN_UNIT,
)


def derive_correction(case: Case) -> Values:
    """The line that takes the amount back, from both parts as they were credited."""
    row, person = case.row, case.person
    if person is None:
        return {}
    values: dict[str, object] = {"name": person.name, "id_tail": person.id_tail}
    if case.past is None or "month" not in row or "amount" not in row:
        return values
    past = case.past.months.get(row["month"], PastMonth())
    unit_fen = half_up(past.unit_fen * row["amount"], past.total_fen) if past.total_fen else 0
    return values | {"lines": (Line(person.account, row["month"], -unit_fen, -row["amount"]),)}


def check_correction(case: Case) -> Iterator[Problem]:
    row, person = case.row, case.person
    if person is None or "month" not in row or "amount" not in row or case.past is None:
        return
    past = case.past.months.get(row["month"], PastMonth())
    paid_fen = past.total_fen
    show = Money().show
    if not 0 < row["amount"] <= paid_fen:
        yield problem("E02", "amount", month=row["month"], paid=show(paid_fen))
    elif row["amount"] > person.balance_fen:
        yield problem("E03", "amount", balance=show(person.balance_fen))
    if row["month"] in case.past.corrected:
        yield problem("E04", "month", month=row["month"])


CORRECTION = Business(
    code="correction",
    label="错缴更正",
    menu="",
    receipt="错缴更正回单",
    std="73",
    head=(
        Field("total", "退回预缴户金额", Money(), typed=False, sum_of="amount"),
        Field("reason", "更正原因", Text(60)),
    ),
    rows=(
        *PERSON,
        Field(MONTH.key, "错缴年月", MonthKind(), width=90),
        Field("amount", "更正金额", Money(), summed=True),
    ),
    takes=(Status.NORMAL, Status.SEALED),
    person_key="account",
    row_rules=Rules(derive_correction, check_correction),
    payment=Payment(
        "total",
        Spread.ROWS,
        debit=Gl.MEMBERS,
        counts={"": Counted.TAKEN_BACK},
        is_reversible=False,
    ),
    unit_statuses=ANY_OPEN_UNIT,
    blocked_by=("remittance", "back_payment"),
)
REVERSAL = Business(
    code="reversal",
    label="冲正",
    menu="",
    receipt="冲正回单",
    std="99",
    head=(
        Field("reverses", "原业务流水号", Serial()),
        Field("what", "原业务", Text(20), typed=False),
        Field("reason", "冲正原因", Text(60)),
        Field("amount", "冲正金额", Money(), typed=False),
    ),
    unit_statuses=ANY_OPEN_UNIT,
)
REFUND = Business(
    code="refund",
    label="冲正退款",
    menu="",
    receipt="退款回单",
    std="99",
    head=(
        Field("reversal", "冲正流水号", Serial()),
        Field("amount", "退款金额", Money()),
        Field("payee", "收款账户", Masked()),
    ),
    unit_statuses=ANY_OPEN_UNIT,
)
REFUND_KEPT = Business(
    code="refund_kept",
    label="退款转预缴",
    menu="",
    receipt="单位预缴回单",
    std="76",
    head=(
        Field("reversal", "冲正流水号", Serial()),
        Field("refund", "退款流水号", Serial()),
        AMOUNT,
    ),
    payment=Payment("amount", Spread.PREPAYMENT, debit=Gl.ERRORS, is_reversible=False),
    unit_statuses=ANY_OPEN_UNIT,
)
SETTLEMENT = Business(
    code="settlement",
    label="年终结息",
    menu="",
    receipt="单位结息回单",
    std="09",
    head=(
        Field("year", "结息年度", Text(4)),
        Field("amount", "利息合计", Money()),
    ),
    unit_statuses=ANY_OPEN_UNIT,
    listed="payment_persons",
)
