"""Using a certificate key: list what can log in, read the PIN counter, and sign once per press.

Every function here waits for the key and must not be called in the GUI thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from hpf_desktop.cert.call import Call, TypedPin, Waiting, wipe
from hpf_desktop.cert.certificates import KeyCertificate, Listing, describe, verifies
from hpf_desktop.cert.drivers.piv import PivToken
from hpf_desktop.cert.problems import AFTER_PIN, BEFORE_PIN, Fault, KeyProblem, problem_of
from hpf_desktop.cert.token import (
    CardError,
    CardFault,
    CardReaders,
    CardTransport,
    CertificateSlot,
    PinKind,
    PinOutcome,
    PinStatus,
    ReaderState,
    Token,
)
from server.business.signed_message import Algorithm

T = TypeVar("T")
OpenReaders = Callable[[], CardReaders]

# In the order of probing; each answers for the cards that it knows.
DRIVERS: tuple[Callable[[CardTransport], Token], ...] = (PivToken,)

# How often and how far apart connecting is tried again, by what went wrong.
RETRIES: dict[CardError, tuple[int, float, Waiting]] = {
    CardError.MUTE: (5, 0.5, Waiting.READING),
    CardError.RESET: (5, 0.5, Waiting.READING),
    CardError.IN_USE: (3, 1.0, Waiting.IN_USE),
}

# Nothing was sent and a fresh context may do better: the whole sequence once more.
WORTH_STARTING_OVER = frozenset({CardError.RESET, CardError.SERVICE_GONE})
STARTS_MAX = 3  # A program that gives up late and one that ends may each reset the key once.


@dataclass(frozen=True, slots=True)
class Signed:
    certificate: KeyCertificate
    algorithm: Algorithm
    signature: bytes


class _Stop(Exception):
    """The sequence ends here with a problem that the operator is told."""

    def __init__(self, problem: KeyProblem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def list_certificates(
    open_readers: OpenReaders, call: Call, now: datetime | None = None
) -> Listing:
    """All certificates on all keys; what was read before a time-out is kept."""
    certificates: list[KeyCertificate] = []
    problems: list[KeyProblem] = []
    today = now or datetime.now(UTC)

    def listing() -> Listing:
        ordered = sorted(certificates, key=lambda certificate: not certificate.is_usable)
        return Listing(tuple(ordered), tuple(problems))

    def read_all() -> None:
        certificates.clear()
        problems.clear()
        with _opened(open_readers) as readers:
            for reader in _readers_with_keys(readers):
                found, problem = _read(readers, reader, call, today)
                certificates.extend(found)
                problems.extend([problem] if problem else [])

    def read() -> Listing:
        try:
            _starting_over(read_all)
        except _Stop as stop:
            problems.append(stop.problem)
        except CardFault as fault:
            problems.append(problem_of(BEFORE_PIN[fault.error]))
        return listing()

    def given_up(fault: Fault) -> Listing:
        problems.append(_given_up(call)(fault))
        return listing()

    return call.run(read, given_up)


def pin_status(
    open_readers: OpenReaders, certificate: KeyCertificate, call: Call
) -> PinStatus | KeyProblem:
    """What the card says of its PIN; nothing is sent to it."""

    def read() -> PinStatus:
        with (
            _opened(open_readers) as readers,
            _holding(readers, certificate.reader, call) as token,
        ):
            _insist_on_same(token, certificate)
            return token.pin_status()

    def read_or_say() -> PinStatus | KeyProblem:
        try:
            return _starting_over(read)
        except _Stop as stop:
            return stop.problem
        except CardFault as fault:
            return problem_of(BEFORE_PIN[fault.error], reader=certificate.reader)

    return call.run(read_or_say, _given_up(call))


def sign(
    open_readers: OpenReaders,
    certificate: KeyCertificate,
    pin: bytearray,
    message: bytes,
    call: Call,
    last_try_confirmed: bool = False,
) -> Signed | KeyProblem:
    """PIN and signature in one transaction; at most one VERIFY; ``pin`` is wiped in any case."""
    typed = TypedPin(pin)
    try:
        return call.run(
            lambda: _sign(open_readers, certificate, typed, message, call, last_try_confirmed),
            _given_up(call),
        )
    finally:
        typed.wipe()


def _sign(
    open_readers: OpenReaders,
    certificate: KeyCertificate,
    typed: TypedPin,
    message: bytes,
    call: Call,
    last_try_confirmed: bool,
) -> Signed | KeyProblem:
    def once() -> Signed:
        with (
            _opened(open_readers) as readers,
            _holding(readers, certificate.reader, call) as token,
        ):
            return _sign_held(token, certificate, typed, message, call, last_try_confirmed)

    try:
        return _starting_over(once, unless=lambda: typed.is_taken)
    except _Stop as stop:
        return stop.problem
    except CardFault as fault:
        meaning = AFTER_PIN if typed.is_taken else BEFORE_PIN
        return problem_of(meaning[fault.error], reader=certificate.reader)


def _sign_held(
    token: Token,
    certificate: KeyCertificate,
    typed: TypedPin,
    message: bytes,
    call: Call,
    last_try_confirmed: bool,
) -> Signed:
    _insist_on_same(token, certificate)
    algorithm = certificate.algorithm
    if certificate.refusal is not None or algorithm is None:
        raise _Stop(certificate.refusal or problem_of(Fault.UNSUPPORTED_ALGORITHM))
    before = token.pin_status()
    if before.is_blocked:
        raise _Stop(problem_of(Fault.BLOCKED, tries_left=0))
    if before.tries_left == 1 and not last_try_confirmed:
        raise _Stop(problem_of(Fault.LAST_TRY, tries_left=1))
    call.say(Waiting.VERIFYING)
    _verify(token, typed, before)
    # Directly after the PIN: slot 9C forgets it at any command in between.
    call.say(Waiting.SIGNING)
    signature = token.sign(certificate.slot, algorithm, message)
    if not verifies(certificate.der, algorithm, signature, message):
        raise _Stop(problem_of(Fault.DAMAGED))
    return Signed(certificate, algorithm, signature)


def _verify(token: Token, typed: TypedPin, before: PinStatus) -> None:
    pin = typed.take()
    try:
        outcome = token.verify_pin(pin)
    finally:
        wipe(pin)
    if outcome.kind is not PinKind.OK:
        raise _Stop(_pin_problem(token, outcome, before))


def _pin_problem(token: Token, outcome: PinOutcome, before: PinStatus) -> KeyProblem:
    if outcome.kind is PinKind.NOT_SENT:
        return problem_of(Fault.PIN_FORMAT)
    if outcome.kind is PinKind.BLOCKED:
        return problem_of(Fault.BLOCKED, tries_left=0)
    if outcome.kind is PinKind.WRONG and outcome.tries_left is not None:
        return problem_of(Fault.WRONG_PIN, tries_left=outcome.tries_left)
    # Refused without a number, or the answer was lost: only the counter knows.
    after = token.pin_status()
    if after.is_blocked:
        return problem_of(Fault.BLOCKED, tries_left=0)
    if None not in (before.tries_left, after.tries_left) and before != after:
        return problem_of(Fault.WRONG_PIN, tries_left=after.tries_left)
    return problem_of(Fault.PIN_NOT_ACCEPTED, tries_left=after.tries_left)


def _insist_on_same(token: Token, certificate: KeyCertificate) -> None:
    """By the certificate itself: a key that was pulled and put back is still the same key."""
    held = token.certificate(certificate.slot)
    if held is None or held.der != certificate.der:
        raise _Stop(problem_of(Fault.SWAPPED))


def _starting_over(work: Callable[[], T], unless: Callable[[], bool] = lambda: False) -> T:
    """Another program's reset, or a restart of the service, is nothing the operator did."""
    for _ in range(STARTS_MAX - 1):
        try:
            return work()
        except CardFault as fault:
            if fault.error not in WORTH_STARTING_OVER or unless():
                raise
    return work()


@contextmanager
def _opened(open_readers: OpenReaders) -> Iterator[CardReaders]:
    readers = open_readers()
    try:
        yield readers
    finally:
        readers.close()


@contextmanager
def _holding(readers: CardReaders, reader: str, call: Call) -> Iterator[Token]:
    """The reader's key inside one transaction, unpowered at the end."""
    transport = _connect(readers, reader, call)
    try:
        transport.begin()
        call.say(Waiting.READING)
        token = _probed(transport, call)
        if token is None:
            raise _Stop(problem_of(Fault.UNSUPPORTED, reader=reader))
        yield token
    finally:
        transport.close()


def _connect(readers: CardReaders, reader: str, call: Call) -> CardTransport:
    tried = 0
    while True:
        call.say(Waiting.READING)
        try:
            return readers.connect(reader)
        except CardFault as fault:
            times, apart_s, waiting = RETRIES.get(fault.error, (0, 0.0, Waiting.READING))
            if tried >= times:
                raise
            tried += 1
            call.pause(apart_s, waiting)


def _probed(transport: CardTransport, call: Call) -> Token | None:
    for driver in DRIVERS:
        token = driver(transport)
        if token.probe():
            return token
        call.say(Waiting.READING)
    return None


def _readers_with_keys(readers: CardReaders) -> tuple[ReaderState, ...]:
    states = readers.look()
    if not states:
        raise _Stop(problem_of(Fault.NO_READER))
    with_keys = tuple(state for state in states if state.has_card)
    if not with_keys:
        raise _Stop(problem_of(Fault.NO_KEY))
    return with_keys


def _read(
    readers: CardReaders, reader: ReaderState, call: Call, today: datetime
) -> tuple[tuple[KeyCertificate, ...], KeyProblem | None]:
    """One reader's trouble never hides another reader's key."""

    def read() -> tuple[CertificateSlot, ...]:
        with _holding(readers, reader.name, call) as token:
            return token.certificates()

    try:
        held = _starting_over(read)
    except _Stop as stop:
        return (), stop.problem
    except CardFault as fault:
        if fault.error is CardError.SERVICE_GONE:
            raise  # It concerns all readers.
        return (), problem_of(BEFORE_PIN[fault.error], reader=reader.name)
    if not held:
        return (), problem_of(Fault.NO_CERTIFICATE, reader=reader.name)
    return tuple(describe(slot, reader.name, reader.insertions, today) for slot in held), None


def _given_up(call: Call) -> Callable[[Fault], KeyProblem]:
    return lambda fault: problem_of(fault, seconds=round(call.limit_s))
