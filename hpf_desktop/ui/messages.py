"""What a page has to say: a bar for a refusal or a question, a bar for what takes a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from hpf_desktop.ui.theme import set_role
from server.business.refusals import Level, Problem

SHOWN_AFTER_MS = 500
WORDS = {"error": "错误", "hint": "提示", "passed": "完成", "note": "说明"}
Choice = tuple[str, Callable[[], None]]


def sentence(problem: Problem) -> str:
    """What is wrong, what to do next, and the code for whoever is asked on the telephone."""
    parts = [problem.text, problem.next_step]
    return "。".join(part for part in parts if part) + f"（{problem.code}）"


def announce(widget: QWidget, text: str) -> None:
    """To a screen reader, for what appears where nobody looks."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))


class MessageBar(QFrame):
    """One message at a time; the newest replaces what stood there."""

    answered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self._text = QLabel(wordWrap=True, objectName="message_text")
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 6, 8, 6)
        self._row.addWidget(self._text, 1)
        self._buttons: list[QPushButton] = []
        self._code = ""
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def help_word(self) -> str:
        """The code of the problem that stands here."""
        return self._code

    def show_problem(self, problem: Problem, choices: Sequence[Choice] = ()) -> None:
        level = "hint" if problem.level is Level.HINT else "error"
        self._show(level, sentence(problem), [*choices, ("知道了", self.clear)])
        self._code = problem.code

    def tell(self, text: str, choices: Sequence[Choice] = (), level: str = "note") -> None:
        self._show(level, text, [*choices, ("知道了", self.clear)])

    def ask(self, text: str, choices: Sequence[Choice]) -> None:
        """Stays until one of the choices is taken."""
        self._show("hint", text, choices)

    def clear(self) -> None:
        self._drop_buttons()
        self._text.clear()
        self.hide()

    def _show(self, level: str, text: str, choices: Sequence[Choice]) -> None:
        self._code = ""
        self._drop_buttons()
        set_role(self, "level", level)
        self._text.setText(f"{WORDS[level]}：{text}")
        before: QWidget = self._text
        for number, (label, chosen) in enumerate(choices):
            button = QPushButton(label, self, objectName=f"message_choice_{number}")
            button.clicked.connect(lambda _=False, chosen=chosen: self._chosen(chosen))
            self._row.addWidget(button)
            # The youngest widget would come last, after a sheet that keeps Tab for its cells.
            QWidget.setTabOrder(before, button)
            before = button
            self._buttons.append(button)
        self.show()

    def _chosen(self, chosen: Callable[[], None]) -> None:
        self.answered.emit()  # Before the button goes, and the focus with it.
        self.clear()
        chosen()

    def _drop_buttons(self) -> None:
        for button in self._buttons:
            self._row.removeWidget(button)
            button.setParent(None)
            button.deleteLater()
        self._buttons.clear()


class WaitingBar(QWidget):
    """Shows itself half a second after something began, with a way to stop it if there is one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("waiting_bar")
        self._text = QLabel(objectName="waiting_text")
        self._bar = QProgressBar(objectName="waiting_progress", textVisible=False)
        self._bar.setAccessibleName("进度")
        self._stop = QPushButton("取消", objectName="waiting_cancel")
        self._stop.clicked.connect(self._stop_asked)
        self._cancel: Callable[[], None] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 8, 2)
        row.addWidget(self._text)
        row.addWidget(self._bar, 1)
        row.addWidget(self._stop)
        self._timer = QTimer(self, singleShot=True, interval=SHOWN_AFTER_MS)
        self._timer.timeout.connect(self.show)
        self.hide()

    def begin(
        self, text: str, cancel: Callable[[], None] | None = None, label: str = "取消"
    ) -> None:
        self._text.setText(text)
        self._bar.setRange(0, 0)
        self._cancel = cancel
        self._stop.setText(label)
        self._stop.setVisible(cancel is not None)
        if not self.isVisible():
            self._timer.start()

    def say(self, text: str) -> None:
        self._text.setText(text)

    def progressed(self, done: int, total: int) -> None:
        self._bar.setRange(0, max(total, 0))
        self._bar.setValue(done)

    def end(self) -> None:
        self._timer.stop()
        self._cancel = None
        self.hide()

    def _stop_asked(self) -> None:
        cancel = self._cancel
        self.end()
        if cancel:
            cancel()
