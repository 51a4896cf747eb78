"""个人启封 (U18): a sealed person of this unit contributes again from a month on."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.account_opening import check_base
from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, Values
from server.business.kinds import MonthKind
from server.business.parts import AMOUNTS, ANY_PAYMENT, BASE, PERSON, amounts_of, first_month_again
from server.business.refusals import Problem, problem
from server.business.sealing import known


def derive(case: Case) -> Values:
    """The former base unless another is typed, always at that month's ratios (ruling 4)."""
    shown, unit = known(case), case.unit
    if not shown or case.person is None:
        return {"month": unit.next_month}
    base, month = case.row.get("base", case.person.base_fen), first_month_again(case)
    amounts = amounts_of(unit, case.row.get("month", month), base)
    return shown | {"base": base, "month": month} | amounts


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
    wrong_status="Q01",
    person_key="account",
    row_rules=Rules(derive, check),
    blocked_by=ANY_PAYMENT,
)
