"""Builds the fonts of this folder from their public originals; run by hand, never at run time.

    python resources/fonts/build.py --sans DIR --yi FILE [--cjk FILE]

`--sans` is the unpacked npm package `@expo-google-fonts/noto-sans-sc` 0.4.3, `--cjk` the
collection of Debian's fonts-noto-cjk, `--yi` NotoSansYi-Regular.ttf of Debian's fonts-noto-core.
Needs fontTools.
reportlab embeds TrueType outlines only, and no package carries a usable static TrueType SC font,
so they are made here: HPFSansSC-Regular (all that Noto Sans SC has), HPFSansSC-Bold (cut to GBK),
and HPFRareSans (Han of Noto Sans CJK SC that Noto Sans SC lacks, and the Yi syllables).
All of them are under the SIL Open Font License, whose text stands beside them in OFL.txt.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

HERE = Path(__file__).resolve().parent
DEBIAN_CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
HAN = (
    range(0x2E80, 0x2FE0),
    range(0x3400, 0x4DC0),
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0x20000, 0x40000),
)
YI = (range(0xA000, 0xA4D0),)
# Unused by reportlab and by the plain Chinese text of the window; half a megabyte a file.
LAYOUT_TABLES = ["GSUB", "GPOS", "GDEF", "BASE", "STAT", "vhea", "vmtx", "DSIG"]
MAX_ERROR_UNITS = 1.0


def within(blocks: Iterable[range], codes: Iterable[int]) -> Iterator[int]:
    return (code for code in codes if any(code in block for block in blocks))


def gbk_codes() -> Iterator[int]:
    for code in range(0x20, 0x10000):
        try:
            chr(code).encode("gbk")
        except UnicodeEncodeError:
            continue
        yield code
    yield from range(0xA0, 0x100)


def rename(font: TTFont, family: str, style: str) -> None:
    """A derived font carries a name of its own; copyright and licence entries stay."""
    postscript = f"{family}-{style}".replace(" ", "")
    names = font["name"]
    kept = [record for record in names.names if record.nameID in {0, 5, 7, 8, 9, 10, 11, 13, 14}]
    names.names = kept
    full = family if style == "Regular" else f"{family} {style}"
    wanted = {1: family, 2: style, 3: f"HPF;{postscript}", 4: full, 6: postscript}
    for name_id, text in wanted.items():
        names.setName(text, name_id, 3, 1, 0x409)


def cut(source: Path, codes: Iterable[int] | None, style: str) -> None:
    font = TTFont(source, recalcTimestamp=False)
    options = Options()
    options.drop_tables += LAYOUT_TABLES
    options.layout_features = []
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.glyph_names = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=list(font.getBestCmap() if codes is None else codes))
    subsetter.subset(font)
    rename(font, "HPF Sans SC", style)
    font.save(HERE / f"HPFSansSC-{style}.ttf")


def draw(glyphs: dict[int, tuple[TTFont, str]]) -> tuple[dict[str, object], dict[str, tuple]]:
    """Outlines as quadratic curves, with advance and left side bearing, by glyph name."""
    outlines, metrics = {".notdef": TTGlyphPen(None).glyph()}, {".notdef": (1000, 0)}
    for code, (font, name) in sorted(glyphs.items()):
        glyph_set = font.getGlyphSet()
        contours = DecomposingRecordingPen(glyph_set)
        bounds, pen = BoundsPen(None), TTGlyphPen(None)
        glyph_set[name].draw(contours)
        contours.replay(bounds)
        # CFF contours turn the other way round than TrueType's.
        is_cubic = "CFF " in font
        contours.replay(Cu2QuPen(pen, MAX_ERROR_UNITS, reverse_direction=is_cubic))
        new_name = f"u{code:05X}"
        outlines[new_name] = pen.glyph()
        left = round(bounds.bounds[0]) if bounds.bounds else 0
        metrics[new_name] = (glyph_set[name].width, left)
    return outlines, metrics


def build_rare(cjk: Path, yi: Path, known: set[int]) -> None:
    collection = TTCollection(cjk)
    chinese = next(f for f in collection.fonts if f["name"].getDebugName(1) == "Noto Sans CJK SC")
    syllables = TTFont(yi)
    glyphs = {}
    for font, blocks in ((syllables, YI), (chinese, HAN)):
        assert font["head"].unitsPerEm == 1000
        cmap = font.getBestCmap()
        glyphs |= {code: (font, cmap[code]) for code in within(blocks, cmap) if code not in known}
    outlines, metrics = draw(glyphs)
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap({code: f"u{code:05X}" for code in sorted(glyphs)})
    builder.setupGlyf(outlines)
    builder.setupHorizontalMetrics(metrics)
    vertical = chinese["hhea"]
    builder.setupHorizontalHeader(ascent=vertical.ascent, descent=vertical.descent)
    builder.setupOS2(
        sTypoAscender=880,
        sTypoDescender=-120,
        usWinAscent=vertical.ascent,
        usWinDescent=-vertical.descent,
        usWeightClass=400,
    )
    builder.setupPost(keepGlyphNames=False)
    owners = "; ".join(font["name"].getDebugName(0) for font in (chinese, syllables))
    builder.setupNameTable({"copyright": owners})
    for name_id in (13, 14):
        text = chinese["name"].getDebugName(name_id)
        builder.font["name"].setName(text, name_id, 3, 1, 0x409)
    rename(builder.font, "HPF Rare Sans", "Regular")
    # The same originals give the same file.
    builder.font["head"].created = builder.font["head"].modified = chinese["head"].modified
    builder.font.recalcTimestamp = False
    builder.save(HERE / "HPFRareSans.ttf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sans", type=Path, required=True)
    parser.add_argument("--yi", type=Path, required=True)
    parser.add_argument("--cjk", type=Path, default=DEBIAN_CJK)
    chosen = parser.parse_args()
    regular = chosen.sans / "400Regular" / "NotoSansSC_400Regular.ttf"
    cut(regular, None, "Regular")
    cut(chosen.sans / "700Bold" / "NotoSansSC_700Bold.ttf", gbk_codes(), "Bold")
    build_rare(chosen.cjk, chosen.yi, set(TTFont(regular).getBestCmap()))
    yi_owner = TTFont(chosen.yi)["name"].getDebugName(0)
    licence = (chosen.sans / "LICENSE_FONT").read_text("utf-8")
    (HERE / "OFL.txt").write_text(f"{yi_owner} (Yi syllables of HPFRareSans)\n{licence}", "utf-8")


if __name__ == "__main__":
    main()
