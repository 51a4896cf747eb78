"""A hand on the window: finds what a person would see, presses keys, and waits for what comes.

Works on any ``Desktop`` in this process, with real key and mouse events on the real screen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

W = TypeVar("W", bound=QWidget)
LIMIT_S = 30.0
LOOK_MS = 20


class NotSeen(AssertionError):
    """What should have appeared did not, within its time."""


def until(seen: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """Lets the window work until ``seen`` answers something true."""
    deadline = time.monotonic() + limit_s
    while True:
        if found := seen():
            return found
        if time.monotonic() > deadline:
            raise NotSeen(f"{limit_s:.0f} 秒内没有看到：{what}")
        rest(LOOK_MS)


def rest(pause_ms: int) -> None:
    """Lets the window and its workers work. ``QTest.qWait`` would starve the workers."""
    loop = QEventLoop()
    QTimer.singleShot(pause_ms, loop.quit)
    loop.exec()


def find(kind: type[W], name: str, within: QWidget | None = None) -> W:
    """The visible widget of that object name."""

    def look() -> W | None:
        places = [within] if within else QApplication.topLevelWidgets()
        for place in places:
            for widget in [place, *place.findChildren(QWidget, name)]:
                if widget.objectName() == name and widget.isVisible() and isinstance(widget, kind):
                    return widget
        return None

    return until(look, name)  # type: ignore[no-any-return]


def press(widget: QWidget) -> None:
    """Gives it the focus and presses it as a keyboard user would."""
    until(widget.isEnabled, f"{widget.objectName()} 可用")
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(widget, Qt.Key.Key_Space)


def type_into(widget: QWidget, text: str) -> None:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    if text.isascii():
        QTest.keyClicks(widget, text)
        return
    typed = QInputMethodEvent()  # Chinese comes from an input method, not from keys.
    typed.setCommitString(text)
    QApplication.sendEvent(widget, typed)


def type_keys(text: str) -> None:
    """Wherever the focus is; the first key may open an editor that has it from then on."""
    for letter in text:
        QTest.keyClicks(_focused(), letter)


def press_key(key: Qt.Key) -> None:
    QTest.keyClick(_focused(), key)


def _focused() -> QWidget:
    return until(QApplication.focusWidget, "光标")  # type: ignore[no-any-return]


def choose(box: QComboBox, label: str) -> None:
    """Goes down the choices until the wanted one stands there."""
    box.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(box.count()):
        if box.currentText() == label:
            box.activated.emit(box.currentIndex())
            return
        QTest.keyClick(box, Qt.Key.Key_Down)
    raise NotSeen(f"没有“{label}”可选")


def picture(path: Path) -> None:
    """The whole screen, as a person sees it."""
    rest(150)
    path.parent.mkdir(parents=True, exist_ok=True)
    QApplication.primaryScreen().grabWindow(0).save(str(path))
