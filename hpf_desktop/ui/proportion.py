"""A table in proportion to its letters: rows that hold them, columns as wide as they need."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QHeaderView, QTableView

from hpf_desktop.ui.theme import scaled

ROW_HEIGHT_SCALE = 1.5
SCALE = 1_000


class Proportion(QObject):
    """Follows the zoom. ``widths_px`` are the columns' at 100 %; each has ``air_px`` more where
    there is room for it, and less where that spares the list a scroll bar. Once the operator has
    made a column wider, all of them keep their width to the letters."""

    fitted = Signal(int)  # the height of a row

    def __init__(self, table: QTableView, widths_px: Sequence[int] = (), air_px: int = 0) -> None:
        super().__init__(table)
        self._table, self._widths_px, self._air_px = table, tuple(widths_px), air_px
        self._scale = scaled(SCALE)
        self._is_fitting = self._is_chosen = False
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.horizontalHeader().sectionResized.connect(self._column_resized)
        table.installEventFilter(self)
        table.viewport().installEventFilter(self)
        self._fit_rows()
        self._fit_columns()

    @property
    def row_height(self) -> int:
        return round(self._table.fontMetrics().height() * ROW_HEIGHT_SCALE)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.FontChange:
            self._fit_rows()
            self._fit_columns()
        elif event.type() == QEvent.Type.Resize and watched is not self._table:
            self._fit_columns()
        return False

    def _fit_rows(self) -> None:
        self._table.verticalHeader().setDefaultSectionSize(self.row_height)
        self.fitted.emit(self.row_height)

    def _fit_columns(self) -> None:
        before, self._scale = self._scale, scaled(SCALE)
        if self._is_chosen:
            columns = range(len(self._widths_px))
            widths = [self._table.columnWidth(n) * self._scale / before for n in columns]
        else:
            air = self._air()
            widths = [scaled(width) + air for width in self._widths_px]
        self._is_fitting = True
        for number, width in enumerate(widths):
            self._table.setColumnWidth(number, round(width))
        self._is_fitting = False

    def _air(self) -> int:
        """Of each column; all of it, too, when the list must be scrolled anyway."""
        left = self._table.viewport().width() - sum(map(scaled, self._widths_px))
        most = scaled(self._air_px)
        return most if left < 0 else min(most, left // max(1, len(self._widths_px)))

    def _column_resized(self, column: int) -> None:
        is_stretched = (
            self._table.horizontalHeader().stretchLastSection()
            and column == self._table.model().columnCount() - 1
        )
        if not self._is_fitting and not is_stretched:
            self._is_chosen = True
