"""Papers in points, moving pages by a printer's offset, and the page to measure that offset."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pypdfium2

MM_PT = 72 / 25.4
SAME_SIZE_PT = 1.0
FONT_FILE = Path(__file__).resolve().parents[2] / "resources/fonts/HPFSansSC-Regular.ttf"
FONT = "HPF-Calibration"
CROSS_MM, CROSS_ARM_MM, RULER_MM = 15, 5, 100


@dataclass(frozen=True)
class Paper:
    """A form of paper. Widths are along the page's upper edge."""

    key: str
    label: str
    width_pt: float
    height_pt: float


# Continuous paper is measured in inches: with 140 mm for 5.5 in the print drifts sheet by sheet.
PAPERS = {
    paper.key: paper
    for paper in (
        Paper("A4", "A4", 595.276, 841.89),
        Paper("A5", "A5 横向", 595.276, 419.528),
        Paper("full_241", "241 mm 连续纸 整张（279.4 mm）", 684, 792),
        Paper("half_241", "241 mm 连续纸 二等分（139.7 mm）", 684, 396),
        Paper("third_241", "241 mm 连续纸 三等分（93.1 mm）", 684, 264),
    )
}


_pdfium = threading.Lock()


class NotPdf(Exception):
    """The bytes cannot be opened as a PDF, or have no page."""


@contextmanager
def opened(pdf: bytes) -> Iterator[pypdfium2.PdfDocument]:
    """Raises NotPdf. PDFium knows no threads: whoever opens a document has it to themselves."""
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError:
            raise NotPdf from None
        with document:
            if not len(document):
                raise NotPdf
            yield document


def page_size(pdf: bytes) -> tuple[float, float]:
    """Width and height of the first page in points."""
    with opened(pdf) as document:
        width_pt, height_pt = document.get_page_size(0)
        return width_pt, height_pt


def paper_of(width_pt: float, height_pt: float) -> Paper | None:
    for paper in PAPERS.values():
        if max(abs(paper.width_pt - width_pt), abs(paper.height_pt - height_pt)) < SAME_SIZE_PT:
            return paper
    return None


def is_a4_across(width_pt: float, height_pt: float) -> bool:
    """A4 with its long side along the upper edge, as lists of many columns are."""
    paper = paper_of(height_pt, width_pt)
    return paper is not None and paper.key == "A4"


def merge(pdfs: Sequence[bytes]) -> bytes:
    """One after the other, for one print job or for reading: a signature does not survive it, so
    that what proves anything stays the single file. One alone stays as it is."""
    if len(pdfs) == 1:
        return pdfs[0]
    output = BytesIO()
    with _pdfium, pypdfium2.PdfDocument.new() as merged:
        for pdf in pdfs:
            with pypdfium2.PdfDocument(pdf) as one:
                merged.import_pages(one)
        merged.save(output)
    return output.getvalue()


def shift(pdf: bytes, right_mm: float, down_mm: float) -> bytes:
    """Moves what every page shows; the page keeps its size, and text stays text."""
    if not (right_mm or down_mm):
        return pdf
    dx, dy = right_mm * MM_PT, -down_mm * MM_PT
    with opened(pdf) as document:
        for page in document:
            left, bottom, right, top = page.get_cropbox()
            box = (left - dx, bottom - dy, right - dx, top - dy)
            page.set_mediabox(*box)
            page.set_cropbox(*box)
        output = BytesIO()
        document.save(output)
    return output.getvalue()


def on_a4(pdf: bytes) -> bytes:
    """At the upper left of A4 sheets, upright and true to size."""
    sheet = PAPERS["A4"]
    with opened(pdf) as document:
        for page in document:
            left, _, _, top = page.get_cropbox()
            box = (left, top - sheet.height_pt, left + sheet.width_pt, top)
            page.set_mediabox(*box)
            page.set_cropbox(*box)
        output = BytesIO()
        document.save(output)
    return output.getvalue()


def calibration_page(paper: Paper, printer: str, offset_mm: tuple[float, float]) -> bytes:
    """Crosses 15 mm from the corners and a ruler; printed with the offset that it names."""
    # Only this page needs it, and it takes a while to load.
    from reportlab.pdfbase import pdfmetrics, ttfonts
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(ttfonts.TTFont(FONT, str(FONT_FILE), shapable=False))
    output = BytesIO()
    canvas = Canvas(output, pagesize=(paper.width_pt, paper.height_pt), invariant=1)
    canvas.setLineWidth(0.5)
    near = CROSS_MM * MM_PT
    arm = CROSS_ARM_MM * MM_PT
    for x in (near, paper.width_pt - near):
        for y in (near, paper.height_pt - near):
            canvas.lines([(x - arm, y, x + arm, y), (x, y - arm, x, y + arm)])
    top = paper.height_pt - 2.4 * near
    for millimetre in range(RULER_MM + 1):
        tick = 12 if millimetre % 10 == 0 else 8 if millimetre % 5 == 0 else 5
        x = 2 * near + millimetre * MM_PT
        canvas.line(x, top, x, top + tick)
    canvas.line(2 * near, top, 2 * near + RULER_MM * MM_PT, top)
    right_mm, down_mm = offset_mm
    notes = (
        f"打印校准页　{paper.label}",
        f"打印机：{printer}",
        f"本页按偏移 向右 {right_mm:+.1f} mm、向下 {down_mm:+.1f} mm 打印",
        f"量左上角十字中心到纸边：应为左 {CROSS_MM} mm、上 {CROSS_MM} mm",
        "偏左多少，“向右”就加多少；偏上多少，“向下”就加多少。标尺应长 100 mm",
    )
    canvas.setFont(FONT, 10.5)
    for index, note in enumerate(notes):
        canvas.drawString(2 * near, top - 20 - index * 17, note)
    canvas.save()
    return output.getvalue()
