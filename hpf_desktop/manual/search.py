"""Finds pages of the manual by what an operator types: words, codes, or pinyin of a title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hpf_desktop import pinyin
from hpf_desktop.manual.topics import Topic

MARKS = re.compile(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|[*#\[]|^[-|: ]+$|^ *- ", re.MULTILINE)
BEFORE, AFTER = 12, 34


@dataclass(frozen=True)
class Hit:
    """``words`` stand around what was found in the text, which is ``found``."""

    code: str
    title: str
    words: str = ""
    found: str = ""


@dataclass(frozen=True)
class _Entry:
    code: str
    title: str
    keys: str  # title, full pinyin, initials
    lines: tuple[str, ...]


class Index:
    """Made once for all pages; a search reads some hundred kilobytes of text."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self._entries = [_entry(topic) for topic in topics]

    def find(self, typed: str) -> list[Hit]:
        """Titles first, then texts; every word must be there. Nothing typed finds nothing."""
        words = typed.casefold().split()
        if not words:
            return []
        by_title = [Hit(e.code, e.title) for e in self._entries if all(w in e.keys for w in words)]
        known = {hit.code for hit in by_title}
        in_text = (_hit_of(e, words) for e in self._entries if e.code not in known)
        return by_title + [hit for hit in in_text if hit]


def _entry(topic: Topic) -> _Entry:
    title = topic.title
    keys = " ".join((title, pinyin.full_pinyin(title), pinyin.initials(title))).casefold()
    text = plain(topic.markdown())
    return _Entry(topic.code, title, keys, tuple(text.splitlines()))


def plain(markdown: str) -> str:
    """Line by line without the signs of the markup; a table's row is one line."""
    bare = MARKS.sub("", markdown).replace("|", " ")
    return "\n".join(" ".join(line.split()) for line in bare.splitlines() if line.strip())


def _hit_of(entry: _Entry, words: list[str]) -> Hit | None:
    """The line that has all the words, or else every word somewhere and the first one's line."""
    folded = [line.casefold() for line in entry.lines]
    if not all(any(word in line for line in folded) for word in words):
        return None
    best = next((n for n, line in enumerate(folded) if all(w in line for w in words)), None)
    if best is None:
        best = next(n for n, line in enumerate(folded) if words[0] in line)
    line, at = entry.lines[best], folded[best].index(words[0])
    start = max(0, at - BEFORE)
    around = line[start : at + AFTER]
    shown = ("…" if start else "") + around + ("…" if at + AFTER < len(line) else "")
    return Hit(entry.code, entry.title, shown, line[at : at + len(words[0])])
