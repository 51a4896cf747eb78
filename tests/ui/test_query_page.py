"""The query page: rows by pages, sorting, totals, drilling down, export."""

from __future__ import annotations

import csv
import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from hpf_desktop import tasks
from hpf_desktop.answers import Health
from hpf_desktop.ui import theme
from hpf_desktop.ui.document_view import DocumentDialog
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.query_model import QueryModel
from hpf_desktop.ui.query_page import QueryPage
from server.business.interest_queries import INTEREST_STATEMENTS, INTEREST_YEAR
from server.business.payment_queries import PAYMENTS
from server.business.remittance_queries import REMITTANCE_MONTHS
from server.business.roster_queries import ROSTER, SEAL_CHANGES
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find, press, type_text
from tests.ui.samples import months
from tests.ui.test_receipts_page import small_pdf

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
PEOPLE = 450
ACCESSIBLE = int(Qt.ItemDataRole.AccessibleTextRole)


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


def test_tab_goes_round_through_rows_and_totals(qtbot: Any, page: QueryPage) -> None:
    page.activateWindow()
    page.take_focus()
    passed = []
    for _ in range(20):
        passed.append(page.focusWidget().objectName())
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Tab)
    assert passed.count("rows") > 1 and {"totals", "find", "name"} <= set(passed)


def test_click_on_a_header_sorts_all_rows_and_not_only_those_loaded(
    qtbot: Any, page: QueryPage
) -> None:
    column = [c.key for c in ROSTER.columns].index("balance_fen")
    click_header(qtbot, page, column)
    qtbot.waitUntil(lambda: first(page, "balance_fen") == 1)
    assert page.model.rowCount() == 200
    click_header(qtbot, page, column)
    qtbot.waitUntil(lambda: first(page, "balance_fen") == PEOPLE)
    header = page.model.headerData(column, Qt.Orientation.Horizontal, ACCESSIBLE)
    assert header == "余额，降序"
    page.table.scrollToBottom()
    qtbot.waitUntil(lambda: page.model.rowCount() == 400, timeout=LIMIT_MS)
    shown = [row["balance_fen"] for row in page.model.rows]
    assert shown == sorted(shown, reverse=True)


def click_header(qtbot: Any, page: QueryPage, column: int) -> None:
    header = page.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(column) + 20, 8)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


def first(page: QueryPage, key: str) -> Any:
    return page.model.rows[0][key] if page.model.rows else None


def test_sorting_by_keyboard_and_back_to_the_first_order(qtbot: Any, page: QueryPage) -> None:
    column = [c.key for c in ROSTER.columns].index("balance_fen")
    page.table.setFocus()
    page.table.setCurrentIndex(page.model.index(0, column))
    qtbot.keyClick(page.table, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: first(page, "balance_fen") == 1)
    page.table.setCurrentIndex(page.model.index(0, column))
    qtbot.keyClick(page.table, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: first(page, "balance_fen") == PEOPLE)
    find(page, QAction, "sort_up").trigger()
    qtbot.waitUntil(lambda: first(page, "balance_fen") == 1)
    find(page, QAction, "unsort").trigger()
    qtbot.waitUntil(lambda: first(page, "balance_fen") == PEOPLE)
    assert page.table.horizontalHeader().sortIndicatorSection() == -1


def test_column_that_cannot_be_sorted_by_says_so(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    page = QueryPage(desk, dataclasses.replace(ROSTER, unsorted=frozenset({"name"})))
    qtbot.addWidget(page)
    page.show()
    client.calls.clear()
    click_header(qtbot, page, 1)
    assert "不能按“姓名”排序" in page.bar.text and "W19" in page.bar.text
    assert page.table.horizontalHeader().sortIndicatorSection() == -1
    assert client.calls == []


def test_current_column_survives_its_sorting(qtbot: Any, page: QueryPage) -> None:
    column = [c.key for c in ROSTER.columns].index("balance_fen")
    page.table.setCurrentIndex(page.model.index(5, column))
    find(page, QAction, "sort_up").trigger()
    qtbot.waitUntil(lambda: page.model.rowCount() == 200, timeout=LIMIT_MS)
    assert page.table.currentIndex().column() == column


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
    qtbot.keyClicks(find(page, QLineEdit, "account"), "12x")
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


def test_query_says_what_its_empty_answer_means(qtbot: Any, desk: Desk) -> None:
    page = QueryPage(desk, REMITTANCE_MONTHS)
    qtbot.addWidget(page)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: "请清空终止年月再查" in page.bar.text, timeout=LIMIT_MS)


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


def test_drill_title_names_the_person_and_not_the_key(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    line: dict[str, Any] = {c.key: 0 for c in INTEREST_STATEMENTS.columns if c.summed}
    line |= {"_key": "5323000019302027", "account": 532300001930, "name": "李雁", "year": "2027"}
    client.rows_of["interest_statements"] = [line]
    page = QueryPage(desk, INTEREST_STATEMENTS)
    qtbot.addWidget(page)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=LIMIT_MS)
    press(qtbot, page, "drill")
    assert opened == [("interest_year", line["_key"], "李雁 2027", {})]


def test_page_without_search_fields_has_nothing_to_clear(qtbot: Any, desk: Desk) -> None:
    page = QueryPage(desk, INTEREST_YEAR, "5323000019302027", "李雁 2027")
    qtbot.addWidget(page)
    assert page.findChild(QPushButton, "clear_filters") is None


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


# --- Search fields ---


def test_range_that_ends_before_it_begins_is_told_at_its_end(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    page = QueryPage(desk, SEAL_CHANGES)
    qtbot.addWidget(page)
    page.show()
    qtbot.keyClicks(find(page, QLineEdit, "from_day"), "2026/7/2")
    find(page, QLineEdit, "to_day").setFocus()
    qtbot.keyClicks(find(page, QLineEdit, "to_day"), "20260701")
    qtbot.keyClick(find(page, QLineEdit, "to_day"), Qt.Key.Key_Return)
    assert (
        "起始日期 2026-07-02 晚于截止日期 2026-07-01" in find(page, QLabel, "to_day_problem").text()
    )
    assert client.calls == []


def test_person_is_found_as_one_types_and_by_enter(
    qtbot: Any, page: QueryPage, client: FakeClient
) -> None:
    field = find(page, QLineEdit, "account")
    field.setFocus()
    type_text(field, "侯静霞")
    (offers,) = page._offers
    qtbot.waitUntil(offers.list.isVisible, timeout=LIMIT_MS)
    assert offers.list.isVisible() and offers.list.model.rowCount() == 4
    qtbot.keyClick(field, Qt.Key.Key_Down)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "100000000009" and not offers.list.isVisible()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 1 行", timeout=LIMIT_MS)


def test_name_that_means_one_person_becomes_the_account(
    qtbot: Any, page: QueryPage, desk: Desk, client: FakeClient
) -> None:
    desk.session.facts = dataclasses.replace(
        desk.facts, persons={p.account: p for p in list(client.persons.values())[:10]}
    )
    field = find(page, QLineEdit, "account")
    field.setFocus()
    qtbot.keyClicks(field, "hjx")
    qtbot.waitUntil(page._offers[0].list.isVisible, timeout=LIMIT_MS)
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "100000000009"
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 1 行", timeout=LIMIT_MS)


def test_enter_in_a_list_of_choices_searches(qtbot: Any, page: QueryPage) -> None:
    box = find(page, QComboBox, "status")
    box.setCurrentIndex(box.findData("02"))
    page.activateWindow()
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 225 行", timeout=LIMIT_MS)


def test_search_fields_are_as_they_were_last_used(qtbot: Any, page: QueryPage, desk: Desk) -> None:
    box = find(page, QComboBox, "status")
    box.setCurrentIndex(box.findData("02"))
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 225 行", timeout=LIMIT_MS)
    again = QueryPage(desk, ROSTER)
    qtbot.addWidget(again)
    assert again.filters.texts() == {"status": "02"}
    other = QueryPage(desk, SEAL_CHANGES)
    qtbot.addWidget(other)
    assert other.filters.texts() == {}


def test_new_facts_bring_new_rows(qtbot: Any, page: QueryPage, client: FakeClient) -> None:
    client.rows_of["roster"] = client.rows_of["roster"][:3]
    page.show_facts()
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 3 行", timeout=LIMIT_MS)


# --- Files and paper ---


def test_export_says_whose_rows_which_when_and_by_whom(
    qtbot: Any, page: QueryPage, client: FakeClient, tmp_path: Path
) -> None:
    from python_calamine import CalamineWorkbook

    server_now = datetime.datetime(2031, 1, 1, 0, 30, tzinfo=datetime.UTC)
    client.health = lambda: Health(server_now)  # type: ignore[method-assign]

    box = find(page, QComboBox, "status")
    box.setCurrentIndex(box.findData("02"))
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: find(page, QLabel, "row_count").text() == "共 225 行", timeout=LIMIT_MS)
    file = tmp_path / "名册.xlsx"
    page.export_to(file)
    qtbot.waitUntil(lambda: "已导出 225 行" in page.bar.text, timeout=LIMIT_MS)
    sheet = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
    head = [row[0] for row in sheet[:4]]
    assert head[0] == ROSTER.label
    assert "楚雄示例科技有限公司" in head[1] and "532300000123" in head[1]
    assert head[2] == "查询条件：状态 封存"
    assert head[3] == "导出时间：2031-01-01 08:30:00　操作员：李经办"  # Not by this PC's clock.
    assert sheet[4][:2] == ["个人账号", "姓名"]
    keys = [c.key for c in ROSTER.columns]
    assert sheet[5][keys.index("account")] == "100000000000"
    assert sheet[5][keys.index("unit_fen")] == 1.0
    assert sheet[-1][0] == "合计" and sheet[-1][keys.index("unit_fen")] == 225.0
    assert len(sheet) == 5 + 225 + 1
    assert list(tmp_path.iterdir()) == [file]


def test_cancelled_export_leaves_nothing(
    qtbot: Any, page: QueryPage, client: FakeClient, tmp_path: Path
) -> None:
    client.rows_of["roster"] = client.rows_of["roster"] * 200
    file = tmp_path / "名册.xlsx"
    file.write_bytes(b"old")
    said: list[str] = []
    page.told.connect(said.append)
    page.export_to(file)
    page.export_to(file)
    assert "W18" in said[-1], "one thing at a time"
    page.stop_work()
    assert tasks.finish_all(LIMIT_MS)
    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("名册.xlsx", b"old")]
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: page.model.rowCount() == 200, timeout=LIMIT_MS)


def test_csv_keeps_accounts_whole_and_amounts_plain(
    qtbot: Any, page: QueryPage, tmp_path: Path
) -> None:
    file = tmp_path / "名册.csv"
    page.export_to(file)
    qtbot.waitUntil(lambda: "已导出 450 行" in page.bar.text, timeout=LIMIT_MS)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    assert lines[4][0] == "个人账号"
    assert lines[5][:2] == ["\t100000000000", "职工0"]
    assert lines[5][ROSTER.columns.index(next(c for c in ROSTER.columns if c.key == "base"))] == (
        "4000.00"
    )


def test_list_is_printed_by_the_same_preview_as_receipts(
    qtbot: Any, page: QueryPage, client: FakeClient
) -> None:
    client.pdf = small_pdf()
    find(page, QAction, "print_list").trigger()
    shown = dialog(qtbot, DocumentDialog)
    qtbot.waitUntil(lambda: shown.view.preview.page_count > 0, timeout=LIMIT_MS)
    assert shown.windowTitle() == ROSTER.label
    assert shown.view.name == "单位下人员明细查询_2026-07-15"
    qtbot.waitUntil(shown.view.preview.print_button.isEnabled)
    shown.accept()


def test_too_many_rows_to_print_are_told(qtbot: Any, page: QueryPage, client: FakeClient) -> None:
    client.fault["query_pdf"] = "N07"
    find(page, QAction, "print_list").trigger()
    qtbot.waitUntil(lambda: "N07" in page.bar.text, timeout=LIMIT_MS)
    press(qtbot, page, "find")
    qtbot.waitUntil(lambda: page.model.rowCount() == 200, timeout=LIMIT_MS)
