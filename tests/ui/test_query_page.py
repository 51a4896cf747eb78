"""The query page: rows by pages, sorting, totals, drilling down, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit

from hpf_desktop.ui import theme
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.query_model import QueryModel
from hpf_desktop.ui.query_page import QueryPage
from server.business.payment_queries import PAYMENTS
from server.business.queries import ROSTER
from server.business.remittance_queries import REMITTANCE_MONTHS
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, find, press, type_text
from tests.ui.samples import months

PEOPLE = 450


@pytest.fixture
def page(qtbot: Any, desk: Desk, client: FakeClient) -> QueryPage:
    client.rows_of["roster"] = [
        {
            "_key": str(n), "account": 100000000000 + n, "name": f"职工{n}", "id_mask": "5323****",
            "phone_mask": "139****", "status": "01" if n % 2 else "02", "base": 400000 + n,
            "unit_fen": 100, "personal_fen": 100, "monthly_fen": 200, "balance_fen": PEOPLE - n,
            "paid_through": "2026-06" if n % 3 else None,
        }
        for n in range(PEOPLE)
    ]  # fmt: skip
    made = QueryPage(desk, ROSTER)
    qtbot.addWidget(made)
    made.resize(1200, 600)
    made.show()
    made.shown()
    qtbot.waitUntil(lambda: made.model.rowCount() > 0, timeout=LIMIT_MS)
    return made


def test_rows_are_shown_by_their_kinds(page: QueryPage) -> None:
    shown = [page.model.index(1, column).data() for column in range(page.model.columnCount())]
    assert shown[:2] == ["100000000001", "职工1"]
    assert "正常" in shown and "4,000.01" in shown and "2026-06" in shown


def test_model_obeys_qts_rules(page: QueryPage, qtmodeltester: Any) -> None:
    model = QueryModel(ROSTER.columns)
    qtmodeltester.check(model)
    page.model.next = None
    qtmodeltester.check(page.model)


def test_more_rows_come_while_scrolling(qtbot: Any, page: QueryPage) -> None:
    assert page.model.rowCount() == 200
    assert find(page, QLabel, "row_count").text() == "共 450 行"
    page.table.scrollToBottom()
    qtbot.waitUntil(lambda: page.model.rowCount() == 400, timeout=LIMIT_MS)
    page.table.scrollToBottom()
    qtbot.waitUntil(lambda: page.model.rowCount() == PEOPLE, timeout=LIMIT_MS)


def test_sorting_first_fetches_what_is_not_loaded(qtbot: Any, page: QueryPage) -> None:
    column = [c.key for c in ROSTER.columns].index("balance_fen")
    page._header_clicked(column)
    qtbot.waitUntil(lambda: page.model.rowCount() == PEOPLE, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page.model.rows[0]["balance_fen"] == 1, timeout=LIMIT_MS)
    assert page.model.rows[-1]["balance_fen"] == PEOPLE


def test_rows_without_a_value_sort_together(page: QueryPage) -> None:
    column = [c.key for c in ROSTER.columns].index("paid_through")
    page.model.sort(column, Qt.SortOrder.DescendingOrder)
    assert page.model.rows[0]["paid_through"] == "2026-06"


def test_totals_are_over_all_rows(page: QueryPage) -> None:
    column = [c.key for c in ROSTER.columns].index("unit_fen")
    assert page.totals.item(0, column).text() == "450.00"
    assert page.totals.columnWidth(column) == page.table.columnWidth(column)
    page.table.setColumnWidth(column, 321)
    assert page.totals.columnWidth(column) == 321


def test_filters_are_parsed_before_they_are_sent(
    qtbot: Any, page: QueryPage, client: FakeClient
) -> None:
    box = find(page, QComboBox, "status")
    box.setCurrentIndex(box.findData("02"))
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 225 行", timeout=LIMIT_MS)
    type_text(find(page, QLineEdit, "account"), "１000000000０４")
    qtbot.keyClick(find(page, QLineEdit, "account"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 1 行", timeout=LIMIT_MS)


def test_filter_that_cannot_be_read_is_told_and_not_sent(
    qtbot: Any, page: QueryPage, client: FakeClient
) -> None:
    client.calls.clear()
    qtbot.keyClicks(find(page, QLineEdit, "account"), "12")
    press(qtbot, page, "find")
    assert "12 位" in find(page, QLabel, "account_problem").text()
    assert client.calls == []


def test_failure_keeps_the_page_usable(qtbot: Any, page: QueryPage, client: FakeClient) -> None:
    client.fault["query"] = "N07"
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: "N07" in page.bar.text, timeout=LIMIT_MS)
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: page.model.rowCount() == 200, timeout=LIMIT_MS)


def test_nothing_found_is_said(qtbot: Any, page: QueryPage) -> None:
    type_text(find(page, QLineEdit, "name"), "没有这个人")
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: "没有符合条件" in page.bar.text, timeout=LIMIT_MS)


def test_selected_rows_are_copied_as_text(qtbot: Any, page: QueryPage) -> None:
    page.table.selectRow(3)
    page.copy_rows()
    header, line = QGuiApplication.clipboard().text().split("\n")
    assert header.startswith("个人账号\t姓名")
    assert line.startswith("100000000003\t职工3")


def test_export_writes_all_rows_and_not_only_those_loaded(
    qtbot: Any, page: QueryPage, tmp_path: Path
) -> None:
    from python_calamine import CalamineWorkbook

    file = tmp_path / "名册.xlsx"
    page.export_to(file)
    qtbot.waitUntil(lambda: "已导出 450 行" in page.bar.text, timeout=LIMIT_MS)
    sheet = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
    assert len([row for row in sheet if str(row[0]).startswith("1000000")]) == PEOPLE


def test_row_opens_its_details(qtbot: Any, desk: Desk, client: FakeClient) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    client.rows_of["payments"] = [{"_key": "77", "serial": "77", "amount": 5, "kind": "remittance"}]
    page = QueryPage(desk, PAYMENTS)
    qtbot.addWidget(page)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=LIMIT_MS)
    press(qtbot, page, "drill")
    assert opened == [("payment_persons", "77", "77", {})]


def test_term_of_an_equation_opens_just_its_people(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    client.rows_of["remittance_months"] = months()
    page = QueryPage(desk, REMITTANCE_MONTHS)
    qtbot.addWidget(page)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.model.rowCount() == 3, timeout=LIMIT_MS)
    columns = [c.key for c in REMITTANCE_MONTHS.columns]
    for key in ("removed_fen", "removed", "due_fen"):
        page.table.setCurrentIndex(page.model.index(0, columns.index(key)))
        press(qtbot, page, "drill")
    assert [filters for *_, filters in opened] == [{"change": "2"}, {"change": "2"}, {}]
    assert {where[:2] for where in opened} == {("remittance_changes", "2026-07")}


def test_totals_take_no_room_while_their_columns_are_out_of_sight(
    qtbot: Any, page: QueryPage
) -> None:
    page.resize(3_000, 600)
    qtbot.waitUntil(page.totals.isVisible)
    page.table.horizontalHeader().resizeSection(0, 4_000)
    assert not page.totals.isVisible()
    bar = page.table.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    bar.setValue(bar.maximum())
    qtbot.waitUntil(page.totals.isVisible)


def test_column_widths_follow_the_zoom_there_and_back(page: QueryPage, qapp: Any) -> None:
    before = page.table.columnWidth(0)
    theme.apply(qapp, "light", 200)
    assert page.table.columnWidth(0) == 2 * before
    theme.apply(qapp, "light", 100)
    assert page.table.columnWidth(0) == before
