"""Looks into an .xlsx before it is unpacked: too large, what is hidden, formulas without result.
No Qt."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.business.refusals import refused

BLOCK = 2**20
CELL = rb'<c (?=[^>]*?\br="([A-Z]+)([0-9]+)")'
FAR_CELL = re.compile(
    rb'<c (?=[^>]*?\br="[A-Z]{3,}[0-9]+")[^>]*[^/>]>'
)  # One that holds something.
ROW_NUMBER = re.compile(rb'<row [^>]*?\br="([0-9]+)"')
HIDDEN_ROW = re.compile(rb'<row (?=[^>]*\bhidden="(?:1|true)")[^>]*?\br="([0-9]+)"')
HIDDEN_COLUMN = re.compile(rb'<col (?=[^>]*\bhidden="(?:1|true)")[^>]*>')
END = re.compile(rb'\b(min|max)="([0-9]+)"')
COLUMNS_TOLD = 1000
FAULTY_CELL = re.compile(CELL + rb'[^>]*\bt="e"')
# A program that writes formulas without reckoning leaves no value; an empty text is one.
UNRECKONED = re.compile(
    CELL + rb'(?![^>]*\bt="str")[^>]*><f\b(?:[^>]*/>|[^>]*>[^<]*</f>)'
    rb"(?:<v/>|<v></v>)?</c>"
)
# Some programs write <x:row r='1'>: they give each name a prefix, or quote otherwise.
PREFIX = re.compile(rb"<([\w.-]+):worksheet\b")
QUOTED = re.compile(rb"(?<=\w)='([^'\"<>]*)'")
SHEET = re.compile(r'<(?:\w+:)?sheet (?=[^>]*\bname="([^"]*)")(?=[^>]*\br:id="([^"]*)")')
TARGET = re.compile(
    r'<(?:\w+:)?Relationship (?=[^>]*\bId="([^"]*)")(?=[^>]*\bTarget="/?(?:xl/)?([^"]*)")'
)
WORKSHEET = re.compile(r"xl/worksheets/[^/]+\.xml")


@dataclass
class Marks:
    """What a worksheet says of its cells beside their values; all numbers from 0."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    broken: set[tuple[int, int]] = field(default_factory=set)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)  # where calamine is mute


def look_into(name: str, content: bytes, rows_max: int, bytes_max: int) -> dict[str, Marks]:
    """Each worksheet's marks by its name; nothing for what is no package.

    A small file may unpack to gigabytes, or hold one far cell that makes a huge sheet.
    """
    if not content.startswith(b"PK"):
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as pack:
            if sum(member.file_size for member in pack.infolist()) > bytes_max:
                raise refused("S06", sheet=name)
            parts = {
                part: _look_at_sheet(name, pack, part, rows_max, bytes_max)
                for part in pack.namelist()
                if WORKSHEET.fullmatch(part)
            }
            return {sheet: parts[part] for sheet, part in _sheets(pack) if part in parts}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise refused("S01", file=name) from None


def _sheets(pack: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    names = {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"}
    if not names <= set(pack.namelist()):
        return
    book, links = (pack.read(part).decode("utf-8", "replace") for part in sorted(names)[::-1])
    targets = dict(TARGET.findall(links))
    for sheet, link in SHEET.findall(book):
        if link in targets:
            yield html.unescape(sheet), f"xl/{targets[link]}"


def _look_at_sheet(
    name: str, pack: zipfile.ZipFile, part: str, rows_max: int, bytes_max: int
) -> Marks:
    marks, last_row = Marks(), 0
    for text in _whole_rows(name, pack, part, bytes_max):
        if FAR_CELL.search(text):
            raise refused("S06", sheet=name)
        last_row = max(last_row, _last_filled(text))
        if b"hidden=" in text:
            marks.hidden_rows.update(int(number) - 1 for number in HIDDEN_ROW.findall(text))
            marks.hidden_columns.update(_hidden_columns(text))
        if b't="e"' in text:
            marks.broken.update(_place(*found) for found in FAULTY_CELL.findall(text))
        if b"<f" in text:
            marks.broken.update(_place(*found) for found in UNRECKONED.findall(text))
    if last_row > rows_max:
        raise refused("S05", sheet=name, limit=rows_max)
    return marks


def _hidden_columns(text: bytes) -> Iterator[int]:
    for column in HIDDEN_COLUMN.findall(text):
        ends = dict(END.findall(column))
        if len(ends) == 2:
            yield from range(int(ends[b"min"]) - 1, min(int(ends[b"max"]), COLUMNS_TOLD))


def _whole_rows(name: str, pack: zipfile.ZipFile, part: str, bytes_max: int) -> Iterator[bytes]:
    """The worksheet's text in blocks that end between two rows."""
    rest, prefix, unpacked = b"", b"", 0
    with pack.open(part) as file:
        while block := file.read(BLOCK):
            unpacked += len(block)
            if unpacked > bytes_max:
                raise refused("S06", sheet=name)
            named = None if rest or prefix else PREFIX.search(block)
            prefix = named[1] + b":" if named else prefix
            text = _plain(rest + block, prefix)
            cut = text.rfind(b"<row ")
            cut = cut if cut > 0 else len(text)
            rest = text[cut:]
            yield text[:cut]
    yield rest


def _plain(text: bytes, prefix: bytes) -> bytes:
    if prefix:
        text = text.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</")
    return QUOTED.sub(rb'="\1"', text) if b"='" in text else text


def _last_filled(text: bytes) -> int:
    """The number of the last row with a value: formats alone may reach down to the last row."""
    value = max(text.rfind(b"<v"), text.rfind(b"<is"))
    row = text.rfind(b"<row ", 0, value) if value >= 0 else -1
    found = ROW_NUMBER.match(text, row) if row >= 0 else None
    return int(found[1]) if found else 0


def _place(letters: bytes, number: bytes) -> tuple[int, int]:
    column = 0
    for letter in letters:
        column = column * 26 + letter - 64
    return int(number) - 1, column - 1
