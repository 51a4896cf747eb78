"""个人启封 (U18): a sealed person of this unit contributes again from a month on."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.account_opening import check_base
from server.business.amounts import Monthly, base_of, split
from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, Values
from server.business.kinds import MonthKind
from server.business.month import Month
from server.business.parts import (
    AMOUNTS,
    ANY_PAYMENT,
    BASE,
    LISTED_PERSON,
    amounts_of,
    check_ahead,
    first_month_again,
    monthly_limits,
)
from server.business.refusals import Problem, problem
from server.business.sealing import CLOSING_REASONS, SEAL_REASONS, known


def derive(case: Case) -> Values:
    """The former base unless another is typed, always at that month's ratios (ruling 4)."""
    shown, unit = known(case), case.unit
    if not shown or case.person is None:
        return {"month": unit.next_month}
    base, month = case.row.get("base", case.person.base_fen), first_month_again(case)
    amounts = amounts_of(unit, case.row.get("month", month), base)
    if former := _former(case, case.row.get("month", month)):
        amounts |= {
            "unit_fen": former.unit_fen,
            "personal_fen": former.personal_fen,
            "monthly_fen": former.total_fen,
        }
    return shown | {"base": base, "month": month} | amounts


def _former(case: Case, month: Month) -> Monthly | None:
    """Amounts that were typed stay what they were while the ratios do: their base only records
    them (ruling 1), and may come to a little more or less. None where the base is what counts."""
    person, ratios = case.person, case.unit.ratio(month)
    if person is None or "base" in case.typed:
        return None
    parts = Monthly(person.unit_fen, person.personal_fen)
    is_record = person.base_fen == base_of(parts.total_fen, *ratios)
    is_same = parts == split(parts.total_fen, *ratios, case.unit.rounding)
    return parts if is_record and is_same else None


def _check_amounts(case: Case, month: Month | None) -> Iterator[Problem]:
    former = None if month is None else _former(case, month)
    if month is not None and former is not None:
        low_fen, high_fen = monthly_limits(case.unit, case.unit.ratio(month))
        if low_fen <= former.total_fen <= high_fen:
            return
    yield from check_base(case, "K08")


def _check_reason(case: Case) -> Iterator[Problem]:
    """Only the server knows why somebody was sealed."""
    code = case.past.seal_reason if case.past else ""
    if case.person and case.person.status is Status.SEALED and code in CLOSING_REASONS:
        named = {**SEAL_REASONS, **case.unit.choices.get("seal_reasons", {})}
        yield problem("Q03", UNSEALING.person_key, reason=named[code])


def check(case: Case) -> Iterator[Problem]:
    month, person = case.row.get("month"), case.person
    yield from _check_amounts(case, month)
    yield from _check_reason(case)
    if month is None or person is None:
        return
    yield from check_ahead(case.unit, month, first_month_again(case), "启封年月")
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
        *LISTED_PERSON,
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
