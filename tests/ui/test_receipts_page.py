"""Receipts: preview, printing with the form's own printer, honest outcomes, saving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton

from hpf_desktop.print.page import opened
from hpf_desktop.print.printers import JobState, PrinterStatus, PrintRefused
from hpf_desktop.settings import Printing, Settings
from hpf_desktop.ui import receipt_view, receipts_page, theme
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_printing import Printer, Receipt
from hpf_desktop.ui.receipts_page import ReceiptsPage
from server.business.queries import RECEIPTS
from tests.fakes.client import FakeClient
from tests.fakes.printing import FakeBackend
from tests.ui.hand import LIMIT_MS, find, press

Key = Qt.Key


def small_pdf() -> bytes:
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    document.new_page(595, 420)
    from io import BytesIO

    output = BytesIO()
    document.save(output)
    return output.getvalue()


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    made = FakeBackend()
    monkeypatch.setattr(receipt_view, "system_backend", lambda: made)
    monkeypatch.setattr(receipts_page, "system_backend", lambda: made)
    return made


@pytest.fixture
def page(qtbot: Any, desk: Desk, client: FakeClient, backend: FakeBackend) -> ReceiptsPage:
    client.pdf = small_pdf()
    client.rows_of["receipts"] = [
        {"_key": str(n), "receipt_no": f"2026-00000{n}", "title": "单位汇缴回单",
         "kind": "remittance", "biz_day": "2026-07-15", "persons": 3, "amount": 100,
         "serial": "9", "prints": 0,
         "issued_at": "2026-07-15T09:00:00"}
        for n in (2, 1)
    ]  # fmt: skip
    made = ReceiptsPage(desk, RECEIPTS)
    qtbot.addWidget(made)
    made.resize(1300, 700)
    made.show()
    made.shown()
    qtbot.waitUntil(made.receipt.preview.isEnabled, timeout=LIMIT_MS)
    return made


def printed(qtbot: Any, page: ReceiptsPage) -> Any:
    with qtbot.waitSignal(page.receipt.printed, timeout=LIMIT_MS) as told:
        page.print_action.trigger()
    return told.args[0]


def test_chosen_receipt_is_previewed(qtbot: Any, page: ReceiptsPage) -> None:
    assert page.receipt.receipt_no == "2026-000002"
    page.table.selectRow(1)
    page.table.setCurrentIndex(page.model.index(1, 0))
    qtbot.waitUntil(lambda: page.receipt.receipt_no == "2026-000001", timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page.receipt.preview.page_count == 1, timeout=LIMIT_MS)


def test_receipt_is_printed_as_its_form_is_set(
    qtbot: Any, page: ReceiptsPage, desk: Desk, backend: FakeBackend, client: FakeClient
) -> None:
    chosen = Printing("dot", "241x139.7", "下纸盒", 1.5, -2.0)
    desk.settings = replace(Settings(), printing={"remittance": chosen})
    outcome = printed(qtbot, page)
    assert outcome.state is JobState.COMPLETED
    (pdf, order), *others = backend.jobs
    assert not others and pdf == client.pdf
    assert (order.printer, order.media, order.tray) == ("dot", "241x139.7", "下纸盒")
    assert order.offset_mm == (1.5, -2.0) and order.title == "2026-000002"
    assert client.prints == [("2026-000002", "dot")]
    assert client.outcomes == [("p1", "打印完成", "1")]
    assert "打印完成" in page.receipt.bar.text


def test_without_a_choice_the_systems_default_prints(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend
) -> None:
    printed(qtbot, page)
    assert backend.jobs[0][1].printer == "laser"


def test_reprint_is_fetched_with_its_mark(
    qtbot: Any, page: ReceiptsPage, client: FakeClient
) -> None:
    printed(qtbot, page)
    client.calls.clear()
    printed(qtbot, page)
    assert client.calls == ["reserve_prints", "receipt_pdf", "count_prints", "count_prints"]
    assert page.model.rows[0]["prints"] == 2, "the list counts along"


def test_job_that_only_reached_the_queue_is_not_called_printed(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    backend.ends_as = JobState.UNKNOWN
    printed(qtbot, page)
    assert "打印完成" not in page.receipt.bar.text and "核对" in page.receipt.bar.text
    assert client.outcomes[0][1] == JobState.UNKNOWN.value


def test_computer_without_a_pdf_program_is_told_the_other_way(
    qtbot: Any, page: ReceiptsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed(qtbot, page)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    page.receipt.open_outside()
    assert "P15" in page.receipt.bar.text and "另存为" in page.receipt.bar.text


def test_job_that_the_printer_gave_up_is_not_called_printed(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend
) -> None:
    backend.ends_as = JobState.ABORTED
    printed(qtbot, page)
    assert "P10" in page.receipt.bar.text


@pytest.mark.parametrize(
    ("state", "code"), [(PrinterStatus.PAPER_OUT, "P01"), (PrinterStatus.OFFLINE, "P04")]
)
def test_printer_that_cannot_print_is_told_and_no_printing_is_counted(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient, state: Any, code: str
) -> None:
    backend.state = state
    printed(qtbot, page)
    assert code in page.receipt.bar.text
    assert client.prints == [] and backend.jobs == []


def test_printing_system_that_is_away_is_told(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend
) -> None:
    backend.runs = False
    page.print_action.trigger()
    qtbot.waitUntil(lambda: "P08" in page.receipt.bar.text, timeout=LIMIT_MS)


def test_receipt_is_saved_as_the_stored_bytes(
    qtbot: Any, page: ReceiptsPage, client: FakeClient, tmp_path: Path
) -> None:
    page.receipt.save_to(tmp_path / "r.pdf")
    qtbot.waitUntil(lambda: "已保存" in page.receipt.bar.text, timeout=LIMIT_MS)
    assert (tmp_path / "r.pdf").read_bytes() == client.pdf


def test_receipt_that_cannot_be_read_is_told(
    qtbot: Any, page: ReceiptsPage, client: FakeClient
) -> None:
    client.fault["receipt_pdf"] = "N07"
    page.table.setCurrentIndex(page.model.index(1, 0))
    qtbot.waitUntil(lambda: "N07" in page.receipt.bar.text, timeout=LIMIT_MS)
    assert not page.receipt.preview.isEnabled()
    press(qtbot, page, "find")


# --- Many at once ---


def test_space_ticks_rows_while_the_arrows_walk(qtbot: Any, page: ReceiptsPage) -> None:
    fill(qtbot, page, 5)
    keys(
        page, Key.Key_Space, Key.Key_Down, Key.Key_Down, Key.Key_Space, Key.Key_Down, Key.Key_Space
    )
    assert numbers(page) == [5, 3, 2]
    assert find(page, QPushButton, "print_chosen").text() == "打印所选（3 张）"
    keys(page, Key.Key_Space)
    assert numbers(page) == [5, 3], "a second space takes the tick away"
    keys(page, Key.Key_Escape)
    qtbot.waitUntil(lambda: numbers(page) == [2], timeout=LIMIT_MS)
    keys(page, Key.Key_Up)
    assert numbers(page) == [3], "and the arrows choose again"
    QTest.keyClick(page.table, Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert numbers(page) == [3, 2]
    qtbot.mouseClick(
        page.table.viewport(), Qt.MouseButton.LeftButton,
        pos=page.table.visualRect(page.model.index(4, 0)).center(),
    )  # fmt: skip
    assert numbers(page) == [1]


def test_select_all_takes_what_was_not_loaded_yet(qtbot: Any, page: ReceiptsPage) -> None:
    fill(qtbot, page, 250)
    assert len(page.model.rows) == 200
    QTest.keyClick(page.table, Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(numbers(page)) == 250, timeout=LIMIT_MS)


def test_chosen_receipts_are_one_job_in_the_order_of_the_list(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    fill(qtbot, page, 5)
    page.table.selectAll()
    print_chosen(qtbot, page)
    ((pdf, order),) = backend.jobs
    assert page_count(pdf) == 5
    assert order.title == "2026-000005 等 5 张"
    assert [no for no, _ in client.prints] == [f"2026-00000{n}" for n in (5, 4, 3, 2, 1)]
    assert {outcome[1:] for outcome in client.outcomes} == {("打印完成", "1")}
    assert [row["prints"] for row in page.model.rows] == [1] * 5
    assert "打印完成：5 张" in page.bar.text
    assert len(numbers(page)) == 5, "the choice stays"


def test_forms_with_printers_of_their_own_and_single_jobs_keep_the_order(
    qtbot: Any, page: ReceiptsPage, desk: Desk, backend: FakeBackend
) -> None:
    fill(qtbot, page, 4, kinds=["sealing", "remittance", "remittance", "sealing"])
    desk.settings = replace(Settings(), printing={"sealing": Printing("dot")})
    page.table.selectAll()
    print_chosen(qtbot, page)
    assert [(o.printer, page_count(pdf)) for pdf, o in backend.jobs] == [
        ("dot", 1), ("laser", 2), ("dot", 1),
    ]  # fmt: skip
    find(page, QCheckBox, "one_by_one").setChecked(True)
    backend.jobs.clear()
    print_chosen(qtbot, page)
    assert [o.title for _, o in backend.jobs] == [f"2026-00000{n}" for n in (4, 3, 2, 1)]


def test_after_a_jam_printing_goes_on_from_the_receipt_named(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    fill(qtbot, page, 5)
    page.table.selectAll()
    print_chosen(qtbot, page)
    start = find(page, QComboBox, "resume_from")
    assert start.isVisible()
    assert start.count() == 5
    start.setCurrentIndex(2)
    with qtbot.waitSignal(page.counted, timeout=LIMIT_MS):
        press(qtbot, page, "resume_button")
    (_, order) = backend.jobs[1]
    assert order.title == "2026-000003 等 3 张"
    assert [row["prints"] for row in page.model.rows] == [1, 1, 2, 2, 2]
    press(qtbot, page, "resume_done")
    assert not start.isVisible()


@pytest.mark.parametrize("where", ["before", "at"])
def test_what_never_reached_the_queue_is_not_counted(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient, where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(qtbot, page, 3)
    page.table.selectAll()

    def reject(pdf: bytes, order: object, accepted: object) -> int:
        raise PrintRefused(PrinterStatus.REJECTING)

    if where == "before":
        backend.state = PrinterStatus.REJECTING
    else:
        monkeypatch.setattr(backend, "submit", reject)
    page.print_action.trigger()
    qtbot.waitUntil(lambda: "P06" in page.bar.text, timeout=LIMIT_MS)
    assert client.prints == []
    assert ("take_back_prints" in client.calls) == (where == "at")
    assert [row["prints"] for row in page.model.rows] == [0] * 3
    assert find(page, QComboBox, "resume_from").currentIndex() == 0


def test_receipt_that_cannot_be_fetched_leaves_nothing_counted(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    fill(qtbot, page, 3)
    page.table.selectAll()
    client.fault["receipt_pdf"] = "N07"
    page.print_action.trigger()
    qtbot.waitUntil(lambda: "N07" in page.bar.text, timeout=LIMIT_MS)
    assert (client.prints, backend.jobs) == ([], [])
    print_chosen(qtbot, page)


def test_who_presses_twice_gets_one_paper_and_may_cancel_it(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    backend.ends_as = JobState.PRINTING
    page.receipt.print()
    page.receipt.print()
    qtbot.waitUntil(lambda: len(backend.jobs) == 1, timeout=LIMIT_MS)
    page.table.setCurrentIndex(page.model.index(1, 0))
    qtbot.waitUntil(lambda: page.receipt.receipt_no == "2026-000001", timeout=LIMIT_MS)
    qtbot.waitUntil(page.receipt.waiting.isVisible, timeout=LIMIT_MS)
    with qtbot.waitSignal(page.receipt.printed, timeout=LIMIT_MS):
        press(qtbot, page.receipt, "waiting_cancel")
    assert "P11" in page.receipt.bar.text
    assert len(backend.jobs) == 1
    assert client.prints == [("2026-000002", "laser")]
    assert [row["prints"] for row in page.model.rows] == [1, 0], "the one that was printed"


def test_cancel_before_the_queue_has_anything_counts_nothing(
    backend: FakeBackend, client: FakeClient
) -> None:
    stop, receipts = Event(), [Receipt(f"2026-{n:06d}", "remittance") for n in range(1, 4)]
    client.pdf = small_pdf()
    fetched: list[int] = []

    def progress(done: int, total: int) -> None:
        fetched.append(done)
        if done == 2:
            stop.set()

    printer = Printer(backend, client, lambda _: Printing(), progress, stop)
    printed = printer.print(receipts)
    assert printed.outcome.problem and printed.outcome.problem.code == "P14"
    assert (printed.sent, fetched, backend.jobs, client.prints) == (0, [1, 2], [], [])
    again = printer.print(receipts)
    assert again.outcome.problem and "reserve_prints" not in client.calls[-1:]
    assert client.prints == []


def test_cancel_takes_the_job_out_of_the_queue_and_offers_to_go_on(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    fill(qtbot, page, 3)
    page.table.selectAll()
    backend.ends_as = JobState.PRINTING
    page.print_action.trigger()
    qtbot.waitUntil(lambda: len(backend.jobs) == 1, timeout=LIMIT_MS)
    page.print_action.trigger()
    page.receipt.print()
    qtbot.waitUntil(page.waiting.isVisible, timeout=LIMIT_MS)
    press(qtbot, page, "waiting_cancel")
    qtbot.waitUntil(lambda: "P11" in page.bar.text, timeout=LIMIT_MS)
    assert backend.cancelled == [1]
    assert len(backend.jobs) == 1, "nobody prints beside what is under way"
    assert {outcome for _, outcome, _ in client.outcomes} == {"已取消"}
    assert [row["prints"] for row in page.model.rows] == [1] * 3, "it was in the queue"
    assert find(page, QComboBox, "resume_from").isVisible()


def test_chosen_receipts_are_saved_as_one_file_that_claims_no_signature(
    qtbot: Any, page: ReceiptsPage, client: FakeClient, tmp_path: Path
) -> None:
    fill(qtbot, page, 3)
    page.table.selectAll()
    page.save_chosen(tmp_path / "all.pdf")
    qtbot.waitUntil(lambda: "已保存 3 张" in page.bar.text, timeout=LIMIT_MS)
    assert "不带电子签名" in page.bar.text
    assert page_count((tmp_path / "all.pdf").read_bytes()) == 3
    assert client.prints == []


def fill(qtbot: Any, page: ReceiptsPage, count: int, kinds: Any = ()) -> None:
    """The list anew, with this many receipts, the newest first."""
    client: Any = page.desk.session.client
    (row, *_) = client.rows_of["receipts"]
    client.rows_of["receipts"] = [
        row | {"_key": str(n), "receipt_no": f"2026-{n:06d}",
               "kind": kinds[count - n] if kinds else "remittance"}
        for n in range(count, 0, -1)
    ]  # fmt: skip
    page.find()
    qtbot.waitUntil(lambda: len(page.model.rows) == min(count, 200), timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page.table.currentIndex().row() == 0, timeout=LIMIT_MS)
    page.table.setFocus()


def keys(page: ReceiptsPage, *pressed: Qt.Key) -> None:
    for key in pressed:
        QTest.keyClick(page.table, key)


def numbers(page: ReceiptsPage) -> list[int]:
    return [int(receipt.number[-6:]) for receipt in page.chosen()]


def print_chosen(qtbot: Any, page: ReceiptsPage) -> None:
    with qtbot.waitSignal(page.counted, timeout=LIMIT_MS):
        page.print_action.trigger()


def page_count(pdf: bytes) -> int:
    with opened(pdf) as document:
        return len(document)


@pytest.mark.parametrize("zoom", [100, 150])
def test_list_and_preview_share_the_width(
    qtbot: Any, page: ReceiptsPage, qapp: Any, zoom: int
) -> None:
    theme.apply(qapp, "light", zoom)
    try:
        navigation_px = 170 * zoom // 100
        page.resize(1366 - navigation_px, 700)
        qtbot.wait(50)
        assert page.width() == 1366 - navigation_px, "the page fits the screen"
        width, shown = page.table.width(), page.receipt.preview
        assert width >= 0.45 * page.width()
        for button in shown.findChildren(QPushButton):
            assert button.width() >= button.minimumSizeHint().width()
            assert button.mapTo(shown, button.rect().bottomRight()).x() < shown.width()
    finally:
        theme.apply(qapp, "light", 100)
