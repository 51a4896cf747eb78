"""Reads a spreadsheet file somebody else made into rows of texts, within limits. No Qt.

What cannot be read is refused with a code; numbers that lost digits are told by cell.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from hpf_desktop.old_workbook import look_into_old
from hpf_desktop.open_document import look_into_open
from hpf_desktop.package import Marks, look_into
from hpf_desktop.web_page import decoded_pages, is_archive, tables_of_page
from server.business.check import ROWS_MAX
from server.business.refusals import refused

Progress = Callable[[int, int], None]
BYTES_MAX = 50 * 2**20
UNPACKED_MAX = 600 * 2**20
CELLS_MAX = 5_000_000
COLUMNS_MAX = 500
SECONDS_MAX = 60.0
SHEETS_MAX = 12
SLICE_ROWS = 1_000
HEADER_ROWS_MAX = 40  # titles and header above the people
EXACT_BELOW = 10**15  # Excel keeps 15 digits of a number.
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt")
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
OLD_START = b"\xd0\xcf\x11\xe0"
TEMPLATE_SHEET = "_hpf_template"
VAGUE_MONTH = re.compile(r"(?:19|20)\d\d\.1")  # As a number, 2026.10 is 2026.1.
LOST_IN_TEXT = re.compile(rf"[1-9](?:\.\d+)?E\+1[5-9]|{VAGUE_MONTH.pattern}", re.IGNORECASE)
NOISE_MAX = 1e-6  # What reckoning in floats leaves of an amount; no amount has more digits.
# A page, or a part of one, after what may stand before it; XHTML begins as other XML does.
PAGE_START = re.compile(
    rb"(?:<\?xml[^>]*>|<!--.*?-->|<(?:style|meta|link)[^>]*>|\s)*"
    rb"<(?:html|!doctype html|head|body|table|style|div|center|form|font)\b",
    re.DOTALL,
)
Area = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True)
class Table:
    """One worksheet as texts; ``rows[0]`` is row 1 as the spreadsheet program shows it.

    ``lost`` names (row, column) of numbers that a spreadsheet may not have kept whole, ``broken``
    of formulas without a result; ``merged`` are the areas of merged cells.
    """

    name: str
    rows: list[list[str]]
    lost: frozenset[tuple[int, int]] = frozenset()
    broken: frozenset[tuple[int, int]] = frozenset()
    merged: tuple[Area, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Document:
    """A file's visible worksheets that hold anything, and the template it was made from, if any.

    ``unread`` names the worksheets that were not read: hidden ones, and those beyond the most.
    """

    name: str
    tables: tuple[Table, ...]
    template: tuple[str, str] | None = None  # business code, version
    unread: tuple[str, ...] = ()


@dataclass
class _Limits:
    """Stops a read that takes too long, is too big, or was cancelled."""

    progress: Progress
    until: float = field(default_factory=lambda: time.monotonic() + SECONDS_MAX)
    cells: int = 0

    def take(self, sheet: str, row: int, total: int, width: int) -> None:
        self.cells += width
        if row >= ROWS_MAX + HEADER_ROWS_MAX:
            raise refused("S05", sheet=sheet, limit=ROWS_MAX)
        if self.cells > CELLS_MAX:
            raise refused("S06", sheet=sheet)
        if row % SLICE_ROWS == 0:
            self.progress(row, total)
            if time.monotonic() > self.until:
                raise refused("S07", seconds=int(SECONDS_MAX))


def ignore_progress(done: int, total: int) -> None:
    """For callers who do not watch."""


def read_document(path: Path, progress: Progress = ignore_progress) -> Document:
    """Raises Refused (S01–S10, S17, S19). What kind of file it is, its contents say."""
    content = _read_bytes(path)
    limits = _Limits(progress)
    if not content.strip():
        raise refused("S08", file=path.name)
    if content.startswith((b"PK\x03\x04", OLD_START)):
        return _read_workbook(path, content, limits)
    if is_archive(content) or PAGE_START.match(_start_of(content)):
        return _read_page(path.name, content, limits)
    _refuse_disguised(path.name, content)
    table = _read_text(path, content, limits)
    if not table.rows:
        raise refused("S08", file=path.name)
    if path.suffix.lower() not in TEXT_SUFFIXES and not _is_table(table):
        raise refused("S01", file=path.name)
    return Document(path.name, (table,))


def _read_bytes(path: Path) -> bytes:
    if path.suffix.lower() not in SUFFIXES:
        raise refused("S10", suffix=path.suffix or path.name)
    try:
        if path.stat().st_size > BYTES_MAX:
            raise refused("S04", file=path.name, limit=BYTES_MAX // 2**20)
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError:
        raise refused("S19", file=path.name) from None


def _start_of(content: bytes) -> bytes:
    """The first characters in lower case, whichever encoding they are in."""
    return content[:2000].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()


def _refuse_disguised(name: str, content: bytes) -> None:
    head = _start_of(content)
    if head.startswith(b"<?xml") and b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise refused("S03", file=name, found="XML 表格（2003）")
    if head.startswith(b"<?xml"):
        raise refused("S03", file=name, found="XML 文件")
    if head.startswith(b"%pdf"):
        raise refused("S03", file=name, found="PDF")


def _read_page(name: str, content: bytes, limits: _Limits) -> Document:
    """Web systems give pages the name of a spreadsheet."""

    def take(row: int, width: int) -> None:
        limits.take(name, row, 0, width)
        if width > COLUMNS_MAX:
            raise refused("S06", sheet=name)

    found = [t for page in decoded_pages(content) for t in tables_of_page(page, take)]
    tables = tuple(
        Table(f"表格 {n}", _without_tail(t.rows), _lost_in_texts(t.rows), merged=tuple(t.merged))
        for n, t in enumerate(found[:SHEETS_MAX], start=1)
    )
    if not any(map(_is_table, tables)):  # A page that says that the login is over, maybe.
        raise refused("S03", file=name, found="网页")
    return Document(name, tables)


def _is_table(table: Table) -> bool:
    """Whether two of its rows have several cells."""
    return sum(sum(map(bool, row)) > 1 for row in table.rows) > 1


def _lost_in_texts(rows: list[list[str]]) -> frozenset[tuple[int, int]]:
    return frozenset(
        (number, column)
        for number, cells in enumerate(rows)
        for column, cell in enumerate(cells)
        if LOST_IN_TEXT.fullmatch(cell)
    )


# --- Workbooks ------------------------------------------------------------------------------------


def _read_workbook(path: Path, content: bytes, limits: _Limits) -> Document:
    from python_calamine import CalamineError, PasswordError  # Costs start-up time.

    name = path.name
    marks = look_into(name, content, ROWS_MAX + HEADER_ROWS_MAX, UNPACKED_MAX)
    if content.startswith(OLD_START):
        marks = look_into_old(content)
    elif not marks:
        marks = look_into_open(content, UNPACKED_MAX)
    try:
        book = _open_book(path, content)
        sheets = [(m.name, str(m.visible)) for m in book.sheets_metadata]
        template = _template_of(book, [sheet for sheet, _ in sheets])
        seen = [sheet for sheet, visible in sheets if visible.endswith(".Visible")][:SHEETS_MAX]
        read = [_table_of(book.get_sheet_by_name(sheet), limits) for sheet in seen]
    except PasswordError:
        raise refused("S02", file=name) from None
    except (CalamineError, OSError, ValueError):
        raise refused("S01", file=name) from None
    tables = tuple(_marked(table, marks.get(table.name)) for table in read if table.rows)
    if not tables:
        raise refused("S08", file=name)
    unread = tuple(sheet for sheet, _ in sheets if sheet not in {*seen, TEMPLATE_SHEET})
    return Document(name, tables, template, unread)


def _marked(table: Table, marks: Marks | None) -> Table:
    if marks is None:
        return table
    return replace(
        table,
        broken=frozenset(marks.broken),
        hidden_rows=frozenset(marks.hidden_rows),
        hidden_columns=frozenset(marks.hidden_columns),
        merged=table.merged or tuple(marks.merged),
    )


def _open_book(path: Path, content: bytes) -> Any:
    """By its name first: only then does calamine say that there is a password."""
    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        return load_workbook(str(path))
    except PasswordError:
        raise
    except CalamineError:
        return load_workbook(io.BytesIO(content))  # The name may be wrong.


def _template_of(book: Any, sheets: list[str]) -> tuple[str, str] | None:
    if TEMPLATE_SHEET not in sheets:
        return None
    rows = book.get_sheet_by_name(TEMPLATE_SHEET).to_python(nrows=2)
    marks = [str(cell) for row in rows for cell in row]
    return (marks[0], marks[1]) if len(marks) >= 2 else None


def _table_of(sheet: Any, limits: _Limits) -> Table:
    """Blank rows and columns at the start are kept: messages name rows as a person sees them."""
    if sheet.end is None:
        return Table(sheet.name, [])
    if sheet.end[1] >= COLUMNS_MAX:
        raise refused("S06", sheet=sheet.name)
    lost: set[tuple[int, int]] = set()
    rows = []
    left = [""] * sheet.start[1]  # calamine's rows begin at row 1, but at the first used column.
    for number, values in enumerate(sheet.iter_rows()):
        limits.take(sheet.name, number, sheet.end[0] + 1, len(values))
        rows.append(left + [value if type(value) is str else text_of(value) for value in values])
        lost.update(_lost_in(number, len(left), values))
    merged = tuple((*start, *end) for start, end in sheet.merged_cell_ranges or ())
    return Table(sheet.name, _without_tail(rows), frozenset(lost), merged=merged)


def _lost_in(row: int, left: int, values: Iterable[Any]) -> Iterator[tuple[int, int]]:
    for column, value in enumerate(values, start=left):
        if type(value) not in (float, int):
            continue
        if abs(value) >= EXACT_BELOW or (
            1900 < value < 2100 and value % 1 and VAGUE_MONTH.fullmatch(_number_text(value))
        ):
            yield row, column


def text_of(value: Any) -> str:
    """A cell's value as the spreadsheet program would show it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        return _number_text(value)
    if isinstance(value, datetime.datetime):
        day = value.date().isoformat()
        return day if value.time() == datetime.time() else f"{day} {value.time():%H:%M:%S}"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


def _number_text(value: float) -> str:
    if abs(value) >= EXACT_BELOW:
        return f"{value:.5E}"
    if value == int(value):
        return str(int(value))
    if abs(value) >= 1 and abs(value - round(value, 2)) < NOISE_MAX:
        value = round(value, 2)
    return f"{value:.15g}"


# --- Text files -----------------------------------------------------------------------------------


def _read_text(path: Path, content: bytes, limits: _Limits) -> Table:
    text = _decoded(path.name, content)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    rows: list[list[str]] = []
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for number, cells in enumerate(lines):
            limits.take(path.name, number, 0, len(cells))
            if len(cells) > COLUMNS_MAX:
                raise refused("S06", sheet=path.name)
            rows.append(cells)
    except csv.Error:
        raise refused("S01", file=path.name) from None
    if (swallowing := _unclosed(rows, delimiter)) is not None:
        raise refused("S30", file=path.name, line=swallowing + 1)
    return Table(path.name, _without_tail(rows), _lost_in_texts(rows))


def _unclosed(rows: list[list[str]], delimiter: str) -> int | None:
    """The row with a cell that holds whole rows: its quote was never meant to open one."""
    width = Counter(len(row) for row in rows if len(row) > 1).most_common(1)
    for number, cells in enumerate(rows):
        for cell in cells:
            below = cell.split("\n")[1:] if "\n" in cell else ()
            if width and any(line.count(delimiter) >= width[0][0] - 1 for line in below):
                return number
    return None


def _decoded(name: str, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.rstrip("\x1a")  # The end of a file, to DOS.
    raise refused("S17", file=name)


def _delimiter(text: str) -> str:
    """The mark that cuts the most of the first rows into equally many cells."""
    first = text[:20_000]

    def evenness(mark: str) -> tuple[int, int]:
        try:
            rows = islice(csv.reader(io.StringIO(first, newline=""), delimiter=mark), 20)
            widths = Counter(len(row) for row in rows if len(row) > 1)
        except csv.Error:
            return 0, 0
        return max(((count, width) for width, count in widths.items()), default=(0, 0))

    return max(",\t;|", key=evenness)


def _without_tail(rows: list[list[str]]) -> list[list[str]]:
    """Without the blank rows at the end, which formats alone leave behind."""
    end = len(rows)
    while end and not any(cell and not cell.isspace() for cell in rows[end - 1]):
        end -= 1
    return rows[:end]
