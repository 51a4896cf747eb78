"""What a person does at a window under test: look for a widget, type, press, and sign."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget

from hpf_desktop.ui.login.approve import ApprovalDialog
from tests.cert.keys import PIN

LIMIT_MS = 8_000


def find(parent: QWidget, kind: type, name: str) -> Any:
    found = parent.findChild(kind, name)
    assert found is not None, f"no {name}"
    return found


def press(qtbot: Any, parent: QWidget, name: str) -> None:
    button = find(parent, QPushButton, name)
    qtbot.waitUntil(button.isEnabled, timeout=LIMIT_MS)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(qtbot: Any, parent: QWidget, label: str) -> None:
    """A button of the message bar."""

    def shown() -> list[QPushButton]:
        return [b for b in parent.findChildren(QPushButton) if b.text() == label and b.isVisible()]

    qtbot.waitUntil(lambda: bool(shown()), timeout=LIMIT_MS)
    qtbot.mouseClick(shown()[0], Qt.MouseButton.LeftButton)


def dialog(qtbot: Any, kind: type) -> Any:
    def shown() -> list[QWidget]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]

    qtbot.waitUntil(lambda: bool(shown()), timeout=LIMIT_MS)
    return shown()[0]


def sign(qtbot: Any, pin: str = PIN) -> ApprovalDialog:
    """In the dialog that asks before a submission."""
    asked = dialog(qtbot, ApprovalDialog)
    field = find(asked, QLineEdit, "pin")
    qtbot.waitUntil(field.isEnabled, timeout=LIMIT_MS)
    qtbot.keyClicks(field, pin)
    press(qtbot, asked, "confirm")
    return asked


def type_text(field: QLineEdit, text: str) -> None:
    """As an input method commits it: the test library's keys know only Latin letters."""
    field.setFocus()
    event = QInputMethodEvent("", [])
    event.setCommitString(text)
    QApplication.sendEvent(field, event)
