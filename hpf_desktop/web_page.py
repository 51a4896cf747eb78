"""The tables of a web page as rows of texts: what systems name .xls, and what browsers copy. No Qt.

A page holds every digit that it shows, unlike a spreadsheet that opens it.
"""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCK_CHARS = 2**16
SPAN_MAX = 1000  # As browsers have it.
CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
# What Excel and LibreOffice write beside the rounded text that is seen.
WHOLE_VALUES = ("x:num", "sdval")
UNSEEN = ("script", "style")
BREAKS = ("br", "p", "div", "li")
RowDone = Callable[[int, int], None]  # the rows so far, and the cells of the last


@dataclass
class WebTable:
    """``merged`` are the areas of cells that span several: top, left, bottom, right."""

    rows: list[list[str]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


def tables_of_page(text: str, row_done: RowDone = lambda rows, cells: None) -> list[WebTable]:
    """The tables with any text, in their order; one within another stands for itself."""
    reader = _Reader(row_done)
    for start in range(0, len(text), BLOCK_CHARS):
        reader.feed(text[start : start + BLOCK_CHARS])
    reader.close()
    return [t for t in reader.tables if any(any(map(str.strip, row)) for row in t.rows)]


def decoded_pages(content: bytes) -> Iterator[str]:
    """The page, or those in a web archive (.mht)."""
    if not is_archive(content):
        yield _decoded(content)
        return
    for part in email.message_from_bytes(content).walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() == "text/html" and isinstance(payload, bytes):
            yield _decoded(payload, part.get_content_charset())


def is_archive(content: bytes) -> bool:
    return content[:400].lstrip().lower().startswith(b"mime-version:")


def _decoded(content: bytes, charset: str | None = None) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    named = CHARSET.search(content[:5000])
    said = charset or (named[1].decode("ascii") if named else "")
    # What is called gb2312 is mostly gb18030, and some that say so are UTF-8 all the same.
    for encoding in ("utf-8-sig", "gb18030" if said.lower().startswith("gb") else said):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("gb18030", "replace")


class _Open:
    """A table whose end has not been read."""

    def __init__(self) -> None:
        self.table = WebTable()
        self.covered: dict[int, int] = {}  # columns, and the last row of what reaches down there
        self.row: list[str] | None = None
        self.parts: list[str] | None = None
        self.whole: str | None = None
        self.spans = (1, 1)

    def begin_row(self) -> None:
        self.end_row()
        self.row = []
        self.table.rows.append(self.row)

    def end_row(self) -> None:
        self.end_cell()
        self.row = None

    def begin_cell(self, attributes: dict[str, str | None]) -> None:
        if self.row is None:
            self.begin_row()
        self.end_cell()
        self.parts = []
        self.whole = next((attributes[k] for k in WHOLE_VALUES if attributes.get(k)), None)
        self.spans = _span(attributes.get("rowspan")), _span(attributes.get("colspan"))

    def end_cell(self) -> None:
        if self.parts is None or self.row is None:
            return
        row, text = len(self.table.rows) - 1, self.whole or _plain("".join(self.parts))
        while self.covered.get(len(self.row), -1) >= row:
            self.row.append("")
        left, (down, across) = len(self.row), self.spans
        across = across if left < SPAN_MAX else 1
        self.row += [text, *[""] * (across - 1)]
        if down * across > 1:
            self.table.merged.append((row, left, row + down - 1, left + across - 1))
            self.covered |= dict.fromkeys(range(left, left + across), row + down - 1)
        self.parts = None


def _span(text: str | None) -> int:
    return min(max(int(text), 1), SPAN_MAX) if text and text.strip().isdecimal() else 1


def _plain(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.split("\v")).strip()


class _Reader(HTMLParser):
    def __init__(self, row_done: RowDone) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[WebTable] = []
        self._open: list[_Open] = []
        self._row_done, self._rows, self._unseen = row_done, 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open.append(_Open())
            self.tables.append(self._open[-1].table)
        elif tag in UNSEEN:
            self._unseen += 1
        elif not self._open:
            return
        elif tag == "tr":
            above = self._open[-1].table.rows
            self._row_done(self._rows, len(above[-1]) if above else 0)
            self._rows += 1
            self._open[-1].begin_row()
        elif tag in ("td", "th"):
            self._open[-1].begin_cell(dict(attrs))
        elif tag in BREAKS:
            self.handle_data("\v")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif not self._open:
            return
        elif tag in ("td", "th"):
            self._open[-1].end_cell()
        elif tag == "tr":
            self._open[-1].end_row()
        elif tag == "table":
            self._open.pop().end_row()

    def handle_data(self, data: str) -> None:
        if self._open and not self._unseen and self._open[-1].parts is not None:
            self._open[-1].parts.append(data)

    def close(self) -> None:
        super().close()
        while self._open:
            self._open.pop().end_row()
