"""Starting: what is loaded, how long it takes, and the way from login to the window and back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox

from hpf_desktop import settings
from hpf_desktop.app import Desktop, parsed
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.settings import Settings
from hpf_desktop.ui.crash import CrashReporter
from tests.cert.keys import PIN
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, find, press

HEAVY = {"reportlab", "pypinyin", "openpyxl", "pandas", "httpx", "keyring", "cryptography",
         "xlsxwriter", "python_calamine", "pypdfium2", "smartcard"}  # fmt: skip


def test_importing_the_application_loads_nothing_heavy() -> None:
    code = "import hpf_desktop.app, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(json.loads(done.stdout))


@pytest.fixture
def desktop(qapp: QApplication, slot: InProcessReaders, client: FakeClient) -> Iterator[Desktop]:
    made = Desktop(qapp, Settings(), slot.open, lambda chosen: client, pauses_drafts=True)
    made.start()
    yield made
    if made.window is not None:
        made.window.close()
    made.login.hide()
    made.close()
    made.change(replace(made.settings, theme="light", zoom=100))
    made._save_timer.stop()


def log_in(qtbot: Any, desktop: Desktop) -> None:
    field = find(desktop.login, QLineEdit, "pin")
    qtbot.waitUntil(field.isEnabled, timeout=LIMIT_MS)
    qtbot.keyClicks(field, PIN)
    press(qtbot, desktop.login, "confirm")
    qtbot.waitUntil(lambda: desktop.window is not None, timeout=LIMIT_MS)


def test_login_opens_the_window_and_logging_out_shows_the_login_again(
    qtbot: Any, desktop: Desktop, client: FakeClient
) -> None:
    log_in(qtbot, desktop)
    assert desktop.window.isVisible() and not desktop.login.isVisible()
    assert "李经办" in find(desktop.window, QLabel, "status_operator").text()
    desktop.window.ask_log_out()
    qtbot.waitUntil(desktop.login.isVisible, timeout=LIMIT_MS)
    assert desktop.window is None
    log_in(qtbot, desktop)
    assert client.calls.count("log_in") == 2


def test_look_changes_at_once_and_is_remembered(qtbot: Any, desktop: Desktop) -> None:
    log_in(qtbot, desktop)
    size = QApplication.font().pointSizeF()
    desktop.change(replace(desktop.settings, theme="dark", zoom=150))
    assert QApplication.font().pointSizeF() == pytest.approx(size * 1.5)
    assert QApplication.palette().window().color().lightness() < 60
    assert find(desktop.window, QLabel, "status_zoom").text() == "150%"
    qtbot.waitUntil(lambda: settings.settings_file().exists(), timeout=LIMIT_MS)
    assert settings.load(settings.settings_file()) == desktop.settings


def test_gui_thread_goes_on_while_the_server_is_silent(
    qtbot: Any, desktop: Desktop, client: FakeClient
) -> None:
    log_in(qtbot, desktop)
    fast, asked, answer = client.query, threading.Event(), threading.Event()

    def silent(*args: Any) -> Any:
        asked.set()
        assert answer.wait(LIMIT_MS / 1000), "the GUI thread waits for the server"
        return fast(*args)

    client.query = silent
    desktop.window.open_place("roster")
    qtbot.waitUntil(asked.is_set, timeout=LIMIT_MS)
    turns: list[int] = []
    QTimer.singleShot(0, lambda: turns.append(1))
    qtbot.waitUntil(lambda: bool(turns), timeout=LIMIT_MS)
    answer.set()


def test_unexpected_error_is_told_once_under_a_number(qtbot: Any, qapp: QApplication) -> None:
    reporter = CrashReporter()
    for _ in range(3):
        reporter._report(ValueError("王小明"))
    boxes = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)]
    shown = [box for box in boxes if box.isVisible()]
    assert len(shown) == 1
    assert "报告编号" in shown[0].text() and "王小明" not in shown[0].text()
    shown[0].accept()


def test_arguments_name_the_server_and_a_key_in_files() -> None:
    options = parsed(["--server", "https://a:1", "--ca", "c.pem",
                      "--virtual-key-in-process", "k.pem", "c.pem"])  # fmt: skip
    assert (options.server, options.ca) == ("https://a:1", "c.pem")
    assert options.virtual_key_in_process == ["k.pem", "c.pem"]
