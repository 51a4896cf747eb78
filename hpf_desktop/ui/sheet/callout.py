"""The note under the current cell that says what is wrong with it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel

from hpf_desktop.ui.sheet.faults import HINT, Mark
from hpf_desktop.ui.sheet.view import SheetView

WIDTH_MAX = 420
KEYS = "F8 下一处　Shift+F8 上一处"


class Callout(QLabel):
    """Part of the view, so that it never takes the focus and ends at its edges."""

    def __init__(self, view: SheetView) -> None:
        super().__init__(view)
        self.view = view
        self.setObjectName("callout")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        view.verticalScrollBar().valueChanged.connect(self.hide)
        view.horizontalScrollBar().valueChanged.connect(self.hide)

    def show_mark(self, mark: Mark | None, step: str = "") -> None:
        """Hides itself when the cell has nothing to say, or is out of sight. ``step`` is the way
        to what solves it."""
        rect = self.view.visualRect(self.view.currentIndex())
        rect.translate(self.view.viewport().pos())
        area = self.view.viewport().geometry()
        if mark is None or not area.intersects(rect):
            self.hide()
            return
        self.setProperty("hint", mark.level == HINT)
        self.style().polish(self)
        self.setText("\n".join(filter(None, (mark.text, step, KEYS))))
        metrics = self.fontMetrics()
        widest = max(metrics.horizontalAdvance(line) for line in self.text().split("\n"))
        width = min(widest, WIDTH_MAX) + 28
        self.resize(width, self.heightForWidth(width))
        place = QPoint(rect.left() + 10, rect.bottom() + 4)
        if place.y() + self.height() > area.bottom():
            place.setY(rect.top() - self.height() - 4)
        place.setX(max(area.left(), min(place.x(), area.right() - width)))
        self.move(place)
        self.raise_()
        self.show()
