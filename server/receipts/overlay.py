"""What is added to stored receipts on their way to a printer; the stored bytes never change."""

from __future__ import annotations

from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from reportlab.pdfgen.canvas import Canvas

from server.receipts import fonts
from server.receipts.layout import Paper, Sheet, fit_line
from server.receipts.pen import Pen

MARK = generic.NameObject("/ReprintMark")
PLACE_MARK = f"q {MARK} Do Q".encode("ascii")
PAGE_NUMBER_EMS = 9.5  # Room for 第 999 页 共 999 页 at the right end.
FOOT_PART = 0.34


def mark_reprint(pdf: bytes, text: str) -> bytes:
    """Writes 第N次补打, time and operator at the foot of every page, in a layer of its own.

    A program that checks the signature then says so; what stays verifiable is the stored original.
    """
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    content = writer.add_object(generic.StreamObject(stream_data=PLACE_MARK))
    layers: dict[tuple[float, float], generic.IndirectObject] = {}
    for index in range(int(writer.prev.root["/Pages"]["/Count"])):
        page = writer.find_page_for_modification(index)[0].get_object()
        size = (float(page["/MediaBox"][2]), float(page["/MediaBox"][3]))
        if size not in layers:
            mark = PdfFileReader(BytesIO(_draw_mark(text, *size)))
            layers[size] = writer.import_page_as_xobject(mark)
        named = generic.DictionaryObject({MARK: layers[size]})
        resources = generic.DictionaryObject({generic.NameObject("/XObject"): named})
        writer.add_stream_to_page(index, content, resources)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _draw_mark(text: str, width_pt: float, height_pt: float) -> bytes:
    fonts.load()
    sheet = _sheet(width_pt, height_pt)
    right = width_pt - sheet.margin_x_pt - PAGE_NUMBER_EMS * sheet.small_pt
    size = fit_line(text, sheet.inner_pt * FOOT_PART, sheet.small_pt, bold=True).size_pt
    output = BytesIO()
    canvas = Canvas(output, pagesize=(width_pt, height_pt), invariant=1)
    pen = Pen(canvas)
    left = right - fonts.width_pt(text, size, bold=True)
    pen.put(left, sheet.margin_y_pt, size, text, bold=True)
    canvas.drawText(pen)
    canvas.save()
    return output.getvalue()


def _sheet(width_pt: float, height_pt: float) -> Sheet:
    """The paper nearest in size."""
    sheets = (paper.value for paper in Paper)
    return min(sheets, key=lambda s: abs(s.width_pt - width_pt) + abs(s.height_pt - height_pt))
