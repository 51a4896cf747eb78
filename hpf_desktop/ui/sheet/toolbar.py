"""The row above the grid: the commands used most, the search box, the page's own button."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from hpf_desktop.ui.sheet.colours import SheetColours
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

    def add_primary(self, action: QAction) -> None:
        button = _button(action)
        button.setProperty("primary", True)
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


def style_of(colours: SheetColours) -> str:
    """The few rules the palette cannot say."""
    c = colours
    return f"""
#sheet_toolbar QToolButton, #find_bar QPushButton, #problem_list QToolButton {{
  background: {c.button}; color: {c.text}; border: 1px solid {c.border}; border-radius: 4px;
  padding: 5px 11px; }}
#sheet_toolbar QToolButton:hover, #find_bar QPushButton:hover {{ background: {c.hover}; }}
#sheet_toolbar QToolButton:focus, #find_bar QPushButton:focus {{ border-color: {c.accent}; }}
#sheet_toolbar QToolButton:checked {{ border-color: {c.accent}; color: {c.accent}; }}
#sheet_toolbar QToolButton:disabled, #find_bar QPushButton:disabled {{ color: {c.muted}; }}
#sheet_toolbar QToolButton[primary="true"] {{
  background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; font-weight: bold; }}
#sheet_toolbar QToolButton[primary="true"]:disabled {{
  background: {c.border}; border-color: {c.border}; }}
#sheet_search, #find_text, #replace_text {{
  background: {c.button}; color: {c.text}; border: 1px solid {c.border}; border-radius: 4px;
  padding: 5px 9px; }}
#sheet_search:focus, #find_text:focus, #replace_text:focus {{ border-color: {c.accent}; }}
#sheet, #frozen_grid, #result_grid, #problem_table {{ background: {c.cell}; color: {c.text}; }}
#sheet, #problem_table {{ border: 1px solid {c.grid}; }}
#sheet QHeaderView, #problem_table QHeaderView {{
  background: {c.header}; border: 0; }}
#problem_table QHeaderView::section {{
  background: {c.header}; color: {c.header_text}; border: 0; padding: 0 5px; font-weight: bold;
  border-right: 1px solid {c.grid}; border-bottom: 1px solid {c.grid}; }}
#sheet QTableCornerButton::section {{ background: {c.header}; border: 0;
  border-right: 1px solid {c.grid}; border-bottom: 1px solid {c.grid}; }}
#sheet QLineEdit, #frozen_grid QLineEdit {{
  background: {c.cell}; color: {c.text}; border: 1px solid {c.accent}; padding: 0 3px; }}
#offers {{ background: {c.cell}; border: 1px solid {c.accent}; }}
#callout {{ background: {c.cell}; color: {c.text}; border: 1px solid {c.error};
  border-radius: 4px; padding: 6px 12px; }}
#callout[hint="true"] {{ border-color: {c.hint}; }}
"""
