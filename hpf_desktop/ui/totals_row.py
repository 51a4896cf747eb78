"""The totals of a query, under their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView, QTableWidget, QTableWidgetItem, QWidget

from hpf_desktop.ui.query_model import shown
from hpf_desktop.ui.whole_cells import WholeCells
from server.business.base import Field


class TotalsRow(QTableWidget):
    """Over all rows, and not only those that are loaded."""

    def __init__(self, table: QTableView, columns: Sequence[Field], parent: QWidget) -> None:
        super().__init__(1, len(columns), parent)
        self._table, self._columns = table, columns
        self.setObjectName("totals")
        self.setAccessibleName("合计")
        self.horizontalHeader().hide()
        self.setVerticalHeaderLabels(["合计"])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)  # Or Tab would never leave it.
        WholeCells(self)
        self._with_totals: tuple[int, ...] = ()
        table.horizontalHeader().sectionResized.connect(self._column_resized)
        table.horizontalScrollBar().valueChanged.connect(self._scrolled)
        table.viewport().installEventFilter(self)
        table.verticalHeader().geometriesChanged.connect(self._align)
        for number in range(len(self._columns)):
            self.setColumnWidth(number, table.columnWidth(number))
        self.hide()

    def forget(self) -> None:
        self.clearContents()
        self._with_totals = ()
        self.hide()

    def show_totals(self, totals: Mapping[str, int]) -> None:
        for number, field in enumerate(self._columns):
            text = shown(field, totals[field.key]) if field.key in totals else ""
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            font = item.font()
            font.setBold(True)
            item.setFont(font)
            self.setItem(0, number, item)
        self._with_totals = tuple(n for n, f in enumerate(self._columns) if f.key in totals)
        self._show_when_seen()
        self._align()

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        if event.type() == event.Type.Resize:
            self._show_when_seen()
        return super().eventFilter(watched, event)

    def _column_resized(self, column: int, _: int, width: int) -> None:
        self.setColumnWidth(column, width)
        self._show_when_seen()

    def _scrolled(self, value: int) -> None:
        self.horizontalScrollBar().setValue(value)
        self._show_when_seen()

    def _show_when_seen(self) -> None:
        """An empty row would only take room from a narrow list whose amounts are out of sight."""
        table = self._table
        lefts = [(table.columnViewportPosition(n), table.columnWidth(n)) for n in self._with_totals]
        edge = table.viewport().width()
        self.setVisible(any(left < edge and left + width > 0 for left, width in lefts))

    def fit(self, height: int) -> None:
        self.verticalHeader().setDefaultSectionSize(height)
        self.setFixedHeight(height + 2 * self.frameWidth())

    def _align(self) -> None:
        width = max(
            self._table.verticalHeader().width(), self.fontMetrics().horizontalAdvance("合计") + 16
        )
        self.verticalHeader().setFixedWidth(width)
        if self._table.verticalHeader().minimumWidth() != width:
            self._table.verticalHeader().setMinimumWidth(width)
