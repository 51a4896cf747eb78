"""The list of everything that is wrong, which jumps to the cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.ui.proportion import Proportion
from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.solving import steps_for, words_for
from server.business.refusals import Level, Problem

NOWHERE = QModelIndex()
HEADERS = ("级别", "行", "栏目", "问题", "处理办法")
WIDTHS = (52, 60, 110, 400)  # The last has the rest.
SEEN_ROWS_MIN = 3
SHOWN_MAX = 2_000  # Nobody reads more; the count above the list is of all of them.


class ProblemModel(QAbstractTableModel):
    """Problems as rows: what it is, where, and what to do."""

    def __init__(self, labels: dict[str, str], parent: Any = None) -> None:
        super().__init__(parent)
        self.labels = labels
        self.problems: Sequence[Problem] = ()
        self.colours: dict[Level, QColor] = {}

    def show(self, problems: Sequence[Problem]) -> None:
        self.beginResetModel()
        self.problems = problems
        self.endResetModel()

    def rowCount(self, parent: Any = NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: Any = NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, way: Any, role: int = 0) -> Any:  # noqa: N802
        if role == Qt.ItemDataRole.DisplayRole and way == Qt.Orientation.Horizontal:
            return HEADERS[section]
        return None

    def data(self, index: Any, role: int = 0) -> Any:
        problem = self.problems[index.row()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            return self.colours.get(problem.level)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        level = "错误" if problem.level is Level.ERROR else "提示"
        row = "全单" if problem.row is None else str(problem.row + 1)
        label = self.labels.get(problem.key, "")
        return (level, row, label, problem.text, problem.next_step)[index.column()]


class ProblemList(QFrame):
    """Sits under the grid. Enter or a double click goes to the cell."""

    closed = Signal()
    chosen = Signal(object)  # a Problem; its row is a source row of the sheet
    solve_asked = Signal(str, object)  # a business, and what its rows begin with

    def __init__(
        self, model: SheetModel, colours: SheetColours, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("problem_list")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.sheet = model
        self.batch: list[Problem] = []  # those about the whole batch
        self.is_stale = True
        self.model = ProblemModel({c.key: c.field.label for c in model.columns}, self)
        self.title = QLabel("问题清单")
        self.title.setObjectName("problem_title")
        self.table = self._make_table()
        close = QToolButton()
        close.setObjectName("problem_close")
        close.setText("关闭")
        close.clicked.connect(self.closed)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        self.steps = QHBoxLayout()
        top.addLayout(self.steps)
        top.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.table)
        self.set_colours(colours)
        self.hide()

    def set_colours(self, colours: SheetColours) -> None:
        self.model.colours = {Level.ERROR: QColor(colours.error), Level.HINT: QColor(colours.hint)}

    def mark_stale(self) -> None:
        """The problems changed; the list is made anew only while it can be seen."""
        self.is_stale = True
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        faults = self.sheet.store.faults
        shown = list(self.batch)
        for problem in faults:
            if len(shown) >= SHOWN_MAX:
                break
            shown.append(problem)
        self.model.show(shown)
        total = faults.errors + faults.hints + len(self.batch)
        more = f"，列出前 {SHOWN_MAX} 处" if total > SHOWN_MAX else ""
        self.title.setText(f"问题清单：共 {total} 处{more}")
        self.is_stale = False
        self._show_steps(shown)

    def _show_steps(self, problems: Sequence[Problem]) -> None:
        """A button for each business that solves some of them, for all its persons."""
        while item := self.steps.takeAt(0):
            item.widget().deleteLater()
        for code, carried in steps_for(problems).items():
            step = QToolButton(objectName=f"problem_solve_{code}")
            step.setText(words_for(code, len(carried)))
            step.clicked.connect(
                lambda _=False, code=code, carried=carried: self.solve_asked.emit(code, carried)
            )
            self.steps.addWidget(step)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        if self.is_stale:
            self.refresh()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setObjectName("problem_table")
        table.setAccessibleName("问题清单")
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        proportion = Proportion(table, WIDTHS)
        proportion.fitted.connect(lambda height: _keep_room(table, height))
        _keep_room(table, proportion.row_height)
        table.activated.connect(self._activated)
        table.clicked.connect(self._activated)
        return table

    def _activated(self, index: Any) -> None:
        problem = self.model.problems[index.row()]
        if problem.row is not None:
            self.chosen.emit(problem)


def _keep_room(table: QTableView, row_height: int) -> None:
    header = table.horizontalHeader().sizeHint().height()
    table.setMinimumHeight(header + SEEN_ROWS_MIN * row_height + 2 * table.frameWidth())
