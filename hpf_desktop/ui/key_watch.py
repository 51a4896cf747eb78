"""The key watch's events as signals of the GUI thread, and the moment the computer woke."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from hpf_desktop.cert.token import CardReaders
from hpf_desktop.cert.watch import KeyEvent, KeyEventKind, KeyWatch

TICK_MS = 5_000
ASLEEP_S = 30.0  # A tick this late: the computer slept.


class KeySignals(QObject):
    """One for the whole program; windows come and go."""

    happened = Signal(object)  # KeyEvent
    woke = Signal()
    examination_asked = Signal()  # from wherever a key makes trouble: 证书体检

    def __init__(
        self, open_readers: Callable[[], CardReaders], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._watch = KeyWatch(open_readers, self._hear)
        self._state: KeyEventKind | None = None
        self._ticked_at = time.time()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._ticked)

    def start(self) -> None:
        self._watch.start()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._watch.stop()

    @property
    def state(self) -> KeyEventKind | None:
        """What stands now; None until the watch has looked for the first time."""
        return self._state

    def is_present(self, reader: str) -> bool:
        return any(key.reader == reader for key in self._watch.present())

    def _hear(self, event: KeyEvent) -> None:
        """In the watch's thread: whoever misses the signal finds the state, which is set first."""
        if event.kind in (KeyEventKind.INSERTED, KeyEventKind.SWAPPED):
            self._state = KeyEventKind.INSERTED
        elif event.fault:
            self._state = event.kind
        self.happened.emit(event)

    def _ticked(self) -> None:
        now = time.time()
        if now - self._ticked_at > ASLEEP_S + TICK_MS / 1000:
            self.woke.emit()
        self._ticked_at = now


def takes_away(event: KeyEvent, reader: str) -> bool:
    """Whether the key in ``reader`` is no longer the one that was there."""
    gone = (KeyEventKind.REMOVED, KeyEventKind.SWAPPED)
    return event.kind in gone and event.reader == reader
