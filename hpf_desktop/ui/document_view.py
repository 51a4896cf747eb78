"""One document: its PDF shown, printed, saved, or opened in the system's own viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.print.job import Outcome, preflight, print_pdf
from hpf_desktop.print.preview import Preview
from hpf_desktop.print.printers import JobState, PrintBackend, PrintOrder, PrintRefused
from hpf_desktop.print.system import system_backend
from hpf_desktop.settings import Printing
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.page import NEEDS_KEY, Desk, button
from hpf_desktop.ui.theme import fit
from server.business.refusals import problem


class DocumentView(QWidget):
    """``name`` is what files and print jobs are called; it names nobody."""

    told = Signal(str)
    key_needed = Signal(object)
    printed = Signal(object)  # Outcome
    what = "document"
    nothing = ""  # What stands above an empty preview.

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{self.what}_view")
        self._desk = desk
        self.name = self._form = ""
        self._pdf = b""
        self._task: tasks.Task | None = None
        self._title = QLabel(self.nothing, objectName=f"{self.what}_title")
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

    def show_document(self, pdf: bytes, name: str, title: str, form: str) -> None:
        """``form`` is the description's code: printers are set for each."""
        self.clear()
        self.name, self._form = name, form
        self._title.setText(title)
        self.put_pdf(pdf)

    def put_pdf(self, pdf: bytes) -> None:
        self._pdf = pdf
        self.preview.show_pdf(pdf, self._title.text())
        self.preview.setEnabled(True)

    def clear(self) -> None:
        if self._task:
            self._task.cancel()
        self.waiting.end()
        self.bar.clear()
        self.name, self._pdf = "", b""
        self._title.setText(self.nothing)
        self.preview.clear()
        self.preview.setEnabled(False)

    # --- Printing ---

    def print(self) -> None:
        if not self._pdf:
            return
        printing = self._desk.settings.printing_of(self._form)
        self.run("正在打印…", self.printing(printing), self._printed, "不再等待")

    def printing(self, printing: Printing) -> object:
        """What the worker does; a receipt counts its printings besides."""
        pdf, name = self._pdf, self.name
        return lambda progress: print_document(system_backend(), pdf, name, printing, progress)

    def _printed(self, outcome: object) -> None:
        assert isinstance(outcome, Outcome)
        if outcome.problem:
            self.bar.show_problem(outcome.problem)
        elif outcome.state is JobState.COMPLETED:
            self.bar.tell(f"{outcome.text}：{self.name}", level="passed")
        else:
            # No more than what the system knows: paper is the operator's to look at.
            self.bar.tell(f"{outcome.text}：{self.name}。请到打印机取纸核对")
        self.printed.emit(outcome)

    # --- Saving and opening ---

    def save(self) -> None:
        if not self._pdf:
            return
        path, _ = QFileDialog.getSaveFileName(self, "另存为", f"{self.name}.pdf", "PDF (*.pdf)")
        if path:
            self.save_to(Path(path).with_suffix(".pdf"))

    def save_to(self, path: Path) -> None:
        pdf = self._pdf
        self.run(
            "正在保存…",
            lambda _: path.write_bytes(pdf),
            lambda _: self.bar.tell(f"已保存到 {path}", level="passed"),
        )

    def open_outside(self) -> None:
        """In the system's own PDF program; the file goes with the computer's temporary files."""
        if not self._pdf:
            return
        path = Path(tempfile.mkdtemp(prefix="hpf-")) / f"{self.name}.pdf"
        path.write_bytes(self._pdf)
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self.bar.show_problem(problem("P15"))

    def run(self, text: str, work: object, done: object, label: str = "取消") -> None:
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


def order_of(backend: PrintBackend, name: str, printing: Printing) -> PrintOrder:
    """By the form's settings; raises PrintRefused where the system has no printing."""
    return PrintOrder(
        printing.printer or _default_printer(backend),
        name,
        printing.paper,
        printing.tray,
        (printing.right_mm, printing.down_mm),
    )


def follow_job(
    backend: PrintBackend,
    pdf: bytes,
    order: PrintOrder,
    progress: tasks.Progress,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """To its end, or until nobody waits for it any more."""
    try:
        return print_pdf(backend, pdf, order, lambda _: progress(0, 0), stopped=stopped)
    except tasks.Cancelled:
        return Outcome(JobState.QUEUED, None, None)


def print_document(
    backend: PrintBackend, pdf: bytes, name: str, printing: Printing, progress: tasks.Progress
) -> Outcome:
    """In a worker."""
    try:
        order = order_of(backend, name, printing)
    except PrintRefused as refused:
        return Outcome(None, None, refused.status.problem(""))
    if trouble := preflight(backend, pdf, order):
        return Outcome(None, None, trouble)
    return follow_job(backend, pdf, order, progress)


def _default_printer(backend: PrintBackend) -> str:
    printers = backend.printers()
    chosen = next((p for p in printers if p.is_default), printers[0] if printers else None)
    return chosen.name if chosen else ""


class DocumentDialog(QDialog):
    """A document in a window of its own."""

    def __init__(self, view: DocumentView, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{view.what}_dialog")
        self.setWindowTitle(title)
        self.view = view
        self.view.key_needed.connect(self.reject)
        self.view.preview.print_button.setDefault(True)
        self.view.preview.print_button.installEventFilter(self)
        # Until the document is there the focus is nowhere: Enter must not close what just opened.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(button("关闭", f"close_{view.what}", self.accept))
        column = QVBoxLayout(self)
        column.addWidget(self.view, 1)
        column.addLayout(row)
        fit(self, 130, 40)
        self.finished.connect(self.deleteLater)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Printing is what most come for; the focus goes there once it can."""
        prints = self.view.preview.print_button
        if event.type() == QEvent.Type.EnabledChange and prints.isEnabled():
            prints.setFocus(Qt.FocusReason.OtherFocusReason)
        return super().eventFilter(watched, event)
