"""Every command of the sheet by name: its words, its keys and its place in the menus."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True)
class Command:
    """``writes`` commands are off while the sheet is locked."""

    text: str
    keys: tuple[str, ...] = ()
    writes: bool = False
    is_checkable: bool = False
    tip: str = ""
    shows_keys: bool = False  # on its button


COMMANDS: dict[str, Command] = {
    "import_rows": Command(
        "导入 Excel…", ("Ctrl+I",), writes=True, tip="从 xlsx、xls、ods、csv 文件导入"
    ),
    "template": Command("下载模板…", tip="保存本业务的空白模板"),
    "error_report": Command("导出错误说明…", tip="把明细连同错误原因存为 xlsx，更正后可再导入"),
    "export": Command("导出当前明细…"),
    "undo": Command("撤销", ("Ctrl+Z",), writes=True),
    "redo": Command("重做", ("Ctrl+Y", "Ctrl+Shift+Z"), writes=True),
    "cut": Command("剪切", ("Ctrl+X",), writes=True),
    "copy": Command("复制", ("Ctrl+C",)),
    "paste": Command("粘贴", ("Ctrl+V",), writes=True),
    "delete_cells": Command("清除内容", writes=True),
    "fill_down": Command("向下填充", ("Ctrl+D",), writes=True),
    "fill_right": Command("向右填充", ("Ctrl+R",), writes=True),
    "insert_row": Command("插入行", ("Ctrl++", "Ctrl+Shift+="), writes=True),
    "delete_rows": Command("删除行", ("Ctrl+-",), writes=True),
    "duplicate_rows": Command("复制行", ("Ctrl+Shift+D",), writes=True),
    "select_column": Command("选择整列"),
    "select_row": Command("选择整行"),
    "find": Command("查找…", ("Ctrl+F",)),
    "replace": Command("替换…", ("Ctrl+H",), writes=True),
    "filter": Command("搜索人员", ("Ctrl+Shift+F", "F6"), tip="F6 离开表格"),
    "sort_up": Command("升序排列"),
    "sort_down": Command("降序排列"),
    "sort_none": Command("恢复原来的顺序"),
    "only_problems": Command("仅看错误", ("Ctrl+E",), is_checkable=True),
    "next_problem": Command("下一处错误", ("F8",), shows_keys=True),
    "previous_problem": Command("上一处错误", ("Shift+F8",)),
    "problem_list": Command("问题清单", ("Ctrl+Shift+L",), is_checkable=True),
    "check": Command("全部校验", ("F9",)),
    "solve": Command("去办理相应的业务", ("Ctrl+G",), tip="带上该行人员，打开能解决问题的业务"),
    "freeze": Command("冻结到当前列"),
    "unfreeze": Command("取消冻结"),
    "hide_column": Command("隐藏列"),
    "show_columns": Command("显示全部列"),
}
MENUS: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("编辑(&E)", (
        "undo", "redo", None, "cut", "copy", "paste", "delete_cells", None, "fill_down",
        "fill_right", None, "select_row", "select_column", None, "find", "replace",
    )),
    ("数据(&D)", (
        "import_rows", "template", "error_report", "export", None, "insert_row", "delete_rows",
        "duplicate_rows", None, "sort_up", "sort_down", "sort_none", "filter",
    )),
    ("校验(&V)", (
        "check", "next_problem", "previous_problem", "solve", None, "only_problems",
        "problem_list",
    )),
    ("视图(&W)", ("freeze", "unfreeze", None, "hide_column", "show_columns")),
)  # fmt: skip
TOOLBAR = (
    "import_rows", "template", "paste", "insert_row", "delete_rows", "fill_down", "undo", "redo",
)  # fmt: skip
CELL_MENU = (
    "cut", "copy", "paste", "delete_cells", None, "fill_down", None, "insert_row", "delete_rows",
    "duplicate_rows", None, "solve", None, "sort_up", "sort_down", "sort_none",
)  # fmt: skip
HEADER_MENU = (
    "sort_up", "sort_down", "sort_none", None, "freeze", "unfreeze", None, "hide_column",
    "show_columns",
)  # fmt: skip


def make_actions(owner: QWidget) -> dict[str, QAction]:
    """Actions that work wherever the focus is inside ``owner``."""
    actions = {}
    for name, command in COMMANDS.items():
        action = QAction(command.text, owner)
        action.setObjectName(name)
        action.setShortcuts([QKeySequence(keys) for keys in command.keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setCheckable(command.is_checkable)
        shown = (command.text, *command.keys[:1]) if command.shows_keys else (command.text,)
        action.setIconText(" ".join(shown))
        if command.tip:
            action.setToolTip(command.tip)
        owner.addAction(action)
        actions[name] = action
    return actions
