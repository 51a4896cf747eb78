"""Reads a spreadsheet file somebody else made into rows of texts, within limits. No Qt.

What cannot be read is refused with a code; numbers that lost digits are told by cell.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
TEMPLATE_SHEET = "_hpf_template"
LOST_IN_TEXT = re.compile(r"[1-9](?:\.\d+)?E\+1[5-9]", re.IGNORECASE)
FAR_COLUMN = re.compile(rb'\br="[A-Z]{3,}[0-9]')
ROW_NUMBER = re.compile(rb'<row [^>]*?\br="([0-9]+)"')


@dataclass(frozen=True)
class Table:
    """One worksheet as texts; ``rows[0]`` is row 1 as the spreadsheet program shows it.

    ``lost`` names (row, column) of numbers too long for a spreadsheet to have kept whole.
    """

    name: str
    rows: list[list[str]]
    lost: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Document:
    """A file's visible worksheets that hold anything, and the template it was made from, if any."""

    name: str
    tables: tuple[Table, ...]
    template: tuple[str, str] | None = None  # business code, version


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
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _read_workbook(path, content, limits)
    _refuse_disguised(path.name, content)
    if path.suffix.lower() not in TEXT_SUFFIXES:
        raise refused("S01", file=path.name)
    table = _read_text(path, content, limits)
    if not table.rows:
        raise refused("S08", file=path.name)
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


def _refuse_disguised(name: str, content: bytes) -> None:
    """Web systems give pages the name of a spreadsheet; Excel opens them after a question."""
    head = content[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<?xml") and b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise refused("S03", file=name, found="XML 表格（2003）")
    if head.startswith((b"<html", b"<!doctype", b"<table", b"<meta", b"<?xml", b"<div")):
        raise refused("S03", file=name, found="网页")
    if head.startswith(b"%pdf"):
        raise refused("S03", file=name, found="PDF")


# --- Workbooks ------------------------------------------------------------------------------------


def _read_workbook(path: Path, content: bytes, limits: _Limits) -> Document:
    from python_calamine import CalamineError, PasswordError  # Costs start-up time.

    name = path.name
    if content.startswith(b"PK"):
        _refuse_bomb(name, content)
    try:
        book = _open_book(path, content)
        sheets = [(m.name, str(m.visible)) for m in book.sheets_metadata]
        template = _template_of(book, [sheet for sheet, _ in sheets])
        tables = []
        for sheet, visible in sheets[:SHEETS_MAX]:
            if not visible.endswith(".Visible") or sheet == TEMPLATE_SHEET:
                continue
            table = _table_of(book.get_sheet_by_name(sheet), limits)
            if table.rows:
                tables.append(table)
    except PasswordError:
        raise refused("S02", file=name) from None
    except (CalamineError, OSError, ValueError):
        raise refused("S01", file=name) from None
    if not tables:
        raise refused("S08", file=name)
    return Document(name, tuple(tables), template)


def _open_book(path: Path, content: bytes) -> Any:
    """By its name first: only then does calamine say that there is a password."""
    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        return load_workbook(str(path))
    except PasswordError:
        raise
    except CalamineError:
        return load_workbook(io.BytesIO(content))  # The name may be wrong.


def _refuse_bomb(name: str, content: bytes) -> None:
    """A small file may unpack to gigabytes, or hold one far cell that makes a huge sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as pack:
            members = pack.infolist()
            if sum(m.file_size for m in members) > UNPACKED_MAX:
                raise refused("S06", sheet=name)
            for member in members:
                if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename):
                    _refuse_far_cells(name, pack, member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise refused("S01", file=name) from None


def _refuse_far_cells(name: str, pack: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    last_row, rest = 0, b""
    with pack.open(member) as part:
        unpacked = 0
        while block := part.read(2**20):
            unpacked += len(block)
            text = rest + block
            if unpacked > UNPACKED_MAX or FAR_COLUMN.search(text):
                raise refused("S06", sheet=name)
            at = text.rfind(b"<row ")
            found = ROW_NUMBER.match(text, at) if at >= 0 else None
            last_row = max(last_row, int(found[1])) if found else last_row
            rest = text[-64:]
    if last_row > ROWS_MAX + HEADER_ROWS_MAX:
        raise refused("S05", sheet=name, limit=ROWS_MAX)


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
    return Table(sheet.name, _without_tail(rows), frozenset(lost))


def _lost_in(row: int, left: int, values: Iterable[Any]) -> Iterator[tuple[int, int]]:
    for column, value in enumerate(values, start=left):
        if type(value) in (float, int) and abs(value) >= EXACT_BELOW:
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
    return f"{value:.15g}"


# --- Text files -----------------------------------------------------------------------------------


def _read_text(path: Path, content: bytes, limits: _Limits) -> Table:
    text = _decoded(path.name, content)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    rows: list[list[str]] = []
    lost: set[tuple[int, int]] = set()
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for number, cells in enumerate(lines):
            limits.take(path.name, number, 0, len(cells))
            if len(cells) > COLUMNS_MAX:
                raise refused("S06", sheet=path.name)
            rows.append(cells)
            lost.update((number, c) for c, t in enumerate(cells) if LOST_IN_TEXT.fullmatch(t))
    except csv.Error:
        raise refused("S01", file=path.name) from None
    return Table(path.name, _without_tail(rows), frozenset(lost))


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
            return text
    raise refused("S17", file=name)


def _delimiter(text: str) -> str:
    first = "\n".join(text[:20_000].splitlines()[:20])
    return max(",\t;", key=first.count)


def _without_tail(rows: list[list[str]]) -> list[list[str]]:
    """Without the blank rows at the end, which formats alone leave behind."""
    end = len(rows)
    while end and not any(cell and not cell.isspace() for cell in rows[end - 1]):
        end -= 1
    return rows[:end]
