"""The session's two clocks: whoever works is kept in, whoever does not is warned before the end."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QWindow

from hpf_desktop import tasks
from hpf_desktop.answers import Standing
from hpf_desktop.session import Session
from server.business.refusals import Problem, problem

HEARTBEAT_MS = 20_000
IDLE_WARNING_S = 120
ABSOLUTE_WARNING_S = 300  # Nothing prolongs it, so there must be time to finish.
SIGNS_OF_LIFE = frozenset({
    QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel, QEvent.Type.TouchBegin,
})  # fmt: skip


class SessionWatch(QObject):
    """Asks the server how long the session stands, and tells it that somebody works here.

    Typing alone asks nothing of the server, so every key and click in any window of the program
    counts. They are seen where the system hands them over: a filter on the whole application would
    be called for each of its events.
    """

    stood = Signal(object)  # Standing
    failed = Signal(object)  # Exception
    warned = Signal(str, bool)  # how long it still stands, and whether that can be prolonged
    calmed = Signal()  # no warning any more
    ended = Signal(object)  # Problem

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._is_active = self._is_warning = self._is_asking = False
        self._knows_end = False  # of the absolute time, which is told once
        self._idle_end = self._absolute_end = float("inf")
        self._heartbeat = QTimer(self, interval=HEARTBEAT_MS)
        self._heartbeat.timeout.connect(self.beat)
        self._second = QTimer(self, interval=1_000)
        self._second.timeout.connect(self._look)
        QGuiApplication.instance().focusWindowChanged.connect(self._watch_window)
        self._watch_window(QGuiApplication.focusWindow())

    def start(self) -> None:
        """After a login, or after unlocking, which may have begun a new session."""
        self._knows_end = False
        standing = self._session.standing
        if standing is not None:
            self._set_clocks(standing)
        self._heartbeat.start()
        self._second.start()

    def stop(self) -> None:
        self._heartbeat.stop()
        self._second.stop()
        self._calm()

    @property
    def is_running(self) -> bool:
        return self._second.isActive()

    def beat(self) -> None:
        """Says that somebody works here, if so; learns how long the session stands in any case."""
        if self._is_asking:
            return
        client = self._session.client
        self._is_asking = True
        ask = client.keep if self._is_active else client.standing
        self._is_active = False
        tasks.run(lambda _: ask(), self._stands, self._broke, owner=self)

    def go_on(self) -> None:
        """The operator is there."""
        self._is_active = True
        if self._is_warning:
            self.beat()

    def know_end(self) -> None:
        """The warning of the absolute end was read."""
        self._knows_end = True
        self._calm()

    def why_ended(self, told: Problem) -> Problem:
        """Which clock ran out, when the server says only that the session is over."""
        now = time.monotonic()
        if told.code != "N01":
            return told
        if now >= self._absolute_end:
            return problem("W09")
        return problem("W08") if now >= self._idle_end else told

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in SIGNS_OF_LIFE and self.is_running:
            self.go_on()
        return False

    def _watch_window(self, window: QWindow | None) -> None:
        if window is not None:
            window.removeEventFilter(self)  # One that is there already is not put there twice.
            window.installEventFilter(self)

    def _stands(self, standing: Standing) -> None:
        self._is_asking = False
        if self.is_running:
            self._set_clocks(standing)
            self.stood.emit(standing)
            self._look()

    def _broke(self, error: Exception) -> None:
        self._is_asking = False
        if self.is_running:
            self.failed.emit(error)

    def _set_clocks(self, standing: Standing) -> None:
        now = time.monotonic()
        self._idle_end = now + standing.idle_left_s
        self._absolute_end = now + standing.absolute_left_s

    def _look(self) -> None:
        now = time.monotonic()
        idle_s, absolute_s = self._idle_end - now, self._absolute_end - now
        if absolute_s <= 0 or idle_s <= 0:
            self.ended.emit(problem("W09" if absolute_s <= 0 else "W08"))
        elif idle_s <= IDLE_WARNING_S:
            self._warn(idle_s, can_go_on=True)
        elif absolute_s <= ABSOLUTE_WARNING_S and not self._knows_end:
            self._warn(absolute_s, can_go_on=False)
        else:
            self._calm()

    def _warn(self, left_s: float, can_go_on: bool) -> None:
        self._is_warning = True
        minutes, seconds = divmod(max(int(left_s), 0), 60)
        self.warned.emit(f"{minutes} 分 {seconds:02d} 秒", can_go_on)

    def _calm(self) -> None:
        if self._is_warning:
            self._is_warning = False
            self.calmed.emit()
