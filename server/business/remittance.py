"""汇缴 (U25): pays every month from the one after the paid-through month up to the one named."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Case, Field, Method, Payment, Rules, Spread, Values
from server.business.kinds import Masked, Money, MonthKind, Whole
from server.business.parts import METHOD
from server.business.refusals import Problem, problem


def derive(case: Case) -> Values:
    """What is due, and from where it comes under the chosen method (H05, H06)."""
    unit = case.unit
    values: dict[str, object] = {
        "paid_through": unit.paid_through,
        "from_month": unit.next_month,
        "balance": unit.prepayment_fen,
        "payer": unit.signed_account or "未签约",
    }
    if case.due is None:
        return values
    due_fen = sum(due.amount_fen for due in case.due.values())
    from_prepayment_fen = due_fen if case.head.get("method") == Method.PREPAYMENT else 0
    return values | {
        "persons": max((due.persons for due in case.due.values()), default=0),
        "due": due_fen,
        "paid": due_fen - from_prepayment_fen,
        "from_prepayment": from_prepayment_fen,
    }


def check(case: Case) -> Iterator[Problem]:
    unit, until, method = case.unit, case.head.get("until"), case.head.get("method")
    if REMITTANCE.code in unit.paying:
        yield problem("H04")
    if method == Method.SETTLE and not unit.signed_account:
        yield problem("H05", "method")
    low, high = unit.next_month, unit.month_now.plus(unit.remit_ahead_months)
    if until is None:
        return
    if low > high:
        yield problem("H01A", "until", paid=unit.paid_through, low=low)
        return
    if not low <= until <= high:
        yield problem("H01", "until", low=low, high=high)
        return
    due_fen = case.head.get("due")
    if due_fen is None:
        return
    if due_fen == 0:
        yield problem("H03", "until")
    if method == Method.PREPAYMENT and unit.prepayment_fen < due_fen:
        show = Money().show
        short = show(due_fen - unit.prepayment_fen)
        yield problem("H06", "method", balance=show(unit.prepayment_fen), short=short)


REMITTANCE = Business(
    code="remittance",
    label="汇缴",
    menu="缴存业务",
    receipt="单位汇缴回单",
    std="01",
    head=(
        Field("paid_through", "缴至年月", MonthKind(), std="JZNY", typed=False, on_receipt=False),
        Field("from_month", "汇缴起始年月", MonthKind(), typed=False),
        Field("until", "终止年月", MonthKind()),
        METHOD,
        Field("persons", "汇缴人数", Whole(), typed=False),
        Field("due", "应缴金额", Money(), typed=False),
        Field("paid", "实缴金额", Money(), typed=False),
        Field("from_prepayment", "预缴转出金额", Money(), typed=False),
        Field("balance", "预缴户余额", Money(), typed=False, on_receipt=False),
        Field("payer", "付款账户", Masked(), typed=False),
    ),
    head_rules=Rules(derive, check),
    payment=Payment(amount="due", spread=Spread.ROSTER, method="method", until="until"),
    blocked_by=("prepayment", "back_payment"),
)
