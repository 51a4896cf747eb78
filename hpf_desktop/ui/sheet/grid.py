"""The table both halves of the sheet are made of: grid lines, selection frame, fill handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QEvent, QItemSelectionRange, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableView,
    QWidget,
)

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.delegate import CellDelegate
from hpf_desktop.ui.sheet.header import SheetHeader
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.paint import CellPainter

ROW_HEIGHT_MIN = 28
ROW_AIR = 8  # around a line of text
HANDLE = 7
HANDLE_REACH = 6


class Grid(QTableView):
    """Draws over its cells what belongs to the selection as a whole."""

    fill_dragged = Signal(object, int)  # the selection, and the place where the handle was let go

    def __init__(
        self, model: SheetModel, colours: SheetColours, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.sheet = model
        self.delegate = CellDelegate(model, self)
        self.painter = CellPainter(model, colours)
        # (left, top, right, bottom) of each selected block, as Python numbers for the painter.
        self.selected: list[tuple[int, int, int, int]] = []
        self.setItemDelegate(self.delegate)
        self.setHorizontalHeader(SheetHeader(Qt.Orientation.Horizontal, self))
        self.setVerticalHeader(SheetHeader(Qt.Orientation.Vertical, self))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.viewport().setMouseTracking(True)
        self.drag_to: int | None = None
        self.row_height = ROW_HEIGHT_MIN
        self._fit_font()
        self.set_colours(colours)

    def set_colours(self, colours: SheetColours) -> None:
        self.painter.set_colours(colours)
        self.horizontalHeader().set_colours(colours)
        self.verticalHeader().set_colours(colours)
        self.grid_pen = QPen(QColor(colours.grid))
        self.accent, self.ground = QColor(colours.accent), QColor(colours.cell)
        self.frame_pen = QPen(self.accent, 2)
        self.drag_pen = QPen(self.accent, 1, Qt.PenStyle.DashLine)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_font()

    def _fit_font(self) -> None:
        """Rows grow with the letters, so that a larger zoom stays readable."""
        if hasattr(self, "row_height"):
            self.painter.forget_font()
            self.row_height = max(ROW_HEIGHT_MIN, self.fontMetrics().height() + ROW_AIR)
            self.verticalHeader().setDefaultSectionSize(self.row_height)

    # --- The selection ---------------------------------------------------------------------------

    def only_range(self) -> QItemSelectionRange | None:
        """The selection when it is one block."""
        ranges = self.selectionModel().selection()
        return ranges.at(0) if ranges.count() == 1 else None

    def ranges(self) -> list[Any]:
        selection = self.selectionModel().selection()
        return [selection.at(n) for n in range(selection.count())]

    def selected_places(self) -> range | list[int]:
        """Places with a selected cell, ascending."""
        ranges = self.ranges()
        if len(ranges) == 1:
            return range(ranges[0].top(), ranges[0].bottom() + 1)
        places: set[int] = set()
        for block in ranges:
            places.update(range(block.top(), block.bottom() + 1))
        return sorted(places)

    def selected_blocks(self) -> list[tuple[range, list[int]]]:
        """(places, columns) of each selected block; hidden columns are left out."""
        shown = set(self.shown_columns())
        return [
            (
                range(block.top(), block.bottom() + 1),
                [c for c in range(block.left(), block.right() + 1) if c in shown],
            )
            for block in self.ranges()
        ]

    def range_rect(self, block: QItemSelectionRange) -> QRect:
        return self.visualRect(block.topLeft()).united(self.visualRect(block.bottomRight()))

    def shows_column(self, column: int) -> bool:
        return not self.isColumnHidden(column)

    def shown_columns(self) -> list[int]:
        """Logical columns in the order of the screen."""
        header = self.horizontalHeader()
        every = (header.logicalIndex(visual) for visual in range(header.count()))
        return [column for column in every if not self.isColumnHidden(column)]

    def handle_rect(self) -> QRect | None:
        """Where the fill handle is; none when there is nothing to fill from."""
        block = self.only_range()
        if block is None or self.sheet.is_locked or not self.shows_column(block.right()):
            return None
        corner = self.range_rect(block).bottomRight()
        return QRect(corner.x() - HANDLE // 2 - 1, corner.y() - HANDLE // 2 - 1, HANDLE, HANDLE)

    # --- Painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self.viewport())
        painter.setFont(self.font())
        self.painter.draw(painter, self, event.rect())
        self._draw_lines(painter, event.rect())
        block = self.only_range()
        if block is None:
            return
        if self.shows_column(block.left()) or self.shows_column(block.right()):
            painter.setPen(self.frame_pen)
            painter.drawRect(self.range_rect(block).adjusted(0, 0, -1, -1))
        if self.drag_to is not None:
            painter.setPen(self.drag_pen)
            painter.drawRect(self._dragged_rect(block).adjusted(1, 1, -2, -2))
        if (handle := self.handle_rect()) is not None:
            painter.fillRect(handle.adjusted(-1, -1, 1, 1), self.ground)
            painter.fillRect(handle, self.accent)

    def seen(self) -> tuple[int, int]:
        """From where to where the viewport is not covered."""
        return 0, self.viewport().width()

    def places_in(self, area: QRect) -> range:
        """The rows that ``area`` of the viewport touches."""
        offset = self.verticalOffset()
        first = (area.top() + offset) // self.row_height
        last = (area.bottom() + offset) // self.row_height
        return range(max(0, first), min(last + 1, self.sheet.rowCount()))

    def columns_in(self, area: QRect) -> Iterator[int]:
        """The columns that ``area`` touches, in the order of the screen."""
        header = self.horizontalHeader()
        first, last = header.visualIndexAt(area.left()), header.visualIndexAt(area.right())
        for visual in range(max(0, first), header.count() if last < 0 else last + 1):
            section = header.logicalIndex(visual)
            if not header.isSectionHidden(section):
                yield section

    def _draw_lines(self, painter: QPainter, area: QRect) -> None:
        """One line per row and per column instead of two per cell."""
        painter.setPen(self.grid_pen)
        right = min(area.right(), self.horizontalHeader().length() - self.horizontalOffset() - 1)
        bottom = min(area.bottom(), self.verticalHeader().length() - self.verticalOffset() - 1)
        height = self.row_height
        y = (-self.verticalOffset()) % height - 1
        y += (area.top() - y) // height * height
        while y <= bottom:
            painter.drawLine(area.left(), y, right, y)
            y += height
        header = self.horizontalHeader()
        for visual in range(header.count()):
            section = header.logicalIndex(visual)
            if not header.isSectionHidden(section):
                x = header.sectionViewportPosition(section) + header.sectionSize(section) - 1
                if area.left() <= x <= area.right():
                    painter.drawLine(x, area.top(), x, bottom)

    def _dragged_rect(self, block: QItemSelectionRange) -> QRect:
        assert self.drag_to is not None
        end = self.visualRect(self.sheet.index(self.drag_to, block.right()))
        return self.range_rect(block).united(end)

    def selectionChanged(self, selected: Any, deselected: Any) -> None:  # noqa: N802
        """The frame and the handle reach over the cells Qt repaints."""
        super().selectionChanged(selected, deselected)
        self.selected = [(b.left(), b.top(), b.right(), b.bottom()) for b in self.ranges()]
        self.horizontalHeader().viewport().update()
        self.verticalHeader().viewport().update()
        self.viewport().update()

    # --- The fill handle -------------------------------------------------------------------------

    def _is_on_handle(self, place: QPoint) -> bool:
        handle = self.handle_rect()
        return handle is not None and handle.adjusted(
            -HANDLE_REACH // 2, -HANDLE_REACH // 2, HANDLE_REACH // 2, HANDLE_REACH // 2
        ).contains(place)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        block = self.only_range()
        is_left = event.button() == Qt.MouseButton.LeftButton
        if block is not None and is_left and self._is_on_handle(event.position().toPoint()):
            self.drag_to = block.bottom()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        place = event.position().toPoint()
        if self.drag_to is None:
            on_handle = self._is_on_handle(place)
            self.viewport().setCursor(
                Qt.CursorShape.CrossCursor if on_handle else Qt.CursorShape.ArrowCursor
            )
            super().mouseMoveEvent(event)
            return
        row = self.rowAt(max(0, min(place.y(), self.viewport().height() - 1)))
        if row >= 0:
            self.drag_to = row
            self.scrollTo(self.sheet.index(row, self.currentIndex().column()))
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.drag_to is None:
            super().mouseReleaseEvent(event)
            return
        block, to = self.only_range(), self.drag_to
        self.drag_to = None
        self.viewport().update()
        if block is not None and not block.top() <= to <= block.bottom():
            self.fill_dragged.emit(block, to)
