"""A record, read as labels and values: alone (U8), or above the list of its changes (U14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import Page as Rows
from hpf_desktop.ui.query_model import shown
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.theme import set_role
from server.business.base import Field
from server.business.queries import query_of

PAIRS_MAX = 2  # beside each other
VALUE_CHARS = 14
GAP, SPACING = 24, 10
LINES_MIN = 9  # of the list below; at a big zoom the page scrolls instead
NOTHING = "—"
TOP = Qt.AlignmentFlag.AlignTop
SELECTABLE = (
    Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
)


class RecordPanel(QFrame):
    """Two pairs in a line where there is room for them."""

    def __init__(self, columns: Sequence[Field], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._fields, self._pairs = tuple(columns), 0
        self._labels = [QLabel(field.label, self) for field in columns]
        self._values = [self._value(field) for field in columns]
        for label, value in zip(self._labels, self._values, strict=True):
            set_role(label, "role", "muted")
            label.setBuddy(value)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(20, 14, 20, 14)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(7)
        self._arrange(PAIRS_MAX)
        self.setFocusProxy(self._values[0])

    def _value(self, field: Field) -> QLabel:
        made = QLabel(NOTHING, self, wordWrap=True, objectName=f"{field.key}_value")
        made.setTextInteractionFlags(SELECTABLE)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return made

    def show_row(self, row: Mapping[str, Any]) -> None:
        for field, value in zip(self._fields, self._values, strict=True):
            text = shown(field, row.get(field.key)) or NOTHING
            value.setText(text)
            value.setAccessibleName(f"{field.label}：{text}")
        self._heighten()

    def _heighten(self) -> None:
        """Long values take a second line, which what stands below must not squeeze."""
        self.setMinimumHeight(self._grid.totalHeightForWidth(self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        label = max(label.sizeHint().width() for label in self._labels)
        pair = label + SPACING + VALUE_CHARS * self.fontMetrics().averageCharWidth() + GAP
        self._arrange(max(1, min(PAIRS_MAX, self.width() // pair)))
        self._heighten()

    def _arrange(self, pairs: int) -> None:
        """Down the first column, then down the second, as one reads a form."""
        if pairs == self._pairs:
            return
        self._pairs, lines = pairs, -(-len(self._fields) // pairs)
        for number, (label, value) in enumerate(zip(self._labels, self._values, strict=True)):
            pair, line = divmod(number, lines)
            self._grid.removeWidget(label)
            self._grid.removeWidget(value)
            self._grid.addWidget(label, line, pair * 3, TOP | Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(value, line, pair * 3 + 1, TOP)
        for pair in range(PAIRS_MAX):
            self._grid.setColumnStretch(pair * 3 + 1, int(pair < pairs))
            self._grid.setColumnMinimumWidth(pair * 3 + 2, GAP if pair + 1 < pairs else 0)


class RecordPage(QueryPage):
    """Its query is ``as_record``, or names the ``record`` that stands above its rows."""

    def body(self) -> QWidget:
        above = self.query if self.query.as_record else query_of(self.query.record)
        self.record = RecordPanel(above.columns, self)
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.record)
        if self.query.as_record:
            self.table.hide()
            self.totals.hide()
            self.count.hide()
            column.addStretch(1)
        else:
            self.table.setMinimumHeight(LINES_MIN * self.fontMetrics().height())
            column.addWidget(super().body(), 1)
        return body

    def take_focus(self) -> None:
        if self.query.as_record:
            self.record.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            super().take_focus()

    def find(self) -> None:
        super().find()
        if self.query.record:
            client, code = self.desk.session.client, self.query.record
            tasks.run(
                lambda _: client.query(code, {}, None, 1), self._show_record, self.show_failure
            )

    def _first_came(self, rows: Rows) -> None:
        super()._first_came(rows)
        if self.query.as_record:
            self._show_record(rows)

    def _show_record(self, rows: Rows) -> None:
        if rows.rows:
            self.record.show_row(rows.rows[0])
