"""Renders a receipt to PDF: the same receipt gives the same bytes."""

from __future__ import annotations

from server.business.chinese_amount import uppercase
from server.business.kinds import Money
from server.receipts import fonts
from server.receipts.layout import (
    PADDING_PT,
    QR_PT,
    Field,
    Fitted,
    ReceiptData,
    fit,
    fit_line,
    head_rows,
)
from server.receipts.listing import Listing
from server.receipts.marks import draw_qr, draw_seal
from server.receipts.pages import Pages

GAP_PT = 8.0
LEADING = 1.3
CLOSING_LINES = 2.5
LARGER = 1.15  # What is looked for first.


def render(receipt: ReceiptData) -> bytes:
    fonts.load()
    pages = Pages(receipt)
    _draw_title(pages)
    _draw_head(pages)
    if receipt.columns:
        pages.y -= GAP_PT
        listing = Listing(pages)
        listing.draw()
        if pages.y - pages.sheet.row_pt - _foot_height(pages) < pages.bottom:
            listing.continue_on_next_page()
        listing.draw_total()
    assert pages.y - _foot_height(pages) >= pages.bottom, "the head leaves no room on this paper"
    if receipt.code:
        _draw_foot(pages)
    return pages.save()


def _draw_title(pages: Pages) -> None:
    receipt, sheet = pages.receipt, pages.sheet
    middle = sheet.width_pt / 2
    centre_pt = sheet.text_pt * 1.2
    pages.y -= centre_pt
    pages.put_middle(middle, pages.y, centre_pt, receipt.centre)
    pages.y -= sheet.title_pt * 1.3
    pages.put_middle(middle, pages.y, sheet.title_pt, receipt.title, bold=True)
    half = fonts.width_pt(receipt.title, sheet.title_pt, bold=True) / 2 + 3 * sheet.text_pt
    for drop in (5.5, 7.5):
        pages.rules([(middle - half, pages.y - drop, middle + half, pages.y - drop)])
    if receipt.number:
        pages.put_right(pages.right, pages.y - 4, sheet.text_pt, f"编号 {receipt.number}")
    pages.y -= 7.5 + GAP_PT


def _draw_head(pages: Pages) -> None:
    receipt = pages.receipt
    capitals = figures = ""
    if receipt.amount_fen is not None:
        capitals = f"人民币{uppercase(receipt.amount_fen)}"
        figures = f"¥{Money().show(receipt.amount_fen)}"
    for row in head_rows(receipt, capitals, figures):
        _draw_fields(pages, row)


def _fitted(field: Field, pages: Pages) -> Fitted:
    size, room = pages.sheet.text_pt, field.value_pt - 2 * PADDING_PT
    return fit(field.value, room, size, pages.sheet.shrink, field.bold)


def _draw_fields(pages: Pages, row: list[Field]) -> None:
    sheet, size = pages.sheet, pages.sheet.text_pt
    values = [_fitted(field, pages) for field in row]
    most = max(len(value.lines) * value.size_pt for value in values)
    height = most * LEADING + sheet.row_pt - size * 0.8
    x, top, bottom = pages.left, pages.y, pages.y - height
    rules = [(x, top, pages.right, top), (x, bottom, pages.right, bottom)]
    for field, (lines, value_pt) in zip(row, values, strict=True):
        pages.tint(x, bottom, field.label_pt, height)
        label = fit_line(field.label, field.label_pt - 2 * PADDING_PT, size)
        pages.put(x + PADDING_PT, (top + bottom) / 2 - size * 0.36, label.size_pt, field.label)
        leading = value_pt * LEADING
        y = (top + bottom + (len(lines) - 1) * leading) / 2 - value_pt * 0.36
        left = x + field.label_pt
        for index, line in enumerate(lines):
            pages.put(left + PADDING_PT, y - index * leading, value_pt, line, field.bold)
        rules += [(x, top, x, bottom), (left, top, left, bottom)]
        x = left + field.value_pt
    pages.rules([*rules, (pages.right, top, pages.right, bottom)])
    pages.y = bottom


def _foot_height(pages: Pages) -> float:
    if not pages.receipt.code:
        return 0.0
    closing_pt = CLOSING_LINES * pages.sheet.text_pt if pages.receipt.closing else 0.0
    return 2 * GAP_PT + closing_pt + max(QR_PT + GAP_PT, pages.sheet.seal_pt)


def _draw_foot(pages: Pages) -> None:
    """Check code and signatures between the QR and the seal."""
    receipt, sheet = pages.receipt, pages.sheet
    if receipt.closing:
        pages.y -= CLOSING_LINES * sheet.text_pt
        size = sheet.text_pt * LARGER
        pages.put(pages.left + 2 * size, pages.y + sheet.text_pt / 2, size, receipt.closing)
    top = pages.y - 2 * GAP_PT
    draw_qr(pages.canvas, receipt.url, pages.left + GAP_PT, top - QR_PT, QR_PT)
    certified = _closing_words(receipt)
    widest = max((fonts.width_pt(text, sheet.text_pt * LARGER) for text in certified), default=0)
    half_pt = max(sheet.seal_pt, widest) / 2
    seal_x, seal_y = pages.right - half_pt - GAP_PT, top - sheet.seal_pt / 2
    draw_seal(pages.canvas, receipt.seal, seal_x, seal_y, sheet.seal_pt)
    x = pages.left + QR_PT + 3 * GAP_PT
    room = seal_x - half_pt - GAP_PT - x
    _draw_code(pages, x, top, room)
    for line, text in enumerate(certified):
        drop = line * 2 * sheet.text_pt
        pages.put_middle(seal_x, seal_y - drop, sheet.text_pt * LARGER, text)
    if not certified:
        _draw_signatures(pages, x, top - QR_PT, room)


def _draw_code(pages: Pages, x: float, top: float, room: float) -> None:
    receipt, sheet = pages.receipt, pages.sheet
    y = top - sheet.text_pt
    pages.put(x, y, sheet.text_pt * LARGER, f"验证码 {receipt.code}", bold=True)
    for note in (f"扫描二维码，或打开 {receipt.url} 核验真伪", receipt.statement):
        for line in fit(note, room, sheet.small_pt, sheet.shrink).lines if note else ():
            y -= sheet.small_pt * LEADING
            pages.put(x, y, sheet.small_pt, line)


def _draw_signatures(pages: Pages, x: float, y: float, room: float) -> None:
    receipt, text_pt = pages.receipt, pages.sheet.text_pt
    names = [f"操作员：{receipt.operator}"]
    names += [f"审核人：{receipt.reviewer}"] if receipt.reviewer else []
    words = "　".join([*names, "单位经办人（签字）："])
    pages.put(x, y, text_pt, words)
    pages.rules([(x + fonts.width_pt(words, text_pt), y - 2, x + room, y - 2)])


def _closing_words(receipt: ReceiptData) -> tuple[str, ...]:
    """Who certifies, and when: the seal lies over both."""
    day = receipt.closing_day
    if not receipt.closing or day is None:
        return ()
    return receipt.centre, f"{day.year} 年 {day.month} 月 {day.day} 日"
