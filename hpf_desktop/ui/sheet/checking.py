"""Checks rows of the sheet as the business describes; pure, for any thread. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpf_desktop.ui.sheet.columns import Column
from server.business.base import Business
from server.business.check import check_row, duplicates
from server.business.facts import Person, Unit
from server.business.kinds import Account
from server.business.refusals import Problem

PROGRESS_ROWS = 40
Columns = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Facts:
    """What a check knows besides the rows: unit, parsed head, and people by account number."""

    business: Business
    unit: Unit
    head: Mapping[str, Any]
    people: Mapping[int, Person]
    elsewhere: Mapping[Any, Person] = field(default_factory=dict)  # of another unit, as found

    @property
    def found_by_key(self) -> Mapping[Any, Person]:
        """People as checks find them; by account only when the business does so."""
        if self.business.takes_from:
            return self.elsewhere
        key = self.business.person_key
        by_account = bool(key) and isinstance(self.business.field(key).kind, Account)
        return self.people if by_account else {}


@dataclass(frozen=True)
class Checked:
    """What came of some rows, column by column: few objects, so that no collection is set off.

    ``keys`` are the parsed person keys, ``filled`` what was computed for the blank cells, and
    ``problems`` stand by row, only where there are any. ``unknown`` are the keys of another unit's
    persons who have not been found: their rows were checked against nobody.
    """

    rows: Sequence[int]
    keys: list[Any]
    filled: list[list[str]]
    problems: dict[int, tuple[Problem, ...]]
    unknown: set[Any]


def ignore_progress(done: int, total: int) -> None:
    """For a few rows nobody waits."""


def check_rows(
    facts: Facts,
    columns: Sequence[Column],
    rows: Sequence[int],
    texts: Columns,
    progress: Callable[[int, int], None] = ignore_progress,
) -> Checked:
    """``texts`` are the typed texts of ``rows`` in each column. ``progress`` may stop it."""
    done = Checked(rows, [], [[] for _ in columns], {}, set())
    typed = [(c.key, column) for c, column in zip(columns, texts, strict=True) if c.is_typed]
    shows = [(c.key, c.show, filled) for c, filled in zip(columns, done.filled, strict=True)]
    people, person_key = facts.found_by_key, facts.business.person_key
    business = facts.business.in_force(facts.unit)
    for number, row in enumerate(rows):
        if number % PROGRESS_ROWS == 0:
            progress(number, len(rows))
        given = {key: text for key, column in typed if (text := column[number])}
        values, problems = check_row(business, facts.unit, facts.head, given, row, people)
        key = values.get(person_key)
        done.keys.append(key)
        if business.takes_from and key is not None and key not in people:
            done.unknown.add(key)
        for field_key, show, filled in shows:
            is_filled = field_key in values and field_key not in given
            filled.append(show(values[field_key]) if is_filled else "")
        if problems:
            done.problems[row] = tuple(problems)
    return done


def repeats(business: Business, keys: Sequence[Any]) -> dict[int, Problem]:
    """The later rows that name a person of an earlier one; ``keys`` stand in row order."""
    return {p.row: p for p in duplicates(business, keys) if p.row is not None}
