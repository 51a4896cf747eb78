"""All that can be wrong with a certificate key: a closed set with the catalogue's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hpf_desktop.cert.token import CardError
from server.business.refusals import REFUSALS


class Fault(StrEnum):
    """Each value is the fault's code in the catalogue."""

    SERVICE_STOPPED = "C01"
    NO_READER = "C02"
    NO_KEY = "C03"
    UNREADABLE = "C04"
    UNSUPPORTED = "C05"
    IN_USE = "C06"
    REMOVED_BEFORE_PIN = "C07"
    REMOVED = "C08"
    WRONG_PIN = "C09"
    LAST_TRY = "C10"
    PIN_NOT_ACCEPTED = "C11"
    BLOCKED = "C12"
    NO_CERTIFICATE = "C13"
    EXPIRED = "C14"
    NOT_YET_VALID = "C15"
    ENCRYPTION_ONLY = "C16"
    UNSUPPORTED_ALGORITHM = "C17"
    SWAPPED = "C18"
    RESET = "C19"
    SERVICE_RESTARTED = "C20"
    TIMED_OUT = "C21"
    CANCELLED = "C22"
    DAMAGED = "C23"
    PIN_FORMAT = "C24"


ASKS_PIN_AGAIN = frozenset(
    {
        Fault.WRONG_PIN,
        Fault.LAST_TRY,
        Fault.PIN_NOT_ACCEPTED,
        Fault.PIN_FORMAT,
        Fault.RESET,
        Fault.SERVICE_RESTARTED,
    }
)

# What the same card error means to the operator before and after the PIN was sent.
BEFORE_PIN = {
    CardError.SERVICE_GONE: Fault.SERVICE_STOPPED,
    CardError.NO_READERS: Fault.NO_READER,
    CardError.NO_CARD: Fault.REMOVED_BEFORE_PIN,
    CardError.REMOVED: Fault.REMOVED_BEFORE_PIN,
    CardError.MUTE: Fault.UNREADABLE,
    CardError.IN_USE: Fault.IN_USE,
    CardError.RESET: Fault.RESET,
    CardError.TIMEOUT: Fault.TIMED_OUT,
    CardError.MALFORMED: Fault.UNREADABLE,
    CardError.FAILED: Fault.UNREADABLE,
}
AFTER_PIN = BEFORE_PIN | {
    CardError.SERVICE_GONE: Fault.SERVICE_RESTARTED,
    CardError.NO_READERS: Fault.REMOVED,
    CardError.NO_CARD: Fault.REMOVED,
    CardError.REMOVED: Fault.REMOVED,
}


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """One fault with its words, ready to be shown."""

    fault: Fault
    text: str
    next_step: str
    tries_left: int | None = None
    reader: str = ""

    @property
    def code(self) -> str:
        return self.fault.value

    @property
    def needs_pin_again(self) -> bool:
        """The same certificate is still there; only the PIN has to be typed again."""
        return self.fault in ASKS_PIN_AGAIN


def problem_of(
    fault: Fault, *, reader: str = "", tries_left: int | None = None, **facts: object
) -> KeyProblem:
    refusal = REFUSALS[fault.value]
    words = {"reader": reader, "left": tries_left, **facts}
    return KeyProblem(
        fault, refusal.text.format(**words), refusal.next_step.format(**words), tries_left, reader
    )
