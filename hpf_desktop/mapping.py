"""Which column of a spreadsheet is which field, by its header; titles and totals aside. No Qt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from hpf_desktop.spreadsheet import HEADER_ROWS_MAX, Table
from server.business.base import Business, Field
from server.business.check import ROWS_MAX
from server.business.kinds import PersonName
from server.business.refusals import Problem, problem, refused

# 张 三: a space put in for looks, of whatever width.
SPACED_NAME = re.compile(r"\s*[^\x00-\x7f\s]\s[^\x00-\x7f\s]\s*")
REPORT_LABELS = ("错误说明", "校验结果", "序号")  # Ours, or nobody's: left out without a word.
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
        "月缴存基数", "缴存工资基数", "月工资", "工资", "月均工资", "上年月平均工资", "月平均工资",
    ),
    "起缴年月": (
        "起缴月份", "起缴时间", "起缴日期", "起缴月", "开始缴存年月", "缴存起始年月", "首缴年月",
        "首次缴存年月", "开户年月", "启缴年月", "启缴月份", "缴存年月",
    ),
    "封存年月": ("封存月份", "封存时间", "停缴年月", "停缴月份", "停缴时间"),
    "启封年月": ("启封月份", "启封时间", "恢复缴存年月", "复缴年月", "复缴月份", "起缴年月"),
    "封存原因": ("原因", "停缴原因", "减员原因"),
    "个人账号": (
        "公积金账号", "个人公积金账号", "住房公积金账号", "职工账号", "账号", "公积金号",
        "个人账户", "个人账户号", "公积金账户",
    ),
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
FOOTER = re.compile(
    r"(?:本页|本表)?(?:合计|总计|小计|共计|累计)(?:人数|金额|数)?(?:[:：(（\d].*)?"
    r"|(?:制表|填表|填报|经办|审核|复核|单位负责|负责|联系)人?(?:日期|时间)?(?:签[字章名])?[:：].*"
    r"|(?:单位)?[(（]?(?:公章|盖章|签章)[)）]?.*|(?:注|备注|说明|填表说明)[:：].*"
)
FOOTER_DEPTH = 12  # How far up from the end notes and signatures are looked for.


@dataclass(frozen=True)
class Mapping:
    """Which source column each field is taken from. The operator may change it in the preview.

    ``header`` is the header's row number from 0, None when none was found.
    """

    header: int | None
    columns: dict[str, int] = field(default_factory=dict)

    def with_column(self, key: str, column: int | None) -> Mapping:
        """A source column feeds one field at most."""
        columns = {k: c for k, c in self.columns.items() if k != key and c != column}
        return replace(self, columns=columns if column is None else {**columns, key: column})


@dataclass(frozen=True)
class Extract:
    """The people's rows: texts by field as they stand in the file, and what to know about them.

    ``pins`` are problems by row (from 0, of the extract); ``told`` says what was left out.
    """

    texts: dict[str, list[str]]
    lines: list[int]
    pins: dict[int, list[Problem]]
    told: list[Problem]


def plain_label(text: str) -> str:
    """A header without marks of the required, units in brackets, spaces and line breaks."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|【[^】]*】", "", text)
    return re.sub(r"[\s*＊:：、,，.。/_-]+", "", text).lower()


@cache
def _own_label(text: str) -> str:
    """Of a field or a synonym: these are few, and asked for with every cell of the first rows."""
    return plain_label(text)


def typed_fields(business: Business) -> list[Field]:
    return [spec for spec in business.rows if spec.typed]


def find_mapping(table: Table, business: Business) -> Mapping:
    """The row among the first ones that names the most fields is the header."""
    best = Mapping(None)
    for number in range(min(len(table.rows), HEADER_ROWS_MAX)):
        found = columns_by_header(table.rows[number], business)
        if len(found) > max(1, len(best.columns)):
            best = Mapping(number, found)
    if best.header is None and len(typed_fields(business)) == 1 and table.rows:
        best = Mapping(0, columns_by_header(table.rows[0], business))
    return best


def columns_by_header(cells: Sequence[str], business: Business) -> dict[str, int]:
    """Exact labels first, then synonyms, then a header that holds the label; each column once."""
    labels = [plain_label(cell) for cell in cells]
    found: dict[str, int] = {}
    for fits in (_is_label, _is_synonym, _holds_label):
        for spec in typed_fields(business):
            if spec.key in found:
                continue
            for column, label in enumerate(labels):
                if label and column not in found.values() and fits(spec, label):
                    found[spec.key] = column
                    break
    return found


def _is_label(spec: Field, label: str) -> bool:
    return label == _own_label(spec.label)


def _is_synonym(spec: Field, label: str) -> bool:
    return label in map(_own_label, SYNONYMS.get(spec.label, ()))


def _holds_label(spec: Field, label: str) -> bool:
    """职工姓名 holds 姓名; a long sentence that happens to does not name a column."""
    own = _own_label(spec.label)
    return len(own) > 1 and own in label and len(label) <= len(own) + 6


def extract(table: Table, mapping: Mapping, business: Business) -> Extract:
    """Raises Refused (S05, S08, S09)."""
    if mapping.header is None or not mapping.columns:
        raise refused("S09")
    body = range(mapping.header + 1, len(table.rows))
    footers = _footers(table, body, mapping)
    taken = [
        row for row in body if row not in footers and _is_filled(table.rows[row], mapping.columns)
    ]
    if not taken:
        raise refused("S08", file=table.name)
    if len(taken) > ROWS_MAX:
        raise refused("S05", sheet=table.name, limit=ROWS_MAX)
    texts = {
        key: [_cell(table.rows[row], column) for row in taken]
        for key, column in mapping.columns.items()
    }
    told = _told(table, mapping, business, sorted(footers))
    pins = _lost(table, mapping, business, taken)
    for number, fault in _spaced_names(business, texts):
        pins.setdefault(number, []).append(fault)
    return Extract(texts, [row + 1 for row in taken], pins, told)


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _is_filled(row: Sequence[str], columns: dict[str, int]) -> bool:
    return any(cell and not cell.isspace() for c in columns.values() if (cell := _cell(row, c)))


def _footers(table: Table, body: range, mapping: Mapping) -> set[int]:
    """Totals wherever they stand; notes and signatures only near the end."""
    found = set()
    for row in body:
        filled = [c for c in table.rows[row] if c and not c.isspace()]
        if not filled or not FOOTER.fullmatch(re.sub(r"\s", "", filled[0])):
            continue
        is_total = any(
            word in filled[0].replace(" ", "") for word in ("合计", "总计", "小计", "共计")
        )
        if is_total or row >= body.stop - FOOTER_DEPTH:
            found.add(row)
    return found


def _spaced_names(business: Business, texts: dict[str, list[str]]) -> Iterator[tuple[int, Problem]]:
    """K11H at each name of two characters whose space is left out (ruling 21)."""
    for spec in typed_fields(business):
        if isinstance(spec.kind, PersonName):
            for number, text in enumerate(texts.get(spec.key, ())):
                if SPACED_NAME.fullmatch(text):
                    yield number, problem("K11H", spec.key, number)


def _lost(
    table: Table, mapping: Mapping, business: Business, taken: list[int]
) -> dict[int, list[Problem]]:
    """V09 at each number that is none: an ID or a card that a spreadsheet kept 15 digits of."""
    pins: dict[int, list[Problem]] = {}
    if not table.lost:
        return pins
    for spec in typed_fields(business):
        column = mapping.columns.get(spec.key)
        if column is None or spec.kind.align_right:
            continue
        for number, row in enumerate(taken):
            if (row, column) in table.lost:
                fault = problem("V09", spec.key, number, label=spec.label)
                pins.setdefault(number, []).append(fault)
    return pins


def _told(table: Table, mapping: Mapping, business: Business, footers: list[int]) -> list[Problem]:
    assert mapping.header is not None
    header = table.rows[mapping.header]
    told = []
    titles = [row + 1 for row in range(mapping.header) if any(table.rows[row])]
    if titles:
        told.append(problem("S11", rows=_spans(titles)))
    if footers:
        told.append(problem("S12", rows=_spans([row + 1 for row in footers])))
    ours = {plain_label(label) for label in REPORT_LABELS}
    ours |= {plain_label(spec.label) for spec in business.rows if not spec.typed}
    unmatched = [
        label.strip()
        for column, label in enumerate(header)
        if column not in mapping.columns.values() and plain_label(label) not in ours | {""}
    ]
    if unmatched:
        told.append(problem("S13", labels="、".join(unmatched[:20])))
    if missing := missing_labels(mapping, business):
        told.append(problem("S14", labels="、".join(missing)))
    return told


def missing_labels(mapping: Mapping, business: Business) -> list[str]:
    return [
        spec.label
        for spec in typed_fields(business)
        if spec.required and spec.key not in mapping.columns
    ]


def _spans(rows: list[int]) -> str:
    """1, 2, 3, 7 as 1–3、7."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    shown = [str(a) if a == b else f"{a}–{b}" for a, b in spans]
    return "、".join(shown[:12]) + ("…" if len(shown) > 12 else "")
