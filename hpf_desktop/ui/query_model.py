"""The rows of a query as a Qt model: pages are appended as they come, shown by their kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from hpf_desktop.answers import Page
from server.business.base import Field

LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
# Plain integers: comparing enums in every call makes a repaint several times as long.
DISPLAY, ALIGNMENT = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.TextAlignmentRole)
# For who reads the header and who hears it; the style sheet's headers draw no arrow.
SORT_MARKS = {
    Qt.SortOrder.AscendingOrder: (" ▲", "，升序"),
    Qt.SortOrder.DescendingOrder: (" ▼", "，降序"),
}
TEXT, TIP = int(Qt.ItemDataRole.AccessibleTextRole), int(Qt.ItemDataRole.ToolTipRole)


def shown(field: Field, value: Any) -> str:
    return "" if value is None else field.kind.show(value)


class QueryModel(QAbstractTableModel):
    """``more_asked`` comes when the view nears the end and the server has more."""

    more_asked = Signal()

    def __init__(self, columns: Sequence[Field]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.rows: list[Mapping[str, Any]] = []
        self.next: str | None = None
        self._sorted = (-1, ("", ""))
        self._aligned = [RIGHT if field.kind.align_right else LEFT for field in columns]

    def clear(self) -> None:
        self.beginResetModel()
        self.rows, self.next = [], None
        self.endResetModel()

    def append(self, page: Page) -> None:
        self.next = page.next
        if page.rows:
            first = len(self.rows)
            self.beginInsertRows(QModelIndex(), first, first + len(page.rows) - 1)
            self.rows.extend(page.rows)
            self.endInsertRows()

    def change(self, number: int, values: Mapping[str, Any]) -> None:
        """What is known to have changed in a row since it came."""
        self.rows[number] = {**self.rows[number], **values}
        last = len(self.columns) - 1
        self.dataChanged.emit(self.index(number, 0), self.index(number, last))

    def show_sorting(self, column: int, order: Qt.SortOrder) -> None:
        self._sorted = (column, SORT_MARKS[order])
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.columns)

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: N802
        return not parent.isValid() and self.next is not None

    def fetchMore(self, parent: QModelIndex) -> None:  # noqa: N802
        if not parent.isValid():
            self.more_asked.emit()

    def data(self, index: QModelIndex, role: int = DISPLAY) -> Any:
        if not index.isValid():
            return None
        if role in (DISPLAY, TEXT, TIP):
            field = self.columns[index.column()]
            return shown(field, self.rows[index.row()].get(field.key))
        if role == ALIGNMENT:
            return self._aligned[index.column()]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == DISPLAY else None
        if role in (DISPLAY, TEXT):
            column, marks = self._sorted
            return self.columns[section].label + (marks[role == TEXT] if section == column else "")
        return self._aligned[section] if role == ALIGNMENT else None
