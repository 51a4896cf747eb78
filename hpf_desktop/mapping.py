"""Which column of a spreadsheet is which field, and its people's rows; titles and totals aside.
No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hpf_desktop.aside import Body, sort_rows
from hpf_desktop.labels import (
    EXACT,
    KNOWN,
    Matches,
    fits,
    match_labels,
    plain_label,
    typed_fields,
)
from hpf_desktop.spreadsheet import HEADER_ROWS_MAX, VAGUE_MONTH, Table
from server.business.base import Business, Field
from server.business.check import ROWS_MAX
from server.business.identity import id_fault
from server.business.kinds import DocumentNumber, Money, MonthKind, PersonName
from server.business.refusals import Problem, Refused, problem, refused

# 张 三: a space put in for looks, of whatever width.
SPACED_NAME = re.compile(r"\s*[^\x00-\x7f\s]\s[^\x00-\x7f\s]\s*")
REPORT_LABELS = ("错误说明", "校验结果", "序号")  # Ours, or nobody's: left out without a word.
HEADER_HEIGHT_MAX = 3
# What stands in the second row of a label that is broken or split.
LABEL_END = re.compile(
    r"单位.*|个人.*|职工.*|合计|小计|总额|号码?|(?:月?缴存)?基数|月?缴存额|金额|年月|月份|时间|日期|类型|种类|元|"
)
LARGE_UNIT = re.compile("[百千万亿]元|万(?=$|[)）])")
LARGE_GENERAL = re.compile("单位[:：]?[(（]?(?:人民币)?[百千万亿]元")
# Marks by which programs keep a number as text: '123 and ="123".
AS_TEXT = re.compile(r"""\s*(?:="(?P<quoted>[^"]*)"|['’‘`](?P<marked>.*))\s*""", re.DOTALL)
AS_TEXT_STARTS = ("=", "'", "’", "‘", "`")
WITH_ZERO = re.compile(r"\s*(\d{11,})\.0+\s*")
CUT_TO_15 = re.compile(r"\s*'?[1-9]\d{14}000\s*")


@dataclass(frozen=True)
class Mapping:
    """Which source column each field is taken from. The operator may change it in the preview.

    ``header`` is the header's last row from 0, None when none was found; it is ``height`` rows
    high. ``doubtful`` are the columns of fields that the header names more than once.
    """

    header: int | None
    columns: dict[str, int] = field(default_factory=dict)
    height: int = 1
    doubtful: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def with_column(self, key: str, column: int | None) -> Mapping:
        """A source column feeds one field at most."""
        columns = {k: c for k, c in self.columns.items() if k != key and c != column}
        doubtful = {k: c for k, c in self.doubtful.items() if k != key}
        if column is not None:
            columns[key] = column
        return replace(self, columns=columns, doubtful=doubtful)


@dataclass(frozen=True)
class Extract:
    """The people's rows: texts by field as they stand in the file, and what to know about them.

    ``pins`` are problems by row (from 0, of the extract); ``told`` says what was left out.
    """

    texts: dict[str, list[str]]
    lines: list[int]
    pins: dict[int, list[Problem]]
    told: list[Problem]


# --- The header -----------------------------------------------------------------------------------


def find_mapping(table: Table, business: Business) -> Mapping:
    """The rows among the first ones that name the most fields are the header."""
    best, most = Mapping(None), (0, 0)
    for number in range(min(len(table.rows), HEADER_ROWS_MAX)):
        found = mapping_at(table, number, business)
        count = len(found.columns) + len(found.doubtful)
        if count > 1 and (count, len(found.columns)) > most:
            best, most = found, (count, len(found.columns))
    if best.header is None and len(typed_fields(business)) == 1 and table.rows:
        best = mapping_at(table, 0, business)
    return best


def mapping_at(table: Table, row: int, business: Business, is_chosen: bool = False) -> Mapping:
    """With the header's last row at ``row``, and above it as many rows as name more fields.

    A row whose labels are split by the next one is no whole header; the operator who chose it
    means both.
    """
    if _splits(table, row, business):
        return mapping_at(table, row + 1, business, is_chosen) if is_chosen else Mapping(row)
    best, most = Mapping(row), (-1, -1)
    for height in range(1, min(HEADER_HEIGHT_MAX, row + 1) + 1):
        if height > 1 and not _goes_on(table, row - height + 1, business):
            break
        labels = [plain_label(label) for label in _joined(table, row, height)]
        found: Matches = match_labels(labels, business)
        if (found.count, len(found.columns)) > most:
            best = Mapping(row, found.columns, height, found.doubtful)
            most = (found.count, len(found.columns))
    return best


def header_labels(table: Table, mapping: Mapping) -> list[str]:
    """What stands above each column; of a header of several rows, one below the other."""
    return [] if mapping.header is None else _joined(table, mapping.header, mapping.height)


def _joined(table: Table, row: int, height: int) -> list[str]:
    rows = [table.rows[row].copy()]
    for above in range(row - 1, row - height, -1):
        upper, below = table.rows[above].copy(), rows[0]
        for start, end in _groups(table, above):
            for column in range(start + 1, min(end, len(below))):
                if below[column].strip():
                    upper += [""] * (column + 1 - len(upper))
                    upper[column] = upper[start]
        rows.insert(0, upper)
    width = max(map(len, rows))
    columns = ([cells[c].strip() if c < len(cells) else "" for cells in rows] for c in range(width))
    return [" ".join(dict.fromkeys(filter(None, parts))) for parts in columns]


def _groups(table: Table, row: int) -> list[tuple[int, int]]:
    """The columns under each cell: as it is merged, or else up to the next one with a text."""
    cells = table.rows[row]
    merged = [(a, b + 1) for top, a, _, b in table.merged if top == row and b > a]
    starts = [n for n, cell in enumerate(cells) if cell.strip()]
    if merged:
        wide = dict(merged)
        return [(start, wide.get(start, start + 1)) for start in starts]
    width = max(len(cells), len(table.rows[row + 1]) if row + 1 < len(table.rows) else 0)
    return list(zip(starts, [*starts[1:], width], strict=True))


def _goes_on(table: Table, row: int, business: Business) -> bool:
    """Whether the next row reads like the lower part of this row's labels, and not like people."""
    if row + 1 >= len(table.rows):
        return False
    upper, lower = table.rows[row], table.rows[row + 1]
    filled = [cell.strip() for cell in lower if cell.strip()]
    above = [cell.strip() for cell in upper if cell.strip()]
    is_title = len(set(above)) < 2 or any(re.search("[:：].", cell) for cell in above)
    if is_title or not filled or any(_is_no_label(cell) for cell in filled):
        return False
    for start, end in _groups(table, row):
        below = [c for c in range(start, end) if c < len(lower) and lower[c].strip()]
        label = plain_label(upper[start])
        is_whole = any(
            fits(spec, label, level) for spec in typed_fields(business) for level in (EXACT, KNOWN)
        )
        if len(below) == 1 and is_whole and not LABEL_END.fullmatch(plain_label(lower[below[0]])):
            return False
    return True


def _is_no_label(cell: str) -> bool:
    return len(cell) > 20 or re.search(r"\d{4}|[:：].", cell) is not None or not cell.strip("0-9.")


def _splits(table: Table, row: int, business: Business) -> bool:
    if not _goes_on(table, row, business):
        return False
    lower = table.rows[row + 1]
    counts = (sum(bool(cell.strip()) for cell in lower[a:b]) for a, b in _groups(table, row))
    return any(count > 1 for count in counts)


# --- The people -----------------------------------------------------------------------------------


def extract(table: Table, mapping: Mapping, business: Business) -> Extract:
    """Raises Refused (S05, S08, S09, S26, S27)."""
    doubts = doubts_of(table, mapping, business)
    if mapping.header is None or not mapping.columns:
        raise Refused(doubts[0]) if doubts else refused("S09")
    if large := large_units(table, mapping, business):
        raise Refused(large[0])
    body = sort_rows(table, mapping.header, mapping.columns, business)
    if not body.people:
        raise refused("S08", file=table.name)
    if len(body.people) > ROWS_MAX:
        raise refused("S05", sheet=table.name, limit=ROWS_MAX)
    pins: dict[int, list[Problem]] = {}
    texts: dict[str, list[str]] = {}
    for spec in typed_fields(business):
        if (column := mapping.columns.get(spec.key)) is not None:
            texts[spec.key] = [cleaned(_cell(table.rows[row], column)) for row in body.people]
            for fault in _faults(table, spec, column, body.people, texts[spec.key]):
                assert fault.row is not None
                pins.setdefault(fault.row, []).append(fault)
    told = [*_told(table, mapping, business, body), *doubts]
    return Extract(texts, [row + 1 for row in body.people], pins, told)


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def cleaned(text: str) -> str:
    """Without what programs add to a number: the mark that it is text, the zero of a fraction."""
    if text[-1:] == "0" and (found := WITH_ZERO.fullmatch(text)):
        return found[1]
    if text.lstrip()[:1] in AS_TEXT_STARTS and (found := AS_TEXT.fullmatch(text)):
        return found["quoted"] if found["quoted"] is not None else found["marked"]
    return text


def _faults(
    table: Table, spec: Field, column: int, people: list[int], texts: list[str]
) -> Iterator[Problem]:
    """What is wrong with a cell before its text is read; blanks the texts that would mislead."""
    kind, place = spec.kind, {row: number for number, row in enumerate(people)}
    for row in sorted(row for row, at in table.broken if at == column and row in place):
        texts[place[row]] = ""
        yield problem("V17", spec.key, place[row], label=spec.label)
    yield from _spread(table, spec, column, place, texts)
    for row in sorted(row for row, at in table.lost if at == column and row in place):
        number = place[row]
        if VAGUE_MONTH.fullmatch(texts[number]):
            if isinstance(kind, MonthKind):
                found, texts[number] = texts[number], ""
                yield problem("V15", spec.key, number, label=spec.label, found=found)
        elif not kind.align_right:
            yield problem("V09", spec.key, number, label=spec.label)
    if isinstance(kind, DocumentNumber):
        cut = {n: text.strip(" '") for n, text in enumerate(texts) if CUT_TO_15.fullmatch(text)}
        # One ID in a thousand ends so; where a check digit fails among them, they were cut.
        if len(cut) > 1 and any(map(id_fault, cut.values())):
            yield from (problem("V09", spec.key, number, label=spec.label) for number in cut)
    if isinstance(kind, PersonName):
        for number, text in enumerate(texts):
            if SPACED_NAME.fullmatch(text):
                yield problem("K11H", spec.key, number)


def _spread(
    table: Table, spec: Field, column: int, place: dict[int, int], texts: list[str]
) -> Iterator[Problem]:
    """A merged cell's text is that of all its rows; an amount may be one of them, or their sum."""
    for top, left, bottom, right in table.merged:
        rows = [place[row] for row in range(top, bottom + 1) if row in place]
        if not left <= column <= right or len(rows) < 2:
            continue
        text = cleaned(_cell(table.rows[top], left))
        for number in rows if text.strip() else ():
            texts[number] = "" if isinstance(spec.kind, Money) else text
            if isinstance(spec.kind, Money):
                yield problem("V16", spec.key, number, label=spec.label)


# --- What is told ---------------------------------------------------------------------------------


def large_units(table: Table, mapping: Mapping, business: Business) -> list[Problem]:
    """S27 for each amount in 万元 or the like, as its own label or a line above the header says."""
    if mapping.header is None:
        return []
    labels = header_labels(table, mapping)
    above = [cell for row in table.rows[: mapping.header + 1] for cell in row]
    general = next((x for x in above if LARGE_GENERAL.search(re.sub(r"\s", "", x))), "")
    found = []
    for spec in typed_fields(business):
        column = mapping.columns.get(spec.key)
        if isinstance(spec.kind, Money) and column is not None:
            label = labels[column] if column < len(labels) else ""
            if unit := LARGE_UNIT.search(label) or LARGE_UNIT.search(general):
                place = cell_name(mapping.header, column)
                found.append(problem("S27", label=spec.label, cell=place, unit=unit[0]))
    return found


def doubts_of(table: Table, mapping: Mapping, business: Business) -> list[Problem]:
    """S26 for each field that the header names more than once."""
    labels, found = header_labels(table, mapping), []
    for spec in typed_fields(business):
        if columns := mapping.doubtful.get(spec.key):
            assert mapping.header is not None
            places = [f"{labels[c]}（{cell_name(mapping.header, c)}）" for c in columns]
            found.append(problem("S26", label=spec.label, places="、".join(places)))
    return found


def _told(table: Table, mapping: Mapping, business: Business, body: Body) -> Iterator[Problem]:
    assert mapping.header is not None
    header = mapping.header - mapping.height + 1
    if titles := [row + 1 for row in range(header) if any(table.rows[row])]:
        yield problem("S11", rows=_spans(titles))
    if body.aside:
        yield problem("S12", rows=_spans([row + 1 for row in body.aside]))
    if body.other is not None:
        yield problem("S28", line=body.other + 1)
    if unmatched := _unmatched(table, mapping, business):
        yield problem("S13", labels="、".join(unmatched[:20]))
    if missing := missing_labels(mapping, business):
        yield problem("S14", labels="、".join(missing))
    hidden = [row + 1 for row in body.people if row in table.hidden_rows]
    places = [f"第 {_spans(hidden)} 行"] if hidden else []
    labels = {
        c: spec.label
        for spec in typed_fields(business)
        for c in (mapping.columns.get(spec.key),)
        if c in table.hidden_columns
    }
    if places := [*places, *(f"“{label}”列" for label in labels.values())]:
        yield problem("S25", places="、".join(places))


def _unmatched(table: Table, mapping: Mapping, business: Business) -> list[str]:
    """Labels of columns that feed no field. Ours that are looked up are left out without a word,
    but for amounts: another office's are not those that the rules will give."""
    ours = {plain_label(label) for label in REPORT_LABELS} | {""}
    ours |= {
        plain_label(spec.label)
        for spec in business.rows
        if not spec.typed and not isinstance(spec.kind, Money)
    }
    aside = {*mapping.columns.values(), *(c for cs in mapping.doubtful.values() for c in cs)}
    return [
        label
        for column, label in enumerate(header_labels(table, mapping))
        if column not in aside and plain_label(label) not in ours
    ]


def missing_labels(mapping: Mapping, business: Business) -> list[str]:
    return [
        spec.label
        for spec in typed_fields(business)
        if spec.required and spec.key not in {**mapping.columns, **mapping.doubtful}
    ]


def cell_name(row: int, column: int) -> str:
    """As spreadsheets name it: A1, AB12."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


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
