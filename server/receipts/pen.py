"""Writes the text of a page as one text object.

Lists have a hundred thousand cells. This is what reportlab's own text object would write, without
its formatting of every number and its second measuring of every text: a third of the time.
"""

from __future__ import annotations

from reportlab import rl_config
from reportlab.lib.rl_accel import escapePDF
from reportlab.pdfgen.canvas import Canvas

from server.receipts.fonts import face, runs

# Page streams stay binary: a fifth smaller, and quicker to write.
rl_config.useA85 = 0


class Pen:
    """What `Canvas.drawText` takes for a text object; a page has one."""

    def __init__(self, canvas: Canvas) -> None:
        self._document = canvas._doc
        self._code = ["BT"]
        self._current = ("", 0, 0.0)

    def put(self, x: float, y: float, size: float, text: str, bold: bool) -> None:
        self._code.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm")
        for name, piece in runs(text, bold):
            if piece.isascii():
                # The fonts are registered so that ASCII keeps its codes in subset 0.
                escaped = piece.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
                self._write(name, 0, size, escaped)
                continue
            known = face(name)
            assert known
            for subset, codes in known.font.splitString(piece, self._document):
                self._write(name, subset, size, escapePDF(codes))

    def _write(self, name: str, subset: int, size: float, escaped: str) -> None:
        if self._current != (name, subset, size):
            known = face(name)
            assert known
            font = known.font.getSubsetInternalName(subset, self._document)
            self._code.append(f"{font} {size:.2f} Tf")
            self._current = (name, subset, size)
        self._code.append(f"({escaped}) Tj")

    def getCode(self) -> str:  # noqa: N802 - reportlab's name.
        return "\n".join([*self._code, "ET"])
