"""The centre's parameters (domain 13): what each is, how its value is read, and its default.

Defaults hold from the day they name until the centre records a value of its own. A default that
the centre has not confirmed (未核) says so wherever the centre sees it; recording it confirms it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from server.business.amounts import Rounding
from server.business.back_payment import REASONS as BACK_PAYMENT_REASONS
from server.business.interest import InterestMethod
from server.business.kinds import (
    Invalid,
    Kind,
    Money,
    Ratio,
    Whole,
    half_width,
    parse_day,
    trimmed,
)
from server.business.refusals import refused
from server.business.registration import LABELS as REGISTERED
from server.business.registration import ONLINE as REGISTERED_ONLINE
from server.business.sealing import SEAL_REASONS

RATE = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,3})0*)?%?")
ALWAYS = datetime.date.min
UNCONFIRMED_MARK = "未核"


ROUNDINGS = {
    Rounding.EACH_YUAN: "单位、个人各自四舍五入到元",
    Rounding.EACH_FEN: "单位、个人各自四舍五入到分",
    Rounding.SUM_YUAN: "合计四舍五入到元再拆分",
    Rounding.SUM_TRUNC_YUAN: "合计去尾到元再拆分",
}
METHODS = {
    InterestMethod.DAILY_360: "按日积数，一年 360 天",
    InterestMethod.DAILY_365: "按日积数，一年 365 天",
    InterestMethod.MONTHLY: "按月积数，存入次月起计",
}


@dataclass(frozen=True)
class Flag(Kind):
    """Yes or no."""

    editor: ClassVar[str] = "choice"
    python: ClassVar[type] = bool

    def parse(self, text: str) -> bool:
        plain = trimmed(text)
        if plain in ("是", "true"):
            return True
        if plain in ("否", "false"):
            return False
        raise Invalid("V05", found=plain, choices="是、否")

    def show(self, value: bool) -> str:
        return "是" if value else "否"


@dataclass(frozen=True)
class Mode(Kind):
    """One member of a closed set; read by its code or by its words."""

    words: Mapping[Any, str] = field(hash=False)  # of the members of one StrEnum
    editor: ClassVar[str] = "choice"

    def parse(self, text: str) -> Any:
        plain = trimmed(text)
        for member, words in self.words.items():
            if plain in (member.value, words):
                return member
        raise Invalid("V05", found=plain, choices="、".join(self.words.values()))

    def show(self, value: Any) -> str:
        return self.words[value]


@dataclass(frozen=True)
class Rate(Kind):
    """An annual rate in hundred-thousandths, shown as a percentage: 1500 is ``1.50%``."""

    align_right: ClassVar[bool] = True
    python: ClassVar[type] = int
    number_format: ClassVar[str] = "0.000%"
    scale: ClassVar[int] = 100_000

    def parse(self, text: str) -> int:
        if found := RATE.fullmatch(half_width(text).replace(" ", "")):
            return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
        raise Invalid("V10", found=text.strip())

    def show(self, value: int) -> str:
        shown = Decimal(value).scaleb(-3)
        return f"{shown:.2f}%" if value % 10 == 0 else f"{shown:.3f}%"


@dataclass(frozen=True)
class Days(Kind):
    """A list of calendar days, in order."""

    length_max: ClassVar[int] = 4000
    python: ClassVar[type] = tuple

    def parse(self, text: str) -> tuple[datetime.date, ...]:
        found = []
        for part in re.split(r"[、,，;；\s]+", trimmed(text)):
            if not part or part == "无":
                continue
            try:
                found.append(parse_day(part))
            except ValueError:
                raise Invalid("V04", found=part) from None
        return tuple(sorted(set(found)))

    def show(self, value: tuple[datetime.date, ...]) -> str:
        return "、".join(day.isoformat() for day in value) or "无"


@dataclass(frozen=True)
class Codes(Kind):
    """A code table, shown as ``01 甲；02 乙``: the choices of a field of a business."""

    length_max: ClassVar[int] = 2000
    python: ClassVar[type] = dict

    def parse(self, text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in filter(None, map(trimmed, re.split(r"[；;\n]", text))):
            entry = re.fullmatch(r"([0-9]{2}) ?(\S.{0,19})", part)
            if entry is None:
                raise Invalid("M06", why=f"“{part}”不是“两位代码 名称”")
            code, name = entry[1], entry[2]
            if code in found or name in found.values():
                raise Invalid("M06", why=f"“{part}”的代码或名称重复")
            found[code] = name
        if not found:
            raise Invalid("M06", why="至少要有一项")
        return found

    def show(self, value: Mapping[str, str]) -> str:
        return "；".join(f"{code} {name}" for code, name in value.items())


@dataclass(frozen=True)
class Several(Kind):
    """Any of a closed set, shown by their labels in its order."""

    options: Mapping[str, str] = field(hash=False)
    length_max: ClassVar[int] = 2000
    python: ClassVar[type] = frozenset

    def parse(self, text: str) -> frozenset[str]:
        codes = {label: code for code, label in self.options.items()}
        found = set()
        for part in re.split(r"[、,，;；\s]+", trimmed(text)):
            if part in codes:
                found.add(codes[part])
            elif part not in ("", "无"):
                raise Invalid("V05", found=part, choices="、".join(codes))
        return frozenset(found)

    def show(self, value: frozenset[str]) -> str:
        return "、".join(label for code, label in self.options.items() if code in value) or "无"


@dataclass(frozen=True)
class Parameter:
    """One parameter. ``defaults`` are values by the day from which they hold; ``low`` and ``high``
    bound a number; ``awaits`` names what must happen before anything reads it."""

    key: str
    label: str
    kind: Kind
    defaults: Mapping[datetime.date, Any]
    unit: str = ""
    low: int | None = None
    high: int | None = None
    is_by_county: bool = False
    is_confirmed: bool = True
    awaits: str = ""

    def parse(self, text: str) -> Any:
        """The value of a recorded or typed text; refuses what it cannot be."""
        try:
            value = self.kind.parse(text)
        except Invalid as fault:
            facts: dict[str, Any] = {"label": self.label, **fault.facts}
            raise refused(fault.code, **facts) from None
        is_low = self.low is not None and value < self.low
        if is_low or (self.high is not None and value > self.high):
            bounds = {
                "low": "" if self.low is None else f"不小于 {self.kind.show(self.low)}",
                "high": "" if self.high is None else f"不大于 {self.kind.show(self.high)}",
            }
            raise refused("M03", label=self.label, bounds="、".join(filter(None, bounds.values())))
        return value

    def text(self, value: Any) -> str:
        """As recorded: codes rather than words, which may be said better one day."""
        if isinstance(value, StrEnum):
            return value.value
        return str(value).lower() if isinstance(value, bool) else self.kind.show(value)


def _always(value: Any) -> dict[datetime.date, Any]:
    return {ALWAYS: value}


def _rates(*texts: str) -> dict[datetime.date, int]:
    """``2012-06-08 0.40`` and so on."""
    return {datetime.date.fromisoformat(text[:10]): Rate().parse(text[11:]) for text in texts}


def _amount(key: str, label: str, fen: int, **more: Any) -> Parameter:
    return Parameter(key, label, Money(), _always(fen), unit="元", low=0, **more)


def _count(
    key: str, label: str, value: int, unit: str, low: int, high: int, **more: Any
) -> Parameter:
    return Parameter(key, label, Whole(), _always(value), unit, low, high, **more)


def _flag(key: str, label: str, value: bool, **more: Any) -> Parameter:
    return Parameter(key, label, Flag(), _always(value), **more)


def _ratio(key: str, label: str, value: int, **more: Any) -> Parameter:
    return Parameter(key, label, Ratio(), _always(value), low=1, **more)


PARAMETERS: tuple[Parameter, ...] = (
    # What a month comes to (domain 4.1, 4.2).
    _ratio("ratio_min", "缴存比例下限", 500),
    _ratio("ratio_max", "缴存比例上限", 1200),
    _ratio("ratio_step", "缴存比例步长", 100, is_confirmed=False),
    # Those of a neighbouring prefecture.
    _amount("base_upper_fen", "缴存基数上限", 25737_00, is_by_county=True, is_confirmed=False),
    _amount("base_lower_fen", "缴存基数下限", 2020_00, is_by_county=True, is_confirmed=False),
    Parameter(
        "rounding", "月缴存额取整", Mode(ROUNDINGS), _always(Rounding.EACH_YUAN), is_confirmed=False
    ),
    _count("base_year_start_month", "缴存年度起始月份", 1, "月", 1, 12, is_confirmed=False),
    _count("base_change_per_year", "每年度基数变更次数", 1, "次", 0, 12),
    _flag("ratio_down_online", "网厅可下调比例", False, is_confirmed=False),
    # Paying (domain 4.11–4.13).
    _count("remit_ahead_months", "可提前汇缴月数", 0, "个月", 0, 12),
    _flag("remit_mixed", "汇缴可预缴与实时结算混合", False),
    _count("makeup_max_months", "单次补缴最长月数", 36, "个月", 1, 600),
    _amount("payment_limit_fen", "单笔缴款限额", 100_000_000_00),
    # Interest (domain 5).
    Parameter(
        "interest.method", "结息积数口径", Mode(METHODS), _always(InterestMethod.DAILY_360),
        is_confirmed=False,
    ),
    _flag("interest.include_settlement_day", "结息日当天计息", True, is_confirmed=False),
    _flag("interest.segmented", "按利率变动分段计息", False),
    Parameter(
        "deposit_rate_current", "当年归集年利率", Rate(),
        _rates(
            "2011-07-07 0.50", "2012-06-08 0.40", "2012-07-06 0.35", "2014-11-22 0.35",
            "2015-03-01 0.35", "2015-05-11 0.35", "2015-06-28 0.35", "2015-08-26 0.35",
            "2015-10-24 0.35", "2016-02-21 1.50",
        ),
    ),
    Parameter(
        "deposit_rate_prior", "上年结转年利率", Rate(),
        _rates(
            "2011-07-07 3.10", "2012-06-08 2.85", "2012-07-06 2.60", "2014-11-22 2.35",
            "2015-03-01 2.10", "2015-05-11 1.85", "2015-06-28 1.60", "2015-08-26 1.35",
            "2015-10-24 1.10", "2016-02-21 1.50",
        ),
    ),
    # Code tables and the calendar.
    Parameter(
        "seal_reasons", "封存原因", Codes(), _always(SEAL_REASONS), is_confirmed=False
    ),
    Parameter(
        "back_payment_reasons", "补缴原因", Codes(), _always(BACK_PAYMENT_REASONS),
        is_confirmed=False,
    ),
    Parameter("holidays_extra", "另行放假的日子", Days(), _always(())),
    Parameter("workdays_extra", "另行上班的日子", Days(), _always(())),
    # Codes by short message (domain 4.0).
    _count("sms_ttl_s", "短信验证码有效时间", 300, "秒", 60, 3600),
    _count("sms_interval_s", "短信验证码间隔", 60, "秒", 1, 3600),
    _count("sms_day_max", "单号每日短信验证码上限", 10, "条", 1, 100),
    _count("sms_wrong_max", "短信验证码可输错次数", 5, "次", 1, 10),
    _count("sms_unit_day_max", "每单位每日短信验证码上限", 200, "条", 0, 10_000,
           is_confirmed=False),
    # What is registered of units and their people (domain 4.0).
    Parameter(
        "registration_online", "网厅可变更的登记事项", Several(REGISTERED),
        _always(frozenset(REGISTERED_ONLINE)), is_confirmed=False,
    ),
    _count("phone_changes_per_day", "每单位每日预留手机号变更次数", 50, "次", 0, 10_000,
           is_confirmed=False),
    # Moving a person between units (domain 4.10).
    _flag("transfer_requires_sealed", "转移前须在原单位封存", True),
    _flag("transfer_lookup_exact", "转移须输入完整证件号或账号", True),
    _count("transfer_looks_per_day", "每单位每日可查询他单位职工人数", 500, "人", 0, 100_000,
           is_confirmed=False),
)  # fmt: skip
BY_KEY: Mapping[str, Parameter] = {parameter.key: parameter for parameter in PARAMETERS}
# The first of each may never be above the second.
ORDERED = (("base_lower_fen", "base_upper_fen"), ("ratio_min", "ratio_max"))


def parameter_of(key: str) -> Parameter:
    """Refuses a key that no parameter has."""
    if key not in BY_KEY:
        raise refused("M01", name=key)
    return BY_KEY[key]
