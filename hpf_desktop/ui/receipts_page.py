"""凭证重打: the unit's receipts, the chosen one beside the list; one or many are printed again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    QTimer,
)
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.answers import Page as Rows
from hpf_desktop.print.job import Outcome
from hpf_desktop.print.printers import JobState
from hpf_desktop.print.system import system_backend
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.page import Desk, Menus
from hpf_desktop.ui.print_steps import PrintSteps
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.receipt_printing import Printed, Printer, Receipt, save_merged
from hpf_desktop.ui.receipt_view import ReceiptView
from hpf_desktop.ui.reprint_bar import ReprintBar
from server.business.query import Query
from server.business.refusals import problem

CHOSEN_PAUSE_MS = 250  # Who walks through the list with the arrow keys wants no file for each row.
SELECT_MAX = 1000
LIST_SHARE = 1000  # Of the list and of the preview: both the same.
ROWS = QItemSelectionModel.SelectionFlag.Rows
PLAIN = Qt.KeyboardModifier.NoModifier
WALKING = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home,
    Qt.Key.Key_End,
)  # fmt: skip


class TickedTable(QTableView):
    """Space ticks a row or takes the tick away, and from then on the arrow keys only walk; a plain
    click or Esc begins anew. Shift and Ctrl do what they do in every list."""

    def __init__(self, parent: QWidget | None = None, objectName: str = "") -> None:  # noqa: N803
        super().__init__(parent, objectName=objectName)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._ticks = False

    def selectionCommand(  # noqa: N802
        self, index: QModelIndex | QPersistentModelIndex, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        if isinstance(event, QMouseEvent) and event.modifiers() == PLAIN:
            self._ticks = False
        is_key = isinstance(event, QKeyEvent) and event.modifiers() == PLAIN
        if is_key and self._ticks and event.key() in WALKING:
            return QItemSelectionModel.SelectionFlag.NoUpdate
        return super().selectionCommand(index, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        current = self.currentIndex()
        if event.key() == Qt.Key.Key_Space and event.modifiers() == PLAIN and current.isValid():
            tick = QItemSelectionModel.SelectionFlag.Toggle
            # The row one stands on is selected already: the first tick keeps it.
            first = QItemSelectionModel.SelectionFlag.Select
            self.selectionModel().select(current, (tick if self._ticks else first) | ROWS)
            self._ticks = True
        else:
            super().keyPressEvent(event)

    def begin_anew(self) -> None:
        """Only the row one stands on."""
        self._ticks = False
        only = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().select(self.currentIndex(), only | ROWS)


class ReceiptsPage(QueryPage):
    table_kind = TickedTable

    def __init__(self, desk: Desk, query: Query, parent: QWidget | None = None) -> None:
        self.receipt = ReceiptView(desk)
        self.reprint = ReprintBar()
        self._stop: Event | None = None  # of the printing that is under way
        super().__init__(desk, query, parent=parent)
        self.steps = PrintSteps(self.bar, self.waiting, self)
        self.topic = "receipts"
        self.receipt.told.connect(self.told)
        self.receipt.key_needed.connect(self.key_needed)
        self.receipt.printed.connect(self._one_printed)
        self.reprint.print_asked.connect(self.print_chosen)
        self.reprint.save_asked.connect(self.ask_save)
        self.reprint.resume_asked.connect(self.print_receipts)
        self.print_action = self._act("打印…", "print", self.print_chosen)
        self.print_action.setShortcut(QKeySequence.StandardKey.Print)
        self.select_action = self._act("全选", "select_all", self.select_all)
        self.select_action.setShortcut(QKeySequence.StandardKey.SelectAll)
        self.select_action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.table.addAction(self.select_action)
        self._pause = QTimer(self, singleShot=True, interval=CHOSEN_PAUSE_MS)
        self._pause.timeout.connect(self._show_current)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._pause.start())
        self.table.selectionModel().selectionChanged.connect(self._selection_changed)
        self.model.modelReset.connect(self.receipt.clear)
        self.model.modelReset.connect(self._selection_changed)

    def body(self) -> QWidget:
        body, split = QWidget(self), QSplitter(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.reprint)
        column.addWidget(split, 1)
        split.addWidget(super().body())
        split.addWidget(self.receipt)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        split.setSizes([LIST_SHARE, LIST_SHARE])
        return body

    def _act(self, text: str, name: str, slot: object) -> QAction:
        made = QAction(text, self, objectName=name)
        made.triggered.connect(lambda _=False: slot())
        self.addAction(made)
        return made

    def menus(self) -> Menus:
        (title, actions), (edit, edits), *rest = super().menus()
        return [
            (title, [self.print_action, *actions]), (edit, [*edits, self.select_action]), *rest
        ]  # fmt: skip

    # --- Choosing ---

    def chosen(self) -> list[Receipt]:
        """The selected receipts, in the order of the list."""
        numbers = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        rows = (self.model.rows[number] for number in numbers)
        return [Receipt(str(row["receipt_no"]), str(row["kind"])) for row in rows]

    def select_all(self) -> None:
        """Of all that match, not only those that were looked at."""
        if self._is_loading or self._stop:
            return
        if self.model.next is not None and len(self.model.rows) < SELECT_MAX:
            self._load(self.model.next, self._more_to_select)
            return
        self.table.selectAll()
        if self.model.next is not None:
            self.bar.tell(f"只选中了前 {len(self.model.rows)} 张，请缩小查询条件", level="hint")

    def _leave(self) -> None:
        """Esc: first what takes a while, then the choice of several."""
        if self.waiting.isVisible() or len(self.chosen()) < 2:
            super()._leave()
        else:
            self.table.begin_anew()

    def _more_to_select(self, rows: Rows) -> None:
        self._more_came(rows)
        self.select_all()

    def _selection_changed(self, *_: object) -> None:
        count = len(self.table.selectionModel().selectedRows())
        self.reprint.lock(self._stop is not None, count)
        if count > 1:
            self.told.emit(f"已选 {count} 张")

    def _show_current(self) -> None:
        row = self.current()
        if row:
            self.receipt.show_receipt(str(row["receipt_no"]), str(row["title"]), str(row["kind"]))

    # --- Printing ---

    def print_chosen(self) -> None:
        """One by its preview, with its own outcome there; several as jobs."""
        receipts = self.chosen()
        if len(receipts) == 1 and receipts[0].number == self.receipt.receipt_no:
            self.receipt.print()
        elif receipts:
            self.print_receipts(receipts)

    def print_receipts(self, receipts: Sequence[Receipt], before: Printed | None = None) -> None:
        """Going on takes what is left of the job ``before`` out of the queue."""
        if self._is_loading or self._is_writing:
            self.told.emit(sentence(problem("W18")))
            return
        client, settings = self.desk.session.client, self.desk.settings
        is_single, self._stop = self.reprint.one_by_one.isChecked(), Event()
        make = partial(
            Printer, client=client, printing_of=settings.printing_of, stop=self._stop,
            changed=self.steps.came.emit,
        )  # fmt: skip
        self._is_writing = self.receipt.is_locked = True
        self.bar.clear()
        self._selection_changed()
        self.work(
            f"正在打印 {len(receipts)} 张…",
            lambda progress: make(system_backend(), progress=progress).print(
                receipts, is_single, before
            ),
            self._many_printed,
            self._printing_broke,
            self.stop_work,
            "取消打印",
        )

    def stop_work(self) -> None:
        """What is not printed yet leaves the queue; the answer says how far it came."""
        if self._stop:
            self._stop.set()
            self.waiting.begin("正在取消打印…")
        else:
            super().stop_work()

    def _printing_ended(self) -> None:
        self._stop, self._is_writing, self.receipt.is_locked = None, False, False
        self._selection_changed()

    def _printing_broke(self, error: Exception) -> None:
        self._printing_ended()
        self.show_failure(error)

    def _many_printed(self, printed: Printed) -> None:
        self._printing_ended()
        sent = printed.receipts[: printed.sent]
        self._count([receipt.number for receipt in sent])
        self.reprint.show_end(printed)
        outcome = printed.outcome
        self.bar.clear()
        if outcome.problem:
            self.bar.show_problem(outcome.problem)
        elif outcome.state is JobState.COMPLETED:
            self.bar.tell(f"{outcome.text}：{len(sent)} 张（{outcome.printer}）", level="passed")
        else:
            where = f"打印机“{outcome.printer}”"
            self.bar.tell(f"{outcome.text}：{len(sent)} 张。请到{where}取纸，按回单号核对")

    def _one_printed(self, outcome: Outcome, number: str) -> None:
        if outcome.state not in (None, JobState.WITHDRAWN):
            self._count([number])

    def _count(self, numbers: Sequence[str]) -> None:
        """As the server has counted."""
        sent = set(numbers)
        for at, row in enumerate(self.model.rows):
            if row["receipt_no"] in sent:
                self.model.change(at, {"prints": int(row["prints"]) + 1})
        if numbers:
            self.counted.emit(f"已登记打印 {len(numbers)} 张")

    # --- Saving ---

    def ask_save(self) -> None:
        name = f"{self.query.label}_{self.desk.facts.unit.business_day}.pdf"
        path, _ = QFileDialog.getSaveFileName(self, "另存为一个 PDF", name, "PDF (*.pdf)")
        if path:
            self.save_chosen(Path(path).with_suffix(".pdf"))

    def save_chosen(self, path: Path) -> None:
        """For reading and sending; a signature stands in the single files alone."""
        client, receipts = self.desk.session.client, self.chosen()
        words = f"已保存 {len(receipts)} 张到 {path}。合并的文件不带电子签名，需要验签的请逐张另存"
        self._write(
            "正在保存…",
            lambda progress: path.write_bytes(save_merged(client, receipts, progress)),
            lambda _: self.bar.tell(words, level="passed"),
        )
