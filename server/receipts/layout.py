"""What a receipt says, and the measures by which it is laid on a sheet."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Literal, NamedTuple

from server.receipts.fonts import width_pt

MM = 72 / 25.4
QR_PT = 27 * MM  # 26 mm is the least that a one-bit printer and a phone agree on.
PADDING_PT = 3.5
SMALLEST_PT = 1.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A paper with the sizes of type and rules that its printers can draw."""

    width_pt: float
    height_pt: float
    margin_x_pt: float
    margin_y_pt: float
    title_pt: float
    text_pt: float
    list_pt: float
    small_pt: float
    rule_pt: float
    row_pt: float
    seal_pt: float
    shrink: float  # Text may become this much smaller before it is broken into lines.
    tint: float  # Grey level behind labels; 1 is none.

    @property
    def inner_pt(self) -> float:
        return self.width_pt - 2 * self.margin_x_pt


class Paper(Enum):
    """The papers that receipts are made for."""

    A4 = Sheet(595.276, 841.89, 42, 34, 19, 9.5, 9, 8, 0.5, 15, 38 * MM, 0.8, 0.95)
    A5 = Sheet(595.276, 419.528, 36, 24, 17, 9.5, 9, 8, 0.5, 14, 34 * MM, 0.8, 0.95)
    # Continuous 241 mm paper cut at 5.5 inches; in points, as 140 mm would drift 0.3 mm a sheet.
    # A 24-pin printer has 180 dots an inch and no grey: large type, no tint, clear of both edges.
    HALF_241 = Sheet(684, 396, 43, 20, 17, 10.5, 10.5, 10.5, 0.75, 16, 31 * MM, 1.0, 1.0)
    # Lists of many columns.
    A4_WIDE = Sheet(841.89, 595.276, 30, 28, 15, 9, 8, 8, 0.5, 13, 34 * MM, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    width_weight: float
    align: Literal["left", "center", "right"] = "left"
    summed: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptData:
    """One receipt as text; it knows no business. Every row has one text for each column.

    What has no code is a plain list: it bears neither QR nor seal, and proves nothing. With
    ``closing`` it is a certificate: it ends with these words, and nobody of the unit signs it.
    """

    centre: str
    title: str
    number: str
    serial: str  # 业务流水号
    unit_name: str
    unit_account: str
    issued: str
    operator: str
    login: str
    code: str  # The verification code, and the address that the QR opens with it.
    url: str
    seal: str
    facts: Sequence[tuple[str, str]] = ()
    amount_fen: int | None = None
    columns: Sequence[Column] = ()
    rows: Iterable[Sequence[str]] = ()
    totals: Sequence[str] = ()  # What the books say for each summed column; checked against rows.
    row_unit: str = "人"
    reviewer: str = ""
    statement: str = ""
    closing: str = ""
    closing_day: datetime.date | None = None
    paper: Paper = Paper.A4


class Fitted(NamedTuple):
    lines: Sequence[str]
    size_pt: float


def fit(text: str, room_pt: float, size_pt: float, shrink: float, bold: bool = False) -> Fitted:
    """The whole text always: as it is, else a little smaller, else on several lines."""
    wide = width_pt(text, size_pt, bold)
    if wide <= room_pt:
        return Fitted((text,), size_pt)
    if wide * shrink <= room_pt:
        return Fitted((text,), size_pt * room_pt / wide)
    return Fitted(_broken(text, room_pt, size_pt * shrink, bold), size_pt * shrink)


def fit_line(text: str, room_pt: float, size_pt: float, bold: bool = False) -> Fitted:
    """The text on one line however small: an amount or a number is never broken."""
    wide = max(width_pt(text, size_pt, bold), SMALLEST_PT)
    return Fitted((text,), size_pt * min(1.0, room_pt / wide))


def _broken(text: str, room_pt: float, size_pt: float, bold: bool) -> list[str]:
    lines, line, used = [], "", 0.0
    for mark in text:
        wide = width_pt(mark, size_pt, bold)
        if line and used + wide > room_pt:
            lines.append(line)
            line, used = "", 0.0
        line, used = line + mark, used + wide
    return [*lines, line]


class Slot(NamedTuple):
    """Where one column's text stands between its rules."""

    left_pt: float
    room_pt: float
    align: str

    def start(self, wide_pt: float) -> float:
        if self.align == "left":
            return self.left_pt
        spare = self.room_pt - wide_pt
        return self.left_pt + (spare if self.align == "right" else spare / 2)


def slots(columns: Sequence[Column], left_pt: float, inner_pt: float) -> list[Slot]:
    weight = sum(column.width_weight for column in columns)
    found = []
    for column in columns:
        wide = inner_pt * column.width_weight / weight
        found.append(Slot(left_pt + PADDING_PT, wide - 2 * PADDING_PT, column.align))
        left_pt += wide
    return found


class Field(NamedTuple):
    """A label and its value in the head of a receipt, with the widths of their cells."""

    label: str
    value: str
    label_pt: float
    value_pt: float
    bold: bool = False


def head_rows(receipt: ReceiptData, capitals: str, figures: str) -> list[list[Field]]:
    """The head's fields, two beside each other where both are short enough."""
    sheet = receipt.paper.value
    label_pt = 8.2 * sheet.text_pt
    half_pt = sheet.inner_pt / 2 - label_pt
    whole_pt = sheet.inner_pt - label_pt
    rows: list[list[Field]] = []
    is_open = False
    for label, value in _facts(receipt):
        is_half = width_pt(value, sheet.text_pt) <= half_pt - 2 * PADDING_PT
        if is_half and is_open:
            rows[-1] = [
                rows[-1][0]._replace(value_pt=half_pt),
                Field(label, value, label_pt, half_pt),
            ]
        else:
            rows.append([Field(label, value, label_pt, whole_pt)])
        is_open = is_half and not is_open
    if figures:
        figures_pt = 11 * sheet.text_pt
        capitals_pt = whole_pt - label_pt - figures_pt
        rows.append(
            [
                Field("金额（大写）", capitals, label_pt, capitals_pt, bold=True),
                Field("金额（小写）", figures, label_pt, figures_pt, bold=True),
            ]
        )
    return rows


def _facts(receipt: ReceiptData) -> list[tuple[str, str]]:
    every = [
        ("单位名称", receipt.unit_name),
        ("单位账号", receipt.unit_account),
        ("业务流水号", receipt.serial),
        ("填制时间", receipt.issued),
        ("登录方式", receipt.login),
        ("操作员", receipt.operator),
        *receipt.facts,
    ]
    return [(label, value) for label, value in every if value]


class Line(NamedTuple):
    """One row of the list: the row heights it takes, and its texts from its top left corner."""

    units: int
    cells: list[tuple[float, float, float, str]]  # x, drop, size, text


def measure(row: Sequence[str], places: Sequence[Slot], sheet: Sheet, bold: bool = False) -> Line:
    size, height = sheet.list_pt, sheet.row_pt
    drop = (height + size * 0.72) / 2
    cells, long = [], []
    for slot, text in zip(places, row, strict=True):
        if not text:
            continue
        wide = width_pt(text, size, bold)
        if wide <= slot.room_pt:
            cells.append((slot.start(wide), drop, size, text))
        elif text.isascii():
            smaller = fit_line(text, slot.room_pt, size, bold).size_pt
            cells.append((slot.left_pt, drop - (size - smaller) / 3, smaller, text))
        else:
            long.append((slot, fit(text, slot.room_pt, size, sheet.shrink, bold)))
    if not long:
        return Line(1, cells)
    return _tall(cells, long, sheet, bold)


def _tall(
    cells: list[tuple[float, float, float, str]],
    long: list[tuple[Slot, Fitted]],
    sheet: Sheet,
    bold: bool,
) -> Line:
    """A row in which some text takes several lines; all texts stand in the middle of its height."""
    units = max(ceil(len(text.lines) * text.size_pt * 1.2 / sheet.row_pt) for _, text in long)
    lower = (units - 1) * sheet.row_pt / 2
    placed = [(x, drop + lower, size, text) for x, drop, size, text in cells]
    for slot, fitted in long:
        leading = fitted.size_pt * 1.2
        first = (units * sheet.row_pt - (len(fitted.lines) - 1) * leading) / 2
        for index, text in enumerate(fitted.lines):
            x = slot.start(width_pt(text, fitted.size_pt, bold))
            drop = first + index * leading + fitted.size_pt * 0.36
            placed.append((x, drop, fitted.size_pt, text))
    return Line(units, placed)
