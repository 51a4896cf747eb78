"""What one does with the chosen receipts, and going on from one of them after a paper jam."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop.ui.page import button
from hpf_desktop.ui.receipt_printing import Printed


class ReprintBar(QWidget):
    """Only asks; the page that holds it prints."""

    print_asked = Signal()
    save_asked = Signal()
    # The receipts that are still to come, in order, and how it ended before.
    resume_asked = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reprint_bar")
        self._last: Printed | None = None
        self.print_button = button("打印所选", "print_chosen", self.print_asked.emit, True)
        self.save_button = button("另存为一个 PDF…", "save_chosen", self.save_asked.emit)
        self.one_by_one = QCheckBox("逐张送打印", objectName="one_by_one")
        self.one_by_one.setToolTip("每张回单一个打印作业，前一张打完再送下一张；卡纸后可准确继续")
        first = QHBoxLayout()
        for widget in (self.print_button, self.save_button, self.one_by_one):
            first.addWidget(widget)
        first.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(first)
        column.addWidget(self._make_resume())
        self.choose(0)

    def _make_resume(self) -> QWidget:
        self.resume = QWidget(self, objectName="resume")
        self.start = QComboBox(objectName="resume_from", accessibleName="从哪张回单继续打印")
        self.start.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        row = QHBoxLayout(self.resume)
        row.setContentsMargins(0, 0, 0, 0)
        self._came = QLabel(objectName="resume_words")
        row.addWidget(self._came)
        row.addWidget(QLabel("纸张有缺损的，从"))
        row.addWidget(self.start)
        row.addWidget(button("继续打印", "resume_button", self._resume))
        row.addWidget(button("纸张齐全", "resume_done", self.forget))
        row.addStretch()
        self.resume.hide()
        return self.resume

    def choose(self, count: int) -> None:
        """How many receipts are selected."""
        is_many = count > 1  # One has its buttons above its preview.
        self.print_button.setText(f"打印所选（{count} 张）" if is_many else "打印所选")
        for widget in (self.print_button, self.save_button):
            widget.setEnabled(is_many)

    def lock(self, is_locked: bool, count: int) -> None:
        """While a job is under way."""
        for widget in (self.one_by_one, self.resume):
            widget.setEnabled(not is_locked)
        self.choose(0 if is_locked else count)

    def show_end(self, printed: Printed) -> None:
        """Offers to go on at the first that did not come; of a whole job only the paper knows."""
        self._last, receipts = printed, printed.receipts
        self.start.clear()
        self.start.addItems([f"第 {n} 张　{it.number}" for n, it in enumerate(receipts, 1)])
        self.start.setCurrentIndex(printed.begin)
        self._came.setText(f"已送 {printed.sent} 张，共 {len(receipts)} 张。")
        self.resume.show()

    def forget(self) -> None:
        self._last = None
        self.resume.hide()

    def _resume(self) -> None:
        if last := self._last:
            self.resume_asked.emit(last.receipts[self.start.currentIndex() :], last)
