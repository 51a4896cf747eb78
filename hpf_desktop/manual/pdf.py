"""The whole manual as one PDF with its contents: Qt reads the Markdown, ReportLab sets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PySide6.QtGui import (
    QTextBlock,
    QTextDocument,
    QTextFragment,
    QTextFrame,
    QTextList,
    QTextListFormat,
    QTextTable,
)
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)
from reportlab.platypus.tableofcontents import TableOfContents

from hpf_desktop.manual.topics import FOLDER, Topic, topics

FONTS = FOLDER.parent / "fonts"
FONT, BOLD = "HPFSansSC", "HPFSansSC-Bold"
# Plain Markdown and tables, as the bits of Qt's reader; GitHub's also makes addresses links.
DIALECT = QTextDocument.MarkdownFeature(0x0100)
TITLE = "住房公积金单位网厅　操作手册"
INK, BLUE, LINE, SHADE = (HexColor(c) for c in ("#1d2125", "#1f5fbf", "#c8ccd2", "#eef1f5"))
MARGIN, FOOT = 20 * mm, 12 * mm
WIDTH = A4[0] - 2 * MARGIN
ONE_SHEET = "first_run"  # to lie beside the keyboard
SHORT_CHARS = 6  # A column of nothing longer keeps its words on one line.
BODY = ParagraphStyle(
    "body", fontName=FONT, fontSize=10, leading=16, wordWrap="CJK", textColor=INK, spaceAfter=4
)
CELL = ParagraphStyle("cell", BODY, fontSize=8.5, leading=12, spaceAfter=0)
HEADINGS = {
    0: ParagraphStyle("group", BODY, fontName=BOLD, fontSize=22, leading=30, spaceAfter=12),
    1: ParagraphStyle("topic", BODY, fontName=BOLD, fontSize=16, leading=24, spaceBefore=16),
    2: ParagraphStyle("part", BODY, fontName=BOLD, fontSize=11.5, leading=18, spaceBefore=8),
}
CONTENTS = (
    ParagraphStyle("of groups", BODY, fontName=BOLD, spaceBefore=8, spaceAfter=0),
    ParagraphStyle("of topics", BODY, leftIndent=12, spaceAfter=0),
)


def write_pdf(file: Path) -> None:
    """Raises OSError where the file cannot be written."""
    for name, source in ((FONT, "HPFSansSC-Regular.ttf"), (BOLD, "HPFSansSC-Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / source)))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
    _Book(str(file), title=TITLE, author="住房公积金管理中心").multiBuild(list(_story()))


class _Book(BaseDocTemplate):  # type: ignore[misc]
    """Notes where each heading came to stand, for the contents and the reader's outline."""

    def __init__(self, file: str, **more: Any) -> None:
        super().__init__(file, pagesize=A4, **more)
        room = Frame(MARGIN, MARGIN, WIDTH, A4[1] - 2 * MARGIN, 0, 0, 0, 0)
        self.addPageTemplates([PageTemplate("page", [room], onPage=_foot)])

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802
        level = getattr(flowable, "level", None)
        if level is None:
            return
        text, key = flowable.getPlainText(), flowable.key
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, level, closed=level > 0)
        self.notify("TOCEntry", (level, text, self.page, key))


def _foot(canvas: Any, book: _Book) -> None:
    canvas.setFont(FONT, 8)
    canvas.setFillColor(INK)
    canvas.drawString(MARGIN, FOOT, TITLE)
    canvas.drawRightString(A4[0] - MARGIN, FOOT, f"第 {book.page} 页")


def _story() -> Iterator[Flowable]:
    yield Paragraph(TITLE, HEADINGS[0])
    contents = TableOfContents(dotsMinLevel=0)
    contents.levelStyles = CONTENTS
    yield contents
    group = ""
    for topic in topics().values():
        if topic.group != group:
            group = topic.group
            yield PageBreak()
            yield _heading(group, 0, f"group {group}")
        yield from _topic(topic)


def _heading(text: str, level: int, key: str) -> Paragraph:
    made = Paragraph(f'<a name="{escape(key)}"/>{escape(text)}', HEADINGS[level])
    made.level, made.key = level, key
    return made


def _topic(topic: Topic) -> Iterator[Flowable]:
    document = QTextDocument()
    document.setMarkdown(topic.markdown(), DIALECT)
    yield PageBreak() if topic.code == ONE_SHEET else CondPageBreak(60 * mm)
    yield _heading(topic.title, 1, topic.code)
    yield from _frame(document.rootFrame(), 22 * mm if topic.code == ONE_SHEET else 90 * mm)


def _frame(frame: QTextFrame, tallest: float) -> Iterator[Flowable]:
    part = frame.begin()
    while not part.atEnd():
        table = part.currentFrame()
        if isinstance(table, QTextTable):
            yield from (_table(table), Spacer(0, 8))
        elif part.currentBlock().isValid():
            yield from _block(part.currentBlock(), tallest)
        part += 1


def _block(block: QTextBlock, tallest: float) -> Iterator[Flowable]:
    level = block.blockFormat().headingLevel()
    pictures = [piece for piece in _pieces(block) if piece.charFormat().isImageFormat()]
    if level == 1 or not block.text().strip():
        return  # The topic's title stands there already.
    if pictures:
        yield from (_picture(piece, tallest) for piece in pictures)
    elif level:
        yield Paragraph(escape(block.text()), HEADINGS[2])
    elif (listed := _list_of(block)) is not None:
        look = listed.format()
        is_dot = look.style() is not QTextListFormat.Style.ListDecimal
        bullet = "•" if is_dot else f"{listed.itemNumber(block) + 1}."
        left = 16 * look.indent()
        style = ParagraphStyle("item", BODY, leftIndent=left, bulletIndent=left - 14)
        yield Paragraph(_markup(block), style, bulletText=bullet)
    else:
        yield Paragraph(_markup(block), BODY)


def _list_of(block: QTextBlock) -> QTextList | None:
    """The stubs say that there always is one."""
    return block.textList()


def _pieces(block: QTextBlock) -> Iterator[QTextFragment]:
    at = block.begin()
    while not at.atEnd():
        yield at.fragment()
        at += 1


def _markup(block: QTextBlock) -> str:
    parts = []
    for piece in _pieces(block):
        text, look = escape(piece.text()), piece.charFormat()
        if look.isAnchor():
            target = escape(look.anchorHref())
            text = f'<a href="#{target}" color="{BLUE.hexval().replace("0x", "#")}">{text}</a>'
        elif look.fontWeight() > 500:
            text = f"<b>{text}</b>"
        parts.append(text)
    return "".join(parts)


def _picture(piece: QTextFragment, tallest: float) -> Flowable:
    made = Image(str(FOLDER / piece.charFormat().toImageFormat().name()))
    scale = min(1.0, WIDTH / made.drawWidth, tallest / made.drawHeight)
    made.drawWidth, made.drawHeight = made.drawWidth * scale, made.drawHeight * scale
    made.hAlign, made.spaceBefore, made.spaceAfter = "LEFT", 4, 8
    return made


def _table(table: QTextTable) -> Table:
    rows = [
        [_cell(table, row, column) for column in range(table.columns())]
        for row in range(table.rows())
    ]
    return Table(
        rows,
        colWidths=_widths(table),
        repeatRows=1,
        hAlign="LEFT",
        style=[
            ("GRID", (0, 0), (-1, -1), 0.5, LINE),
            ("BACKGROUND", (0, 0), (-1, 0), SHADE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ],
    )


def _cell(table: QTextTable, row: int, column: int) -> Paragraph:
    block = table.cellAt(row, column).firstCursorPosition().block()
    return Paragraph(_markup(block), CELL)


def _widths(table: QTextTable) -> list[float]:
    """A column of short words is as wide as they are; the others share what is left by length."""
    texts = [
        [table.cellAt(r, c).firstCursorPosition().block().text() for r in range(table.rows())]
        for c in range(table.columns())
    ]
    longest = [max(map(len, column)) for column in texts]
    fixed = {
        n: (pdfmetrics.stringWidth("国", FONT, CELL.fontSize) * longest[n]) + 14
        for n in range(len(longest))
        if longest[n] <= SHORT_CHARS
    }
    rest = {n: min(max(chars, 12), 40) for n, chars in enumerate(longest) if n not in fixed}
    left = WIDTH - sum(fixed.values())
    return [fixed.get(n) or left * rest[n] / sum(rest.values()) for n in range(len(longest))]
