"""One press of a button that waits for a key: a limit, a cancel, and a PIN used at most once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar

from hpf_desktop.cert.problems import Fault

LIMIT_S = 30.0

T = TypeVar("T")


class Waiting(StrEnum):
    """What the key is busy with, for the line under the progress bar."""

    READING = "reading"
    IN_USE = "in use"
    VERIFYING = "verifying"
    SIGNING = "signing"


class GivenUp(Exception):
    """The caller no longer waits; the card thread stops at the next step it can."""


class Call:
    """A card call may hang in the driver for as long as it likes: it runs in a thread of its own,
    and whoever pressed the button gets an answer in time in any case."""

    def __init__(
        self, limit_s: float = LIMIT_S, waiting: Callable[[Waiting], None] | None = None
    ) -> None:
        self.limit_s = limit_s
        self._waiting = waiting
        self._woken = threading.Event()  # Finished, cancelled, or out of time.
        self._fault: Fault | None = None

    def cancel(self) -> None:
        self._fault = self._fault or Fault.CANCELLED
        self._woken.set()

    def run(self, work: Callable[[], T], given_up: Callable[[Fault], T]) -> T:
        result = _Result[T]()

        def card_thread() -> None:
            try:
                result.value = (work(),)
            except GivenUp:
                pass
            except BaseException as error:  # noqa: BLE001 (raised again in the waiting thread)
                result.error = error
            finally:
                self._woken.set()

        threading.Thread(target=card_thread, name="key-call", daemon=True).start()
        is_woken = self._woken.wait(self.limit_s)
        if self._fault is None and not is_woken:
            self._fault = Fault.TIMED_OUT
        if self._fault is not None:
            return given_up(self._fault)
        if result.error is not None:
            raise result.error
        return result.value[0]

    def say(self, waiting: Waiting) -> None:
        """From the card thread; also the place where a call that nobody waits for ends."""
        if self._fault is not None:
            raise GivenUp
        if self._waiting is not None:
            self._waiting(waiting)

    def pause(self, seconds: float, waiting: Waiting) -> None:
        self.say(waiting)
        self._woken.wait(seconds)
        self.say(waiting)


class _Result(Generic[T]):
    """The two slots through which the card thread answers."""

    def __init__(self) -> None:
        self.value: tuple[T, ...] = ()
        self.error: BaseException | None = None


class TypedPin:
    """The operator's PIN, given out once; a caller that gave up takes it back first."""

    def __init__(self, pin: bytearray) -> None:
        self._pin = pin
        self._lock = threading.Lock()
        self._is_there = True
        self.is_taken = False

    def take(self) -> bytearray:
        """A copy, which the taker wipes; the typed one is wiped now."""
        with self._lock:
            if not self._is_there:
                raise GivenUp
            taken = bytearray(self._pin)
            self._wipe_locked()
            self.is_taken = True
            return taken

    def wipe(self) -> None:
        with self._lock:
            self._wipe_locked()

    def _wipe_locked(self) -> None:
        self._is_there = False
        wipe(self._pin)


def wipe(secret: bytearray) -> None:
    secret[:] = bytes(len(secret))
