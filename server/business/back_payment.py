"""补缴 (U26): months that were missed or paid short are made up, person by person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from server.business.amounts import Rounding, monthly, split
from server.business.base import METHODS, Business, Counted, Field, Line, Payment, Rules, Spread
from server.business.facts import Case, Status, Values
from server.business.kinds import Choice, Money, MonthKind, Whole
from server.business.month import Month
from server.business.parts import (
    ANY_PAYMENT,
    BALANCE,
    FROM_PREPAYMENT,
    LISTED_PERSON,
    METHOD,
    PAID,
    PAYER,
    check_method,
    shares,
)
from server.business.refusals import Problem, problem


class BackPaymentKind(StrEnum):
    """补缴类型: a whole month, what a month was short of, any amount."""

    FULL = "1"
    DIFFERENCE = "2"
    FREE = "3"


KINDS = {
    BackPaymentKind.FULL.value: "正常全额补缴",
    BackPaymentKind.DIFFERENCE.value: "正常差额补缴",
    BackPaymentKind.FREE.value: "不定额补缴",
}
COUNTS = {
    BackPaymentKind.FULL.value: Counted.MADE_UP,
    BackPaymentKind.DIFFERENCE.value: Counted.DIFFERENCE,
    BackPaymentKind.FREE.value: Counted.FREE,
}
REASONS = {
    "01": "漏缴", "02": "少缴（基数）", "03": "少缴（比例）", "04": "缓缴补缴", "05": "稽核责令",
    "06": "仲裁或判决", "99": "其他",
}  # fmt: skip
USUAL_REASONS = {BackPaymentKind.FULL: "01", BackPaymentKind.DIFFERENCE: "02"}
REASON = Field(
    "reason", "补缴原因", Choice(REASONS), choices_from="back_payment_reasons", required=False,
    width=96,
)  # fmt: skip
# All columns are seen at once on a usual screen: each amount stands beside its months.
PERSON_WIDTHS = {"account": 116, "name": 90, "id_tail": 150}
# The manual names the prepayment account here, and not in 汇缴.
METHODS_HERE = {
    code: label.replace("预缴转出", "预缴户转出") for code, label in METHODS.items()
}  # fmt: skip
EARLIEST = Month.of(1999, 4)  # The regulation's own first month.


def _months(row: Values) -> range:
    """The months of a row that can be looked at; empty while they are not all there."""
    start, end = row.get("start"), row.get("end")
    return range(start, end + 1) if start is not None and end is not None else range(0)


def derive(case: Case) -> Values:
    """Name, sums, and a line per month, split by the ratios of that month (B06, ruling 16)."""
    row, unit, person = case.row, case.unit, case.person
    values: dict[str, object] = {}
    usual = USUAL_REASONS.get(case.head.get("kind", ""), "99")
    if usual in unit.choices.get(REASON.choices_from, REASONS):
        values["reason"] = usual
    if person is not None:
        values |= {"name": person.name, "id_tail": person.id_tail}
    if "start" in row:
        values["end"] = row["start"]
    months = _months({**values, **row})
    if not months or "monthly" not in row or len(months) > unit.makeup_max_months:
        return values
    rules = [(Month(m), unit.rule(Month(m))) for m in months]
    parts = [
        (month, split(row["monthly"], rule.unit_ratio, rule.personal_ratio, unit.rounding))
        for month, rule in rules
    ]
    return values | {
        "months": len(parts),
        "unit_fen": sum(part.unit_fen for _, part in parts),
        "personal_fen": sum(part.personal_fen for _, part in parts),
        "total_fen": sum(part.total_fen for _, part in parts),
        "lines": tuple(
            Line(person.account, month, part.unit_fen, part.total_fen) for month, part in parts
        )
        if person
        else (),
    }


def check(case: Case) -> Iterator[Problem]:
    row, unit, months = case.row, case.unit, _months(case.row)
    step = 1 if unit.rounding is Rounding.EACH_FEN else 100
    amount = row.get("monthly")
    if amount is not None and (amount <= 0 or amount % step):
        yield problem("B04", "monthly", step=Money().show(step))
    if "start" not in row or "end" not in row:
        return
    began = case.past.work_month if case.past else None
    low, high = max(EARLIEST, began or EARLIEST), unit.paid_through
    if not low <= row["start"] <= row["end"] <= high:
        key = "start" if not low <= row["start"] <= high else "end"
        yield problem("B01", key, low=low, high=high)
    elif len(months) > unit.makeup_max_months:
        yield problem("B07", "end", limit=unit.makeup_max_months)
    elif case.past is not None and amount is not None:
        yield from _check_past(case, amount, [Month(m) for m in months])


def _check_past(case: Case, amount_fen: int, months: list[Month]) -> Iterator[Problem]:
    """What the person was credited for these months already: each reason once, at the first month
    that it is true of (B02, B03; ruling 14)."""
    told: set[str] = set()
    for month in months:
        found = _check_month(case, amount_fen, month)
        if found and found.code not in told:
            told.add(found.code)
            yield found


def _check_month(case: Case, amount_fen: int, month: Month) -> Problem | None:
    assert case.past is not None
    kind, past = case.head.get("kind"), case.past.everywhere(month)
    if kind == BackPaymentKind.FULL and past.remitted_fen + past.made_up_fen > 0:
        return problem("B02", "start", month=month)
    if kind != BackPaymentKind.DIFFERENCE:
        return None
    if past.remitted_fen <= 0:
        return problem("B03A", "start", month=month)
    rule = case.unit.rule(month)
    limit_fen = monthly(
        rule.base_high_fen, rule.unit_ratio, rule.personal_ratio, rule.rounding
    ).total_fen
    paid_fen = past.remitted_fen + past.difference_fen
    if paid_fen + amount_fen <= limit_fen:
        return None
    show = Money().show
    return problem("B03B", "monthly", month=month, paid=show(paid_fen), limit=show(limit_fen))


def derive_head(case: Case) -> Values:
    unit = case.unit
    return {
        "balance": unit.prepayment_fen,
        "payer": unit.signed_account or "未签约",
        **shares(case, case.head.get("amount", 0)),
    }


def check_head(case: Case) -> Iterator[Problem]:
    yield from check_method(case, case.head.get("amount"), "B08A", "B08B")


BACK_PAYMENT = Business(
    code="back_payment",
    label="补缴",
    menu="缴存业务",
    receipt="单位补缴回单",
    std="02",
    head=(
        Field("kind", "补缴类型", Choice(KINDS)),
        replace(METHOD, kind=Choice(METHODS_HERE)),
        Field("amount", "补缴金额", Money(), typed=False, sum_of="total_fen"),
        PAID,
        FROM_PREPAYMENT,
        BALANCE,
        PAYER,
    ),
    rows=(
        *(replace(field, width=PERSON_WIDTHS[field.key]) for field in LISTED_PERSON),
        Field("monthly", "月补缴金额", Money(), width=100),
        Field("start", "开始年月", MonthKind(), width=86),
        Field("end", "截止年月", MonthKind(), width=86),
        Field("months", "月数", Whole(), typed=False, width=50),
        Field("unit_fen", "单位部分", Money(), typed=False, summed=True, width=92),
        Field("personal_fen", "个人部分", Money(), typed=False, summed=True, width=92),
        Field("total_fen", "合计", Money(), typed=False, summed=True, width=92),
        REASON,
    ),
    takes=(Status.NORMAL, Status.SEALED),
    person_key="account",
    head_rules=Rules(derive_head, check_head),
    row_rules=Rules(derive, check),
    payment=Payment("amount", Spread.ROWS, method="method", kind="kind", counts=COUNTS),
    blocked_by=ANY_PAYMENT,
)
