"""What a certificate key is to the rest of the program: values, faults, three interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from server.business.signed_message import Algorithm


class CardError(StrEnum):
    """Everything that can go wrong below a driver; each PC/SC code is exactly one of these."""

    SERVICE_GONE = "service gone"
    NO_READERS = "no readers"
    NO_CARD = "no card"
    REMOVED = "removed"
    MUTE = "mute"
    IN_USE = "in use"
    RESET = "reset"
    TIMEOUT = "timeout"
    MALFORMED = "malformed answer"
    FAILED = "failed"  # A code outside the table; its number is in CardFault.code.


class CardFault(Exception):
    """A card call failed. Carries no card data, so that it may be logged."""

    def __init__(self, error: CardError, code: int = 0) -> None:
        super().__init__(f"{error.value} (0x{code:08X})")
        self.error = error
        self.code = code


class Usage(StrEnum):
    SIGN = "sign"
    ENCRYPT = "encrypt"


@dataclass(frozen=True, slots=True)
class CertificateSlot:
    """A certificate as the card holds it; ``algorithm`` is None when this program cannot use it."""

    slot: int
    der: bytes
    usage: Usage
    algorithm: Algorithm | None


@dataclass(frozen=True, slots=True)
class PinStatus:
    """What the card says of its PIN before anything is sent; None means it does not say."""

    tries_left: int | None
    is_blocked: bool = False


class PinKind(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    BLOCKED = "blocked"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"  # Sent, and the answer was lost: not the same as wrong.


@dataclass(frozen=True, slots=True)
class PinOutcome:
    kind: PinKind
    tries_left: int | None = None


@dataclass(frozen=True, slots=True)
class ReaderState:
    """One look at one reader. ``insertions`` counts, so that a swap between two looks shows."""

    name: str
    atr: bytes = b""
    insertions: int = 0
    has_card: bool = False
    raw: int = 0  # The event state to hand back at the next look.


class CardTransport(Protocol):
    """One connection to one card. Every method raises CardFault and nothing else."""

    def begin(self) -> None:
        """Keep other programs out until ``end``; waits while one of them has the card."""

    def transmit(self, apdu: bytes | bytearray) -> bytes: ...

    def end(self) -> None: ...

    def close(self) -> None:
        """Unpower and disconnect, so that no program finds the PIN verified. Never raises."""


class CardReaders(Protocol):
    """Where keys are plugged in, seen from one thread."""

    def look(self) -> tuple[ReaderState, ...]:
        """All readers as they are now."""

    def wait(self, known: Sequence[ReaderState], limit_s: float) -> None:
        """Return when a reader differs from ``known``, or after ``limit_s``."""

    def cancel_wait(self) -> None:
        """The only call that may come from another thread; never raises."""

    def connect(self, reader: str) -> CardTransport:
        """One try; NO_CARD, MUTE and IN_USE are the caller's to repeat."""

    def close(self) -> None: ...


class Token(Protocol):
    """A driver on a connected card. Probing sends no PIN and changes nothing on the card."""

    def probe(self) -> bool: ...

    def certificates(self) -> tuple[CertificateSlot, ...]: ...

    def certificate(self, slot: int) -> CertificateSlot | None: ...

    def pin_status(self) -> PinStatus: ...

    def verify_pin(self, pin: bytearray) -> PinOutcome:
        """Sends at most one VERIFY; wipes what it built from ``pin``."""

    def sign(self, slot: int, algorithm: Algorithm, message: bytes) -> bytes:
        """Directly after a good ``verify_pin``: some slots forget the PIN at any other command."""

    def close(self) -> None: ...
