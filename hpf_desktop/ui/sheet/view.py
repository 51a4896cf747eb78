"""The sheet's view: moves, selects and edits as hands trained on Excel do; columns can stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.grid import Grid
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.pinned import PinnedGrid
from hpf_desktop.ui.theme import scaled

Select = QItemSelectionModel.SelectionFlag
Key = Qt.Key
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
RESULT_WIDTH, RESULT_WIDTH_MIN = 260, 120
RESULT_SHARE = 4  # The results take at most a quarter of the sheet: the rest is for typing.
ARROWS = {Key.Key_Up: (-1, 0), Key.Key_Down: (1, 0), Key.Key_Left: (0, -1), Key.Key_Right: (0, 1)}


class SheetView(Grid):
    """What the operator types into. ``fill_asked`` carries the text for all selected cells."""

    fill_asked = Signal(str)
    clear_asked = Signal()
    row_asked = Signal()  # Enter on the last row: one more is wanted

    def __init__(
        self, model: SheetModel, colours: SheetColours, parent: QWidget | None = None
    ) -> None:
        self.frozen: PinnedGrid | None = None
        self.results: PinnedGrid | None = None
        self.frozen_count = 0
        self._is_fitting = False
        self._result_width = RESULT_WIDTH  # as wanted; a narrow sheet shows less of it
        super().__init__(model, colours, parent)
        self.setObjectName("sheet")
        self.setAccessibleName("业务明细表")
        self.setModel(model)
        self.frozen = PinnedGrid(self, model, colours, "frozen_grid", is_right=False)
        self.results = PinnedGrid(self, model, colours, "result_grid", is_right=True)
        self._join()
        for number, column in enumerate(model.columns):
            self.setColumnWidth(number, column.field.width)
        self.setColumnWidth(model.result_column, RESULT_WIDTH)
        self.verticalHeader().setFixedWidth(46)
        self.freeze(0)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """This view and those over its edges."""
        return (self, *(grid for grid in (self.frozen, self.results) if grid is not None))

    def _join(self) -> None:
        self.horizontalHeader().sectionResized.connect(self._column_resized)
        self.horizontalHeader().sectionMoved.connect(self._column_moved)
        for grid in self.grids:
            grid.delegate.left.connect(self._editor_left)
            if isinstance(grid, PinnedGrid):
                resized = grid.horizontalHeader().sectionResized
                resized.connect(
                    lambda column, _, new, grid=grid: self._pinned_resized(grid, column, new)
                )

    def set_colours(self, colours: SheetColours) -> None:
        super().set_colours(colours)
        # Plain to see: an amount that goes on under the edge must not look like a smaller one.
        self.edge_pen = QPen(QColor(colours.muted), 2)
        for grid in self.grids[1:]:
            grid.set_colours(colours)

    # --- Columns that stay -----------------------------------------------------------------------

    def freeze(self, count: int) -> None:
        """Keeps the first ``count`` columns in sight while the rest scrolls."""
        self.frozen_count = count
        assert self.frozen is not None
        self.frozen.show_columns(set(range(count)))
        self.frozen.setVisible(count > 0)
        self._show_results()
        self._place_pinned()

    @property
    def pins_result(self) -> bool:
        """Always in sight at the right edge, unless the operator hid it or put it elsewhere."""
        result = self.sheet.result_column
        is_last = self.horizontalHeader().visualIndex(result) == result
        return is_last and self.frozen_count <= result and not self.isColumnHidden(result)

    def _show_results(self) -> None:
        assert self.results is not None
        self.results.show_columns({self.sheet.result_column})
        self.results.setVisible(self.pins_result)

    def is_pinned(self, column: int) -> bool:
        is_result = column == self.sheet.result_column and self.results is not None
        return column < self.frozen_count or (is_result and self.pins_result)

    def shows_column(self, column: int) -> bool:
        return not self.is_pinned(column) and super().shows_column(column)

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
        bar = self.horizontalScrollBar()
        before = bar.value()
        super().scrollTo(index, hint)
        if self.is_pinned(index.column()):
            bar.setValue(before)
            return
        if self.pins_result:
            bar.setValue(bar.value() + max(0, self.visualRect(index).right() - self._result_x()))
        covered = self._frozen_width() - self.visualRect(index).left()
        if self.frozen_count and covered > 0:
            bar.setValue(bar.value() - covered)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The current cell stays in sight, as when the problem list opens under the sheet."""
        current = self.currentIndex()
        rect = self.visualRect(current)
        was_seen = current.isValid() and 0 <= rect.top() < event.oldSize().height()
        super().resizeEvent(event)
        self._fit_result()
        self._place_pinned()
        if was_seen:
            self.scrollTo(current)

    def updateGeometries(self) -> None:  # noqa: N802
        super().updateGeometries()
        self._place_pinned()

    def seen(self) -> tuple[int, int]:
        """Between the columns that stay."""
        left = self._frozen_width() if self.frozen is not None else 0
        is_pinned = self.results is not None and self.pins_result
        return left, self._result_x() if is_pinned else self.viewport().width()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Sideways nothing can be moved as it stands: what an edge covers is drawn anew."""
        super().scrollContentsBy(dx, dy)
        if dx:
            self.viewport().update()
            self.horizontalHeader().viewport().update()

    def _frozen_width(self) -> int:
        return sum(self.columnWidth(c) for c in range(self.frozen_count))

    def _result_x(self) -> int:
        """Over the main view's own last column once that is scrolled to, or all columns fit."""
        result = self.sheet.result_column
        at_edge = self.viewport().width() - self.columnWidth(result)
        return min(at_edge, self.columnViewportPosition(result))

    def _fit_result(self) -> None:
        """Narrower where that lets all the other columns be seen whole."""
        whole = self.viewport().width()
        width = min(self._result_width, whole // RESULT_SHARE)
        room = whole - sum(self.columnWidth(column) for column in range(self.sheet.result_column))
        if scaled(RESULT_WIDTH_MIN) <= room < width:
            width = room
        self._is_fitting = True
        self.setColumnWidth(self.sheet.result_column, width)
        self._is_fitting = False

    def _place_pinned(self) -> None:
        if self.frozen is not None and self.frozen_count:
            self.frozen.place(0, self._frozen_width())
        if self.results is not None and self.pins_result:
            self.results.place(self._result_x(), self.columnWidth(self.sheet.result_column))

    def _column_resized(self, column: int, old: int, new: int) -> None:
        if column == self.sheet.result_column and new and not self._is_fitting:
            self._result_width = new
        for grid in self.grids[1:]:
            if not grid.isColumnHidden(column) and grid.columnWidth(column) != new:
                grid.setColumnWidth(column, new)
        self._place_pinned()

    def _column_moved(self, column: int, old: int, new: int) -> None:
        """Columns that stay are the first ones; once moved, none of them stays."""
        self.freeze(0 if min(old, new) < self.frozen_count else self.frozen_count)

    def _pinned_resized(self, grid: PinnedGrid, column: int, new: int) -> None:
        if new and not grid.isColumnHidden(column) and self.columnWidth(column) != new:
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
        columns = [c for c in self.shown_columns() if self.sheet.is_tab_stop(c)]
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
            {i.left() for i in self.ranges()}, {i.right() for i in self.ranges()}, False
        )

    def select_rows(self) -> None:
        self._select_all_of(
            {i.top() for i in self.ranges()}, {i.bottom() for i in self.ranges()}, True
        )

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

    def select_block(self, places: range, columns: Sequence[int]) -> None:
        """The current cell is the first one; nothing scrolls."""
        last = min(places[-1], self.sheet.rowCount() - 1)
        block = QItemSelection()
        first = columns[0]
        for column, after in zip(columns, [*columns[1:], None], strict=True):
            if after != column + 1:  # Columns that were moved apart make a block each.
                block.select(self.sheet.index(places[0], first), self.sheet.index(last, column))
                first = after
        selection = self.selectionModel()
        selection.setCurrentIndex(self.sheet.index(places[0], columns[0]), Select.NoUpdate)
        selection.select(block, Select.ClearAndSelect)


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
