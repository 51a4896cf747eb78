"""个人启封 (U18): a sealed person of this unit contributes again from a month on."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.account_opening import check_base
from server.business.amounts import monthly
from server.business.base import Business, Case, Field, Rules, Status, Values
from server.business.kinds import MonthKind
from server.business.month import Month
from server.business.parts import AMOUNTS, BASE, PERSON
from server.business.refusals import Problem, problem
from server.business.sealing import known


def derive(case: Case) -> Values:
    """The former base unless another is typed, always at today's ratios (ruling 4)."""
    shown, unit = known(case), case.unit
    if not shown or case.person is None:
        return {"month": unit.next_month}
    base = case.row.get("base", case.person.base_fen)
    parts = monthly(base, unit.unit_ratio, unit.personal_ratio, unit.rounding)
    return shown | {
        "base": base,
        "month": first_month(case),
        "unit_ratio": unit.unit_ratio,
        "personal_ratio": unit.personal_ratio,
        "unit_fen": parts.unit_fen,
        "personal_fen": parts.personal_fen,
        "monthly_fen": parts.total_fen,
    }


def first_month(case: Case) -> Month:
    """The earliest month the person can start again: not paid yet, and not before the sealing."""
    assert case.person is not None
    sealed = case.person.until_month or case.unit.next_month
    own = case.person.paid_through
    return max(case.unit.next_month, sealed, own.plus(1) if own else case.unit.next_month)


def check(case: Case) -> Iterator[Problem]:
    yield from check_base(case, "K08")
    month, person = case.row.get("month"), case.person
    if month is None or person is None:
        return
    paid = max(case.unit.paid_through, person.paid_through or case.unit.paid_through)
    if month <= paid:
        yield problem("Q02", "month", paid=paid, low=paid.plus(1))
    elif person.until_month is not None and month < person.until_month:
        yield problem("Q06", "month", sealed=person.until_month)


UNSEALING = Business(
    code="unsealing",
    label="个人启封",
    menu="归集业务",
    receipt="个人启封回单",
    std="04",
    rows=(
        *PERSON,
        Field("month", "启封年月", MonthKind(), width=90),
        Field("base", "缴存基数", BASE.kind, std="GRJCJS", required=False, summed=True),
        *AMOUNTS,
    ),
    takes=(Status.SEALED,),
    leaves=Status.NORMAL,
    person_key="account",
    row_rules=Rules(derive, check),
    blocked_by=("remittance", "back_payment", "prepayment"),
)
