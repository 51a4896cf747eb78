"""The password policy: each rule by passwords that keep and break it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.passwords import RULES, weakness

OWN = ("530100000018", "13987810001", "532301198803071013")
LENGTH, MIXED, OWN_NUMBERS, RARE = (rule.label for rule in RULES)


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        ("Zhuan-7-lan-shu", []),
        ("彩云之南有好花开a1", []),
        ("k7Qm2xVw9t", []),
        ("k7Qm2xVw9", [LENGTH]),
        ("k7Qm2xVw9t" * 6 + "abcd", []),
        ("k7Qm2xVw9t" * 6 + "abcde", [LENGTH]),
        ("kmQxVwtHdR", [MIXED]),
        ("7294618350", [MIXED]),
        ("彩云之南有好花开放二三", [MIXED]),
        ("Wx13987810001", [OWN_NUMBERS]),
        ("Wxy-Qvh-880307", [OWN_NUMBERS]),
        ("Wxy-Qvh-88030", []),
        ("Wq7-071013-hk", [OWN_NUMBERS]),
        ("password1234", [RARE]),
        ("P@ssw0rd123aB", [RARE]),
        ("Qwerty123456", [RARE]),
        ("1qaz2wsx3edc", [RARE]),
        ("abcdef654321", [RARE]),
        ("aaaaaaaa1111", [RARE]),
        ("Admin@888888", [RARE]),
        ("woaini5201314", [RARE]),
        ("Gongjijin2026", [RARE]),
        ("", [LENGTH, MIXED, RARE]),
    ],
)
def test_password_breaks_these_rules(password: str, broken: list[str]) -> None:
    assert [rule.label for rule in RULES if not rule.holds(password, OWN)] == broken
    assert weakness(password, OWN) == "；".join(broken)


@given(st.text(alphabet=string.printable, max_size=80), st.lists(st.text(max_size=20), max_size=3))
def test_every_text_is_judged(password: str, own: list[str]) -> None:
    """Whatever is typed, on the way to a good password, too."""
    assert bool(weakness(password, own)) is not all(r.holds(password, own) for r in RULES)


@given(st.text(alphabet=string.ascii_letters, min_size=0, max_size=8))
def test_own_number_is_found_wherever_it_stands(around: str) -> None:
    assert OWN_NUMBERS in weakness(f"{around}{OWN[1]}{around}", OWN)
