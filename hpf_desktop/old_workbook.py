"""What an .xls says of its cells beside their values: what is hidden, formulas in error. No Qt."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import olefile

from hpf_desktop.package import Marks

STREAMS = ("Workbook", "Book")  # since Excel 97, and before
BOF, EOF, PASSWORD, SHEET = 0x809, 0x0A, 0x2F, 0x85
ROW, COLUMNS, FAULT, FORMULAS = 0x208, 0x7D, 0x205, (0x06, 0x206, 0x406)
HIDDEN_ROW, HIDDEN_COLUMNS = 0x20, 0x01


def look_into_old(content: bytes) -> dict[str, Marks]:
    """Each worksheet's marks by its name; nothing where the file is not as it should be, which
    whoever reads the values will say."""
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as container:
            name = next(filter(container.exists, STREAMS))
            book = container.openstream(name).read()
        return {name: _marks(book, start) for name, start in _sheets(book)}
    except (OSError, ValueError, StopIteration, struct.error, IndexError):
        return {}


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """From a beginning to its end; charts within have beginnings and ends of their own."""
    depth = 0
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        depth += (kind == BOF) - (kind == EOF)
        if depth <= 0:
            return
        at += 4 + length


def _sheets(book: bytes) -> Iterator[tuple[str, int]]:
    is_old = False
    for kind, body in _records(book, 0):
        if kind == PASSWORD:
            return
        if kind == BOF:
            is_old = struct.unpack_from("<H", body)[0] < 0x600
        elif kind == SHEET:
            (start,), length = struct.unpack_from("<I", body), body[6]
            if is_old:
                yield body[7 : 7 + length].decode("gb18030", "replace"), start
            elif body[7] & 1:
                yield body[8 : 8 + 2 * length].decode("utf-16-le", "replace"), start
            else:
                yield body[8 : 8 + length].decode("latin-1"), start


def _marks(book: bytes, start: int) -> Marks:
    marks = Marks()
    for kind, body in _records(book, start):
        if kind == ROW:
            if body[12] & HIDDEN_ROW:
                marks.hidden_rows.add(struct.unpack_from("<H", body)[0])
        elif kind == COLUMNS:
            first, last = struct.unpack_from("<HH", body)
            if body[8] & HIDDEN_COLUMNS:
                marks.hidden_columns.update(range(first, last + 1))
        elif (kind == FAULT and body[7]) or (
            kind in FORMULAS and body[6] == 2 and body[12:14] == b"\xff\xff"
        ):
            row, column = struct.unpack_from("<HH", body)
            marks.broken.add((row, column))
    return marks
