"""Printing through CUPS: the PDF itself goes to the queue, with its paper named and no scaling."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from hpf_desktop.print.limit import within_limit
from hpf_desktop.print.page import (
    MM_PT,
    PAPERS,
    SAME_SIZE_PT,
    is_a4_across,
    on_a4,
    page_size,
    paper_of,
    shift,
)
from hpf_desktop.print.printers import (
    JobState,
    Printer,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)

T = TypeVar("T")

CHUNK_BYTES = 1 << 16
ROUNDING_PT = 0.4
PRINTER_IDLE, PRINTER_PRINTING, PRINTER_STOPPED = 3, 4, 5
JOB_STATES = {
    3: JobState.QUEUED,
    4: JobState.HELD,
    5: JobState.PRINTING,
    6: JobState.HELD,
    7: JobState.CANCELLED,
    8: JobState.ABORTED,
    9: JobState.COMPLETED,
}
# In order of what the operator must do first. Reasons come as media-empty, media-empty-error, …;
# CUPS's own backends say of a printer that is switched off no more than offline-report.
REASONS = (
    ("media-jam", PrinterStatus.JAMMED),
    ("cover-open", PrinterStatus.COVER_OPEN),
    ("door-open", PrinterStatus.COVER_OPEN),
    ("media-empty", PrinterStatus.PAPER_OUT),
    ("media-needed", PrinterStatus.PAPER_OUT),
    ("offline", PrinterStatus.OFFLINE),
    ("shutdown", PrinterStatus.OFFLINE),
    ("timed-out", PrinterStatus.OFFLINE),
    ("connecting-to-device", PrinterStatus.CONNECTING),
    ("input-tray-missing", PrinterStatus.NEEDS_ATTENTION),
    ("output-area-full", PrinterStatus.NEEDS_ATTENTION),
    ("marker-supply-missing", PrinterStatus.NEEDS_ATTENTION),
    ("toner-empty", PrinterStatus.NEEDS_ATTENTION),
    ("marker-supply-empty", PrinterStatus.NEEDS_ATTENTION),
    ("other-error", PrinterStatus.NEEDS_ATTENTION),
)
MEDIA = "media-supported"
WANTED = ["printer-state", "printer-state-reasons", "printer-is-accepting-jobs", MEDIA]
MEDIA_SIZE = re.compile(r"_(?P<one>[\d.]+)x(?P<other>[\d.]+)(?P<unit>mm|in)$")
MEDIA_PT = 3.0  # Between what a name says in whole millimetres and the paper.
BEGAN = "time-at-processing"
JOB_WANTED = ["job-state", BEGAN]


class CupsBackend:
    """A connection for each call: calls come from several worker threads."""

    def __init__(self, server: str = "") -> None:
        """`server` is a host or a socket; empty is what CUPS_SERVER or the system names."""
        self._server = server

    def printers(self) -> list[Printer]:
        return self._ask(_printers)

    def status(self, printer: str) -> PrinterStatus:
        try:
            return status_of(self._ask(lambda it: _facts(it, printer)))
        except PrintRefused as refused:
            return refused.status

    def submit(
        self, pdf: bytes, order: PrintOrder, accepted: Callable[[int], None] = lambda _: None
    ) -> int:
        sizes = self._ask(lambda it: _facts(it, order.printer)).get(MEDIA, [])
        if not order.media and needs_a4(sizes, *page_size(pdf)):
            pdf = on_a4(pdf)
        content = shift(pdf, *order.offset_mm)
        options = options_of(order, *page_size(pdf))
        connection, job_id = self._ask(lambda it: _begin_job(it, order, options, content))
        try:
            accepted(job_id)
        except BaseException:
            self.cancel(order.printer, job_id)
            raise
        try:
            _within(lambda: connection.finishDocument(order.printer))
        except PrintRefused:
            # Nobody knows whether it still came through. Gone from the queue it did not.
            self.cancel(order.printer, job_id)
            if self._state(job_id) in (JobState.WITHDRAWN, JobState.UNKNOWN):
                raise
        return job_id

    def job_state(self, printer: str, job_id: int) -> JobState:
        return job_state_of(self._ask(lambda it: _job_facts(it, job_id)))

    def cancel(self, printer: str, job_id: int) -> None:
        with suppress(PrintRefused):
            self._ask(lambda it: it.cancelJob(job_id))

    def _state(self, job_id: int) -> JobState | None:
        """None where CUPS does not answer."""
        try:
            return self.job_state("", job_id)
        except PrintRefused:
            return None

    def _ask(self, call: Callable[[Any], T]) -> T:
        import cups

        def connected() -> T:
            return call(cups.Connection(host=self._server) if self._server else cups.Connection())

        return _within(connected)


def _within(call: Callable[[], T]) -> T:
    """Every way in which CUPS can fail becomes one of our states."""
    import cups

    try:
        return within_limit(call)
    except cups.IPPError as error:
        status, _ = error.args
        raise PrintRefused(
            {
                cups.IPP_NOT_FOUND: PrinterStatus.UNKNOWN_PRINTER,
                cups.IPP_NOT_ACCEPTING: PrinterStatus.REJECTING,
                cups.IPP_SERVICE_UNAVAILABLE: PrinterStatus.SERVICE_UNAVAILABLE,
            }.get(status, PrinterStatus.NEEDS_ATTENTION)
        ) from None
    except (RuntimeError, cups.HTTPError):
        raise PrintRefused(PrinterStatus.SERVICE_UNAVAILABLE) from None


def _printers(connection: Any) -> list[Printer]:
    default = connection.getDefault()
    return [
        Printer(name, facts.get("printer-info") or name, name == default, _trays(connection, name))
        for name, facts in sorted(connection.getPrinters().items())
    ]


def _facts(connection: Any, printer: str) -> dict[str, Any]:
    return dict(connection.getPrinterAttributes(printer, requested_attributes=WANTED))


def _job_facts(connection: Any, job_id: int) -> dict[str, Any]:
    """Empty for a job that is not known (any more)."""
    import cups

    try:
        return dict(connection.getJobAttributes(job_id, requested_attributes=JOB_WANTED))
    except cups.IPPError as error:
        if error.args[0] != cups.IPP_NOT_FOUND:
            raise
        return {}


def _begin_job(
    connection: Any, order: PrintOrder, options: dict[str, str], content: bytes
) -> tuple[Any, int]:
    """All but the end of the document, without which CUPS prints nothing of it."""
    # Streamed, so that no file with names in it lies about while the job waits.
    job_id = int(connection.createJob(order.printer, order.title, options))
    connection.startDocument(order.printer, job_id, order.title, "application/pdf", 1)
    for at in range(0, len(content), CHUNK_BYTES):
        chunk = content[at : at + CHUNK_BYTES]
        connection.writeRequestData(chunk, len(chunk))
    return connection, job_id


def _trays(connection: Any, printer: str) -> tuple[str, ...]:
    """The names that the option InputSlot takes; a printer without a description has none."""
    import cups

    with tempfile.TemporaryDirectory() as folder:
        description = str(Path(folder, "printer.ppd"))
        Path(description).touch()  # CUPS wants it there, and deletes it when it has none to give.
        try:
            connection.getFile(f"/printers/{printer}.ppd", filename=description)
        except cups.HTTPError:
            return ()
        option = cups.PPD(description).findOption("InputSlot")
        return tuple(choice["choice"] for choice in option.choices) if option else ()


def job_state_of(facts: dict[str, Any]) -> JobState:
    state = JOB_STATES.get(facts.get("job-state", 0), JobState.UNKNOWN)
    never_began = BEGAN in facts and facts[BEGAN] is None  # Said expressly: what is absent may be.
    is_undone = state in (JobState.CANCELLED, JobState.ABORTED)
    return JobState.WITHDRAWN if is_undone and never_began else state


def status_of(facts: dict[str, Any]) -> PrinterStatus:
    """Refusing comes first: such a queue takes a job and loses it without a word."""
    if not facts.get("printer-is-accepting-jobs", True):
        return PrinterStatus.REJECTING
    # What an idle queue says is what its last job left behind: only the next one brings new word.
    is_idle = facts["printer-state"] == PRINTER_IDLE
    reasons = [] if is_idle else facts.get("printer-state-reasons", [])
    for prefix, status in REASONS:
        if any(reason.startswith(prefix) for reason in reasons):
            return status
    if facts["printer-state"] == PRINTER_STOPPED:
        return PrinterStatus.STOPPED
    if facts["printer-state"] == PRINTER_PRINTING:
        return PrinterStatus.PRINTING
    return PrinterStatus.READY


def options_of(order: PrintOrder, width_pt: float, height_pt: float) -> dict[str, str]:
    """Without these a queue of A4 turns an A5 page round, or enlarges it."""
    options = {
        "media": order.media or media_of(width_pt, height_pt),
        "print-scaling": "none",
        "sides": order.duplex.value,
        "copies": str(order.copies),
        "collate": "true",
    }
    return options | ({"InputSlot": order.tray} if order.tray else {})


def needs_a4(sizes: list[str], width_pt: float, height_pt: float) -> bool:
    """A printer that has neither this size nor sizes of one's own would turn the page round and
    put it in the middle of the A4 that it has."""
    a4 = PAPERS["A4"]
    has_own = any(name.startswith("custom_max") for name in sizes)
    fits = width_pt < a4.width_pt + SAME_SIZE_PT and height_pt < a4.height_pt
    return bool(sizes) and not has_own and fits and not _has(sizes, width_pt, height_pt)


def _has(sizes: list[str], width_pt: float, height_pt: float) -> bool:
    """Sizes are named as in iso_a5_148x210mm; a page may lie across."""
    sides = sorted((width_pt, height_pt))
    for name in sizes:
        if found := MEDIA_SIZE.search(name):
            unit = MM_PT if found["unit"] == "mm" else 72
            theirs = sorted(float(side) * unit for side in (found["one"], found["other"]))
            if all(abs(a - b) < MEDIA_PT for a, b in zip(sides, theirs, strict=True)):
                return True
    return False


def media_of(width_pt: float, height_pt: float) -> str:
    paper = paper_of(width_pt, height_pt)
    if (paper and paper.key == "A4") or is_a4_across(width_pt, height_pt):
        return "A4"  # CUPS turns a page that lies across.
    # CUPS goes through hundredths of a millimetre and then cuts to whole points.
    return f"Custom.{round(width_pt) + ROUNDING_PT}x{round(height_pt) + ROUNDING_PT}"
