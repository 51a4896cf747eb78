"""Writes .xlsx files: any table, a template, and rows with what is wrong in them. No Qt."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hpf_desktop.spreadsheet import TEMPLATE_SHEET, ignore_progress
from server.business.base import Business, Field
from server.business.kinds import Choice, Day, Money, Ratio, Stamp, Whole
from server.business.parameters import Rate
from server.business.refusals import Level, Problem, refused

Progress = Callable[[int, int], None]
T = TypeVar("T")
SLICE_ROWS = 1_000
COMMENTS_MAX = 5_000  # Each is a drawing that the spreadsheet program must load.
LIST_MAX = 255  # Excel's limit for a list written out in a rule.
SHEET_ROWS = 1_048_000  # Excel's limit, with room for what stands above and below.
TEMPLATE_ROWS = 5_000  # How far down a template's formats and lists reach.
FONT = "微软雅黑"
REPORT_LABEL = "错误说明"


def write_table(
    path: Path,
    columns: Sequence[Field],
    rows: Iterable[Mapping[str, Any]],
    progress: Progress | None = None,
    heading: Sequence[str] = (),
) -> int:
    """Values by field key: amounts, counts and ratios as numbers, days and times as such, all
    else as text, shown by their kinds; under ``heading``'s lines, with a total under each summed
    column.

    Rows go to disk as they come. Returns how many. Raises Refused (S18).
    """
    report = progress or ignore_progress

    def fill(book: Any) -> int:
        table = _Table(book, columns, heading)
        for number, row in enumerate(rows):
            if number % SLICE_ROWS == 0:
                report(number, 0)
            table.write(row)
        table.end()
        return table.count

    return _write(path, fill)


class _Table:
    """The rows of one table; what is too long for one sheet goes on in the next."""

    def __init__(self, book: Any, columns: Sequence[Field], heading: Sequence[str]) -> None:
        self._book, self._columns, self._heading = book, columns, heading
        self._formats = _Formats(book)
        self._sums = {spec.key: 0 for spec in columns if spec.summed}
        self.count = 0
        self._begin()

    def _begin(self) -> None:
        sheets = self._book.worksheets()
        self._sheet = self._book.add_worksheet(f"数据{len(sheets) + 1}" if sheets else "数据")
        _set_widths(self._sheet, self._columns)
        for line, text in enumerate(self._heading):
            self._sheet.write_string(line, 0, text, self._formats.title if line == 0 else None)
        self._first = len(self._heading)
        labels = [spec.label for spec in self._columns]
        _write_header(self._sheet, self._formats, labels, self._first)
        self._line = self._first + 1

    def write(self, row: Mapping[str, Any]) -> None:
        if self._line - self._first > SHEET_ROWS:
            self._filter()
            self._begin()
        for column, spec in enumerate(self._columns):
            value = row.get(spec.key)
            if value is not None and value != "":
                _write_value(self._sheet, self._formats, self._line, column, spec, value)
                if spec.summed and isinstance(value, int):
                    self._sums[spec.key] += value
        self._line += 1
        self.count += 1

    def end(self) -> None:
        self._filter()
        if not (self._heading and self._sums):
            return
        self._sheet.write_string(self._line, 0, "合计", self._formats.text)
        for column, spec in enumerate(self._columns):
            if spec.summed:
                value = self._sums[spec.key]
                _write_value(self._sheet, self._formats, self._line, column, spec, value)

    def _filter(self) -> None:
        last = max(self._line - 1, self._first + 1)
        self._sheet.autofilter(self._first, 0, last, max(len(self._columns) - 1, 0))


def write_template(path: Path, business: Business) -> None:
    """An empty sheet to fill: text columns, lists of choices, a comment on each header."""

    def fill(book: Any) -> None:
        formats = _Formats(book)
        sheet = book.add_worksheet(business.label)
        fields = [spec for spec in business.rows if spec.typed]
        _write_header(sheet, formats, [_header(spec) for spec in fields])
        for column, spec in enumerate(fields):
            _shape_column(sheet, formats, column, spec)
        mark = book.add_worksheet(TEMPLATE_SHEET)
        mark.write_string(0, 0, business.code)
        mark.write_string(0, 1, template_version(business))
        mark.very_hidden()

    _write(path, fill)


def template_version(business: Business) -> str:
    """Changes when a typed column does."""
    shape = "|".join(
        f"{spec.key}:{spec.label}:{spec.required}" for spec in business.rows if spec.typed
    )
    return hashlib.sha256(shape.encode()).hexdigest()[:12]


def write_error_report(
    path: Path,
    business: Business,
    rows: Sequence[Mapping[str, str]],
    problems: Iterable[Problem],
    progress: Progress | None = None,
) -> int:
    """The operator's own rows, red where something is wrong, with the words beside them.

    It can be corrected and imported again. Returns how many rows have a problem.
    """
    by_row: dict[int, list[Problem]] = {}
    for fault in problems:
        if fault.row is not None:
            by_row.setdefault(fault.row, []).append(fault)

    def fill(book: Any) -> int:
        formats = _Formats(book)
        sheet = book.add_worksheet(business.label)
        fields = [spec for spec in business.rows if spec.typed]
        _write_header(sheet, formats, [*map(_header, fields), REPORT_LABEL])
        _set_widths(sheet, fields)
        sheet.set_column(len(fields), len(fields), 60)
        comments = 0
        for number, texts in enumerate(rows):
            if number % SLICE_ROWS == 0:
                (progress or ignore_progress)(number, len(rows))
            found = by_row.get(number, [])
            comments += _write_report_row(
                sheet, formats, number + 1, fields, texts, found, comments < COMMENTS_MAX
            )
        sheet.autofilter(0, 0, max(len(rows), 1), len(fields))
        return len(by_row)

    return _write(path, fill)


def _write_report_row(
    sheet: Any,
    formats: _Formats,
    line: int,
    fields: Sequence[Field],
    texts: Mapping[str, str],
    found: Sequence[Problem],
    has_comments: bool,
) -> int:
    comments = 0
    for column, spec in enumerate(fields):
        here = [p for p in found if p.key == spec.key]
        style = formats.text
        if here:
            is_error = any(p.level is Level.ERROR for p in here)
            style = formats.error if is_error else formats.hint
        if texts.get(spec.key) or here:
            sheet.write_string(line, column, texts.get(spec.key, ""), style)
        if here and has_comments:
            sheet.write_comment(line, column, "\n".join(_words(p) for p in here), {"x_scale": 2})
            comments += 1
    if found:
        sheet.write_string(line, len(fields), "；".join(_words(p) for p in found), formats.text)
    return comments


def _words(fault: Problem) -> str:
    return f"{fault.text}。{fault.next_step}" if fault.next_step else fault.text


class _Formats:
    """The few cell formats, made once per book."""

    def __init__(self, book: Any) -> None:
        base = {"font_name": FONT, "font_size": 10, "valign": "vcenter"}
        self.header = book.add_format(
            {**base, "bold": True, "bg_color": "#EEF1F5", "border": 1, "text_wrap": True}
        )
        self.text = book.add_format({**base, "num_format": "@"})
        self.money = book.add_format({**base, "num_format": Money.number_format})
        self.numbers = {Money.number_format: self.money} | {
            shape: book.add_format({**base, "num_format": shape})
            for shape in (Whole.number_format, Ratio.number_format, Rate.number_format)
        }
        self.day = book.add_format({**base, "num_format": "yyyy-mm-dd"})
        self.stamp = book.add_format({**base, "num_format": "yyyy-mm-dd hh:mm:ss"})
        self.title = book.add_format({**base, "bold": True, "font_size": 14})
        self.error = book.add_format({**base, "num_format": "@", "bg_color": "#FFC7CE"})
        self.hint = book.add_format({**base, "num_format": "@", "bg_color": "#FFEB9C"})


def _header(spec: Field) -> str:
    return f"{spec.label} *" if spec.required else spec.label


def _write_header(sheet: Any, formats: _Formats, labels: Iterable[str], line: int = 0) -> None:
    sheet.freeze_panes(line + 1, 0)
    sheet.set_row(line, 24)
    for column, label in enumerate(labels):
        sheet.write_string(line, column, label, formats.header)


def _set_widths(sheet: Any, fields: Sequence[Field]) -> None:
    for column, spec in enumerate(fields):
        sheet.set_column(column, column, max(10, spec.width / 7))


def _shape_column(sheet: Any, formats: _Formats, column: int, spec: Field) -> None:
    is_money = spec.kind.editor == "money"
    sheet.set_column(
        column, column, max(10, spec.width / 7), formats.money if is_money else formats.text
    )
    sheet.write_comment(0, column, _explained(spec), {"x_scale": 2})
    labels = list(spec.kind.options.values()) if isinstance(spec.kind, Choice) else []
    listed = ",".join(labels)
    # The centre names its own: a comma within a label would make two of it.
    if labels and len(listed) <= LIST_MAX and listed.count(",") == len(labels) - 1:
        rule = {
            "validate": "list",
            "source": labels,
            "error_title": spec.label,
            "error_message": "请从列表中选择",
        }
        sheet.data_validation(1, column, TEMPLATE_ROWS, column, rule)


def _explained(spec: Field) -> str:
    parts = ["必填" if spec.required else "可不填"]
    if spec.note:
        parts.append(spec.note)
    if isinstance(spec.kind, Choice):
        parts.append("可选：" + "、".join(spec.kind.options.values()))
    elif spec.kind.sample:
        parts.append(f"例如 {spec.kind.sample}")
    return "\n".join(parts)


def _write_value(
    sheet: Any, formats: _Formats, row: int, column: int, spec: Field, value: Any
) -> None:
    shape = spec.kind.number_format
    if shape and isinstance(value, int):
        sheet.write_number(row, column, value / spec.kind.scale, formats.numbers[shape])
    elif moment := _moment_of(spec, value):
        style = formats.day if isinstance(spec.kind, Day) else formats.stamp
        sheet.write_datetime(row, column, moment, style)
    else:
        text = (
            value
            if isinstance(value, str) and spec.kind.python is not str
            else spec.kind.show(value)
        )
        sheet.write_string(row, column, text, formats.text)


def _moment_of(spec: Field, value: Any) -> datetime.datetime | None:
    """A day or a time that a spreadsheet can sort and reckon with; a month has no day."""
    try:
        if isinstance(spec.kind, Day):
            day = value if isinstance(value, datetime.date) else spec.kind.parse(str(value))
            return datetime.datetime.combine(day, datetime.time())
        if isinstance(spec.kind, Stamp):
            # As shown, in the centre's time: a cell knows of no other.
            return datetime.datetime.fromisoformat(spec.kind.show(value))
    except ValueError:
        pass
    return None


def _write(path: Path, fill: Callable[[Any], T]) -> T:
    """Beside the file first, so that a full disk or a cancelled export leaves the old one whole."""
    import xlsxwriter  # Costs start-up time.
    from xlsxwriter.exceptions import FileCreateError

    part = path.with_name(f".{path.name}.part")
    try:
        part.touch()
        # Rows wait in plain files of this folder until the book is closed.
        with TemporaryDirectory(prefix="hpf-") as folder:
            options = {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "tmpdir": folder,
            }
            with xlsxwriter.Workbook(str(part), options) as book:
                outcome = fill(book)
        part.replace(path)
    except (OSError, FileCreateError):
        raise refused("S18", file=path.name) from None
    finally:
        part.unlink(missing_ok=True)
    return outcome
