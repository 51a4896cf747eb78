"""Tables at every zoom: rows hold their letters, columns need no scroll bar, nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import (
    QApplication,
    QStyleOptionViewItem,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
)

from hpf_desktop.ui import theme
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.proportion import Proportion
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.sheet.problems import ProblemList
from hpf_desktop.ui.whole_cells import WholeCells
from server.business.businesses import business_of
from server.business.queries import query_of
from tests.ui.hand import find

WIDTHS, AIR = (100, 50, 150), 10


@pytest.fixture(autouse=True)
def as_before(qapp: QApplication) -> Iterator[None]:
    yield
    theme.apply(qapp, "light", 100)


@pytest.fixture
def table(qtbot: Any) -> QTableWidget:
    made = QTableWidget(3, len(WIDTHS))
    made.verticalHeader().hide()
    qtbot.addWidget(made)
    made.resize(1_000, 200)
    made.show()
    return made


def widths(table: QTableView) -> list[int]:
    return [table.columnWidth(n) for n in range(len(WIDTHS))]


@pytest.mark.parametrize("zoom", [100, 150, 200])
def test_rows_and_columns_grow_with_the_letters(
    qapp: QApplication, table: QTableWidget, zoom: int
) -> None:
    proportion = Proportion(table, WIDTHS)
    theme.apply(qapp, "light", zoom)
    assert widths(table) == [width * zoom // 100 for width in WIDTHS]
    assert table.rowHeight(0) == proportion.row_height >= table.fontMetrics().height() * 1.4


def test_columns_give_up_their_air_before_the_list_scrolls(table: QTableWidget) -> None:
    Proportion(table, WIDTHS, AIR)
    assert widths(table) == [width + AIR for width in WIDTHS]
    table.resize(sum(WIDTHS) + 2 * table.frameWidth() + 9, 200)
    assert widths(table) == [width + 3 for width in WIDTHS]
    assert table.horizontalScrollBar().maximum() == 0
    table.resize(200, 200)
    assert widths(table) == [width + AIR for width in WIDTHS], "it scrolls anyway"


def test_width_that_the_operator_chose_stays(qapp: QApplication, table: QTableWidget) -> None:
    Proportion(table, WIDTHS, AIR)
    table.setColumnWidth(1, 300)
    table.resize(900, 200)
    assert widths(table)[1] == 300
    theme.apply(qapp, "light", 200)
    assert widths(table)[1] == 600


def test_amount_under_an_edge_is_drawn_as_if_its_cell_ended_there(table: QTableWidget) -> None:
    delegate = WholeCells(table)
    table.setItem(0, 2, QTableWidgetItem("1,234,567.00"))
    table.resize(220, 200)
    option = QStyleOptionViewItem()
    option.widget, option.rect = table, table.visualItemRect(table.item(0, 2))
    right = table.viewport().width() - 1
    assert option.rect.left() < right < option.rect.right()
    paper = QPixmap(400, 100)
    painter = QPainter(paper)
    delegate.paint(painter, option, table.model().index(0, 2))
    painter.end()
    assert option.rect.right() == right


def test_query_and_problem_list_follow_the_zoom(desk: Desk, qtbot: Any, qapp: QApplication) -> None:
    page = QueryPage(desk, query_of("roster"))
    problems = ProblemList(_sheet_model(), desk.colours)
    for widget in (page, problems):
        qtbot.addWidget(widget)
        widget.show()
    tables = [find(page, QTableView, "rows"), find(problems, QTableView, "problem_table")]
    before = [table.verticalHeader().defaultSectionSize() for table in tables]
    theme.apply(qapp, "light", 200)
    after = [table.verticalHeader().defaultSectionSize() for table in tables]
    assert after == pytest.approx([2 * height for height in before], abs=2)


def _sheet_model() -> Any:
    from hpf_desktop.ui.sheet.model import SheetModel

    return SheetModel(business_of("sealing"))
