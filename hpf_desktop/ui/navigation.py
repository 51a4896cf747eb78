"""The tree of functions at the left, under the manual's menus."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from hpf_desktop.ui.pages import Place

CODE = Qt.ItemDataRole.UserRole


class Navigation(QTreeWidget):
    """``chosen`` carries the code of a place, by mouse or by Enter."""

    chosen = Signal(str)

    def __init__(self, places: Iterable[Place], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigation")
        self.setAccessibleName("功能")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(self.fontMetrics().averageCharWidth() * 2)
        self._items: dict[str, QTreeWidgetItem] = {}
        menus: dict[str, QTreeWidgetItem] = {}
        for place in places:
            if place.menu not in menus:
                menus[place.menu] = QTreeWidgetItem(self, [place.menu])
                menus[place.menu].setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(menus[place.menu], [place.label])
            item.setData(0, CODE, place.code)
            self._items[place.code] = item
        self.expandAll()
        self.itemActivated.connect(self._chosen)
        self.itemClicked.connect(self._chosen)

    def mark(self, code: str) -> None:
        """Shows where one is; a page that the tree does not lead to leaves the mark."""
        if item := self._items.get(code):
            self.setCurrentItem(item)

    def fit(self) -> int:
        """Takes the width of its longest word, at every zoom; returns it."""
        width = self.sizeHintForColumn(0) + self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(width)
        return width

    def _chosen(self, item: QTreeWidgetItem) -> None:
        if code := item.data(0, CODE):
            self.chosen.emit(code)
