"""Where F1 leads from where one is: a page of the manual, and there a field or a code."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from server.business.refusals import REFUSALS

# Dialogs by their object's name.
TOPICS = {
    "register_dialog": "register",
    "reset_dialog": "reset",
    "import_dialog": "files",
    "approval_dialog": "submitting",
    "unfinished_dialog": "submitting",
    "receipt_dialog": "printing",
    "document_dialog": "printing",
    "settings_dialog": "settings",
    "health_dialog": "certificate_health",
}


def place_of(topic: str, within: QWidget, focus: QWidget | None) -> str:
    """A problem where the focus is comes first, then one that the page says, then the field.

    Whoever knows what the focus is about has ``help_word``: a code, or a field's label.
    """
    word = ""
    while focus is not None and not word:
        word = getattr(focus, "help_word", str)()
        focus = focus.parentWidget()
    if word not in REFUSALS:
        bars = [bar for bar in within.findChildren(QWidget, "message_bar") if bar.isVisible()]
        said = (getattr(bar, "help_word", str)() for bar in bars)
        word = next((code for code in said if code), word)
    return f"{topic}#{word}" if word else topic


def help_in_dialogs(app: QApplication, open_manual: Callable[[str], None]) -> None:
    """A dialog keeps the window's keys away; each that gets the focus is given its own F1."""

    def equip(_: QWidget | None, focus: QWidget | None) -> None:
        dialog = focus.window() if focus else None
        if not isinstance(dialog, QDialog) or dialog.property("has_help"):
            return
        if topic := TOPICS.get(dialog.objectName()):
            dialog.setProperty("has_help", True)
            key = QShortcut(QKeySequence("F1"), dialog)
            key.activated.connect(
                lambda: open_manual(place_of(topic, dialog, dialog.focusWidget()))
            )

    app.focusChanged.connect(equip)
