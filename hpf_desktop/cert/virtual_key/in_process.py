"""Virtual keys in virtual readers inside this process: the same cards without PC/SC underneath."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from hpf_desktop.cert.token import CardError, CardFault, CardTransport, ReaderState
from hpf_desktop.cert.virtual_key.card import PivCard
from hpf_desktop.cert.virtual_key.tricks import Pulled

READER = "Virtual key 00 00"


@dataclass(slots=True)
class _Reader:
    """One reader; every plugging or pulling counts, as in PC/SC."""

    card: PivCard | None = None
    events: int = 0
    resets: int = 0
    is_exclusive: bool = False
    transaction: threading.RLock = field(default_factory=threading.RLock)


class InProcessReaders:
    """The other side of the interface: what a person does with keys, readers and the service."""

    def __init__(self, *readers: str) -> None:
        self._changed = threading.Condition()
        self._readers = {name: _Reader() for name in readers or (READER,)}
        self._service = 1  # Its generation; 0 while it does not run.
        self._generation = 1
        self._wakes = 0

    def open(self) -> InProcessSession:
        """What is passed as ``open_readers``."""
        return InProcessSession(self, self.insist(None))

    def insert(self, card: PivCard, reader: str = READER) -> None:
        with self._changed:
            place = self._readers.setdefault(reader, _Reader())
            place.card = card
            place.events += 1
            card.power()
            self._changed.notify_all()

    def pull(self, reader: str = READER) -> None:
        with self._changed:
            place = self._readers[reader]
            if place.card is not None:
                place.card = None
                place.events += 1
            self._changed.notify_all()

    def unplug_reader(self, reader: str = READER) -> None:
        with self._changed:
            self._readers.pop(reader, None)
            self._changed.notify_all()

    def reset_by_another(self, reader: str = READER) -> None:
        with self._changed:
            place = self._readers[reader]
            place.resets += 1
            if place.card is not None:
                place.card.power()

    def take_exclusively(self, is_taken: bool, reader: str = READER) -> None:
        with self._changed:
            self._readers[reader].is_exclusive = is_taken

    def stop_service(self) -> None:
        with self._changed:
            self._service = 0
            self._changed.notify_all()

    def start_service(self) -> None:
        with self._changed:
            self._generation += 1
            self._service = self._generation
            self._changed.notify_all()

    def restart_service(self) -> None:
        self.stop_service()
        self.start_service()

    def insist(self, service: int | None) -> int:
        """The running service's generation; a fault when it is not the one that was opened."""
        if self._service == 0 or service not in (None, self._service):
            raise CardFault(CardError.SERVICE_GONE)
        return self._service

    def reader(self, name: str) -> _Reader:
        place = self._readers.get(name)
        if place is None:
            raise CardFault(CardError.REMOVED)
        return place

    def states(self) -> tuple[ReaderState, ...]:
        return tuple(
            ReaderState(
                name,
                place.card.atr if place.card else b"",
                place.events,
                place.card is not None,
                place.events,
            )
            for name, place in self._readers.items()
        )

    def wait_changed(self, known: Sequence[ReaderState], service: int, limit_s: float) -> None:
        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(
                lambda: (
                    self._wakes != wakes
                    or self._service != service
                    or self.states() != tuple(known)
                ),
                limit_s,
            )
            self.insist(service)

    def wake(self) -> None:
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()


class InProcessSession:
    """A CardReaders over InProcessReaders; stale after a restart of the service, like PC/SC's."""

    def __init__(self, readers: InProcessReaders, service: int) -> None:
        self._readers = readers
        self._service = service

    def look(self) -> tuple[ReaderState, ...]:
        self._readers.insist(self._service)
        return self._readers.states()

    def wait(self, known: Sequence[ReaderState], limit_s: float) -> None:
        self._readers.wait_changed(known, self._service, limit_s)

    def cancel_wait(self) -> None:
        self._readers.wake()

    def connect(self, reader: str) -> CardTransport:
        self._readers.insist(self._service)
        place = self._readers.reader(reader)
        if place.is_exclusive:
            raise CardFault(CardError.IN_USE)
        if place.card is None:
            raise CardFault(CardError.NO_CARD)
        if place.card.manners.sends_bad_atr:
            raise CardFault(CardError.MUTE)
        return InProcessTransport(self._readers, self._service, reader, place)

    def close(self) -> None:
        self._service = -1


class InProcessTransport:
    """One connection; it ends with the card that it was made for."""

    def __init__(
        self, readers: InProcessReaders, service: int, reader: str, place: _Reader
    ) -> None:
        self._readers = readers
        self._service = service
        self._reader = reader
        self._place = place
        self._card = place.card
        self._events = place.events
        self._resets = place.resets
        self._is_locked = False

    def begin(self) -> None:
        self._place.transaction.acquire()
        self._is_locked = True
        self._insist()

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        card = self._insist()
        try:
            answer = card.answer(bytes(apdu))
        except Pulled as pulled:
            self._readers.pull(self._reader)
            raise CardFault(CardError.REMOVED) from pulled
        # Whatever happened while the card was busy spoils the answer.
        self._insist()
        return answer

    def end(self) -> None:
        if self._is_locked:
            self._is_locked = False
            self._place.transaction.release()

    def close(self) -> None:
        if self._card is not None and self._card is self._place.card:
            self._card.power()
        self.end()

    def _insist(self) -> PivCard:
        self._readers.insist(self._service)
        if self._card is None or self._place.events != self._events:
            raise CardFault(CardError.REMOVED)
        if self._place.resets != self._resets:
            self._resets = self._place.resets
            raise CardFault(CardError.RESET)
        return self._card
