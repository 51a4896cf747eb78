"""Joins the sheet's parts: what each command does, and what follows a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QMenu
from shiboken6 import isValid

from hpf_desktop.ui.sheet import edits
from hpf_desktop.ui.sheet.arrange import matching_rows, problem_rows, sorted_rows
from hpf_desktop.ui.sheet.commands import CELL_MENU, HEADER_MENU
from hpf_desktop.ui.sheet.faults import ERROR
from hpf_desktop.ui.sheet.find import Hit, replace_hits
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.solving import show_step, take_step
from hpf_desktop.ui.sheet.store import BLANK
from hpf_desktop.ui.sheet.summary import selection_words
from server.business.refusals import Problem

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.sheet import Sheet

SETTLE_MS = 60  # After the last change of the selection, before it is summed.
SEARCH_MS = 200


class Arrangement:
    """Sort, search and 仅看错误 together make the view list."""

    def __init__(self, model: SheetModel) -> None:
        self.model = model
        self.clear()

    def clear(self) -> None:
        self.query = ""
        self.only_problems = False
        self.sort: tuple[int, bool] | None = None

    def apply(self) -> None:
        store = self.model.store
        rows: list[int] | None = None
        if self.query.strip():
            rows = matching_rows(store, self.query)
        if self.only_problems:
            faulty = problem_rows(store)
            rows = faulty if rows is None else sorted(set(rows) & set(faulty))
        if self.sort is not None:
            rows = sorted_rows(store, *self.sort, rows)
        self.model.set_view(rows)


class Watch(QObject):
    """What follows by itself: status line, note under the cell, counts, names of steps."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(sheet)
        self.sheet = sheet
        self.selection_words = ""
        self._words: Iterator[str] = iter(())
        self._settle = _once(self, SETTLE_MS, self._begin_words)
        self._bite = _once(self, 0, self._count_on)
        self._search = _once(self, SEARCH_MS, self._searched)
        selection = sheet.view.selectionModel()
        selection.selectionChanged.connect(lambda *_: self._settle.start())
        selection.currentChanged.connect(lambda *_: self.show_callout())
        sheet.model.marked.connect(self.problems_changed)
        sheet.model.rows_moved.connect(self.problems_changed)
        sheet.model.edited.connect(self._count_anew)
        sheet.model.rows_moved.connect(self._count_anew)
        sheet.model.steps.indexChanged.connect(lambda _: self.show_steps())
        sheet.toolbar.searched.connect(lambda _: self._search.start())

    def show_status(self) -> None:
        sheet = self.sheet
        errors, hints = sheet.counts()
        parts = [f"共 {sheet.row_count:,} 行", f"错误 {errors:,}　提示 {hints:,}"]
        if sheet.model.view is not None:
            parts.append(f"显示 {sheet.model.rowCount():,} 行")
        if self.selection_words:
            parts.append(self.selection_words)
        sheet.status_changed.emit("　　".join(parts))

    def problems_changed(self) -> None:
        errors, hints = self.sheet.counts()
        self.sheet.problem_counts_changed.emit(errors, hints)
        words = f"仅看错误 ({errors + hints:,})" if errors + hints else "仅看错误"
        self.sheet.commands["only_problems"].setText(words)
        self.sheet.commands["only_problems"].setIconText(words)
        self.sheet.problem_list.mark_stale()
        self.show_status()
        self.show_callout()

    def show_callout(self) -> None:
        model, index = self.sheet.model, self.sheet.view.currentIndex()
        mark = None
        if index.isValid() and index.column() != model.result_column:
            mark = model.store.faults.marks[index.column()].get(model.row_at(index.row()))
        self.sheet.callout.show_mark(mark, show_step(self.sheet))

    def show_steps(self) -> None:
        """The menu names the step that would be undone."""
        steps, commands = self.sheet.model.steps, self.sheet.commands
        if not isValid(steps):
            return  # The window is going; the stack says so by clearing itself.
        for name, word, can, text in (
            ("undo", "撤销", steps.canUndo(), steps.undoText()),
            ("redo", "重做", steps.canRedo(), steps.redoText()),
        ):
            commands[name].setText(f"{word} {text}".rstrip())
            commands[name].setIconText(word)
            commands[name].setEnabled(can and not self.sheet.is_locked)

    def go_to_problem(self, sign: int) -> bool:
        """Errors first; hints only once there is no error left."""
        sheet, model = self.sheet, self.sheet.model
        cells = model.store.faults.cells(model.place_of)
        worst = [cell for cell in cells if cell[2] == ERROR] or cells
        if not worst:
            return False
        current = sheet.view.currentIndex()
        here = (current.row(), current.column())
        if sign > 0:
            ahead = [cell for cell in worst if cell[:2] > here]
            place, column, _ = (ahead or worst)[0]
        else:
            behind = [cell for cell in worst if cell[:2] < here]
            place, column, _ = (behind or worst)[-1]
        sheet.view.go_to(place, column)
        self.show_callout()
        return True

    def go_to_listed(self, problem: Problem) -> None:
        """A problem of the list; a row that is filtered away is brought back."""
        sheet, model = self.sheet, self.sheet.model
        assert problem.row is not None
        if model.place_of(problem.row) is None:
            sheet.toolbar.search.clear()
            sheet.commands["only_problems"].setChecked(False)
            sheet.arrangement.query = ""
            sheet.arrangement.apply()
        place = model.place_of(problem.row)
        if place is not None:
            sheet.view.go_to(place, model.store.faults.column(problem))
            sheet.view.setFocus()

    def _count_anew(self) -> None:
        """Rows may be gone: what was being counted is dropped."""
        self._words = iter(())
        self._settle.start()

    def _begin_words(self) -> None:
        self._words = selection_words(self.sheet.model, self.sheet.view.selected_blocks())
        self._count_on()

    def _count_on(self) -> None:
        words = next(self._words, None)
        if words is None:
            return
        self.selection_words = words
        if words:
            self.show_status()
            return
        self.show_status()
        self._bite.start()

    def _searched(self) -> None:
        self.sheet.arrangement.query = self.sheet.toolbar.search.text()
        self.sheet.arrangement.apply()
        self.show_status()


def connect_commands(sheet: Sheet) -> None:
    """Each command's one line."""
    view, model, watch = sheet.view, sheet.model, sheet.watch
    blocks, places = view.selected_blocks, view.selected_places

    does = {
        "import_rows": sheet.files.ask_import,
        "template": sheet.files.ask_template,
        "error_report": sheet.files.ask_report,
        "export": sheet.files.ask_export,
        "undo": model.steps.undo,
        "redo": model.steps.redo,
        "cut": sheet.transfer.cut,
        "copy": sheet.transfer.copy,
        "paste": sheet.transfer.paste,
        "delete_cells": lambda: edits.clear(model, blocks()),
        "fill_down": lambda: edits.fill_down(model, blocks()),
        "fill_right": lambda: edits.fill_right(model, blocks()),
        "insert_row": lambda: edits.insert_rows(model, places()),
        "delete_rows": lambda: edits.delete_rows(model, places()),
        "duplicate_rows": lambda: edits.duplicate_rows(model, places()),
        "select_column": view.select_columns,
        "select_row": view.select_rows,
        "find": lambda: sheet.find_bar.open(False, _short_text(sheet)),
        "replace": lambda: sheet.find_bar.open(True, _short_text(sheet)),
        "filter": sheet.toolbar.search.setFocus,
        "sort_up": lambda: _sort(sheet, False),
        "sort_down": lambda: _sort(sheet, True),
        "sort_none": lambda: _unsort(sheet),
        "next_problem": sheet.next_problem,
        "previous_problem": sheet.previous_problem,
        "check": lambda: _check_anew(sheet),
        "solve": lambda: take_step(sheet),
        "freeze": lambda: view.freeze(view.currentIndex().column() + 1),
        "unfreeze": lambda: view.freeze(0),
        "hide_column": lambda: view.hide_columns({c for _, cs in blocks() for c in cs}),
        "show_columns": lambda: view.hide_columns(range(model.columnCount()), False),
    }
    for name, action in sheet.commands.items():
        if name in does:
            action.triggered.connect(lambda _=False, do=does[name]: do())
    sheet.commands["only_problems"].toggled.connect(lambda on: _show_only_problems(sheet, on))
    sheet.commands["problem_list"].toggled.connect(sheet.problem_list.setVisible)
    sheet.problem_list.closed.connect(lambda: sheet.commands["problem_list"].setChecked(False))
    sheet.problem_list.chosen.connect(watch.go_to_listed)
    sheet.problem_list.solve_asked.connect(sheet.solve_asked)
    _connect_view(sheet)
    _connect_find(sheet)
    watch.show_steps()


def _connect_view(sheet: Sheet) -> None:
    view, model = sheet.view, sheet.model
    view.fill_asked.connect(lambda text: edits.fill_text(model, view.selected_blocks(), text))
    view.clear_asked.connect(lambda: edits.clear(model, view.selected_blocks()))
    view.row_asked.connect(lambda: model.insert_blank(len(model.store), 1))
    view.fill_dragged.connect(
        lambda block, to: edits.fill_series(
            model,
            (
                range(block.top(), block.bottom() + 1),
                [c for c in view.shown_columns() if block.left() <= c <= block.right()],
            ),
            to,
        )
    )
    for grid in view.grids:
        for widget, names in ((grid, CELL_MENU), (grid.horizontalHeader(), HEADER_MENU)):
            widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            widget.customContextMenuRequested.connect(
                lambda place, widget=widget, names=names: _show_menu(sheet, widget, names, place)
            )


def _connect_find(sheet: Sheet) -> None:
    bar, view, model = sheet.find_bar, sheet.view, sheet.model
    bar.go_to.connect(lambda hit: view.go_to(hit.place, hit.column))
    bar.closed.connect(view.setFocus)
    bar.replace_all.clicked.connect(lambda: _replace(sheet, bar.hits))
    bar.replace_one.clicked.connect(lambda: _replace_one(sheet))
    model.edited.connect(lambda *_: bar.look() if bar.isVisible() else None)


def _show_menu(sheet: Sheet, widget: object, names: tuple[str | None, ...], place: QPoint) -> None:
    menu = QMenu(sheet)
    for name in names:
        if name is None:
            menu.addSeparator()
        else:
            menu.addAction(sheet.commands[name])
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.popup(widget.mapToGlobal(place))  # type: ignore[attr-defined]


def _sort(sheet: Sheet, is_down: bool) -> None:
    column = sheet.view.currentIndex().column()
    if column >= 0:
        sheet.arrangement.sort = (column, is_down)
        sheet.arrangement.apply()
        order = Qt.SortOrder.DescendingOrder if is_down else Qt.SortOrder.AscendingOrder
        _show_order(sheet, column, order)


def _unsort(sheet: Sheet) -> None:
    sheet.arrangement.sort = None
    sheet.arrangement.apply()
    _show_order(sheet, -1, Qt.SortOrder.AscendingOrder)


def _show_order(sheet: Sheet, column: int, order: Qt.SortOrder) -> None:
    for grid in sheet.view.grids:
        header = grid.horizontalHeader()
        header.setSortIndicatorShown(column >= 0)
        header.setSortIndicator(column, order)
    sheet.watch.show_status()


def _show_only_problems(sheet: Sheet, is_on: bool) -> None:
    sheet.arrangement.only_problems = is_on
    sheet.arrangement.apply()
    sheet.watch.show_status()


def _check_anew(sheet: Sheet) -> None:
    if sheet.checker.facts is not None:
        sheet.checker.set_facts(sheet.checker.facts)
        sheet.check_all(
            lambda errors, hints: sheet.told.emit(f"校验完成：错误 {errors}，提示 {hints}")
        )


def _replace(sheet: Sheet, hits: list[Hit]) -> None:
    bar = sheet.find_bar
    count = replace_hits(sheet.model, bar.sought, bar.new_edit.text(), hits)
    left = len(hits) - count
    sheet.told.emit(f"替换 {count} 处" + (f"；{left} 处在只读列，没有替换" if left else ""))
    bar.look()


def _replace_one(sheet: Sheet) -> None:
    bar = sheet.find_bar
    hit = bar.current
    if hit is None:
        bar.step(1)
        return
    _replace(sheet, [hit])
    bar.step(1)


def _short_text(sheet: Sheet) -> str:
    """The current cell's text, as a start for the search."""
    index, model = sheet.view.currentIndex(), sheet.model
    if not index.isValid() or model.store.states[model.row_at(index.row())] == BLANK:
        return ""
    return model.text(index.row(), index.column())[:60]


def _once(parent: QObject, wait_ms: int, do: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(wait_ms)
    timer.timeout.connect(do)
    return timer
