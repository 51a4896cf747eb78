"""Characters as bare outlines: a seal is a picture, not text to be searched or copied."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from struct import unpack, unpack_from
from typing import NamedTuple

from reportlab.pdfgen.pathobject import PDFPathObject

from server.receipts.fonts import face, runs

ON_CURVE, X_SHORT, Y_SHORT, REPEATED, X_SAME, Y_SAME = 1, 2, 4, 8, 16, 32
UNITS_PER_EM = 1000


class Point(NamedTuple):
    x: float
    y: float
    is_on: bool

    def towards(self, other: Point, part: float) -> Point:
        x, y = (
            mine + (theirs - mine) * part for mine, theirs in zip(self[:2], other[:2], strict=True)
        )
        return Point(x, y, True)


def trace(path: PDFPathObject, character: str, left: float, baseline: float, size: float) -> None:
    """Adds the bold outline of one character to a path that will be filled."""
    scale = size / UNITS_PER_EM
    for contour in _contours(character):
        points = [Point(left + x * scale, baseline + y * scale, on) for x, y, on in contour]
        _trace_contour(path, points)


def _trace_contour(path: PDFPathObject, points: list[Point]) -> None:
    """Quadratic splines with implied points, written as the cubic curves that PDF has."""
    first = next((at for at, point in enumerate(points) if point.is_on), None)
    assert first is not None, "a contour has a point on its curve"
    points = [*points[first:], *points[: first + 1]]
    start = points[0]
    path.moveTo(start.x, start.y)
    for control, following in pairwise(points[1:]):
        if control.is_on:
            path.lineTo(control.x, control.y)
            start = control
            continue
        end = following if following.is_on else control.towards(following, 0.5)
        one, two = start.towards(control, 2 / 3), end.towards(control, 2 / 3)
        path.curveTo(one.x, one.y, two.x, two.y, end.x, end.y)
        start = end
    path.close()


def _contours(character: str) -> Iterator[list[Point]]:
    """Reads a simple glyph of the TrueType `glyf` table; the fonts used here have no other kind."""
    run = runs(character, bold=True)[0]
    known = face(run.font)
    assert known
    table = known.font.face
    index = table.charToGlyph[ord(run.text)]
    begin, end = table.glyphPos[index : index + 2]
    if begin == end:
        return
    glyph = table.get_chunk(table.get_table_pos("glyf")[0] + begin, end - begin)
    (count,) = unpack_from(">h", glyph)
    assert count >= 0, "a composite glyph"
    ends = unpack_from(f">{count}H", glyph, 10)
    (instructions,) = unpack_from(">H", glyph, 10 + 2 * count)
    points = _points(glyph[12 + 2 * count + instructions :], ends[-1] + 1)
    for begin, end in pairwise((-1, *ends)):
        yield points[begin + 1 : end + 1]


def _points(packed: bytes, count: int) -> list[Point]:
    flags: list[int] = []
    at = 0
    while len(flags) < count:
        flag = packed[at]
        at += 1
        flags.append(flag)
        if flag & REPEATED:
            flags += [flag] * packed[at]
            at += 1
    xs, at = _coordinates(packed, at, flags, X_SHORT, X_SAME)
    ys, _ = _coordinates(packed, at, flags, Y_SHORT, Y_SAME)
    return [Point(x, y, bool(flag & ON_CURVE)) for x, y, flag in zip(xs, ys, flags, strict=True)]


def _coordinates(
    packed: bytes, at: int, flags: list[int], short: int, same: int
) -> tuple[list[int], int]:
    """`same` means a positive step where the step is one byte, and no step where it is none."""
    value, values = 0, []
    for flag in flags:
        if flag & short:
            value += packed[at] if flag & same else -packed[at]
            at += 1
        elif not flag & same:
            value += unpack(">h", packed[at : at + 2])[0]
            at += 2
        values.append(value)
    return values, at
