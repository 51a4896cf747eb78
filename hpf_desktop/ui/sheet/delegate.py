"""Opens and closes the cell editors, and says how each was left."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QDate, QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QStyledItemDelegate, QWidget

from hpf_desktop.ui.sheet.candidates import Candidates
from hpf_desktop.ui.sheet.editors import (
    DayEdit,
    OfferEdit,
    choice_offers,
    month_offers,
    people_offers,
)
from hpf_desktop.ui.sheet.lookup import PeopleIndex
from hpf_desktop.ui.sheet.model import SheetModel
from server.business.kinds import Choice
from server.business.month import Month

CLOSE = QStyledItemDelegate.EndEditHint.NoHint
LENGTH_MAX = 200  # More than any kind takes: what is too long is told, not cut.


class CellDelegate(QStyledItemDelegate):
    """``left`` tells the way out of an editor and its text: down, up, right, left, stay, or fill
    for all selected cells. The cells themselves are drawn by ``paint.CellPainter``.
    """

    left = Signal(str, str)

    def __init__(self, model: SheetModel, parent: Any = None) -> None:
        super().__init__(parent)
        self.model = model
        self.people: PeopleIndex | None = None
        self.candidates: Candidates | None = None
        self.now = Month(0)

    def createEditor(self, parent: QWidget, option: Any, index: Any) -> QWidget:  # noqa: N802
        column = self.model.columns[index.column()]
        editor = self._editor_for(column.field.kind, parent)
        editor.setObjectName(f"cell_editor_{column.key}")
        editor.setAccessibleName(column.field.label)
        editor.setMaxLength(max(LENGTH_MAX, column.field.kind.length_max))
        if column.is_right:
            editor.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if isinstance(editor, OfferEdit):
            editor.chosen.connect(lambda: self._leave(editor, "stay"))
        return editor

    def _editor_for(self, kind: Any, parent: QWidget) -> QLineEdit:
        if kind.editor == "lookup" and self.people is not None:
            return OfferEdit(parent, kind, people_offers(self.people))
        if kind.editor == "candidate" and self.candidates is not None:
            edit = OfferEdit(parent, kind, self.candidates.offers)
            self.candidates.arrived.connect(edit.offer_again)
            return edit
        if isinstance(kind, Choice):
            return OfferEdit(parent, kind, choice_offers(kind))
        if kind.editor == "month" and self.now:
            return OfferEdit(parent, kind, month_offers(kind, self.now))
        if kind.editor == "day":
            return DayEdit(
                parent, kind, QDate(self.now.year, self.now.number, 1) if self.now else QDate()
            )
        edit = QLineEdit(parent)
        edit.setFrame(False)
        return edit

    def setEditorData(self, editor: QWidget, index: Any) -> None:  # noqa: N802
        assert isinstance(editor, QLineEdit)
        editor.setText(self.model.text(index.row(), index.column()))

    def setModelData(self, editor: QWidget, model: Any, index: Any) -> None:  # noqa: N802
        model.setData(index, value_of(editor))

    def eventFilter(self, editor: Any, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            way = _way_out(event)
            if way is not None:
                self._leave(editor, way)
                return True
            if event.key() == Qt.Key.Key_Escape and _hides_list(editor):
                return True
        return super().eventFilter(editor, event)

    def _leave(self, editor: QWidget, way: str) -> None:
        text = value_of(editor)
        if way != "fill":
            self.commitData.emit(editor)
        self.closeEditor.emit(editor, CLOSE)
        self.left.emit(way, text)


def value_of(editor: QWidget) -> str:
    assert isinstance(editor, QLineEdit)
    return editor.value() if isinstance(editor, OfferEdit) else editor.text()


def _way_out(event: QKeyEvent) -> str | None:
    key, keys = event.key(), event.modifiers()
    is_shift = bool(keys & Qt.KeyboardModifier.ShiftModifier)
    if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        if keys & Qt.KeyboardModifier.ControlModifier:
            return "fill"
        return "up" if is_shift else "down"
    if key == Qt.Key.Key_Backtab or (key == Qt.Key.Key_Tab and is_shift):
        return "left"
    return "right" if key == Qt.Key.Key_Tab else None


def _hides_list(editor: QWidget) -> bool:
    """Esc closes the list first, then the editor."""
    if isinstance(editor, OfferEdit) and editor.list.isVisible():
        editor.list.hide()
        return True
    return False
