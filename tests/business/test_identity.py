"""Check digits against the standards' own examples and against independent formulas."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.identity import (
    age,
    birth_day,
    id_fault,
    sex,
    uscc_is_valid,
    with_account_check,
)
from tests.business.samples import TEXT, id_born, id_number


@pytest.mark.parametrize(
    ("number", "is_male", "born"),
    [
        ("11010519491231002X", False, datetime.date(1949, 12, 31)),
        ("440524188001010014", True, datetime.date(1880, 1, 1)),
        ("532301199003070012", True, datetime.date(1990, 3, 7)),
        ("532301198512310024", False, datetime.date(1985, 12, 31)),
        ("53233119780615004X", False, datetime.date(1978, 6, 15)),
        ("532322200002290037", True, datetime.date(2000, 2, 29)),
    ],
)
def test_id_number_valid_gives_sex_and_birth(
    number: str, is_male: bool, born: datetime.date
) -> None:
    assert id_fault(number) == ""
    assert sex(number) == ("1" if is_male else "2")
    assert birth_day(number) == born


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("532301199003070013", "校验码应为“2”"),
        ("532301199002300015", "不是真实日期"),
        ("532301900307001", "应为 18 位，现为 15 位"),
        ("5323011990030700120", "应为 18 位，现为 19 位"),
        ("53230119900307001x", "校验码"),
        ("5323011990O3070012", "前 17 位应为数字"),
        ("５３２３０１199003070012", "前 17 位应为数字"),
        ("", "应为 18 位，现为 0 位"),
    ],
)
def test_id_number_faulty_says_what_is_wrong(number: str, word: str) -> None:
    assert word in id_fault(number)


@given(st.dates(datetime.date(1900, 1, 1)), st.integers(0, 999), st.integers(0, 16))
def test_id_number_with_one_digit_changed_is_refused(
    day: datetime.date, order: int, place: int
) -> None:
    number = id_born(day, f"{order:03d}")
    assert id_fault(number) == ""
    digit = (int(number[place]) + 1) % 10
    assert id_fault(number[:place] + str(digit) + number[place + 1 :])


@given(st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_id_check_digit_agrees_with_the_recursive_formula(body: str) -> None:
    assert "校验码" not in id_fault(id_number(body))


@given(TEXT)
def test_id_and_credit_code_of_any_text_never_raise(text: str) -> None:
    assert isinstance(id_fault(text), str)
    assert uscc_is_valid(text) in (True, False)


@pytest.mark.parametrize(
    ("code", "is_valid"),
    [
        ("91110000600037341L", True),
        ("91440300708461136T", True),
        ("91532300MA6NTEQT85", True),
        ("12532300432100072Y", True),
        ("91532300MA6NTEQT86", False),
        ("91532300MA6NTESQ85", False),
        ("91532300MA6NTEQT8", False),
        ("", False),
    ],
)
def test_credit_code_vectors(code: str, is_valid: bool) -> None:
    assert uscc_is_valid(code) is is_valid


def test_age_counts_whole_years_only() -> None:
    born = datetime.date(2008, 2, 29)
    assert age(born, datetime.date(2024, 2, 28)) == 15
    assert age(born, datetime.date(2024, 2, 29)) == 16
    assert age(born, datetime.date(2025, 2, 28)) == 16
    assert age(born, datetime.date(2025, 3, 1)) == 17


@pytest.mark.parametrize("whole", [36574261809, 33392005961])
def test_account_check_digit_follows_iso_7064(whole: int) -> None:
    # Published numbers of two other schemes under the same MOD 11-10.
    assert with_account_check(whole // 10) == whole


@given(st.integers(10**10, 10**11 - 1), st.integers(0, 10), st.integers(1, 9))
def test_account_check_digit_finds_one_wrong_digit(body: int, place: int, by: int) -> None:
    digits = str(body)
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    if wrong[0] != "0":
        assert with_account_check(int(wrong)) % 10 != with_account_check(body) % 10
