"""Printing on a real CUPS queue: what arrives, and what is said when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

from hpf_desktop.print.cups import CupsBackend
from hpf_desktop.print.job import Step, follow, print_pdf
from hpf_desktop.print.page import MM_PT, PAPERS
from hpf_desktop.print.printers import (
    JobState,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)
from hpf_desktop.print.virtual_queue import BACKENDS, PREFIX, VirtualQueue, printer_description
from server.receipts.layout import Paper
from server.receipts.pdf import render
from tests.print.conftest import make_pdf
from tests.receipts.samples import make_receipt, run

pytestmark = pytest.mark.slow


def order(queue: VirtualQueue, **changes: object) -> PrintOrder:
    return PrintOrder(**({"printer": queue.printer, "title": "2026-000123"} | changes))  # type: ignore[arg-type]


def corner(pdf: bytes | Path) -> tuple[float, float]:
    """Where CORNER stands, from the left and from the upper edge, in points."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        text = page.get_textpage()
        found = text.search("CORNER").get_next()
        assert found
        left, bottom, _, _ = text.get_charbox(found[0], loose=True)
        box = page.get_mediabox()
        return left - box[0], box[3] - bottom


@pytest.mark.parametrize("paper", Paper)
def test_receipt_printed_arrives_true_to_size_with_text_and_qr(
    queue: VirtualQueue, backend: CupsBackend, paper: Paper, tmp_path: Path
) -> None:
    receipt = make_receipt(paper=paper, operator="王𬎆")
    steps: list[Step] = []
    outcome = print_pdf(backend, render(receipt), order(queue), steps.append, limit_s=20)
    assert (outcome.state, outcome.problem) == (JobState.COMPLETED, None)
    assert outcome.text == "打印完成"
    assert steps[-1].state is JobState.COMPLETED
    assert outcome.job_id
    printed = queue.job_file(outcome.job_id)
    with pypdfium2.PdfDocument(printed) as document:
        width, height = document.get_page_size(0)
        assert len(document) == 1
    sides = [paper.value.width_pt, paper.value.height_pt]
    if paper is Paper.A4_WIDE:
        sides.reverse()  # It lies across a sheet that goes in as any A4.
    assert [width, height] == pytest.approx(sides, abs=0.6)
    assert "王𬎆" in run("pdftotext", printed, "-")
    run("pdftoppm", "-mono", "-r", "180", printed, tmp_path / "page")
    (page,) = tmp_path.glob("page*.pbm")
    assert run("zbarimg", "--raw", "-q", page).strip() == receipt.url


@pytest.mark.parametrize("key", PAPERS)
def test_every_paper_printed_keeps_its_size_and_place(
    queue: VirtualQueue, backend: CupsBackend, key: str
) -> None:
    paper = PAPERS[key]
    pdf = make_pdf(paper.width_pt, paper.height_pt)
    outcome = print_pdf(backend, pdf, order(queue), limit_s=20)
    assert outcome.job_id
    printed = queue.job_file(outcome.job_id)
    with pypdfium2.PdfDocument(printed) as document:
        size = document.get_page_size(0)
    assert size == pytest.approx((paper.width_pt, paper.height_pt), abs=0.6)
    assert corner(printed) == pytest.approx(corner(pdf), abs=0.6)


def test_offset_moves_what_is_printed_and_not_the_paper(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    pdf = make_pdf(684, 396)
    moved = order(queue, offset_mm=(3.5, -2.0))
    outcome = print_pdf(backend, pdf, moved, limit_s=20)
    assert outcome.job_id
    printed = queue.job_file(outcome.job_id)
    x, y = corner(pdf)
    assert corner(printed) == pytest.approx((x + 3.5 * MM_PT, y - 2.0 * MM_PT), abs=0.05 * MM_PT)
    with pypdfium2.PdfDocument(printed) as document:
        assert document.get_page_size(0) == pytest.approx((684, 396), abs=0.1)


def test_copies_and_pages_all_arrive(queue: VirtualQueue, backend: CupsBackend) -> None:
    outcome = print_pdf(backend, make_pdf(595.276, 841.89, 3), order(queue, copies=2), limit_s=20)
    assert outcome.job_id
    with pypdfium2.PdfDocument(queue.job_file(outcome.job_id)) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert [text.split()[-1] for text in texts] == ["1", "2", "3", "1", "2", "3"]


def test_printer_with_a4_alone_prints_a5_upright_at_the_upper_left(
    queue: VirtualQueue, backend: CupsBackend, tmp_path: Path
) -> None:
    """CUPS by itself turns it round and puts it in the middle."""
    others = ("Custom", "VariablePaper", "MaxMedia", " A5", "w684")
    lines = [it for it in printer_description().splitlines() if not any(o in it for o in others)]
    ppd = tmp_path / "a4.ppd"
    ppd.write_text("\n".join(lines) + "\n")
    queue.control("lpadmin", "-P", str(ppd), "-p")
    for width_pt, height_pt in ((595.276, 419.528), (419.528, 595.276)):
        pdf = make_pdf(width_pt, height_pt, 2)
        outcome = print_pdf(backend, pdf, order(queue), limit_s=20)
        assert outcome.state is JobState.COMPLETED and outcome.job_id
        printed = queue.job_file(outcome.job_id)
        with pypdfium2.PdfDocument(printed) as document:
            assert document.get_page_size(0) == pytest.approx((595, 842), abs=0.6)
        assert corner(printed) == pytest.approx(corner(pdf), abs=0.6)


def test_printers_list_shows_label_default_and_trays(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    (printer,) = backend.printers()
    assert printer.name == queue.printer
    assert printer.is_default
    assert printer.label == "演示打印机（存为 PDF）"
    assert printer.trays == ("Tray1", "Tray2")


def test_printer_out_of_paper_says_so_and_goes_on_with_paper(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    queue.set_mode("paperout")
    seen: list[PrinterStatus] = []

    def changed(step: Step) -> None:
        seen.append(step.status)
        if step.status is PrinterStatus.PAPER_OUT:
            queue.set_mode("ok")

    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), changed, limit_s=20)
    assert PrinterStatus.PAPER_OUT in seen
    assert outcome.state is JobState.COMPLETED
    assert backend.status(queue.printer) is PrinterStatus.READY


def test_printer_still_out_of_paper_at_the_limit_is_not_called_printed(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    queue.set_mode("paperout")
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=1.5)
    assert outcome.state is JobState.PRINTING
    assert outcome.problem
    assert outcome.problem.code == "P01"
    refused = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=5)
    assert (refused.state, refused.job_id) == (None, None)
    queue.set_mode("ok")
    assert outcome.job_id
    *_, last = follow(backend, queue.printer, outcome.job_id, limit_s=20)
    assert last.state is JobState.COMPLETED


def test_job_still_printing_at_the_limit_is_said_to_be_in_the_queue(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    queue.set_mode("slow")
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=1)
    assert outcome.is_in_queue
    assert outcome.problem and outcome.problem.code == "P16"
    assert queue.printer in outcome.problem.text


def test_printer_that_stops_keeps_the_job_and_refuses_the_next(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    queue.set_mode("stop")
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=2)
    assert outcome.state in (JobState.QUEUED, JobState.HELD)
    assert outcome.problem
    assert outcome.problem.code == "P05"
    again = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=2)
    assert again.job_id is None
    queue.set_mode("ok")
    queue.control("cupsenable")
    assert outcome.job_id
    *_, last = follow(backend, queue.printer, outcome.job_id, limit_s=20)
    assert last.state is JobState.COMPLETED


def test_rejecting_queue_is_refused_before_and_at_submission(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    queue.control("cupsreject")
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), limit_s=5)
    assert outcome.job_id is None
    assert outcome.problem
    assert outcome.problem.code == "P06"
    with pytest.raises(PrintRefused) as refused:
        backend.submit(make_pdf(595.276, 841.89), order(queue))
    assert refused.value.status is PrinterStatus.REJECTING


def test_unknown_printer_is_refused_and_never_replaced_by_the_default(
    queue: VirtualQueue, backend: CupsBackend
) -> None:
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue, printer="没有这台"))
    assert outcome.problem
    assert outcome.problem.code == "P07"
    assert "没有这台" in outcome.problem.text
    with pytest.raises(PrintRefused) as refused:
        backend.submit(make_pdf(595.276, 841.89), order(queue, printer="nobody"))
    assert refused.value.status is PrinterStatus.UNKNOWN_PRINTER
    assert not list(queue.folder.glob("job-*.pdf"))


def test_cancelled_job_is_told_as_cancelled(queue: VirtualQueue, backend: CupsBackend) -> None:
    queue.set_mode("slow")

    def changed(step: Step) -> None:
        if not step.state.is_final:
            run("cancel", "-h", queue.server, "-a", queue.printer)

    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue), changed, limit_s=20)
    assert outcome.state is JobState.CANCELLED
    assert outcome.problem
    assert outcome.problem.code == "P11"


def test_job_nobody_knows_is_unknown(queue: VirtualQueue, backend: CupsBackend) -> None:
    assert backend.job_state(queue.printer, 4711) is JobState.UNKNOWN


def test_stopped_print_service_is_told_as_such(queue: VirtualQueue, backend: CupsBackend) -> None:
    queue.stop()
    assert backend.status(queue.printer) is PrinterStatus.SERVICE_UNAVAILABLE
    with pytest.raises(PrintRefused) as refused:
        backend.printers()
    assert refused.value.status is PrinterStatus.SERVICE_UNAVAILABLE
    outcome = print_pdf(backend, make_pdf(595.276, 841.89), order(queue))
    assert outcome.problem
    assert outcome.problem.code == "P08"


def test_queue_command_ends_cleanly_at_sigterm(queue: VirtualQueue, tmp_path: Path) -> None:
    before = set(BACKENDS.glob(f"{PREFIX}*"))
    command = [sys.executable, "-m", "hpf_desktop.print.virtual_queue", str(tmp_path / "other")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        server = process.stdout.readline().strip().removeprefix("CUPS_SERVER=")
        assert CupsBackend(server).status(queue.printer) is PrinterStatus.READY
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    assert not Path(server).exists()
    assert set(BACKENDS.glob(f"{PREFIX}*")) == before


def test_queue_that_was_killed_is_cleared_away_by_the_next(
    queue: VirtualQueue, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "hpf_desktop.print.virtual_queue", str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        server = process.stdout.readline().strip().removeprefix("CUPS_SERVER=")
        process.kill()
    owned = [BACKENDS.glob(f"{PREFIX}{process.pid}-*"), [Path(server).parent]]
    left = [path for paths in owned for path in paths]
    assert len(left) == 2
    with VirtualQueue(tmp_path / "next") as following:
        assert not any(path.exists() for path in left)
        assert CupsBackend(following.server).status(following.printer) is PrinterStatus.READY
    assert CupsBackend(server).status(following.printer) is PrinterStatus.SERVICE_UNAVAILABLE
