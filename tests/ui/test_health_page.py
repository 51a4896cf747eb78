"""证书体检 in its windows: rows fill one by one, a mute key freezes nothing, F5 begins again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QTableWidget

from hpf_desktop.app import Desktop
from hpf_desktop.cert.health import CHECKS, State
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.cert.virtual_key.tricks import Action, Trick
from hpf_desktop.settings import Settings
from hpf_desktop.ui import theme
from hpf_desktop.ui.health_panel import HealthDialog, HealthPanel
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from tests.cert.keys import DAY, NOW, PIN, card
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find, press

CODES = [check.code for check in CHECKS]
YEAR = 365 * DAY


@pytest.fixture
def slot() -> InProcessReaders:
    made = InProcessReaders()
    made.insert(card(ends=NOW + YEAR))
    return made


@pytest.fixture
def desktop(qapp: QApplication, slot: InProcessReaders, client: FakeClient) -> Iterator[Desktop]:
    made = Desktop(qapp, Settings(), slot.open, lambda chosen: client, pauses_drafts=True)
    made.start()
    yield made
    if made.window is not None:
        made.window.close()
    made.login.hide()
    made.close()
    made._save_timer.stop()


def shown(panel: Any, row: str, column: int = 1) -> str:
    table: QTableWidget = find(panel, QTableWidget, "health_rows")
    return table.item(CODES.index(row), column).text()


def states(panel: Any) -> dict[str, str]:
    return {code: shown(panel, code) for code in CODES}


def is_over(panel: Any) -> bool:
    return all(state in set(State) for state in states(panel).values())


def wait(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(lambda: is_over(panel), timeout=LIMIT_MS)


def log_in(qtbot: Any, desktop: Desktop) -> MainWindow:
    field = find(desktop.login, QLineEdit, "pin")
    qtbot.waitUntil(field.isEnabled, timeout=LIMIT_MS)
    qtbot.keyClicks(field, PIN)
    press(qtbot, desktop.login, "confirm")
    qtbot.waitUntil(lambda: desktop.window is not None, timeout=LIMIT_MS)
    return desktop.window


def verdict(panel: Any) -> str:
    return find(panel, QLabel, "health_verdict").text()


def test_login_window_opens_the_examination_and_every_row_is_good(
    qtbot: Any, desktop: Desktop
) -> None:
    press(qtbot, desktop.login, "examine")
    opened = dialog(qtbot, HealthDialog)
    wait(qtbot, opened)
    assert set(states(opened).values()) == {"正常"}
    assert verdict(opened) == "正常：没有发现问题，可以用证书登录"
    qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert not opened.isVisible()


def test_key_problem_leads_there_and_a_key_put_in_is_checked_by_itself(
    qtbot: Any, desktop: Desktop, slot: InProcessReaders
) -> None:
    slot.pull()
    button = find(desktop.login, QPushButton, "key_examine")
    qtbot.waitUntil(button.isVisible, timeout=LIMIT_MS)
    press(qtbot, desktop.login, "key_examine")
    opened = dialog(qtbot, HealthDialog)
    wait(qtbot, opened)
    assert states(opened)["key"] == "异常" and states(opened)["pin"] == "未检查"
    assert "插入证书 Key" in verdict(opened) and "C03" in verdict(opened)
    row = find(opened, QTableWidget, "health_rows").currentRow()
    assert CODES[row] == "key", "the row in question is pointed at"
    slot.insert(card(ends=NOW + YEAR))
    qtbot.waitUntil(lambda: set(states(opened).values()) == {"正常"}, timeout=LIMIT_MS)
    opened.reject()
    qtbot.waitUntil(button.isHidden, timeout=LIMIT_MS)


def test_mute_key_freezes_nothing_and_f5_begins_again(
    qtbot: Any, desktop: Desktop, slot: InProcessReaders
) -> None:
    press(qtbot, desktop.login, "examine")
    opened = dialog(qtbot, HealthDialog)
    wait(qtbot, opened)
    slot.reader(slot.states()[0].name).card.tricks.add(Trick("read", Action.DELAY, seconds=1.2))
    qtbot.keyClick(opened, Qt.Key.Key_F5)
    assert shown(opened, "service") == "检查中…"
    worst, last = 0.0, time.perf_counter()
    until = last + 0.8
    while last < until:
        QApplication.processEvents()
        time.sleep(0.005)
        worst, last = max(worst, time.perf_counter() - last), time.perf_counter()
    assert worst < 0.25
    assert shown(opened, "server") == "正常" and shown(opened, "key") == "检查中…"
    wait(qtbot, opened)
    assert set(states(opened).values()) == {"正常"}
    opened.reject()


def test_closing_gives_up_a_key_that_does_not_answer(
    qtbot: Any, desktop: Desktop, slot: InProcessReaders
) -> None:
    slot.reader(slot.states()[0].name).card.tricks.add(
        Trick("read", Action.DELAY, seconds=2.0, skip=4)
    )
    press(qtbot, desktop.login, "examine")
    opened = dialog(qtbot, HealthDialog)
    panel = opened.panel
    qtbot.waitUntil(lambda: shown(panel, "reader") == "正常", timeout=LIMIT_MS)
    opened.reject()
    assert not panel._running


def test_page_in_the_window_is_reached_by_menu_and_checked_again_by_f5(
    qtbot: Any, desktop: Desktop, client: FakeClient
) -> None:
    window = log_in(qtbot, desktop)
    action = next(a for a in window.actions() if a.objectName() == "examine")
    action.trigger()
    page = window.page()
    assert page.title == "证书体检" and page.topic == "certificate_health"
    wait(qtbot, page)
    assert set(states(page).values()) == {"正常"}
    client.ahead = timedelta(minutes=9)
    next(a for a in window.actions() if a.objectName() == "reload").trigger()
    qtbot.waitUntil(lambda: shown(page, "clock") == "注意", timeout=LIMIT_MS)
    wait(qtbot, page)
    assert "慢 9 分钟" in verdict(page)
    assert not window.is_locked, "the examination leaves the session alone"


def test_report_is_copied_and_holds_nobodys_name(qtbot: Any, desktop: Desktop) -> None:
    window = log_in(qtbot, desktop)
    page = window.open_place("certificate_health")
    wait(qtbot, page)
    press(qtbot, page, "health_copy")
    text = QApplication.clipboard().text()
    assert text.startswith("住房公积金单位网厅 证书体检报告") and text.count("正常") >= len(CODES)
    facts = window.desk.facts
    for word in (PIN, "王经办", "甲单位", facts.unit.name, str(facts.unit.unit_id)):
        assert word not in text


def test_states_are_words_with_a_picture_and_rows_can_be_walked_by_keys(
    qtbot: Any, desktop: Desktop
) -> None:
    press(qtbot, desktop.login, "examine")
    opened = dialog(qtbot, HealthDialog)
    wait(qtbot, opened)
    table: QTableWidget = find(opened, QTableWidget, "health_rows")
    assert all(not table.item(row, 1).icon().isNull() for row in range(table.rowCount()))
    table.setCurrentCell(0, 0)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.currentRow() == 1
    opened.reject()


@pytest.mark.parametrize("zoom", [100, 150])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_word_is_cut_off(
    qtbot: Any, desk: Desk, client: FakeClient, qapp: QApplication, look: str, zoom: int
) -> None:
    client.ahead = timedelta(hours=3)
    colours = theme.apply(qapp, look, zoom)
    try:
        from hpf_desktop.cert.health import Case

        case = Case(desk.session.open_readers, lambda: client)
        panel = HealthPanel(case, desk.keys, lambda: "https://x", colours)
        qtbot.addWidget(panel)
        panel.resize(theme.scaled(640), theme.scaled(480))
        panel.show()
        panel.run()
        wait(qtbot, panel)
        table: QTableWidget = find(panel, QTableWidget, "health_rows")

        def fits() -> bool:
            return all(
                table.rowHeight(row) >= table.sizeHintForRow(row) for row in range(len(CODES))
            )

        qtbot.waitUntil(fits, timeout=LIMIT_MS)
    finally:
        theme.apply(qapp, "light", 100)


# --- The warning after the login ---


def expiring(slot: InProcessReaders, days: int) -> None:
    slot.pull()
    slot.insert(card(ends=NOW + days * DAY + timedelta(hours=6)))


@pytest.mark.parametrize(("days", "is_told"), [(100, False), (59, True), (5, True)])
def test_certificate_that_ends_soon_is_told_after_the_login(
    qtbot: Any, desktop: Desktop, slot: InProcessReaders, days: int, is_told: bool
) -> None:
    expiring(slot, days)
    window = log_in(qtbot, desktop)
    assert window.notice.isVisible() is is_told
    if is_told:
        assert f"还有 {days} 天" in window.notice.text and "W12" in window.notice.text


def test_it_is_told_once_a_day_and_leads_to_the_examination(
    qtbot: Any, desktop: Desktop, slot: InProcessReaders
) -> None:
    expiring(slot, 20)
    window = log_in(qtbot, desktop)
    find(window.notice, QPushButton, "message_choice_0").click()
    assert window.page().title == "证书体检" and window.notice.isHidden()
    window.ask_log_out()
    qtbot.waitUntil(desktop.login.isVisible, timeout=LIMIT_MS)
    again = log_in(qtbot, desktop)
    assert again.notice.isHidden()
