"""The way in by password: refusals at their fields, pictures used once, waits counted down."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QLineEdit, QPushButton, QTabWidget

from hpf_desktop import remembered
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.session import Session
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.access_dialog import AccessDialog
from hpf_desktop.ui.login.window import LoginWindow, Opened
from hpf_desktop.ui.secret_editors import PictureButton
from server.business.identity import with_account_check
from server.business.refusals import refused
from server.demo_people import id_number
from tests.fakes.access import PASSWORD, SMS_CODE, WAIT_S
from tests.fakes.client import FakeClient
from tests.test_drafts import MemoryKeyring, memory_keyring, trust
from tests.ui.hand import LIMIT_MS, dialog, find, type_text

__all__ = ["memory_keyring"]
UNIT = str(with_account_check(53230100001))
FACTS = {
    "unit": UNIT, "uscc": "91532300MA6NTEQT85", "name": "张经办",
    "id_number": id_number("532301", datetime.date(1988, 3, 7), 101), "phone": "13987810001",
}  # fmt: skip


class Seat:
    """The login window at 密码登录, used by keys alone."""

    def __init__(
        self, qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient,
        remembers: bool = False,
    ) -> None:  # fmt: skip
        self.qtbot, self.client = qtbot, client
        self.opened: list[Opened] = []
        self.window = LoginWindow(
            keys, slot.open, lambda: Session(client, slot.open), client.audience, "password",
            remembers,
        )  # fmt: skip
        self.window.opened.connect(self.opened.append)
        qtbot.addWidget(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.wait_picture()

    def field(self, name: str) -> QLineEdit:
        return find(self.window, QLineEdit, name)

    def text(self, name: str) -> str:
        return find(self.window, QLabel, name).text()

    @property
    def told(self) -> str:
        bars = self.window.findChildren(QLabel, "message_text")
        return "".join(bar.text() for bar in bars if bar.isVisible())

    def wait_picture(self) -> None:
        picture = find(self.window, PictureButton, "captcha_picture")
        self.qtbot.waitUntil(
            lambda: not picture.icon().isNull() and bool(self.client.picture), timeout=LIMIT_MS
        )

    def until(self, fact: Any) -> None:
        self.qtbot.waitUntil(fact, timeout=LIMIT_MS)

    def type(self, **texts: str) -> None:
        for name, text in texts.items():
            self.field(name).setFocus()
            self.qtbot.keyClicks(self.field(name), text)

    def enter(self, password: str = PASSWORD, captcha: str = "", unit: str = "") -> None:
        if unit:
            self.type(unit=unit)
        self.wait_picture()
        self.type(password=password, captcha=captcha or self.client.picture)
        self.qtbot.keyClick(self.field("captcha"), Qt.Key.Key_Return)

    def refused_with(self, code: str, name: str) -> None:
        self.until(lambda: code in self.client_words(name))

    def client_words(self, name: str) -> str:
        label = find(self.window, QLabel, f"{name}_problem")
        return {refused(c).reason.text: c for c in ("L17", "L18")}.get(
            label.text().removeprefix("错误：").split("。")[0], ""
        )


@pytest.fixture
def client() -> FakeClient:
    made = FakeClient()
    made.password = PASSWORD
    return made


@pytest.fixture
def seat(qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient) -> Seat:
    return Seat(qtbot, keys, slot, client)


def test_password_opens_a_session_without_a_key(seat: Seat) -> None:
    seat.enter(unit=UNIT)
    seat.until(lambda: bool(seat.opened))
    opened = seat.opened[0]
    assert opened.entry is None and opened.session.certificate is None
    assert opened.facts.login_kind == "password"
    assert seat.field("password").text() == seat.field("captcha").text() == ""


@pytest.mark.parametrize(("wrong", "code"), [("password", "L17"), ("captcha", "L18")])
def test_refusal_stands_at_its_field_and_what_must_be_retyped_is_empty(
    seat: Seat, wrong: str, code: str
) -> None:
    first = seat.client.pictures
    seat.enter(unit=UNIT, **{wrong: "WRONG" if wrong == "password" else "9999"})
    seat.refused_with(code, wrong)
    seat.until(lambda: seat.client.pictures == first + 1)
    assert seat.field("unit").text() == UNIT
    assert seat.field("password").text() == seat.field("captcha").text() == ""
    seat.until(seat.field("password").hasFocus)
    assert refused(code).reason.text in seat.field(wrong).accessibleDescription()
    seat.enter()
    seat.until(lambda: bool(seat.opened))


def test_empty_field_is_named_before_anything_is_sent(seat: Seat) -> None:
    seat.type(unit="123")
    seat.qtbot.keyClick(seat.field("unit"), Qt.Key.Key_Return)
    assert "单位账号" in seat.text("unit_problem") and "密码" in seat.text("password_problem")
    assert seat.field("unit").hasFocus()
    assert "log_in_by_password" not in seat.client.calls


def test_too_many_tries_are_counted_down_and_nothing_can_be_sent_meanwhile(seat: Seat) -> None:
    seat.client.fault["log_in_by_password"] = refused("L08", seconds=2)
    seat.enter(unit=UNIT)
    seat.until(lambda: "还要等 2 秒" in seat.text("wait"))
    button = find(seat.window, QPushButton, "enter")
    assert not button.isEnabled() and "2 秒" in button.text()
    seat.enter()
    assert seat.client.calls.count("log_in_by_password") == 1
    seat.until(lambda: seat.text("wait") == "可以再试了")
    assert button.isEnabled()
    seat.qtbot.keyClick(seat.field("captcha"), Qt.Key.Key_Return)
    seat.until(lambda: bool(seat.opened))


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_picture_is_renewed_by_key_and_voids_what_was_typed(seat: Seat, key: Qt.Key) -> None:
    picture, before = find(seat.window, PictureButton, "captcha_picture"), seat.client.picture
    assert "换一张" in picture.accessibleName()
    seat.type(captcha=before)
    picture.setFocus()
    seat.qtbot.keyClick(picture, key)
    seat.until(lambda: seat.client.picture != before)
    seat.wait_picture()
    assert seat.field("captcha").text() == ""
    assert "log_in_by_password" not in seat.client.calls


def test_expired_picture_is_replaced_by_itself(
    qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient
) -> None:
    client.expires_in_s = 1
    seat = Seat(qtbot, keys, slot, client)
    seat.window.activateWindow()
    client.expires_in_s = 120
    qtbot.waitUntil(lambda: client.pictures >= 2, timeout=LIMIT_MS)
    seat.wait_picture()


def test_picture_that_does_not_come_says_so_and_can_be_asked_for(seat: Seat) -> None:
    picture = find(seat.window, PictureButton, "captcha_picture")
    seat.client.fault["captcha"] = "N06"
    seat.qtbot.keyClick(picture, Qt.Key.Key_Space)
    seat.until(lambda: "重试" in picture.text())
    assert "重试" in picture.accessibleName() and "N06" in seat.told
    seat.qtbot.keyClick(picture, Qt.Key.Key_Space)
    seat.wait_picture()


def test_password_cannot_be_copied_shown_or_not(seat: Seat) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    seat.type(password=PASSWORD)
    field, show = seat.field("password"), find(seat.window, QPushButton, "password_show")
    for _ in range(2):
        for key in (Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_X):
            seat.qtbot.keyClick(field, key, Qt.KeyboardModifier.ControlModifier)
        assert clipboard.text() == "before" and field.text() == PASSWORD
        assert field.contextMenuPolicy() is Qt.ContextMenuPolicy.NoContextMenu
        seat.qtbot.keyClick(show, Qt.Key.Key_Space)
    seat.qtbot.keyClick(show, Qt.Key.Key_Space)
    assert field.echoMode() is QLineEdit.EchoMode.Normal and show.accessibleName() == "隐藏密码"
    field.selectAll()
    assert not field.hasSelectedText()


def test_wiped_password_cannot_be_undone(seat: Seat) -> None:
    find(seat.window, QPushButton, "password_show").setChecked(True)
    seat.enter(password="wrong-password", unit=UNIT)
    seat.refused_with("L17", "password")
    field = seat.field("password")
    seat.qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == "" and field.echoMode() is QLineEdit.EchoMode.Password


def test_caps_lock_is_told_in_words(seat: Seat) -> None:
    field, told = seat.field("password"), find(seat.window, QLabel, "password_caps_lock")
    seat.qtbot.keyClick(field, Qt.Key.Key_A)
    assert told.isHidden()
    _type(field, "A", Qt.KeyboardModifier.ShiftModifier)
    assert told.isHidden(), "Shift makes capitals, too"
    seat.qtbot.keyClicks(field, "x")
    for text in ("Q", "R"):
        _type(field, text, Qt.KeyboardModifier.NoModifier)
    assert not told.isHidden() and "大写" in told.text()
    seat.qtbot.keyClick(field, Qt.Key.Key_B)
    assert told.isHidden()


def _type(field: QLineEdit, text: str, modifiers: Qt.KeyboardModifier) -> None:
    """A capital with or without Shift, which the test library's keys do not make."""
    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key(ord(text)), modifiers, text)
    QApplication.sendEvent(field, event)


def test_leaving_the_window_wipes_what_is_secret(seat: Seat) -> None:
    seat.type(unit=UNIT, password=PASSWORD)
    seat.window.hide()
    assert seat.field("password").text() == "" and seat.field("unit").text() == UNIT


# --- What is remembered ---


@pytest.fixture
def kept(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, str], str]:
    trust(monkeypatch)
    return memory_keyring.kept


def test_unit_is_remembered_and_nothing_else(
    qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient, kept: dict[Any, str]
) -> None:
    seat = Seat(qtbot, keys, slot, client)
    find(seat.window, QCheckBox, "remember_unit").setChecked(True)
    seat.enter(unit=UNIT)
    seat.until(lambda: bool(kept))
    assert kept == {(remembered.SERVICE, "unit"): str(client.own_unit.unit_id)}
    again = Seat(qtbot, keys, slot, client, remembers=True)
    again.until(lambda: again.field("unit").text() == str(client.own_unit.unit_id))
    again.until(again.field("password").hasFocus)
    find(again.window, QCheckBox, "remember_unit").setChecked(False)
    again.field("unit").setText(UNIT)
    again.enter()
    again.until(lambda: not kept)


def test_without_a_keyring_it_is_said_at_once_and_the_login_works(
    seat: Seat, memory_keyring: MemoryKeyring
) -> None:
    tick = find(seat.window, QCheckBox, "remember_unit")
    seat.qtbot.keyClick(tick, Qt.Key.Key_Space)
    seat.until(lambda: "密钥环" in seat.text("no_keyring"))
    assert not tick.isChecked()
    seat.enter(unit=UNIT)
    seat.until(lambda: bool(seat.opened))
    assert memory_keyring.kept == {}


# --- 单位注册, 忘记密码 ---


def fill(qtbot: Any, asked: AccessDialog, **texts: str) -> None:
    for name, text in texts.items():
        type_text(find(asked, QLineEdit, name), text)


def ask_code(qtbot: Any, asked: AccessDialog, client: FakeClient) -> None:
    picture = find(asked, PictureButton, "captcha_picture")
    qtbot.waitUntil(lambda: not picture.icon().isNull() and bool(client.picture), timeout=LIMIT_MS)
    fill(qtbot, asked, captcha=client.picture)
    qtbot.keyClick(find(asked, QPushButton, "code_send"), Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(client.sent) == 1, timeout=LIMIT_MS)


@pytest.mark.parametrize("purpose", ["register", "forgotten"])
def test_unit_is_registered_or_reset_and_logs_in(seat: Seat, purpose: str) -> None:
    client, qtbot = seat.client, seat.qtbot
    client.password = "" if purpose == "register" else "An-old-1-forgotten"
    qtbot.keyClick(find(seat.window, QPushButton, purpose), Qt.Key.Key_Space)
    asked = dialog(qtbot, AccessDialog)
    send = find(asked, QPushButton, "code_send")
    assert not send.isEnabled()
    fill(qtbot, asked, **FACTS)
    ask_code(qtbot, asked, client)
    assert client.sent[0]["purpose"] == ("register" if purpose == "register" else "reset")
    qtbot.waitUntil(lambda: "秒后" in send.text(), timeout=LIMIT_MS)
    assert "核对经办人登记" in find(asked, QLabel, "message_text").text()
    fill(qtbot, asked, code="000000", password=PASSWORD, again=PASSWORD)
    qtbot.keyClick(find(asked, QLineEdit, "again"), Qt.Key.Key_Return)
    seat.until(lambda: "不一致，或短信验证码" in find(asked, QLabel, "message_text").text())
    assert asked.focusWidget().objectName() == "code", "where it is typed anew"
    fill(qtbot, asked, code=SMS_CODE)
    qtbot.keyClick(find(asked, QLineEdit, "code"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: client.password == PASSWORD, timeout=LIMIT_MS)
    seat.until(lambda: "请用" in seat.told)
    assert seat.field("unit").text() == UNIT
    seat.enter()
    seat.until(lambda: bool(seat.opened))


def test_policy_is_told_rule_by_rule_while_typing(seat: Seat) -> None:
    seat.qtbot.keyClick(find(seat.window, QPushButton, "register"), Qt.Key.Key_Space)
    asked = dialog(seat.qtbot, AccessDialog)
    fill(seat.qtbot, asked, **FACTS)

    def states() -> list[str]:
        lines = (find(asked, QLabel, f"policy_{n}") for n in range(5))
        return [line.text()[0] for line in lines]

    assert states() == ["○"] * 5
    field = find(asked, QLineEdit, "password")
    seat.qtbot.keyClicks(field, "aaa1")
    assert states() == ["✗", "✓", "✓", "✗", "○"]
    assert "未满足" in find(asked, QLabel, "policy_0").accessibleName()
    assert "还未满足" in field.accessibleDescription()
    field.setText("")
    seat.qtbot.keyClicks(field, "13987810001-zhuan")
    assert states()[2] == "✗", "the phone"
    field.setText("")
    seat.qtbot.keyClicks(field, PASSWORD)
    assert states() == ["✓"] * 4 + ["○"] and field.accessibleDescription() == ""
    seat.qtbot.keyClicks(find(asked, QLineEdit, "again"), PASSWORD[:-1])
    assert states()[4] == "✗"
    asked.reject()


def test_weak_or_different_passwords_are_refused_before_they_are_sent(seat: Seat) -> None:
    seat.qtbot.keyClick(find(seat.window, QPushButton, "register"), Qt.Key.Key_Space)
    asked = dialog(seat.qtbot, AccessDialog)
    fill(seat.qtbot, asked, **FACTS)
    ask_code(seat.qtbot, asked, seat.client)
    seat.qtbot.wait(50)
    fill(seat.qtbot, asked, code=SMS_CODE, password="short1", again="short2")
    seat.qtbot.keyClick(find(asked, QLineEdit, "again"), Qt.Key.Key_Return)
    assert "10 至 64" in find(asked, QLabel, "password_problem").text()
    assert "不一致" in find(asked, QLabel, "again_problem").text()
    assert find(asked, QLineEdit, "again").property("code") == "L27"
    assert "register" not in seat.client.calls
    before = seat.client.pictures
    asked.reject()
    assert find(asked, QLineEdit, "password").text() == ""
    seat.until(lambda: seat.client.pictures > before)  # The window's own had become void.


def test_code_that_was_asked_for_too_soon_counts_down_at_its_button(seat: Seat) -> None:
    seat.client.sent.append({})
    seat.qtbot.keyClick(find(seat.window, QPushButton, "forgotten"), Qt.Key.Key_Space)
    asked = dialog(seat.qtbot, AccessDialog)
    fill(seat.qtbot, asked, **FACTS)
    ask_code(seat.qtbot, asked, seat.client)
    send = find(asked, QPushButton, "code_send")
    seat.until(lambda: f"{WAIT_S} 秒" in send.text() or f"{WAIT_S - 1} 秒" in send.text())
    assert "频繁" in find(asked, QLabel, "code_problem").text()
    asked.reject()


def test_way_that_was_used_last_is_shown_first(seat: Seat) -> None:
    tabs = find(seat.window, QTabWidget, "ways")
    assert tabs.tabText(tabs.currentIndex()) == "密码登录"
    used: list[str] = []
    seat.window.way_used.connect(used.append)
    seat.enter(unit=UNIT)
    seat.until(lambda: bool(used))
    assert used == ["password"]


def test_every_control_has_a_name(seat: Seat) -> None:
    for kind in (QPushButton, QLineEdit, QCheckBox):
        for widget in seat.window.findChildren(kind):
            assert widget.objectName(), widget
            assert widget.accessibleName() or getattr(widget, "text", str)(), widget.objectName()
