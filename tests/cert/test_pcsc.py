"""Journeys on the real PC/SC service with virtual keys in vpcd's readers, faults and all."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from smartcard import scard

from hpf_desktop.cert.call import Call, Waiting
from hpf_desktop.cert.certificates import KeyCertificate, verifies
from hpf_desktop.cert.health import Case, Finding, State, examine
from hpf_desktop.cert.pcsc import PcscReaders
from hpf_desktop.cert.problems import Fault, KeyProblem
from hpf_desktop.cert.sign_in import Signed, list_certificates, pin_status, sign
from hpf_desktop.cert.token import PinStatus
from hpf_desktop.cert.virtual_key.card import PivCard
from hpf_desktop.cert.virtual_key.pcscd import VPCD_DRIVER, Pcscd, answers
from hpf_desktop.cert.virtual_key.tricks import Action, Trick
from hpf_desktop.cert.virtual_key.vpcd import PORT, VpcdLink
from hpf_desktop.cert.watch import KeyEvent, KeyEventKind, KeyWatch
from tests.cert.keys import DAY, NOW, PIN, card, credential
from tests.fakes.client import FakeClient

KIND = KeyEventKind
LIMIT_S = 10.0
MESSAGE = b"HR-LOGIN-1 and more"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or not VPCD_DRIVER.exists() or os.geteuid() != 0,
        reason="needs pcscd and vpcd, and to be root",
    ),
]


class Desk:
    """A workplace: the service, its monitor, and two readers."""

    def __init__(self, service: Pcscd) -> None:
        self.service = service
        self.events: queue.Queue[KeyEvent] = queue.Queue()
        self.watch = KeyWatch(PcscReaders, self.events.put)
        self.links: list[VpcdLink] = []

    def plug(self, key: PivCard, port: int = PORT) -> VpcdLink:
        link = VpcdLink(key, port)
        self.links.append(link)
        link.insert()
        self.wait_for(KIND.INSERTED)
        return link

    def wait_for(self, kind: KeyEventKind) -> KeyEvent:
        deadline = time.monotonic() + LIMIT_S
        while True:
            event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if event.kind is kind:
                return event


@pytest.fixture(scope="module")
def service() -> Iterator[Pcscd]:
    with Pcscd() as service:
        # Not a skip: without these tests nothing would speak for the real stack.
        assert service.is_ours, "a pcscd that is not ours is running: end it first"
        yield service


@pytest.fixture
def desk(service: Pcscd) -> Iterator[Desk]:
    desk = Desk(service)
    desk.watch.start()
    desk.wait_for(KIND.NO_KEY)
    yield desk
    for link in desk.links:
        link.pull()
    if not answers():
        service.spawn()
    deadline = time.monotonic() + LIMIT_S
    while desk.watch.state is not KIND.NO_KEY and time.monotonic() < deadline:
        time.sleep(0.05)
    desk.watch.stop()


def chosen() -> KeyCertificate:
    listing = list_certificates(PcscReaders, Call())
    assert listing.preselected is not None, listing
    return listing.preselected


def press(
    certificate: KeyCertificate, pin: str = PIN, call: Call | None = None, confirmed: bool = False
) -> Signed | KeyProblem:
    typed = bytearray(pin.encode())
    outcome = sign(PcscReaders, certificate, typed, MESSAGE, call or Call(), confirmed)
    assert not any(typed)
    return outcome


def fault_of(outcome: Signed | KeyProblem | PinStatus) -> Fault:
    assert isinstance(outcome, KeyProblem), outcome
    return outcome.fault


@contextmanager
def other_program(share: int) -> Iterator[int]:
    """Another program's connection to the first reader."""
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert code == 0
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    code, handle, _ = scard.SCardConnect(context, "Virtual PCD 00 00", share, protocols)
    assert code == 0
    try:
        yield handle
    finally:
        scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
        scard.SCardReleaseContext(context)


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
@pytest.mark.parametrize("slot", [0x9A, 0x9C])
def test_sign_over_pcsc_gives_a_good_signature(desk: Desk, kind: str, slot: int) -> None:
    key = card(kind, slot)
    desk.plug(key)
    outcome = press(chosen())
    assert isinstance(outcome, Signed)
    assert verifies(outcome.certificate.der, outcome.algorithm, outcome.signature, MESSAGE)
    assert key.verify_count == 1


def test_apdus_do_not_wait_for_delayed_acknowledgements(desk: Desk) -> None:
    desk.plug(card("rsa2048"))
    found = chosen()
    taken_s = []
    for _ in range(5):
        began = time.monotonic()
        assert isinstance(press(found), Signed)
        taken_s.append(time.monotonic() - began)
    # Some 15 commands; with delayed acknowledgements each takes 45 ms, every time.
    assert min(taken_s) < 0.4


def test_next_program_does_not_find_the_pin_verified(desk: Desk) -> None:
    desk.plug(card())
    press(chosen())
    transport = PcscReaders().connect("Virtual PCD 00 00")
    try:
        transport.transmit(bytes.fromhex("00A4040005A00000030800"))
        assert transport.transmit(bytes.fromhex("00200080")) == b"\x63\xc3"
    finally:
        transport.close()


def test_f1_service_stopped_says_so_and_goes_on_by_itself(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    desk.service.end_daemon()
    gone = desk.wait_for(KIND.SERVICE_GONE)
    assert gone.fault is Fault.SERVICE_STOPPED
    assert fault_of(press(found)) is Fault.SERVICE_STOPPED
    (problem,) = list_certificates(PcscReaders, Call()).problems
    assert problem.fault is Fault.SERVICE_STOPPED
    desk.service.spawn()
    began = time.monotonic()
    desk.wait_for(KIND.SERVICE_BACK)
    assert time.monotonic() - began < 2
    desk.wait_for(KIND.INSERTED)
    assert isinstance(press(found), Signed)
    assert key.verify_count == 1


def test_f2_no_reader_is_told_and_a_reader_is_found_later(desk: Desk, tmp_path: Path) -> None:
    desk.service.end_daemon()
    desk.wait_for(KIND.SERVICE_GONE)
    bare = Pcscd(readers=tmp_path)
    bare.spawn()
    try:
        assert desk.wait_for(KIND.NO_READER).fault is Fault.NO_READER
        (problem,) = list_certificates(PcscReaders, Call()).problems
        assert problem.fault is Fault.NO_READER
    finally:
        bare.end_daemon()
    desk.service.spawn()
    desk.wait_for(KIND.NO_KEY)


def test_f3_reader_without_key_waits_for_one(desk: Desk) -> None:
    (problem,) = list_certificates(PcscReaders, Call()).problems
    assert problem.fault is Fault.NO_KEY
    desk.plug(card())
    assert chosen().is_usable


def test_f4_mute_key_is_told_after_its_tries_and_works_when_put_back(desk: Desk) -> None:
    key = card()
    link = desk.plug(key)
    found = chosen()
    link.pull()
    desk.wait_for(KIND.REMOVED)
    key.manners.sends_bad_atr = True
    link.insert()
    desk.wait_for(KIND.INSERTED)
    began = time.monotonic()
    assert fault_of(press(found)) is Fault.UNREADABLE
    assert 2.4 < time.monotonic() - began < 5
    link.pull()
    desk.wait_for(KIND.REMOVED)
    key.manners.sends_bad_atr = False
    link.insert()
    desk.wait_for(KIND.INSERTED)
    assert isinstance(press(found), Signed)


def test_f5_unknown_card_gets_no_pin_and_the_other_key_is_offered(desk: Desk) -> None:
    foreign = card()
    foreign.tricks.add(Trick("select", Action.STATUS, sw=0x6A82, times=100))
    desk.plug(foreign)
    desk.plug(card(number=1), PORT + 1)
    listing = list_certificates(PcscReaders, Call())
    (problem,) = listing.problems
    assert problem.fault is Fault.UNSUPPORTED and "Virtual PCD 00 00" in problem.text
    assert listing.preselected is not None
    assert isinstance(press(listing.preselected), Signed)
    assert foreign.verify_count == 0


def test_f6_exclusive_program_is_waited_for_and_then_told(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    steps: list[Waiting] = []
    with other_program(scard.SCARD_SHARE_EXCLUSIVE):
        began = time.monotonic()
        assert fault_of(press(found, call=Call(waiting=steps.append))) is Fault.IN_USE
        assert 2.9 < time.monotonic() - began < 6
    assert Waiting.IN_USE in steps and key.verify_count == 0
    assert isinstance(press(found), Signed)


def test_f6_transaction_of_another_program_is_waited_for(desk: Desk) -> None:
    desk.plug(card())
    found = chosen()
    with other_program(scard.SCARD_SHARE_SHARED) as handle:
        assert scard.SCardBeginTransaction(handle) == 0
        ending = threading.Timer(1, scard.SCardEndTransaction, (handle, scard.SCARD_LEAVE_CARD))
        ending.start()
        began = time.monotonic()
        assert isinstance(press(found), Signed)
        assert 0.9 < time.monotonic() - began < 3
        ending.join()


def test_f18_transaction_that_does_not_end_is_given_up(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    with other_program(scard.SCARD_SHARE_SHARED) as handle:
        assert scard.SCardBeginTransaction(handle) == 0
        began = time.monotonic()
        assert fault_of(press(found, call=Call(limit_s=0.5))) is Fault.TIMED_OUT
        assert time.monotonic() - began < 1.5
    assert isinstance(press(found), Signed)
    assert key.verify_count == 1, "the call that was given up sent no PIN afterwards"


def test_f7_pulled_before_the_pin_sends_nothing(desk: Desk) -> None:
    key = card()
    link = desk.plug(key)
    found = chosen()
    link.pull()
    desk.wait_for(KIND.REMOVED)
    assert fault_of(press(found)) is Fault.REMOVED_BEFORE_PIN
    assert key.verify_count == 0


@pytest.mark.parametrize("when", ["verify", "sign"])
def test_f8_pulled_in_mid_command_is_not_a_wrong_pin(desk: Desk, when: str) -> None:
    key = card("rsa2048")
    link = desk.plug(key)
    found = chosen()
    key.tricks.add(Trick(when, Action.PULL))
    assert fault_of(press(found)) is Fault.REMOVED
    desk.wait_for(KIND.REMOVED)
    assert key.tries_left == 3
    link.insert()
    desk.wait_for(KIND.INSERTED)
    assert isinstance(press(chosen()), Signed)


def test_f8_pulled_by_hand_while_the_key_computes(desk: Desk) -> None:
    key = card()
    link = desk.plug(key)
    found = chosen()
    key.tricks.add(Trick("sign", Action.DELAY, seconds=1))
    threading.Timer(0.3, link.pull).start()
    assert fault_of(press(found)) is Fault.REMOVED
    desk.wait_for(KIND.REMOVED)


def test_f9_to_f11_wrong_pins_count_down_to_the_lock(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    faults = [fault_of(press(found, "999999")) for _ in range(3)]
    assert faults == [Fault.WRONG_PIN, Fault.WRONG_PIN, Fault.LAST_TRY]
    assert fault_of(press(found, "999999", confirmed=True)) is Fault.BLOCKED
    assert fault_of(press(found)) is Fault.BLOCKED
    assert pin_status(PcscReaders, found, Call()) == PinStatus(0, is_blocked=True)
    assert key.verify_count == 3


def test_f10_refusal_without_a_number_reads_the_counter(desk: Desk) -> None:
    key = card()
    key.manners.hides_counter = True
    desk.plug(key)
    outcome = press(chosen(), "999999")
    assert isinstance(outcome, KeyProblem)
    assert (outcome.fault, outcome.tries_left) == (Fault.WRONG_PIN, 2)


def test_f12_two_keys_are_both_offered_and_each_signs(desk: Desk) -> None:
    keys = {PORT: card(number=0), PORT + 1: card("rsa2048")}
    for port, key in keys.items():
        desk.plug(key, port)
    listing = list_certificates(PcscReaders, Call())
    assert len(listing.certificates) == 2 and listing.preselected is None
    for found in listing.certificates:
        assert isinstance(press(found), Signed)
    assert [key.verify_count for key in keys.values()] == [1, 1]


def test_f14_key_swapped_gets_no_pin(desk: Desk) -> None:
    first, second = card(number=0), card(number=1)
    link = desk.plug(first)
    found = chosen()
    link.pull()
    desk.wait_for(KIND.REMOVED)
    desk.plug(second)
    assert fault_of(press(found)) is Fault.SWAPPED
    assert (first.verify_count, second.verify_count) == (0, 0)


def test_f15_reset_by_another_before_the_pin_is_not_noticed(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    with other_program(scard.SCARD_SHARE_SHARED) as handle:
        assert scard.SCardBeginTransaction(handle) == 0
        # Ends its transaction with a reset just when we wait for ours.
        ending = threading.Timer(0.5, scard.SCardEndTransaction, (handle, scard.SCARD_RESET_CARD))
        ending.start()
        assert isinstance(press(found), Signed)
        ending.join()
    assert key.verify_count == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_f16_service_restarted_during_sign_goes_on_without_a_restart_of_ours(
    desk: Desk, how: signal.Signals
) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    key.tricks.add(Trick("sign", Action.DELAY, seconds=1))

    def restart() -> None:
        desk.service.end_daemon(how)
        desk.service.spawn()

    restarting = threading.Timer(0.3, restart)
    restarting.start()
    outcome = press(found)
    restarting.join()
    # A service that ends in order lets the card finish first.
    if how is signal.SIGKILL:
        assert fault_of(outcome) is Fault.SERVICE_RESTARTED
    else:
        assert isinstance(outcome, Signed) or outcome.fault in (
            Fault.SERVICE_RESTARTED,
            Fault.REMOVED,
        )
    desk.wait_for(KIND.SERVICE_BACK)
    desk.wait_for(KIND.INSERTED)
    assert isinstance(press(found), Signed)


def test_cancel_answers_at_once_while_the_key_computes(desk: Desk) -> None:
    key = card()
    desk.plug(key)
    found = chosen()
    key.tricks.add(Trick("sign", Action.DELAY, seconds=4))
    call = Call()
    threading.Timer(0.2, call.cancel).start()
    began = time.monotonic()
    assert fault_of(press(found, call=call)) is Fault.CANCELLED
    assert time.monotonic() - began < 1
    assert isinstance(press(found), Signed), "the next one waits for the card, and works"


def tool(*command: str) -> str:
    """Runs an independent client; what it says."""
    assert shutil.which(command[0]), f"{command[0]} is not installed: dev.py test does it"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_independent_clients_know_the_card(desk: Desk) -> None:
    desk.plug(card())
    assert "Personal Identity Verification Card" in tool("opensc-tool", "-n")
    status = tool("yubico-piv-tool", "-r", "Virtual", "-a", "status")
    assert "ECCP256" in status and "PIN tries left:\t3" in status
    assert "Successfully verified PIN" in tool(
        "yubico-piv-tool", "-r", "Virtual", "-a", "verify-pin", "-P", PIN
    )


@pytest.mark.parametrize(
    ("kind", "mechanism"), [("p256", "ECDSA-SHA256"), ("rsa2048", "SHA256-RSA-PKCS")]
)
@pytest.mark.parametrize("slot", [0x9A, 0x9C])
def test_independent_client_signs_and_openssl_verifies(
    desk: Desk, tmp_path: Path, kind: str, mechanism: str, slot: int
) -> None:
    held = credential(kind)
    desk.plug(PivCard({slot: held}, PIN))
    (tmp_path / "message").write_bytes(MESSAGE)
    public = held.key.public_key()
    (tmp_path / "public.pem").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    options = ["--signature-format", "openssl"] if kind == "p256" else []
    tool(
        "pkcs11-tool", "--module", "opensc-pkcs11.so", "--login", "--pin", PIN, "--sign",
        "--id", "01" if slot == 0x9A else "02", "-m", mechanism, *options,
        "-i", str(tmp_path / "message"), "-o", str(tmp_path / "signature"),
    )  # fmt: skip
    said = tool(
        "openssl", "dgst", "-sha256", "-verify", str(tmp_path / "public.pem"),
        "-signature", str(tmp_path / "signature"), str(tmp_path / "message"),
    )  # fmt: skip
    assert "Verified OK" in said


def test_program_run_by_hand_serves_the_key_and_obeys(desk: Desk, tmp_path: Path) -> None:
    held = credential("rsa2048")
    assert held.certificate is not None
    (tmp_path / "key.pem").write_bytes(
        held.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    pem = x509.load_der_x509_certificate(held.certificate).public_bytes(Encoding.PEM)
    (tmp_path / "cert.pem").write_bytes(pem)
    with subprocess.Popen(
        [
            sys.executable, "-m", "hpf_desktop.cert.virtual_key", "--pfx-or-pem",
            str(tmp_path / "key.pem"), str(tmp_path / "cert.pem"), "--pin", "654321",
        ],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            assert program.stdin is not None and program.stdout is not None
            desk.wait_for(KIND.INSERTED)
            assert isinstance(press(chosen(), "654321"), Signed)
            program.stdin.write("state\npull\n")
            program.stdin.flush()
            assert program.stdout.readline() == "ok inserted tries=3 verifies=1\n"
            desk.wait_for(KIND.REMOVED)
        finally:
            program.terminate()
            assert program.wait(10) == 0


# --- 证书体检 on the real stack ---


def looked(row: str) -> Finding:
    """What the row says; the server is another matter, and good."""
    return examine(Case(PcscReaders, FakeClient))[row]


def test_examination_of_a_good_key_is_good_and_costs_no_try(desk: Desk) -> None:
    key = card(ends=NOW + 365 * DAY)
    desk.plug(key)
    found = examine(Case(PcscReaders, FakeClient))
    assert {told.state for told in found.values()} == {State.GOOD}, found
    assert "3 次" in found["pin"].text
    assert (key.tries_left, key.verify_count) == (3, 0)


def test_examination_tells_a_blocked_key(desk: Desk) -> None:
    key = card(ends=NOW + 365 * DAY)
    key.tries_left = 0
    desk.plug(key)
    told = looked("pin")
    assert (told.state, told.code, key.verify_count) == (State.FAULT, Fault.BLOCKED, 0)


def test_examination_tells_a_stopped_service_and_a_missing_reader(
    desk: Desk, tmp_path: Path
) -> None:
    assert (looked("reader").state, looked("key").code) == (State.GOOD, Fault.NO_KEY)
    desk.service.end_daemon()
    desk.wait_for(KIND.SERVICE_GONE)
    assert looked("service").code == Fault.SERVICE_STOPPED
    assert looked("reader").state is State.UNCHECKED
    bare = Pcscd(readers=tmp_path)
    bare.spawn()
    try:
        desk.wait_for(KIND.NO_READER)
        assert (looked("service").state, looked("reader").code) == (State.GOOD, Fault.NO_READER)
    finally:
        bare.end_daemon()
    desk.service.spawn()
    desk.wait_for(KIND.NO_KEY)
