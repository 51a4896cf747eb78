"""The fields of a form, a batch's head or a query, made from their descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QWidget

from hpf_desktop.ui.theme import set_role
from server.business.base import Field, Unit
from server.business.check import parse_cell
from server.business.kinds import Invalid, Money
from server.business.month import Month
from server.business.refusals import Level, Problem

CHARS_WIDE = {1: 24, 2: 16}  # by how many stand in a row
CHARS_WIDE_MANY = 11
SPACING, GAP = 10, 12  # between a label and its editor; after an editor
MONTH_EDITOR, CHOICE_EDITOR = "month", "choice"
LEVELS = {Level.ERROR: ("error", "错误："), Level.HINT: ("hint", "提示：")}


class TextEdit(QLineEdit):
    """Typed text of any kind; a month steps with the up and down keys."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.setMaxLength(200)
        self.setPlaceholderText(
            field.note or (f"例如 {field.kind.sample}" if field.kind.sample else "")
        )
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


class FieldForm(QWidget):
    """Labels, editors and, under each editor in words, what is wrong with it."""

    edited = Signal()

    def __init__(
        self, fields: Sequence[Field], columns: int = 1, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.fields = tuple(fields)
        self._chars = CHARS_WIDE.get(columns, CHARS_WIDE_MANY)
        self._editors: dict[str, QLineEdit | QComboBox] = {}
        self._problems: dict[str, QLabel] = {}
        self._labels: dict[str, QLabel] = {}
        self._columns_max, self._columns = columns, 0
        self.is_locked = False
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(2)
        for field in self.fields:
            self._make(field)
        self._widen()
        self._arrange(columns)

    def sizeHint(self) -> QSize:  # noqa: N802
        """With all its columns, or it would never get the room to show them again."""
        return QSize(self._width_of(self._columns_max), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Of one column: a narrow page may have no room for more."""
        return QSize(self._width_of(1), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._widen()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def _fit(self) -> None:
        """As many columns as there is room for."""
        every = range(self._columns_max, 1, -1)
        self._arrange(next((n for n in every if self._width_of(n) <= self.width()), 1))

    def _width_of(self, columns: int) -> int:
        keys = [field.key for field in self.fields]
        width = 0
        for column in (keys[n::columns] for n in range(columns)):
            for parts in (self._labels, self._editors):
                widths = (
                    max(parts[key].sizeHint().width(), parts[key].minimumWidth()) for key in column
                )
                width += max(widths, default=0) + SPACING
        return width + columns * GAP

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        grid, self._columns = self._grid, columns
        for number in range(self._columns_max * 3 + 1):
            grid.setColumnMinimumWidth(number, 0)
            grid.setColumnStretch(number, 0)
        for number, field in enumerate(self.fields):
            row, column = number // columns * 2, number % columns * 3
            for part in (self._labels, self._editors, self._problems):
                grid.removeWidget(part[field.key])
            grid.addWidget(self._labels[field.key], row, column, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(self._editors[field.key], row, column + 1)
            grid.addWidget(self._problems[field.key], row + 1, column + 1)
        for column in range(columns):
            grid.setColumnMinimumWidth(column * 3 + 2, GAP)
        grid.setColumnStretch(columns * 3, 1)

    def _make(self, field: Field) -> None:
        editor = self._editor(field)
        star = " *" if field.typed and field.required else ""
        label = QLabel(field.label + star, self)
        label.setBuddy(editor)
        problem = QLabel(self, wordWrap=True, objectName=f"{field.key}_problem")
        problem.hide()
        self._labels[field.key] = label
        self._editors[field.key], self._problems[field.key] = editor, problem

    def _editor(self, field: Field) -> QLineEdit | QComboBox:
        if field.typed and field.kind.editor == CHOICE_EDITOR:
            editor: QLineEdit | QComboBox = QComboBox(self)
            editor.addItem("请选择" if field.required else "全部" if not field.std else "", "")
            for code, label in field.kind.options.items():
                if code not in field.offered_if:
                    editor.addItem(label, code)
            editor.activated.connect(self.edited)
        else:
            editor = TextEdit(field, self)
            editor.setReadOnly(not field.typed)
            if not field.typed:
                editor.setPlaceholderText("")
            editor.textEdited.connect(self.edited)
        editor.setObjectName(field.key)
        editor.setAccessibleName(field.label)
        return editor

    def _widen(self) -> None:
        """The editors grow with their letters."""
        for editor in self._editors.values():
            is_computed = isinstance(editor, QLineEdit) and editor.isReadOnly()
            self._widen_for(editor, editor.text() if is_computed else "")

    def _widen_for(self, editor: QWidget, text: str) -> None:
        """Nobody scrolls in what they cannot type into: it is shown whole, within reason."""
        letters = self.fontMetrics()
        char = letters.averageCharWidth()
        whole = min(letters.horizontalAdvance(text) + 2 * char, CHARS_WIDE[1] * char)
        editor.setMinimumWidth(max(self._chars * char, whole))

    def offer(self, unit: Unit) -> None:
        """Choices come and go with the unit's facts; one that was made before it went is asked for
        anew."""
        self.fields = tuple(field.in_force(unit) for field in self.fields)
        for field in self.fields:
            box = self._editors[field.key]
            if isinstance(box, QComboBox):
                _refill(box, [
                    (label, code) for code, label in field.kind.options.items()
                    if code not in field.offered_if or getattr(unit, field.offered_if[code])
                ])  # fmt: skip

    def texts(self) -> dict[str, str]:
        """What was typed, as typed; empty fields are left out."""
        found = {f.key: self._text(self._editors[f.key]) for f in self.fields if f.typed}
        return {key: text for key, text in found.items() if text.strip()}

    def set_texts(self, texts: Mapping[str, str]) -> None:
        for field in self.fields:
            if field.typed:
                self._set(self._editors[field.key], field, texts.get(field.key, ""))

    def show_computed(self, shown: Mapping[str, str]) -> None:
        """Computed values; what would be assumed for an empty field stands in it as a hint."""
        for field in self.fields:
            editor, text = self._editors[field.key], shown.get(field.key, "")
            if not field.typed:
                editor.setText(text)
                editor.setCursorPosition(0)
                self._widen_for(editor, text)
            elif text and isinstance(editor, QLineEdit):
                editor.setPlaceholderText(text)

    def local_problems(self) -> list[Problem]:
        """What can be said at once: texts that no server could read."""
        texts = self.texts()
        found = (parse_cell(f, texts.get(f.key, ""))[1] for f in self.fields if f.typed)
        return [problem for problem in found if problem]

    def put_problems(self, problems: Iterable[Problem]) -> None:
        """Each beside its field; the first of a field counts. Those of other places are ignored."""
        first: dict[str, Problem] = {}
        for problem in problems:
            first.setdefault(problem.key, problem)
        for key, label in self._problems.items():
            self._put(self._editors[key], label, first.get(key))

    def _put(self, editor: QWidget, label: QLabel, problem: Problem | None) -> None:
        level, word = LEVELS[problem.level] if problem else ("", "")
        text = f"{word}{problem.text}。{problem.next_step}" if problem else ""
        label.setText(text)
        label.setVisible(bool(text))
        set_role(label, "role", level)
        set_role(editor, "level", level)
        editor.setToolTip(text)
        editor.setAccessibleDescription(text)

    def focus_problem(self) -> bool:
        """Goes to the first field that has an error."""
        for key, label in self._problems.items():
            if label.property("role") == "error":
                self._editors[key].setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return False

    def focus_first(self) -> None:
        typed = next((f for f in self.fields if f.typed), None)
        if typed:
            self._editors[typed.key].setFocus(Qt.FocusReason.OtherFocusReason)

    def lock(self, is_locked: bool) -> None:
        self.is_locked = is_locked
        for field in self.fields:
            editor = self._editors[field.key]
            if isinstance(editor, QComboBox):
                editor.setEnabled(not is_locked)
            else:
                editor.setReadOnly(is_locked or not field.typed)

    def editor(self, key: str) -> QLineEdit | QComboBox:
        return self._editors[key]

    @staticmethod
    def _text(editor: QLineEdit | QComboBox) -> str:
        return editor.currentData() if isinstance(editor, QComboBox) else editor.text()

    @staticmethod
    def _set(editor: QLineEdit | QComboBox, field: Field, text: str) -> None:
        if isinstance(editor, QLineEdit):
            editor.setText(text)
            return
        try:
            code = field.kind.parse(text) if text else ""
        except Invalid:
            code = ""
        editor.setCurrentIndex(max(editor.findData(code), 0))


def _refill(box: QComboBox, offered: Sequence[tuple[str, str]]) -> None:
    """What is chosen stays as long as it is offered; a list that stays as it is may stay open."""
    if offered == [(box.itemText(n), box.itemData(n)) for n in range(1, box.count())]:
        return
    chosen = box.currentData()
    while box.count() > 1:
        box.removeItem(1)
    for label, code in offered:
        box.addItem(label, code)
    box.setCurrentIndex(max(box.findData(chosen), 0))
