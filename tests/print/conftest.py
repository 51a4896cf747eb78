"""A real CUPS of the test's own, and pages to print on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from hpf_desktop.print.cups import CupsBackend
from hpf_desktop.print.virtual_queue import VirtualQueue

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[VirtualQueue]:
    if os.geteuid() or not shutil.which("cupsd", path="/usr/sbin"):
        pytest.skip("a private CUPS needs root and the package cups")
    with VirtualQueue(tmp_path / "queue") as running:
        yield running


@pytest.fixture
def backend(queue: VirtualQueue) -> CupsBackend:
    return CupsBackend(queue.server)


def make_pdf(width_pt: float, height_pt: float, pages: int = 1) -> bytes:
    """Each page has its number, and a dot of text 100 points from its left and upper edges."""
    output = BytesIO()
    canvas = Canvas(output, pagesize=(width_pt, height_pt), invariant=1)
    for number in range(1, pages + 1):
        canvas.drawString(100, height_pt - 100, "CORNER")
        canvas.drawString(200, height_pt - 150, f"page {number}")
        canvas.showPage()
    canvas.save()
    return output.getvalue()
