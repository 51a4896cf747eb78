"""Finds people by part of an account, name, pinyin, initials or ID number's tail. No Qt."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from hpf_desktop import pinyin
from server.business.facts import Person, Status
from server.business.kinds import DocumentNumber

FOUND_MAX = 50
SCANNED_MAX = 400  # Hits looked at before they are ranked.
WHOLE_ID = re.compile(r"[0-9]{17}[0-9x]")


class PeopleIndex:
    """One line of lower-case keys per person, all in one text that ``str.find`` runs through.

    People who stand where the business takes them from come first, so that they are found first.
    """

    def __init__(self, people: Iterable[Person], takes: Collection[Status] = ()) -> None:
        self.people = sorted(people, key=lambda p: (p.status not in takes, p.account))
        names = "".join(f"{p.name}\n" for p in self.people)
        spelled = pinyin.full_pinyin(names).splitlines()
        letters = pinyin.initials(names).splitlines()
        lines = [
            f"{p.account}\t{p.name.lower()}\t{letter}\t{full}\t{p.id_tail.lower()}"
            for p, letter, full in zip(self.people, letters, spelled, strict=True)
        ]
        self.text = "".join(f"{line}\n" for line in lines)
        self.starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        self.takes = takes

    def find(self, query: str) -> list[Person]:
        """The best first, at most ``FOUND_MAX``; an empty query gives the first people."""
        words = [_covered(word) for word in query.lower().split()]
        if not words:
            return self.people[:FOUND_MAX]
        hits = self._hits(words) or self._scattered("".join(words))
        hits.sort(key=lambda line: self._rank(line, words[0]))
        return [self.people[line] for line in hits[:FOUND_MAX]]

    def _hits(self, words: list[str]) -> list[int]:
        """Lines that hold every word: first those that end with it, the tail of an ID number."""
        longest = max(words, key=len)
        found = dict.fromkeys(self._lines_with(f"{longest}\n", words))
        found |= dict.fromkeys(self._lines_with(longest, words))
        return list(found)

    def _lines_with(self, sought: str, words: list[str]) -> Iterator[int]:
        at, count = self.text.find(sought), 0
        while at >= 0 and count < SCANNED_MAX:
            line = bisect_right(self.starts, at) - 1
            if all(word in self._line(line) for word in words):
                yield line
                count += 1
            at = self.text.find(sought, self.starts[line + 1])

    def _scattered(self, query: str) -> list[int]:
        """The last resort: a name with a character left out, 阿买提 for 阿依·买买提."""
        if query.isascii() or len(query) > 10:
            return []
        pattern = re.compile("[^\t\n]{0,3}?".join(map(re.escape, query)))
        found = []
        for hit in pattern.finditer(self.text):
            found.append(bisect_right(self.starts, hit.start()) - 1)
            if len(found) == SCANNED_MAX:
                break
        return found

    def _line(self, number: int) -> str:
        return self.text[self.starts[number] : self.starts[number + 1] - 1]

    def _rank(self, number: int, word: str) -> tuple[bool, int, int]:
        """Whole keys before beginnings, those before the rest; names before numbers."""
        keys = self._line(number).split("\t")
        account, name, letters, spelled, tail = keys
        is_other = self.people[number].status not in self.takes
        for rank, fits in enumerate((
            word in (name, letters, spelled, account),
            name.startswith(word),
            letters.startswith(word),
            spelled.startswith(word),
            tail.endswith(word),
            account.endswith(word) or account.startswith(word),
        )):  # fmt: skip
            if fits:
                return is_other, rank, number
        return is_other, 9, number


def _covered(word: str) -> str:
    """A whole ID number as the people's own are known here: with its middle covered."""
    return DocumentNumber().mask(word) if WHOLE_ID.fullmatch(word) else word
