"""The rows of the sheet, column by column, and what is known of each row. No Qt."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import compress
from typing import Any

from hpf_desktop.ui.sheet.checking import Checked
from hpf_desktop.ui.sheet.columns import Column, columns_of
from hpf_desktop.ui.sheet.faults import ERROR, HINT, Faults
from server.business.base import Business
from server.business.refusals import Problem

# States of a row. OPEN: nothing is wrong, but its person is not known yet.
BLANK, UNCHECKED, OPEN, PASSED, HINTED, FAULTY = range(6)
DOUBT = bytes([BLANK, *[UNCHECKED] * 255])
STATE_OF_LEVEL = {0: PASSED, HINT: HINTED, ERROR: FAULTY}
Rows = Sequence[int]


@dataclass(frozen=True)
class Taken:
    """Rows as they were taken out: where, who they were, and their typed texts by column."""

    rows: Rows
    ids: array[int]
    texts: list[list[str]]
    pinned: dict[int, tuple[Problem, ...]]


class Store:
    """One list of texts per column: ``typed`` by the operator, or ``filled`` in by a check.

    ``ids`` tell rows apart for as long as they live; a row number does not, rows move.
    """

    def __init__(self, business: Business) -> None:
        self.business = business
        self.columns = columns_of(business)
        self.typed: list[list[str]] = [[] for _ in self.columns]
        self.filled: list[list[str]] = [[] for _ in self.columns]
        self.keys: list[Any] = []  # parsed person keys, None where there is none
        self.key_counts: Counter[Any] = Counter()
        self.unknown: set[Any] = set()  # keys of persons whom a check has not found
        self.repeats_stale = False
        self.states = bytearray()
        self.ids: array[int] = array("q")
        self.faults = Faults({c.key: n for n, c in enumerate(self.columns)}, len(self.columns))
        self._next_id = 1

    def show_as(self, business: Business) -> tuple[Column, ...]:
        """The same business with other choices, and so its columns."""
        self.business, self.columns = business, columns_of(business)
        return self.columns

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def filled_rows(self) -> int:
        return len(self.states) - self.states.count(BLANK)

    def typed_columns(self) -> list[int]:
        return [n for n, column in enumerate(self.columns) if column.is_typed]

    def text(self, row: int, column: int) -> str:
        """What the cell shows: as typed, or else as filled in."""
        return self.typed[column][row] or self.filled[column][row]

    def new_ids(self, count: int) -> array[int]:
        first = self._next_id
        self._next_id += count
        return array("q", range(first, first + count))

    def begin(self, texts: list[list[str]]) -> None:
        """Fills an empty store: the texts of every column, which become its own."""
        assert not self.ids, "a store is begun once"
        count = len(texts[0])
        self.typed = texts
        self.filled = [[""] * count for _ in texts]
        self.keys = [None] * count
        self.ids = self.new_ids(count)
        self.states = bytearray(count)
        self._set_states(range(count))

    def write(self, rows: Rows, blocks: dict[int, list[str]]) -> None:
        """Puts texts at ``rows``, the same rows in every column of ``blocks``."""
        is_block = isinstance(rows, range)
        for column, texts in blocks.items():
            assert self.columns[column].is_typed, "computed columns are not written"
            target = self.typed[column]
            if is_block:
                target[rows.start : rows.stop] = texts  # type: ignore[attr-defined]
            else:
                for row, text in zip(rows, texts, strict=True):
                    target[row] = text
        self._set_states(rows)

    def read(self, rows: Rows, columns: Iterable[int]) -> dict[int, list[str]]:
        if isinstance(rows, range):
            return {c: self.typed[c][rows.start : rows.stop] for c in columns}
        return {c: [self.typed[c][row] for row in rows] for c in columns}

    def insert(self, taken: Taken) -> None:
        """Puts rows in; ``taken.rows`` are ascending, and are where they stand afterwards."""
        rows, count = taken.rows, len(taken.rows)
        if not count:
            return
        if self.faults.rows():
            self.faults.move(shift_for_insert(rows))
        self.repeats_stale |= bool(self.faults.repeats)
        blanks = [""] * count
        for column, texts in enumerate(taken.texts):
            self.typed[column] = _with(self.typed[column], rows, texts)
            self.filled[column] = _with(self.filled[column], rows, blanks)
        self.keys = _with(self.keys, rows, [None] * count)
        self.ids = array("q", _with(self.ids, rows, taken.ids))
        self.states = bytearray(_with(self.states, rows, bytes(count)))
        for row, found in taken.pinned.items():
            self.faults.pin(row, found)
        self._set_states(rows)

    def remove(self, rows: Rows) -> Taken:
        """Takes rows out, ascending, and returns what puts them back."""
        texts = list(self.read(rows, range(len(self.columns))).values())
        ids = array("q", (self.ids[row] for row in rows))
        pinned = {}
        self.repeats_stale |= bool(self.faults.repeats)
        for key in (self.keys[row] for row in rows):
            if key is not None:
                self._forget_key(key)
        if fault_rows := self.faults.rows():
            gone = set(rows) if not isinstance(rows, range) else rows
            for row in [r for r in fault_rows if r in gone]:
                if row in self.faults.pinned:
                    pinned[row] = self.faults.pinned[row]
                self.faults.forget(row)
            self.faults.move(shift_for_remove(rows))
        self.typed = [_without(column, rows) for column in self.typed]
        self.filled = [_without(column, rows) for column in self.filled]
        self.keys = _without(self.keys, rows)
        self.ids = array("q", _without(self.ids, rows))
        self.states = bytearray(_without(self.states, rows))
        return Taken(rows, ids, texts, pinned)

    def blank_rows(self, at: int, count: int) -> Taken:
        texts = [[""] * count for _ in self.columns]
        return Taken(range(at, at + count), self.new_ids(count), texts, {})

    def texts_of(self, rows: Rows) -> list[list[str]]:
        """The typed texts of some rows in every column."""
        return [[column[row] for row in rows] for column in self.typed]

    def put_checked(self, checked: Checked, touched: Set[int] = frozenset()) -> None:
        """Takes over what a check found, but for the rows that were touched meanwhile."""
        numbers = [n for n, row in enumerate(checked.rows) if row not in touched]
        rows = [checked.rows[n] for n in numbers]
        for column, filled in zip(self.filled, checked.filled, strict=True):
            for number, row in zip(numbers, rows, strict=True):
                column[row] = filled[number]
        self.unknown.difference_update(checked.keys)
        self.unknown |= checked.unknown
        faults, problems = self.faults, checked.problems
        for number, row in zip(numbers, rows, strict=True):
            self._put_key(row, checked.keys[number])
            if row in problems or row in faults.checked:
                faults.put_checked(row, problems.get(row, ()))
            self.set_state(row)

    def doubt_all(self) -> None:
        """Every row that is not blank waits for its check again."""
        self.states = self.states.translate(DOUBT)

    def waiting_rows(self, most: int) -> list[int]:
        """The first rows that wait for their check."""
        found: list[int] = []
        row = self.states.find(UNCHECKED)
        while row >= 0 and len(found) < most:
            found.append(row)
            row = self.states.find(UNCHECKED, row + 1)
        return found

    def _put_key(self, row: int, key: Any) -> None:
        """Which rows repeat others must be found anew only when a key is, or was, there twice."""
        old = self.keys[row]
        if old == key:
            return
        self.keys[row] = key
        if old is not None:
            self._forget_key(old)
        if key is not None:
            self.key_counts[key] += 1
            self.repeats_stale |= self.key_counts[key] > 1

    def _forget_key(self, key: Any) -> None:
        self.repeats_stale |= self.key_counts[key] > 1
        self.key_counts[key] -= 1
        if not self.key_counts[key]:
            del self.key_counts[key]

    def set_state(self, row: int) -> None:
        """After its problems are known."""
        state = STATE_OF_LEVEL[self.faults.level(row)]
        is_open = state == PASSED and self.keys[row] in self.unknown
        self.states[row] = OPEN if is_open else state

    def _set_states(self, rows: Rows) -> None:
        """Rows with any text wait for their check; rows without have nothing wrong with them."""
        has_text = self._have_text(rows)
        emptied = []
        if 0 in has_text:
            pairs = zip(rows, has_text, strict=True)
            emptied = [row for row, is_full in pairs if not is_full and self.states[row] != BLANK]
        if isinstance(rows, range):
            self.states[rows.start : rows.stop] = has_text  # True is UNCHECKED, False is BLANK.
        else:
            for row, is_full in zip(rows, has_text, strict=True):
                self.states[row] = is_full
        self._make_blank(emptied)

    def _have_text(self, rows: Rows) -> bytearray:
        """1 or 0 for each row: by its first column, and by the others where that is empty."""
        first, *others = self.typed_columns()
        found = bytearray(map(bool, self.read(rows, (first,))[first]))
        if found.count(0) > len(found) // 2:
            given = self.read(rows, (first, *others)).values()
            return bytearray(map(any, zip(*given, strict=True)))
        columns = [self.typed[column] for column in others]
        at = found.find(0)
        while at >= 0:
            row = rows[at]
            found[at] = any(column[row] for column in columns)
            at = found.find(0, at + 1)
        return found

    def _make_blank(self, rows: list[int]) -> None:
        """Nothing is known, computed or wrong in them any more."""
        for row in self.faults.rows().intersection(rows):
            self.faults.forget(row)
        for row in rows:
            self.states[row] = BLANK
            if self.keys[row] is not None:
                self._put_key(row, None)
        is_run = bool(rows) and rows[-1] - rows[0] + 1 == len(rows)
        for column in self.filled:
            if is_run:
                column[rows[0] : rows[-1] + 1] = [""] * len(rows)
            else:
                for row in rows:
                    column[row] = ""


def shift_for_insert(rows: Rows) -> Callable[[int], int]:
    """Where an old row goes when rows come in at ``rows``."""
    if isinstance(rows, range):
        return lambda row: row if row < rows.start else row + len(rows)
    starts = [row - n for n, row in enumerate(rows)]
    return lambda row: row + bisect_right(starts, row)


def shift_for_remove(rows: Rows) -> Callable[[int], int]:
    """Where a row that stays goes when ``rows`` are taken out."""
    if isinstance(rows, range):
        return lambda row: row if row < rows.start else row - len(rows)
    return lambda row: row - bisect_left(rows, row)


def _with(values: Sequence[Any], rows: Rows, new: Sequence[Any]) -> list[Any]:
    if isinstance(rows, range):
        return [*values[: rows.start], *new, *values[rows.start :]]
    merged, old, coming = [], iter(values), dict(zip(rows, new, strict=True))
    for row in range(len(values) + len(rows)):
        merged.append(coming[row] if row in coming else next(old))
    return merged


def _without(values: Sequence[Any], rows: Rows) -> list[Any]:
    if isinstance(rows, range):
        return [*values[: rows.start], *values[rows.stop :]]
    stays = bytearray(b"\1") * len(values)
    for row in rows:
        stays[row] = 0
    return list(compress(values, stays))
