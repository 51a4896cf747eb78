"""Receipts: preview, printing with the form's own printer, honest outcomes, saving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hpf_desktop.print.printers import JobState, PrinterStatus
from hpf_desktop.settings import Printing, Settings
from hpf_desktop.ui import receipt_view
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipts_page import ReceiptsPage
from server.business.queries import RECEIPTS
from tests.fakes.client import FakeClient
from tests.fakes.printing import FakeBackend
from tests.ui.hand import LIMIT_MS, press


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
    assert client.calls == ["record_print", "receipt_pdf", "record_outcome"]


def test_job_that_only_reached_the_queue_is_not_called_printed(
    qtbot: Any, page: ReceiptsPage, backend: FakeBackend, client: FakeClient
) -> None:
    backend.ends_as = JobState.UNKNOWN
    printed(qtbot, page)
    assert "打印完成" not in page.receipt.bar.text and "核对" in page.receipt.bar.text
    assert client.outcomes[0][1] == JobState.UNKNOWN.value


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
