"""Papers, offsets and the calibration page, without a printer."""

from __future__ import annotations

import pypdfium2
import pytest

from hpf_desktop.print.cups import job_state_of, media_of, needs_a4, options_of, status_of
from hpf_desktop.print.job import preflight
from hpf_desktop.print.page import (
    PAPERS,
    NotPdf,
    calibration_page,
    is_a4_across,
    page_size,
    paper_of,
    shift,
)
from hpf_desktop.print.printers import (
    Duplex,
    JobState,
    Printer,
    PrinterStatus,
    PrintOrder,
)
from server.business.refusals import REFUSALS
from server.receipts.layout import Paper as ReceiptPaper
from tests.print.conftest import make_pdf


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_paper_is_found_again_by_its_size(paper) -> None:  # type: ignore[no-untyped-def]
    assert paper_of(paper.width_pt, paper.height_pt) is paper
    assert paper_of(paper.width_pt + 5, paper.height_pt) is None


def test_every_receipt_paper_is_one_the_printers_know() -> None:
    for paper in ReceiptPaper:
        size = (paper.value.width_pt, paper.value.height_pt)
        assert paper_of(*size) or is_a4_across(*size)


def test_continuous_papers_are_whole_parts_of_eleven_inches() -> None:
    heights = [PAPERS[key].height_pt for key in ("full_241", "half_241", "third_241")]
    assert heights == [792, 396, 264]
    assert {PAPERS[key].width_pt for key in ("full_241", "half_241", "third_241")} == {9.5 * 72}


def test_shift_by_nothing_leaves_the_bytes_alone() -> None:
    pdf = make_pdf(684, 396)
    assert shift(pdf, 0, 0) is pdf


def test_shift_there_and_back_shows_the_same_page() -> None:
    pdf = make_pdf(684, 396, 2)

    def picture(content: bytes) -> bytes:
        with pypdfium2.PdfDocument(content) as document:
            return document[1].render(scale=2).to_pil().tobytes()

    there = shift(pdf, 10, 20)
    assert picture(there) != picture(pdf)
    assert picture(shift(there, -10, -20)) == picture(pdf)
    assert page_size(there) == (684, 396)


@pytest.mark.parametrize("content", [b"", b"no pdf", b"%PDF-1.4\n%%EOF", b"\x00" * 100])
def test_bytes_that_are_no_pdf_are_refused(content: bytes) -> None:
    with pytest.raises(NotPdf):
        page_size(content)


def test_calibration_page_has_crosses_in_their_places_and_names_its_offset() -> None:
    paper = PAPERS["half_241"]
    pdf = calibration_page(paper, "财务室针式", (1.5, -0.3))
    assert page_size(pdf) == (paper.width_pt, paper.height_pt)
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        text = page.get_textpage().get_text_bounded()
        dots = page.render(scale=180 / 72).to_pil().convert("L")
    assert "+1.5 mm" in text
    assert "-0.3 mm" in text
    assert "财务室针式" in text
    near = round(15 / 25.4 * 180)
    for x in (near, dots.width - near):
        for y in (near, dots.height - near):
            box = dots.crop((x - 3, y - 3, x + 4, y + 4))
            assert min(box.get_flattened_data()) < 140


def test_options_name_paper_sides_and_scaling_always() -> None:
    order = PrintOrder("P", "2026-000123", tray="Tray2", duplex=Duplex.LONG_EDGE)
    assert options_of(order, 684, 396) == {
        "media": "Custom.684.4x396.4",
        "print-scaling": "none",
        "sides": "two-sided-long-edge",
        "copies": "1",
        "collate": "true",
        "InputSlot": "Tray2",
    }
    assert media_of(595.276, 841.89) == "A4"


@pytest.mark.parametrize(
    ("state", "accepting", "reasons", "expected"),
    [
        (3, True, ["none"], PrinterStatus.READY),
        (4, True, ["none"], PrinterStatus.PRINTING),
        (4, True, ["media-empty-error"], PrinterStatus.PAPER_OUT),
        (4, True, ["media-needed"], PrinterStatus.PAPER_OUT),
        (5, True, ["paused"], PrinterStatus.STOPPED),
        (5, True, ["media-jam-error", "media-empty"], PrinterStatus.JAMMED),
        (3, True, ["offline-report"], PrinterStatus.READY),
        (4, True, ["offline-error"], PrinterStatus.OFFLINE),
        (4, True, ["cover-open-warning"], PrinterStatus.COVER_OPEN),
        # Left behind by a job that was cancelled: or nothing would ever be printed again.
        (3, True, ["media-empty-error"], PrinterStatus.READY),
        (5, False, ["media-empty"], PrinterStatus.REJECTING),
    ],
)
def test_status_of_cups_facts_is_what_to_do_first(
    state: int, accepting: bool, reasons: list[str], expected: PrinterStatus
) -> None:
    facts = {
        "printer-state": state,
        "printer-is-accepting-jobs": accepting,
        "printer-state-reasons": reasons,
    }
    assert status_of(facts) is expected


def test_every_trouble_of_a_printer_has_words_and_a_next_step() -> None:
    for status in PrinterStatus:
        if status in (PrinterStatus.READY, PrinterStatus.PRINTING, PrinterStatus.CONNECTING):
            assert status.problem("P") is None
        else:
            trouble = status.problem("财务室针式")
            assert trouble
            assert trouble.next_step
            assert status.code in REFUSALS
    assert len({state.value for state in JobState}) == len(JobState)


class ReadyBackend:
    """A backend whose printer is always ready, for what is refused before any printer is asked."""

    def printers(self) -> list[Printer]:
        return [Printer("P", "P", is_default=True)]

    def status(self, printer: str) -> PrinterStatus:
        return PrinterStatus.READY

    def submit(self, pdf: bytes, order: PrintOrder) -> int:
        raise AssertionError("nothing is sent")

    def job_state(self, printer: str, job_id: int) -> JobState:
        raise AssertionError("nothing is sent")


@pytest.mark.parametrize(
    ("printer", "content", "code"),
    [("", make_pdf(684, 396), "P12"), ("P", b"broken", "P13"), ("P", make_pdf(684, 396), None)],
)
def test_preflight_refuses_without_printer_or_pdf(
    printer: str, content: bytes, code: str | None
) -> None:
    found = preflight(ReadyBackend(), content, PrintOrder(printer, "2026-000123"))
    assert (found.code if found else None) == code


@pytest.mark.parametrize("changes", [{"copies": 0}, {"copies": 100}, {"offset_mm": (25.0, 0.0)}])
def test_order_beyond_its_limits_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        PrintOrder("P", "2026-000123", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], False),
        (["iso_a4_210x297mm"], True),
        (["iso_a4_210x297mm", "iso_a5_148x210mm"], False),
        (["iso_a4_210x297mm", "custom_min_1x1in", "custom_max_17x25in"], False),
    ],
)
def test_a5_goes_on_a4_only_where_there_is_no_other_way(sizes: list[str], expected: bool) -> None:
    assert needs_a4(sizes, 595.276, 419.528) is expected
    assert not needs_a4(["iso_a4_210x297mm"], 595.276, 841.89)
    assert not needs_a4(["iso_a4_210x297mm"], 684, 396), "that does not fit"


def test_job_is_withdrawn_only_where_cups_says_that_it_never_began() -> None:
    assert job_state_of({"job-state": 7, "time-at-processing": None}) is JobState.WITHDRAWN
    assert job_state_of({"job-state": 7, "time-at-processing": 9}) is JobState.CANCELLED
    assert job_state_of({"job-state": 8}) is JobState.ABORTED
    assert job_state_of({}) is JobState.UNKNOWN


@pytest.mark.parametrize("reason", ["offline-report", "door-open-report", "media-jam-warning"])
def test_what_cups_own_backends_say_of_trouble_is_trouble(reason: str) -> None:
    facts = {"printer-state": 4, "printer-state-reasons": [reason]}
    assert status_of(facts).code
    assert not status_of(facts | {"printer-state-reasons": ["toner-low-report"]}).code
