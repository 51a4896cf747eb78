"""The cell editors: people found as they are typed, choices, months, days."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from hpf_desktop.ui import theme
from hpf_desktop.ui.sheet.editors import DayEdit, Offer, OfferEdit
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.sealing import SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import editor_of, number_of

Key = Qt.Key
# The offscreen platform has one window at a time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def sheet(make_sheet: MakeSheet) -> Sheet:
    return make_sheet(SEALING)


def open_editor(sheet: Sheet, qtbot: QtBot, key: str, typed: str) -> QLineEdit:
    sheet.view.go_to(0, number_of(sheet.model, key))
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Key.Key_F2)
    editor = editor_of(sheet)
    editor.selectAll()
    if typed.isascii():
        qtbot.keyClicks(editor, typed)
    else:  # As an input method gives it: no key has these letters.
        done = QInputMethodEvent()
        done.setCommitString(typed)
        QApplication.sendEvent(editor, done)
    return editor


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("曾", "100000000001"),
        ("zxx", "100000000001"),
        ("zengxiao", "100000000001"),
        ("买买提", "100000000002"),
        ("aymmt", "100000000002"),
        ("shan", "100000000003"),
        ("*0001", "100000000002"),
        ("00000002", "100000000002"),
    ],
)
def test_person_is_found_by_any_part_and_enter_takes_the_line_chosen(
    sheet: Sheet, qtbot: QtBot, typed: str, account: str
) -> None:
    editor = open_editor(sheet, qtbot, "account", typed)
    assert isinstance(editor, OfferEdit)
    assert editor.list.isVisible()
    found = [offer.text for offer in editor.list.model.offers]
    assert found[0] == account
    qtbot.keyClick(editor, Key.Key_Down)
    qtbot.keyClick(editor, Key.Key_Return)
    assert sheet.texts() == [{"account": account}]
    assert sheet.model.text(0, number_of(sheet.model, "name")) != ""


def test_only_candidate_is_taken_without_choosing(sheet: Sheet, qtbot: QtBot) -> None:
    editor = open_editor(sheet, qtbot, "account", "zxx")
    qtbot.keyClick(editor, Key.Key_Return)
    assert sheet.texts() == [{"account": "100000000001"}]


def test_list_shows_account_name_masked_number_and_status_and_greys_the_others(
    sheet: Sheet, qtbot: QtBot
) -> None:
    editor = open_editor(sheet, qtbot, "account", "1000")
    assert isinstance(editor, OfferEdit)
    model = editor.list.model
    lines = [[model.index(r, c).data() for c in range(4)] for r in range(model.rowCount())]
    assert lines[0] == ["100000000001", "曾小贤", "5323**********0000", "正常"]
    assert lines[-1][3] == "封存"
    foreground = Qt.ItemDataRole.ForegroundRole
    assert model.index(len(lines) - 1, 0).data(foreground) is not None
    assert model.index(0, 0).data(foreground) is None


def test_click_on_a_line_takes_it(sheet: Sheet, qtbot: QtBot) -> None:
    editor = open_editor(sheet, qtbot, "account", "1000")
    assert isinstance(editor, OfferEdit)
    editor.list.table.clicked.emit(editor.list.model.index(1, 0))
    assert sheet.texts() == [{"account": "100000000002"}]


def test_escape_closes_the_list_first_and_then_the_editor(sheet: Sheet, qtbot: QtBot) -> None:
    editor = open_editor(sheet, qtbot, "account", "zxx")
    assert isinstance(editor, OfferEdit)
    qtbot.keyClick(editor, Key.Key_Escape)
    assert not editor.list.isVisible()
    assert editor.isVisible()
    qtbot.keyClick(editor, Key.Key_Escape)
    assert sheet.texts() == []


def test_text_that_is_nobody_stays_with_its_problem(sheet: Sheet, qtbot: QtBot) -> None:
    editor = open_editor(sheet, qtbot, "account", "王")
    qtbot.keyClick(editor, Key.Key_Return)
    assert sheet.texts() == [{"account": "王"}]
    assert sheet.counts()[0] > 0


@pytest.mark.parametrize("typed", ["02", "调出", "dcdzy", "diaochu"])
def test_choice_is_found_by_code_label_or_pinyin(sheet: Sheet, qtbot: QtBot, typed: str) -> None:
    editor = open_editor(sheet, qtbot, "reason", typed)
    qtbot.keyClick(editor, Key.Key_Return)
    assert sheet.texts() == [{"reason": "调出待转移"}]


def test_month_is_found_by_its_number(sheet: Sheet, qtbot: QtBot) -> None:
    editor = open_editor(sheet, qtbot, "month", "9")
    qtbot.keyClick(editor, Key.Key_Down)
    qtbot.keyClick(editor, Key.Key_Return)
    assert sheet.texts() == [{"month": "2026-09"}]


def test_day_can_be_taken_from_a_calendar(make_sheet: MakeSheet, qtbot: QtBot) -> None:
    sheet = make_sheet()
    editor = open_editor(sheet, qtbot, "born", "1990-05-05")
    assert isinstance(editor, DayEdit)
    qtbot.keyClick(editor, Key.Key_F4)
    assert editor.calendar is not None and editor.calendar.isVisible()
    assert editor.calendar.selectedDate().toString("yyyy-MM-dd") == "1990-05-05"
    editor.calendar.clicked.emit(editor.calendar.selectedDate().addDays(1))
    assert editor.text() == "1990-05-06"


@pytest.mark.parametrize("zoom", [100, 150, 200])
def test_few_offers_need_no_scroll_bar_at_any_zoom(
    make_sheet: MakeSheet, qtbot: QtBot, qapp: QApplication, zoom: int
) -> None:
    theme.apply(qapp, "light", zoom)
    try:
        editor = open_editor(make_sheet(SEALING), qtbot, "account", "")
        assert isinstance(editor, OfferEdit)
        offers = editor.list
        offers.offer([Offer(str(n), (str(n), "杨晓丽")) for n in range(2)], editor)
        qtbot.waitExposed(offers)
        table = offers.table
        assert table.verticalScrollBar().maximum() == 0
        assert table.rowHeight(0) >= table.fontMetrics().height()
        assert 0 <= table.viewport().height() - 2 * table.rowHeight(0) <= 2
    finally:
        theme.apply(qapp, "light", 100)
