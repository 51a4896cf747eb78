"""凭证重打: the unit's receipts, the chosen one beside the list, and its next printing."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QSplitter, QWidget

from hpf_desktop.ui.page import Desk, Menus
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.receipt_view import ReceiptView
from server.business.query import Query

CHOSEN_PAUSE_MS = 250  # Who walks through the list with the arrow keys wants no file for each row.


class ReceiptsPage(QueryPage):
    def __init__(self, desk: Desk, query: Query, parent: QWidget | None = None) -> None:
        self.receipt = ReceiptView(desk)
        super().__init__(desk, query, parent=parent)
        self.topic = "receipts"
        self.receipt.told.connect(self.told)
        self.receipt.key_needed.connect(self.key_needed)
        self.receipt.printed.connect(self._printed)
        self.print_action = QAction("打印…", self, objectName="print")
        self.print_action.setShortcut(QKeySequence.StandardKey.Print)
        self.print_action.triggered.connect(self.receipt.print)
        self.addAction(self.print_action)
        self._pause = QTimer(self, singleShot=True, interval=CHOSEN_PAUSE_MS)
        self._pause.timeout.connect(self._show_current)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._pause.start())
        self.model.modelReset.connect(self.receipt.clear)

    def body(self) -> QWidget:
        split = QSplitter(self)
        split.addWidget(super().body())
        split.addWidget(self.receipt)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        return split

    def menus(self) -> Menus:
        (title, actions), *rest = super().menus()
        return [(title, [self.print_action, *actions]), *rest]

    def _show_current(self) -> None:
        row = self.current()
        if row:
            self.receipt.show_receipt(str(row["receipt_no"]), str(row["title"]), str(row["kind"]))

    def _printed(self) -> None:
        """The list counts printings: asked anew, with the same receipt chosen."""
        self.counted.emit(f"已登记打印 {self.receipt.receipt_no}")
