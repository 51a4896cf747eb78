"""汇缴 (U25): pays every month from the one after the paid-through month up to the one named."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Counted, Field, Payment, Rules, Spread
from server.business.facts import Case, UnitStatus, Values
from server.business.kinds import Money, MonthKind, Whole
from server.business.parts import (
    BALANCE,
    FROM_PREPAYMENT,
    METHOD,
    PAID,
    PAYER,
    check_method,
    shares,
)
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
    return values | {
        "persons": max((due.persons for due in case.due.values()), default=0),
        "due": due_fen,
        **shares(case, due_fen),
    }


def check(case: Case) -> Iterator[Problem]:
    unit, until, due_fen = case.unit, case.head.get("until"), case.head.get("due")
    if REMITTANCE.code in unit.paying:
        yield problem("H04")
    if unit.status is UnitStatus.DEFERRED:
        yield problem("H10")
    low, high = unit.next_month, unit.month_now.plus(unit.remit_ahead_months)
    yield from check_method(case, due_fen, "H05", "H06")
    if until is None:
        return
    if low > high:
        yield problem("H01A", "until", paid=unit.paid_through, low=low)
    elif not low <= until <= high:
        yield problem("H01", "until", low=low, high=high)
    elif due_fen == 0:
        yield problem("H03", "until")


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
        PAID,
        FROM_PREPAYMENT,
        BALANCE,
        PAYER,
    ),
    head_rules=Rules(derive, check),
    payment=Payment(
        amount="due", spread=Spread.ROSTER, method="method", until="until",
        counts={"": Counted.REMITTED},
    ),
    # H10 says of a deferred unit what to do.
    unit_statuses=(UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED),
    blocked_by=("prepayment", "back_payment"),
    preview="remittance_months",
    listed="payment_persons",
)  # fmt: skip
