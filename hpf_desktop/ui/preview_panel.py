"""What submitting would do, before it is done (试算): each row's equation, every term opening to
its people, and from where the money would come. It only ever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.answers import Page as Rows
from hpf_desktop.log import explain
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.page import NEEDS_KEY, Desk
from hpf_desktop.ui.payment_words import sources
from hpf_desktop.ui.proportion import Proportion
from hpf_desktop.ui.query_model import shown
from hpf_desktop.ui.theme import scaled, set_role
from server.business.base import Business
from server.business.check import check_head, parse_texts
from server.business.queries import query_of
from server.business.query import Term
from server.business.refusals import Level

ROWS_MAX = 200
ROWS_SHOWN = 6  # More of them scroll.
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
OPENS = Qt.ItemDataRole.UserRole  # (the row's key, search fields) of a cell that opens its people


class PreviewPanel(QFrame):
    """Shown once everything that must be typed can be read; never submits anything."""

    failed = Signal(object)  # Problem

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._desk, self._business = desk, business
        self.query = query_of(business.preview)
        self._columns = {column.key: column for column in self.query.columns}
        self._total_fen: int | None = None
        self._head: Mapping[str, str] = {}
        self._filters: Mapping[str, str] = {}
        self._task: tasks.Task | None = None
        does = "缴款。试算不会提交，也不会扣款。" if business.payment else "变更。试算不会提交。"
        title = f"试算：提交后将这样{does}"
        self._title = QLabel("预览：证明将逐月列示如下" if business.closing else title)
        self._title.setObjectName("preview_title")
        self._words = QLabel(objectName="preview_words", wordWrap=True)
        self._sources = QLabel(objectName="preview_sources", wordWrap=True)
        self.table = self._make_table()
        self._proportion = Proportion(self.table)
        self._proportion.fitted.connect(self._fit)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(6)
        for widget in (self._title, self._words, self.table, self._sources):
            column.addWidget(widget)
        set_role(self._title, "role", "muted")
        self.clear()

    def _make_table(self) -> QTableWidget:
        terms = self.query.equation
        table = QTableWidget(0, 1 + len(terms), self)
        table.setObjectName("preview_table")
        table.setAccessibleName(f"试算：{self.query.label}")
        order = self._columns[self.query.order]
        labels = [f"{t.sign} {self._columns[t.key].label}".strip() for t in terms]
        table.setHorizontalHeaderLabels([order.label, *labels])
        for number in range(1, table.columnCount()):
            table.horizontalHeaderItem(number).setTextAlignment(RIGHT)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        table.itemClicked.connect(self._open)
        table.itemActivated.connect(self._open)
        return table

    def clear(self) -> None:
        """Nothing to preview; an answer that is still on its way is dropped."""
        if self._task:
            self._task.cancel()
            self._task = None
        self._total_fen = None
        self.hide()

    def ask(self, texts: Mapping[str, str]) -> None:
        """For a head as typed, once all is there that the preview is made of; of a payment also
        where its money comes from."""
        self.clear()
        unit = self._desk.facts.unit
        head = self._business.in_force(unit).head
        _, unread = parse_texts(head, texts, None)
        checked = check_head(self._business, unit, texts, None)
        values, asked = checked.head, {f.field.key for f in self.query.filters}
        is_payment = self._business.payment is not None
        needed = (f.key for f in head if f.typed and f.required and (is_payment or f.key in asked))
        if unread or any(key not in values for key in needed):
            return
        if any(p.level is Level.ERROR and p.key in asked for p in checked.problems):
            return  # What will be refused has no effect.
        filters = {
            f.field.key: f.field.kind.show(values[f.field.key])
            for f in self.query.filters
            if f.field.key in values
        }
        self._filters = filters
        client, code = self._desk.session.client, self.query.code
        self._say("正在试算…")
        self._task = tasks.run(
            lambda _: client.query(code, filters, None, ROWS_MAX), self._came, self._broke
        )

    def show_sources(self, head: Mapping[str, str]) -> None:
        """From where the money comes, as the server's check of the head says."""
        self._head = head
        self._show_sources()

    # --- The answer ---

    def _say(self, text: str, role: str = "") -> None:
        self._words.setText(text)
        self._words.show()
        set_role(self._words, "role", role)
        self.table.hide()
        self._sources.hide()
        self.show()

    def _broke(self, error: Exception) -> None:
        self._task = None
        told = explain(error)
        if told.code in NEEDS_KEY:
            self.clear()
        else:
            self._say(f"暂时不能试算：{sentence(told)}", "error")
        self.failed.emit(told)

    def _came(self, page: Rows) -> None:
        self._task = None
        if not page.rows:
            self._say("没有要缴的月份。")
            return
        terms = self.query.equation
        has_total = len(page.rows) > 1
        self.table.setRowCount(len(page.rows) + has_total)
        for number, row in enumerate(page.rows):
            self._put_row(number, row)
        self._total_fen = page.totals.get(terms[-1].key) if terms else None
        if has_total:
            self._put_total(len(page.rows), page.totals)
        self._words.hide()
        self.table.show()
        self.table.setCurrentCell(0, 0)
        self._show_sources()
        self._fit()

    def _put_row(self, number: int, row: Mapping[str, Any]) -> None:
        order = self._columns[self.query.order]
        name = shown(order, row[order.key])
        self.table.setItem(number, 0, QTableWidgetItem(name))
        for place, term in enumerate(self.query.equation, start=1):
            amount = shown(self._columns[term.key], row[term.key])
            count = row.get(term.count, 0)
            text = f"{count:,} 人　{amount}" if count else amount
            item = self._number(text)
            if self.query.drill and (count or not term.count):
                self._make_link(item, name, term, str(row.get("_key", "")))
            self.table.setItem(number, place, item)

    def _put_total(self, number: int, totals: Mapping[str, int]) -> None:
        self.table.setItem(number, 0, QTableWidgetItem("合计"))
        for place, term in enumerate(self.query.equation, start=1):
            text = shown(self._columns[term.key], totals.get(term.key))
            item = self._number(text)
            font = item.font()
            font.setBold(True)
            item.setFont(font)
            self.table.setItem(number, place, item)

    def _number(self, text: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setTextAlignment(RIGHT)
        return item

    def _make_link(self, item: QTableWidgetItem, name: str, term: Term, key: str) -> None:
        label = self._columns[term.key].label
        item.setData(OPENS, (key, dict(term.shows)))
        item.setData(
            Qt.ItemDataRole.AccessibleTextRole, f"{name} {label} {item.text()}，按回车查看人员"
        )
        item.setToolTip("按回车或单击查看人员")
        item.setForeground(self.palette().brush(QPalette.ColorRole.Link))
        font = item.font()
        font.setUnderline(True)
        item.setFont(font)

    def _show_sources(self) -> None:
        words, payment = sources(self._head), self._business.payment
        if payment is None:
            self._sources.hide()
            return
        amount = self._business.field(payment.amount)
        said = self._head.get(amount.key, "")
        if self._total_fen is not None and said and amount.kind.read(said) != self._total_fen:
            words = f"{amount.label}已变为 {said} 元，与上表不同；按 F5 重新试算。"
        elif words:
            words = f"{amount.label} {said} 元，提交后{words}。"
        self._sources.setText(words)
        self._sources.setVisible(bool(words) and self.table.isVisibleTo(self))

    def _open(self, item: QTableWidgetItem) -> None:
        if found := item.data(OPENS):
            key, filters = found
            asked = {f.field.key for f in query_of(self.query.drill).filters}
            same = {name: text for name, text in self._filters.items() if name in asked}
            self._desk.open_query(self.query.drill, key, key, same | filters)

    def _fit(self) -> None:
        table = self.table
        height = self._proportion.row_height
        rows = min(table.rowCount(), ROWS_SHOWN + 1)
        header = table.horizontalHeader().sizeHint().height()
        table.setFixedHeight(header + rows * height + 2 * table.frameWidth())
        table.setMinimumWidth(scaled(90 * table.columnCount()))
