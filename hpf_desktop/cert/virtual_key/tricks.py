"""How a virtual key misbehaves on demand: each trick waits for its command and happens once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum

INSTRUCTIONS = {"select": 0xA4, "read": 0xCB, "verify": 0x20, "sign": 0x87, "more": 0xC0}
ANY = "any"


class Pulled(Exception):
    """The key was pulled instead of answering."""


class Action(StrEnum):
    PULL = "pull"  # leaves without answering
    DELAY = "delay"  # answers after ``seconds``
    STATUS = "status"  # answers only ``sw``, without doing anything
    DO_AND_STATUS = "do-and-status"  # does it, and answers ``sw`` all the same


@dataclass(frozen=True, slots=True)
class Trick:
    at: str
    action: Action
    seconds: float = 0.0
    sw: int = 0
    skip: int = 0  # lets so many fitting commands pass first
    times: int = 1

    def fits(self, ins: int, data_length: int) -> bool:
        if self.at == ANY:
            return True
        # A VERIFY without a PIN only reads the counter: "verify" means the one with it.
        return INSTRUCTIONS[self.at] == ins and (self.at != "verify" or data_length > 0)


@dataclass(slots=True)
class _Pending:
    trick: Trick
    skip: int
    times: int


class Tricks:
    """The list that the card asks before each command; filled from another thread."""

    def __init__(self) -> None:
        self._pending: list[_Pending] = []
        self._lock = threading.Lock()

    def add(self, trick: Trick) -> None:
        with self._lock:
            self._pending.append(_Pending(trick, trick.skip, trick.times))

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()

    def take(self, ins: int, data_length: int) -> Trick | None:
        with self._lock:
            for pending in self._pending:
                if not pending.trick.fits(ins, data_length):
                    continue
                if pending.skip > 0:
                    pending.skip -= 1
                    continue
                pending.times -= 1
                if pending.times <= 0:
                    self._pending.remove(pending)
                return pending.trick
        return None


def perform_before(trick: Trick | None) -> bytes | None:
    """What happens before the command is done; an answer given here replaces doing it."""
    if trick is None:
        return None
    if trick.action is Action.PULL:
        raise Pulled
    if trick.action is Action.DELAY:
        time.sleep(trick.seconds)
    if trick.action is Action.STATUS:
        return trick.sw.to_bytes(2, "big")
    return None
