"""The sheets of one receipt: a canvas, a cursor, and what stands at the foot of every page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from server.receipts.fonts import width_pt
from server.receipts.layout import ReceiptData
from server.receipts.pen import Pen

PAGE_COUNT = "page-count"
FOOT_GAP_PT = 6.0


class Pages:
    """Draws on the current page; `y` is where the next block begins and only moves down.

    What pages share is drawn once, as a form they refer to.
    """

    def __init__(self, receipt: ReceiptData) -> None:
        self.receipt = receipt
        self.sheet = receipt.paper.value
        self._buffer = BytesIO()
        size = (self.sheet.width_pt, self.sheet.height_pt)
        self.canvas = Canvas(self._buffer, pagesize=size, invariant=1, pageCompression=1)
        self.canvas.setTitle(f"{receipt.title} {receipt.number}".strip())
        self.canvas.setAuthor(receipt.centre)
        self.canvas.setSubject(receipt.serial)
        self.canvas.setCreator(receipt.centre)
        self.left = self.sheet.margin_x_pt
        self.right = self.sheet.width_pt - self.sheet.margin_x_pt
        self.top = self.sheet.height_pt - self.sheet.margin_y_pt
        self.bottom = self.sheet.margin_y_pt + self.sheet.small_pt + FOOT_GAP_PT
        self.number = 0
        self._begin()

    def _begin(self) -> None:
        self.number += 1
        self.y = self.top
        self._pen = Pen(self.canvas)
        self.canvas.setLineWidth(self.sheet.rule_pt)

    def put(self, x: float, y: float, size: float, text: str, bold: bool = False) -> None:
        self._pen.put(x, y, size, text, bold)

    def put_right(self, x: float, y: float, size: float, text: str) -> None:
        self.put(x - width_pt(text, size), y, size, text)

    def put_middle(self, x: float, y: float, size: float, text: str, bold: bool = False) -> None:
        self.put(x - width_pt(text, size, bold) / 2, y, size, text, bold)

    def tint(self, x: float, y: float, wide: float, high: float) -> None:
        if self.sheet.tint < 1:
            self.canvas.setFillGray(self.sheet.tint)
            self.canvas.rect(x, y, wide, high, stroke=0, fill=1)
            self.canvas.setFillGray(0)

    def rules(self, lines: Sequence[tuple[float, float, float, float]]) -> None:
        self.canvas.lines(lines)

    @contextmanager
    def form(self, name: str) -> Iterator[None]:
        """What is drawn inside becomes the form `name`, which `use` then places on pages."""
        page_pen, self._pen = self._pen, Pen(self.canvas)
        self.canvas.beginForm(name)
        self.canvas.setLineWidth(self.sheet.rule_pt)
        yield
        self.canvas.drawText(self._pen)
        self.canvas.endForm()
        self._pen = page_pen

    def use(self, name: str) -> None:
        self.canvas.doForm(name)

    def next_page(self) -> None:
        self._finish()
        self._begin()

    def _finish(self) -> None:
        receipt, small = self.receipt, self.sheet.small_pt
        y = self.sheet.margin_y_pt
        what = "证明编号" if receipt.closing else "回单编号"
        proof = f"{what} {receipt.number}　验证码 {receipt.code}"
        self.put(self.left, y, small, proof if receipt.code else receipt.statement)
        self.put_right(self.right - 4.5 * small, y, small, f"第 {self.number} 页")
        self.use(PAGE_COUNT)
        self.canvas.drawText(self._pen)
        self.canvas.showPage()

    def save(self) -> bytes:
        self._finish()
        # How many pages there are is known only now; every page already refers to this form.
        with self.form(PAGE_COUNT):
            text = f"共 {self.number} 页"
            self.put_right(self.right, self.sheet.margin_y_pt, self.sheet.small_pt, text)
        self.canvas.save()
        return self._buffer.getvalue()
