"""Thousands of rows: no turn of the GUI thread does the work of them all.

Work is counted in calls, not in time: a slow or busy machine makes the same number of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import xlsxwriter
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QDialog, QLineEdit

from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.page import Desk
from server.business.account_opening import ACCOUNT_OPENING
from server.business.back_payment import BACK_PAYMENT
from server.demo_people import person
from tests.fakes.client import FakeClient, people
from tests.ui.hand import dialog, find, press

pytestmark = pytest.mark.slow
ROWS = 5_000
LIMIT_MS = 120_000
# Reading, checking or showing one row takes a hundred calls and more.
CALLS_MAX = 10 * ROWS


class Turns(QObject):
    """Counts the calls that this thread makes in each turn of its event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._calls = 0
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._turned)

    def __enter__(self) -> Turns:
        self._timer.start()
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._timer.stop()
        self._turned()

    def _called(self, frame: FrameType, event: str, what: object) -> None:
        self._calls += event in ("call", "c_call")

    def _turned(self) -> None:
        self.most, self._calls = max(self.most, self._calls), 0


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("roster") / "roster.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        labels = {f.key: f.label for f in ACCOUNT_OPENING.rows}
        people = [person(n) for n in range(ROWS)]
        keys = [key for key in labels if key in people[0]]
        sheet.write_row(0, 0, [labels[key] for key in keys])
        for line, given in enumerate(people, 1):
            sheet.write_row(line, 0, [given.get(key, "") for key in keys])
    return path


def test_import_of_5000_rows_and_their_checks_never_stall_the_window(
    qtbot: Any, desk: Desk, roster: Path
) -> None:
    page = BatchPage(desk, ACCOUNT_OPENING)
    qtbot.addWidget(page)
    page.resize(1400, 800)
    page.show()
    qtbot.waitExposed(page)
    checked: list[tuple[int, int]] = []
    with Turns() as turns:
        page.sheet.import_path(roster)
        preview = dialog(qtbot, QDialog)
        press(qtbot, preview, "import_ok")
        qtbot.waitUntil(lambda: page.sheet.row_count == ROWS, timeout=LIMIT_MS)
        page.sheet.check_all(lambda errors, hints: checked.append((errors, hints)))
        qtbot.waitUntil(lambda: bool(checked), timeout=LIMIT_MS)
        page.sheet.next_problem()
        qtbot.wait(200)
    assert turns.most < CALLS_MAX


def test_sums_of_5000_rows_under_their_head_never_stall_the_window(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    client.persons = people(ROWS)
    desk.session.facts = client.facts()
    page = BatchPage(desk, BACK_PAYMENT)
    qtbot.addWidget(page)
    page.resize(1150, 620)
    page.show()
    qtbot.waitExposed(page)
    page.head.set_texts({"kind": "1", "method": "settle"})
    page.head.edited.emit()
    page.sheet.load([
        {"account": str(account), "monthly": "100.00", "start": "2026-06"}
        for account in desk.facts.persons
    ])  # fmt: skip
    amount = find(page, QLineEdit, "amount")
    with Turns() as turns:
        qtbot.waitUntil(lambda: amount.text() == "500,000.00", timeout=LIMIT_MS)
        page.sheet.model.put([ROWS // 2], {3: ["200.00"]}, "填写")
        qtbot.waitUntil(lambda: amount.text() == "500,100.00", timeout=LIMIT_MS)
        page.head.edited.emit()  # Every row is checked anew under another head.
        page.sheet.model.remove(range(ROWS // 2, ROWS))
        qtbot.waitUntil(lambda: amount.text() == "250,000.00", timeout=LIMIT_MS)
    assert turns.most < CALLS_MAX
