"""Find and replace: what matches where (no widgets), and the bar that asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from hpf_desktop.ui.sheet.arrange import joined_lines, lines_with, shown_texts
from hpf_desktop.ui.sheet.edits import Block, Macro
from hpf_desktop.ui.sheet.model import SheetModel


@dataclass(frozen=True)
class Sought:
    """What is looked for, and how."""

    text: str
    is_whole_cell: bool = False
    is_case_kept: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        plain = re.escape(self.text)
        flags = re.NOFLAG if self.is_case_kept else re.IGNORECASE
        return re.compile(f"\\A{plain}\\Z" if self.is_whole_cell else plain, flags)

    def rows_in(self, texts: Sequence[str]) -> list[int]:
        """The rows of a column that match: searched as one text, then looked at more closely."""
        pattern, joined = self.pattern, joined_lines(texts)
        if self.is_case_kept:
            found = lines_with(joined, self.text)
        else:
            found = lines_with(joined.lower(), self.text.lower())
        return [row for row in found if pattern.search(texts[row])]


@dataclass(frozen=True, order=True)
class Hit:
    place: int
    column: int


def find_all(
    model: SheetModel, sought: Sought, columns: Sequence[int], blocks: Sequence[Block] | None = None
) -> list[Hit]:
    """Every cell that matches, in reading order; only in ``blocks`` when given."""
    if not sought.text:
        return []
    hits = []
    for column in columns:
        if column == model.result_column:
            continue
        for row in sought.rows_in(shown_texts(model.store, column)):
            place = model.place_of(row)
            if place is not None and (blocks is None or _is_in(blocks, place, column)):
                hits.append(Hit(place, column))
    return sorted(hits)


def replace_hits(model: SheetModel, sought: Sought, new: str, hits: Sequence[Hit]) -> int:
    """One step; computed cells are left alone. How many cells were changed."""
    by_column: dict[int, list[int]] = {}
    for hit in hits:
        if model.is_editable(hit.column):
            by_column.setdefault(hit.column, []).append(model.row_at(hit.place))
    changed = 0
    with Macro(model, "替换"):
        for column, rows in by_column.items():
            texts = [model.store.text(row, column) for row in rows]
            replaced = [sought.pattern.sub(lambda _: new, text) for text in texts]
            model.put(sorted(rows), {column: _in_row_order(model, column, rows, replaced)}, "替换")
            changed += len(rows)
    return changed


def _in_row_order(model: SheetModel, column: int, rows: list[int], texts: list[str]) -> list[str]:
    normal = model.columns[column].normal_all(texts)
    return [text for _, text in sorted(zip(rows, normal, strict=True))]


def _is_in(blocks: Sequence[Block], place: int, column: int) -> bool:
    return any(place in places and column in columns for places, columns in blocks)


class FindBar(QWidget):
    """One row above the grid. It says how many there are before anything is replaced."""

    go_to = Signal(object)  # a Hit
    closed = Signal()

    def __init__(
        self, find: Callable[[Sought, bool], list[Hit]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("find_bar")
        self._find = find
        self.hits: list[Hit] = []
        self.at = -1
        self.sought_edit = _edit("find_text", "查找内容")
        self.new_edit = _edit("replace_text", "替换为")
        self.whole, self.case = _check("find_whole", "整格匹配"), _check("find_case", "区分大小写")
        self.inside = _check("find_in_selection", "仅所选区域")
        self.count = QLabel()
        self.count.setObjectName("find_count")
        self.next = _button("find_next", "下一个")
        self.previous = _button("find_previous", "上一个")
        self.replace_one = _button("replace_one", "替换")
        self.replace_all = _button("replace_all", "全部替换")
        self.close_button = _button("find_close", "关闭")
        self._lay_out()
        self._connect()
        self.hide()

    def open(self, is_replacing: bool, text: str = "") -> None:
        for widget in (self.new_edit, self.replace_one, self.replace_all):
            widget.setVisible(is_replacing)
        self.show()
        if text:
            self.sought_edit.setText(text)
        self.sought_edit.setFocus()
        self.sought_edit.selectAll()
        self.look()

    @property
    def sought(self) -> Sought:
        return Sought(self.sought_edit.text(), self.whole.isChecked(), self.case.isChecked())

    def look(self) -> None:
        """Counts anew; the place stays where it was as far as it can."""
        self.hits = self._find(self.sought, self.inside.isChecked())
        self.at = -1
        self._show_count()

    def step(self, by: int) -> None:
        hits = self._find(self.sought, self.inside.isChecked())
        if hits != self.hits:
            self.hits, self.at = hits, -1
        if self.hits:
            self.at = (max(self.at, 0) + by if self.at >= 0 else (0 if by > 0 else -1)) % len(
                self.hits
            )
            self.go_to.emit(self.hits[self.at])
        self._show_count()

    @property
    def current(self) -> Hit | None:
        return self.hits[self.at] if 0 <= self.at < len(self.hits) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            self.closed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            super().keyPressEvent(event)

    def _show_count(self) -> None:
        if not self.sought.text:
            self.count.setText("")
        elif self.at >= 0:
            self.count.setText(f"第 {self.at + 1} 处，共 {len(self.hits)} 处")
        else:
            self.count.setText(f"共 {len(self.hits)} 处")

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 6)
        layout.setSpacing(6)
        for widget, stretch in (
            (self.sought_edit, 2), (self.new_edit, 2), (self.previous, 0), (self.next, 0),
            (self.replace_one, 0), (self.replace_all, 0), (self.whole, 0), (self.case, 0),
            (self.inside, 0), (self.count, 1), (self.close_button, 0),
        ):  # fmt: skip
            layout.addWidget(widget, stretch)

    def _connect(self) -> None:
        self.sought_edit.textChanged.connect(self.look)
        for box in (self.whole, self.case, self.inside):
            box.toggled.connect(self.look)
        self.next.clicked.connect(lambda: self.step(1))
        self.previous.clicked.connect(lambda: self.step(-1))
        self.close_button.clicked.connect(self.hide)
        self.close_button.clicked.connect(self.closed)


def _edit(name: str, label: str) -> QLineEdit:
    edit = QLineEdit()
    edit.setObjectName(name)
    edit.setAccessibleName(label)
    edit.setPlaceholderText(label)
    edit.setMaxLength(200)
    edit.setMinimumWidth(80)
    return edit


def _check(name: str, label: str) -> QCheckBox:
    box = QCheckBox(label)
    box.setObjectName(name)
    return box


def _button(name: str, label: str) -> QPushButton:
    button = QPushButton(label)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
