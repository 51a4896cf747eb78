"""Tells when keys and readers come and go, from its own thread, through restarts of the service.

pyscard's monitors stop for good when the service does, and say nothing; this one starts over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hpf_desktop.cert.problems import Fault
from hpf_desktop.cert.token import CardFault, CardReaders, ReaderState

SERVICE_RETRY_S = 0.5
LOOK_LIMIT_S = 1.0
STOP_LIMIT_S = 2.0


class KeyEventKind(StrEnum):
    SERVICE_GONE = "service gone"
    SERVICE_BACK = "service back"
    NO_READER = "no reader"
    NO_KEY = "no key"
    INSERTED = "inserted"
    REMOVED = "removed"
    SWAPPED = "swapped"


FAULTS = {
    KeyEventKind.SERVICE_GONE: Fault.SERVICE_STOPPED,
    KeyEventKind.NO_READER: Fault.NO_READER,
    KeyEventKind.NO_KEY: Fault.NO_KEY,
}


@dataclass(frozen=True, slots=True)
class KeyEvent:
    kind: KeyEventKind
    reader: str = ""
    atr: bytes = b""
    insertion: int = 0

    @property
    def fault(self) -> Fault | None:
        """What to show while nothing else happens."""
        return FAULTS.get(self.kind)


@dataclass(frozen=True, slots=True)
class PresentKey:
    reader: str
    atr: bytes
    insertion: int


class KeyWatch:
    """Calls ``changed`` in its own thread with plain values; a GUI passes a signal's ``emit``."""

    def __init__(
        self, open_readers: Callable[[], CardReaders], changed: Callable[[KeyEvent], None]
    ) -> None:
        self._open_readers = open_readers
        self._changed = changed
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-watch", daemon=True)
        self._known: tuple[ReaderState, ...] = ()
        self._state: KeyEventKind | None = None
        self._readers: CardReaders | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        readers = self._readers
        if readers is not None:
            readers.cancel_wait()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def present(self) -> tuple[PresentKey, ...]:
        return tuple(
            PresentKey(reader.name, reader.atr, reader.insertions)
            for reader in self._known
            if reader.has_card
        )

    @property
    def state(self) -> KeyEventKind:
        """The last standing state: SERVICE_GONE, NO_READER, NO_KEY or INSERTED."""
        return self._state or KeyEventKind.SERVICE_GONE

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch_one_context()
            except CardFault:
                self._lose_service()
                self._stopped.wait(SERVICE_RETRY_S)

    def _watch_one_context(self) -> None:
        self._readers = readers = self._open_readers()
        try:
            now = readers.look()
            if self._state in (None, KeyEventKind.SERVICE_GONE):
                self._say(KeyEvent(KeyEventKind.SERVICE_BACK))
            while not self._stopped.is_set():
                self._take(now)
                readers.wait(now, LOOK_LIMIT_S)
                now = readers.look()
        finally:
            self._readers = None
            readers.close()

    def _take(self, now: tuple[ReaderState, ...]) -> None:
        before, self._known = self._known, now
        for event in differences(before, now):
            self._say(event)
        self._stand(standing_state(now))

    def _lose_service(self) -> None:
        before, self._known = self._known, ()
        for event in differences(before, ()):
            self._say(event)
        self._stand(KeyEventKind.SERVICE_GONE)

    def _stand(self, state: KeyEventKind) -> None:
        if state is self._state:
            return
        self._state = state
        if state is not KeyEventKind.INSERTED:
            self._say(KeyEvent(state))

    def _say(self, event: KeyEvent) -> None:
        if not self._stopped.is_set():
            self._changed(event)


def standing_state(readers: tuple[ReaderState, ...]) -> KeyEventKind:
    if not readers:
        return KeyEventKind.NO_READER
    if any(reader.has_card for reader in readers):
        return KeyEventKind.INSERTED
    return KeyEventKind.NO_KEY


def differences(
    before: tuple[ReaderState, ...], now: tuple[ReaderState, ...]
) -> tuple[KeyEvent, ...]:
    """What happened between two looks, removals first."""
    old = {reader.name: reader for reader in before if reader.has_card}
    new = {reader.name: reader for reader in now if reader.has_card}
    removed = [_event(KeyEventKind.REMOVED, old[name]) for name in old if name not in new]
    inserted = [
        _event(KeyEventKind.SWAPPED if name in old else KeyEventKind.INSERTED, reader)
        for name, reader in new.items()
        if name not in old or old[name].insertions != reader.insertions
    ]
    return (*removed, *inserted)


def _event(kind: KeyEventKind, reader: ReaderState) -> KeyEvent:
    return KeyEvent(kind, reader.name, reader.atr, reader.insertions)
