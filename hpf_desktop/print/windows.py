"""Printing on Windows: PDFium draws the PDF into the printer's device context, as vectors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pypdfium2
from pypdfium2 import raw

from hpf_desktop.print.page import MM_PT, is_a4_across, opened
from hpf_desktop.print.printers import (
    Duplex,
    JobState,
    Printer,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)

# win32's numbers, by the names of its documentation.
ENUM_LOCAL, ENUM_CONNECTIONS, NAMES_ONLY, DETAILS = 2, 4, 4, 2
JOBS_MAX = 999
DC_BINS, DC_BINNAMES = 6, 12
LOGPIXELSX, LOGPIXELSY, PHYSICALOFFSETX, PHYSICALOFFSETY = 88, 90, 112, 113
DM_ORIENTATION, DM_PAPERSIZE, DM_PAPERLENGTH, DM_PAPERWIDTH = 0x1, 0x2, 0x4, 0x8
DM_SCALE, DM_COPIES, DM_DEFAULTSOURCE, DM_DUPLEX, DM_FORMNAME = 0x10, 0x100, 0x200, 0x1000, 0x10000
DM_IN_BUFFER, DM_OUT_BUFFER = 8, 2
DMPAPER_A4, DMPAPER_USER = 9, 256
DMORIENT_PORTRAIT, DMORIENT_LANDSCAPE = 1, 2
DUPLEXES = {Duplex.ONE_SIDED: 1, Duplex.LONG_EDGE: 2, Duplex.SHORT_EDGE: 3}
INVALID_PRINTER_NAME = 1801
JOB_CONTROL_DELETE = 5
PRINTMODE_EMF = 0
WORK_OFFLINE = 0x400
A4_TENTHS_MM = (2100, 2970)
RASTER_DPI_MAX = 300

# In order of what the operator must do first.
STATUS_BITS = (
    (0x8, PrinterStatus.JAMMED),
    (0x400000, PrinterStatus.COVER_OPEN),
    (0x10, PrinterStatus.PAPER_OUT),
    (0x80 | 0x1000, PrinterStatus.OFFLINE),
    (0x1, PrinterStatus.STOPPED),
    (0x2 | 0x20 | 0x40 | 0x40000 | 0x100000, PrinterStatus.NEEDS_ATTENTION),
    (0x400, PrinterStatus.PRINTING),
)
JOB_BITS = (
    (0x4 | 0x100, JobState.CANCELLED),
    (0x80 | 0x1000, JobState.COMPLETED),
    (0x1 | 0x2 | 0x20 | 0x40 | 0x200 | 0x400, JobState.HELD),
    (0x10, JobState.PRINTING),
)


@dataclass(frozen=True)
class Device:
    """What of a printer's resolution and margins decides where a page lands."""

    dpi_x: int
    dpi_y: int
    margin_x: int  # The first printable dot, which the device context counts as 0.
    margin_y: int


class WindowsBackend:
    """Windows tells little: many drivers report nothing wrong whatever happens."""

    def printers(self) -> list[Printer]:
        import win32print

        with _translated():
            found = win32print.EnumPrinters(ENUM_LOCAL | ENUM_CONNECTIONS, None, NAMES_ONLY)
            names = sorted(facts["pPrinterName"] for facts in found)
        default = _default_printer()
        return [Printer(name, name, name == default, tuple(_trays(name))) for name in names]

    def status(self, printer: str) -> PrinterStatus:
        import win32print

        try:
            with _printer(printer) as handle:
                facts = win32print.GetPrinter(handle, DETAILS)
        except PrintRefused as refused:
            return refused.status
        return status_of(facts["Status"], facts["Attributes"])

    def submit(
        self, pdf: bytes, order: PrintOrder, accepted: Callable[[int], None] = lambda _: None
    ) -> int:
        import win32gui
        import win32print

        with opened(pdf) as document, _translated():
            with _printer(order.printer) as handle:
                mode = _device_mode(handle, order, document.get_page_size(0))
            context = win32gui.CreateDC("WINSPOOL", order.printer, mode)
            try:
                job_id = int(win32print.StartDoc(context, (order.title, None, None, 0)))
                try:
                    accepted(job_id)
                    for page in document:
                        win32print.StartPage(context)
                        _draw(context, page, order.offset_mm)
                        win32print.EndPage(context)
                except BaseException:
                    win32print.AbortDoc(context)
                    raise
                win32print.EndDoc(context)
            finally:
                win32gui.DeleteDC(context)
        return job_id

    def job_state(self, printer: str, job_id: int) -> JobState:
        # A job that is printed leaves the queue, and so does one that somebody deletes.
        job = _job(printer, job_id)
        return job_state_of(job["Status"]) if job else JobState.UNKNOWN

    def cancel(self, printer: str, job_id: int) -> None:
        import win32print

        with suppress(PrintRefused), _printer(printer) as handle:
            win32print.SetJob(handle, job_id, 0, None, JOB_CONTROL_DELETE)


def _job(printer: str, job_id: int) -> dict[str, Any]:
    """Empty for a job that is not in the queue; of a printer that is gone no job is left."""
    import win32print

    try:
        with _printer(printer) as handle:
            jobs = win32print.EnumJobs(handle, 0, JOBS_MAX, 1)
    except PrintRefused as refused:
        if refused.status is PrinterStatus.UNKNOWN_PRINTER:
            return {}
        raise
    return next((dict(job) for job in jobs if job["JobId"] == job_id), {})


def status_of(bits: int, attributes: int) -> PrinterStatus:
    for mask, status in STATUS_BITS:
        if bits & mask:
            return status
    return PrinterStatus.OFFLINE if attributes & WORK_OFFLINE else PrinterStatus.READY


def job_state_of(bits: int) -> JobState:
    for mask, state in JOB_BITS:
        if bits & mask:
            return state
    return JobState.QUEUED


def placement(
    device: Device, width_pt: float, height_pt: float, offset_mm: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Left, top, width and height in dots: true to the sheet, not to its printable part."""
    right_pt, down_pt = (offset * MM_PT for offset in offset_mm)
    return (
        round(right_pt / 72 * device.dpi_x) - device.margin_x,
        round(down_pt / 72 * device.dpi_y) - device.margin_y,
        round(width_pt / 72 * device.dpi_x),
        round(height_pt / 72 * device.dpi_y),
    )


def mode_fields(order: PrintOrder, width_pt: float, height_pt: float) -> dict[str, int | str]:
    """What is set in the driver's DEVMODE; everything explicit, nothing left to its defaults."""
    is_across = is_a4_across(width_pt, height_pt)
    if is_across:
        width_pt, height_pt = height_pt, width_pt  # The paper's own sides; the driver turns it.
    tenths = [round(side / MM_PT * 10) for side in (width_pt, height_pt)]
    fields = DM_ORIENTATION | DM_SCALE | DM_COPIES | DM_DUPLEX
    values: dict[str, int | str] = {
        # The page's own width lies across the paper, but for A4 laid down: nothing else is turned.
        "Orientation": DMORIENT_LANDSCAPE if is_across else DMORIENT_PORTRAIT,
        "Scale": 100,
        "Copies": order.copies,
        "Duplex": DUPLEXES[order.duplex],
    }
    if order.media:
        values["FormName"] = order.media
        fields |= DM_FORMNAME
    elif all(abs(mine - a4) <= 1 for mine, a4 in zip(tenths, A4_TENTHS_MM, strict=True)):
        values["PaperSize"] = DMPAPER_A4
        fields |= DM_PAPERSIZE
    else:
        values |= {"PaperSize": DMPAPER_USER, "PaperWidth": tenths[0], "PaperLength": tenths[1]}
        fields |= DM_PAPERSIZE | DM_PAPERWIDTH | DM_PAPERLENGTH
    return values | {"Fields": fields}


def _device_mode(handle: Any, order: PrintOrder, size_pt: tuple[float, float]) -> Any:
    import win32print

    mode = win32print.GetPrinter(handle, DETAILS)["pDevMode"]
    values = mode_fields(order, *size_pt)
    if order.tray:
        values["DefaultSource"] = _trays(order.printer)[order.tray]
        values["Fields"] = int(values["Fields"]) | DM_DEFAULTSOURCE
    for name, value in values.items():
        setattr(mode, name, value)
    # The driver checks and completes what it was given.
    win32print.DocumentProperties(
        0, handle, order.printer, mode, mode, DM_IN_BUFFER | DM_OUT_BUFFER
    )
    return mode


def _trays(printer: str) -> dict[str, int]:
    import pywintypes
    import win32print

    try:
        names = win32print.DeviceCapabilities(printer, "", DC_BINNAMES)
        numbers = win32print.DeviceCapabilities(printer, "", DC_BINS)
    except pywintypes.error:
        return {}  # A driver without trays.
    return dict(zip((name.rstrip("\0") for name in names), numbers, strict=False))


def _default_printer() -> str:
    import win32print

    try:
        return str(win32print.GetDefaultPrinter())
    except RuntimeError:
        return ""  # None is set.


def _draw(context: int, page: pypdfium2.PdfPage, offset_mm: tuple[float, float]) -> None:
    import win32print

    measures = (LOGPIXELSX, LOGPIXELSY, PHYSICALOFFSETX, PHYSICALOFFSETY)
    device = Device(*(win32print.GetDeviceCaps(context, index) for index in measures))
    width_pt, height_pt = page.get_size()
    box = placement(device, width_pt, height_pt, offset_mm)
    if not hasattr(raw, "FPDF_RenderPage"):
        _draw_picture(context, page, box, device.dpi_x)
        return
    raw.FPDF_SetPrintMode(PRINTMODE_EMF)
    handle = ctypes.cast(context, raw.FPDF_RenderPage.argtypes[0])
    flags = raw.FPDF_ANNOT | raw.FPDF_PRINTING
    if not raw.FPDF_RenderPage(handle, page.raw, *box, 0, flags):
        raise PrintRefused(PrinterStatus.NEEDS_ATTENTION)


def _draw_picture(
    context: int, page: pypdfium2.PdfPage, box: tuple[int, int, int, int], dpi: int
) -> None:
    """For a PDFium without its Windows function: the page as a bitmap, larger and slower."""
    from PIL import ImageWin

    picture = page.render(scale=min(dpi, RASTER_DPI_MAX) / 72, prefer_bgrx=True).to_pil()
    left, top, wide, high = box
    ImageWin.Dib(picture.convert("RGB")).draw(context, (left, top, left + wide, top + high))


@contextmanager
def _printer(printer: str) -> Iterator[Any]:
    import win32print

    with _translated():
        handle = win32print.OpenPrinter(printer)
        try:
            yield handle
        finally:
            win32print.ClosePrinter(handle)


@contextmanager
def _translated() -> Iterator[None]:
    import pywintypes

    try:
        yield
    except pywintypes.error as error:
        is_unknown = error.winerror == INVALID_PRINTER_NAME
        status = PrinterStatus.UNKNOWN_PRINTER if is_unknown else PrinterStatus.SERVICE_UNAVAILABLE
        raise PrintRefused(status) from None
