"""The sheet as a Qt table model, shown through a view list that sort and filter replace."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QUndoStack

from hpf_desktop.ui.sheet.colours import LIGHT, SheetColours
from hpf_desktop.ui.sheet.columns import RESULT_LABEL
from hpf_desktop.ui.sheet.faults import ERROR
from hpf_desktop.ui.sheet.steps import Insert, Pins, Remove, Write
from hpf_desktop.ui.sheet.store import (
    BLANK,
    FAULTY,
    HINTED,
    PASSED,
    Rows,
    Store,
    Taken,
    shift_for_insert,
)
from server.business.base import Business
from server.business.refusals import Problem

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
SPARE_ROWS = 20  # Blank rows kept at the end for typing on.
UNDO_STEPS_MAX = 200
WRITTEN_MAX = 64
# Roles as plain integers: comparing enums would cost a third of each repaint.
DISPLAY, EDIT, TOOL_TIP = 0, 2, 3
ALIGNMENT, BACKGROUND, FOREGROUND = 7, 8, 9
ACCESSIBLE_DESCRIPTION = int(Qt.ItemDataRole.AccessibleDescriptionRole)
LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
READ_ONLY = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
EDITABLE = READ_ONLY | Qt.ItemFlag.ItemIsEditable
HORIZONTAL = Qt.Orientation.Horizontal


class SheetModel(QAbstractTableModel):
    """A "place" is a row as shown, an index into ``view``; "row" alone means a source row.

    Everything that changes texts goes through ``steps`` (the undo stack); ``edited`` then names the
    source rows written; those that are not blank wait for a check.
    """

    edited = Signal(object)  # the source rows that were written
    rows_moved = Signal()
    marked = Signal()  # the problems changed

    def __init__(self, business: Business, parent: Any = None) -> None:
        super().__init__(parent)
        self.store = Store(business)
        self.columns = self.store.columns
        self.result_column = len(self.columns)
        self.view: list[int] | None = None
        self.is_locked = False
        self.steps = QUndoStack(self)
        self.steps.setUndoLimit(UNDO_STEPS_MAX)
        self.written: list[array[int]] = []  # ids of rows changed since a draft took them
        self.aligned = [RIGHT if c.is_right else LEFT for c in self.columns] + [LEFT]
        self.set_colours(LIGHT)

    def show_as(self, business: Business) -> None:
        """The same business with other choices; what stands in the cells stays as it is."""
        self.columns = self.store.show_as(business)

    def set_colours(self, colours: SheetColours) -> None:
        def brush(name: str) -> QBrush:
            return QBrush(QColor(name))

        self.mark_brushes = {1: brush(colours.hint_cell), ERROR: brush(colours.error_cell)}
        self.result_brushes = {
            PASSED: brush(colours.passed),
            HINTED: brush(colours.hint),
            FAULTY: brush(colours.error),
        }
        self.computed_brush, self.muted_brush = brush(colours.computed), brush(colours.muted)
        if self.rowCount():
            self.headerDataChanged.emit(HORIZONTAL, 0, self.result_column)

    # --- Places and rows -------------------------------------------------------------------------

    def row_at(self, place: int) -> int:
        return place if self.view is None else self.view[place]

    def rows_at(self, places: Sequence[int]) -> Rows:
        """Source rows of places, in their order; a range stays one while nothing is sorted."""
        if self.view is None:
            return places
        if isinstance(places, range):
            return self.view[places.start : places.stop]
        return [self.view[place] for place in places]

    def place_of(self, row: int) -> int | None:
        """Where a source row is shown; None when it is filtered away."""
        if self.view is None:
            return row
        if self._places is None:
            self._places = {row: place for place, row in enumerate(self.view)}
        return self._places.get(row)

    _places: dict[int, int] | None = None

    def set_view(self, view: list[int] | None) -> None:
        """Shows these rows in this order; indexes held by a view follow their rows."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        rows = [self.row_at(index.row()) for index in old]
        self.view, self._places = view, None
        new = []
        for index, row in zip(old, rows, strict=True):
            place = self.place_of(row)
            new.append(NOWHERE if place is None else self.index(place, index.column()))
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    # --- What Qt asks for ------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        if parent.isValid():
            return 0
        return len(self.store) if self.view is None else len(self.view)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else self.result_column + 1

    def text(self, place: int, column: int) -> str:
        row = place if self.view is None else self.view[place]
        if column == self.result_column:
            return self.result(row)
        store = self.store
        return store.typed[column][row] or store.filled[column][row]

    def data(self, index: Index, role: int = DISPLAY) -> Any:
        if role in (DISPLAY, EDIT):
            return self.text(index.row(), index.column())
        column = index.column()
        if role == ALIGNMENT:
            return self.aligned[column]
        if role == BACKGROUND:
            return self._background(self.row_at(index.row()), column)
        if role == FOREGROUND:
            return self._foreground(self.row_at(index.row()), column)
        if role in (TOOL_TIP, ACCESSIBLE_DESCRIPTION):
            return self._description(self.row_at(index.row()), column)
        return None

    def setData(self, index: Index, value: Any, role: int = EDIT) -> bool:  # noqa: N802
        column = index.column()
        if role != EDIT or not index.isValid() or not self.is_editable(column):
            return False
        row = self.row_at(index.row())
        text = self.columns[column].normal(str(value))
        if text == self.store.text(row, column):
            return True  # Nothing new: no step, and a value that was filled in stays one.
        self.put([row], {column: [text]}, f"填写{self.columns[column].field.label}")
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return EDITABLE if self.is_editable(index.column()) else READ_ONLY

    def is_editable(self, column: int) -> bool:
        is_typed = 0 <= column < self.result_column and self.columns[column].is_typed
        return is_typed and not self.is_locked

    def is_tab_stop(self, column: int) -> bool:
        """What confirms a looked up person is filled in already."""
        return self.is_editable(column) and not self.columns[column].field.confirms

    def headerData(self, section: int, way: Qt.Orientation, role: int = DISPLAY) -> Any:  # noqa: N802
        if way == HORIZONTAL:
            if section >= self.result_column:
                return {DISPLAY: RESULT_LABEL, ALIGNMENT: LEFT}.get(role)
            column = self.columns[section]
            if role == TOOL_TIP:
                return column.field.note or None
            return {DISPLAY: column.header, ALIGNMENT: self.aligned[section]}.get(role)
        if role == DISPLAY:
            return str(self.row_at(section) + 1) if section < self.rowCount() else None
        return None

    def result(self, row: int) -> str:
        state = self.store.states[row]
        if state == BLANK:
            return ""
        if state == PASSED:
            return "通过"
        if state in (HINTED, FAULTY):
            found = self.store.faults.of_row(row)
            worst = max(found, key=lambda p: p.level == "error")
            return f"{'错误' if state == FAULTY else '提示'}：{worst.text}"
        return "待校验"

    def _background(self, row: int, column: int) -> QBrush | None:
        if column == self.result_column:
            return None
        mark = self.store.faults.marks[column].get(row)
        if mark is not None:
            return self.mark_brushes[mark.level]
        return None if self.columns[column].is_typed else self.computed_brush

    def _foreground(self, row: int, column: int) -> QBrush | None:
        if column == self.result_column:
            return self.result_brushes.get(self.store.states[row], self.muted_brush)
        is_filled = self.columns[column].is_typed and not self.store.typed[column][row]
        return self.muted_brush if is_filled else None

    def _description(self, row: int, column: int) -> str | None:
        if column == self.result_column:
            return "\n".join(p.text for p in self.store.faults.of_row(row)) or None
        mark = self.store.faults.marks[column].get(row)
        return None if mark is None else mark.text

    # --- Changes, each one step ------------------------------------------------------------------

    def put(
        self,
        rows: Rows,
        blocks: dict[int, list[str]],
        title: str,
        grown: int = 0,
        pins: Pins | None = None,
    ) -> None:
        """Texts, already normal, into typed cells. Growing keeps some blank rows at the end."""
        assert not self.is_locked, "a locked sheet takes no texts"
        reached = max(rows, default=-1) + 1
        if grown or reached == len(self.store):
            grown += SPARE_ROWS
        self.steps.push(Write(self, title, rows, blocks, grown, pins))

    def insert_blank(self, row: int, count: int, title: str = "插入行") -> None:
        self.steps.push(Insert(self, title, self.store.blank_rows(row, count)))

    def insert_texts(
        self, row: int, texts: list[list[str]], title: str, pins: Pins | None = None
    ) -> None:
        """Rows with texts in every column (those of computed ones are blank)."""
        rows = range(row, row + len(texts[0]))
        taken = Taken(rows, self.store.new_ids(len(rows)), texts, pins or {})
        self.steps.push(Insert(self, title, taken))

    def remove(self, rows: Rows, title: str = "删除行") -> None:
        self.steps.push(Remove(self, title, rows))

    def load(self, columns: dict[str, list[str]]) -> None:
        """Replaces everything, and forgets the steps: texts by key, all of the same length."""
        count = len(next(iter(columns.values()), []))
        self.beginResetModel()
        self.view, self._places = None, None
        self.store = Store(self.store.business)
        blank = [""] * SPARE_ROWS
        texts = [
            columns[c.key] + blank
            if c.key in columns and c.is_typed
            else [""] * (count + SPARE_ROWS)
            for c in self.columns
        ]
        self.store.begin(texts)
        self.endResetModel()
        self.steps.clear()
        self.written = [self.store.ids[:]]
        self.rows_moved.emit()
        self.edited.emit(range(len(self.store)))

    # --- What the steps call; nothing else does ---------------------------------------------------

    def blank_rows(self, count: int) -> Taken:
        return self.store.blank_rows(len(self.store), count)

    def write(self, rows: Rows, blocks: dict[int, list[str]], pins: Pins) -> None:
        self.store.write(rows, blocks)
        for row, found in pins.items():
            self.store.faults.pin(row, found)
        self._note(rows)
        self._tell_cells(rows, min(blocks, default=0))
        self.edited.emit(rows)

    def unpin(self, rows: Rows, columns: Iterable[int]) -> Pins:
        if not self.store.faults.pinned:
            return {}
        keys = [self.columns[c].key for c in columns]
        taken = {row: self.store.faults.unpin(row, keys) for row in rows}
        return {row: found for row, found in taken.items() if found}

    def insert_rows(self, taken: Taken) -> None:
        first, last = taken.rows[0], taken.rows[-1]
        is_plain = self.view is None and last - first + 1 == len(taken.rows)
        self._change_rows(
            lambda: self.store.insert(taken),
            (lambda: self.beginInsertRows(NOWHERE, first, last)) if is_plain else None,
            self.endInsertRows,
        )
        if self.view is not None:
            self._show_inserted(taken.rows)
        self._note(taken.rows)
        self.rows_moved.emit()
        self.edited.emit(taken.rows)

    def remove_rows(self, rows: Rows) -> Taken:
        first, last = rows[0], rows[-1]
        if self.view is not None:
            gone = set(rows)
            self.set_view([row for row in self.view if row not in gone])
        is_plain = self.view is None and last - first + 1 == len(rows)
        taken = self._change_rows(
            lambda: self.store.remove(rows),
            (lambda: self.beginRemoveRows(NOWHERE, first, last)) if is_plain else None,
            self.endRemoveRows,
        )
        assert taken is not None
        if self.view is not None:
            self.view, self._places = [row - bisect_left(rows, row) for row in self.view], None
        self.rows_moved.emit()
        self.edited.emit(())
        return taken

    def _change_rows(
        self, change: Callable[[], Any], begin: Callable[[], None] | None, end: Callable[[], None]
    ) -> Any:
        """Runs of rows are told as such; scattered ones while nothing is sorted reset the model."""
        if begin is not None:
            begin()
        elif self.view is None:
            self.beginResetModel()
        outcome = change()
        if begin is not None:
            end()
        elif self.view is None:
            self.endResetModel()
        return outcome

    def _show_inserted(self, rows: Rows) -> None:
        """While sorted or filtered, new rows are shown after the row before them, or at the end."""
        assert self.view is not None
        shift = shift_for_insert(rows)
        moved = [shift(row) for row in self.view]
        at = moved.index(rows[0] - 1) + 1 if rows[0] - 1 in moved else len(moved)
        self.view, self._places = moved, None
        self.beginInsertRows(NOWHERE, at, at + len(rows) - 1)
        moved[at:at] = rows
        self.endInsertRows()

    def _note(self, rows: Rows) -> None:
        """For the draft: only copied now, taken apart when it is saved."""
        ids = self.store.ids
        is_run = isinstance(rows, range)
        self.written.append(
            ids[rows.start : rows.stop] if is_run else array("q", [ids[row] for row in rows])
        )
        if len(self.written) > WRITTEN_MAX:
            self.written = [array("q", set().union(*self.written))]

    def _tell_cells(self, rows: Rows, left: int) -> None:
        places = (
            rows if self.view is None else [p for r in rows if (p := self.place_of(r)) is not None]
        )
        if len(places):
            top, bottom = (
                (places[0], places[-1]) if isinstance(places, range) else (min(places), max(places))
            )
            self.dataChanged.emit(self.index(top, left), self.index(bottom, self.result_column))

    # --- Problems --------------------------------------------------------------------------------

    def tell_rows(self, rows: Iterable[int]) -> None:
        """Their results or marks changed."""
        self._tell_cells(list(rows), 0)
        self.marked.emit()

    def put_pins(self, pins: dict[int, list[Problem]]) -> None:
        """Problems that stay until their cell is edited: what the server answered."""
        for row, found in pins.items():
            self.store.faults.pin(row, found)
            self.store.set_state(row)
        self.tell_rows(pins)
