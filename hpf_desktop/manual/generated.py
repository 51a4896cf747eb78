"""What the manual takes from the descriptions, so that it stays true: fields, refusals, queries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from server.business.base import Business, Field
from server.business.businesses import BUSINESSES
from server.business.kinds import Choice, Money, MonthKind, Ratio
from server.business.origins import area_of, codes_of, ordered, origins
from server.business.queries import query_of
from server.business.query import Query
from server.business.refusals import AREAS, REFUSALS

FACT = re.compile(r"\{\w+\}")
CHOICES_MAX = 12
ORIGINS_MAX = 4
OPERATORS = {b.label for b in BUSINESSES}
COUNTER_AREAS = tuple(area for area in dict.fromkeys(AREAS.values()) if area.startswith("中心"))


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    """An empty cell would be taken for a part of its neighbour."""
    return text.replace("|", "｜").replace("\n", " ") or "—"


def fields(business: Business) -> str:
    """What is typed and what appears by itself."""
    tables = []
    titles = ("页面上方", "每一行") if business.is_batch and business.shown_head else ("", "")
    for title, shown in zip(titles, (business.shown_head, business.shown_rows), strict=True):
        typed = [(f.label, _need(f), how_to_fill(f)) for f in shown if f.typed]
        made = "、".join(f.label for f in shown if not f.typed)
        parts = [f"**{title}**"] if title and shown else []
        parts += [table(("栏目", "必填", "怎么填"), typed)] if typed else []
        parts += [f"由系统显示：{made}。"] if made else []
        tables += parts
    return "\n\n".join(tables)


def _need(field: Field) -> str:
    if field.today is not None:
        return "变更时"
    return "是" if field.required else ""


def how_to_fill(field: Field) -> str:
    """The choices, or an example, and the field's own note."""
    words = []
    kind = field.kind
    if isinstance(kind, Choice):
        labels = [label for code, label in kind.options.items() if code not in field.offered_if]
        words.append("、".join(labels[:CHOICES_MAX]) + ("等" if len(labels) > CHOICES_MAX else ""))
    elif isinstance(kind, Ratio):
        words.append("例如 12%")
    elif isinstance(kind, MonthKind):
        words.append("例如 2026-07，也可以 202607、2026年7月")
    elif isinstance(kind, Money):
        words.append("元，最多两位小数")
    elif kind.sample:
        words.append(f"例如 {kind.sample}")
    return "；".join([*words, *([field.note] if field.note else [])])


def refusals(codes: Iterable[str]) -> str:
    """What may be said, and what to do."""
    return table(
        ("编号", "提示", "怎么办"),
        ((code, _said(REFUSALS[code].text), _said(REFUSALS[code].next_step)) for code in codes),
    )


def _said(text: str) -> str:
    """Facts are known only then."""
    return FACT.sub("…", text)


def refusals_of(business: Business) -> str:
    """Those of its own; how a cell is filled wrongly is told with the codes."""
    found = refusals(code for code in ordered(codes_of(business)) if code[0] != "V")
    return f"{found}\n\n填写格式的提示和其他编号见[错误代码](errors)。"


def query(asked: Query) -> str:
    """Search fields, columns, and what a row opens."""
    typed = [f.field for f in asked.filters if f.where or f.field.typed]
    columns = "、".join(column.label for column in asked.columns)
    parts = []
    if typed:
        rows = ((f.label, "是" if f.required else "", how_to_fill(f)) for f in typed)
        parts.append("**查询条件**\n\n" + table(("条件", "必填", "怎么填"), rows))
    parts.append(f"**{'项目' if asked.as_record else '各列'}**：{columns}。")
    if sums := [column.label for column in asked.columns if column.summed]:
        parts.append(f"**合计**：{'、'.join(sums)}，是全部符合条件的记录的合计。")
    if asked.record:
        shown = "、".join(column.label for column in query_of(asked.record).columns)
        parts.append(f"**上方显示**：{shown}。")
    if asked.drill:
        opened = query_of(asked.drill)
        listed = "、".join(column.label for column in opened.columns)
        parts.append(f"**明细**：选中一行按回车，打开“{opened.label}”，列出{listed}。")
    return "\n\n".join(parts)


def errors() -> str:
    """The whole catalogue, by who says it; what only the centre's staff meet comes last."""
    areas: dict[str, list[str]] = {area: [] for area in AREAS.values()}
    for code in REFUSALS:
        areas[area_of(code)].append(code)
    order = [area for area in areas if area not in COUNTER_AREAS] + list(COUNTER_AREAS)
    return "\n\n".join(f"## {area}\n\n{_codes(areas[area])}" for area in order if areas[area])


def _codes(codes: Sequence[str]) -> str:
    return table(
        ("编号", "提示", "怎么办", "出现在"),
        (
            (code, _said(REFUSALS[code].text), _said(REFUSALS[code].next_step), where(code))
            for code in codes
        ),
    )


def where(code: str) -> str:
    """The businesses that can say it, or in a word who else."""
    found = [label for label in origins(code) if label in OPERATORS] or list(origins(code))
    if not found:
        return area_of(code)
    if len(found) == len(OPERATORS):
        return "各项业务"
    more = f"等 {len(found)} 项业务" if len(found) > ORIGINS_MAX else ""
    return "、".join(found[:ORIGINS_MAX]) + more
