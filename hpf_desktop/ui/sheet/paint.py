"""Draws the cells of a grid: background, text, and the corner of a cell with a problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPolygon

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.faults import ERROR, HINT
from hpf_desktop.ui.sheet.model import LEFT, RIGHT, SheetModel
from hpf_desktop.ui.sheet.store import FAULTY, HINTED, PASSED

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.grid import Grid

PADDING = 5
CORNER = 9
# A text with line breaks still stands on one line.
ONE_LINE = int(Qt.TextFlag.TextSingleLine)


class CellPainter:
    """Goes through the visible cells column by column over the model's lists.

    A delegate would be asked cell by cell, with an option object built for each; this takes about
    two thirds of the time.
    """

    def __init__(self, model: SheetModel, colours: SheetColours) -> None:
        self.model = model
        self.set_colours(colours)
        self.forget_font()

    def set_colours(self, colours: SheetColours) -> None:
        self.text, self.muted = QColor(colours.text), QColor(colours.muted)
        self.computed = QColor(colours.computed)
        self.selection = QColor(colours.selection)
        self.mark_cells = {HINT: QColor(colours.hint_cell), ERROR: QColor(colours.error_cell)}
        self.mark_corners = {HINT: QColor(colours.hint), ERROR: QColor(colours.error)}
        self.results = {
            PASSED: QColor(colours.passed),
            HINTED: QColor(colours.hint),
            FAULTY: QColor(colours.error),
        }

    def forget_font(self) -> None:
        """The letters changed; they are measured at the next repaint."""
        self.metrics: QFontMetrics | None = None

    def draw(self, painter: QPainter, grid: Grid, area: QRect) -> None:
        """``area`` is the part of the viewport to repaint; its plain background is there."""
        if self.metrics is None:
            self.metrics = QFontMetrics(painter.font())
            self.em = self.metrics.horizontalAdvance("国")
        places = grid.places_in(area)
        if not places:
            return
        height = grid.row_height
        top = grid.rowViewportPosition(places[0])
        rows = list(self.model.rows_at(places))
        first, last = grid.seen()
        for column in grid.columns_in(area):
            left, width = grid.columnViewportPosition(column), grid.columnWidth(column)
            strip = QRect(left, top, width, height * len(rows))
            if column < self.model.result_column and not self.model.columns[column].is_typed:
                painter.fillRect(strip, self.computed)
            self._draw_marks(painter, column, rows, strip, height)
            self._draw_selection(painter, grid, column, places, strip, height)
            inside = (max(left, first) + PADDING, min(left + width, last) - PADDING)
            if column == self.model.result_column:
                self._draw_results(painter, rows, strip, height)
            elif inside[0] < inside[1]:
                self._draw_texts(painter, column, rows, strip, height, inside)

    def _draw_marks(
        self, painter: QPainter, column: int, rows: Iterable[int], strip: QRect, height: int
    ) -> None:
        """Backgrounds only; the corners come over the selection."""
        if column == self.model.result_column:
            return
        marks = self.model.store.faults.marks[column]
        if not marks:
            return
        for number, row in enumerate(rows):
            if (mark := marks.get(row)) is not None:
                cell = QRect(strip.left(), strip.top() + number * height, strip.width(), height)
                painter.fillRect(cell, self.mark_cells[mark.level])

    def _draw_selection(
        self,
        painter: QPainter,
        grid: Grid,
        column: int,
        places: range,
        strip: QRect,
        height: int,
    ) -> None:
        for left, top, right, bottom in grid.selected:
            first, last = max(top, places[0]), min(bottom, places[-1])
            if left <= column <= right and first <= last:
                y = strip.top() + (first - places[0]) * height
                cells = QRect(strip.left(), y, strip.width(), (last - first + 1) * height)
                painter.fillRect(cells, self.selection)

    def _draw_texts(
        self,
        painter: QPainter,
        column: int,
        rows: Iterable[int],
        strip: QRect,
        height: int,
        inside: tuple[int, int],
    ) -> None:
        """``inside`` is from where to where there is room: a column that goes on under one that
        stays is drawn as if it ended there."""
        store = self.model.store
        typed, filled = store.typed[column], store.filled[column]
        marks = store.faults.marks[column]
        aligned = self.model.aligned[column]
        flags = aligned | ONE_LINE
        x, y, width = inside[0], strip.top(), inside[1] - inside[0]
        fits = width // self.em if self.em else 0
        plain = self.text if self.model.columns[column].is_typed is False else None
        draw, pen = painter.drawText, None
        for row in rows:
            text, colour = typed[row], self.text
            if not text:
                text, colour = filled[row], plain or self.muted
            if text:
                if colour is not pen:
                    painter.setPen(colour)
                    pen = colour
                if len(text) > fits:
                    text = self._fitting(text, width, aligned)
                draw(x, y, width, height, flags, text)
            if marks and (mark := marks.get(row)) is not None:
                self._draw_corner(painter, strip.right() + 1, y, self.mark_corners[mark.level])
                pen = None
            y += height

    def _draw_results(
        self, painter: QPainter, rows: Iterable[int], strip: QRect, height: int
    ) -> None:
        model, width = self.model, strip.width() - 2 * PADDING
        for number, row in enumerate(rows):
            text = model.result(row)
            if text:
                painter.setPen(self.results.get(model.store.states[row], self.muted))
                if len(text) * self.em > width:
                    text = self._fitting(text, width, LEFT)
                y = strip.top() + number * height
                painter.drawText(strip.left() + PADDING, y, width, height, LEFT | ONE_LINE, text)

    def _fitting(self, text: str, width: int, aligned: int) -> str:
        """An amount that does not fit must not look like a smaller one."""
        assert self.metrics is not None
        if self.metrics.horizontalAdvance(text) <= width:
            return text
        if aligned == RIGHT:
            return "#" * max(1, width // max(1, self.metrics.horizontalAdvance("#")))
        return self.metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)

    @staticmethod
    def _draw_corner(painter: QPainter, right: int, top: int, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        corner = [QPoint(right - CORNER, top), QPoint(right, top), QPoint(right, top + CORNER)]
        painter.drawPolygon(QPolygon(corner))
        painter.setBrush(Qt.BrushStyle.NoBrush)
