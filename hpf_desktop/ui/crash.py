"""What happens to an exception that nobody expected: logged under a number, and told once."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMessageBox

from hpf_desktop.log import explain
from hpf_desktop.ui.messages import sentence


class CrashReporter(QObject):
    """Installed as the interpreter's hook; slots' exceptions come here too."""

    happened = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_telling = False
        self.happened.connect(self._tell)

    def install(self) -> None:
        sys.excepthook = self._hook
        threading.excepthook = lambda args: self._report(args.exc_value)

    def _hook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        self._report(error)

    def _report(self, error: BaseException | None) -> None:
        if error is not None:
            self.happened.emit(sentence(explain(error)))

    def _tell(self, text: str) -> None:
        """One box at a time: what repeats with every repaint must not bury the window."""
        if self._is_telling:
            return
        self._is_telling = True
        box = QMessageBox(QMessageBox.Icon.Warning, "程序出错", text)
        box.setObjectName("crash_box")
        box.finished.connect(self._told)
        box.finished.connect(box.deleteLater)
        self._box = box
        box.open()

    def _told(self) -> None:
        self._is_telling = False
