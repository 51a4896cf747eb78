"""Logging in with a key: what is shown while it is missing, wrong, locked, pulled, or good."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton, QTreeWidget

from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.session import Session
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.window import LoginWindow, Opened
from server.business.refusals import refused
from tests.cert.keys import DAY, NOW, PIN, card
from tests.fakes.client import FakeClient


class Seat:
    """The login window, seen and used through its widgets."""

    def __init__(
        self, qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient
    ) -> None:
        self.qtbot, self.slot, self.client = qtbot, slot, client
        self.opened: list[Opened] = []
        self.window = LoginWindow(
            keys, slot.open, lambda: Session(client, slot.open), client.audience
        )
        self.window.opened.connect(self.opened.append)
        qtbot.addWidget(self.window)
        self.window.show()

    def find(self, kind: type, name: str) -> Any:
        found = self.window.findChild(kind, name)
        assert found is not None, name
        return found

    @property
    def message(self) -> str:
        return self.find(QLabel, "key_message").text()

    def waits_for(self, text: str) -> None:
        self.qtbot.waitUntil(lambda: text in self.message, timeout=5_000)

    def type_pin(self, pin: str = PIN) -> None:
        field = self.find(QLineEdit, "pin")
        self.qtbot.waitUntil(field.isEnabled, timeout=5_000)
        self.qtbot.keyClicks(field, pin)

    def confirm(self) -> None:
        self.qtbot.mouseClick(self.find(QPushButton, "confirm"), Qt.MouseButton.LeftButton)

    def tries(self) -> str:
        return self.find(QLabel, "tries_left").text()


@pytest.fixture
def seat(qtbot: Any, keys: KeySignals, slot: InProcessReaders, client: FakeClient) -> Seat:
    return Seat(qtbot, keys, slot, client)


def test_login_shows_the_unit_and_opens_with_its_facts(seat: Seat) -> None:
    seat.type_pin()
    assert "甲单位" in seat.find(QLabel, "chosen_certificate").text()
    seat.qtbot.keyClick(seat.find(QLineEdit, "pin"), Qt.Key.Key_Return)
    seat.qtbot.waitUntil(lambda: bool(seat.opened), timeout=5_000)
    opened = seat.opened[0]
    assert opened.facts.unit.name == "楚雄示例科技有限公司"
    assert seat.client.calls == ["challenge", "log_in", "facts"]
    assert opened.entry.pin == bytearray(len(PIN)), "the PIN is wiped"
    assert seat.find(QLineEdit, "pin").text() == ""


def test_login_without_key_waits_and_goes_on_by_itself(qtbot: Any, client: FakeClient) -> None:
    slot = InProcessReaders()
    keys = KeySignals(slot.open)
    keys.start()
    seat = Seat(qtbot, keys, slot, client)
    seat.waits_for("C03")
    assert not seat.find(QLineEdit, "pin").isEnabled()
    slot.insert(card())
    seat.waits_for("请输入证书 Key 密码")
    slot.pull()
    seat.waits_for("C03")
    slot.unplug_reader()
    seat.waits_for("C02")
    slot.stop_service()
    seat.waits_for("C01")
    keys.stop()


def test_wrong_pin_tells_the_tries_and_the_last_needs_a_tick(seat: Seat) -> None:
    seat.type_pin("999999")
    seat.confirm()
    seat.waits_for("C09")
    assert "2" in seat.message and "还可以输入 2 次" in seat.tries()
    seat.type_pin("999999")
    seat.confirm()
    seat.waits_for("C10" if "1 次" in seat.tries() and "C10" in seat.message else "C09")
    tick = seat.find(QCheckBox, "last_try")
    seat.qtbot.waitUntil(lambda: not tick.isHidden())
    seat.type_pin(PIN)
    assert not seat.find(QPushButton, "confirm").isEnabled()
    tick.setChecked(True)
    seat.confirm()
    seat.qtbot.waitUntil(lambda: bool(seat.opened), timeout=5_000)


def test_blocked_key_takes_no_pin(qtbot: Any, client: FakeClient) -> None:
    slot, blocked = InProcessReaders(), card()
    blocked.tries_left = 0
    slot.insert(blocked)
    keys = KeySignals(slot.open)
    keys.start()
    seat = Seat(qtbot, keys, slot, client)
    seat.waits_for("C12")
    assert not seat.find(QLineEdit, "pin").isEnabled()
    assert blocked.verify_count == 0
    keys.stop()


def test_pin_that_is_no_pin_is_not_sent(seat: Seat) -> None:
    seat.type_pin("12")
    seat.confirm()
    seat.waits_for("C24")
    assert seat.client.calls in ([], ["challenge"])


def test_two_keys_are_offered_and_none_is_chosen(qtbot: Any, client: FakeClient) -> None:
    slot = InProcessReaders("A 00", "B 01")
    slot.insert(card(), "A 00")
    slot.insert(card(number=1), "B 01")
    keys = KeySignals(slot.open)
    keys.start()
    seat = Seat(qtbot, keys, slot, client)
    seat.waits_for("请选择证书")
    chosen = seat.find(QTreeWidget, "certificate_list")
    assert chosen.topLevelItemCount() == 2 and not chosen.isHidden()
    assert not seat.find(QLineEdit, "pin").isEnabled()
    chosen.setCurrentItem(chosen.topLevelItem(1))
    seat.type_pin()
    seat.confirm()
    qtbot.waitUntil(lambda: bool(seat.opened), timeout=5_000)
    assert seat.opened[0].entry.certificate.reader == "B 01"
    keys.stop()


def test_expired_certificate_is_shown_with_its_reason_and_cannot_be_used(
    qtbot: Any, client: FakeClient
) -> None:
    slot = InProcessReaders()
    slot.insert(card(begins=NOW - 3 * DAY, ends=NOW - DAY))
    keys = KeySignals(slot.open)
    keys.start()
    seat = Seat(qtbot, keys, slot, client)
    shown = seat.find(QTreeWidget, "certificate_list")
    qtbot.waitUntil(lambda: shown.topLevelItemCount() == 1, timeout=5_000)
    assert "过期" in shown.topLevelItem(0).text(4)
    assert not shown.topLevelItem(0).flags() & Qt.ItemFlag.ItemIsEnabled
    assert not seat.find(QLineEdit, "pin").isEnabled()
    keys.stop()


@pytest.mark.parametrize("code", ["L05", "L06", "N06", "L12"])
def test_refusal_of_the_server_is_one_sentence_with_a_next_step(seat: Seat, code: str) -> None:
    seat.client.fault["log_in"] = code
    seat.type_pin()
    seat.confirm()
    seat.waits_for(code)
    assert seat.message.startswith(refused(code).reason.text)
    seat.type_pin()  # And the operator may try again.
    assert seat.find(QPushButton, "confirm").isEnabled()


def test_key_pulled_while_signing_is_not_called_a_wrong_pin(seat: Seat) -> None:
    seat.type_pin()
    seat.slot.pull()
    seat.waits_for("C03")
    assert seat.find(QLineEdit, "pin").text() == ""
    assert "密码错误" not in seat.message


def test_key_held_by_another_program_offers_to_try_again(seat: Seat) -> None:
    seat.waits_for("请输入证书 Key 密码")
    seat.slot.take_exclusively(True)
    seat.type_pin()
    seat.confirm()
    seat.waits_for("C06")
    retry = seat.find(QPushButton, "retry")
    assert not retry.isHidden()
    seat.slot.take_exclusively(False)
    seat.qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)
    seat.waits_for("请输入证书 Key 密码")


def test_key_put_back_while_the_login_fails_is_read_again(seat: Seat) -> None:
    own = seat.slot.reader("Virtual key 00 00").card
    challenge = seat.client.challenge

    def pulled_meanwhile() -> object:
        seat.slot.pull()
        seat.slot.insert(own)
        seat.slot.pull()
        return challenge()

    seat.client.challenge = pulled_meanwhile
    seat.type_pin()
    seat.confirm()
    seat.waits_for("C0")
    assert "密码错误" not in seat.message
    seat.slot.insert(own)
    seat.waits_for("请输入证书 Key 密码")


def test_before_the_first_look_nothing_is_claimed(
    qtbot: Any, slot: InProcessReaders, client: FakeClient
) -> None:
    keys = KeySignals(slot.open)
    seat = Seat(qtbot, keys, slot, client)
    assert seat.message == "正在查找证书 Key…"
    keys.start()
    seat.waits_for("请输入证书 Key 密码")
    keys.stop()


def test_every_control_has_a_name(seat: Seat) -> None:
    for kind in (QPushButton, QLineEdit, QTreeWidget):
        for widget in seat.window.findChildren(kind):
            assert widget.objectName(), widget
            assert widget.accessibleName() or getattr(widget, "text", str)(), widget.objectName()
