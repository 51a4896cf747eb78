"""What the centre's finance section posts in the centre's own books (domain 8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.business.base import Business, Field
from server.business.chart import CHART, Gl
from server.business.kinds import Choice, Money, MonthKind, Text


@dataclass(frozen=True)
class VoucherKind:
    """A voucher that may be entered: what it is called, and the accounts it moves money between."""

    label: str
    debit: Gl
    credit: Gl

    @property
    def accounts(self) -> str:
        """As the voucher shows them."""
        return f"借 {_named(self.debit)}　贷 {_named(self.credit)}"


def _named(gl: Gl) -> str:
    return f"{gl} {CHART[gl].label}"


# Interest is expensed by the accrual and the settlement, by rule and not by hand.
VOUCHER_KINDS: Mapping[str, VoucherKind] = {
    "deposit_interest": VoucherKind("存款利息收入", Gl.DEPOSITS, Gl.DEPOSIT_INCOME),
    "gains_interest": VoucherKind("增值收益利息收入", Gl.GAINS_DEPOSITS, Gl.GAINS_INCOME),
    "other_income": VoucherKind("其他收入", Gl.DEPOSITS, Gl.OTHER_INCOME),
    "collection_fee": VoucherKind("归集手续费", Gl.COLLECTION_FEE, Gl.DEPOSITS),
}
KIND = Field("kind", "凭证类别", Choice({code: kind.label for code, kind in VOUCHER_KINDS.items()}))
VOUCHER_AMOUNT = Field("amount", "金额", Money(), note="红字冲销填负数，摘要注明原凭证号")
WORDS = Field("words", "摘要", Text(60))
VOUCHER = Business(
    code="voucher",
    label="财务凭证",
    menu="",
    receipt="记账凭证",
    std="99",
    head=(KIND, Field("accounts", "分录", Text(), typed=False), VOUCHER_AMOUNT, WORDS),
)
YEAR_END = Business(
    code="year_end",
    label="年末结转",
    menu="",
    receipt="年末结转凭证",
    std="99",
    head=(
        Field("year", "年度", Text(4)),
        Field("income", "业务收入", Money()),
        Field("expense", "业务支出", Money()),
        Field("gains", "增值收益", Money()),
    ),
)
ACCRUAL = Business(
    code="accrual",
    label="计提利息",
    menu="",
    receipt="计提利息凭证",
    std="99",
    head=(
        Field("until", "计提至", MonthKind()),
        Field("amount", "金额", Money()),
    ),
)
FINANCE_BUSINESSES = (VOUCHER, YEAR_END, ACCRUAL)
