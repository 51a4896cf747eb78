"""The row above the grid: the commands used most, the search box, the page's own button."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.commands import TOOLBAR

SEARCH_HINT = "搜索：姓名 / 拼音首字母 / 账号 / 证件号"


class Toolbar(QWidget):
    """``searched`` carries the text of the search box."""

    searched = Signal(str)

    def __init__(self, commands: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sheet_toolbar")
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 8)
        self.row.setSpacing(6)
        for name in TOOLBAR:
            self.row.addWidget(_button(commands[name]))
        self.row.addStretch(1)
        self.search = QLineEdit()
        self.search.setObjectName("sheet_search")
        self.search.setAccessibleName(SEARCH_HINT)
        self.search.setPlaceholderText(SEARCH_HINT)
        self.search.setClearButtonEnabled(True)
        self.search.setMaxLength(60)
        self.search.setMinimumWidth(160)
        self.search.setMaximumWidth(300)
        self.search.textChanged.connect(self.searched)
        self.row.addWidget(self.search, 2)
        for name in ("only_problems", "next_problem"):
            self.row.addWidget(_button(commands[name]))

    def add_primary(self, action: QAction) -> None:
        button = _button(action)
        button.setProperty("primary", True)
        self.row.addWidget(button)


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
#sheet, #frozen_grid, #problem_table {{ background: {c.cell}; color: {c.text}; }}
#sheet, #problem_table {{ border: 1px solid {c.grid}; }}
#sheet QHeaderView, #frozen_grid QHeaderView, #problem_table QHeaderView {{
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
