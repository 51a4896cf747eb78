"""One document: its PDF shown, printed, saved, or opened in the system's own viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.print.job import Outcome, Step, print_pdf
from hpf_desktop.print.preview import Preview
from hpf_desktop.print.printers import JobState, PrintBackend, PrintOrder, PrintRefused
from hpf_desktop.print.system import system_backend
from hpf_desktop.settings import Printing
from hpf_desktop.ui.messages import MessageBar, WaitingBar, sentence
from hpf_desktop.ui.page import NEEDS_KEY, Desk, button
from hpf_desktop.ui.print_steps import PrintSteps
from hpf_desktop.ui.theme import fit
from server.business.refusals import problem


class DocumentView(QWidget):
    """``name`` is what files and print jobs are called; it names nobody."""

    told = Signal(str)
    key_needed = Signal(object)
    printed = Signal(object, str)  # Outcome, and of what
    what = "document"
    nothing = ""  # What stands above an empty preview.

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{self.what}_view")
        self._desk = desk
        self.name = self._form = ""
        self._pdf = b""
        self.is_locked = False  # While its page prints, so that the sheets come in order.
        self._task: tasks.Task | None = None
        self._stop_printing: Event | None = None  # of the printing that is under way
        self._title = QLabel(self.nothing, objectName=f"{self.what}_title")
        self.bar, self.waiting = MessageBar(self), WaitingBar(self)
        self.steps = PrintSteps(self.bar, self.waiting, self)
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
        self._end_waiting()
        self.bar.clear()
        self.name, self._pdf = "", b""
        self._title.setText(self.nothing)
        self.preview.clear()
        self.preview.setEnabled(False)

    # --- Printing ---

    def print(self) -> None:
        """Once at a time: who presses twice wants one paper."""
        if self._stop_printing or self.is_locked:
            self.told.emit(sentence(problem("W18")))
        if not self._pdf or self._stop_printing or self.is_locked:
            return
        printing, stop = self._desk.settings.printing_of(self._form), Event()
        work, done = self.printing(printing, stop), partial(self._printed, self.name)
        tasks.run(work, done, self._printing_broke, owner=self)
        self._stop_printing = stop
        self.preview.print_button.setEnabled(False)
        self.waiting.begin("正在打印…", self._stop, "取消打印")

    def printing(self, printing: Printing, stop: Event) -> Callable[[tasks.Progress], Outcome]:
        """What the worker does; a receipt counts its printings besides."""
        pdf, name, told = self._pdf, self.name, self.steps.came.emit
        return lambda _: print_document(system_backend(), pdf, name, printing, told, stop.is_set)

    def _printing_broke(self, error: Exception) -> None:
        self._printing_ended()
        self._failed(error)

    def _printing_ended(self) -> None:
        self._stop_printing = None
        self.waiting.end()
        self.preview.print_button.setEnabled(self.preview.page_count > 0)

    def _printed(self, name: str, outcome: Outcome) -> None:
        """Meanwhile another document may stand here."""
        self._printing_ended()
        self.bar.clear()
        if outcome.problem:
            self.bar.show_problem(outcome.problem)
        elif outcome.state is JobState.COMPLETED:
            self.bar.tell(f"{outcome.text}：{name}（{outcome.printer}）", level="passed")
        else:
            # No more than what the system knows: paper is the operator's to look at.
            self.bar.tell(f"{outcome.text}：{name}。请到打印机“{outcome.printer}”取纸核对")
        self.printed.emit(outcome, name)

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

    def run(self, text: str, work: object, done: object) -> None:
        """A printing that is under way keeps the bar: what else there is takes no long time."""
        self._task = tasks.run(work, lambda r: self._ended(done, r), self._failed, owner=self)
        if not self._stop_printing:
            self.waiting.begin(text, self._stop)

    def _stop(self) -> None:
        """What is not printed yet leaves the queue, and the answer says so."""
        if self._stop_printing:
            self._stop_printing.set()
            self.waiting.begin("正在取消打印…")
        elif self._task:
            self._task.cancel()

    def _ended(self, done: object, result: object) -> None:
        self._end_waiting()
        done(result)

    def _failed(self, error: Exception) -> None:
        self._end_waiting()
        problem = explain(error)
        if problem.code in NEEDS_KEY:
            self.key_needed.emit(problem)
        self.bar.show_problem(problem)

    def _end_waiting(self) -> None:
        if not self._stop_printing:
            self.waiting.end()


def order_of(backend: PrintBackend, name: str, printing: Printing) -> PrintOrder:
    """By the form's settings; raises PrintRefused where the system has no printing."""
    return PrintOrder(
        printing.printer or default_printer(backend),
        name,
        printing.paper,
        printing.tray,
        (printing.right_mm, printing.down_mm),
    )


def print_document(
    backend: PrintBackend,
    pdf: bytes,
    name: str,
    printing: Printing,
    changed: Callable[[Step], None],
    stopped: Callable[[], bool],
) -> Outcome:
    """In a worker."""
    try:
        order = order_of(backend, name, printing)
    except PrintRefused as refused:
        return Outcome(None, None, refused.status.problem(""))
    return print_pdf(backend, pdf, order, changed, stopped=stopped)


def default_printer(backend: PrintBackend) -> str:
    """The system's, or the only one there is: among several nobody chooses by the alphabet."""
    printers = backend.printers()
    chosen = next((p for p in printers if p.is_default), None)
    if not chosen and len(printers) == 1:
        (chosen,) = printers
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
