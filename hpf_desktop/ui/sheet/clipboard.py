"""The clipboard's two forms of a block of cells: text, and HTML that keeps long numbers. No Qt."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence

from hpf_desktop.web_page import tables_of_page

CELLS_MAX = 5_000_000  # More than any sheet; a clipboard is somebody else's and may hold anything.
AS_TEXT = "style=\"mso-number-format:'\\@'\""


class TooMuch(ValueError):
    """The clipboard holds more cells than a sheet can."""


def columns_of_text(text: str) -> list[list[str]]:
    """The block column by column; short rows are padded. Excel ends it with a line break."""
    if (rows := _quoted_rows(text)) is None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = text.removesuffix("\n")
        lines = text.split("\n")
        tabs = lines[0].count("\t")
        if all(line.count("\t") == tabs for line in lines):
            # An even block is cut at once: a list for each row would keep the collector busy.
            cells = text.replace("\n", "\t").split("\t")
            refuse_too_much(len(cells))
            return [cells[n :: tabs + 1] for n in range(tabs + 1)]
        rows = [line.split("\t") for line in lines]
    width = max(map(len, rows), default=0)
    refuse_too_much(len(rows) * width)
    if any(len(row) != width for row in rows):
        rows = [row + [""] * (width - len(row)) for row in rows]
    return [list(column) for column in zip(*rows, strict=True)]


def _quoted_rows(text: str) -> list[list[str]] | None:
    """None where no cell is quoted: a quote that is never closed is one that somebody typed."""
    if '"' not in text:
        return None
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return None


def text_of_page(page: str) -> str:
    """The first table of what a browser or an editor copied without a text of its own."""
    tables = tables_of_page(page)
    return text_of_rows(tables[0].rows) if tables else ""


def refuse_too_much(cells: int) -> None:
    if cells > CELLS_MAX:
        raise TooMuch


def text_of_rows(rows: Iterable[Sequence[str]]) -> str:
    """Cells with a tab, a quote or a line break are quoted, as Excel does."""
    return "\r\n".join("\t".join(map(_quoted, row)) for row in rows)


def html_of_rows(rows: Iterable[Sequence[str]], is_text: Sequence[bool]) -> str:
    """A table whose ``is_text`` columns Excel and Calc keep as text: 18 digits stay 18 digits."""
    opening = [f"<td {AS_TEXT}>" if text else "<td>" for text in is_text]
    lines = []
    for row in rows:
        cells = (td + html.escape(cell) + "</td>" for td, cell in zip(opening, row, strict=True))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = '<head><meta charset="utf-8"></head>'
    return f"<html>{head}<body><table>{''.join(lines)}</table></body></html>"


def _quoted(cell: str) -> str:
    if any(c in cell for c in '\t"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell
