"""The sheet's view: moves, selects and edits as hands trained on Excel do; columns can stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.grid import Grid
from hpf_desktop.ui.sheet.model import SheetModel

Select = QItemSelectionModel.SelectionFlag
Key = Qt.Key
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
RESULT_WIDTH = 260
ARROWS = {Key.Key_Up: (-1, 0), Key.Key_Down: (1, 0), Key.Key_Left: (0, -1), Key.Key_Right: (0, 1)}


class FrozenGrid(Grid):
    """The columns that stay in sight: a second view on the same model and selection.

    The keys stay with the main view, so this one has no accessible name and no focus of its own.
    """

    def __init__(self, main: SheetView, model: SheetModel, colours: SheetColours) -> None:
        super().__init__(model, colours, main)
        self.main = main
        self.setObjectName("frozen_grid")
        self.setFrameShape(Grid.Shape.NoFrame)
        # With no policy at all the focus would go astray when an editor over this view closes.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(main)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionsMovable(False)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        self.main.wheelEvent(event)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        painter.setPen(self.main.edge_pen)
        x = self.viewport().width() - 1
        painter.drawLine(x, event.rect().top(), x, event.rect().bottom())


class SheetView(Grid):
    """What the operator types into. ``fill_asked`` carries the text for all selected cells."""

    fill_asked = Signal(str)
    clear_asked = Signal()
    row_asked = Signal()  # Enter on the last row: one more is wanted

    def __init__(
        self, model: SheetModel, colours: SheetColours, parent: QWidget | None = None
    ) -> None:
        self.frozen: FrozenGrid | None = None
        self.frozen_count = 0
        super().__init__(model, colours, parent)
        self.setObjectName("sheet")
        self.setAccessibleName("业务明细表")
        self.setModel(model)
        self.frozen = FrozenGrid(self, model, colours)
        self.frozen.setModel(model)
        self.frozen.setSelectionModel(self.selectionModel())
        self._join()
        for number, column in enumerate(model.columns):
            self.setColumnWidth(number, column.field.width)
        self.setColumnWidth(model.result_column, RESULT_WIDTH)
        self.verticalHeader().setFixedWidth(46)

    def _join(self) -> None:
        frozen = self.frozen
        assert frozen is not None
        self.verticalScrollBar().valueChanged.connect(frozen.verticalScrollBar().setValue)
        frozen.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        self.horizontalHeader().sectionResized.connect(self._column_resized)
        frozen.horizontalHeader().sectionResized.connect(self._frozen_resized)
        self.horizontalHeader().sectionMoved.connect(self._column_moved)
        self.delegate.left.connect(self._editor_left)
        frozen.delegate.left.connect(self._editor_left)
        frozen.fill_dragged.connect(self.fill_dragged)

    def set_colours(self, colours: SheetColours) -> None:
        super().set_colours(colours)
        self.edge_pen = self.grid_pen.__class__(self.grid_pen)
        self.edge_pen.setColor(self.grid_pen.color().darker(118))
        if self.frozen is not None:
            self.frozen.set_colours(colours)

    # --- Columns that stay -----------------------------------------------------------------------

    def freeze(self, count: int) -> None:
        """Keeps the first ``count`` columns in sight while the rest scrolls."""
        self.frozen_count = count
        assert self.frozen is not None
        for column in range(self.sheet.columnCount()):
            self.frozen.setColumnHidden(column, column >= count or self.isColumnHidden(column))
            self.frozen.setColumnWidth(column, self.columnWidth(column))
        self.frozen.setVisible(count > 0)
        self._place_frozen()

    def shows_column(self, column: int) -> bool:
        return column >= self.frozen_count and super().shows_column(column)

    def hide_columns(self, columns: Iterable[int], is_hidden: bool = True) -> None:
        for column in columns:
            self.setColumnHidden(column, is_hidden)
        self.freeze(self.frozen_count)

    def edit(self, index: Any, *how: Any) -> Any:
        """An editor in a column that stays must open over it, not under."""
        if self.frozen is not None and how and index.column() < self.frozen_count:
            return self.frozen.edit(index, *how)
        return super().edit(index, *how)

    def scrollTo(self, index: Any, hint: Any = Grid.ScrollHint.EnsureVisible) -> None:  # noqa: N802
        """Qt would bring a cell just under the columns that stay."""
        if index.column() < self.frozen_count:
            column = self.horizontalScrollBar().value()
            super().scrollTo(index, hint)
            self.horizontalScrollBar().setValue(column)
            return
        super().scrollTo(index, hint)
        covered = self._frozen_width() - self.visualRect(index).left()
        if self.frozen_count and covered > 0:
            self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - covered)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place_frozen()

    def updateGeometries(self) -> None:  # noqa: N802
        super().updateGeometries()
        self._place_frozen()

    def _frozen_width(self) -> int:
        return sum(self.columnWidth(c) for c in range(self.frozen_count))

    def _place_frozen(self) -> None:
        if self.frozen is None or not self.frozen_count:
            return
        frame, header = self.frameWidth(), self.horizontalHeader().height()
        self.frozen.horizontalHeader().setFixedHeight(header)
        self.frozen.setGeometry(
            self.verticalHeader().width() + frame,
            frame,
            self._frozen_width(),
            header + self.viewport().height(),
        )

    def _column_resized(self, column: int, old: int, new: int) -> None:
        if self.frozen is not None and self.frozen.columnWidth(column) != new:
            self.frozen.setColumnWidth(column, new)
        self._place_frozen()

    def _column_moved(self, column: int, old: int, new: int) -> None:
        """Columns that stay are the first ones; once moved, none of them stays."""
        if min(old, new) < self.frozen_count:
            self.freeze(0)

    def _frozen_resized(self, column: int, old: int, new: int) -> None:
        if column < self.frozen_count and new and self.columnWidth(column) != new:
            self.setColumnWidth(column, new)

    # --- Moving ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not self._take_key(event):
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802
        """Typing on a read-only cell must not jump elsewhere."""

    def _take_key(self, event: QKeyEvent) -> bool:
        """The keys that Excel and a plain table view disagree on."""
        key, keys = Key(event.key()), event.modifiers()
        is_ctrl, is_shift = bool(keys & CTRL), bool(keys & SHIFT)
        if keys & ALT:
            return False
        if key in (Key.Key_Return, Key.Key_Enter) and not is_ctrl:
            self._step("up" if is_shift else "down")
        elif key in (Key.Key_Tab, Key.Key_Backtab):
            self._step("left" if is_shift or key == Key.Key_Backtab else "right")
        elif key in ARROWS and is_ctrl:
            self._jump(*ARROWS[key], is_shift)
        elif key in (Key.Key_Home, Key.Key_End):
            self._go_to_edge(key == Key.Key_Home, is_ctrl, is_shift)
        elif key in (Key.Key_Delete, Key.Key_Backspace) and not is_ctrl:
            self.clear_asked.emit()
        elif key == Key.Key_Space and is_ctrl:
            self.select_columns()
        elif key == Key.Key_Space and is_shift:
            self.select_rows()
        else:
            return False
        return True

    def go_to(self, place: int, column: int, is_extending: bool = False) -> None:
        index = self.sheet.index(place, column)
        if is_extending:
            self._extend_to(index)
        else:
            # Not self.setCurrentIndex: that one looks whether Shift or Ctrl is held down.
            self.selectionModel().setCurrentIndex(index, Select.ClearAndSelect)
        self.scrollTo(index)

    def _extend_to(self, index: QModelIndex) -> None:
        """Shift keeps the corner where the selection began."""
        block, current = self.only_range(), self.currentIndex()
        if block is None or not block.contains(current):
            anchor = current
        else:
            top = block.bottom() if current.row() == block.top() else block.top()
            left = block.right() if current.column() == block.left() else block.left()
            anchor = self.sheet.index(top, left)
        self.selectionModel().setCurrentIndex(index, Select.NoUpdate)
        self.selectionModel().select(QItemSelection(anchor, index), Select.ClearAndSelect)

    def _editor_left(self, way: str, text: str) -> None:
        if way == "fill":
            self.fill_asked.emit(text)
        elif way != "stay":
            self._step(way)

    def _step(self, way: str) -> None:
        """Enter goes down, Tab to the next cell to type into, then to the next row's first."""
        current = self.currentIndex()
        if not current.isValid():
            return
        if way in ("down", "up"):
            place = current.row() + (1 if way == "down" else -1)
            if place == self.sheet.rowCount() and not self.sheet.is_locked:
                self.row_asked.emit()
            if 0 <= place < self.sheet.rowCount():
                self.go_to(place, current.column())
            return
        self._tab(1 if way == "right" else -1)

    def _tab(self, sign: int) -> None:
        current = self.currentIndex()
        columns = [c for c in self.shown_columns() if self.sheet.is_editable(c)]
        if not columns:
            return
        header = self.horizontalHeader()
        here = header.visualIndex(current.column())
        ahead = [c for c in columns if (header.visualIndex(c) - here) * sign > 0]
        if ahead:
            self.go_to(current.row(), ahead[0] if sign > 0 else ahead[-1])
            return
        place = current.row() + sign
        if place == self.sheet.rowCount():
            self.row_asked.emit()
        if 0 <= place < self.sheet.rowCount():
            self.go_to(place, columns[0] if sign > 0 else columns[-1])

    def shown_columns(self) -> list[int]:
        """Logical columns in the order of the screen."""
        header = self.horizontalHeader()
        every = (header.logicalIndex(visual) for visual in range(header.count()))
        return [column for column in every if not self.isColumnHidden(column)]

    def _jump(self, down: int, right: int, is_extending: bool) -> None:
        """To the edge of the filled cells, as Ctrl and an arrow do everywhere."""
        current = self.currentIndex()
        columns = self.shown_columns()
        if not current.isValid() or not columns:
            return
        if down:
            place = edge(
                lambda at: bool(self.sheet.text(at, current.column())),
                current.row(),
                down,
                self.sheet.rowCount(),
            )
            self.go_to(place, current.column(), is_extending)
        else:
            at = edge(
                lambda at: bool(self.sheet.text(current.row(), columns[at])),
                columns.index(current.column()),
                right,
                len(columns),
            )
            self.go_to(current.row(), columns[at], is_extending)

    def _go_to_edge(self, is_home: bool, is_whole: bool, is_extending: bool) -> None:
        columns, current = self.shown_columns(), self.currentIndex()
        if not columns or not current.isValid():
            return
        column = columns[0] if is_home else columns[-1]
        place = current.row()
        if is_whole:
            place = 0 if is_home else self._last_place()
        self.go_to(place, column, is_extending)

    def _last_place(self) -> int:
        """The last row with anything in it."""
        for place in range(self.sheet.rowCount() - 1, 0, -1):
            if self.sheet.store.states[self.sheet.row_at(place)]:
                return place
        return 0

    # --- Selecting -------------------------------------------------------------------------------

    def select_columns(self) -> None:
        self._select_all_of(
            {i.left() for i in self._ranges()}, {i.right() for i in self._ranges()}, False
        )

    def select_rows(self) -> None:
        self._select_all_of(
            {i.top() for i in self._ranges()}, {i.bottom() for i in self._ranges()}, True
        )

    def _ranges(self) -> list[Any]:
        selection = self.selectionModel().selection()
        return [selection.at(n) for n in range(selection.count())]

    def _select_all_of(self, firsts: set[int], lasts: set[int], is_rows: bool) -> None:
        if not firsts:
            return
        first, last = min(firsts), max(lasts)
        model = self.sheet
        if is_rows:
            start, end = model.index(first, 0), model.index(last, model.columnCount() - 1)
        else:
            start, end = model.index(0, first), model.index(model.rowCount() - 1, last)
        self.selectionModel().select(QItemSelection(start, end), Select.ClearAndSelect)

    def selected_places(self) -> range | list[int]:
        """Places with a selected cell, ascending."""
        ranges = self._ranges()
        if len(ranges) == 1:
            return range(ranges[0].top(), ranges[0].bottom() + 1)
        places: set[int] = set()
        for block in ranges:
            places.update(range(block.top(), block.bottom() + 1))
        return sorted(places)

    def selected_blocks(self) -> list[tuple[range, list[int]]]:
        """(places, columns) of each selected block; hidden columns are left out."""
        shown = set(self.shown_columns())
        return [
            (
                range(block.top(), block.bottom() + 1),
                [c for c in range(block.left(), block.right() + 1) if c in shown],
            )
            for block in self._ranges()
        ]


def edge(is_full: Callable[[int], bool], at: int, sign: int, count: int) -> int:
    """From a filled cell to the last filled one; from an edge or a blank to the next filled one."""
    end = count - 1 if sign > 0 else 0
    if at == end:
        return at
    is_running = is_full(at) and is_full(at + sign)
    at += sign
    while at != end:
        if is_running and not is_full(at + sign):
            return at
        if not is_running and is_full(at):
            return at
        at += sign
    return at
