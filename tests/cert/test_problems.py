"""Every fault has words of its own, and every card error is some fault at any time."""

from __future__ import annotations

import pytest

from hpf_desktop.cert.pcsc import ERRORS, error_of
from hpf_desktop.cert.problems import AFTER_PIN, BEFORE_PIN, Fault, problem_of
from hpf_desktop.cert.token import CardError
from server.business.refusals import REFUSALS

FACTS = {"until": "2026-01-01", "since": "2026-01-01", "seconds": 30}


@pytest.mark.parametrize("fault", Fault)
def test_fault_has_chinese_words_and_a_next_step(fault: Fault) -> None:
    problem = problem_of(fault, reader="R", tries_left=2, **FACTS)
    assert problem.code == fault.value
    assert problem.text and problem.next_step
    assert not set("{}") & set(problem.text + problem.next_step)


def test_faults_and_the_catalogues_key_codes_are_the_same_set() -> None:
    assert {code for code in REFUSALS if code.startswith("C") and code[1:].isdigit()} == set(Fault)


def test_every_card_error_is_a_fault_before_and_after_the_pin() -> None:
    assert set(BEFORE_PIN) == set(AFTER_PIN) == set(CardError)


def test_no_card_error_says_wrong_pin() -> None:
    wrong = {Fault.WRONG_PIN, Fault.PIN_NOT_ACCEPTED, Fault.BLOCKED, Fault.LAST_TRY}
    assert not wrong & {*BEFORE_PIN.values(), *AFTER_PIN.values()}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x8010001D, CardError.SERVICE_GONE),
        (0x8010001E, CardError.SERVICE_GONE),
        (0x80100013, CardError.SERVICE_GONE),
        (0x8010002E, CardError.NO_READERS),
        (0x8010000C, CardError.NO_CARD),
        (0x80100066, CardError.MUTE),
        (0x80100010, CardError.MUTE),
        (0x8010000F, CardError.MUTE),
        (0x8010000B, CardError.IN_USE),
        (0x80100016, CardError.REMOVED),
        (0x80100069, CardError.REMOVED),
        (0x80100068, CardError.RESET),
        (-2146434968, CardError.RESET),  # the same code as a signed number, as Windows gives it
        (0x12345678, CardError.FAILED),
    ],
)
def test_pcsc_code_is_one_card_error(code: int, error: CardError) -> None:
    assert error_of(code) is error


def test_every_card_error_but_two_has_a_pcsc_code() -> None:
    assert set(CardError) - set(ERRORS.values()) == {CardError.MALFORMED, CardError.FAILED}
