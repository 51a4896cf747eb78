"""Chinese names as pinyin, for finding people by what a keyboard types. No Qt."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parents[1] / "resources" / "pinyin" / "table.txt"


class _Readings(NamedTuple):
    full: dict[int, str]  # for str.translate: a character to its syllable
    initials: dict[int, str]
    surnames: dict[str, str]  # read otherwise than the character alone; syllables parted by '
    surname: re.Pattern[str]


@cache
def _readings() -> _Readings:
    full: dict[int, str] = {}
    surnames: dict[str, str] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        syllable, chars = line.split(" ", 1)
        if syllable.startswith("^"):
            surnames[chars] = syllable[1:]
        else:
            for char in chars:
                full[ord(char)] = syllable
    full[ord("·")] = ""
    longest_first = sorted(surnames, key=len, reverse=True)
    return _Readings(
        full,
        {code: syllable[:1] for code, syllable in full.items()},
        surnames,
        re.compile(r"(?m)^(?:" + "|".join(map(re.escape, longest_first)) + ")"),
    )


def full_pinyin(names: str) -> str:
    """Names, one a line, as full pinyin, one a line: 曾小贤 is zengxiaoxian."""
    known = _readings()
    spelled = known.surname.sub(lambda m: known.surnames[m[0]].replace("'", ""), names)
    return spelled.translate(known.full).lower()


def initials(names: str) -> str:
    """Names, one a line, as first letters, one a line: 曾小贤 is zxx."""
    known = _readings()
    spelled = known.surname.sub(lambda m: _first_letters(known.surnames[m[0]]), names)
    return spelled.translate(known.initials).lower()


def _first_letters(reading: str) -> str:
    return "".join(syllable[0] for syllable in reading.split("'"))
