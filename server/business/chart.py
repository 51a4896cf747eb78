"""The chart of accounts (财会字〔1999〕33 号) with the sub-accounts that this centre keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Gl(StrEnum):
    """Accounts that postings name: first-level ones, or the lowest sub-accounts where there are
    any. ``MEMBERS`` goes on below as unit and person account; those stand in the entries."""

    DEPOSITS = "101"
    GAINS_DEPOSITS = "102"
    MEMBERS = "201"
    INTEREST_PAYABLE = "211"
    PREPAYMENT = "21901"
    SUSPENSE = "21902"
    ERRORS = "21903"
    CLEARING = "21904"
    GAINS = "311"
    DEPOSIT_INCOME = "40101"
    GAINS_INCOME = "40102"
    OTHER_INCOME = "40105"
    INTEREST_EXPENSE = "41101"
    COLLECTION_FEE = "41102"


class Side(StrEnum):
    """余额方向 (national data standard A.27)."""

    DEBIT = "02"
    CREDIT = "03"


class Nature(StrEnum):
    """科目类别, as the statements group accounts."""

    ASSET = "资产"
    LIABILITY = "负债"
    EQUITY = "净资产"
    INCOME = "收入"
    EXPENSE = "支出"


@dataclass(frozen=True)
class GlAccount:
    label: str
    nature: Nature

    @property
    def side(self) -> Side:
        is_debit = self.nature in (Nature.ASSET, Nature.EXPENSE)
        return Side.DEBIT if is_debit else Side.CREDIT


# First-level numbers may not be changed; sub-accounts may be added below them.
CHART: Mapping[str, GlAccount] = {
    "101": GlAccount("住房公积金存款", Nature.ASSET),
    "102": GlAccount("增值收益存款", Nature.ASSET),
    "111": GlAccount("应收利息", Nature.ASSET),
    "119": GlAccount("其他应收款", Nature.ASSET),
    "121": GlAccount("委托贷款", Nature.ASSET),
    "122": GlAccount("逾期贷款", Nature.ASSET),
    "124": GlAccount("国家债券", Nature.ASSET),
    "201": GlAccount("住房公积金", Nature.LIABILITY),
    "211": GlAccount("应付利息", Nature.LIABILITY),
    "214": GlAccount("专项应付款", Nature.LIABILITY),
    "219": GlAccount("其他应付款", Nature.LIABILITY),
    "21901": GlAccount("其他应付款—单位预缴款", Nature.LIABILITY),
    "21902": GlAccount("其他应付款—暂收", Nature.LIABILITY),
    "21903": GlAccount("其他应付款—错账待处理", Nature.LIABILITY),
    "21904": GlAccount("其他应付款—单位间往来", Nature.LIABILITY),
    "301": GlAccount("贷款风险准备", Nature.EQUITY),
    "311": GlAccount("增值收益", Nature.EQUITY),
    "321": GlAccount("增值收益分配", Nature.EQUITY),
    "401": GlAccount("业务收入", Nature.INCOME),
    "40101": GlAccount("业务收入—公积金利息", Nature.INCOME),
    "40102": GlAccount("业务收入—增值收益利息", Nature.INCOME),
    "40103": GlAccount("业务收入—委托贷款利息", Nature.INCOME),
    "40104": GlAccount("业务收入—国债利息", Nature.INCOME),
    "40105": GlAccount("业务收入—其他", Nature.INCOME),
    "411": GlAccount("业务支出", Nature.EXPENSE),
    "41101": GlAccount("业务支出—公积金利息支出", Nature.EXPENSE),
    "41102": GlAccount("业务支出—归集手续费", Nature.EXPENSE),
    "41103": GlAccount("业务支出—委托贷款手续费", Nature.EXPENSE),
}


def first_level(gl: str) -> str:
    """The first-level account above (or of) ``gl``."""
    return gl[:3]
