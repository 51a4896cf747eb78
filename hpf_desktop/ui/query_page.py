"""Any query: search fields, rows that load while one scrolls, totals, details, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.answers import Page as Rows
from hpf_desktop.client import Client
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.page import Desk, Menus, Page, button
from hpf_desktop.ui.query_model import QueryModel, shown
from hpf_desktop.ui.theme import scaled
from hpf_desktop.ui.totals_row import TotalsRow
from server.business.query import Query

PAGE_ROWS, EXPORT_ROWS = 200, 1_000
ROWS_MAX = 500_000
ROW_HEIGHT_SCALE = 1.5
SCALE = 1_000
PARENT = "parent"  # the search field that a drill-down fills


class QueryPage(Page):
    """``parent_key`` is given to a query that was reached from a row of another one."""

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
        super().__init__(desk, title, "queries", parent)
        self.setObjectName(f"query_{query.code}")
        self.query, self._parent_key = query, parent_key
        self.filters = FieldForm([f.field for f in query.filters if f.field.key != PARENT], 3, self)
        self.filters.set_texts(filters or {})
        self.model = QueryModel(query.columns)
        self.model.more_asked.connect(self._load_more)
        self._is_loading = self._has_started = False
        self._sort_wanted: tuple[int, Qt.SortOrder] | None = None
        self.table = self._make_table()
        self.totals = TotalsRow(self.table, query.columns, self)
        self.count = QLabel(objectName="row_count")
        self._lay_out()
        self.model.modelReset.connect(self._fit_rows)

    # --- Building ---

    def _lay_out(self) -> None:
        find = button("查询", "find", self.find, is_primary=True)
        find.setAutoDefault(True)
        self._export_action = self.command("导出表格…", "export", self.ask_export, "Ctrl+E")
        self._copy_action = QAction("复制", self, objectName="copy_rows")
        self._copy_action.setShortcut(QKeySequence.StandardKey.Copy)
        self._copy_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._copy_action.triggered.connect(self.copy_rows)
        self.table.addAction(self._copy_action)
        tools = QHBoxLayout()
        tools.addWidget(find)
        tools.addWidget(button("清空条件", "clear_filters", self._clear_filters))
        if self.query.drill:
            tools.addWidget(button("明细", "drill", self.drill))
        tools.addWidget(button("导出表格…", "export_button", self.ask_export))
        tools.addStretch()
        tools.addWidget(self.count)
        self.column.addWidget(self.filters)
        self.column.addLayout(tools)
        self.column.addWidget(self.body(), 1)
        for field in self.filters.fields:
            editor = self.filters.editor(field.key)
            if hasattr(editor, "returnPressed"):
                editor.returnPressed.connect(self.find)

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
        table = QTableView(self, objectName="rows")
        table.setAccessibleName(self.query.label)
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = table.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(False)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.sectionClicked.connect(self._header_clicked)
        self._scale = scaled(SCALE)
        for number, field in enumerate(self.query.columns):
            table.setColumnWidth(number, scaled(field.width + 10))
        table.activated.connect(lambda _: self.drill())
        return table

    def menus(self) -> Menus:
        return [("文件(&F)", [self._export_action]), ("编辑(&E)", [self._copy_action])]

    def take_focus(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def shown(self) -> None:
        if not self._has_started:
            self.find()

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == event.Type.FontChange and hasattr(self, "totals"):
            self._fit_rows()
            self._fit_columns()

    def _fit_columns(self) -> None:
        """The columns keep their proportion to the letters, in both directions."""
        before, self._scale = self._scale, scaled(SCALE)
        if before != self._scale:
            for number in range(len(self.query.columns)):
                width = round(self.table.columnWidth(number) * self._scale / before)
                self.table.setColumnWidth(number, width)

    def _fit_rows(self) -> None:
        height = round(self.fontMetrics().height() * ROW_HEIGHT_SCALE)
        self.table.verticalHeader().setDefaultSectionSize(height)
        self.totals.fit(height)

    # --- Finding ---

    def find(self) -> None:
        problems = self.filters.local_problems()
        self.filters.put_problems(problems)
        if problems:
            self.filters.focus_problem()
            return
        self._has_started = True
        self.bar.clear()
        if self._is_loading:
            self.stop_work()
        self.model.clear()
        self.totals.forget()
        self._sort_wanted = None
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._load(None, self._first_came)

    def _texts(self) -> dict[str, str]:
        """As the server reads them: parsed here, so that 2026/7/1 is found as 2026-07-01."""
        fields = {field.key: field for field in self.filters.fields}
        texts = {
            key: str(fields[key].kind.parse(text)) for key, text in self.filters.texts().items()
        }
        return texts | ({PARENT: self._parent_key} if self._parent_key else {})

    def _load(self, after: int | None, came: Any, limit: int = PAGE_ROWS) -> None:
        client, code, texts = self.desk.session.client, self.query.code, self._texts()
        self._is_loading = True
        self.work(
            "正在查询…", lambda _: client.query(code, texts, after, limit), came, self._load_failed
        )

    def _first_came(self, rows: Rows) -> None:
        self._is_loading = False
        self.model.append(rows)
        self.count.setText(f"共 {rows.count:,} 行")
        self.totals.show_totals(rows.totals)
        self.counted.emit(f"共 {rows.count:,} 行")
        if not rows.count:
            self.bar.tell("没有符合条件的记录")
        elif self.table.currentIndex().row() < 0:
            self.table.setCurrentIndex(self.model.index(0, 0))

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
        self._is_loading = False

    def _clear_filters(self) -> None:
        self.filters.set_texts({})
        self.find()

    # --- Sorting: what is not loaded yet is fetched first ---

    def _header_clicked(self, column: int) -> None:
        order = self.table.horizontalHeader().sortIndicatorOrder()
        self._sort_wanted = (column, order)
        if self.model.next is None:
            self._sort()
        elif not self._is_loading:
            self._load_rest()

    def _load_rest(self) -> None:
        client, code, texts = self.desk.session.client, self.query.code, self._texts()
        after, known = self.model.next, len(self.model.rows)

        def work(progress: tasks.Progress) -> Rows:
            rows: list[Mapping[str, Any]] = []
            for page in pages(client, code, texts, after):
                rows.extend(page.rows)
                progress(known + len(rows), 0)
            return Rows(tuple(rows), None, 0, {})

        self._is_loading = True
        self.work("正在读取全部记录以便排序…", work, self._rest_came, self._load_failed)

    def _rest_came(self, rows: Rows) -> None:
        self._more_came(rows)
        self._sort()

    def _sort(self) -> None:
        if self._sort_wanted:
            self.model.sort(*self._sort_wanted)

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
            self.desk.open_query(self.query.drill, key, key, term.shows if term else {})

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
        path, _ = QFileDialog.getSaveFileName(self, "导出表格", name, "表格 (*.xlsx)")
        if path:
            self.export_to(Path(path).with_suffix(".xlsx"))

    def export_to(self, path: Path) -> None:
        """All rows that match, not only those that were looked at."""
        client, query, texts = self.desk.session.client, self.query, self._texts()

        def work(progress: tasks.Progress) -> int:
            from hpf_desktop.table_file import write_table  # Late: brings the writer of xlsx.

            return write_table(path, query.columns, _rows(client, query.code, texts, progress))

        self.work(
            "正在导出…", work,
            lambda rows: self.bar.tell(f"已导出 {rows:,} 行到 {path}", level="passed"),
        )  # fmt: skip


def pages(
    client: Client, code: str, texts: Mapping[str, str], after: int | None = None
) -> Iterator[Rows]:
    """In a worker: every page from ``after`` on."""
    for _ in range(ROWS_MAX // EXPORT_ROWS):
        page = client.query(code, texts, after, EXPORT_ROWS)
        yield page
        after = page.next
        if after is None:
            return


def _rows(
    client: Client, code: str, texts: Mapping[str, str], progress: tasks.Progress
) -> Iterator[Mapping[str, Any]]:
    done = total = 0
    for page in pages(client, code, texts):
        total = total or page.count
        yield from page.rows
        done += len(page.rows)
        progress(done, total)
