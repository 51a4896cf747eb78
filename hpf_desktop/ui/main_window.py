"""The main window: menus, the tree of functions, one tab for each thing, and the status bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QMainWindow,
    QMessageBox,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.answers import Facts, Standing
from hpf_desktop.cert.watch import KeyEvent
from hpf_desktop.log import explain
from hpf_desktop.settings import ZOOM_MAX, ZOOM_MIN
from hpf_desktop.ui.ending_bar import EndingBar
from hpf_desktop.ui.help_place import place_of
from hpf_desktop.ui.key_watch import takes_away
from hpf_desktop.ui.login.lock import LockPage
from hpf_desktop.ui.menus import WindowMenus
from hpf_desktop.ui.messages import MessageBar
from hpf_desktop.ui.navigation import Navigation
from hpf_desktop.ui.page import NEEDS_KEY, OFFLINE, Desk, Page, scrolling
from hpf_desktop.ui.pages import FIRST_PAGE, PLACES, Place, query_place
from hpf_desktop.ui.session_watch import SessionWatch
from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.status import StatusBar
from hpf_desktop.ui.theme import fit
from server.business.refusals import Problem, problem


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
        desk.open_business = self._open_solving
        self._pages: dict[str, Page] = {}
        self._is_leaving = False
        self.status = StatusBar(self)
        self.setStatusBar(self.status)
        self.watch = self._watch()
        self._build()
        self._menus = WindowMenus(self)
        self._refresh_menus()
        self._show_facts()
        desk.keys.happened.connect(self._key_event)
        desk.keys.woke.connect(lambda: self.lock(problem("W06")))
        self.watch.start()
        fit(self, 190, 46)
        self._fit_navigation()
        self.go_to(FIRST_PAGE)
        # What an earlier run left under way is the first thing to see.
        for code in desk.facts.unit.paying:
            if code in PLACES:
                self.go_to(code)

    # --- Building ---

    def _watch(self) -> SessionWatch:
        watch = SessionWatch(self.desk.session, self)
        self.ending = EndingBar()
        self.ending.go_on_asked.connect(watch.go_on)
        self.ending.read.connect(watch.know_end)
        watch.warned.connect(self.ending.warn)
        watch.calmed.connect(self.ending.hide)
        watch.stood.connect(self._stands)
        watch.failed.connect(self._background_failed)
        watch.ended.connect(self.lock)
        return watch

    def _build(self) -> None:
        self.navigation = Navigation(PLACES.values())
        self.navigation.chosen.connect(self.go_to)
        self.tabs = QTabWidget(
            objectName="pages", documentMode=True, tabsClosable=True, movable=True
        )
        self.tabs.setAccessibleName("打开的页面")
        self.tabs.tabCloseRequested.connect(self._close_tab)
        self.tabs.currentChanged.connect(self._page_shown)
        self._split = QSplitter(objectName="work")
        self._split.addWidget(self.navigation)
        self._split.addWidget(self.tabs)
        self._split.setStretchFactor(1, 1)
        self._split.setCollapsible(1, False)
        self.notice = MessageBar()
        self.notice.answered.connect(self._back_to_work)
        self._work = QWidget()
        column = QVBoxLayout(self._work)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.ending)
        column.addWidget(self.notice)
        column.addWidget(self._split, 1)
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
        self._split.setSizes([width, max(self.width() - width, width)])

    def go_navigation(self) -> None:
        self._menus.shows_navigation.setChecked(True)
        self.navigation.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _refresh_menus(self) -> None:
        """The page's own menus between the window's."""
        page = self.page()
        self._menus.show(page.menus() if page else ())

    # --- Pages ---

    def page(self) -> Page | None:
        return self._page_at(self.tabs.currentIndex())

    def _page_at(self, number: int) -> Page | None:
        holder = self.tabs.widget(number)
        return holder.widget() if isinstance(holder, QScrollArea) else None

    def open_place(self, code: str) -> Page:
        return self._open(code, PLACES[code])

    def go_to(self, code: str) -> None:
        """Who chose a place in the tree works there next."""
        self.open_place(code).take_focus()

    def _back_to_work(self) -> None:
        if page := self.page():
            page.take_focus()

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
        origin = self._key_of(self.page())
        page = self._open(f"{code}/{parent_key}", query_place(code, parent_key, suffix, filters))
        page.setProperty("origin", origin)
        page.show_only(filters)
        page.take_focus()

    def _open_solving(self, code: str, rows: Sequence[Mapping[str, str]]) -> None:
        page = self.open_place(code)
        page.bring(rows)
        page.take_focus()

    def _go_back(self) -> None:
        """From a drill-down to what it was opened from, which is as it was left."""
        number, origin = self.tabs.currentIndex(), self._pages.get(self.page().property("origin"))
        if origin is not None:
            self.tabs.setCurrentWidget(origin.parent().parent())
            origin.take_focus()
        self._close_tab(number)

    def _key_of(self, page: Page | None) -> str:
        return next((key for key, opened in self._pages.items() if opened is page), "")

    def _connect(self, page: Page) -> None:
        page.told.connect(self.status.tell)
        page.counted.connect(lambda text: self._counted(page, text))
        page.draft_told.connect(lambda text: self._draft_told(page, text))
        page.key_needed.connect(self.lock)
        page.network_seen.connect(self.status.show_network)
        page.facts_changed.connect(self.reload_facts)
        page.menus_changed.connect(self._refresh_menus)
        page.back_asked.connect(self._go_back)

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
            self.navigation.mark(self._key_of(page))
            page.shown()

    def close_current(self) -> None:
        self._close_tab(self.tabs.currentIndex())

    def _close_tab(self, number: int) -> None:
        page, holder = self._page_at(number), self.tabs.widget(number)
        if page is None or not page.may_close():
            return
        self._pages = {key: opened for key, opened in self._pages.items() if opened is not page}
        self.tabs.removeTab(number)
        holder.deleteLater()

    # --- Facts, session, network ---

    def renew(self) -> None:
        self.reload_facts()
        if page := self.page():
            page.renew()

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

    def _stands(self, standing: Standing) -> None:
        self.status.show_network(True)
        if standing.is_suspended:
            self.lock(problem("L11"))

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
        self.lock_page.lock(self.watch.why_ended(why))
        if self.is_locked:
            return
        self.watch.stop()
        for page in self._pages.values():
            page.keep()
        for window in QApplication.topLevelWidgets():
            if window is not self and window.isVisible() and window.parent() is not None:
                window.close()
        self._stack.setCurrentWidget(self.lock_page)
        self._take_out_work()
        self.lock_page.take_focus()
        self._set_working(False)
        session = self.desk.session
        tasks.run(lambda _: session.lock(), lambda _: None, lambda _: None, owner=self)

    def _reopened(self, result: tuple[Standing, Facts]) -> None:
        self.desk.session.standing, self.desk.session.facts = result
        self._put_back_work()
        self.watch.start()
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

    def ask_log_out_everywhere(self) -> None:
        """For whoever left another computer logged in, or fears that their password is known."""
        asked = "本人在所有电脑上的登录都会退出，包括这一个。要全部退出吗？"
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        if not all(page.may_close() for page in list(self._pages.values())):
            return
        if QMessageBox.question(self, "全部退出", asked, yes | no, no) != yes:
            return
        end = self.desk.session.client.log_out_everywhere
        tasks.run(
            lambda _: end(),
            lambda _: self.log_out(problem("W11")),
            self._not_everywhere,
            owner=self,
        )

    def _not_everywhere(self, error: Exception) -> None:
        self._background_failed(error)
        told = explain(error)
        self.status.tell(f"没有全部退出：{told.text}。{told.next_step}")

    def log_out(self, why: Problem | None) -> None:
        """Drafts stay on this computer."""
        if not self._is_leaving:
            self._leave()
            self.logged_out.emit(why)

    def _leave(self) -> None:
        self._is_leaving = True
        self._put_back_work()  # To go with the window, in its thread.
        self.watch.stop()
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

    def zoom(self, step: int) -> None:
        zoom = min(max(self.desk.settings.zoom + step, ZOOM_MIN), ZOOM_MAX)
        self.zoom_asked.emit(zoom)

    def ask_help(self) -> None:
        page = self.page()
        if self.is_locked or page is None:
            self.manual_asked.emit("login" if self.is_locked else "index")
        else:
            self.manual_asked.emit(place_of(page.topic, page, QApplication.focusWidget()))
