"""单位比例变更 on its form: today at the left, the effect shown before anything is submitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit

from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.page import Desk
from server.business.ratio_change import RATIO_CHANGE
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, find, type_text


@pytest.fixture
def page(qtbot: Any, desk: Desk, client: FakeClient) -> FormPage:
    client.rows_of["ratio_effect"] = [
        {"month": "2026-07", "before_fen": 4_000_000, "changed_fen": 400_000,
         "after_fen": 4_400_000, "persons": 35, "outside": 2, "outside_fen": 36_000,
         "unit_ratio": "11%", "personal_ratio": "11%",
         "_key": "2026-07"},
    ]  # fmt: skip
    client.own_unit = replace(client.own_unit, unit_ratio=1000, personal_ratio=1000)
    desk.session.facts = client.facts()
    made = FormPage(desk, RATIO_CHANGE)
    qtbot.addWidget(made)
    made.resize(1_150, 800)
    made.show()
    return made


def fill(page: FormPage, ratio: str) -> None:
    type_text(find(page, QLineEdit, "unit_ratio"), ratio)
    box = find(page, QComboBox, "reason")
    box.setCurrentIndex(box.findData("02"))
    box.activated.emit(box.currentIndex())


def test_form_shows_today_and_refuses_what_is_lower(qtbot: Any, page: FormPage) -> None:
    assert find(page, QLabel, "unit_ratio_today").text() == "现为 10%"
    fill(page, "9%")
    told = find(page, QLabel, "unit_ratio_problem")
    qtbot.waitUntil(lambda: "现行的 10%" in told.text(), timeout=LIMIT_MS)


def test_what_will_be_refused_has_no_effect_to_show(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    fill(page, "11%")
    qtbot.waitUntil(page.preview.table.isVisible, timeout=LIMIT_MS)
    asked = client.calls.count("query")
    find(page, QLineEdit, "unit_ratio").clear()
    fill(page, "9%")
    told = find(page, QLabel, "unit_ratio_problem")
    qtbot.waitUntil(lambda: "现行的 10%" in told.text(), timeout=LIMIT_MS)
    assert not page.preview.isVisible()
    assert client.calls.count("query") == asked


def test_effect_is_shown_before_the_reason_is_chosen(qtbot: Any, page: FormPage) -> None:
    type_text(find(page, QLineEdit, "unit_ratio"), "11%")
    qtbot.waitUntil(page.preview.table.isVisible, timeout=LIMIT_MS)


def test_effect_is_shown_and_opens_to_the_people_at_these_ratios(
    qtbot: Any, page: FormPage, desk: Desk, client: FakeClient
) -> None:
    opened: list[tuple[Any, ...]] = []
    desk.open_query = lambda *where: opened.append(where)
    fill(page, "11%")
    table = page.preview.table
    qtbot.waitUntil(lambda: table.isVisible() and table.rowCount() == 1, timeout=LIMIT_MS)
    cells = [table.item(0, n).text() for n in range(table.columnCount())]
    assert cells == [
        "2026-07", "40,000.00", "4,000.00", "35 人　44,000.00", "2 人　360.00",
    ]  # fmt: skip
    assert find(page, QLabel, "preview_title").text() == "试算：提交后将这样变更。试算不会提交。"
    table.itemActivated.emit(table.item(0, 4))
    asked = {"unit_ratio": "11%", "personal_ratio": "11%"}
    assert opened == [("ratio_effect_persons", "2026-07", "2026-07", asked | {"outside": "1"})]
    assert "submit" not in client.calls
