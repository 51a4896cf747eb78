"""The main window: menus, the tree of functions, one tab for each thing, and the status bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QMainWindow,
    QMenu,
    QMessageBox,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QTabWidget,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.answers import Facts, Standing
from hpf_desktop.cert.watch import KeyEvent
from hpf_desktop.log import explain
from hpf_desktop.settings import THEMES, ZOOM_MAX, ZOOM_MIN, ZOOM_STEP
from hpf_desktop.ui.key_watch import takes_away
from hpf_desktop.ui.login.lock import LockPage
from hpf_desktop.ui.navigation import Navigation
from hpf_desktop.ui.page import NEEDS_KEY, OFFLINE, Desk, Page, scrolling
from hpf_desktop.ui.pages import FIRST_PAGE, PLACES, Place, query_place
from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.status import StatusBar
from hpf_desktop.ui.theme import fit
from server.business.refusals import Problem, problem

HEARTBEAT_MS = 20_000


class MainWindow(QMainWindow):
    """``logged_out`` carries why, or None when the operator asked for it."""

    logged_out = Signal(object)
    closed = Signal()
    settings_asked = Signal()
    manual_asked = Signal(str)
    theme_asked = Signal(str)
    zoom_asked = Signal(int)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("main_window")
        self.desk = desk
        desk.open_query = self._open_drill
        self._pages: dict[str, Page] = {}
        self._is_leaving = False
        self.status = StatusBar(self)
        self.setStatusBar(self.status)
        self._build()
        self._make_actions()
        self._refresh_menus()
        self._show_facts()
        desk.keys.happened.connect(self._key_event)
        desk.keys.woke.connect(lambda: self.lock(problem("W06")))
        self._heartbeat = QTimer(self, interval=HEARTBEAT_MS)
        self._heartbeat.timeout.connect(self._beat)
        self._heartbeat.start()
        fit(self, 190, 46)
        self._fit_navigation()
        self._go_to(FIRST_PAGE)
        # What an earlier run left under way is the first thing to see.
        for code in desk.facts.unit.paying:
            if code in PLACES:
                self._go_to(code)

    # --- Building ---

    def _build(self) -> None:
        self.navigation = Navigation(PLACES.values())
        self.navigation.chosen.connect(self._go_to)
        self.tabs = QTabWidget(
            objectName="pages", documentMode=True, tabsClosable=True, movable=True
        )
        self.tabs.setAccessibleName("打开的页面")
        self.tabs.tabCloseRequested.connect(self._close_tab)
        self.tabs.currentChanged.connect(self._page_shown)
        self._work = QSplitter(objectName="work")
        self._work.addWidget(self.navigation)
        self._work.addWidget(self.tabs)
        self._work.setStretchFactor(1, 1)
        self._work.setCollapsible(1, False)
        self.lock_page = LockPage(self.desk.keys, self.desk.session)
        self.lock_page.reopened.connect(self._reopened)
        self.lock_page.other_key_found.connect(lambda: self.log_out(problem("W05")))
        self.lock_page.log_out_asked.connect(lambda: self.log_out(None))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._work)
        self._stack.addWidget(self.lock_page)
        self.setCentralWidget(self._stack)

    def _fit_navigation(self) -> None:
        width = self.navigation.fit()
        self._work.setSizes([width, max(self.width() - width, width)])

    def _navigation_asked(self) -> None:
        self.navigation.setVisible(self._shows_navigation.isChecked())

    def _go_navigation(self) -> None:
        self._shows_navigation.setChecked(True)
        self.navigation.show()
        self.navigation.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _make_actions(self) -> None:
        def action(text: str, name: str, slot: Callable[[], Any], *keys: str) -> QAction:
            made = QAction(text, self, objectName=name)
            made.setShortcuts([QKeySequence(key) for key in keys])
            made.triggered.connect(lambda _=False: slot())
            return made

        self._file = [
            action("关闭页面", "close_page", self._close_current, "Ctrl+W"),
            action("设置…", "settings", self.settings_asked.emit, "Ctrl+,"),
            action("锁定", "lock", lambda: self.lock(problem("W07")), "Ctrl+L"),
            action("退出登录", "log_out", self.ask_log_out),
            action("退出", "quit", self.close, "Ctrl+Q"),
        ]
        zoom = [
            action("放大", "zoom_in", lambda: self._zoom(ZOOM_STEP), "Ctrl+Alt+="),
            action("缩小", "zoom_out", lambda: self._zoom(-ZOOM_STEP), "Ctrl+Alt+-"),
            action("实际大小", "zoom_reset", lambda: self.zoom_asked.emit(ZOOM_MIN), "Ctrl+Alt+0"),
        ]
        self._shows_navigation = action("功能列表", "show_navigation", self._navigation_asked)
        self._shows_navigation.setCheckable(True)
        self._shows_navigation.setChecked(True)
        go = action("转到功能列表", "go_navigation", self._go_navigation, "Shift+F6")
        reload = action("刷新单位资料", "reload", self.reload_facts, "F5")
        self._view = [*zoom, None, self._shows_navigation, go, reload]
        self._help = [
            action("操作手册", "manual", self._help_asked, "F1"),
            action("快捷键一览", "keys", lambda: self.manual_asked.emit("keys")),
            action("关于", "about", self._about),
        ]
        self._themes = QMenu("主题(&T)", self)
        group = QActionGroup(self)
        for theme, label in THEMES.items():
            made = action(label, f"theme_{theme}", lambda theme=theme: self.theme_asked.emit(theme))
            made.setCheckable(True)
            made.setChecked(theme == self.desk.settings.theme)
            group.addAction(made)
            self._themes.addAction(made)
        for made in (*self._file, *zoom, go, reload, *self._help):
            self.addAction(made)

    def _refresh_menus(self) -> None:
        """The page's own menus between the window's."""
        bar, page = self.menuBar(), self.page()
        bar.clear()
        own: dict[str, list[QAction | None]] = {"文件(&F)": []}
        for title, actions in page.menus() if page else ():
            own.setdefault(title, []).extend(actions)
        own["文件(&F)"] += [None, *self._file]
        view = own.pop("视图(&W)", [])
        for title, actions in own.items():
            _fill(bar.addMenu(title), actions)
        menu = bar.addMenu("视图(&W)")
        _fill(menu, [*view, *([None] if view else []), *self._view])
        menu.addMenu(self._themes)
        _fill(bar.addMenu("帮助(&H)"), self._help)

    # --- Pages ---

    def page(self) -> Page | None:
        return self._page_at(self.tabs.currentIndex())

    def _page_at(self, number: int) -> Page | None:
        holder = self.tabs.widget(number)
        return holder.widget() if isinstance(holder, QScrollArea) else None

    def open_place(self, code: str) -> Page:
        return self._open(code, PLACES[code])

    def _go_to(self, code: str) -> None:
        """Who chose a place in the tree works there next."""
        self.open_place(code).take_focus()

    def _open(self, key: str, place: Place) -> Page:
        page = self._pages.get(key)
        if page is None:
            page = place.make(self.desk)
            self._connect(page)
            self._pages[key] = page
            number = self.tabs.addTab(scrolling(page), place.label)
            closes = self.tabs.tabBar().tabButton(number, QTabBar.ButtonPosition.RightSide)
            closes.setAccessibleName(f"关闭 {place.label}")
        self.tabs.setCurrentWidget(page.parent().parent())
        return page

    def _open_drill(
        self, code: str, parent_key: str, suffix: str, filters: Mapping[str, str]
    ) -> None:
        place = query_place(code, parent_key, suffix, filters)
        page = self._open(f"{code}/{parent_key}", place)
        page.show_only(filters)
        page.take_focus()

    def _connect(self, page: Page) -> None:
        page.told.connect(self.status.tell)
        page.counted.connect(lambda text: self._counted(page, text))
        page.draft_told.connect(lambda text: self._draft_told(page, text))
        page.key_needed.connect(self.lock)
        page.network_seen.connect(self.status.show_network)
        page.facts_changed.connect(self.reload_facts)
        page.menus_changed.connect(self._refresh_menus)

    def _counted(self, page: Page, text: str) -> None:
        page.setProperty("counted", text)
        if page is self.page():
            self.status.show_counts(text)

    def _draft_told(self, page: Page, text: str) -> None:
        page.setProperty("draft", text)
        if page is self.page():
            self.status.show_draft(text)

    def _page_shown(self) -> None:
        page = self.page()
        self._refresh_menus()
        self.status.show_counts(page.property("counted") or "" if page else "")
        self.status.show_draft(page.property("draft") or "" if page else "")
        self.setWindowTitle(f"{page.title if page else ''} · 住房公积金单位网厅".strip(" ·"))
        if page is not None:
            keys = [key for key, opened in self._pages.items() if opened is page]
            self.navigation.mark(keys[0] if keys else "")
            page.shown()

    def _close_current(self) -> None:
        if (number := self.tabs.currentIndex()) >= 0:
            self._close_tab(number)

    def _close_tab(self, number: int) -> None:
        page, holder = self._page_at(number), self.tabs.widget(number)
        if page is None or not page.may_close():
            return
        self._pages = {key: opened for key, opened in self._pages.items() if opened is not page}
        self.tabs.removeTab(number)
        holder.deleteLater()

    # --- Facts, session, network ---

    def reload_facts(self) -> None:
        client = self.desk.session.client
        tasks.run(lambda _: client.facts(), self._facts_came, self._background_failed)

    def _facts_came(self, facts: Facts) -> None:
        self.desk.session.facts = facts
        self.status.show_network(True)
        self._show_facts()

    def _show_facts(self) -> None:
        self.status.show_facts(self.desk.facts)
        for page in self._pages.values():
            page.show_facts()

    def _beat(self) -> None:
        if not self.is_locked:
            client = self.desk.session.client
            tasks.run(lambda _: client.standing(), self._stands, self._background_failed)

    def _stands(self, standing: Standing) -> None:
        self.status.show_network(True)
        if standing.is_suspended:
            self.lock(problem("L11"))
        elif standing.idle_left_s < 60:
            self.status.tell("一分钟内没有操作将需要重新输入密码")

    def _background_failed(self, error: Exception) -> None:
        told = explain(error)
        self.status.show_network(told.code not in OFFLINE)
        if told.code in NEEDS_KEY:
            self.lock(told)

    # --- Locking ---

    @property
    def is_locked(self) -> bool:
        return self._stack.currentWidget() is self.lock_page

    def _key_event(self, event: KeyEvent) -> None:
        certificate = self.desk.session.certificate
        if certificate and takes_away(event, certificate.reader) and not self.is_locked:
            self.lock(problem("W04"))

    def lock(self, why: Problem) -> None:
        """At once: nothing of the work stays in sight, and no key press reaches it."""
        if self._is_leaving:
            return
        if self.is_locked and why.code in NEEDS_KEY:
            return  # A page that asked meanwhile was told what the window shows already.
        self.lock_page.lock(why)
        if self.is_locked:
            return
        for window in QApplication.topLevelWidgets():
            if window is not self and window.isVisible() and window.parent() is not None:
                window.close()
        self._stack.setCurrentWidget(self.lock_page)
        self._take_out_work()
        # Not on a button: who goes on typing must not log out by it. The PIN takes it when it can.
        self.lock_page.setFocus(Qt.FocusReason.OtherFocusReason)
        self._set_working(False)
        client = self.desk.session.client
        tasks.run(lambda _: client.suspend(), lambda _: None, lambda _: None, owner=self)

    def _reopened(self, result: tuple[Standing, Facts]) -> None:
        standing, facts = result
        session = self.desk.session
        session.standing, session.facts = standing, facts
        self._put_back_work()
        self._stack.setCurrentWidget(self._work)
        self._set_working(True)
        self._show_facts()
        self.status.tell("已解锁")
        if page := self.page():
            page.take_focus()

    def _take_out_work(self) -> None:
        """What is only hidden could still be read by a screen reader, or by what poses as one."""
        self._stack.removeWidget(self._work)
        self._work.setParent(None)

    def _put_back_work(self) -> None:
        if self._work.parent() is None:
            self._stack.insertWidget(0, self._work)

    def _set_working(self, is_working: bool) -> None:
        self.menuBar().setEnabled(is_working)
        self.menuBar().setVisible(is_working)
        self.status.hide_work(not is_working)
        for action in self.actions():
            action.setEnabled(is_working or action.objectName() in ("quit", "manual"))

    # --- Leaving ---

    def ask_log_out(self) -> None:
        if all(page.may_close() for page in list(self._pages.values())):
            self.log_out(None)

    def log_out(self, why: Problem | None) -> None:
        """Drafts stay on this computer."""
        if not self._is_leaving:
            self._leave()
            self.logged_out.emit(why)

    def _leave(self) -> None:
        self._is_leaving = True
        self._put_back_work()  # To go with the window, in its thread.
        self._heartbeat.stop()
        session = self.desk.session
        tasks.run(lambda _: session.log_out(), lambda _: None, lambda _: None)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if self._is_leaving:
            return
        may_close = self.is_locked or all(page.may_close() for page in self._pages.values())
        event.setAccepted(may_close)
        if may_close:
            self._leave()
            self.closed.emit()

    # --- Look and help ---

    def set_colours(self, colours: SheetColours) -> None:
        """Also when the zoom changed."""
        self.desk.colours = colours
        self._fit_navigation()
        for page in self._pages.values():
            page.set_colours(colours)

    def _zoom(self, step: int) -> None:
        zoom = min(max(self.desk.settings.zoom + step, ZOOM_MIN), ZOOM_MAX)
        self.zoom_asked.emit(zoom)

    def _help_asked(self) -> None:
        page = self.page()
        self.manual_asked.emit("login" if self.is_locked else page.topic if page else "index")

    def _about(self) -> None:
        text = f"住房公积金单位网厅（桌面端）\n服务器 {self.desk.session.client.audience}"
        QMessageBox.information(self, "关于", text)


def _fill(menu: QMenu, actions: list[QAction | None]) -> None:
    for action in actions:
        if action is None:
            menu.addSeparator()
        else:
            menu.addAction(action)
