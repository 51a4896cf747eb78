"""One page of the manual as it is read: tables with lines, pictures that fit, a place found."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QBrush,
    QFontMetrics,
    QImage,
    QImageReader,
    QPalette,
    QResizeEvent,
    QTextBlock,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser, QTextEdit, QWidget

from hpf_desktop.manual.topics import FOLDER
from hpf_desktop.ui.theme import scaled

# Plain Markdown and tables, as the bits of Qt's reader; GitHub's also makes addresses links.
DIALECT = QTextDocument.MarkdownFeature(0x0100)
SHORT_CHARS = 6  # A column of nothing longer keeps its words on one line.
MARGIN_PX, PADDING_PX, LINE_PERCENT = 20, 5, 125
PICTURE_WIDTH_PX = 860


class ManualView(QTextBrowser):
    """Shows Markdown; links are told, never followed by itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("manual_text")
        self.setAccessibleName("手册内容")
        self.setOpenLinks(False)
        self.setSearchPaths([str(FOLDER)])
        self._markdown = self._sought = ""
        self._again = QTimer(self, singleShot=True, interval=50)
        self._again.timeout.connect(self._fit)

    def show_page(self, markdown: str) -> None:
        self._markdown, self._sought = markdown, ""
        self._render()

    def _render(self) -> None:
        self.document().setDocumentMargin(scaled(MARGIN_PX))
        self.document().setMarkdown(self._markdown, DIALECT)
        self._dress()
        self.setTextCursor(QTextCursor(self.document()))  # Else the first page shows its end.

    def go_to(self, sought: str) -> bool:
        """To the line that is just this, or else to the first that has it, and marks it."""
        found = self._block(sought)
        if found is None:
            return False
        self._sought = sought if self._again.isActive() else ""
        at = QTextCursor(found)
        self.setTextCursor(at)
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self.cursorRect(at).top() - self.viewport().height() // 4)
        at.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        mark = QTextEdit.ExtraSelection()
        mark.cursor = at
        mark.format.setBackground(self.palette().brush(QPalette.ColorRole.Highlight))
        mark.format.setForeground(self.palette().brush(QPalette.ColorRole.HighlightedText))
        self.setExtraSelections([mark])
        return True

    def _block(self, sought: str) -> QTextBlock | None:
        part: QTextBlock | None = None
        block = self.document().begin()
        while block.isValid():
            if block.text() == sought:
                return block
            if part is None and sought.casefold() in block.text().casefold():
                part = block
            block = block.next()
        return part

    # --- How it looks ---

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._again.start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange) and self._markdown:
            place = self.verticalScrollBar().value()
            self._render()
            self.verticalScrollBar().setValue(place)

    def _fit(self) -> None:
        """The window took its size after the page was opened at a place."""
        sought = self._sought
        self._dress()
        if sought:
            self.go_to(sought)

    def loadResource(self, kind: int, name: QUrl) -> Any:  # noqa: N802
        """A picture smaller than it was taken is made so smoothly, which the reader does not."""
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return super().loadResource(kind, name)
        taken = QImage(str(FOLDER / name.path()))
        wide = round(self._picture_width() * self.devicePixelRatio())
        if taken.width() <= wide:
            return taken
        return taken.scaledToWidth(wide, Qt.TransformationMode.SmoothTransformation)

    def _dress(self) -> None:
        """Markdown brings no lines, no room and no widths with it."""
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                self._dress_table(frame)
        block = self.document().begin()
        while block.isValid():
            self._dress_block(block)
            block = block.next()
        cursor.endEditBlock()

    def _dress_table(self, table: QTextTable) -> None:
        look = table.format()
        look.setBorder(1)
        look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        look.setBorderBrush(self.palette().brush(QPalette.ColorRole.Mid))
        look.setBorderCollapse(True)
        look.setCellPadding(scaled(PADDING_PX))
        look.setCellSpacing(0)
        look.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        look.setColumnWidthConstraints([self._width(table, n) for n in range(table.columns())])
        table.setFormat(look)
        shade = QBrush(self.palette().color(QPalette.ColorRole.AlternateBase))
        for column in range(table.columns()):
            head = table.cellAt(0, column)
            words = head.format()
            words.setBackground(shade)
            head.setFormat(words)

    def _width(self, table: QTextTable, column: int) -> QTextLength:
        cells = (table.cellAt(row, column) for row in range(table.rows()))
        texts = [cell.firstCursorPosition().block().text() for cell in cells]
        if max(map(len, texts)) > SHORT_CHARS:
            return QTextLength(QTextLength.Type.VariableLength, 0)
        letters = QFontMetrics(self.font())  # The head is bold.
        widest = max(letters.horizontalAdvance(text) for text in texts) * 1.1
        return QTextLength(QTextLength.Type.FixedLength, widest + 2 * scaled(PADDING_PX) + 2)

    def _dress_block(self, block: QTextBlock) -> None:
        cursor, look = QTextCursor(block), block.blockFormat()
        height = look.LineHeightTypes.ProportionalHeight.value
        is_picture = block.text() == "\ufffc"
        look.setLineHeight(100 if is_picture else LINE_PERCENT, height)
        if QTextCursor(block).currentTable() is not None:
            look.setAlignment(Qt.AlignmentFlag.AlignLeft)
        cursor.setBlockFormat(look)
        at = block.begin()
        while not at.atEnd():
            piece = at.fragment()
            picture = piece.charFormat().toImageFormat()
            if picture.isValid():
                wide = QImageReader(str(FOLDER / picture.name())).size().width()
                picture.setWidth(min(self._picture_width(), scaled(wide)))
                cursor.setPosition(piece.position())
                cursor.setPosition(piece.position() + 1, QTextCursor.MoveMode.KeepAnchor)
                cursor.setCharFormat(picture)
            at += 1

    def _picture_width(self) -> float:
        """As wide as the page beside its bar, but letters need not be larger than the program's."""
        room = self.width() - self.verticalScrollBar().sizeHint().width()
        return max(200, min(scaled(PICTURE_WIDTH_PX), room - 2 * scaled(MARGIN_PX) - 8))
