"""Which field a spreadsheet's header names, however others word it. No Qt.

A header that may mean two things names neither: amounts and months are never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from server.business.base import Business, Field
from server.business.kinds import Money, MonthKind

# What other people write above the same column, by our label.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "姓名": ("职工姓名", "员工姓名", "个人姓名", "人员姓名", "名字", "缴存人姓名"),
    "证件类型": ("证件种类", "证件类别"),
    "证件号码": (
        "身份证号", "身份证号码", "身份证", "证件号", "居民身份证号", "居民身份证号码",
        "公民身份号码", "公民身份证号", "身份号码", "有效证件号码", "身份证件号码",
    ),
    "手机号码": (
        "手机", "手机号", "电话", "电话号码", "联系电话", "移动电话", "联系方式", "联系手机",
    ),
    "缴存基数": (
        "工资基数", "缴费基数", "基数", "公积金基数", "公积金缴存基数", "个人缴存基数",
        "月缴存基数", "缴存工资基数", "个人基数", "月工资", "工资", "月均工资", "上年月平均工资",
        "月平均工资",
    ),
    "起缴年月": (
        "起缴月份", "起缴时间", "起缴日期", "起缴月", "开始缴存年月", "缴存起始年月", "首缴年月",
        "首次缴存年月", "开户年月", "启缴年月", "启缴月份", "缴存年月",
    ),
    "封存年月": (
        "封存月份", "封存时间", "封存日期", "停缴年月", "停缴月份", "停缴时间", "停缴日期",
        "封存月", "减员年月", "减员时间",
    ),
    "启封年月": (
        "启封月份", "启封时间", "启封日期", "恢复缴存年月", "恢复缴存时间", "复缴时间",
        "复缴年月", "复缴月份", "恢复缴存月份", "启封月", "起缴年月",
    ),
    "封存原因": ("原因", "停缴原因", "减员原因"),
    "个人账号": (
        "公积金账号", "个人公积金账号", "住房公积金账号", "职工账号", "账号", "公积金号",
        "职工公积金账号", "职工住房公积金账号", "职工个人账号",
        "个人账户", "个人账户号", "公积金账户",
    ),
    "月缴存额": (
        "月缴存额合计", "月缴存额小计", "月缴存额总额", "合计月缴存额", "月缴存总额", "月缴存合计",
        "月缴存额单位个人", "月缴存额单位个人合计", "月缴额", "月缴额合计", "月汇缴额", "月应缴额",
    ),
    "生效年月": (
        "生效月份", "生效时间", "生效日期", "生效月", "执行年月", "执行月份", "执行时间",
        "执行日期", "调整时间", "调整日期", "变更时间", "变更日期",
        "调整年月", "调整月份", "变更年月", "变更月份", "基数执行年月",
    ),
    "月补缴金额": (
        "月补缴额", "每月补缴额", "每月补缴金额", "月补缴金额合计", "月补缴额合计",
        "月补缴金额小计",
    ),
    "开始年月": (
        "补缴开始年月", "起始年月", "补缴起始年月", "开始月份", "起始月份", "补缴起始月份",
        "补缴开始月份", "开始时间", "起始时间", "补缴开始时间", "补缴起始时间",
        "补缴时间起", "补缴年月起", "补缴时间开始", "补缴起止年月开始",
        "补缴起止年月起", "补缴起止时间起", "补缴起始",
    ),
    "截止年月": (
        "补缴截止年月", "终止年月", "补缴终止年月", "结束年月", "补缴结束年月", "截止月份",
        "终止月份", "结束月份", "补缴截止月份", "截止时间", "结束时间", "终止时间",
        "补缴时间止", "补缴年月止", "补缴时间截止", "补缴起止年月截止",
        "补缴起止年月止", "补缴起止时间止", "补缴终止",
    ),
    "补缴原因": ("原因", "补缴事由", "事由"),
    "性别": ("性别男女",),
    "出生日期": ("出生年月日", "生日", "出生年月"),
    "参加工作时间": ("参加工作日期", "工作时间", "入职日期", "入职时间"),
    "学历": ("文化程度", "最高学历"),
    "婚姻状况": ("婚姻", "婚否"),
    "职业": ("岗位", "职务"),
    "家庭住址": ("住址", "地址", "家庭地址", "现住址"),
    "个人银行卡": ("银行卡号", "银行卡", "银行账号", "工资卡号", "个人银行账号"),
    "备注": ("说明", "备考"),
}  # fmt: skip
# A field that takes either: whichever column the file has, the first of them.
SYNONYMS["个人账号或证件号码"] = (
    "证件号码", *SYNONYMS["证件号码"], "个人账号", *SYNONYMS["个人账号"],
)  # fmt: skip

BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^】]*)】")
# In brackets these say which of several amounts it is; a unit of money or a note does not.
TELLING = re.compile("(?!.*(?:元|填))(?:.*)(?:原|旧|前|新|后|单位|个人|合计|小计|总额)")
# What stands around an amount's label without changing its meaning.
IDLE = re.compile("住房公积金|公积金|职工|员工|本人|申报|核定|应|[百千万]?元$")
NEW = re.compile("调整后|变更后|调后|转入后|启封后|新")
OLD = re.compile("原|旧|前|上年|上期|历史|现")
EXACT, KNOWN, HELD = range(3)


@dataclass(frozen=True)
class Matches:
    """The column of each field that a header names, and the columns of those it names twice."""

    columns: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.columns) + len(self.doubtful)


def plain_label(text: str) -> str:
    """A header without marks of the required, units in brackets, spaces and line breaks."""
    text = unicodedata.normalize("NFKC", text)
    while (shorter := BRACKETS.sub(_bracketed, text)) != text:
        text = shorter
    return re.sub(r"[\s*＊+:：、,，.。/_-]+", "", text).lower()


def _bracketed(found: re.Match[str]) -> str:
    inner = next(group for group in found.groups() if group is not None)
    return inner if TELLING.match(inner) else ""


@cache
def own_label(text: str) -> str:
    """Of a field or a synonym: these are few, and asked for with every cell of the first rows."""
    return plain_label(text)


@cache
def _known(label: str) -> tuple[str, ...]:
    return tuple(map(own_label, SYNONYMS.get(label, ())))


def known_labels(business: Business) -> frozenset[str]:
    """Every wording of the fields that are typed, plain."""
    specs = typed_fields(business)
    return frozenset(x for spec in specs for x in (own_label(spec.label), *_known(spec.label)))


def typed_fields(business: Business) -> list[Field]:
    return [spec for spec in business.rows if spec.typed]


def match_labels(labels: Sequence[str], business: Business) -> Matches:
    """``labels`` are plain. Exact ones first, then synonyms, then what holds the field's label;
    each column feeds one field."""
    matches = Matches()
    used: set[int] = set()
    for level in (EXACT, KNOWN, HELD):
        for spec in typed_fields(business):
            if spec.key in matches.columns or spec.key in matches.doubtful:
                continue
            fitting = [n for n, x in enumerate(labels) if n not in used and fits(spec, x, level)]
            if level == EXACT and isinstance(spec.kind, Money):
                fitting = _with_new(spec, labels, fitting)
            fitting = _preferred(spec, labels, fitting, level)
            used.update(fitting)
            if len(fitting) == 1:
                matches.columns[spec.key] = fitting[0]
            elif fitting:
                matches.doubtful[spec.key] = tuple(fitting)
    return matches


def fits(spec: Field, label: str, level: int) -> bool:
    own = own_label(spec.label)
    if not label or level == EXACT:
        return bool(label) and label == own
    if isinstance(spec.kind, Money):
        return level == KNOWN and _is_amount(spec, label)
    if level == KNOWN:
        return label in _known(spec.label)
    # 职工姓名 holds 姓名; a long sentence that happens to does not name a column.
    return len(own) > 1 and own in label and len(label) <= len(own) + 6


def _is_amount(spec: Field, label: str) -> bool:
    own, known = own_label(spec.label), _known(spec.label)
    return label in known or (not OLD.search(label) and IDLE.sub("", label) in (own, *known))


def _with_new(spec: Field, labels: Sequence[str], exact: list[int]) -> list[int]:
    """新基数 is what is meant; beside a plain 基数 nobody knows which of them is."""
    renewed = [
        n
        for n, x in enumerate(labels)
        if NEW.search(x)
        and (plain := NEW.sub("", x))
        and (fits(spec, plain, EXACT) or _is_amount(spec, plain))
    ]
    if not renewed:
        return exact
    return sorted({*renewed, *exact, *(n for n, x in enumerate(labels) if fits(spec, x, KNOWN))})


def _preferred(spec: Field, labels: Sequence[str], fitting: list[int], level: int) -> list[int]:
    """Of several synonyms for a number or a name, the first in the list."""
    if level != KNOWN or len(fitting) < 2 or isinstance(spec.kind, Money | MonthKind):
        return fitting
    first = min(fitting, key=lambda n: _known(spec.label).index(labels[n]))
    return [n for n in fitting if labels[n] == labels[first]]
