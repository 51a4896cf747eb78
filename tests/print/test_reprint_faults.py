"""凭证重打 on the page itself, with a printer that jams: what the clerk sees and does."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox

from hpf_desktop.print.virtual_queue import VirtualQueue
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipts_page import ReceiptsPage
from server.business.queries import RECEIPTS as QUERY
from tests.print.test_reprint_queue import Counter
from tests.ui.conftest import *  # noqa: F403 - The desk of the pages' tests.
from tests.ui.hand import find, press
from tests.ui.test_receipts_page import fill, small_pdf

pytestmark = pytest.mark.slow
LIMIT_MS = 30_000
STALL_MS = 250  # Of a machine that others use, too; a call into CUPS would take longer.


@pytest.fixture
def client() -> Counter:
    made = Counter()
    made.pdf = small_pdf()
    return made


@pytest.fixture
def page(
    qtbot: Any, desk: Desk, client: Counter, queue: VirtualQueue, monkeypatch: pytest.MonkeyPatch
) -> ReceiptsPage:
    monkeypatch.setenv("CUPS_SERVER", queue.server)
    row = {
        "_key": "1", "receipt_no": "2026-000001", "title": "单位汇缴回单", "kind": "remittance",
        "biz_day": "2026-07-15", "persons": 3, "amount": 100, "serial": "9", "prints": 0,
        "issued_at": "2026-07-15T09:00:00",
    }  # fmt: skip
    client.rows_of["receipts"] = [row]
    made = ReceiptsPage(desk, QUERY)
    qtbot.addWidget(made)
    made.resize(1300, 700)
    made.show()
    made.shown()
    fill(qtbot, made, 5)
    made.table.selectAll()
    return made


class Pulse:
    """The longest time between two beats of the GUI's own clock."""

    def __init__(self, parent: Any) -> None:
        from time import monotonic

        self.longest_ms, self._last, self._now = 0.0, monotonic(), monotonic
        self._timer = QTimer(parent, interval=10)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = self._now()
        self.longest_ms, self._last = max(self.longest_ms, (now - self._last) * 1000), now


def shot(page: ReceiptsPage, name: str) -> None:
    if folder := os.environ.get("HPF_SHOTS"):
        page.grab().save(f"{folder}/{name}.png")


def until_said(qtbot: Any, page: ReceiptsPage, words: str) -> None:
    qtbot.waitUntil(lambda: words in page.bar.text, timeout=LIMIT_MS)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("jam", "卡纸"), ("paperout", "缺纸"), ("cover", "机盖"), ("offline", "没有连上"),
     ("stop", "已停止"), ("hold", "暂停")],
)  # fmt: skip
def test_clerk_sees_what_holds_up_the_printer_while_it_does(
    qtbot: Any, page: ReceiptsPage, queue: VirtualQueue, client: Counter, mode: str, words: str
) -> None:
    queue.set_mode(mode, after_pages=2)
    pulse = Pulse(page)
    page.print_action.trigger()
    until_said(qtbot, page, words)
    qtbot.waitUntil(page.waiting.isVisible, timeout=LIMIT_MS)  # and can be cancelled
    shot(page, mode)
    queue.set_mode("ok")
    if mode == "stop":
        queue.control("cupsenable")
    if mode == "hold":
        press(qtbot, page, "waiting_cancel")
        until_said(qtbot, page, "P11")
    else:
        until_said(qtbot, page, "打印完成：5 张（HPF-PDF）")
        assert len(list(queue.folder.glob("job-*.pdf"))) == 1
    shot(page, f"{mode}_end")
    assert [row["prints"] for row in page.model.rows] == [1] * 5
    assert len(client.prints) == 5
    assert pulse.longest_ms < STALL_MS


def test_clerk_cancels_in_a_jam_and_goes_on_from_the_third(
    qtbot: Any, page: ReceiptsPage, queue: VirtualQueue, client: Counter
) -> None:
    queue.set_mode("jam", after_pages=2)
    page.print_action.trigger()
    until_said(qtbot, page, "P02")
    press(qtbot, page, "waiting_cancel")
    until_said(qtbot, page, "P11")
    start = find(page, QComboBox, "resume_from")
    assert start.isVisible()
    shot(page, "resume")
    queue.set_mode("ok")
    start.setCurrentIndex(2)
    press(qtbot, page, "resume_button")
    until_said(qtbot, page, "打印完成：3 张")
    shot(page, "resumed")
    assert [row["prints"] for row in page.model.rows] == [1, 1, 2, 2, 2]
    assert len(client.prints) == 8


def test_print_service_that_hangs_freezes_nothing_and_cancelling_ends(
    qtbot: Any, page: ReceiptsPage, queue: VirtualQueue
) -> None:
    queue.set_mode("jam")
    pulse = Pulse(page)
    page.print_action.trigger()
    until_said(qtbot, page, "P02")
    queue.signal(signal.SIGSTOP)
    try:
        until_said(qtbot, page, "P08")
        press(qtbot, page, "waiting_cancel")
        qtbot.waitUntil(lambda: page._stop is None, timeout=LIMIT_MS)
        shot(page, "hung")
        assert "P08" in page.bar.text
        assert pulse.longest_ms < STALL_MS
    finally:
        queue.signal(signal.SIGCONT)


def test_printers_with_chinese_names_print_and_none_is_chosen_by_the_alphabet(
    qtbot: Any, page: ReceiptsPage, queue: VirtualQueue, client: Counter
) -> None:
    from hpf_desktop.print.cups import CupsBackend
    from hpf_desktop.ui.document_view import default_printer

    other = VirtualQueue.__new__(VirtualQueue)
    other.__dict__.update(queue.__dict__, printer="财务室针式", _cupsd=None)
    other._add_printer()
    backend = CupsBackend(queue.server)
    assert default_printer(backend) == "财务室针式", "the last one added is the default"
    assert {it.trays for it in backend.printers()} == {("Tray1", "Tray2")}
    page.print_action.trigger()
    until_said(qtbot, page, "打印完成：5 张（财务室针式）")
    queue.control("lpadmin", "-x")
    other.control("lpadmin", "-x")
    assert backend.printers() == [] and default_printer(backend) == ""
    page.print_action.trigger()
    until_said(qtbot, page, "P12")
    shot(page, "no_printer")
    assert len(client.prints) == 5
