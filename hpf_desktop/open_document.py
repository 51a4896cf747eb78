"""What an .ods says of its cells beside their values: hidden, merged, formulas in error. No Qt."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from xml.parsers import expat

from hpf_desktop.package import COLUMNS_TOLD, Marks

CONTENT = "content.xml"
CELLS = ("table:table-cell", "table:covered-table-cell")
ROWS_TOLD = 10_000  # Of a run of equal rows: formats reach down to the last one.


def look_into_open(content: bytes, bytes_max: int) -> dict[str, Marks]:
    """Each table's marks by its name; nothing for another package, or one that is sealed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as pack:
            if CONTENT not in pack.namelist() or pack.getinfo(CONTENT).file_size > bytes_max:
                return {}
            reader = _Reader()
            with pack.open(CONTENT) as file:
                reader.parser.ParseFile(file)
    except (zipfile.BadZipFile, expat.ExpatError, NotImplementedError, RuntimeError, OSError):
        return {}  # Whoever reads the values will say so.
    return reader.marks


class _Reader:
    def __init__(self) -> None:
        self.marks: dict[str, Marks] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self._now = Marks()
        self._row = self._rows = self._column = 0

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "table:table":
            self._now = self.marks[attributes.get("table:name", "")] = Marks()
            self._row = self._column = 0
        elif tag == "table:table-column":
            count = _count(attributes, "table:number-columns-repeated")
            if attributes.get("table:visibility", "visible") != "visible":
                places = range(self._column, min(self._column + count, COLUMNS_TOLD))
                self._now.hidden_columns.update(places)
            self._column += count
        elif tag == "table:table-row":
            self._rows, self._column = _count(attributes, "table:number-rows-repeated"), 0
            if attributes.get("table:visibility", "visible") != "visible":
                shown = min(self._rows, ROWS_TOLD)
                self._now.hidden_rows.update(range(self._row, self._row + shown))
        elif tag in CELLS:
            self._cell(attributes)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        count = _count(attributes, "table:number-columns-repeated")
        if attributes.get("calcext:value-type") == "error":
            columns = range(self._column, self._column + min(count, COLUMNS_TOLD))
            self._now.broken.update((self._row, column) for column in columns)
        down = _count(attributes, "table:number-rows-spanned")
        across = _count(attributes, "table:number-columns-spanned")
        if down > 1 or across > 1:
            area = (self._row, self._column, self._row + down - 1, self._column + across - 1)
            self._now.merged.append(area)
        self._column += count

    def _end(self, tag: str) -> None:
        if tag == "table:table-row":
            self._row += self._rows


def _count(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    return int(text) if text.isdecimal() and len(text) < 9 else 1
