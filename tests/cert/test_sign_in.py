"""One press of the button, on cards in this process: every fault has its own outcome."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from hpf_desktop.cert import sign_in
from hpf_desktop.cert.call import Call, Waiting
from hpf_desktop.cert.certificates import KeyCertificate, verifies
from hpf_desktop.cert.problems import Fault, KeyProblem
from hpf_desktop.cert.sign_in import Signed, list_certificates, pin_status, sign
from hpf_desktop.cert.token import PinStatus
from hpf_desktop.cert.virtual_key.card import Credential, PivCard
from hpf_desktop.cert.virtual_key.in_process import READER, InProcessReaders
from hpf_desktop.cert.virtual_key.tricks import Action, Trick
from server.business.signed_message import Algorithm
from tests.cert.keys import DAY, NOW, PIN, card, credential

MESSAGE = b"HR-LOGIN-1 and more"
SECOND = "Virtual key 01 00"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of tries, without the time between them."""
    quick = {error: (times, 0.01, say) for error, (times, _, say) in sign_in.RETRIES.items()}
    monkeypatch.setattr(sign_in, "RETRIES", quick)


def plugged(key: PivCard) -> InProcessReaders:
    readers = InProcessReaders()
    readers.insert(key)
    return readers


def chosen(readers: InProcessReaders) -> KeyCertificate:
    listing = list_certificates(readers.open, Call())
    assert listing.preselected is not None, listing
    return listing.preselected


def press(
    readers: InProcessReaders,
    certificate: KeyCertificate,
    pin: str = PIN,
    call: Call | None = None,
    confirmed: bool = False,
) -> Signed | KeyProblem:
    typed = bytearray(pin.encode())
    outcome = sign(readers.open, certificate, typed, MESSAGE, call or Call(), confirmed)
    assert not any(typed), "the PIN is wiped whatever happened"
    return outcome


def fault_of(outcome: Signed | KeyProblem | PinStatus) -> Fault:
    assert isinstance(outcome, KeyProblem), outcome
    return outcome.fault


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
@pytest.mark.parametrize("slot", [0x9A, 0x9C])
def test_sign_good_pin_gives_a_signature_of_the_certificate(kind: str, slot: int) -> None:
    key = card(kind, slot)
    readers = plugged(key)
    for presses in (1, 2):
        outcome = press(readers, chosen(readers))
        assert isinstance(outcome, Signed)
        assert verifies(outcome.certificate.der, outcome.algorithm, outcome.signature, MESSAGE)
        assert key.verify_count == presses


def test_sign_leaves_no_verified_pin_behind() -> None:
    readers = plugged(card())
    press(readers, chosen(readers))
    transport = readers.open().connect(READER)
    assert transport.transmit(bytes.fromhex("00A4040005A00000030800"))[-2:] == b"\x90\x00"
    assert transport.transmit(bytes.fromhex("00200080")) == b"\x63\xc3"


def test_list_shows_whose_the_certificate_is() -> None:
    found = chosen(plugged(card()))
    assert (found.holder, found.unit_name, found.issuer) == ("王经办", "甲单位", "王经办")
    assert found.unit_code == "91532300MA6NTEQT85"
    assert found.algorithm is Algorithm.ECDSA_SHA256
    assert found.is_usable and len(found.fingerprint) == 64


def test_list_gzipped_certificate_is_the_same() -> None:
    key = card("rsa2048")
    plain = chosen(plugged(key))
    key.manners.gzips_certificate = True
    assert chosen(plugged(key)).der == plain.der


@pytest.mark.parametrize("manner", ["insists_on_length", "knows_only_short_name"])
def test_sign_on_a_card_with_odd_manners_works(manner: str) -> None:
    key = card("rsa2048")
    setattr(key.manners, manner, True)
    readers = plugged(key)
    assert isinstance(press(readers, chosen(readers)), Signed)


def test_list_without_service_reader_or_key_says_which() -> None:
    readers = InProcessReaders()
    problems = []
    for change in (readers.pull, readers.unplug_reader, readers.stop_service):
        change()
        (problem,) = list_certificates(readers.open, Call()).problems
        problems.append(problem.fault)
    assert problems == [Fault.NO_KEY, Fault.NO_READER, Fault.SERVICE_STOPPED]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"begins": NOW - 3 * DAY, "ends": NOW - DAY}, Fault.EXPIRED),
        ({"begins": NOW + DAY, "ends": NOW + 2 * DAY}, Fault.NOT_YET_VALID),
        ({"signs": False}, Fault.ENCRYPTION_ONLY),
        ({"kind": "p384"}, Fault.UNSUPPORTED_ALGORITHM),
        ({"kind": "rsa1024"}, Fault.UNSUPPORTED_ALGORITHM),
    ],
)
def test_list_unusable_certificate_is_greyed_and_never_signs(
    options: dict[str, object], fault: Fault
) -> None:
    key = card(**options)  # type: ignore[arg-type]
    readers = plugged(key)
    listing = list_certificates(readers.open, Call())
    (found,) = listing.certificates
    assert found.refusal is not None and found.refusal.fault is fault
    assert listing.preselected is None
    assert fault_of(press(readers, found)) is fault
    assert key.verify_count == 0


def test_list_date_in_words_is_in_the_reason() -> None:
    readers = plugged(card(begins=NOW - 3 * DAY, ends=NOW - DAY))
    (found,) = list_certificates(readers.open, Call()).certificates
    assert found.refusal is not None
    day = (NOW - DAY).astimezone().strftime("%Y-%m-%d")
    assert found.refusal.text == f"证书已于 {day} 过期"


def test_list_several_usable_certificates_chooses_none() -> None:
    slots = {0x9A: credential(), 0x9C: credential("rsa2048"), 0x9D: credential(signs=False)}
    readers = plugged(PivCard(slots, PIN))
    readers.insert(card(number=1), SECOND)
    listing = list_certificates(readers.open, Call())
    assert [found.is_usable for found in listing.certificates] == [True, True, True, False]
    assert {found.reader for found in listing.certificates} == {READER, SECOND}
    assert listing.preselected is None


def test_list_one_readers_trouble_hides_no_other_key() -> None:
    foreign = card()
    for _ in range(3):
        foreign.tricks.add(Trick("select", Action.STATUS, sw=0x6A82))
    readers = plugged(foreign)
    readers.insert(card(number=1), SECOND)
    listing = list_certificates(readers.open, Call())
    (problem,) = listing.problems
    assert (problem.fault, problem.reader) == (Fault.UNSUPPORTED, READER)
    assert READER in problem.text
    assert listing.preselected is not None and listing.preselected.reader == SECOND
    assert foreign.verify_count == 0


def test_list_key_without_certificate_says_so() -> None:
    empty = PivCard({0x9A: Credential(credential().key, None)}, PIN)
    (problem,) = list_certificates(plugged(empty).open, Call()).problems
    assert problem.fault is Fault.NO_CERTIFICATE


def test_mute_key_is_tried_six_times() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.manners.sends_bad_atr = True
    steps: list[Waiting] = []
    assert fault_of(press(readers, found, call=Call(waiting=steps.append))) is Fault.UNREADABLE
    assert steps.count(Waiting.READING) == 6 + 2 * 5  # each try, and both ends of each pause


def test_key_in_use_is_tried_again_and_then_told() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    readers.take_exclusively(True)
    steps: list[Waiting] = []
    assert fault_of(press(readers, found, call=Call(waiting=steps.append))) is Fault.IN_USE
    assert steps.count(Waiting.IN_USE) == 2 * 3
    readers.take_exclusively(False)
    assert isinstance(press(readers, found), Signed)


def test_wrong_pin_counts_down_and_the_last_try_asks_first() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    lefts = []
    for _ in range(2):
        outcome = press(readers, found, "999999")
        assert isinstance(outcome, KeyProblem) and outcome.fault is Fault.WRONG_PIN
        lefts.append(outcome.tries_left)
        assert str(outcome.tries_left) in outcome.text
    assert lefts == [2, 1]
    assert fault_of(press(readers, found)) is Fault.LAST_TRY
    assert key.verify_count == 2, "the last try was not made"
    assert fault_of(press(readers, found, "999999", confirmed=True)) is Fault.BLOCKED
    assert fault_of(press(readers, found)) is Fault.BLOCKED
    assert key.verify_count == 3, "a locked key is sent nothing"


def test_good_pin_at_the_last_try_restores_the_counter() -> None:
    key = card()
    key.tries_left = 1
    readers = plugged(key)
    found = chosen(readers)
    assert pin_status(readers.open, found, Call()) == PinStatus(1)
    assert isinstance(press(readers, found, confirmed=True), Signed)
    assert pin_status(readers.open, found, Call()) == PinStatus(3)


def test_locked_key_is_seen_before_a_pin_is_typed() -> None:
    key = card()
    key.tries_left = 0
    readers = plugged(key)
    assert pin_status(readers.open, chosen(readers), Call()) == PinStatus(0, is_blocked=True)


def test_wrong_pin_without_a_number_is_read_from_the_counter() -> None:
    key = card()
    key.manners.hides_counter = True
    readers = plugged(key)
    outcome = press(readers, chosen(readers), "999999")
    assert isinstance(outcome, KeyProblem)
    assert (outcome.fault, outcome.tries_left) == (Fault.WRONG_PIN, 2)


def test_pin_refused_for_another_reason_is_not_called_wrong() -> None:
    key = card()
    key.tricks.add(Trick("verify", Action.STATUS, sw=0x6985))
    readers = plugged(key)
    outcome = press(readers, chosen(readers))
    assert isinstance(outcome, KeyProblem)
    assert (outcome.fault, outcome.tries_left) == (Fault.PIN_NOT_ACCEPTED, 3)


@pytest.mark.parametrize("pin", ["", "12345", "123456789", "abcdef"])
def test_what_is_no_pin_is_not_sent(pin: str) -> None:
    key = card()
    readers = plugged(key)
    assert fault_of(press(readers, chosen(readers), pin)) is Fault.PIN_FORMAT
    assert key.verify_count == 0


def test_pulled_before_the_pin_sends_nothing() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("read", Action.PULL))
    assert fault_of(press(readers, found)) is Fault.REMOVED_BEFORE_PIN
    assert fault_of(press(readers, found)) is Fault.REMOVED_BEFORE_PIN
    assert key.verify_count == 0


@pytest.mark.parametrize("when", ["verify", "sign"])
def test_pulled_during_verify_or_sign_is_not_a_wrong_pin(when: str) -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick(when, Action.PULL))
    assert fault_of(press(readers, found)) is Fault.REMOVED
    assert key.tries_left == 3
    readers.insert(key)
    assert isinstance(press(readers, found), Signed), "the same key put back is the same key"


def test_another_key_in_its_place_gets_no_pin() -> None:
    key, other = card(), card(number=1)
    readers = plugged(key)
    found = chosen(readers)
    readers.pull()
    readers.insert(other)
    assert fault_of(press(readers, found)) is Fault.SWAPPED
    assert (key.verify_count, other.verify_count) == (0, 0)


def test_reset_before_the_pin_is_not_noticed_by_anybody() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("read", Action.DELAY, seconds=0.2))
    threading.Timer(0.05, readers.reset_by_another).start()
    assert isinstance(press(readers, found), Signed)
    assert key.verify_count == 1


def test_reset_after_the_pin_asks_for_it_again() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("sign", Action.DELAY, seconds=0.2))
    threading.Timer(0.05, readers.reset_by_another).start()
    outcome = press(readers, found)
    assert fault_of(outcome) is Fault.RESET
    assert isinstance(outcome, KeyProblem) and outcome.needs_pin_again
    assert key.verify_count == 1, "no second VERIFY by itself"


def test_service_restarted_during_sign_says_so_and_works_again() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("sign", Action.DELAY, seconds=0.2))
    threading.Timer(0.05, readers.restart_service).start()
    assert fault_of(press(readers, found)) is Fault.SERVICE_RESTARTED
    assert isinstance(press(readers, found), Signed)


def test_service_restarted_before_the_pin_starts_over() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("read", Action.DELAY, seconds=0.2))
    threading.Timer(0.05, readers.restart_service).start()
    assert isinstance(press(readers, found), Signed)
    assert key.verify_count == 1


def test_key_reset_at_each_of_two_starts_is_read_a_third_time() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    resets = 0

    def disturb(what: Waiting) -> None:
        nonlocal resets
        if what is Waiting.READING and resets < 4:  # Before and after each connection.
            resets += 1
            readers.reset_by_another()

    assert isinstance(press(readers, found, call=Call(waiting=disturb)), Signed)
    assert resets == 4 and key.verify_count == 1


def test_damaged_key_is_found_before_anything_is_sent() -> None:
    key = card()
    key.manners.breaks_signatures = True
    readers = plugged(key)
    assert fault_of(press(readers, chosen(readers))) is Fault.DAMAGED


def test_slow_key_is_given_up_at_the_limit() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("sign", Action.DELAY, seconds=10))
    began = time.monotonic()
    assert fault_of(press(readers, found, call=Call(limit_s=0.2))) is Fault.TIMED_OUT
    assert time.monotonic() - began < 9


def test_cancel_before_the_pin_keeps_it_from_the_card() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    key.tricks.add(Trick("read", Action.DELAY, seconds=0.3))
    call = Call()
    threading.Timer(0.05, call.cancel).start()
    assert fault_of(press(readers, found, call=call)) is Fault.CANCELLED
    # The card thread still has the key; whoever comes next waits for it, and finds no VERIFY sent.
    assert isinstance(press(readers, found), Signed)
    assert key.verify_count == 1


def test_listing_keeps_what_was_read_before_the_limit() -> None:
    slow = card(number=1)
    slow.tricks.add(Trick("any", Action.DELAY, seconds=1))
    readers = plugged(card())
    readers.insert(slow, SECOND)
    listing = list_certificates(readers.open, Call(limit_s=0.3))
    assert [found.reader for found in listing.certificates] == [READER]
    assert [problem.fault for problem in listing.problems] == [Fault.TIMED_OUT]


def test_clock_that_is_asked_for_decides_the_dates() -> None:
    readers = plugged(card())
    listing = list_certificates(readers.open, Call(), now=NOW + timedelta(days=400))
    assert not listing.certificates[0].is_usable


def test_reset_while_listing_or_reading_the_counter_is_not_noticed() -> None:
    key = card()
    readers = plugged(key)
    found = chosen(readers)
    for read in (list_certificates, lambda *given: pin_status(given[0], found, given[1])):
        key.tricks.add(Trick("read", Action.DELAY, seconds=0.2))
        resetting = threading.Timer(0.05, readers.reset_by_another)
        resetting.start()
        outcome = read(readers.open, Call())
        resetting.join()
        assert outcome == PinStatus(3) or getattr(outcome, "preselected", None) is not None
