"""Find, replace, search, sort and 仅看错误."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from hpf_desktop.ui.sheet.arrange import lines_with, matching_rows, sorted_rows
from hpf_desktop.ui.sheet.sheet import Sheet
from hpf_desktop.ui.sheet.store import BLANK
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import number_of, opening_row

NAMES = ("曾小贤", "张三", "阿依·买买提", "王小曾")
BASES = ("9,000.00", "10,000.00", "", "八千")


@pytest.fixture
def sheet(make_sheet: MakeSheet) -> Sheet:
    rows = [opening_row(n, name=NAMES[n], base=BASES[n], address=f"Road {n}") for n in range(4)]
    return make_sheet(rows=rows)


def names(sheet: Sheet) -> list[str]:
    model = sheet.model
    places = (p for p in range(model.rowCount()) if model.store.states[model.row_at(p)] != BLANK)
    return [model.text(p, number_of(model, "name")) for p in places]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("曾", [0, 3]),
        ("zxx", [0]),
        ("xiaozeng", [3]),
        ("AYMMT", [2]),
        ("买买提", [2]),
        ("没有", []),
    ],
)
def test_search_finds_by_name_pinyin_and_initials(
    sheet: Sheet, query: str, rows: list[int]
) -> None:
    assert matching_rows(sheet.model.store, query) == rows


def test_search_finds_by_the_document_number(sheet: Sheet) -> None:
    number = opening_row(2)["id_number"]
    assert matching_rows(sheet.model.store, number[-5:]) == [2]


def test_lines_are_counted_once_however_often_they_match() -> None:
    assert lines_with("aXaX\n\nX\n", "X") == [0, 2]
    assert lines_with("", "X") == []


def test_search_box_shows_only_what_matches_and_clearing_it_shows_all(
    sheet: Sheet, qtbot: QtBot
) -> None:
    sheet.toolbar.search.setText("zeng")
    qtbot.waitUntil(lambda: sheet.model.rowCount() == 2)
    assert names(sheet) == ["曾小贤", "王小曾"]
    assert sheet.model.headerData(1, Qt.Orientation.Vertical) == "4"
    sheet.toolbar.search.clear()
    qtbot.waitUntil(lambda: sheet.model.view is None)


def test_amounts_sort_by_value_and_blank_or_unreadable_come_last(sheet: Sheet) -> None:
    column = number_of(sheet.model, "base")
    store = sheet.model.store
    assert sorted_rows(store, column, False, range(4)) == [0, 1, 2, 3]
    assert sorted_rows(store, column, True, range(4)) == [1, 0, 2, 3]


def test_sort_command_orders_by_the_current_column_and_undoes(sheet: Sheet) -> None:
    sheet.view.go_to(0, number_of(sheet.model, "base"))
    sheet.commands["sort_down"].trigger()
    assert names(sheet)[:2] == ["张三", "曾小贤"]
    assert sheet.texts()[0]["name"] == "曾小贤"
    sheet.commands["sort_none"].trigger()
    assert names(sheet) == list(NAMES)


def test_only_problems_shows_rows_to_correct_and_counts_them(sheet: Sheet) -> None:
    action = sheet.commands["only_problems"]
    assert action.text() == "仅看错误 (2)"
    action.setChecked(True)
    assert names(sheet) == ["阿依·买买提", "王小曾"]
    action.setChecked(False)
    assert len(names(sheet)) == 4


def test_find_counts_first_and_goes_round(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.commands["find"].trigger()
    bar = sheet.find_bar
    assert bar.isVisible() and not bar.new_edit.isVisible()
    bar.sought_edit.setText("曾")
    assert bar.count.text() == "共 2 处"
    qtbot.keyClick(bar.sought_edit, Qt.Key.Key_Return)
    assert (sheet.view.currentIndex().row(), bar.count.text()) == (0, "第 1 处，共 2 处")
    qtbot.keyClick(bar.sought_edit, Qt.Key.Key_Return)
    assert sheet.view.currentIndex().row() == 3
    qtbot.keyClick(bar.sought_edit, Qt.Key.Key_Return)
    assert sheet.view.currentIndex().row() == 0
    qtbot.keyClick(bar.sought_edit, Qt.Key.Key_Escape)
    assert not bar.isVisible()


def test_replace_all_is_one_step_and_leaves_computed_cells(sheet: Sheet) -> None:
    said: list[str] = []
    sheet.told.connect(said.append)
    sheet.commands["replace"].trigger()
    bar = sheet.find_bar
    bar.sought_edit.setText("10,000.00")
    bar.new_edit.setText("12000")
    bar.replace_all.click()
    assert sheet.texts()[1]["base"] == "12,000.00"
    assert said == ["替换 1 处"]
    bar.sought_edit.setText("1,440.00")
    bar.replace_all.click()
    assert said[-1] == "替换 0 处；2 处在只读列，没有替换"
    bar.sought_edit.setText("road")
    bar.new_edit.setText(r"路\1")
    bar.replace_all.click()
    assert [row["address"] for row in sheet.texts()] == [rf"路\1 {n}" for n in range(4)]
    sheet.commands["undo"].trigger()
    assert sheet.texts()[3]["address"] == "Road 3"


def test_find_can_keep_case_match_whole_cells_and_stay_inside_the_selection(sheet: Sheet) -> None:
    sheet.commands["find"].trigger()
    bar = sheet.find_bar
    bar.sought_edit.setText("ROAD")
    assert len(bar.hits) == 4
    bar.case.setChecked(True)
    assert bar.hits == []
    bar.sought_edit.setText("Road")
    bar.whole.setChecked(True)
    assert bar.hits == []
    bar.sought_edit.setText("Road 1")
    assert len(bar.hits) == 1
    bar.inside.setChecked(True)
    sheet.view.go_to(0, 0)
    bar.look()
    assert bar.hits == []


def test_replace_one_goes_on_to_the_next(sheet: Sheet) -> None:
    sheet.commands["replace"].trigger()
    bar = sheet.find_bar
    bar.sought_edit.setText("Road")
    bar.new_edit.setText("Street")
    bar.replace_one.click()
    bar.replace_one.click()
    shown = [row["address"] for row in sheet.texts()]
    assert shown == ["Street 0", "Road 1", "Road 2", "Road 3"]
    assert bar.count.text() == "第 1 处，共 3 处"
