"""What one enters a field's value into: a text, a choice, or a code that is sent to a phone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from server.business.base import Field
from server.business.check import parse_cell
from server.business.kinds import Invalid, Money
from server.business.month import Month

MONTH_EDITOR, CHOICE_EDITOR = "month", "choice"
ASK_CODE = "获取验证码"
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class TextEdit(QLineEdit):
    """Typed text of any kind; a month steps with the up and down keys."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.setMaxLength(200)
        self.setPlaceholderText(hint(field))
        self.setAlignment(
            Qt.AlignmentFlag.AlignRight if field.kind.align_right else Qt.AlignmentFlag.AlignLeft
        )
        self.editingFinished.connect(self._tidy)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(event.key())
        if step and self._field.kind.editor == MONTH_EDITOR and not self.isReadOnly():
            self._step(step)
            return
        super().keyPressEvent(event)

    def _step(self, months: int) -> None:
        try:
            month = self._field.kind.parse(self.text() or self.placeholderText())
        except Invalid:
            return
        self.setText(str(Month(month).plus(months)))
        self.textEdited.emit(self.text())

    def _tidy(self) -> None:
        """An amount is shown as amounts are; what cannot be read stays as it was typed."""
        if isinstance(self._field.kind, Money) and self.text() and not self.isReadOnly():
            value, _ = parse_cell(self._field, self.text())
            if value is not None:
                self.setText(self._field.kind.show(value))


def hint(field: Field) -> str:
    """What stands in an empty field that is typed."""
    return field.note or (f"例如 {field.kind.sample}" if field.kind.sample else "")


class ChoiceEdit(QComboBox):
    """One of a field's choices, or none. As a text it is the code; any way to write it is taken."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.addItem(_nothing_chosen(field), "")
        self.offer(field, lambda _: False)

    def text(self) -> str:
        return self.currentData() or ""

    def setText(self, text: str) -> None:  # noqa: N802
        try:
            code = self._field.kind.parse(text) if text else ""
        except Invalid:
            code = ""
        self.setCurrentIndex(max(self.findData(code), 0))

    def offer(self, field: Field, is_true: Callable[[str], bool]) -> None:
        """``field`` with its choices of now, of which some need something to be so. What is chosen
        stays as long as it is offered; a list that stays as it is may stay open."""
        self._field = field
        offered = [
            (label, code)
            for code, label in field.kind.options.items()
            if code not in field.offered_if or is_true(field.offered_if[code])
        ]
        if offered == [(self.itemText(n), self.itemData(n)) for n in range(1, self.count())]:
            return
        chosen = self.currentData()
        while self.count() > 1:
            self.removeItem(1)
        for label, code in offered:
            self.addItem(label, code)
        self.setCurrentIndex(max(self.findData(chosen), 0))


def _nothing_chosen(field: Field) -> str:
    if field.today:
        return "不变更"
    return "请选择" if field.required else "全部" if not field.std else ""


class CodeCell(QWidget):
    """A code, and beside it the button that has it sent, with the seconds until the next one."""

    asked = Signal()

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self.edit = TextEdit(field, self)
        self.edit.setMaxLength(10)
        self.button = QPushButton(ASK_CODE, self, objectName=f"{field.key}_send")
        self.button.setAutoDefault(False)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.clicked.connect(lambda _=False: self.asked.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        self._left_s, self._is_open = 0, False
        self._second = QTimer(self, interval=1_000)
        self._second.timeout.connect(self._count)

    def open(self, is_open: bool) -> None:
        """There is a phone to send to, and nothing is on its way."""
        self._is_open = is_open
        self.edit.setReadOnly(not is_open)
        self._show()

    def wait(self, seconds: int) -> None:
        """Until another code may be asked for; 0 ends it, for another phone."""
        self._left_s = seconds
        self._second.start() if seconds else self._second.stop()
        self._show()

    def _count(self) -> None:
        self.wait(max(self._left_s - 1, 0))

    def _show(self) -> None:
        self.button.setText(f"{self._left_s} 秒后可重新获取" if self._left_s else ASK_CODE)
        self.button.setEnabled(self._is_open and not self._left_s)
