"""The list of batches that are saved on the server and not yet submitted."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QMessageBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.answers import Unfinished
from hpf_desktop.log import explain
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.page import NEEDS_KEY, Desk, button
from hpf_desktop.ui.theme import fit
from server.business.base import Business

STATES = {"saved": "未提交", "paying": "扣款中", "refused": "已退回"}
COLUMNS = ("业务单", "状态", "行数", "保存时间", "保存人")


class UnfinishedDialog(QDialog):
    """``chosen`` carries the id of the batch to open."""

    chosen = Signal(str)
    key_needed = Signal(object)

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("unfinished_dialog")
        self.setWindowTitle(f"打开业务单 · {business.label}")
        self._desk, self._business = desk, business
        self._batches: tuple[Unfinished, ...] = ()
        self._bar, self._waiting = MessageBar(self), WaitingBar(self)
        self._list = QTreeWidget(objectName="unfinished_list", rootIsDecorated=False)
        self._list.setAccessibleName("未办结的业务单")
        self._list.setHeaderLabels(COLUMNS)
        self._list.itemActivated.connect(lambda *_: self._open())
        self._list.itemSelectionChanged.connect(self._refresh)
        self._open_button = button("打开", "open", self._open, is_primary=True)
        self._discard_button = button("删除", "discard", self._discard)
        row = QHBoxLayout()
        row.addWidget(self._discard_button)
        row.addStretch()
        row.addWidget(button("关闭", "close", self.reject))
        row.addWidget(self._open_button)
        column = QVBoxLayout(self)
        for widget in (self._bar, self._waiting, self._list):
            column.addWidget(widget)
        column.addLayout(row)
        char = self.fontMetrics().averageCharWidth()
        for number, chars in enumerate((28, 10, 10, 24)):
            self._list.setColumnWidth(number, chars * char)
        fit(self, 100, 22)
        self._refresh()
        self._read()

    def _read(self) -> None:
        client, code = self._desk.session.client, self._business.code
        self._waiting.begin("正在读取业务单…")
        tasks.run(lambda _: client.unfinished(code), self._listed, self._failed)

    def _listed(self, batches: tuple[Unfinished, ...]) -> None:
        self._waiting.end()
        self._batches = batches
        self._list.clear()
        for batch in batches:
            when = batch.updated_at[:19].replace("T", " ")
            state = STATES.get(batch.state, batch.state)
            texts = [batch.batch_id, state, f"{batch.row_count:,}", when, batch.updated_by]
            self._list.addTopLevelItem(QTreeWidgetItem(texts))
        if batches:
            self._list.setCurrentItem(self._list.topLevelItem(0))
            self._list.setFocus()
        else:
            self._bar.tell("没有未办结的业务单")
        self._refresh()

    def _failed(self, error: Exception) -> None:
        self._waiting.end()
        problem = explain(error)
        if problem.code in NEEDS_KEY:
            self.reject()
            self.key_needed.emit(problem)
            return
        self._bar.show_problem(problem)

    def _chosen(self) -> Unfinished | None:
        row = self._list.indexOfTopLevelItem(self._list.currentItem())
        return self._batches[row] if 0 <= row < len(self._batches) else None

    def _open(self) -> None:
        if batch := self._chosen():
            self.accept()
            self.chosen.emit(batch.batch_id)

    def _discard(self) -> None:
        batch = self._chosen()
        if batch is None:
            return
        box = QMessageBox.StandardButton
        text = f"删除业务单 {batch.batch_id}（{batch.row_count} 行）？删除后不能恢复。"
        if QMessageBox.question(self, "删除业务单", text, box.Yes | box.No, box.No) != box.Yes:
            return
        client, code = self._desk.session.client, self._business.code
        self._waiting.begin("正在删除…")
        tasks.run(
            lambda _: client.discard(code, batch.batch_id, batch.version),
            lambda _: self._read(),
            self._failed,
            owner=self,
        )

    def _refresh(self) -> None:
        batch = self._chosen()
        self._open_button.setEnabled(batch is not None)
        self._discard_button.setEnabled(batch is not None and batch.state == "saved")
