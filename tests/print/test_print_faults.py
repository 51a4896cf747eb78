"""A printer and a print service that fail in the middle of a job, on a real CUPS, and come back."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpf_desktop.print.cups import CupsBackend
from hpf_desktop.print.job import Outcome, Step, print_pdf
from hpf_desktop.print.page import opened
from hpf_desktop.print.printers import JobState, PrinterStatus, PrintOrder, PrintRefused
from hpf_desktop.print.virtual_queue import VirtualQueue
from hpf_desktop.settings import Printing
from hpf_desktop.ui.receipt_printing import Printed, Printer
from tests.print.conftest import make_pdf
from tests.print.test_reprint_queue import RECEIPTS, Counter

pytestmark = pytest.mark.slow
LIMIT_S = 30.0


class Work:
    """Five receipts on their way to the queue, in a worker as on the page."""

    def __init__(self, queue: VirtualQueue, client: Any, receipts: Any = RECEIPTS) -> None:
        self.steps: list[Step] = []
        self.stop = threading.Event()
        self.printed: list[Printed] = []
        printing = Printing(printer=queue.printer)
        self.printer = Printer(
            CupsBackend(queue.server), client, lambda _: printing, lambda *_: None, self.stop,
            self.steps.append,
        )  # fmt: skip
        self.receipts = receipts

    def begin(self, before: Printed | None = None) -> None:
        def work() -> None:
            self.printed.append(self.printer.print(self.receipts, before=before))

        self.worker = threading.Thread(target=work)
        self.worker.start()

    def until(self, seen: Callable[[Step], bool]) -> Step:
        deadline = time.monotonic() + LIMIT_S
        while not (self.steps and seen(self.steps[-1])):
            assert time.monotonic() < deadline, self.steps
            time.sleep(0.05)
        return self.steps[-1]

    def until_code(self, code: str) -> Step:
        return self.until(lambda it: it.problem is not None and it.problem.code == code)

    def end(self) -> Printed:
        self.worker.join(LIMIT_S)
        assert not self.worker.is_alive()
        return self.printed[-1]

    def cancel(self) -> Printed:
        self.stop.set()
        return self.end()


@pytest.mark.parametrize(
    ("mode", "code"), [("jam", "P02"), ("paperout", "P01"), ("cover", "P03"), ("offline", "P04")]
)
def test_fault_in_the_middle_is_told_at_once_and_gone_when_it_is_mended(
    queue: VirtualQueue, mode: str, code: str
) -> None:
    client = Counter()
    queue.set_mode(mode, after_pages=2)
    job = Work(queue, client)
    job.begin()
    job.until_code(code)
    queue.set_mode("ok")
    printed = job.end()
    assert printed.is_whole and printed.outcome.state is JobState.COMPLETED
    assert [no for no, _ in client.prints] == [it.number for it in RECEIPTS], "once each"
    assert len(list(queue.folder.glob("job-*.pdf"))) == 1


def test_cancelled_in_a_jam_it_goes_on_from_the_receipt_that_did_not_come(
    queue: VirtualQueue,
) -> None:
    client = Counter()
    queue.set_mode("jam", after_pages=2)
    job = Work(queue, client)
    job.begin()
    job.until_code("P02")
    cancelled = job.cancel()
    assert cancelled.outcome.state is JobState.CANCELLED
    assert cancelled.begin == 0, "CUPS has counted all five, and two are out"
    assert len(client.prints) == 5, "of a job that had begun only the paper knows"
    queue.set_mode("ok")
    going_on = Work(queue, client, RECEIPTS[2:])
    going_on.begin(cancelled)
    assert going_on.end().is_whole
    (paper,) = queue.folder.glob("job-*.pdf")
    with opened(paper.read_bytes()) as document:
        assert len(document) == 3


@pytest.mark.parametrize("mode", ["stop", "jamstop", "fail"])
def test_stopped_queue_says_so_and_goes_on_when_it_is_restored(
    queue: VirtualQueue, mode: str
) -> None:
    client = Counter()
    queue.control("lpadmin", "-o", "printer-error-policy=stop-printer", "-p")
    queue.set_mode(mode)
    job = Work(queue, client)
    job.begin()
    job.until_code("P02" if mode == "jamstop" else "P05")
    queue.set_mode("ok")
    queue.control("cupsenable")
    assert job.end().is_whole
    assert len(client.prints) == 5


def test_printer_that_fails_for_good_is_told_and_what_was_sent_stays_counted(
    queue: VirtualQueue,
) -> None:
    client = Counter()
    queue.control("lpadmin", "-o", "printer-error-policy=abort-job", "-p")
    queue.set_mode("fail", after_pages=1)
    job = Work(queue, client)
    job.begin()
    printed = job.end()
    assert printed.outcome.state is JobState.ABORTED
    assert printed.outcome.problem and printed.outcome.problem.code == "P10"
    assert (printed.begin, len(client.prints)) == (0, 5)


def test_held_job_is_told_as_held_and_can_be_cancelled(queue: VirtualQueue) -> None:
    client = Counter()
    queue.set_mode("hold")
    job = Work(queue, client)
    job.begin()
    job.until_code("P17")
    assert job.cancel().outcome.state is JobState.CANCELLED


def test_queue_stopped_before_it_began_counts_nothing_once_cancelled(queue: VirtualQueue) -> None:
    client = Counter()
    other = CupsBackend(queue.server)
    queue.set_mode("slow")
    other.submit(make_pdf(595, 842), PrintOrder(queue.printer, "another's"))
    job = Work(queue, client)
    job.begin()
    job.until(lambda it: it.state is JobState.QUEUED and it.status is PrinterStatus.PRINTING)
    assert len(client.prints) == 5
    printed = job.cancel()
    assert printed.outcome.state is JobState.WITHDRAWN
    assert printed.outcome.problem and printed.outcome.problem.code == "P14"
    assert (printed.sent, printed.begin, client.prints) == (0, 0, [])


def test_printer_stopped_by_hand_keeps_the_job_until_it_is_enabled(queue: VirtualQueue) -> None:
    client = Counter()
    queue.set_mode("jam", after_pages=1)
    job = Work(queue, client)
    job.begin()
    job.until_code("P02")
    queue.set_mode("ok")
    queue.control("cupsdisable")
    queue.control("cupsenable")
    assert job.end().outcome.state is JobState.COMPLETED
    assert len(client.prints) == 5


def test_printer_deleted_while_it_prints_is_not_called_printed(queue: VirtualQueue) -> None:
    client = Counter()
    queue.set_mode("jam", after_pages=1)
    job = Work(queue, client)
    job.begin()
    job.until_code("P02")
    queue.control("lpadmin", "-x")
    printed = job.end()
    assert printed.outcome.problem
    assert printed.outcome.problem.code in ("P07", "P10", "P11")
    assert len(client.prints) == 5, "one page was out"
    assert not list(queue.folder.glob("job-*.pdf"))


def test_service_killed_while_it_prints_is_waited_for(queue: VirtualQueue) -> None:
    client = Counter()
    queue.set_mode("jam", after_pages=1)
    job = Work(queue, client)
    job.begin()
    job.until_code("P02")
    queue.signal(signal.SIGKILL)
    job.until_code("P08")
    queue.set_mode("ok")
    queue.restart()
    printed = job.end()
    assert printed.outcome.state is JobState.COMPLETED, printed
    assert len(client.prints) == 5


def test_service_that_hangs_is_told_and_cancelling_has_an_end(queue: VirtualQueue) -> None:
    client = Counter()
    queue.set_mode("jam")
    job = Work(queue, client)
    job.begin()
    job.until_code("P02")
    queue.signal(signal.SIGSTOP)
    try:
        job.until_code("P08")
        printed = job.cancel()
        assert printed.outcome.is_in_queue
        with pytest.raises(PrintRefused):
            job.printer.backend.printers()
    finally:
        queue.signal(signal.SIGCONT)
    assert len(client.prints) == 5


def test_going_on_takes_what_is_left_out_of_the_queue_or_finds_it_printed(
    queue: VirtualQueue,
) -> None:
    client = Counter()
    queue.set_mode("jam", after_pages=2)
    backend = CupsBackend(queue.server)
    made = client.reserve_prints([it.number for it in RECEIPTS], queue.printer)
    ids = tuple(it.print_id for it in made)

    def left_behind() -> Printed:
        outcome = print_pdf(
            backend, make_pdf(595, 842, 5), PrintOrder(queue.printer, "left"), limit_s=1.0,
            accepted=lambda job_id: client.count_prints(ids, str(job_id)),
        )  # fmt: skip
        assert outcome.is_in_queue and outcome.problem
        return Printed(tuple(RECEIPTS), 5, 0, outcome, ids)

    first = left_behind()
    job = Work(queue, client, RECEIPTS[2:])
    job.begin(first)
    time.sleep(1)
    queue.set_mode("ok")
    assert job.end().outcome.state is JobState.COMPLETED
    assert first.outcome.job_id and not queue.job_file(first.outcome.job_id).exists()

    queue.set_mode("jam")
    second, before = left_behind(), len(client.prints)
    queue.set_mode("ok")
    assert second.outcome.job_id
    deadline = time.monotonic() + LIMIT_S
    while not queue.job_file(second.outcome.job_id).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    job = Work(queue, client, RECEIPTS[2:])
    job.begin(second)
    told = job.end().outcome
    assert told.problem and told.problem.code == "P18"
    assert len(client.prints) == before, "nothing is printed twice unasked"


def die(server: str, printer: str, folder: str, where: str) -> None:
    """A client that is killed: it leaves what it did in the folder."""

    class Dying(Counter):
        def receipt_pdf(self, receipt_no: str, print_id: str = "") -> bytes:
            self._call("receipt_pdf")
            return super().receipt_pdf(receipt_no, print_id)

        def _call(self, name: str) -> None:
            super()._call(name)
            with Path(folder, "calls").open("a") as calls:
                calls.write(f"{name}\n")
            if name == where:
                os.kill(os.getpid(), signal.SIGKILL)

    printing = Printing(printer=printer)
    Printer(
        CupsBackend(server), Dying(), lambda _: printing, lambda *_: None, threading.Event()
    ).print(RECEIPTS)


@pytest.mark.parametrize("where", ["reserve_prints", "receipt_pdf", "count_prints"])
def test_client_killed_on_its_way_to_the_queue_prints_nothing_and_leaves_the_queue_free(
    queue: VirtualQueue, where: str
) -> None:
    """Killed as it counts is the last place: CUPS has all of the document but its end."""
    arguments = (queue.server, queue.printer, str(queue.folder), where)
    process = multiprocessing.get_context("spawn").Process(target=die, args=arguments)
    process.start()
    process.join(LIMIT_S)
    assert process.exitcode == -signal.SIGKILL
    calls = (queue.folder / "calls").read_text().split()
    assert (calls[-1], calls.count("count_prints")) == (where, where == "count_prints")
    time.sleep(5)  # Longer than CUPS waits for the rest of a job.
    assert not list(queue.folder.glob("*job-*")), "half a document is no paper"
    client: Any = Counter()
    job = Work(queue, client)
    job.begin()
    assert job.end().outcome.state is JobState.COMPLETED
    assert len(client.prints) == 5


def test_server_that_refuses_to_count_leaves_nothing_in_the_queue(queue: VirtualQueue) -> None:
    from server.business.refusals import Refused

    client = Counter()
    client.fault["count_prints"] = "P19"
    job = Work(queue, client)
    with pytest.raises(Refused):
        job.printer.print(RECEIPTS)
    time.sleep(1)
    assert (client.prints, list(queue.folder.glob("*job-*"))) == ([], [])
    assert CupsBackend(queue.server).job_state(queue.printer, 1) is JobState.WITHDRAWN
    again: Outcome = job.printer.print(RECEIPTS).outcome
    assert again.state is JobState.COMPLETED
