"""The sheet's headers: column labels over their texts, and the rows' line numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPolygon
from PySide6.QtWidgets import QHeaderView

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.paint import PADDING

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.grid import Grid

AIR = 16  # around a column label
ARROW = 4
CENTRE = int(Qt.AlignmentFlag.AlignCenter)


class SheetHeader(QHeaderView):
    """Draws its sections itself: Qt asks, for each, whether every cell of it is selected, and that
    takes seconds when a hundred thousand rows are.
    """

    def __init__(self, way: Qt.Orientation, grid: Grid) -> None:
        super().__init__(way, grid)
        self.grid = grid
        is_across = way is Qt.Orientation.Horizontal
        self.setObjectName("sheet_columns" if is_across else "sheet_rows")
        self.setAccessibleName("列标题" if is_across else "行号")
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSectionsMovable(is_across)
        self.setMinimumSectionSize(36 if is_across else 20)

    def set_colours(self, colours: SheetColours) -> None:
        self.ground, self.ink = QColor(colours.header), QColor(colours.header_text)
        self.line, self.marked = QColor(colours.grid), QColor(colours.selection)
        self.viewport().update()

    @property
    def is_across(self) -> bool:
        return self.orientation() is Qt.Orientation.Horizontal

    def sizeHint(self) -> QSize:  # noqa: N802
        size = super().sizeHint()
        if self.is_across:
            size.setHeight(self.fontMetrics().height() + AIR)
        return size

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:  # noqa: N802
        painter.fillRect(rect, self.marked if self._is_marked(section) else self.ground)
        painter.setPen(self.line)
        painter.drawLine(rect.topRight(), rect.bottomRight())
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        font = QFont(self.font())
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(self.ink)
        model = self.model()
        text = str(model.headerData(section, self.orientation()) or "")
        if not self.is_across:
            painter.drawText(rect.adjusted(PADDING, 0, -PADDING, 0), CENTRE, text)
            return
        left, right = self.grid.seen()
        inside = rect.intersected(QRect(left, rect.top(), right - left, rect.height()))
        inside.adjust(PADDING, 0, -PADDING, 0)
        if self.isSortIndicatorShown() and self.sortIndicatorSection() == section:
            inside.setRight(inside.right() - 3 * ARROW)
            self._draw_arrow(painter, rect)
        alignment = model.headerData(section, self.orientation(), Qt.ItemDataRole.TextAlignmentRole)
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, int(alignment), shown)

    def _is_marked(self, section: int) -> bool:
        """Whether a selected cell stands in this column or row."""
        if self.is_across:
            return any(left <= section <= right for left, _, right, _ in self.grid.selected)
        return any(top <= section <= bottom for _, top, _, bottom in self.grid.selected)

    def _draw_arrow(self, painter: QPainter, rect: QRect) -> None:
        x, y = rect.right() - 2 * ARROW - 2, rect.center().y()
        up = ARROW // 2 if self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder else -ARROW // 2
        points = [QPoint(x - ARROW, y + up), QPoint(x + ARROW, y + up), QPoint(x, y - up)]
        painter.setBrush(self.ink)
        painter.drawPolygon(QPolygon(points))
        painter.setBrush(Qt.BrushStyle.NoBrush)
