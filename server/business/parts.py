"""Fields that several businesses have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from server.business.amounts import monthly
from server.business.base import METHODS, Field, Method
from server.business.facts import Case, Unit
from server.business.kinds import (
    Account,
    Choice,
    DocumentNumber,
    Masked,
    Money,
    MonthKind,
    PersonName,
    Ratio,
    Text,
    half_width,
)
from server.business.month import Month
from server.business.refusals import Problem, problem


@dataclass(frozen=True)
class MaskedNumber(Masked):
    """An ID number of which only the ends are known; the same is kept of what is typed."""

    length_max: ClassVar[int] = 30
    sample: ClassVar[str] = DocumentNumber.sample

    def parse(self, text: str) -> str:
        whole = DocumentNumber()
        if "*" not in text:
            return whole.mask(whole.parse(text))
        whole.parse(text.replace("*", "0"))
        return half_width(text).replace(" ", "").upper()


PERSON = (
    Field(
        "account",
        "个人账号",
        Account(),
        std="GRZH",
        width=120,
        note="可输入账号、姓名、拼音或证件号后四位查找",
    ),
    Field("name", "姓名", PersonName(), std="XingMing", typed=False, width=120),
    Field("id_tail", "证件号码", MaskedNumber(), std="ZJHM", typed=False, width=150),
)
# In a batch: lists that others made have names and ID numbers, which must be that person's.
LISTED_PERSON = (
    PERSON[0],
    *(
        replace(
            spec, typed=True, required=False, confirms=True, note="可不填；填写的须与个人账号相符"
        )
        for spec in PERSON[1:]
    ),
)
AMOUNTS = (
    Field("unit_ratio", "单位比例", Ratio(), std="DWJCBL", typed=False, width=76),
    Field("personal_ratio", "个人比例", Ratio(), std="GRJCBL", typed=False, width=76),
    Field("unit_fen", "单位月缴存额", Money(), std="DWYJCE", typed=False, summed=True),
    Field("personal_fen", "个人月缴存额", Money(), std="GRYJCE", typed=False, summed=True),
    Field("monthly_fen", "月缴存额", Money(), typed=False, summed=True),
)
BASE = Field("base", "缴存基数", Money(), std="GRJCJS", width=110)
METHOD = Field("method", "缴款方式", Choice(METHODS), offered_if={"mixed": "remit_mixed"})
REMARK = Field("remark", "备注", Text(60), required=False, width=160)
MONTH = Field("month", "年月", MonthKind(), width=90)
# Where a payment comes from under the chosen method.
PAID = Field("paid", "实缴金额", Money(), typed=False)
FROM_PREPAYMENT = Field("from_prepayment", "预缴转出金额", Money(), typed=False)
BALANCE = Field("balance", "预缴户余额", Money(), typed=False, on_receipt=False)
PAYER = Field("payer", "付款账户", Masked(), typed=False)

# Ruling 15: what must not be under way while amounts or statuses change.
ANY_PAYMENT = ("remittance", "back_payment", "prepayment")


def shares(case: Case, amount_fen: int) -> dict[str, int]:
    """How ``amount_fen`` comes from the bank and from the prepayment account (H05–H07)."""
    held_fen = {
        Method.PREPAYMENT: amount_fen,
        Method.MIXED: min(amount_fen, case.unit.prepayment_fen),
    }.get(case.head.get("method"), 0)  # type: ignore[arg-type]
    return {"paid": amount_fen - held_fen, "from_prepayment": held_fen}


def check_method(
    case: Case, amount_fen: int | None, unsigned_code: str, short_code: str
) -> Iterator[Problem]:
    """Whether the chosen method can pay; ``amount_fen`` is None while it is not known."""
    unit, method = case.unit, case.head.get("method")
    if method == Method.MIXED and not unit.remit_mixed:
        yield problem("H07", "method")
    elif method in (Method.SETTLE, Method.MIXED) and not unit.signed_account:
        yield problem(unsigned_code, "method")
    elif method == Method.PREPAYMENT and (amount_fen or 0) > unit.prepayment_fen:
        show = Money().show
        short = show((amount_fen or 0) - unit.prepayment_fen)
        yield problem(short_code, "method", balance=show(unit.prepayment_fen), short=short)


def amounts_of(unit: Unit, month: Month, base_fen: int) -> dict[str, object]:
    """The fields of ``AMOUNTS``: the month's ratios, and the parts that the base comes to."""
    unit_ratio, personal_ratio = unit.ratio(month)
    parts = monthly(base_fen, unit_ratio, personal_ratio, unit.rounding)
    return {
        "unit_ratio": unit_ratio,
        "personal_ratio": personal_ratio,
        "unit_fen": parts.unit_fen,
        "personal_fen": parts.personal_fen,
        "monthly_fen": parts.total_fen,
    }


def monthly_limits(unit: Unit, ratios: tuple[int, int]) -> tuple[int, int]:
    """What the limits of a base come to in a month, by the same rounding (domain 4.2)."""
    low, high = (
        monthly(fen, *ratios, unit.rounding).total_fen
        for fen in (unit.base_low_fen, unit.base_high_fen)
    )
    return low, high


def first_month_again(case: Case) -> Month:
    """The earliest in which someone sealed can start again: not before the sealing, and neither
    paid nor owed yet, as far as it is known here."""
    due, person = case.unit.next_month, case.person
    paid, sealed = (person.paid_through, person.until_month) if person else (None, None)
    return max(due, due if paid is None else paid.plus(1), due if sealed is None else sealed)


AHEAD_MAX_MONTHS = 12


def check_ahead(unit: Unit, month: Month, low: Month, label: str) -> Iterator[Problem]:
    """Whether a stay begins or ends in sight: of a year mistyped, the person could not be freed
    before it comes."""
    high = max(low, unit.month_now.plus(AHEAD_MAX_MONTHS))
    if month > high:
        yield problem("G17", "month", label=label, high=high)


def check_month(unit: Unit, month: Month) -> Problem | None:
    """Whether a change may take effect: not in a month that is paid, nor before what has been
    decided of the ratios (J05, J06)."""
    low, high = unit.next_month, max(unit.next_month, unit.month_now.plus(AHEAD_MAX_MONTHS))
    if not low <= month <= high:
        return problem("J06", "month", paid=unit.paid_through, low=low, high=high)
    decided = unit.ratios[-1].from_month if unit.ratios else month
    return problem("J05", "month", decided=decided) if month < decided else None


def year_words(unit: Unit, month: Month) -> str:
    """The adjustment year of ``month``, from its first month to its last."""
    first = Month(unit.adjustment_year(month) * 12 + unit.base_year_start_month - 1)
    return f"{first} 至 {first.plus(11)}"
