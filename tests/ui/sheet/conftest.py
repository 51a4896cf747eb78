"""A checked sheet for each test that wants one."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hpf_desktop.tasks import finish_all
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business
from tests.ui.sheet.facts import UNIT, people

MakeSheet = Callable[..., Sheet]


@pytest.fixture(autouse=True)
def empty_clipboard(qapp: QApplication) -> Iterator[None]:
    """Qt's offscreen platform crashes at the end of the process over what is still on it."""
    yield
    qapp.clipboard().clear()


@pytest.fixture
def make_sheet(qtbot: QtBot) -> MakeSheet:
    def make(
        business: Business = ACCOUNT_OPENING, rows: list[dict[str, str]] | None = None
    ) -> Sheet:
        sheet = Sheet(business)
        qtbot.addWidget(sheet, before_close_func=lambda _: finish_all())
        sheet.set_facts(UNIT, {}, people())
        if rows:
            sheet.load(rows)
        sheet.resize(1200, 700)
        sheet.show()
        qtbot.waitUntil(lambda: sheet.view.delegate.people is not None)
        return sheet

    return make
