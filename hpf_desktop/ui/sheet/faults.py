"""What is wrong in the sheet, by cell and row: found here, by the server, or at import. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from server.business.refusals import Level, Problem

HINT, ERROR = 1, 2
LEVELS = {Level.HINT: HINT, Level.ERROR: ERROR}
Found = tuple[Problem, ...]


class Mark(NamedTuple):
    """What a cell shows of its problems: the worst level, and all the words."""

    level: int
    text: str


class Faults:
    """Problems by source row. ``checked`` are replaced by each check of the row; ``pinned`` stay
    until their cell is edited; ``repeats`` concern several rows and are found together.

    ``marks`` holds, per column, {row: Mark}: what painting asks for.
    """

    def __init__(self, column_of: Mapping[str, int], columns: int) -> None:
        self.column_of = column_of
        self.marks: list[dict[int, Mark]] = [{} for _ in range(columns)]
        self.checked: dict[int, Found] = {}
        self.pinned: dict[int, Found] = {}
        self.repeats: dict[int, Problem] = {}
        self.errors = 0
        self.hints = 0

    def of_row(self, row: int) -> list[Problem]:
        found = [*self.pinned.get(row, ()), *self.checked.get(row, ())]
        if row in self.repeats:
            found.append(self.repeats[row])
        return found

    def says(self, row: int, problem: Problem) -> bool:
        """Whether the row shows the same already."""
        same = (problem.code, problem.key, problem.text)
        return any((p.code, p.key, p.text) == same for p in self.of_row(row))

    def rows(self) -> set[int]:
        return self.checked.keys() | self.pinned.keys() | self.repeats.keys()

    def column(self, problem: Problem) -> int:
        """Where a problem stands; one about the whole row stands at its first cell."""
        return self.column_of.get(problem.key, 0)

    def level(self, row: int) -> int:
        if row not in self.checked and row not in self.pinned and row not in self.repeats:
            return 0
        return max((LEVELS[p.level] for p in self.of_row(row)), default=0)

    def put_checked(self, row: int, found: Iterable[Problem]) -> None:
        with_row = tuple(found)
        if with_row or row in self.checked:
            self._change(row, lambda: _put(self.checked, row, with_row))

    def put_repeats(self, found: Mapping[int, Problem]) -> set[int]:
        """Replaces all of them; the rows whose marks changed."""
        changed = {r for r in self.repeats.keys() | found if self.repeats.get(r) != found.get(r)}
        for row in changed:
            self._change(row, lambda row=row: _put(self.repeats, row, found.get(row)))  # type: ignore[misc]
        return changed

    def pin(self, row: int, found: Iterable[Problem]) -> None:
        kept = (*self.pinned.get(row, ()), *found)
        self._change(row, lambda: _put(self.pinned, row, kept))

    def unpin(self, row: int, keys: Iterable[str] | None = None) -> Found:
        """Takes away, and returns, what was pinned to these cells and to the row as a whole."""
        pinned = self.pinned.get(row)
        if not pinned:
            return ()
        touched = None if keys is None else {*keys, ""}
        gone = tuple(p for p in pinned if touched is None or p.key in touched)
        left = tuple(p for p in pinned if p not in gone)
        self._change(row, lambda: _put(self.pinned, row, left))
        return gone

    def forget(self, row: int) -> None:
        """Everything about the row, before it goes or becomes empty."""
        if row in self.checked or row in self.pinned or row in self.repeats:
            self._change(row, lambda: self._drop(row))

    def move(self, where: Callable[[int], int]) -> None:
        """Rows were inserted or removed: each row of a problem goes to ``where(row)``."""
        self.checked = {where(r): found for r, found in self.checked.items()}
        self.pinned = {where(r): found for r, found in self.pinned.items()}
        self.repeats = {where(r): found for r, found in self.repeats.items()}
        self.marks = [{where(r): mark for r, mark in marks.items()} for marks in self.marks]

    def cells(self, order: Callable[[int], int | None]) -> list[tuple[int, int, int]]:
        """(place, column, level) of every marked cell whose row has a place, in reading order."""
        found = []
        for column, marks in enumerate(self.marks):
            for row, mark in marks.items():
                place = order(row)
                if place is not None:
                    found.append((place, column, mark.level))
        return sorted(found)

    def __iter__(self) -> Iterator[Problem]:
        for row in sorted(self.rows()):
            for problem in self.of_row(row):
                yield replace(problem, row=row)

    def _drop(self, row: int) -> None:
        for place in (self.checked, self.pinned, self.repeats):
            place.pop(row, None)  # type: ignore[attr-defined]

    def _change(self, row: int, change: Callable[[], None]) -> None:
        self._count(row, -1)
        change()
        self._count(row, 1)
        self._mark(row)

    def _count(self, row: int, sign: int) -> None:
        for problem in self.of_row(row):
            if problem.level is Level.ERROR:
                self.errors += sign
            else:
                self.hints += sign

    def _mark(self, row: int) -> None:
        for marks in self.marks:
            marks.pop(row, None)
        for problem in self.of_row(row):
            marks = self.marks[self.column(problem)]
            level, words = LEVELS[problem.level], words_of(problem)
            other = marks.get(row)
            if other is None:
                marks[row] = Mark(level, words)
            elif words not in other.text:
                marks[row] = Mark(max(level, other.level), f"{other.text}\n{words}")


def words_of(problem: Problem) -> str:
    return f"{problem.text}。{problem.next_step}" if problem.next_step else problem.text


def _put(place: dict[int, object], row: int, found: object) -> None:
    if found:
        place[row] = found
    else:
        place.pop(row, None)
