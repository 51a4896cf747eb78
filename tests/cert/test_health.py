"""证书体检: each fault of the key and of the server is its own row, and no row costs a try."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from hpf_desktop.answers import Examination
from hpf_desktop.cert import health, sign_in
from hpf_desktop.cert.call import Call
from hpf_desktop.cert.health import CHECKS, Case, Finding, State, examine, hopeless, perform, ready
from hpf_desktop.cert.health_report import report, verdict
from hpf_desktop.cert.virtual_key.card import PivCard
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.cert.virtual_key.tricks import Action, Trick
from server.business.refusals import refused
from tests.cert.keys import DAY, NOW, PIN, SUBJECT, card, credential
from tests.fakes.client import FakeClient

GOOD, NOTICE, FAULT, UNCHECKED = State
SECOND = "Virtual key 01 00"
YEAR = 365 * DAY
VERIFY = 0x20
KEY_ROWS = ("service", "reader", "key", "certificate", "pin", "dates")
SERVER_ROWS = ("server", "version", "clock")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {error: (times, 0.01, say) for error, (times, _, say) in sign_in.RETRIES.items()}
    monkeypatch.setattr(sign_in, "RETRIES", quick)


class Place:
    """A desk with a key in it, and a server; ``look`` is one 体检."""

    def __init__(self, key: PivCard | None = None) -> None:
        self.key = key or card(ends=NOW + YEAR)
        self.readers, self.server = InProcessReaders(), FakeClient()
        self.readers.insert(self.key)

    @property
    def case(self) -> Case:
        return Case(self.readers.open, lambda: self.server)

    def look(self) -> dict[str, Finding]:
        tries, sent = self.key.tries_left, self.key.verify_count
        found = examine(self.case)
        assert (self.key.tries_left, self.key.verify_count) == (tries, sent), "no try is used up"
        assert list(found) == [check.code for check in CHECKS]
        return found


@pytest.fixture
def place() -> Place:
    return Place()


def states(found: dict[str, Finding]) -> dict[State, set[str]]:
    return {state: {code for code, told in found.items() if told.state is state} for state in State}


def only_fault(found: dict[str, Finding], row: str, code: str) -> None:
    """The row says what is wrong and what to do; every other is good or says what it waits for."""
    told, sorted_out = found[row], states(found)
    assert sorted_out[FAULT] == {row} and not sorted_out[NOTICE], found
    assert (told.code, bool(told.next_step)) == (code, True)
    name = next(check.name for check in CHECKS if check.code == row)
    for waiting in sorted_out[UNCHECKED]:
        assert f"“{name}”" in found[waiting].text and name in found[waiting].next_step
    assert verdict(found).code == code


def test_good_key_at_a_good_server_is_good_in_every_row(place: Place) -> None:
    found = place.look()
    assert states(found)[GOOD] == set(found)
    assert "3 次" in found["pin"].text
    assert verdict(found) == Finding(GOOD, "没有发现问题，可以用证书登录")


def stop_service(place: Place) -> None:
    place.readers.stop_service()


def no_reader(place: Place) -> None:
    place.readers.unplug_reader()


def no_key(place: Place) -> None:
    place.readers.pull()


def mute(place: Place) -> None:
    place.key.manners = replace(place.key.manners, sends_bad_atr=True)


def unknown(place: Place) -> None:
    place.key.tricks.add(Trick("select", Action.STATUS, sw=0x6A82, times=99))


def in_use(place: Place) -> None:
    place.readers.take_exclusively(True)


def pulled_while_read(place: Place) -> None:
    place.key.tricks.add(Trick("read", Action.PULL))


def empty(place: Place) -> None:
    place.key.credentials.clear()


def blocked(place: Place) -> None:
    place.key.tries_left = 0


@pytest.mark.parametrize(
    ("happen", "row", "code"),
    [
        (stop_service, "service", "C01"),
        (no_reader, "reader", "C02"),
        (no_key, "key", "C03"),
        (mute, "key", "C04"),
        (unknown, "key", "C05"),
        (in_use, "key", "C06"),
        (pulled_while_read, "key", "C07"),
        (empty, "certificate", "C13"),
        (blocked, "pin", "C12"),
    ],
)
def test_fault_of_the_key_is_in_its_row_and_the_server_is_checked_all_the_same(
    place: Place, happen: Callable[[Place], None], row: str, code: str
) -> None:
    happen(place)
    found = place.look()
    only_fault(found, row, code)
    assert {found[code].state for code in SERVER_ROWS} == {GOOD}


@pytest.mark.parametrize(
    ("options", "row", "code"),
    [
        ({"begins": NOW - 3 * DAY, "ends": NOW - DAY}, "dates", "C14"),
        ({"begins": NOW + DAY, "ends": NOW + YEAR}, "dates", "C15"),
        ({"signs": False}, "certificate", "C16"),
        ({"kind": "p384"}, "certificate", "C17"),
    ],
)
def test_certificate_that_cannot_log_in_says_why(
    options: dict[str, object], row: str, code: str
) -> None:
    only_fault(Place(card(**options)).look(), row, code)  # type: ignore[arg-type]


def test_one_try_left_is_a_notice_and_is_not_used(place: Place) -> None:
    place.key.tries_left = 1
    found = place.look()
    assert (found["pin"].state, found["pin"].code) == (NOTICE, "C10")
    assert verdict(found).state is NOTICE


class Discreet(PivCard):
    """Answers the question for the counter without a number."""

    def answer(self, apdu: bytes) -> bytes:
        return bytes.fromhex("6982") if apdu[1] == VERIFY else super().answer(apdu)


def test_counter_that_the_key_hides_is_unchecked_and_no_fault() -> None:
    found = Place(Discreet({0x9A: credential(ends=NOW + YEAR)}, PIN)).look()
    assert found["pin"].state is UNCHECKED
    assert states(found)[GOOD] == set(found) - {"pin"} and verdict(found).state is GOOD


def test_another_key_in_its_place_is_told_in_the_row_of_the_pin(place: Place) -> None:
    real = sign_in.pin_status

    def swapping(*arguments: object) -> object:
        place.readers.insert(card(number=2, ends=NOW + YEAR))
        return real(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "pin_status", swapping)
        found = examine(place.case)
    only_fault(found, "pin", "C18")


@pytest.mark.parametrize("happens", ["reset_by_another", "restart_service"])
def test_reset_or_restart_in_between_is_not_noticed(place: Place, happens: str) -> None:
    """F15 and F16: a fresh context does better, and the operator did nothing."""
    stopped = threading.Event()

    def disturb() -> None:
        getattr(place.readers, happens)()
        stopped.set()

    place.key.tricks.add(Trick("read", Action.DELAY, seconds=0.2))
    threading.Timer(0.1, disturb).start()
    found = place.look()
    assert stopped.is_set() and states(found)[FAULT] == set()


def test_two_keys_of_which_one_can_log_in_are_good_and_both_are_named(place: Place) -> None:
    """F12: an office has keys for other offices, too."""
    place.readers.insert(card(number=3, begins=NOW - 3 * DAY, ends=NOW - DAY), SECOND)
    found = place.look()
    assert states(found)[GOOD] == set(found)
    assert "已于" in found["dates"].text and "有效期至" in found["dates"].text
    assert found["certificate"].text.count("…") == 2


def test_one_readers_trouble_is_a_notice_beside_a_good_key(place: Place) -> None:
    other = card(number=3)
    other.manners = replace(other.manners, sends_bad_atr=True)
    place.readers.insert(other, SECOND)
    found = place.look()
    assert (found["key"].state, found["key"].code) == (NOTICE, "C04")
    assert found["binding"].state is GOOD


def test_encryption_certificate_beside_the_signing_one_is_no_fault() -> None:
    slots = {0x9A: credential(ends=NOW + YEAR), 0x9D: credential(number=1, signs=False)}
    found = Place(PivCard(slots, PIN)).look()
    assert states(found)[GOOD] == set(found) and "不用于登录" in found["certificate"].text


@pytest.mark.parametrize(
    ("days", "state", "code"),
    [(61, GOOD, ""), (59, NOTICE, "W12"), (6, NOTICE, "W12"), (0, NOTICE, "W13")],
)
def test_end_that_is_near_is_a_notice(days: int, state: State, code: str) -> None:
    found = Place(card(ends=datetime.now(UTC) + days * DAY + timedelta(hours=2))).look()
    assert (found["dates"].state, found["dates"].code) == (state, code)


# --- The server ---


@pytest.mark.parametrize("code", ["N06", "N07", "N09", "L10", "N10", "N11"])
def test_server_that_does_not_answer_leaves_the_key_checked(place: Place, code: str) -> None:
    place.server.fault["health"] = code
    found = place.look()
    only_fault(found, "server", code)
    assert {found[row].state for row in KEY_ROWS} == {GOOD}
    assert "examine" not in place.server.calls


@pytest.mark.parametrize(
    ("answer", "row", "code"),
    [
        (Examination("L03"), "issuer", "L03"),
        (Examination("", "", "L15", "", ""), "issuer", "L15"),
        (Examination("", "", "", "L05", ""), "revocation", "L05"),
        (Examination("", "", "", "", "L06"), "binding", "L06"),
        (Examination("", "", "", "", "Z99"), "binding", "N12"),
    ],
)
def test_what_the_server_says_of_the_certificate_is_in_its_row(
    place: Place, answer: Examination, row: str, code: str
) -> None:
    place.server.examination = answer
    only_fault(place.look(), row, code)


def test_revocation_that_the_server_cannot_tell_is_a_notice(place: Place) -> None:
    place.server.examination = Examination("", "", "", "L12", "")
    found = place.look()
    assert (found["revocation"].state, found["revocation"].code) == (NOTICE, "L12")
    assert found["binding"].state is GOOD


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (timedelta(minutes=4), GOOD, "一致"),
        (timedelta(minutes=7), NOTICE, "慢 7 分钟"),
        (-timedelta(hours=3, minutes=2), NOTICE, "快 3 小时 2 分"),
        (timedelta(days=2), FAULT, "慢 2 天"),
    ],
)
def test_clock_is_compared_with_the_servers(
    place: Place, ahead: timedelta, state: State, words: str
) -> None:
    place.server.ahead = ahead
    found = place.look()
    assert found["clock"].state is state and words in found["clock"].text
    assert found["clock"].code == ("" if state is GOOD else "W14")


def test_servers_clock_decides_whether_the_certificate_is_in_date() -> None:
    """F20: the login will be judged by it, whatever this computer believes."""
    place = Place(card(ends=NOW + 100 * DAY))
    place.server.ahead = 101 * DAY
    assert place.look()["dates"].code == "C14"
    place.server.ahead = 90 * DAY
    assert place.look()["dates"].code == "W12"


def test_release_that_does_not_fit_the_server_is_told(place: Place) -> None:
    place.server.interface = "2"
    only_fault(place.look(), "version", "W16")


def test_server_certificate_that_ends_soon_is_a_notice(place: Place) -> None:
    place.server.server_until = datetime.now(UTC) + 3 * DAY
    assert place.look()["server"].code == "W15"


# --- Limits ---


def test_slow_key_is_given_up_at_its_limit_and_what_needs_it_is_unchecked(place: Place) -> None:
    place.key.tricks.add(Trick("select", Action.DELAY, seconds=1.5))
    found: dict[str, Finding] = {}
    began = time.monotonic()
    for check in CHECKS[:3]:
        found[check.code] = perform(check, place.case, found, Call(0.5))
    assert time.monotonic() - began < 1.2
    assert (found["key"].state, found["key"].code) == (FAULT, "C21")
    assert {"certificate", "pin", "dates", "issuer"} <= set(hopeless(found))


def test_server_that_hangs_is_given_up_at_the_limit_of_its_row(place: Place) -> None:
    hang = threading.Event()

    def hanging() -> FakeClient:
        hang.wait(3)
        return place.server

    server = next(check for check in CHECKS if check.code == "server")
    told = perform(server, Case(place.readers.open, hanging), {}, Call(0.2))
    hang.set()
    assert (told.state, told.code) == (FAULT, "W17")


def test_check_that_breaks_is_a_row_with_a_report_number(place: Place) -> None:
    def broken() -> FakeClient:
        raise ZeroDivisionError("王经办 123456")

    found = examine(Case(place.readers.open, broken))
    assert (found["server"].state, found["server"].code) == (FAULT, "W01")
    assert "王经办" not in report(found, datetime.now(UTC), "https://x")


def test_refusal_while_opening_the_connection_is_the_servers_row(place: Place) -> None:
    def refusing() -> FakeClient:
        raise refused("N10")

    found = examine(Case(place.readers.open, refusing))
    only_fault(found, "server", "N10")


def test_checks_that_need_nothing_begin_at_once() -> None:
    assert [check.code for check in ready({}, ())] == ["service", "server"]
    assert ready({}, ("service", "server")) == []


def test_every_check_names_checks_before_it() -> None:
    before: set[str] = set()
    for check in CHECKS:
        assert {*check.needs, *check.after} <= before
        before.add(check.code)


# --- The report ---


@pytest.mark.parametrize(
    "happen", [lambda place: None, no_key, unknown, blocked, stop_service, in_use]
)
def test_report_names_nobody_and_holds_no_secret(
    place: Place, happen: Callable[[Place], None]
) -> None:
    """Self-signed: even where the issuer is the holder."""
    happen(place)
    text = report(place.look(), NOW, "https://hall.example")
    secrets = [PIN, *(str(attribute.value) for attribute in SUBJECT)]
    unit, facts = place.server.own_unit, place.server.facts()
    secrets += [unit.name, str(unit.unit_id), facts.operator_name, unit.signed_account]
    secrets += [person.name for person in facts.persons.values()]
    for each in place.key.credentials.values():
        secrets += [each.certificate.hex(), each.certificate.hex().upper()]
    assert not [secret for secret in secrets if secret and secret in text]
    assert NOW.astimezone().isoformat(" ", "seconds") in text and "0.1.0" in text
    assert all(f"{check.name}：" in text for check in CHECKS)


def test_report_names_the_certificate_by_issuer_and_the_end_of_its_serial(place: Place) -> None:
    text = report(place.look(), NOW, "https://hall.example")
    der = place.key.credentials[0x9A].certificate
    serial = f"{x509.load_der_x509_certificate(der).serial_number:X}"
    assert f"…{serial[-6:]}" in text and serial not in text


def test_report_in_the_middle_says_what_still_runs() -> None:
    text = report({}, NOW, "https://hall.example")
    assert text.count("检查中") == len(CHECKS) and "0 / 12" in text
