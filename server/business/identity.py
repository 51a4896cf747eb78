"""Numbers that carry a check digit: resident IDs, unified social credit codes, account numbers."""

from __future__ import annotations

import datetime
from functools import lru_cache

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


@lru_cache(maxsize=65536)
def _birth_day(digits: str) -> datetime.date | None:
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def id_fault(number: str) -> str:
    """What is wrong with a resident ID number (GB 11643), in words; empty when nothing is."""
    if len(number) != 18:
        return f"应为 18 位，现为 {len(number)} 位"
    body = number[:17]
    if not (body.isascii() and body.isdigit()):
        return "前 17 位应为数字"
    if _birth_day(number[6:14]) is None:
        return f"第 7–14 位“{number[6:14]}”不是真实日期"
    expected = ID_CHECKS[sum(w * (ord(c) - 48) for w, c in zip(ID_WEIGHTS, body, strict=True)) % 11]
    if number[17] != expected:
        return f"第 18 位校验码应为“{expected}”，现为“{number[17]}”"
    return ""


def birth_day(number: str) -> datetime.date:
    """The day of birth in a valid resident ID number."""
    day = _birth_day(number[6:14])
    assert day is not None, "a checked ID number holds a real date"
    return day


def sex(number: str) -> str:
    """GB/T 2261.1 code from a valid resident ID number: ``1`` male, ``2`` female."""
    return "1" if int(number[16]) % 2 else "2"


def age(born: datetime.date, day: datetime.date) -> int:
    """Whole years on ``day``."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def uscc_is_valid(code: str) -> bool:
    """Both check digits of a unified social credit code (GB 32100, GB 11714)."""
    if len(code) != 18 or any(c not in USCC_LETTERS for c in code):
        return False
    total = sum(USCC_LETTERS.index(c) * w for c, w in zip(code, USCC_WEIGHTS, strict=False))
    if USCC_LETTERS[(31 - total % 31) % 31] != code[17]:
        return False
    total = sum(int(c, 36) * w for c, w in zip(code[8:16], ORGANISATION_WEIGHTS, strict=True))
    check = 11 - total % 11
    return code[16] == {10: "X", 11: "0"}.get(check, str(check))


def with_account_check(number: int) -> int:
    """Appends the check digit of an account number: ISO 7064 MOD 11-10 over its digits."""
    product = 10
    for digit in str(number):
        product = (product + int(digit)) % 10 or 10
        product = product * 2 % 11
    return number * 10 + (11 - product) % 10
