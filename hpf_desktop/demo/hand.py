"""A hand on the window: finds what a person would see, presses keys, and waits for what comes.

Works on any ``Desktop`` in this process, with real key and mouse events on the real screen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QTabBar,
    QTabWidget,
    QWidget,
)

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


class Sight(NamedTuple):
    """What a picture shows: where the page or window in front is, and what stands there in words
    that are nobody's data."""

    box: tuple[int, int, int, int]
    words: list[str]


def sight() -> Sight:
    """Of buttons, headings, tabs, and the names of fields and columns."""
    window = QApplication.activeModalWidget() or QApplication.activeWindow()
    if window is None:
        return Sight((0, 0, 0, 0), [])
    said: list[str] = []
    for widget in window.findChildren(QWidget):
        if widget.isVisible():
            said += _words_of(widget)
    words = sorted({word.replace("&", "").strip(" *:：") for word in said} - {""})
    tabs = window.findChild(QTabWidget, "pages")
    page = tabs.currentWidget() if tabs and tabs.isVisible() else window
    corner = page.mapToGlobal(QPoint(0, 0))
    return Sight((corner.x(), corner.y(), page.width(), page.height()), words)


def _words_of(widget: QWidget) -> list[str]:
    if isinstance(widget, QAbstractButton):
        return [widget.text()]
    if isinstance(widget, QLabel):
        is_name = widget.buddy() is not None or widget.property("role") == "title"
        return [widget.text()] if is_name else []
    if isinstance(widget, QTabBar):
        return [widget.tabText(n) for n in range(widget.count())]
    if isinstance(widget, QHeaderView) and widget.orientation() is Qt.Orientation.Horizontal:
        model, across = widget.model(), Qt.Orientation.Horizontal
        return [str(model.headerData(n, across) or "") for n in range(model.columnCount())]
    return []


def write_sights(folder: Path, seen: Mapping[str, Sight]) -> None:
    """Beside the pictures: from here the manual takes what it shows."""
    told = {name: shown._asdict() for name, shown in seen.items()}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (folder / "seen.json").write_text(text, encoding="utf-8")


def picture(path: Path) -> None:
    """The whole screen, as a person sees it."""
    rest(150)
    path.parent.mkdir(parents=True, exist_ok=True)
    QApplication.primaryScreen().grabWindow(0).save(str(path))
