"""Fields that several businesses have in common."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import METHODS, Case, Field, Method
from server.business.kinds import Account, Choice, Masked, Money, MonthKind, PersonName, Ratio, Text
from server.business.refusals import Problem, problem

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
    Field("id_tail", "证件号码", Masked(), std="ZJHM", typed=False, width=150),
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
