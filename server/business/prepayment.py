"""预缴 (U24): money from the unit's signed bank account into its prepayment account."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Payment, Rules, Spread
from server.business.facts import Case, Values
from server.business.kinds import Money
from server.business.parts import BALANCE, PAYER, REMARK
from server.business.refusals import Problem, problem


def derive(case: Case) -> Values:
    return {"balance": case.unit.prepayment_fen, "payer": case.unit.signed_account or "未签约"}


def check(case: Case) -> Iterator[Problem]:
    unit, amount = case.unit, case.head.get("amount")
    if not unit.signed_account:
        yield problem("Y01", "payer")
    if amount is not None and not 0 < amount <= unit.payment_limit_fen:
        yield problem("Y02", "amount", limit=Money().show(unit.payment_limit_fen))
    if PREPAYMENT.code in unit.paying:
        yield problem("Y03")


PREPAYMENT = Business(
    code="prepayment",
    label="预缴",
    menu="缴存业务",
    receipt="单位预缴回单",
    std="76",
    head=(
        BALANCE,
        PAYER,
        Field("amount", "预缴金额", Money()),
        REMARK,
    ),
    head_rules=Rules(derive, check),
    payment=Payment(amount="amount", spread=Spread.PREPAYMENT),
)
