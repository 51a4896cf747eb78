"""Many receipts on a real CUPS queue: one job, cancelled, and gone on with from the third."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from hpf_desktop.print.cups import CupsBackend
from hpf_desktop.print.page import opened
from hpf_desktop.print.printers import JobState
from hpf_desktop.print.virtual_queue import VirtualQueue
from hpf_desktop.settings import Printing
from hpf_desktop.ui.receipt_printing import Printer, Receipt
from server.receipts.overlay import mark_reprint
from server.receipts.pdf import render
from tests.fakes.client import FakeClient
from tests.receipts.samples import make_receipt

pytestmark = pytest.mark.slow
RECEIPTS = [Receipt(f"2026-{n:06d}", "remittance") for n in range(1, 6)]


class Counter(FakeClient):
    """Gives each receipt its own document, marked as the server would mark it."""

    def receipt_pdf(self, receipt_no: str, print_id: str = "") -> bytes:
        pdf = render(make_receipt(number=receipt_no))
        nth = [no for no, _ in self.prints].count(receipt_no)
        return mark_reprint(pdf, f"第{nth}次补打") if print_id else pdf


def print_them(
    queue: VirtualQueue, client: Any, receipts: Sequence[Receipt], stop: threading.Event
) -> Any:
    printing = Printing(printer=queue.printer)
    backend = CupsBackend(queue.server)
    printer = Printer(backend, client, lambda _: printing, lambda *_: None, stop)
    return printer.print(receipts)


def pages_of(queue: VirtualQueue, job_id: int) -> list[str]:
    with opened(queue.job_file(job_id).read_bytes()) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def test_five_receipts_are_one_job_and_go_on_from_the_third_after_a_cancel(
    queue: VirtualQueue,
) -> None:
    client, stop = Counter(), threading.Event()
    queue.set_mode("paperout")
    threading.Timer(1.0, stop.set).start()
    began = time.monotonic()
    cancelled = print_them(queue, client, RECEIPTS, stop)
    assert time.monotonic() - began < 20, "nobody waits for paper that does not come"
    assert (cancelled.outcome.state, cancelled.sent) == (JobState.CANCELLED, 5)
    assert cancelled.outcome.problem.code == "P11"
    assert len(client.prints) == 5, "the queue had them: what is on paper nobody knows"

    queue.set_mode("ok")
    going_on = print_them(queue, client, RECEIPTS[2:], threading.Event())
    assert (going_on.outcome.state, going_on.outcome.problem) == (JobState.COMPLETED, None)
    pages = pages_of(queue, going_on.outcome.job_id)
    assert len(pages) == 3
    for page, receipt in zip(pages, RECEIPTS[2:], strict=True):
        assert f"编号 {receipt.number}" in page
        assert "第1次补打" in page
    assert {outcome for _, outcome, _ in client.outcomes} == {"已取消", "打印完成"}


def test_five_originals_come_as_one_job_in_their_order(queue: VirtualQueue) -> None:
    client = Counter()
    printed = print_them(queue, client, RECEIPTS, threading.Event())
    assert printed.is_whole
    pages = pages_of(queue, printed.outcome.job_id)
    assert [f"编号 {it.number}" in page for it, page in zip(RECEIPTS, pages, strict=True)] == [
        True
    ] * 5
    assert not any("补打" in page for page in pages)


def test_queue_that_rejects_counts_nothing(queue: VirtualQueue) -> None:
    client = Counter()
    queue.control("cupsreject")
    printed = print_them(queue, client, RECEIPTS, threading.Event())
    assert (printed.sent, printed.outcome.problem.code, client.prints) == (0, "P06", [])
