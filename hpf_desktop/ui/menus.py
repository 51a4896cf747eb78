"""The window's own commands, and the menu bar in which they stand around those of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox

from hpf_desktop.settings import THEMES, ZOOM_MIN, ZOOM_STEP
from hpf_desktop.ui import health_page
from hpf_desktop.ui.page import Menus
from server.business.refusals import problem

if TYPE_CHECKING:
    from hpf_desktop.ui.main_window import MainWindow

FILE, VIEW, HELP = "文件(&F)", "视图(&W)", "帮助(&H)"


class WindowMenus:
    """Made once; ``show`` fills the bar anew for each page."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._file = self._file_actions()
        self.shows_navigation = QAction("功能列表", window, objectName="show_navigation")
        self.shows_navigation.setCheckable(True)
        self.shows_navigation.setChecked(True)
        self.shows_navigation.toggled.connect(window.navigation.setVisible)
        self._view = self._view_actions()
        self._help = [
            self._action("操作手册", "manual", window.ask_help, "F1"),
            self._action("快捷键一览", "keys", lambda: window.manual_asked.emit("keys")),
            self._action("证书体检", "examine", lambda: window.go_to(health_page.CODE)),
            self._action("关于", "about", self._about),
        ]
        self._themes = self._theme_menu()
        for made in (*self._file, *self._view, *self._help):
            if made and made is not self.shows_navigation:
                window.addAction(made)

    def show(self, of_page: Menus) -> None:
        bar = self._window.menuBar()
        bar.clear()
        own: dict[str, list[QAction | None]] = {FILE: []}
        for title, actions in of_page:
            own.setdefault(title, []).extend(actions)
        own[FILE] += [None, *self._file]
        view = own.pop(VIEW, [])
        for title, actions in own.items():
            _fill(bar.addMenu(title), actions)
        menu = bar.addMenu(VIEW)
        _fill(menu, [*view, *([None] if view else []), *self._view])
        menu.addMenu(self._themes)
        _fill(bar.addMenu(HELP), self._help)

    def _file_actions(self) -> list[QAction]:
        make, window = self._action, self._window
        return [
            make("关闭页面", "close_page", window.close_current, "Ctrl+W"),
            make("设置…", "settings", window.settings_asked.emit, "Ctrl+,"),
            make("锁定", "lock", lambda: window.lock(problem("W07")), "Ctrl+L"),
            make("退出登录", "log_out", window.ask_log_out),
            make("全部退出…", "log_out_everywhere", window.ask_log_out_everywhere),
            make("退出", "quit", window.close, "Ctrl+Q"),
        ]

    def _view_actions(self) -> list[QAction | None]:
        make, window = self._action, self._window
        reset = window.zoom_asked.emit
        return [
            make("放大", "zoom_in", lambda: window.zoom(ZOOM_STEP), "Ctrl+Alt+="),
            make("缩小", "zoom_out", lambda: window.zoom(-ZOOM_STEP), "Ctrl+Alt+-"),
            make("实际大小", "zoom_reset", lambda: reset(ZOOM_MIN), "Ctrl+Alt+0"),
            None,
            self.shows_navigation,
            make("转到功能列表", "go_navigation", window.go_navigation, "Shift+F6"),
            make("刷新", "reload", window.renew, "F5"),
        ]

    def _theme_menu(self) -> QMenu:
        window = self._window
        menu, group = QMenu("主题(&T)", window), QActionGroup(window)
        for theme, label in THEMES.items():
            chosen = lambda theme=theme: window.theme_asked.emit(theme)  # noqa: E731
            made = self._action(label, f"theme_{theme}", chosen)
            made.setCheckable(True)
            made.setChecked(theme == window.desk.settings.theme)
            group.addAction(made)
            menu.addAction(made)
        return menu

    def _action(self, text: str, name: str, slot: Callable[[], Any], *keys: str) -> QAction:
        made = QAction(text, self._window, objectName=name)
        made.setShortcuts([QKeySequence(key) for key in keys])
        made.triggered.connect(lambda _=False: slot())
        return made

    def _about(self) -> None:
        server = self._window.desk.session.client.audience
        text = f"住房公积金单位网厅（桌面端）\n服务器 {server}"
        QMessageBox.information(self._window, "关于", text)


def _fill(menu: QMenu, actions: list[QAction | None]) -> None:
    for action in actions:
        menu.addAction(action) if action else menu.addSeparator()
