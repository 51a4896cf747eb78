"""The settings dialog: a printer for each form, look, server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit

from hpf_desktop.print import system
from hpf_desktop.settings import Printing, Settings
from hpf_desktop.ui.settings_page import SettingsDialog
from tests.fakes.printing import FakeBackend
from tests.ui.hand import LIMIT_MS, find, press


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    made = FakeBackend()
    monkeypatch.setattr(system, "system_backend", lambda: made)
    return made


def opened(qtbot: Any, settings: Settings, is_logged_in: bool = False) -> SettingsDialog:
    dialog = SettingsDialog(settings, is_logged_in)
    qtbot.addWidget(dialog)
    dialog.show()
    box = find(dialog, QComboBox, "printer")
    qtbot.waitUntil(lambda: box.findData("laser") >= 0, timeout=LIMIT_MS)
    return dialog


def taken(qtbot: Any, dialog: SettingsDialog) -> Settings:
    with qtbot.waitSignal(dialog.changed) as told:
        press(qtbot, dialog, "ok")
    return told.args[0]


def pick(dialog: SettingsDialog, name: str, value: str) -> None:
    box = find(dialog, QComboBox, name)
    assert box.findData(value) >= 0, value
    box.setCurrentIndex(box.findData(value))


def test_each_form_keeps_its_own_printer(qtbot: Any, backend: FakeBackend) -> None:
    dialog = opened(qtbot, Settings())
    pick(dialog, "form", "sealing")
    pick(dialog, "printer", "dot")
    pick(dialog, "tray", "下纸盒")
    find(dialog, QComboBox, "paper").setCurrentText("241x139.7")
    find(dialog, QDoubleSpinBox, "right_mm").setValue(1.5)
    pick(dialog, "form", "remittance")
    assert find(dialog, QComboBox, "printer").currentData() == ""
    pick(dialog, "printer", "laser")
    settings = taken(qtbot, dialog)
    assert settings.printing_of("sealing") == Printing("dot", "241x139.7", "下纸盒", 1.5, 0.0)
    assert settings.printing_of("remittance") == Printing("laser")
    assert settings.printing_of("unsealing") == Printing()


def test_printer_that_is_gone_stays_set_and_says_so(qtbot: Any, backend: FakeBackend) -> None:
    kept = Settings(printing={"account_opening": Printing("old", "A5", "后")})
    dialog = opened(qtbot, kept)
    assert "找不到" in find(dialog, QComboBox, "printer").currentText()
    assert taken(qtbot, dialog).printing_of("account_opening") == Printing("old", "A5", "后")


def test_one_choice_can_serve_all_forms(qtbot: Any, backend: FakeBackend) -> None:
    dialog = opened(qtbot, Settings())
    pick(dialog, "printer", "dot")
    press(qtbot, dialog, "for_all_forms")
    settings = taken(qtbot, dialog)
    assert {p.printer for p in settings.printing.values()} == {"dot"}


def test_address_without_https_is_refused_in_the_dialog(qtbot: Any, backend: FakeBackend) -> None:
    dialog = opened(qtbot, Settings())
    find(dialog, QLineEdit, "server_address").setText("http://hpf.example")
    press(qtbot, dialog, "ok")
    assert "N10" in dialog._bar.text and dialog.isVisible()


def test_missing_certificate_file_is_refused_in_the_dialog(
    qtbot: Any, backend: FakeBackend, tmp_path: Path
) -> None:
    dialog = opened(qtbot, Settings())
    find(dialog, QLineEdit, "ca_file").setText(str(tmp_path / "none.pem"))
    press(qtbot, dialog, "ok")
    assert "N11" in dialog._bar.text


def test_server_cannot_be_changed_while_logged_in(qtbot: Any, backend: FakeBackend) -> None:
    dialog = opened(qtbot, Settings(), is_logged_in=True)
    assert not find(dialog, QLineEdit, "server_address").isEnabled()


def test_calibration_page_goes_to_the_chosen_printer(qtbot: Any, backend: FakeBackend) -> None:
    dialog = opened(qtbot, Settings())
    pick(dialog, "printer", "dot")
    find(dialog, QDoubleSpinBox, "down_mm").setValue(-0.5)
    press(qtbot, dialog, "calibrate")
    qtbot.waitUntil(lambda: "打印完成" in dialog._bar.text, timeout=LIMIT_MS)
    pdf, order = backend.jobs[0]
    assert pdf.startswith(b"%PDF") and order.offset_mm == (0.0, -0.5)
