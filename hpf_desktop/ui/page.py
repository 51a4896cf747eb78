"""What every page is: a heading, one place for messages, one for waiting, and its own menus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import Facts
from hpf_desktop.log import explain
from hpf_desktop.session import Session
from hpf_desktop.settings import Settings
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.sheet.colours import LIGHT, SheetColours
from hpf_desktop.ui.theme import Elided, Title, set_role
from server.business.refusals import Problem

T = TypeVar("T")
Menus = Sequence[tuple[str, Sequence[QAction | None]]]

# The session is over, or waits for its key: the window locks instead of the page explaining.
NEEDS_KEY = ("N01", "L11")
OFFLINE = ("N06", "N07", "N09", "L10")


@dataclass
class Desk:
    """What the pages of one window share; the window keeps it up to date."""

    session: Session
    keys: KeySignals
    settings: Settings
    colours: SheetColours = LIGHT
    drafts: Any = None  # hpf_desktop.drafts.Drafts once they are open
    # The search fields last used, by the query's code.
    searched: dict[str, Mapping[str, str]] = field(default_factory=dict)
    # A query about one row of another: its code, the row's key, the title's end, search fields.
    open_query: Callable[[str, str, str, Mapping[str, str]], None] = field(
        default=lambda code, parent, title, filters: None
    )

    # Another business, with persons whom it is to begin with: their texts by key.
    open_business: Callable[[str, Sequence[Mapping[str, str]]], None] = field(
        default=lambda code, rows: None
    )

    @property
    def facts(self) -> Facts:
        assert self.session.facts is not None, "pages open after login"
        return self.session.facts


class Page(QWidget):
    """Base of all pages. A subclass adds its widgets to ``self.column``."""

    told = Signal(str)  # one sentence for the status bar
    counted = Signal(str)  # what the status bar says of this page's rows
    draft_told = Signal(str)
    key_needed = Signal(object)  # Problem: the window locks
    network_seen = Signal(bool)
    facts_changed = Signal()  # something was posted: the unit's own facts are old
    menus_changed = Signal()
    back_asked = Signal()  # to the page that this one was opened from

    def __init__(self, desk: Desk, title: str, topic: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk, self.title, self.topic = desk, title, topic
        self._task: tasks.Task | None = None
        self.bar = MessageBar(self)
        self.bar.answered.connect(self.take_focus)
        self.waiting = WaitingBar(self)
        self.heading = Elided(objectName="heading_facts")
        set_role(self.heading, "role", "muted")
        self.top = QHBoxLayout()
        self.top.addWidget(Title(title))
        self.top.addSpacing(12)
        self.top.addWidget(self.heading, 1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 12, 16, 8)
        self.column.setSpacing(8)
        self.column.addLayout(self.top)
        self.column.addWidget(self.bar)
        self.column.addWidget(self.waiting)
        Page.show_facts(self)  # A subclass is not built yet.

    # --- What the window asks of a page ---

    def menus(self) -> Menus:
        return ()

    def may_close(self) -> bool:
        """Asks the operator when something would be lost."""
        return True

    def keep(self) -> None:
        """Unsaved work goes to where a crash would leave it: the window is about to lock."""

    def shown(self) -> None:
        """The page came to the front."""

    def take_focus(self) -> None:
        """To where the work goes on; a page keeps no focus of its own."""
        self.focusNextChild()

    def show_facts(self) -> None:
        """The unit's facts are new."""
        unit = self.desk.facts.unit
        self.heading.setText(f"{unit.name}　单位账号 {unit.unit_id}　营业日 {unit.business_day}")

    def renew(self) -> None:
        """F5: what does not come with the unit's facts."""

    def set_colours(self, colours: SheetColours) -> None:
        """The theme changed."""

    # --- What pages do ---

    def command(self, text: str, name: str, slot: Callable[[], None], key: str = "") -> QAction:
        """For menus and buttons; its key works wherever the focus is in the window."""
        made = QAction(text, self, objectName=name)
        made.triggered.connect(lambda _=False: slot())
        if key:
            made.setShortcut(QKeySequence(key))
        self.addAction(made)
        return made

    def work(
        self,
        text: str,
        work: Callable[[tasks.Progress], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None] | None = None,
        cancel: Callable[[], None] | None = None,
        label: str = "取消",
    ) -> None:
        """Off the GUI thread, one thing at a time; waits longer than half a second are shown."""
        self._task = tasks.run(
            work,
            lambda result: self._done(done, result),
            lambda error: self._broke(failed or self.show_failure, error),
            owner=self,
        )
        self._task.progressed.connect(self.waiting.progressed)
        self.waiting.begin(text, cancel or self.stop_work, label)

    def stop_work(self) -> None:
        """The answer of what is under way is no longer waited for."""
        if self._task:
            self._task.cancel()
        self.waiting.end()
        self.told.emit("已取消")

    def _done(self, done: Callable[[Any], None], result: Any) -> None:
        self.waiting.end()
        self.network_seen.emit(True)
        done(result)

    def _broke(self, failed: Callable[[Exception], None], error: Exception) -> None:
        self.waiting.end()
        failed(error)

    def show_failure(self, error: Exception) -> None:
        """Words and next step in the bar; an ended session locks the window."""
        problem = explain(error)
        self.note(problem)
        if problem.code not in NEEDS_KEY:
            self.bar.show_problem(problem)

    def note(self, problem: Problem) -> None:
        """Tells the window what a failure says of the session and of the network."""
        self.network_seen.emit(problem.code not in OFFLINE)
        if problem.code in NEEDS_KEY:
            self.key_needed.emit(problem)


def scrolling(page: Page) -> QScrollArea:
    """At a big zoom on a small screen a page may be wider than the window."""
    holder = QScrollArea(widgetResizable=True)
    holder.setFrameShape(QScrollArea.Shape.NoFrame)
    holder.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    holder.setWidget(page)
    return holder


def button(
    text: str, name: str, clicked: Callable[[], None], is_primary: bool = False
) -> QPushButton:
    made = QPushButton(text, objectName=name)
    made.setAutoDefault(False)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if is_primary:
        made.setProperty("primary", "true")
    made.clicked.connect(lambda _=False: clicked())
    return made
