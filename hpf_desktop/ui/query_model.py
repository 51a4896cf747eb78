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
        self.next: int | None = None
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

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Over what is loaded; the page loads everything first."""
        key = self.columns[column].key
        self.layoutAboutToBeChanged.emit()
        is_descending = order == Qt.SortOrder.DescendingOrder
        before = self.persistentIndexList()
        chosen = [self.rows[index.row()] for index in before]
        self.rows.sort(
            key=lambda row: (row[key] is not None, row[key] if row[key] is not None else ""),
            reverse=is_descending,
        )
        # Selection and current row stay with their rows.
        places = {id(row): number for number, row in enumerate(self.rows)}
        after = [
            self.index(places[id(row)], index.column())
            for row, index in zip(chosen, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

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
        if role == DISPLAY:
            is_row = orientation == Qt.Orientation.Vertical
            return str(section + 1) if is_row else self.columns[section].label
        if role == ALIGNMENT and orientation == Qt.Orientation.Horizontal:
            return self._aligned[section]
        return None
