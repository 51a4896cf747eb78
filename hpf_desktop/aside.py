"""Which rows below a header are no people: totals, sections, notes, repeated headers. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hpf_desktop.labels import known_labels, match_labels, plain_label
from hpf_desktop.spreadsheet import Table
from server.business.base import Business

# A cell that begins with a person's, an account's or a phone's number; a lost one counts as well.
NUMBER = re.compile(r"[^\w]{0,4}(?:(?:\d[\s-]?){11}|\d(?:\.\d+)?[eE]\+1\d)")
TOTAL = re.compile(
    r".{0,20}?(?:合计|总计|小计|共计|累计|平均)(?:人数|金额|数)?[:：]?(?:[(（\d].*)?", re.DOTALL
)
NOTE = re.compile(
    r"(?:制表|填表|填报|经办|审核|复核|审批|单位负责|财务负责|负责|主管|联系|法定代表|受理|打印)"
    r"[^:：]{0,8}[:：].*"
    r"|(?:单位)?[(（]?(?:公章|盖章|签章)[)）]?.*|(?:注|备注|说明|填表说明)\d?[:：].*"
    r"|[(（]?以下(?:空白|无正文)[)）]?",
    re.DOTALL,
)
# The same with what it says in the next cell; only a phone is a number there.
ROLE = re.compile(
    r"(?:制表|填表|填报|经办|审核|复核|审批|负责|联系)(?:人|人员|日期)?|联系电话|电话|日期"
)
LONG_NUMBER = re.compile(r"(?:\d[\s-]?){12}|\d(?:\.\d+)?[eE]\+1\d")
SECTION = re.compile(r"\D{1,20}(?:部|部门|科|室|处|中心|组|车间|公司|厂|班|队|局|院|所)[:：]?")
SENTENCE = 15  # characters, more than a name or a reason has


@dataclass(frozen=True)
class Body:
    """The rows below the header: people's, what was left out, and where another table begins."""

    people: list[int]
    aside: list[int]
    other: int | None = None


def sort_rows(table: Table, header: int, columns: dict[str, int], business: Business) -> Body:
    people: list[int] = []
    aside: list[int] = []
    unsure: list[int] = []  # without a number, and maybe notes below the people
    labels = known_labels(business).union(map(_bare, filter(None, table.rows[header])))
    for row in range(header + 1, len(table.rows)):
        cells = table.rows[row]
        filled = [cell for cell in cells if cell and not cell.isspace()]
        if not filled:
            continue
        is_named = any(c < len(cells) and cells[c].strip() for c in columns.values())
        if not is_named or _is_signed(filled):
            aside.append(row)
        elif any(len(cell) > 10 and NUMBER.match(cell) for cell in filled):
            people.append(row)
        elif (again := _header_again(cells, labels, business)) is not None:
            if not again.items() <= columns.items():
                return _body(table, people, aside, unsure, row)
            aside.append(row)
        elif _is_aside(filled) or (row == header + 1 and _is_under_header(filled)):
            aside.append(row)
        else:
            unsure.append(row)
    return _body(table, people, aside, unsure, None)


def _body(
    table: Table, people: list[int], aside: list[int], unsure: list[int], other: int | None
) -> Body:
    """A row without any number is a person's that must be mended, unless it reads like a note."""
    last = people[-1] if people else -1
    notes = {row for row in unsure if row > last and _is_note(table.rows[row])}
    return Body(sorted({*people, *unsure} - notes), sorted({*aside, *notes}), other)


def _is_aside(filled: Sequence[str]) -> bool:
    first = [re.sub(r"\s", "", cell) for cell in filled[:5]]
    is_section = len(set(first)) == 1 and SECTION.fullmatch(first[0]) is not None
    return is_section or NOTE.fullmatch(first[0]) is not None or any(map(TOTAL.fullmatch, first))


def _is_signed(filled: Sequence[str]) -> bool:
    first = re.sub(r"\s", "", filled[0])
    return bool(ROLE.fullmatch(first)) and not any(map(LONG_NUMBER.search, filled))


def _is_under_header(filled: Sequence[str]) -> bool:
    """The columns' numbers, or only units and remarks in brackets."""
    if len(filled) > 1 and [cell.strip() for cell in filled] == [
        str(number) for number in range(1, len(filled) + 1)
    ]:
        return True
    return not any(map(plain_label, filled))


def _is_note(cells: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell and not cell.isspace()]
    has_colon = any(":" in cell or "：" in cell for cell in filled)
    return has_colon or (len(filled) <= 3 and any(len(cell) > SENTENCE for cell in filled))


def _header_again(
    cells: Sequence[str], header: frozenset[str], business: Business
) -> dict[str, int] | None:
    """The columns that a row names by their labels, when it names two: then it is a header."""
    if sum(_bare(cell) in header for cell in cells if cell) < 2:
        return None
    return match_labels([plain_label(cell) for cell in cells], business).columns


def _bare(cell: str) -> str:
    """As ``plain_label``, but quick enough for every cell."""
    return "".join(cell.split()).strip("*＊")
