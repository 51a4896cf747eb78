"""PC/SC through pyscard: contexts, readers, connections, transactions; each code a CardError.

The only module that imports ``smartcard``. It uses the flat calls: pyscard's own monitor threads
die for good when the service restarts, and its exceptions hide the code that tells faults apart.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from smartcard import scard

from hpf_desktop.cert.token import CardError, CardFault, CardTransport, ReaderState

EMPTY_POLL_S = 0.5
INSERTIONS_SHIFT = 16

ERRORS: dict[int, CardError] = {
    0x8010001D: CardError.SERVICE_GONE,
    0x8010001E: CardError.SERVICE_GONE,
    0x80100013: CardError.SERVICE_GONE,  # The socket broke: the service was restarted in use.
    0x80100003: CardError.SERVICE_GONE,  # A handle of the service before its restart.
    0x8010002E: CardError.NO_READERS,
    0x8010000C: CardError.NO_CARD,
    0x80100069: CardError.REMOVED,
    0x80100016: CardError.REMOVED,
    0x80100009: CardError.REMOVED,  # The reader itself went: a USB key is both.
    0x80100017: CardError.REMOVED,
    0x80100066: CardError.MUTE,
    0x80100065: CardError.MUTE,
    0x80100010: CardError.MUTE,
    0x80100015: CardError.MUTE,
    0x8010000F: CardError.MUTE,
    0x8010000B: CardError.IN_USE,
    0x80100068: CardError.RESET,
    0x80100067: CardError.RESET,
    0x8010000A: CardError.TIMEOUT,
}


def error_of(code: int) -> CardError:
    return ERRORS.get(code & 0xFFFFFFFF, CardError.FAILED)


def _check(code: int) -> None:
    if code != scard.SCARD_S_SUCCESS:
        raise CardFault(error_of(code), code & 0xFFFFFFFF)


class PcscReaders:
    """One PC/SC context. Belongs to the thread that made it, and never outlives a fault."""

    def __init__(self) -> None:
        code, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        _check(code)

    def look(self) -> tuple[ReaderState, ...]:
        code, names = scard.SCardListReaders(self._context, [])
        if error_of(code) is CardError.NO_READERS:
            return ()
        _check(code)
        if not names:
            return ()
        return self._states([(name, scard.SCARD_STATE_UNAWARE) for name in names], limit_ms=0)

    def wait(self, known: Sequence[ReaderState], limit_s: float) -> None:
        if not known:
            time.sleep(min(limit_s, EMPTY_POLL_S))
            return
        asked = [(state.name, state.raw) for state in known]
        try:
            self._states(asked, limit_ms=int(limit_s * 1000))
        except CardFault as fault:
            # A reader that vanished meanwhile is a change, which the next look shows.
            if fault.error is not CardError.REMOVED:
                raise

    def _states(self, asked: list[tuple[str, int]], limit_ms: int) -> tuple[ReaderState, ...]:
        code, found = scard.SCardGetStatusChange(self._context, limit_ms, asked)
        if code != scard.SCARD_E_CANCELLED and error_of(code) is not CardError.TIMEOUT:
            _check(code)
        return tuple(_state(*reader) for reader in found)

    def cancel_wait(self) -> None:
        scard.SCardCancel(self._context)

    def connect(self, reader: str) -> CardTransport:
        code, card, protocol = scard.SCardConnect(
            self._context,
            reader,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        _check(code)
        return PcscTransport(card, protocol)

    def close(self) -> None:
        scard.SCardReleaseContext(self._context)


def _state(name: str, event: int, atr: Sequence[int]) -> ReaderState:
    return ReaderState(
        name=name,
        atr=bytes(byte & 0xFF for byte in atr),
        insertions=(event & 0xFFFFFFFF) >> INSERTIONS_SHIFT,
        has_card=bool(event & scard.SCARD_STATE_PRESENT),
        # The change bit is the answer's, not the state's: handing it back would wake us at once.
        raw=event & 0xFFFFFFFF & ~scard.SCARD_STATE_CHANGED,
    )


class PcscTransport:
    """One connected card. It is unpowered at the end: the PIN state belongs to the card, and the
    next program must not find it verified."""

    def __init__(self, card: int, protocol: int) -> None:
        self._card = card
        self._header = (
            scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
        )
        self._is_locked = False

    def begin(self) -> None:
        _check(scard.SCardBeginTransaction(self._card))
        self._is_locked = True

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        command = list(apdu)
        code, answer = scard.SCardTransmit(self._card, self._header, command)
        command[:] = bytes(len(command))  # It may have carried a PIN.
        _check(code)
        if len(answer) < 2:
            # pcscd reports success without an answer when the key is pulled in mid-command.
            raise CardFault(CardError.REMOVED)
        return bytes(byte & 0xFF for byte in answer)

    def end(self) -> None:
        if self._is_locked:
            self._is_locked = False
            scard.SCardEndTransaction(self._card, scard.SCARD_LEAVE_CARD)

    def close(self) -> None:
        if self._is_locked:
            self._is_locked = False
            scard.SCardEndTransaction(self._card, scard.SCARD_RESET_CARD)
        scard.SCardDisconnect(self._card, scard.SCARD_UNPOWER_CARD)
