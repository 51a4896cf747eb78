"""Verification codes like 7K4M-9QXT-2B6D: random, with a tag that unmasks guesses."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing reads as something else.
RANDOM_SYMBOLS, TAG_SYMBOLS, GROUP = 9, 3, 4
READ_AS = str.maketrans("OIL", "011")
LENGTH_MAX = 40


def new_code(key: bytes) -> str:
    """45 random bits and 15 bits of tag. The caller's table keeps it unique."""
    number = secrets.randbits(5 * RANDOM_SYMBOLS)
    symbols = "".join(ALPHABET[number >> 5 * at & 31] for at in range(RANDOM_SYMBOLS))
    return _grouped(symbols + _tag(key, symbols))


def is_genuine(key: bytes, code: str) -> bool:
    """False for all but one in 32768 of the codes never given out, without a query."""
    symbols = normalise(code)
    if symbols is None:
        return False
    plain = symbols.replace("-", "")
    return hmac.compare_digest(plain[RANDOM_SYMBOLS:], _tag(key, plain[:RANDOM_SYMBOLS]))


def normalise(text: str) -> str | None:
    """The code as it is stored, from whatever a person typed; None if it cannot be one."""
    wide = unicodedata.normalize("NFKC", text[:LENGTH_MAX]).upper()
    symbols = re.sub(r"[\s\-‐-―]", "", wide).translate(READ_AS)
    if len(symbols) != RANDOM_SYMBOLS + TAG_SYMBOLS or not set(symbols) <= set(ALPHABET):
        return None
    return _grouped(symbols)


def _grouped(symbols: str) -> str:
    return "-".join(symbols[at : at + GROUP] for at in range(0, len(symbols), GROUP))


def _tag(key: bytes, symbols: str) -> str:
    digest = hmac.digest(key, symbols.encode("ascii"), "sha256")
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:TAG_SYMBOLS])
