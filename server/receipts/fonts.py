"""The font chain of receipts: which font draws a character, how wide it is, what readers copy.

reportlab has no fallback of its own and no error: a character that a font lacks becomes an empty
box without a word. So every drawing call and every width goes through `runs`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from reportlab.pdfbase import pdfmetrics, ttfonts

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "fonts"
REGULAR, BOLD, RARE, HANAZONO = "HPF", "HPF-Bold", "HPF-Rare", "HanaMinB"
FILES = {
    REGULAR: FOLDER / "HPFSansSC-Regular.ttf",
    BOLD: FOLDER / "HPFSansSC-Bold.ttf",
    RARE: FOLDER / "HPFRareSans.ttf",
    # All of Extensions B to F; a package of the system (fonts-hanazono), used where installed.
    HANAZONO: Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf"),
}
CHAINS = {False: (REGULAR, RARE, HANAZONO), True: (BOLD, REGULAR, RARE, HANAZONO)}
MISSING = "〓"
TO_UNICODE_BLOCK = 100  # The PDF specification's limit for one bfchar section.


class Run(NamedTuple):
    font: str
    text: str


def to_unicode_cmap(font_name: str, subset: Iterable[int]) -> str:
    """Replaces reportlab 5.1's, which writes U+2C386 as <2C386>: readers copy ⰸ for 𬎆."""
    pairs = [
        f"<{index:02X}> <{chr(code).encode('utf-16-be').hex().upper()}>"
        for index, code in enumerate(subset)
        if code
    ]
    blocks = [pairs[at : at + TO_UNICODE_BLOCK] for at in range(0, len(pairs), TO_UNICODE_BLOCK)]
    sections = (f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar" for block in blocks)
    system = f"/Registry ({font_name}) /Ordering ({font_name})"
    return "\n".join(
        (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap",
            f"/CIDSystemInfo << {system} /Supplement 0 >> def",
            f"/CMapName /{font_name} def\n/CMapType 2 def",
            "1 begincodespacerange\n<00> <FF>\nendcodespacerange",
            *sections,
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend",
        )
    )


ttfonts.makeToUnicodeCMap = to_unicode_cmap


class Face:
    """One registered font, as far as text needs it."""

    def __init__(self, name: str) -> None:
        font = ttfonts.TTFont(name, str(FILES[name]), asciiReadable=True, shapable=False)
        pdfmetrics.registerFont(font)
        self.name = name
        self.font = font
        self.characters = frozenset(map(chr, font.face.charToGlyph))
        self.widths: dict[str, float] = {
            chr(code): width / 1000 for code, width in font.face.charWidths.items()
        }


@cache
def face(name: str) -> Face | None:
    """Loads the font at its first use; None when its file is not installed."""
    return Face(name) if FILES[name].exists() else None


def load() -> None:
    """Loads the three fonts a receipt may need; the initialiser of a rendering process."""
    assert face(REGULAR) and face(BOLD) and face(RARE)


def is_selector(character: str) -> bool:
    """Variation selectors choose a shape of the character before them, and have none themselves."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


@cache
def _font_of(character: str, bold: bool) -> str | None:
    for name in CHAINS[bold]:
        known = face(name)
        if known and character in known.characters:
            return name
    # The character alone names nobody, and tells staff which font to add.
    log.error("no font has U+%04X", ord(character))
    return None


def missing(text: str) -> set[str]:
    """Characters that would be printed as 〓."""
    return {mark for mark in text if not is_selector(mark) and _font_of(mark, False) is None}


def runs(text: str, bold: bool = False) -> list[Run]:
    """`text` cut into pieces that one font can draw whole."""
    first = face(BOLD if bold else REGULAR)
    assert first
    if first.characters.issuperset(text):
        return [Run(first.name, text)]
    return list(_mixed_runs(text, bold))


def _mixed_runs(text: str, bold: bool) -> Iterator[Run]:
    fonts = ((_font_of(mark, bold), mark) for mark in text if not is_selector(mark))
    drawn = ((font, mark) if font else (CHAINS[bold][0], MISSING) for font, mark in fonts)
    for font, marks in groupby(drawn, key=lambda pair: pair[0]):
        yield Run(font, "".join(mark for _, mark in marks))


def width_pt(text: str, size_pt: float, bold: bool = False) -> float:
    first = face(BOLD if bold else REGULAR)
    assert first
    if first.characters.issuperset(text):
        return size_pt * sum(map(first.widths.__getitem__, text), 0.0)
    pieces = ((face(name), piece) for name, piece in _mixed_runs(text, bold))
    return size_pt * sum(
        sum(map(known.widths.__getitem__, piece)) for known, piece in pieces if known
    )
