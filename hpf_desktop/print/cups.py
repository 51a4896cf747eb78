"""Printing through CUPS: the PDF itself goes to the queue, with its paper named and no scaling."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from hpf_desktop.print.page import is_a4_across, page_size, paper_of, shift
from hpf_desktop.print.printers import (
    JobState,
    Printer,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)

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
# those that end in -report are news and no trouble.
REASONS = (
    ("media-jam", PrinterStatus.JAMMED),
    ("cover-open", PrinterStatus.COVER_OPEN),
    ("door-open", PrinterStatus.COVER_OPEN),
    ("media-empty", PrinterStatus.PAPER_OUT),
    ("media-needed", PrinterStatus.PAPER_OUT),
    ("offline", PrinterStatus.OFFLINE),
    ("shutdown", PrinterStatus.OFFLINE),
    ("timed-out", PrinterStatus.OFFLINE),
    ("toner-empty", PrinterStatus.NEEDS_ATTENTION),
    ("marker-supply-empty", PrinterStatus.NEEDS_ATTENTION),
    ("other-error", PrinterStatus.NEEDS_ATTENTION),
)
WANTED = ["printer-state", "printer-state-reasons", "printer-is-accepting-jobs"]


class CupsBackend:
    """A connection for each call: calls come from several worker threads."""

    def __init__(self, server: str = "") -> None:
        """`server` is a host or a socket; empty is what CUPS_SERVER or the system names."""
        self._server = server

    def printers(self) -> list[Printer]:
        with self._connected() as connection:
            default = connection.getDefault()
            found = connection.getPrinters()
            return [
                Printer(
                    name,
                    facts.get("printer-info") or name,
                    name == default,
                    _trays(connection, name),
                )
                for name, facts in sorted(found.items())
            ]

    def status(self, printer: str) -> PrinterStatus:
        try:
            with self._connected() as connection:
                facts = connection.getPrinterAttributes(printer, requested_attributes=WANTED)
        except PrintRefused as refused:
            return refused.status
        return status_of(facts)

    def submit(self, pdf: bytes, order: PrintOrder) -> int:
        content = shift(pdf, *order.offset_mm)
        options = options_of(order, *page_size(pdf))
        with self._connected() as connection:
            # An unknown name is told here; createJob only speaks of an internal error.
            connection.getPrinterAttributes(order.printer, requested_attributes=WANTED)
            # Streamed, so that no file with names in it lies about while the job waits.
            job_id = int(connection.createJob(order.printer, order.title, options))
            connection.startDocument(order.printer, job_id, order.title, "application/pdf", 1)
            for at in range(0, len(content), CHUNK_BYTES):
                chunk = content[at : at + CHUNK_BYTES]
                connection.writeRequestData(chunk, len(chunk))
            connection.finishDocument(order.printer)
        return job_id

    def job_state(self, printer: str, job_id: int) -> JobState:
        try:
            with self._connected() as connection:
                facts = connection.getJobAttributes(job_id, requested_attributes=["job-state"])
        except PrintRefused:
            return JobState.UNKNOWN
        return JOB_STATES.get(facts.get("job-state"), JobState.UNKNOWN)

    def cancel(self, printer: str, job_id: int) -> None:
        with suppress(PrintRefused), self._connected() as connection:
            connection.cancelJob(job_id)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Every way in which CUPS can fail becomes one of our states."""
        import cups

        try:
            yield cups.Connection(host=self._server) if self._server else cups.Connection()
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


def _trays(connection: Any, printer: str) -> tuple[str, ...]:
    """The names that the option InputSlot takes; a printer without a description has none."""
    import cups

    with tempfile.NamedTemporaryFile(suffix=".ppd") as description:
        try:
            connection.getFile(f"/printers/{quote(printer)}.ppd", filename=description.name)
        except cups.HTTPError:
            return ()
        option = cups.PPD(description.name).findOption("InputSlot")
        return tuple(choice["choice"] for choice in option.choices) if option else ()


def status_of(facts: dict[str, Any]) -> PrinterStatus:
    """Refusing comes first: such a queue takes a job and loses it without a word."""
    if not facts.get("printer-is-accepting-jobs", True):
        return PrinterStatus.REJECTING
    # What an idle queue says is what its last job left behind: only the next one brings new word.
    is_idle = facts["printer-state"] == PRINTER_IDLE
    said = [] if is_idle else facts.get("printer-state-reasons", [])
    reasons = [reason for reason in said if not reason.endswith("-report")]
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


def media_of(width_pt: float, height_pt: float) -> str:
    paper = paper_of(width_pt, height_pt)
    if (paper and paper.key == "A4") or is_a4_across(width_pt, height_pt):
        return "A4"  # CUPS turns a page that lies across.
    # CUPS goes through hundredths of a millimetre and then cuts to whole points.
    return f"Custom.{round(width_pt) + ROUNDING_PT}x{round(height_pt) + ROUNDING_PT}"
