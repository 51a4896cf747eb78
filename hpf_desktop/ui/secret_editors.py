"""What one types a password into, and the letters of a picture; neither leaves a trace behind."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QKeySequence, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from hpf_desktop.ui.field_editors import ENTER, TextEdit
from hpf_desktop.ui.messages import announce
from hpf_desktop.ui.theme import scaled, set_role
from server.business.base import Field

PASSWORD_EDITOR, PICTURE_EDITOR = "password", "picture"
PICTURE_SIZE = QSize(120, 44)  # at 100 %; the picture itself has twice as many dots
LOADING, STALE, BROKEN = "正在获取图片…", "已失效，点击更换", "没有图片，点击重试"
TAKEN_AWAY = (QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Cut)


class PasswordEdit(TextEdit):
    """Nothing can be copied out of it, shown or not: not by keys, by menu or by the mouse."""

    caps_lock_seen = Signal(bool)

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText
        )
        self._caps_lock: bool | None = None  # Not known before a letter was typed.
        self.selectionChanged.connect(self._let_go)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        self._look_at_caps_lock(event)
        if not any(event.matches(keys) for keys in TAKEN_AWAY):
            super().keyPressEvent(event)

    def show_text(self, is_shown: bool) -> None:
        echo = QLineEdit.EchoMode.Normal if is_shown else QLineEdit.EchoMode.Password
        self.setEchoMode(echo)
        self.deselect()

    def _let_go(self) -> None:
        """What is selected in plain sight goes to the clipboard of the middle mouse button."""
        if self.echoMode() is QLineEdit.EchoMode.Normal and self.hasSelectedText():
            self.deselect()

    def _look_at_caps_lock(self, event: QKeyEvent) -> None:
        """A capital without Shift, or a small letter with it; no system tells it in another way."""
        text, before = event.text(), self._caps_lock
        if event.key() == Qt.Key.Key_CapsLock and self._caps_lock is not None:
            self._caps_lock = not self._caps_lock
        elif len(text) == 1 and text.isascii() and text.isalpha():
            is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._caps_lock = text.isupper() is not is_shifted
        if self._caps_lock is not before:
            self.caps_lock_seen.emit(bool(self._caps_lock))


class PasswordCell(QWidget):
    """A password, the button that shows it, and a word when Caps Lock is on."""

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self.edit = PasswordEdit(field, self)
        self.button = QPushButton("显示", self, objectName=f"{field.key}_show", checkable=True)
        self.button.setAutoDefault(False)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.toggled.connect(self._show)
        self._label = field.label
        self._caps_lock = QLabel("大写锁定已打开", self, objectName=f"{field.key}_caps_lock")
        set_role(self._caps_lock, "role", "hint")
        self._caps_lock.hide()
        self.edit.caps_lock_seen.connect(self._tell_caps_lock)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(self._caps_lock)
        row.addWidget(self.button)
        self._show(False)

    def wipe(self) -> None:
        """Set anew and not cleared: what is cleared could be undone."""
        self.edit.setText("")
        self.button.setChecked(False)
        self._caps_lock.hide()

    def _show(self, is_shown: bool) -> None:
        self.edit.show_text(is_shown)
        word = "隐藏" if is_shown else "显示"
        self.button.setText(word)
        self.button.setAccessibleName(f"{word}{self._label}")

    def _tell_caps_lock(self, is_on: bool) -> None:
        self._caps_lock.setVisible(is_on)
        if is_on:
            announce(self.edit, self._caps_lock.text())


class PictureButton(QPushButton):
    """Enter renews the picture as the space bar does, whatever else Enter does in the window."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in ENTER:
            self.click()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit()

    def fit(self) -> None:
        """As big as the letters around it."""
        size = QSize(scaled(PICTURE_SIZE.width()), scaled(PICTURE_SIZE.height()))
        self.setIconSize(size)
        self.setFixedSize(size + QSize(scaled(8), scaled(8)))


class PictureCell(QWidget):
    """Letters typed as a picture shows them; the picture is a button that has it renewed."""

    asked = Signal()
    expired = Signal()

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self.edit = TextEdit(field, self)
        self.edit.setMaxLength(8)
        self.edit.setInputMethodHints(Qt.InputMethodHint.ImhPreferLatin)
        self.button = PictureButton(self, objectName=f"{field.key}_picture")
        self.button.setAutoDefault(False)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.setToolTip("看不清？点击换一张")
        self.button.fit()
        self.button.clicked.connect(lambda _=False: self.asked.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        self.has_picture = False
        self._expiry = QTimer(self, singleShot=True)
        self._expiry.timeout.connect(self._expire)
        self.say(LOADING)

    def show_picture(self, png: bytes, expires_in_s: int) -> None:
        pixmap = QPixmap()
        self.has_picture = pixmap.loadFromData(png)
        if not self.has_picture:
            self.say(BROKEN)
            return
        self.button.setIcon(QIcon(pixmap))
        self.button.setText("")
        self.button.setAccessibleName("图片验证码的图片，按回车键换一张")
        self._expiry.start(expires_in_s * 1_000)

    def say(self, text: str) -> None:
        """In the place of a picture."""
        self.has_picture = False
        self._expiry.stop()
        self.button.setIcon(QIcon())
        self.button.setText(text)
        self.button.setAccessibleName(f"图片验证码的图片：{text}")

    def _expire(self) -> None:
        self.edit.setText("")
        self.say(STALE)
        self.expired.emit()


CELLS: dict[str, Any] = {PASSWORD_EDITOR: PasswordCell, PICTURE_EDITOR: PictureCell}
