"""The fields of a form, a batch's head or a query, made from their descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from hpf_desktop.ui.field_editors import CHOICE_EDITOR, ChoiceEdit, CodeCell, TextEdit, hint
from hpf_desktop.ui.secret_editors import CELLS, PasswordCell, PictureCell
from hpf_desktop.ui.theme import set_role
from server.business.base import Field
from server.business.check import parse_cell
from server.business.facts import Unit
from server.business.refusals import Level, Problem, problem

CHARS_WIDE = {1: 24, 2: 16}  # by how many stand in a row
CHARS_WIDE_MANY = 11
TODAY_CHARS_WIDE = range(11, 21)
SPACING, GAP = 10, 12  # between a label and its editor; after an editor
COUNTER_ONLY = "仅中心柜台可以变更"
LEVELS = {Level.ERROR: ("error", "错误："), Level.HINT: ("hint", "提示：")}


class FieldForm(QWidget):
    """Labels, at the left of the editors what is today, editors and, under each in words, what is
    wrong with it."""

    edited = Signal()
    code_asked = Signal(object)  # the Field of the code

    def __init__(
        self, fields: Sequence[Field], columns: int = 1, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.fields = tuple(fields)
        self._has_today = any(field.today for field in fields)
        self._chars = CHARS_WIDE.get(2 if self._has_today else columns, CHARS_WIDE_MANY)
        self._editors: dict[str, QLineEdit | ChoiceEdit] = {}
        self._problems: dict[str, QLabel] = {}
        self._labels: dict[str, QLabel] = {}
        self._today: dict[str, QLabel] = {}
        self._codes: dict[str, CodeCell] = {}
        self._cells: dict[str, PasswordCell | PictureCell] = {}
        self._closed: set[str] = set()  # changed at the counter alone
        self._columns_max, self._columns = columns, 0
        self.is_locked = False
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(2)
        for field in self.fields:
            self._make(field)
        self._open_codes()
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
            for parts in self._across:
                widths = (
                    max(parts[key].sizeHint().width(), parts[key].minimumWidth()) for key in column
                )
                width += max(widths, default=0) + SPACING
        return width + columns * GAP

    @property
    def _across(self) -> list[dict[str, Any]]:
        """What stands beside each other in a row."""
        middle = [self._today] if self._has_today else []
        return [self._labels, *middle, self._editors | self._codes | self._cells]

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        grid, self._columns = self._grid, columns
        across = self._across
        wide = len(across) + 1  # and the gap
        for number in range(self._columns_max * wide + 1):
            grid.setColumnMinimumWidth(number, 0)
            grid.setColumnStretch(number, 0)
        for number, field in enumerate(self.fields):
            row, column = number // columns * 2, number % columns * wide
            for part in (*across, self._problems):
                grid.removeWidget(part[field.key])
            labels, *others = across
            grid.addWidget(labels[field.key], row, column, Qt.AlignmentFlag.AlignRight)
            for place, part in enumerate(others, column + 1):
                grid.addWidget(part[field.key], row, place)
            grid.addWidget(self._problems[field.key], row + 1, column + wide - 2)
        for column in range(columns):
            grid.setColumnMinimumWidth(column * wide + wide - 1, GAP)
        grid.setColumnStretch(columns * wide, 1)

    def _make(self, field: Field) -> None:
        editor = self._editor(field)
        is_needed = self._field(field.sent_to).required if field.sent_to else field.required
        star = " *" if field.typed and is_needed else ""
        label = QLabel(field.label + star, self)
        label.setBuddy(editor)
        told = QLabel(self, wordWrap=True, objectName=f"{field.key}_problem")
        told.hide()
        today = QLabel(self, wordWrap=True, objectName=f"{field.key}_today")
        today.setVisible(self._has_today)
        self._labels[field.key], self._today[field.key] = label, today
        self._editors[field.key], self._problems[field.key] = editor, told

    def _editor(self, field: Field) -> QLineEdit | ChoiceEdit:
        if field.typed and field.kind.editor == CHOICE_EDITOR:
            editor: QLineEdit | ChoiceEdit = ChoiceEdit(field, self)
            editor.activated.connect(self.edited)
        else:
            editor = self._line(field)
            editor.setReadOnly(not field.typed)
            if not field.typed:
                editor.setPlaceholderText(COUNTER_ONLY if field.today else "")
            editor.textEdited.connect(self._line_edited)
        editor.setObjectName(field.key)
        editor.setAccessibleName(field.label)
        return editor

    def _line(self, field: Field) -> QLineEdit:
        if field.sent_to:
            cell = CodeCell(field, self)
            cell.asked.connect(lambda: self.code_asked.emit(field))
            self._codes[field.key] = cell
            return cell.edit
        if make_cell := CELLS.get(field.kind.editor):
            self._cells[field.key] = make_cell(field, self)
            return self._cells[field.key].edit
        return TextEdit(field, self)

    def _line_edited(self) -> None:
        """A code belongs to the phone it was sent to, and is worth nothing for another one."""
        phone = self.sender()
        for field in self.fields:
            if field.sent_to and self._editors[field.sent_to] is phone:
                self._editors[field.key].clear()
                self._codes[field.key].wait(0)
        self._open_codes()
        self.edited.emit()

    def _open_codes(self) -> None:
        for field in self.fields:
            if field.sent_to:
                target = self._field(field.sent_to)
                phone = target.kind.read(self._editors[target.key].text())
                self._codes[field.key].open(phone is not None and not self.is_locked)

    def _widen(self) -> None:
        """The editors grow with their letters."""
        self._widen_today()
        for editor in self._editors.values():
            is_computed = isinstance(editor, QLineEdit) and editor.isReadOnly()
            self._widen_for(editor, editor.text() if is_computed else "")

    def _widen_today(self) -> None:
        """As wide as the widest needs, within reason; what is longer goes on in a second line."""
        if self._has_today:
            letters, char = self.fontMetrics(), self.fontMetrics().averageCharWidth()
            needs = max(letters.horizontalAdvance(label.text()) for label in self._today.values())
            low, high = TODAY_CHARS_WIDE[0] * char, TODAY_CHARS_WIDE[-1] * char
            for label in self._today.values():
                label.setFixedWidth(max(low, min(needs + char, high)))

    def _widen_for(self, editor: QWidget, text: str) -> None:
        """Nobody scrolls in what they cannot type into: it is shown whole, within reason."""
        letters = self.fontMetrics()
        char = letters.averageCharWidth()
        whole = min(letters.horizontalAdvance(text) + 2 * char, CHARS_WIDE[1] * char)
        editor.setMinimumWidth(max(self._chars * char, whole))

    def offer(self, unit: Unit) -> None:
        """Choices come and go with the unit's facts; one that was made before it went is asked for
        anew. So do fields that only the counter changes."""
        self.fields = tuple(field.in_force(unit) for field in self.fields)
        self._closed = {f.key for f in self.fields if f.is_open and not f.is_open(unit)}
        for field in self.fields:
            if field.is_open:
                self._close(field, field.key in self._closed)
            box = self._editors[field.key]
            if isinstance(box, ChoiceEdit):
                box.offer(field, lambda name: getattr(unit, name))

    def _close(self, field: Field, is_closed: bool) -> None:
        editor = self._editors[field.key]
        if isinstance(editor, ChoiceEdit):
            editor.setPlaceholderText(COUNTER_ONLY)
            if is_closed or editor.currentIndex() < 0:
                editor.setCurrentIndex(-1 if is_closed else 0)
        else:
            editor.setPlaceholderText(COUNTER_ONLY if is_closed else hint(field))
            if is_closed:
                editor.clear()
        self.lock(self.is_locked)

    def show_today(self, values: Mapping[str, Any]) -> None:
        """Beside each editor and in its accessible name; nothing where nothing is compared."""
        for field in self.fields:
            if field.today is None:
                continue
            value = values.get(field.key)
            shown = field.kind.mask(value) if value else "（空）"
            text = "" if value is None else f"现为 {shown}"
            self._today[field.key].setText(text)
            only = COUNTER_ONLY if not self._is_typed(field) else ""
            name = "，".join(part for part in (field.label, text, only) if part)
            self._editors[field.key].setAccessibleName(name)
        self._widen_today()

    def texts(self) -> dict[str, str]:
        """What was typed, as typed; empty fields are left out, and codes, which are not kept."""
        found = {f.key: self._editors[f.key].text() for f in self.fields if self._is_typed(f)}
        return {key: text for key, text in found.items() if text.strip()}

    def _field(self, key: str) -> Field:
        return next(field for field in self.fields if field.key == key)

    def _is_typed(self, field: Field) -> bool:
        return field.typed and not field.sent_to and field.key not in self._closed

    def codes(self) -> dict[str, str]:
        """What is submitted beside the document."""
        found = {key: cell.edit.text() for key, cell in self._codes.items()}
        return {key: text for key, text in found.items() if text.strip()}

    def code_problems(self, changed: Mapping[str, Any]) -> list[Problem]:
        """Where a phone is changed, and there is no code that could be right."""
        found = []
        for field in self.fields:
            if field.sent_to in changed:
                code, wrong = parse_cell(field, self.codes().get(field.key, ""))
                if code is None:
                    found.append(wrong or problem("V01", field.key, label=field.label))
        return found

    def wait_for_code(self, key: str, seconds: int) -> None:
        self._codes[key].wait(seconds)
        self._editors[key].setFocus(Qt.FocusReason.OtherFocusReason)

    def set_texts(self, texts: Mapping[str, str]) -> None:
        for field in self.fields:
            if field.typed and field.key not in self._closed:
                self._editors[field.key].setText(texts.get(field.key, ""))
        self._open_codes()

    def show_computed(self, shown: Mapping[str, str]) -> None:
        """Computed values; what would be assumed for an empty field stands in it as a hint."""
        for field in self.fields:
            editor, text = self._editors[field.key], shown.get(field.key, "")
            if not field.typed:
                editor.setText(text)
                editor.setCursorPosition(0)
                self._widen_for(editor, text)
            elif isinstance(editor, QLineEdit) and not field.today:
                self._assume(editor, field, "" if editor.text() else text)

    @staticmethod
    def _assume(editor: QLineEdit, field: Field, text: str) -> None:
        """What was typed once and is gone is no longer assumed."""
        if text or editor.property("assumed"):
            editor.setPlaceholderText(text or hint(field))
            editor.setProperty("assumed", bool(text))

    def local_problems(self) -> list[Problem]:
        """What can be said at once: texts that no server could read."""
        texts = self.texts()
        found = (parse_cell(f, texts.get(f.key, ""))[1] for f in self.fields if f.typed)
        return [wrong for wrong in found if wrong]

    def put_problems(self, problems: Iterable[Problem]) -> None:
        """Each beside its field; the first of a field counts. Those of other places are ignored."""
        first: dict[str, Problem] = {}
        for found in problems:
            first.setdefault(found.key, found)
        for key, label in self._problems.items():
            self._put(self._editors[key], label, first.get(key))

    def _put(self, editor: QWidget, label: QLabel, found: Problem | None) -> None:
        level, word = LEVELS[found.level] if found else ("", "")
        text = f"{word}{found.text}。{found.next_step}" if found else ""
        label.setText(text)
        label.setVisible(bool(text))
        set_role(label, "role", level)
        set_role(editor, "level", level)
        editor.setToolTip(text)
        editor.setAccessibleDescription(text)
        editor.setProperty("code", found.code if found else "")

    def help_word(self) -> str:
        """Of the field with the focus: the code of its problem, or its label."""
        at = next((f for f in self.fields if self._editors[f.key] is self.focusWidget()), None)
        return self._editors[at.key].property("code") or at.label if at else ""

    def focus_problem(self) -> bool:
        """Goes to the first field that has an error."""
        for key, label in self._problems.items():
            if label.property("role") == "error":
                self._editors[key].setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return False

    def focus_first(self) -> None:
        typed = next((f for f in self.fields if self._is_typed(f)), None)
        if typed:
            self._editors[typed.key].setFocus(Qt.FocusReason.OtherFocusReason)

    def lock(self, is_locked: bool) -> None:
        self.is_locked = is_locked
        for field in self.fields:
            editor = self._editors[field.key]
            may_type = not is_locked and self._is_typed(field)
            if isinstance(editor, ChoiceEdit):
                editor.setEnabled(may_type)
            elif not field.sent_to:
                editor.setReadOnly(not may_type)
        self._open_codes()

    def cell(self, key: str) -> PasswordCell | PictureCell | None:
        """What stands around the editor of a password or of a picture's letters."""
        return self._cells.get(key)

    def editor(self, key: str) -> QLineEdit | ChoiceEdit:
        return self._editors[key]
