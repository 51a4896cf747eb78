"""A session opened by password, and the two clocks of every session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QMessageBox, QPushButton

from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.drafts import Drafts
from hpf_desktop.session import Session
from hpf_desktop.settings import Settings
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.approve import ApprovalDialog
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from server.business.refusals import problem
from tests.fakes.access import PASSWORD
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find

NEW = "Hong-9-he-qiao"
ROW = {"account": "100000000001", "reason": "01", "month": "2026-07"}


@pytest.fixture
def client() -> FakeClient:
    made = FakeClient()
    made.password, made.login_kind = PASSWORD, "password"
    return made


@pytest.fixture
def desk(client: FakeClient, slot: InProcessReaders, keys: KeySignals) -> Desk:
    """As after a login by password."""
    session = Session(client, slot.open)
    session.standing, session.facts = client._standing(), client.facts()
    client.calls.clear()
    return Desk(session, keys, Settings())


@pytest.fixture
def window(qtbot: Any, desk: Desk) -> MainWindow:
    made = MainWindow(desk)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


class AtLock:
    """The lock page of a password session."""

    def __init__(self, qtbot: Any, window: MainWindow, client: FakeClient) -> None:
        self.qtbot, self.window, self.client = qtbot, window, client

    def field(self, name: str) -> QLineEdit:
        return find(self.window.lock_page, QLineEdit, name)

    @property
    def why(self) -> str:
        return find(self.window.lock_page, QLabel, "lock_reason").text()

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: self.window.is_locked, timeout=LIMIT_MS)

    def enter(self, password: str = PASSWORD) -> None:
        form = self.window.lock_page._form
        self.qtbot.waitUntil(
            lambda: form._picture.has_picture and bool(self.client.picture), timeout=LIMIT_MS
        )
        self.qtbot.keyClicks(self.field("password"), password)
        self.qtbot.keyClicks(self.field("captcha"), self.client.picture)
        self.qtbot.keyClick(self.field("captcha"), Qt.Key.Key_Return)

    def unlock(self, password: str = PASSWORD) -> None:
        self.enter(password)
        self.qtbot.waitUntil(lambda: not self.window.is_locked, timeout=LIMIT_MS)


@pytest.fixture
def at_lock(qtbot: Any, window: MainWindow, client: FakeClient) -> AtLock:
    return AtLock(qtbot, window, client)


def test_pulled_key_is_no_concern_of_a_password_session(
    qtbot: Any, window: MainWindow, slot: InProcessReaders
) -> None:
    slot.pull()
    qtbot.wait(300)
    assert not window.is_locked


def test_locking_ends_the_session_and_the_password_goes_on_in_the_same_place(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    page = window.open_place("sealing")
    page.sheet.load([ROW])
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    at_lock.wait()
    qtbot.waitUntil(lambda: "log_out" in client.calls, timeout=LIMIT_MS)
    assert "suspend" not in client.calls and not window.tabs.isVisible()
    qtbot.waitUntil(at_lock.field("password").hasFocus, timeout=LIMIT_MS)
    at_lock.enter("wrong-password")
    qtbot.waitUntil(
        lambda: "不正确" in find(window.lock_page, QLabel, "password_problem").text(),
        timeout=LIMIT_MS,
    )
    assert window.is_locked
    at_lock.unlock()
    assert window.page() is page and page.sheet.row_count == 1
    assert at_lock.field("password").text() == ""


def test_password_session_submits_after_one_question_and_without_a_key(
    qtbot: Any, window: MainWindow, client: FakeClient, slot: InProcessReaders
) -> None:
    slot.pull()
    page = window.open_place("sealing")
    page.sheet.load([ROW])
    page.submit()
    asked = dialog(qtbot, ApprovalDialog)
    assert asked.findChild(QLineEdit, "pin") is None
    assert find(asked, QLabel, "summary_行数").text() == "1 行"
    qtbot.keyClick(find(asked, QPushButton, "confirm"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "submit" in client.calls, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page._is_done, timeout=LIMIT_MS)


def test_question_that_is_declined_submits_nothing(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    page = window.open_place("sealing")
    page.sheet.load([ROW])
    page.submit()
    qtbot.keyClick(dialog(qtbot, ApprovalDialog), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page._submission is None, timeout=LIMIT_MS)
    assert "submit" not in client.calls and not page.sheet.is_locked


def test_unsaved_rows_go_to_the_draft_when_the_window_locks(
    qtbot: Any, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    desk.drafts = Drafts.open(tmp_path / "drafts.db", bytes(32))
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    page = window.open_place("sealing")
    page.sheet.bring([ROW])
    window.lock(problem("W07"))
    kept = desk.drafts.load("sealing", client.own_unit.unit_id)
    assert kept is not None
    assert [row["account"] for row in kept.rows] == [ROW["account"]]
    window.close()
    desk.drafts.close()


# --- 密码修改, 全部退出 ---


def change(qtbot: Any, window: MainWindow, old: str, new: str) -> Any:
    page = window.open_place("password_change")
    for name, text in (("old", old), ("new", new), ("again", new)):
        qtbot.keyClicks(find(page, QLineEdit, name), text)
    qtbot.keyClick(find(page, QLineEdit, "again"), Qt.Key.Key_Return)
    return page


def test_changed_password_ends_all_logins_and_only_the_new_one_opens(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    sealing = window.open_place("sealing")
    sealing.sheet.load([ROW])
    change(qtbot, window, PASSWORD, NEW)
    at_lock.wait()
    assert "所有电脑上的登录都已退出" in at_lock.why and "W10" in at_lock.why
    at_lock.enter(PASSWORD)
    told = find(window.lock_page, QLabel, "password_problem")
    qtbot.waitUntil(lambda: "不正确" in told.text(), timeout=LIMIT_MS)
    at_lock.unlock(NEW)
    assert sealing.sheet.row_count == 1
    page = window.open_place("password_change")
    assert all(find(page, QLineEdit, name).text() == "" for name in ("old", "new", "again"))


def test_wrong_old_password_is_told_at_its_field_and_the_new_one_stays(
    qtbot: Any, window: MainWindow
) -> None:
    page = change(qtbot, window, "not-the-password", NEW)
    told = find(page, QLabel, "old_problem")
    qtbot.waitUntil(lambda: "原密码不正确" in told.text(), timeout=LIMIT_MS)
    assert find(page, QLineEdit, "old").text() == "" and not window.is_locked
    assert find(page, QLineEdit, "new").text() == NEW
    assert find(page, QLineEdit, "old").hasFocus()


def test_logging_out_everywhere_asks_and_tells(
    qtbot: Any, window: MainWindow, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *a, **k: next(answers))
    window.ask_log_out_everywhere()
    qtbot.wait(50)
    assert "log_out_everywhere" not in client.calls
    with qtbot.waitSignal(window.logged_out, timeout=LIMIT_MS) as told:
        window.ask_log_out_everywhere()
    assert told.args[0].code == "W11" and client.is_out


def test_logging_out_everywhere_without_network_leaves_the_window_and_says_so(
    qtbot: Any, window: MainWindow, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *a: QMessageBox.StandardButton.Yes)
    client.fault["log_out_everywhere"] = "N06"
    window.ask_log_out_everywhere()
    qtbot.waitUntil(lambda: "没有全部退出" in window.status.currentMessage(), timeout=LIMIT_MS)
    assert window.isVisible()


# --- The two clocks ---


def warning(window: MainWindow) -> str:
    return find(window, QLabel, "ending_text").text() if window.ending.isVisible() else ""


def beat(qtbot: Any, window: MainWindow) -> None:
    with qtbot.waitSignal(window.watch.stood, timeout=LIMIT_MS):
        window.watch.beat()


@pytest.mark.parametrize("key", [Qt.Key.Key_Shift, Qt.Key.Key_A])
def test_idle_session_is_warned_and_any_key_keeps_it(
    qtbot: Any, window: MainWindow, client: FakeClient, key: Qt.Key
) -> None:
    beat(qtbot, window)
    assert warning(window) == ""
    client.idle_left_s = 100
    beat(qtbot, window)
    assert "1 分" in warning(window) and "任意键" in warning(window)
    QTest.keyClick(window.windowHandle(), key)
    qtbot.waitUntil(lambda: "keep" in client.calls, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: warning(window) == "", timeout=LIMIT_MS)


def test_warning_has_a_button_for_the_keyboard(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    client.idle_left_s = 100
    beat(qtbot, window)
    qtbot.keyClick(find(window, QPushButton, "go_on"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: warning(window) == "", timeout=LIMIT_MS)


def test_whoever_types_is_kept_in_though_nothing_else_is_asked_of_the_server(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    beat(qtbot, window)
    assert "keep" not in client.calls
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_A)
    beat(qtbot, window)
    assert client.calls.count("keep") == 1
    beat(qtbot, window)
    assert client.calls.count("keep") == 1, "nothing was done since"


def test_idle_end_locks_with_the_reason_and_the_rows_are_still_there(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    page = window.open_place("sealing")
    page.sheet.load([ROW])
    client.idle_left_s = 1
    beat(qtbot, window)
    at_lock.wait()
    assert "W08" in at_lock.why and "已录入的内容还在" in at_lock.why
    client.idle_left_s = 900
    at_lock.unlock()
    assert page.sheet.row_count == 1 and warning(window) == ""


def test_absolute_end_is_told_once_and_cannot_be_put_off(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    client.absolute_left_s = 250
    beat(qtbot, window)
    assert "4 分" in warning(window) and "时限" in warning(window)
    assert not find(window, QPushButton, "go_on").isVisible()
    qtbot.keyClick(find(window, QPushButton, "ending_read"), Qt.Key.Key_Space)
    assert warning(window) == ""
    beat(qtbot, window)
    assert warning(window) == ""
    client.absolute_left_s = 0
    window.watch.beat()
    at_lock.wait()
    assert "W09" in at_lock.why


def test_session_that_was_ended_elsewhere_locks(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    client.is_out = True
    window.watch.beat()
    at_lock.wait()
    assert "N01" in at_lock.why


def test_clocks_stand_still_while_the_window_is_locked(
    qtbot: Any, window: MainWindow, client: FakeClient, at_lock: AtLock
) -> None:
    client.idle_left_s = 100
    beat(qtbot, window)
    window.lock(problem("W07"))
    assert not window.watch.is_running
    client.idle_left_s = 900
    at_lock.unlock()
    assert window.watch.is_running and warning(window) == ""
