"""From registration to the last log-out, by keys alone, with a server in its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox, QPushButton, QWidget

from hpf_desktop.app import Desktop
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.client import Client
from hpf_desktop.settings import Settings
from hpf_desktop.ui.login.access_dialog import AccessDialog
from hpf_desktop.ui.login.access_form import AccessForm
from server.business.refusals import Refused
from server.db import open_pool, transaction
from server.enrolment import register_operator
from tests.factory import open_unit
from tests.journeys.conftest import ServerProcess, sandbox, server_process
from tests.server.visitor import NEW_PASSWORD, OPERATOR, PASSWORD, USCC
from tests.ui.hand import LIMIT_MS, dialog, find, type_text

__all__ = ["sandbox", "server_process"]
PATIENCE_MS = 20_000


class Centre:
    """The unit, and what only its operator's eyes and phone can know."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.unit = str(asyncio.run(self._open()))

    async def _open(self) -> int:
        async with open_pool(self.database) as pool:
            desk = await open_unit(pool)
            async with transaction(pool) as conn:
                await register_operator(conn, desk.unit_id, OPERATOR)
            return int(desk.unit_id)

    def sql(self, statement: Any) -> list[Any]:
        with psycopg.connect(self.database, autocommit=True) as conn:
            found = conn.execute(statement)
            return found.fetchall() if found.description else []

    def look(self) -> str:
        """The picture shows what a person reads in it; here it is told what it shows."""
        self.sql(
            "update captcha set answer_sha256 = sha256(salt || 'A7KX'::bytea) where not is_spent"
        )
        return "A7KX"

    def code(self) -> str:
        rows = self.sql("select params->>'code' from sms_outbox order by created_at desc limit 1")
        return str(rows[0][0]) if rows else ""


class Hands:
    """One operator at the keyboard."""

    def __init__(self, qtbot: Any, centre: Centre) -> None:
        self.qtbot, self.centre = qtbot, centre

    def until(self, fact: Any) -> None:
        self.qtbot.waitUntil(fact, timeout=PATIENCE_MS)

    def type(self, where: QWidget, **texts: str) -> None:
        for name, text in texts.items():
            field = find(where, QLineEdit, name)
            field.setText("")
            type_text(field, text)

    def look(self, where: QWidget) -> str:
        form = next(f for f in where.findChildren(AccessForm) if f._picture)
        self.until(lambda: form._picture.has_picture and not form._is_drawing)
        return self.centre.look()

    def enter(self, where: QWidget, password: str, captcha: str = "") -> None:
        shown = self.look(where)
        self.type(where, password=password, captcha=captcha or shown)
        self.qtbot.keyClick(find(where, QLineEdit, "captcha"), Qt.Key.Key_Return)

    def reads(self, where: QWidget, name: str, words: str) -> None:
        self.until(lambda: words in find(where, QLabel, name).text())


@pytest.fixture
def centre(database: str, server_process: ServerProcess) -> Centre:
    return Centre(database)


@pytest.fixture
def settings(server_process: ServerProcess) -> Settings:
    ca_file = str(server_process.ca.root_file)
    return Settings(server=server_process.url, ca_file=ca_file, login_way="password")


@pytest.fixture
def desktop(qapp: QApplication, slot: InProcessReaders, settings: Settings) -> Iterator[Desktop]:
    made = Desktop(qapp, settings, slot.open, pauses_drafts=True)
    made.start()
    yield made
    if made.window is not None:
        made.window.close()
    made.login.hide()
    made._save_timer.stop()
    made.close()


def test_operator_registers_logs_in_changes_the_password_and_logs_out_everywhere(
    qtbot: Any, desktop: Desktop, centre: Centre, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    hands, login = Hands(qtbot, centre), desktop.login
    register(hands, login)
    assert find(login, QLineEdit, "unit").text() == centre.unit

    hands.enter(login, PASSWORD, captcha="9999")
    hands.reads(login, "captcha_problem", "图片验证码不正确")
    hands.enter(login, NEW_PASSWORD)
    hands.reads(login, "password_problem", "单位账号或密码不正确")
    hands.enter(login, PASSWORD)
    hands.until(lambda: desktop.window is not None)
    window = desktop.window
    assert window is not None
    assert window.desk.facts.login_kind == "password"
    assert OPERATOR.name in find(window, QLabel, "status_operator").text()

    page = window.open_place("password_change")
    hands.type(page, old=PASSWORD, new=NEW_PASSWORD, again=NEW_PASSWORD)
    qtbot.keyClick(find(page, QLineEdit, "again"), Qt.Key.Key_Return)
    hands.until(lambda: window.is_locked)
    hands.reads(window.lock_page, "lock_reason", "所有电脑上的登录都已退出")
    hands.enter(window.lock_page, PASSWORD)
    hands.reads(window.lock_page, "password_problem", "单位账号或密码不正确")
    hands.enter(window.lock_page, NEW_PASSWORD)
    hands.until(lambda: not window.is_locked)

    elsewhere = Client(settings.server, Path(settings.ca_file))
    elsewhere.captcha()
    texts = {"unit": centre.unit, "password": NEW_PASSWORD, "captcha": centre.look()}
    assert elsewhere.log_in_by_password(texts).login_kind == "password"
    monkeypatch.setattr(QMessageBox, "question", lambda *a: QMessageBox.StandardButton.Yes)
    window.ask_log_out_everywhere()
    hands.until(lambda: login.isVisible() and desktop.window is None)
    with pytest.raises(Refused) as ended:
        elsewhere.standing()
    assert ended.value.reason.code == "N01"
    elsewhere.close()
    hands.enter(login, NEW_PASSWORD)
    hands.until(lambda: desktop.window is not None)


def register(hands: Hands, login: QWidget) -> None:
    qtbot = hands.qtbot
    hands.look(login)
    qtbot.keyClick(find(login, QPushButton, "register"), Qt.Key.Key_Space)
    asked = dialog(qtbot, AccessDialog)
    hands.type(
        asked, unit=hands.centre.unit, uscc=USCC, name=OPERATOR.name,
        id_number=OPERATOR.id_number, phone=OPERATOR.phone, captcha=hands.look(asked),
    )  # fmt: skip
    qtbot.keyClick(find(asked, QLineEdit, "captcha"), Qt.Key.Key_Return)
    hands.until(lambda: "秒后" in find(asked, QPushButton, "code_send").text())
    hands.type(asked, code=hands.centre.code(), password=PASSWORD, again=PASSWORD)
    qtbot.keyClick(find(asked, QLineEdit, "again"), Qt.Key.Key_Return)
    bars = login.findChildren(QLabel, "message_text")
    hands.until(lambda: any("注册成功" in bar.text() for bar in bars))


def test_server_that_makes_one_wait_is_counted_down(
    qtbot: Any, desktop: Desktop, centre: Centre
) -> None:
    hands, login = Hands(qtbot, centre), desktop.login
    hands.type(login, unit=centre.unit)
    waits = find(login, QLabel, "wait")
    for _ in range(9):
        hands.enter(login, "guessed-at-random-1")
        told = find(login, QLabel, "password_problem")
        hands.until(lambda told=told: bool(told.text()) or "还要等" in waits.text())
        if "还要等" in waits.text():
            break
    assert "L08" in waits.text()
    assert not find(login, QPushButton, "enter").isEnabled()
    qtbot.waitUntil(lambda: waits.text() == "可以再试了", timeout=PATIENCE_MS + LIMIT_MS)
    assert find(login, QPushButton, "enter").isEnabled()
