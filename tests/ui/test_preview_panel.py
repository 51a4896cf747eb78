"""The dry run of a remittance: equations that open to their people, and nothing is submitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit

from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from server.business.prepayment import PREPAYMENT
from server.business.remittance import REMITTANCE
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, find, type_text
from tests.ui.samples import month_people, months

ACCESSIBLE = Qt.ItemDataRole.AccessibleTextRole


@pytest.fixture
def page(qtbot: Any, desk: Desk, client: FakeClient) -> FormPage:
    client.rows_of["remittance_months"] = months()
    client.rows_of["remittance_changes"] = month_people()
    made = FormPage(desk, REMITTANCE)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    return made


def fill(page: FormPage, until: str, method: str = "settle") -> None:
    field = find(page, QLineEdit, "until")
    field.selectAll()
    type_text(field, until)
    box = find(page, QComboBox, "method")
    box.setCurrentIndex(box.findData(method))
    box.activated.emit(box.currentIndex())


def cells(page: FormPage) -> list[list[str]]:
    table = page.preview.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def previewed(qtbot: Any, page: FormPage, rows: int) -> None:
    table = page.preview.table
    qtbot.waitUntil(lambda: table.isVisible() and table.rowCount() == rows, timeout=LIMIT_MS)


def sources(page: FormPage) -> str:
    return find(page, QLabel, "preview_sources").text()


def test_nothing_is_previewed_before_month_and_method_are_chosen(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    type_text(find(page, QLineEdit, "until"), "2026-08")
    qtbot.waitUntil(lambda: "check" in client.calls, timeout=LIMIT_MS)
    assert "query" not in client.calls and not page.preview.isVisible()


def test_each_month_states_its_equation_and_what_is_debited(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    fill(page, "2026-08")
    previewed(qtbot, page, 3)
    assert cells(page) == [
        ["2026-07", "122,906.00", "1 人　1,200.00", "1 人　800.00", "1 人　150.00",
         "35 人　123,456.00"],
        ["2026-08", "123,456.00", "0.00", "0.00", "0.00", "35 人　123,456.00"],
        ["合计", "", "1,200.00", "800.00", "150.00", "246,912.00"],
    ]  # fmt: skip
    header = page.preview.table.horizontalHeader().model()
    heads = [header.headerData(n, Qt.Orientation.Horizontal) for n in range(6)]
    assert heads == ["年月", "上月应缴", "+ 增加", "− 减少", "± 调整", "= 本月应缴"]
    wanted = "从 建设银行 ****6789 扣款 246,912.00 元"
    qtbot.waitUntil(lambda: wanted in sources(page), timeout=LIMIT_MS)
    assert not {"submit", "save_new", "save_again"} & set(client.calls)


def test_term_opens_to_its_people_by_keyboard(qtbot: Any, page: FormPage, desk: Desk) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    fill(page, "2026-07")
    previewed(qtbot, page, 1)
    table = page.preview.table
    table.setFocus()
    for _ in range(3):
        qtbot.keyClick(table, Qt.Key.Key_Right)
    assert table.currentItem().data(ACCESSIBLE).startswith("2026-07 减少 1 人　800.00")
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert opened == [("remittance_changes", "2026-07", "2026-07", {"change": "2"})]


def test_term_without_people_opens_nothing(qtbot: Any, page: FormPage, desk: Desk) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    fill(page, "2026-08")
    previewed(qtbot, page, 3)
    table = page.preview.table
    for row, column in ((1, 2), (2, 5)):
        table.itemActivated.emit(table.item(row, column))
    assert opened == []


def test_people_of_one_term_are_shown_in_the_window(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    client.rows_of["remittance_changes"] = month_people()
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    for change, name in (("1", "赵子"), ("2", "陶秀杰")):
        desk.open_query("remittance_changes", "2026-07", "2026-07", {"change": change})
        shown = window.page()
        assert shown.title == "汇缴变更人员 2026-07"
        qtbot.waitUntil(
            lambda shown=shown, name=name: [r["name"] for r in shown.model.rows] == [name],
            timeout=LIMIT_MS,
        )
    desk.open_query("remittance_changes", "2026-07", "2026-07", {})
    qtbot.waitUntil(lambda: window.page().model.rowCount() == 4, timeout=LIMIT_MS)
    assert window.tabs.count() == 2


def test_new_facts_bring_a_new_preview(
    qtbot: Any, page: FormPage, desk: Desk, client: FakeClient
) -> None:
    fill(page, "2026-07", "prepayment")
    previewed(qtbot, page, 1)
    qtbot.waitUntil(lambda: "余额不足" in sources(page), timeout=LIMIT_MS)
    changed = months()
    changed[0] |= {"added_fen": 0, "added": 0, "due_fen": 1}
    client.rows_of["remittance_months"] = changed
    client.own_unit = replace(client.own_unit, prepayment_fen=10**8)
    desk.session.facts = client.facts()
    page.show_facts()
    qtbot.waitUntil(lambda: cells(page)[0][2] == "0.00", timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: "与上表不同" in sources(page), timeout=LIMIT_MS)


@pytest.mark.parametrize("code", ["N06", "N07"])
def test_without_an_answer_the_preview_says_so(
    qtbot: Any, page: FormPage, client: FakeClient, code: str
) -> None:
    client.fault["query"] = code
    fill(page, "2026-07")
    words = find(page, QLabel, "preview_words")
    qtbot.waitUntil(lambda: code in words.text(), timeout=LIMIT_MS)
    assert words.isVisible() and "暂时不能试算" in words.text()
    assert not page.preview.table.isVisible()
    assert not find(page, QLabel, "preview_sources").isVisible()
    page.show_facts()
    previewed(qtbot, page, 1)


def test_month_with_nothing_due_is_said(qtbot: Any, page: FormPage, client: FakeClient) -> None:
    client.rows_of["remittance_months"] = []
    fill(page, "2026-07")
    words = find(page, QLabel, "preview_words")
    qtbot.waitUntil(lambda: "没有要缴的月份" in words.text(), timeout=LIMIT_MS)


def test_preview_of_what_was_typed_before_is_dropped(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    fill(page, "2026-08")
    previewed(qtbot, page, 3)
    type_text(find(page, QLineEdit, "until"), "x")
    assert not page.preview.isVisible()
    asked = client.calls.count("query")
    qtbot.wait(500)
    assert client.calls.count("query") == asked and not page.preview.isVisible()


def test_business_without_a_preview_has_no_panel(qtbot: Any, desk: Desk) -> None:
    page = FormPage(desk, PREPAYMENT)
    qtbot.addWidget(page)
    assert page.preview is None
