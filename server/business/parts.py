"""Fields that several businesses have in common."""

from __future__ import annotations

from server.business.base import METHODS, Field
from server.business.kinds import Account, Choice, Masked, Money, MonthKind, PersonName, Ratio, Text

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
METHOD = Field("method", "缴款方式", Choice(METHODS))
REMARK = Field("remark", "备注", Text(60), required=False, width=160)
MONTH = Field("month", "年月", MonthKind(), width=90)
