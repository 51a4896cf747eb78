"""Any query: search fields, rows that load while one scrolls, totals, details, export, print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import query_file
from hpf_desktop.answers import Page as Rows
from hpf_desktop.query_file import Asked
from hpf_desktop.ui.document_view import DocumentDialog, DocumentView
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.page import Desk, Menus, Page, button
from hpf_desktop.ui.person_offers import PersonOffers
from hpf_desktop.ui.proportion import Proportion
from hpf_desktop.ui.query_model import QueryModel, shown
from hpf_desktop.ui.totals_row import TotalsRow
from hpf_desktop.ui.whole_cells import WholeCells
from server.business.check import parse_cell
from server.business.kinds import Choice
from server.business.query import PARENT, Query, check_ranges
from server.business.refusals import problem

PAGE_ROWS = 200
COLUMN_AIR = 10
ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
UNSORTED = -1
LOOKUP_EDITOR = "lookup"
FILES = "表格 (*.xlsx);;CSV (*.csv)"


class QueryPage(Page):
    """``parent_key`` is given to a query that was reached from a row of another one; the way back
    is Esc or, in its list, Backspace. Elsewhere the search fields are as they were last used."""

    table_kind: type[QTableView] = QTableView

    def __init__(
        self,
        desk: Desk,
        query: Query,
        parent_key: str = "",
        suffix: str = "",
        filters: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        title = f"{query.label} {suffix}".strip()
        super().__init__(desk, title, query.code if query.menu else "queries", parent)
        self.setObjectName(f"query_{query.code}")
        self.query, self._parent_key = query, parent_key
        self.filters = FieldForm([f.field for f in query.filters if f.field.key != PARENT], 3, self)
        self._offers = [
            PersonOffers(self.filters.editor(field.key), lambda: self.desk.facts.persons)
            for field in self.filters.fields
            if field.kind.editor == LOOKUP_EDITOR
        ]
        self.filters.set_texts(filters or ({} if parent_key else desk.searched.get(query.code, {})))
        self.model = QueryModel(query.columns)
        self.model.more_asked.connect(self._load_more)
        self._is_loading = self._is_writing = self._is_old = self._has_started = False
        self._sorted: tuple[int, Qt.SortOrder] = (UNSORTED, ASCENDING)
        self._column = 0  # where one is in the rows, over a new search
        self.table = self._make_table()
        widths = [field.width for field in query.columns]
        proportion = Proportion(self.table, widths, COLUMN_AIR)
        self.totals = TotalsRow(self.table, query.columns, self)
        self.totals.fit(proportion.row_height)
        proportion.fitted.connect(self.totals.fit)
        self.count = QLabel(objectName="row_count")
        self._lay_out()

    # --- Building ---

    def _lay_out(self) -> None:
        find = button("查询", "find", self.find, is_primary=True)
        find.setAutoDefault(True)
        self._make_actions()
        tools = QHBoxLayout()
        tools.addWidget(find)
        if self.filters.fields:
            tools.addWidget(button("清空条件", "clear_filters", self._clear_filters))
        if self.query.drill:
            tools.addWidget(button("明细", "drill", self.drill))
        tools.addWidget(button("导出表格…", "export_button", self.ask_export))
        if not self.query.is_receipts:
            tools.addWidget(button("打印…", "print_button", self.print_list))
        if self._parent_key:
            tools.addWidget(button("返回", "back_button", self.back_asked.emit))
        tools.addStretch()
        tools.addWidget(self.count)
        self.column.addWidget(self.filters)
        self.column.addLayout(tools)
        self.column.addWidget(self.body(), 1)

    def _make_actions(self) -> None:
        self._export_action = self.command("导出表格…", "export", self.ask_export, "Ctrl+E")
        self._file_actions = [self._export_action]
        if not self.query.is_receipts:  # There one prints receipts.
            print_list = self.command("打印…", "print_list", self.print_list, "Ctrl+P")
            self._file_actions.append(print_list)
        self.command("返回", "back", self._leave, "Esc")
        here = Qt.ShortcutContext.WidgetWithChildrenShortcut
        self._table_actions = [
            self.command("复制", "copy_rows", self.copy_rows),
            self.command(
                "按当前列升序", "sort_up", partial(self._sort_current, ASCENDING), "Alt+Up"
            ),
            self.command(
                "按当前列降序", "sort_down", partial(self._sort_current, DESCENDING), "Alt+Down"
            ),
            self.command("不排序", "unsort", partial(self.sort_by, UNSORTED, ASCENDING)),
            self.command("返回上一级", "back_from_rows", self.back_asked.emit, "Backspace"),
        ]
        self._table_actions[0].setShortcut(QKeySequence.StandardKey.Copy)
        for action in self._table_actions:
            action.setShortcutContext(here)
            self.removeAction(action)
            self.table.addAction(action)
        self._table_actions[-1].setEnabled(bool(self._parent_key))

    def body(self) -> QWidget:
        """The table with its totals; the receipts page puts a preview beside it."""
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addWidget(self.totals)
        return body

    def _make_table(self) -> QTableView:
        table = self.table_kind(self, objectName="rows")
        table.setAccessibleName(self.query.label)
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        WholeCells(table)
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(False)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setHighlightSections(False)
        # An amount far at the right edge would stand beside nothing it belongs to.
        header.setStretchLastSection(not self.query.columns[-1].kind.align_right)
        header.sectionClicked.connect(self._header_clicked)
        table.activated.connect(lambda _: self.drill())
        return table

    def menus(self) -> Menus:
        copy, *sorts, back = self._table_actions
        view = [*sorts, None, back] if self._parent_key else sorts
        return [("文件(&F)", self._file_actions), ("编辑(&E)", [copy]), ("视图(&W)", view)]

    def take_focus(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def shown(self) -> None:
        if not self._has_started or self._is_old:
            self.find()

    def show_facts(self) -> None:
        """F5 brought them, or something was posted: what the list says may be old, too."""
        super().show_facts()
        self._is_old = self._has_started
        if self._is_old and self.isVisible() and not self._is_writing:
            self.find()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter in any search field: none of them has a use for it."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and self.filters.isAncestorOf(self.focusWidget() or self):
            self.find()
        else:
            super().keyPressEvent(event)

    def _leave(self) -> None:
        """Esc: first what takes a while, then the page."""
        if self.waiting.isVisible():
            self.stop_work()
        elif self._parent_key:
            self.back_asked.emit()

    # --- Finding ---

    def find(self) -> None:
        if self._is_writing:
            self.told.emit(sentence(problem("W18")))
            return
        for offers in self._offers:
            offers.settle()
        problems = self.filters.local_problems() or list(check_ranges(self.query, self._values()))
        self.filters.put_problems(problems)
        if problems:
            self.filters.focus_problem()
            return
        self._has_started, self._is_old = True, False
        self.bar.clear()
        if self._is_loading:
            self.stop_work()
        if self.model.rows:
            self._column = max(self.table.currentIndex().column(), 0)
        self.model.clear()
        self.totals.forget()
        if not self._parent_key:
            self.desk.searched[self.query.code] = self.filters.texts()
        self._load(None, self._first_came)

    def _values(self) -> dict[str, Any]:
        fields = {field.key: field for field in self.filters.fields}
        return {k: parse_cell(fields[k], text)[0] for k, text in self.filters.texts().items()}

    def _asked(self) -> Asked:
        """As the server reads it: parsed here, so that 2026/7/1 is found as 2026-07-01."""
        kinds = {field.key: field.kind for field in self.filters.fields}
        texts = {
            key: value if isinstance(kinds[key], Choice) else kinds[key].show(value)
            for key, value in self._values().items()
        }
        texts |= {PARENT: self._parent_key} if self._parent_key else {}
        column, order = self._sorted
        sort = "" if column == UNSORTED else self.query.columns[column].key
        return Asked(self.query, texts, f"-{sort}" if sort and order == DESCENDING else sort)

    def _load(self, after: str | None, came: Callable[[Rows], None]) -> None:
        client, asked = self.desk.session.client, self._asked()
        self._is_loading = True
        self.work(
            "正在查询…",
            lambda _: client.query(asked.query.code, asked.texts, after, PAGE_ROWS, asked.sort),
            came,
            self._load_failed,
        )

    def _first_came(self, rows: Rows) -> None:
        self._is_loading = False
        self.model.append(rows)
        self.count.setText(f"共 {rows.count:,} 行")
        self.totals.show_totals(rows.totals)
        self.counted.emit(f"共 {rows.count:,} 行")
        if not rows.count:
            self.bar.tell(self.query.when_empty)
        elif self.table.currentIndex().row() < 0:
            self.table.setCurrentIndex(self.model.index(0, self._column))

    def _load_more(self) -> None:
        if not self._is_loading and self.model.next is not None:
            self._load(self.model.next, self._more_came)

    def _more_came(self, rows: Rows) -> None:
        self._is_loading = False
        self.model.append(rows)

    def _load_failed(self, error: Exception) -> None:
        self._is_loading = False
        self.model.next = None  # Or scrolling would ask again and again.
        self.show_failure(error)

    def stop_work(self) -> None:
        super().stop_work()
        self._is_loading = self._is_writing = False

    def _clear_filters(self) -> None:
        self.filters.set_texts({})
        self.find()

    # --- Sorting, which the server does over all rows ---

    def _header_clicked(self, column: int) -> None:
        self.sort_by(column, self.table.horizontalHeader().sortIndicatorOrder())

    def _sort_current(self, order: Qt.SortOrder) -> None:
        if (column := self.table.currentIndex().column()) >= 0:
            self.sort_by(column, order)

    def sort_by(self, column: int, order: Qt.SortOrder) -> None:
        field = self.query.columns[column] if column != UNSORTED else None
        if field and field not in self.query.sortable:
            self.bar.show_problem(problem("W19", label=field.label))
        elif not self._is_writing:
            self._sorted = (column, order)
        # Back from where the header put it by itself, if that was not wanted.
        self.table.horizontalHeader().setSortIndicator(*self._sorted)
        self.model.show_sorting(*self._sorted)
        if self._sorted == (column, order):
            way = "升序" if order == ASCENDING else "降序"
            self.told.emit(f"按 {field.label} {way}" if field else "已恢复原来的顺序")
            self.find()

    # --- What one does with rows ---

    def current(self) -> Mapping[str, Any] | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def drill(self) -> None:
        """Of a term of the row's equation only what that term counts."""
        row = self.current()
        if row and self.query.drill:
            key, column = str(row.get("_key", "")), self.table.currentIndex().column()
            terms = {k: term for term in self.query.equation for k in (term.key, term.count)}
            term = terms.get(self.query.columns[column].key)
            shows = term.shows if term else {}
            self.desk.open_query(self.query.drill, key, self._named(row), shows)

    def _named(self, row: Mapping[str, Any]) -> str:
        """What a drill-down's title says of the row it was opened from."""
        names = self.query.titled_by or ("_key",)
        return " ".join(str(row.get(name, "")) for name in names)

    def show_only(self, filters: Mapping[str, str]) -> None:
        """As if these search fields had been filled, and no others."""
        if filters != self.filters.texts():
            self.filters.set_texts(filters)
            self.find()

    def copy_rows(self) -> None:
        """The selected rows as text that a spreadsheet takes."""
        chosen = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        columns = self.query.columns
        lines = ["\t".join(column.label for column in columns)]
        lines += [
            "\t".join(shown(c, self.model.rows[row].get(c.key)) for c in columns) for row in chosen
        ]
        QGuiApplication.clipboard().setText("\n".join(lines))
        self.told.emit(f"已复制 {len(chosen)} 行")

    def ask_export(self) -> None:
        name = f"{self.title}_{self.desk.facts.unit.business_day}.xlsx"
        path, chosen = QFileDialog.getSaveFileName(self, "导出表格", name, FILES)
        if path:
            suffix = query_file.CSV if query_file.CSV in chosen else query_file.XLSX
            self.export_to(Path(path).with_suffix(suffix))

    def export_to(self, path: Path) -> None:
        """All rows that match, not only those that were looked at."""
        client, asked, facts = self.desk.session.client, self._asked(), self.desk.facts
        title = self.title
        self._write(
            "正在导出…",
            lambda progress: query_file.export(path, asked, title, facts, client, progress),
            lambda rows: self.bar.tell(f"已导出 {rows:,} 行到 {path}", level="passed"),
        )

    def print_list(self) -> None:
        """The same rows on paper, with their totals."""
        client, asked = self.desk.session.client, self._asked()
        self._write(
            "正在准备打印…",
            lambda _: client.query_pdf(asked.query.code, asked.texts, asked.sort),
            self._show_pdf,
        )

    def _show_pdf(self, pdf: bytes) -> None:
        view = DocumentView(self.desk)
        view.key_needed.connect(self.key_needed)
        name = f"{self.query.label}_{self.desk.facts.unit.business_day}"
        view.show_document(pdf, name, self.title, self.query.code)
        DocumentDialog(view, self.title, self).open()

    def _write(self, text: str, work: Callable[[Any], Any], done: Callable[[Any], None]) -> None:
        """Nothing else is asked meanwhile."""
        if self._is_loading or self._is_writing:
            self.told.emit(sentence(problem("W18")))
            return

        def ended(then: Callable[[Any], None], result: Any) -> None:
            self._is_writing = False
            then(result)

        self._is_writing = True
        self.work(text, work, partial(ended, done), partial(ended, self.show_failure))
