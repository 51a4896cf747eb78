"""The two pictures on a receipt, as plain vectors: the QR to its check page, and the seal."""

from __future__ import annotations

from itertools import groupby
from math import cos, pi, sin

import segno
from reportlab.pdfgen.canvas import FILL_NON_ZERO, Canvas

from server.receipts.fonts import width_pt
from server.receipts.outline import trace

SEAL_RED = (0.80, 0.08, 0.08)
QUIET_MODULES = 4
# Neighbouring dark rows overlap by this much of a module, so that no viewer shows a seam.
OVERLAP = 0.04


def draw_qr(canvas: Canvas, text: str, left_pt: float, bottom_pt: float, side_pt: float) -> None:
    """The symbol fills `side_pt`; its quiet zone of four modules lies around it."""
    modules = [list(row) for row in segno.make(text, error="m", micro=False).matrix]
    step = side_pt / len(modules)
    path = canvas.beginPath()
    for index, row in enumerate(modules):
        y = bottom_pt + side_pt - (index + 1 + OVERLAP) * step
        column = 0
        for is_dark, group in groupby(row):
            count = len(list(group))
            if is_dark:
                path.rect(left_pt + column * step, y, count * step, (1 + OVERLAP) * step)
            column += count
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)


def draw_seal(canvas: Canvas, text: str, x_pt: float, y_pt: float, diameter_pt: float) -> None:
    """A round seal about its centre: ring, five-pointed star, the owner's name along the ring.

    Solid colour only: printing through GDI turns every transparent region into a bitmap.
    """
    radius = diameter_pt / 2
    canvas.saveState()
    canvas.translate(x_pt, y_pt)
    canvas.setStrokeColorRGB(*SEAL_RED)
    canvas.setFillColorRGB(*SEAL_RED)
    canvas.setLineWidth(radius * 0.055)
    canvas.circle(0, 0, radius * 0.97, stroke=1, fill=0)
    _draw_star(canvas, radius * 0.3)
    _draw_arc_text(canvas, text, radius)
    canvas.restoreState()


def _draw_star(canvas: Canvas, radius_pt: float) -> None:
    path = canvas.beginPath()
    inner = sin(pi / 10) / sin(3 * pi / 10)
    for point in range(10):
        angle, reach = pi / 2 + point * pi / 5, radius_pt * (inner if point % 2 else 1)
        move = path.lineTo if point else path.moveTo
        move(reach * cos(angle), reach * sin(angle))
    path.close()
    canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)


def _draw_arc_text(canvas: Canvas, text: str, radius_pt: float) -> None:
    """Characters stand on an arc of at most 270 degrees, each turned to face the ring."""
    size = radius_pt * min(0.27, 3.3 / max(len(text), 1))
    baseline = radius_pt * 0.86 - size
    spread = min(270.0, len(text) * 26.0)
    step = spread / max(len(text) - 1, 1)
    for index, character in enumerate(text):
        canvas.saveState()
        canvas.rotate(spread / 2 - index * step)
        path = canvas.beginPath()
        trace(path, character, -width_pt(character, size, bold=True) / 2, baseline, size)
        canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)
        canvas.restoreState()
