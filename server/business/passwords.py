"""What a unit's password must be: each rule by itself, to be shown while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

LENGTHS = range(10, 65)
OWN_CHARACTERS_MAX = 5  # So many in a row of what others know of the operator.
DIFFERENT_MIN = 4  # Characters that remain when what everybody tries first is taken out.
RUN_MIN = 3
# Keys and letters in a row, either way, and the words that lead every list of leaked passwords.
RUNS = (
    "01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "!@#$%^&*()", "147258369", "5201314",
)  # fmt: skip
WORDS = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "admin", "administrator", "root", "user",
    "test", "guest", "welcome", "letmein", "iloveyou", "woaini", "mima", "gongjijin", "zhufang",
    "gjj", "china", "yunnan", "chuxiong", "monkey", "dragon", "master", "hello", "login",
)  # fmt: skip
TRACKS = (*RUNS, *(run[::-1] for run in RUNS))


@dataclass(frozen=True)
class Rule:
    """``holds`` is told the password and what is the operator's own: numbers others may know."""

    label: str
    holds: Callable[[str, Collection[str]], bool]


def _is_long_enough(password: str, own: Collection[str]) -> bool:
    return len(password) in LENGTHS


def _is_mixed(password: str, own: Collection[str]) -> bool:
    letters = any(c.isascii() and c.isalpha() for c in password)
    return letters and any(c.isascii() and c.isdigit() for c in password)


def _names_nobody(password: str, own: Collection[str]) -> bool:
    length, typed = OWN_CHARACTERS_MAX + 1, password.lower()
    return not any(
        fact[at : at + length].lower() in typed
        for fact in own
        for at in range(len(fact) - OWN_CHARACTERS_MAX)
    )


def _is_rare(password: str, own: Collection[str]) -> bool:
    return len(set(_without_common_parts(password.lower()))) >= DIFFERENT_MIN


def _without_common_parts(text: str) -> str:
    kept, at = [], 0
    while at < len(text):
        length = _common_length(text, at)
        kept.append("" if length else text[at])
        at += length or 1
    return "".join(kept)


def _common_length(text: str, at: int) -> int:
    """How many characters from ``at`` on are a word or a run; 0 when none are."""
    word = max((len(word) for word in WORDS if text.startswith(word, at)), default=0)
    end = at + RUN_MIN
    while end <= len(text) and _is_run(text[at:end]):
        end += 1
    run = end - 1 - at
    return max(word, run if run >= RUN_MIN else 0)


def _is_run(part: str) -> bool:
    return len(set(part)) == 1 or any(part in track for track in TRACKS)


RULES = (
    Rule(f"{LENGTHS.start} 至 {LENGTHS.stop - 1} 个字符", _is_long_enough),
    Rule("同时含有字母和数字", _is_mixed),
    Rule(
        f"不含单位账号、手机号码、证件号码中连续 {OWN_CHARACTERS_MAX + 1} 位以上的内容",
        _names_nobody,
    ),
    Rule("不是常见、重复或有规律的密码", _is_rare),
)


def weakness(password: str, own: Collection[str]) -> str:
    """The rules that do not hold, in words; empty when all do."""
    return "；".join(rule.label for rule in RULES if not rule.holds(password, own))
