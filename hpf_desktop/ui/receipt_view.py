"""One receipt: its stored bytes shown, printed, saved, or opened in the system's own viewer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.print.job import Outcome, Step, preflight, print_pdf
from hpf_desktop.print.preview import Preview
from hpf_desktop.print.printers import (
    JobState,
    PrintBackend,
    PrintOrder,
    PrintRefused,
)
from hpf_desktop.print.system import system_backend
from hpf_desktop.settings import Printing
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.page import NEEDS_KEY, Desk, button
from hpf_desktop.ui.theme import fit

if TYPE_CHECKING:
    from hpf_desktop.client import Client


class ReceiptView(QWidget):
    told = Signal(str)
    key_needed = Signal(object)
    printed = Signal(object)  # Outcome

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("receipt_view")
        self._desk = desk
        self.receipt_no = self._form = ""
        self._pdf = b""
        self._task: tasks.Task | None = None
        self._title = QLabel("选择一张回单以预览", objectName="receipt_title")
        self.bar, self.waiting = MessageBar(self), WaitingBar(self)
        self.preview = Preview(self)
        self.preview.print_requested.connect(self.print)
        self.preview.save_requested.connect(self.save)
        self.preview.open_requested.connect(self.open_outside)
        self.preview.print_button.setProperty("primary", "true")
        self.preview.setEnabled(False)
        self.preview.refused.connect(self.bar.show_problem)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._title, self.bar, self.waiting):
            column.addWidget(widget)
        column.addWidget(self.preview, 1)

    def show_receipt(self, receipt_no: str, title: str, form: str) -> None:
        """``form`` is the business's code: printers are set for each."""
        if receipt_no == self.receipt_no and self._pdf:
            return
        self.clear()
        self.receipt_no, self._form = receipt_no, form
        self._title.setText(f"{title}　回单号 {receipt_no}")
        client = self._desk.session.client
        self._run("正在读取回单…", lambda _: client.receipt_pdf(receipt_no), self._came)

    def clear(self) -> None:
        if self._task:
            self._task.cancel()
        self.waiting.end()
        self.bar.clear()
        self.receipt_no, self._pdf = "", b""
        self._title.setText("选择一张回单以预览")
        self.preview.clear()
        self.preview.setEnabled(False)

    def _came(self, pdf: object) -> None:
        assert isinstance(pdf, bytes)
        self._pdf = pdf
        self.preview.show_pdf(pdf, self._title.text())
        self.preview.setEnabled(True)

    # --- Printing ---

    def print(self) -> None:
        """Counted by the server; a reprint bears its number."""
        if not self._pdf:
            return
        client, number, pdf = self._desk.session.client, self.receipt_no, self._pdf
        printing = self._desk.settings.printing_of(self._form)
        self._run(
            "正在打印…",
            lambda progress: print_receipt(
                system_backend(), client, number, pdf, printing, progress
            ),
            self._printed,
            "不再等待",
        )

    def _printed(self, outcome: object) -> None:
        assert isinstance(outcome, Outcome)
        if outcome.problem:
            self.bar.show_problem(outcome.problem)
        elif outcome.state is JobState.COMPLETED:
            self.bar.tell(f"{outcome.text}：{self.receipt_no}", level="passed")
        else:
            # No more than what the system knows: paper is the operator's to look at.
            self.bar.tell(f"{outcome.text}：{self.receipt_no}。请到打印机取纸核对")
        self.printed.emit(outcome)

    # --- Saving and opening ---

    def save(self) -> None:
        if not self._pdf:
            return
        name = f"{self.receipt_no}.pdf"
        path, _ = QFileDialog.getSaveFileName(self, "保存回单", name, "PDF (*.pdf)")
        if path:
            self.save_to(Path(path).with_suffix(".pdf"))

    def save_to(self, path: Path) -> None:
        pdf = self._pdf
        self._run(
            "正在保存…",
            lambda _: path.write_bytes(pdf),
            lambda _: self.bar.tell(f"已保存到 {path}", level="passed"),
        )

    def open_outside(self) -> None:
        """In the system's own PDF program; the file goes with the computer's temporary files."""
        if not self._pdf:
            return
        path = Path(tempfile.mkdtemp(prefix="hpf-")) / f"{self.receipt_no}.pdf"
        path.write_bytes(self._pdf)
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self.bar.tell("这台电脑没有可以打开 PDF 的程序，请用“另存为”", level="hint")

    def _run(self, text: str, work: object, done: object, label: str = "取消") -> None:
        self._task = tasks.run(work, lambda r: self._ended(done, r), self._failed, owner=self)
        self.waiting.begin(text, self._stop, label)

    def _stop(self) -> None:
        if self._task:
            self._task.cancel()
        self.told.emit("不再等待；已送打印队列的作业会继续")

    def _ended(self, done: object, result: object) -> None:
        self.waiting.end()
        done(result)

    def _failed(self, error: Exception) -> None:
        self.waiting.end()
        problem = explain(error)
        if problem.code in NEEDS_KEY:
            self.key_needed.emit(problem)
        self.bar.show_problem(problem)


def print_receipt(
    backend: PrintBackend,
    client: Client,
    receipt_no: str,
    pdf: bytes,
    printing: Printing,
    progress: tasks.Progress,
) -> Outcome:
    """In a worker. What cannot be printed now is not counted as a printing."""
    try:
        printer = printing.printer or _default_printer(backend)
    except PrintRefused as refused:
        return Outcome(None, None, refused.status.problem(""))
    order = PrintOrder(
        printer,
        receipt_no,
        printing.paper,
        printing.tray,
        (printing.right_mm, printing.down_mm),
    )
    if trouble := preflight(backend, pdf, order):
        return Outcome(None, None, trouble)
    made = client.record_print(receipt_no, order.printer)
    marked = client.receipt_pdf(receipt_no, made.print_id) if made.mark else pdf

    def changed(step: Step) -> None:
        progress(0, 0)

    try:
        outcome = print_pdf(backend, marked, order, changed)
    except tasks.Cancelled:
        outcome = Outcome(JobState.QUEUED, None, None)
    job = "" if outcome.job_id is None else str(outcome.job_id)
    client.record_outcome(made.print_id, outcome.text, job)
    return outcome


def _default_printer(backend: PrintBackend) -> str:
    printers = backend.printers()
    chosen = next((p for p in printers if p.is_default), printers[0] if printers else None)
    return chosen.name if chosen else ""


class ReceiptDialog(QDialog):
    """Comes by itself after a business was posted."""

    def __init__(
        self, desk: Desk, receipt_no: str, title: str, form: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("receipt_dialog")
        self.setWindowTitle(f"{title} {receipt_no}")
        self.view = ReceiptView(desk, self)
        self.view.key_needed.connect(self.reject)
        self.view.preview.print_button.setDefault(True)
        self.view.preview.print_button.installEventFilter(self)
        # Until the receipt is there the focus is nowhere: Enter must not close what just opened.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(button("关闭", "close_receipt", self.accept))
        column = QVBoxLayout(self)
        column.addWidget(self.view, 1)
        column.addLayout(row)
        fit(self, 130, 40)
        self.finished.connect(self.deleteLater)
        self.view.show_receipt(receipt_no, title, form)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Printing is what most come for; the focus goes there once it can."""
        prints = self.view.preview.print_button
        if event.type() == QEvent.Type.EnabledChange and prints.isEnabled():
            prints.setFocus(Qt.FocusReason.OtherFocusReason)
        return super().eventFilter(watched, event)
