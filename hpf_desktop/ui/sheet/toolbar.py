"""The row above the grid: the commands used most, the search box, the page's own button."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from hpf_desktop.ui.sheet.commands import TOOLBAR

SEARCH_WIDTH_MIN, SEARCH_WIDTH_MAX = 160, 300
SEARCH_HINT = "搜索：姓名 / 拼音首字母 / 账号 / 证件号"


class Toolbar(QWidget):
    """``searched`` carries the text of the search box. On a narrow page the commands fold into a
    menu from the right; search, the way to the problems and the page's own button always stay.
    """

    searched = Signal(str)

    def __init__(self, commands: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sheet_toolbar")
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 8)
        self.row.setSpacing(6)
        self._foldable = [_button(commands[name]) for name in TOOLBAR]
        for button in self._foldable:
            self.row.addWidget(button)
        self.more = self._make_more()
        self.row.addWidget(self.more)
        self.row.addStretch(1)
        self.search = self._make_search()
        self.row.addWidget(self.search, 2)
        self._staying = [_button(commands[name]) for name in ("only_problems", "next_problem")]
        for button in self._staying:
            self.row.addWidget(button)

    def add_primary(self, action: QAction, *others: QAction) -> None:
        """The page's own button; its arrow opens other ways to do the same."""
        button = _button(action)
        button.setProperty("primary", True)
        if others:
            menu = QMenu(button)
            menu.addActions(others)
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._staying.append(button)
        self.row.addWidget(button)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """With every command folded: or the buttons themselves would keep the page wide."""
        return QSize(
            self._least() + self.more.sizeHint().width(), super().minimumSizeHint().height()
        )

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fold()

    def event(self, event: QEvent) -> bool:
        """A button's words or the letters changed, and with them the room that is left."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fold()
        return super().event(event)

    def _make_search(self) -> QLineEdit:
        search = QLineEdit()
        search.setObjectName("sheet_search")
        search.setAccessibleName(SEARCH_HINT)
        search.setPlaceholderText(SEARCH_HINT)
        search.setClearButtonEnabled(True)
        search.setMaxLength(60)
        search.setMinimumWidth(SEARCH_WIDTH_MIN)
        search.setMaximumWidth(SEARCH_WIDTH_MAX)
        search.textChanged.connect(self.searched)
        return search

    def _make_more(self) -> QToolButton:
        more = QToolButton()
        more.setObjectName("button_more")
        more.setText("更多")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        more.setMenu(QMenu(more))
        more.hide()
        return more

    def _least(self) -> int:
        """What may never fold takes this much."""
        gap = self.row.spacing()
        return SEARCH_WIDTH_MIN + sum(b.sizeHint().width() + gap for b in self._staying) + 2 * gap

    def _fold(self) -> None:
        gap = self.row.spacing()
        widths = [button.sizeHint().width() + gap for button in self._foldable]
        room = self.width() - self._least()
        fitting = len(widths)
        if sum(widths) > room:
            room -= self.more.sizeHint().width() + gap
            fitting = sum(end <= room for end in accumulate(widths))
        if fitting == sum(not button.isHidden() for button in self._foldable):
            return
        for number, button in enumerate(self._foldable):
            button.setVisible(number < fitting)
        self.more.setVisible(fitting < len(widths))
        self.more.menu().clear()
        self.more.menu().addActions([b.defaultAction() for b in self._foldable[fitting:]])


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setObjectName(f"button_{action.objectName()}")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setDefaultAction(action)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
