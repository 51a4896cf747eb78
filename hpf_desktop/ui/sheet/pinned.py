"""Columns that stay in sight: a second view over an edge of the sheet, on the same selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.grid import Grid
from hpf_desktop.ui.sheet.model import SheetModel

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.view import SheetView


class PinnedGrid(Grid):
    """The keys stay with the main view, which has these columns too: so this one has no
    accessible name and no focus of its own.
    """

    def __init__(
        self, main: SheetView, model: SheetModel, colours: SheetColours, name: str, is_right: bool
    ) -> None:
        super().__init__(model, colours, main)
        self.main, self.is_right = main, is_right
        self.setObjectName(name)
        self.setFrameShape(Grid.Shape.NoFrame)
        # With no policy at all the focus would go astray when an editor over this view closes.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(main)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionsMovable(False)
        self.setModel(model)
        self.setSelectionModel(main.selectionModel())
        ours, theirs = self.verticalScrollBar(), main.verticalScrollBar()
        theirs.valueChanged.connect(ours.setValue)
        ours.valueChanged.connect(theirs.setValue)
        self.fill_dragged.connect(main.fill_dragged)

    def show_columns(self, shown: set[int]) -> None:
        for column in range(self.sheet.columnCount()):
            is_hidden = column not in shown or self.main.isColumnHidden(column)
            self.setColumnHidden(column, is_hidden)
            if not is_hidden:
                self.setColumnWidth(column, self.main.columnWidth(column))

    def place(self, x: int, width: int) -> None:
        """``x`` is a place in the viewport of the main view."""
        main = self.main
        frame, header = main.frameWidth(), main.horizontalHeader().height()
        self.horizontalHeader().setFixedHeight(header)
        left = main.verticalHeader().width() + frame + x
        self.setGeometry(left, frame, width, header + main.viewport().height())

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        self.main.wheelEvent(event)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        painter.setPen(self.main.edge_pen)
        x = 0 if self.is_right else self.viewport().width() - 1
        painter.drawLine(x, event.rect().top(), x, event.rect().bottom())
