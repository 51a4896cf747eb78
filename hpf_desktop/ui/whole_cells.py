"""A list whose cells end where it does: an amount cut by its edge would look like a smaller one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QTableView


class WholeCells(QStyledItemDelegate):
    """Draws in the part of a cell that is in sight; what does not fit there is elided."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        table.setItemDelegate(self)
        # Sideways nothing can be moved as it stands: what the edges cover is drawn anew.
        table.horizontalScrollBar().valueChanged.connect(lambda _: table.viewport().update())

    def paint(self, painter: QPainter, option: Any, index: Any) -> None:
        cell, room = option.rect, option.widget.viewport().rect()
        option.rect = cell.intersected(QRect(0, cell.top(), room.width(), cell.height()))
        super().paint(painter, option, index)
