"""The window: functions under the manual's menus, tabs, locking with the key, leaving."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QTreeWidget,
)

from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.ui import theme
from hpf_desktop.ui.login.approve import ApprovalDialog
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.pages import PLACES
from server.business.businesses import BUSINESSES
from server.business.queries import QUERIES
from server.business.refusals import problem
from tests.cert.keys import PIN, card
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find, press


@pytest.fixture
def window(qtbot: Any, desk: Desk) -> MainWindow:
    made = MainWindow(desk)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: desk.keys.is_present(desk.session.certificate.reader))
    return made


def locked(qtbot: Any, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.is_locked, timeout=LIMIT_MS)


def unlock(qtbot: Any, window: MainWindow) -> None:
    field = find(window.lock_page, QLineEdit, "pin")
    qtbot.waitUntil(field.isEnabled, timeout=LIMIT_MS)
    qtbot.keyClicks(field, PIN)
    press(qtbot, window.lock_page, "confirm")
    qtbot.waitUntil(lambda: not window.is_locked, timeout=LIMIT_MS)


def test_tree_leads_to_every_business_and_query_under_its_menu(window: MainWindow) -> None:
    tree = find(window, QTreeWidget, "navigation")
    shown = {
        (tree.topLevelItem(m).text(0), tree.topLevelItem(m).child(n).text(0))
        for m in range(tree.topLevelItemCount())
        for n in range(tree.topLevelItem(m).childCount())
    }
    assert shown == {(b.menu, b.label) for b in BUSINESSES} | {
        (q.menu, q.label) for q in QUERIES if q.menu
    } | {("归集业务", "密码修改"), ("归集业务", "证书体检")}


def test_queries_stand_as_in_the_manual_and_what_is_printed_from_them_comes_last() -> None:
    shown = [place.label for place in PLACES.values() if place.menu == "公积金查询"]
    in_manual = [
        "单位基本信息查询", "单位缴存明细查询", "单位封存启封查询", "单位比例调整查询",
        "单位基数调整查询", "单位结息对账单查询", "单位缴存登记查询", "单位缴存情况证明打印",
    ]  # fmt: skip
    assert [label for label in shown if label in in_manual] == in_manual
    assert shown[-1] == in_manual[-1]


@pytest.mark.parametrize("code", PLACES)
def test_every_place_opens_in_one_tab_by_keyboard(
    qtbot: Any, window: MainWindow, code: str
) -> None:
    tree = window.navigation
    tree.mark(code)
    for _ in range(2):
        qtbot.keyClick(tree, Qt.Key.Key_Return)
    assert window.page().title == PLACES[code].label
    titles = [window.tabs.tabText(n) for n in range(window.tabs.count())]
    assert titles.count(PLACES[code].label) == 1
    assert window.navigation.currentItem().text(0) == PLACES[code].label


def test_menus_follow_the_page(window: MainWindow) -> None:
    def titles() -> list[str]:
        return [action.text() for action in window.menuBar().actions()]

    window.open_place("sealing")
    assert titles() == ["文件(&F)", "编辑(&E)", "数据(&D)", "校验(&V)", "视图(&W)", "帮助(&H)"]
    window.open_place("remittance")
    assert titles() == ["文件(&F)", "视图(&W)", "帮助(&H)"]


def test_no_two_commands_of_a_page_share_a_key(window: MainWindow) -> None:
    for code in PLACES:
        page = window.open_place(code)
        keys: dict[str, str] = {}
        listed = [a for _, actions in page.menus() for a in actions if a]
        for action in [*listed, *window.actions()]:
            for key in action.shortcuts():
                other = keys.setdefault(key.toString(), action.objectName())
                assert other == action.objectName(), (code, key.toString())


def test_every_control_of_every_page_has_a_name(window: MainWindow) -> None:
    for code in PLACES:
        page = window.open_place(code)
        own = [page, window.lock_page, window.navigation, window.tabs]
        for kind in (QAbstractButton, QLineEdit, QComboBox):
            for place in own:
                for widget in place.findChildren(kind):
                    if not widget.isVisibleTo(place) or widget.objectName().startswith("qt_"):
                        continue
                    named = widget.accessibleName() or getattr(widget, "text", str)()
                    named = named or widget.objectName()
                    assert named or isinstance(widget.parent(), QAbstractItemView | QComboBox), (
                        code, type(widget).__name__, widget.parent()
                    )  # fmt: skip


def test_pulled_key_hides_everything_and_suspends_the_session(
    qtbot: Any, window: MainWindow, slot: InProcessReaders, client: FakeClient
) -> None:
    window.open_place("sealing")
    slot.pull()
    locked(qtbot, window)
    assert not window.tabs.isVisible() and not window.menuBar().isVisible()
    assert not any(a.isEnabled() for a in window.actions() if a.objectName() == "close_page")
    qtbot.waitUntil(lambda: client.is_suspended, timeout=LIMIT_MS)
    assert "W04" in find(window.lock_page, QLabel, "lock_reason").text()


def test_same_key_and_pin_go_on_where_one_was(
    qtbot: Any, window: MainWindow, slot: InProcessReaders, client: FakeClient
) -> None:
    own = slot.reader("Virtual key 00 00").card
    page = window.open_place("sealing")
    page.sheet.load([{"account": "100000000001"}])
    slot.pull()
    locked(qtbot, window)
    slot.insert(own)
    unlock(qtbot, window)
    assert "resume" in client.calls and window.page() is page
    assert page.sheet.row_count == 1 and window.menuBar().isVisible()


def test_another_key_ends_the_session(
    qtbot: Any, window: MainWindow, slot: InProcessReaders, client: FakeClient
) -> None:
    slot.pull()
    locked(qtbot, window)
    with qtbot.waitSignal(window.logged_out, timeout=LIMIT_MS) as told:
        slot.insert(card(number=5))
    assert told.args[0].code == "W05"
    qtbot.waitUntil(lambda: "log_out" in client.calls, timeout=LIMIT_MS)


def test_operator_locks_the_window(qtbot: Any, window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    locked(qtbot, window)
    assert "W07" in find(window.lock_page, QLabel, "lock_reason").text()


def test_locking_closes_the_dialogs_that_stand_open(
    qtbot: Any, window: MainWindow, slot: InProcessReaders, client: FakeClient
) -> None:
    page = window.open_place("sealing")
    page.sheet.load([{"account": "100000000001", "reason": "01", "month": "2026-07"}])
    page.submit()
    dialog(qtbot, ApprovalDialog)
    slot.pull()
    locked(qtbot, window)
    left = [w for w in QApplication.topLevelWidgets() if isinstance(w, ApprovalDialog)]
    assert not any(w.isVisible() for w in left)
    assert "submit" not in client.calls and not page.sheet.is_locked


def test_ended_session_is_opened_anew_by_the_pin_alone(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    window.lock(problem("N01"))
    qtbot.waitUntil(lambda: "suspend" in client.calls, timeout=LIMIT_MS)
    client.fault["suspend"] = "N01"
    unlock(qtbot, window)
    assert "log_in" in client.calls and "resume" not in client.calls


def test_standing_of_a_suspended_session_locks(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    client.is_suspended = True
    window.watch.beat()
    locked(qtbot, window)


def test_broken_network_is_shown_in_words(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    client.fault["standing"] = "N06"
    window.watch.beat()
    shown = find(window, QLabel, "status_network")
    qtbot.waitUntil(lambda: shown.text() == "网络：中断", timeout=LIMIT_MS)
    window.watch.beat()
    qtbot.waitUntil(lambda: shown.text() == "网络：正常", timeout=LIMIT_MS)


def test_wake_from_sleep_locks(qtbot: Any, window: MainWindow, desk: Desk) -> None:
    desk.keys._ticked_at -= 3_600
    desk.keys._ticked()
    locked(qtbot, window)
    assert "W06" in find(window.lock_page, QLabel, "lock_reason").text()


def test_closing_the_window_logs_out(qtbot: Any, window: MainWindow, client: FakeClient) -> None:
    with qtbot.waitSignal(window.closed):
        window.close()
    qtbot.waitUntil(lambda: "log_out" in client.calls, timeout=LIMIT_MS)


def test_help_opens_the_topic_of_the_page(qtbot: Any, window: MainWindow) -> None:
    window.open_place("remittance")
    with qtbot.waitSignal(window.manual_asked) as told:
        window.ask_help()
    assert told.args == ["remittance#终止年月"], "the page, and the field under the focus"


def test_menus_have_no_empty_entries(window: MainWindow) -> None:
    for code in PLACES:
        window.open_place(code)
        for menu in window.menuBar().findChildren(QMenu):
            assert all(a.text() or a.isSeparator() for a in menu.actions())


def test_draft_is_told_of_only_on_its_own_page(window: MainWindow) -> None:
    draft = find(window, QLabel, "status_draft")
    page = window.open_place("sealing")
    page.draft_told.emit("草稿已自动保存 09:41:07")
    assert "09:41:07" in draft.text()
    window.open_place("roster")
    assert draft.text() == ""
    page.draft_told.emit("草稿已自动保存 09:42:00")
    assert draft.text() == ""
    window.open_place("sealing")
    assert "09:42:00" in draft.text()
    page.draft_told.emit("")
    assert draft.text() == ""


@pytest.mark.parametrize("code", ["sealing", "account_opening", "roster", "payments"])
def test_sheet_page_fits_a_small_screen_at_twice_the_size(
    qtbot: Any, window: MainWindow, look_at: Any, code: str
) -> None:
    look_at(200)
    window.resize(1366, 768)
    window.set_colours(window.desk.colours)
    window.open_place(code)
    holder = window.tabs.currentWidget()
    qtbot.waitUntil(lambda: holder.viewport().width() > 0)
    QApplication.processEvents()
    assert holder.horizontalScrollBar().maximum() == 0
    assert window.width() == 1366


@pytest.fixture
def look_at(qapp: QApplication) -> Any:
    """Sets the zoom, for this test only."""
    yield lambda zoom: theme.apply(qapp, "light", zoom)
    theme.apply(qapp, "light", 100)


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Backspace])
def test_way_back_from_a_drill_down_leads_to_the_same_row_and_search_fields(
    qtbot: Any, window: MainWindow, client: FakeClient, key: Qt.Key
) -> None:
    client.rows_of["payments"] = [
        {"_key": str(n), "serial": str(n), "amount": 5, "kind": "remittance"} for n in (77, 78)
    ]
    client.rows_of["payment_persons"] = [
        {"_key": "1,2", "account": 100000000001, "unit_fen": 2, "personal_fen": 3, "amount": 5}
    ]
    first = window.open_place("payments")
    qtbot.waitUntil(lambda: first.model.rowCount() == 2, timeout=LIMIT_MS)
    window.open_place("roster")
    window.open_place("payments")
    box = find(first, QComboBox, "kind")
    box.setCurrentIndex(box.findData("remittance"))
    first.take_focus()
    first.table.setCurrentIndex(first.model.index(1, 2))
    qtbot.keyClick(first.table, Qt.Key.Key_Return)
    second = window.page()
    assert (second.query.code, second._parent_key) == ("payment_persons", "78")
    qtbot.waitUntil(lambda: second.model.rowCount() == 1, timeout=LIMIT_MS)
    qtbot.keyClick(second.table, key)
    assert window.page() is first
    assert [window._page_at(n).query.code for n in range(1, window.tabs.count())] == [
        "payments", "roster",
    ]  # fmt: skip
    assert first.table.currentIndex().row() == 1
    assert first.filters.texts() == {"kind": "remittance"}


def test_escape_leaves_no_page_that_nobody_drilled_to(qtbot: Any, window: MainWindow) -> None:
    page = window.open_place("roster")
    qtbot.waitUntil(lambda: not page._is_loading, timeout=LIMIT_MS)
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
        qtbot.keyClick(page.table, key)
        assert window.page() is page


def test_f5_asks_the_open_query_again(qtbot: Any, window: MainWindow, client: FakeClient) -> None:
    page = window.open_place("payments")
    qtbot.waitUntil(lambda: page._has_started and not page._is_loading, timeout=LIMIT_MS)
    client.rows_of["payments"] = [{"_key": "77", "serial": "77", "amount": 5, "kind": "remittance"}]
    qtbot.keyClick(page.table, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=LIMIT_MS)


def test_refusal_opens_the_business_that_solves_it_with_the_person(
    qtbot: Any, window: MainWindow
) -> None:
    window.desk.open_business("transfer", [{"person": "532301199003070012", "base": "6,000.00"}])
    page = window.page()
    assert page is not None and page.business.code == "transfer"
    assert page.sheet.texts() == [{"person": "532301199003070012", "base": "6,000.00"}]
    page.start_over()  # Nothing unsaved to ask about when the window closes.
