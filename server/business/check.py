"""Checks a batch or a form as its description says: the same code in client and server."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from server.business.base import Business, Field, Rules
from server.business.facts import (
    STATUSES,
    UNIT_STATUSES,
    Case,
    Due,
    OtherUnit,
    Past,
    Person,
    Status,
    Unit,
    Values,
)
from server.business.kinds import Invalid, trimmed
from server.business.month import Month
from server.business.refusals import (
    REFUSALS,
    Level,
    Problem,
    Refused,
    problem,
    problem_at,
    refused,
)

ROWS_MAX = 200_000
Texts = Mapping[str, str]


@dataclass(slots=True)
class Checked:
    """What came of a check: parsed and derived values, and every problem in row order."""

    head: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    today: dict[str, Any] = field(default_factory=dict)  # of the head's fields that have one

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.problems if p.level is Level.ERROR]

    @property
    def bad_rows(self) -> set[int]:
        return {p.row for p in self.errors if p.row is not None}

    @property
    def changed(self) -> dict[str, Any]:
        """What the head gives in the place of what is today."""
        return {
            key: self.head[key]
            for key, before in self.today.items()
            if key in self.head and self.head[key] != before
        }


def parse_cell(spec: Field, text: str, row: int | None = None) -> tuple[Any, Problem | None]:
    """The value of one typed cell, or the problem there; an empty cell is (None, None)."""
    if not trimmed(text):
        return None, None
    try:
        return spec.kind.parse(text), None
    except Invalid as fault:
        return None, problem_at(fault.code, spec.key, row, {"label": spec.label, **fault.facts})


def parse_texts(
    fields: Sequence[Field], texts: Texts, row: int | None
) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    for spec in fields:
        if not spec.typed or spec.sent_to:
            continue
        value, fault = parse_cell(spec, texts.get(spec.key, ""), row)
        if fault:
            problems.append(fault)
        elif value is not None:
            values[spec.key] = value
    return values, problems


def read_fields(fields: Sequence[Field], texts: Texts) -> dict[str, Any]:
    """The values of the typed texts; raises G14 with a problem for each field."""
    values, problems = parse_texts(fields, texts, None)
    unread = {p.key for p in problems}
    problems += [
        problem("V01", f.key, label=f.label)
        for f in fields
        if f.required and f.key not in values and f.key not in unread
    ]
    if problems:
        raise refuse_fields(*problems)
    return values


def refuse_fields(*problems: Problem) -> Refused:
    return refused("G14", problems, count=len(problems))


def check_head(
    business: Business,
    unit: Unit,
    texts: Texts,
    due: Mapping[Month, Due] | None,
    is_server: bool = False,
    rows: Sequence[Values] = (),
    persons: Mapping[Any, Person] = MappingProxyType({}),
    totals: Mapping[str, int] = MappingProxyType({}),
    other: OtherUnit | None = None,
) -> Checked:
    """The head of a batch, or a whole form, and what the unit's own state refuses. ``rows`` are
    the parsed rows, for what the head sums up, ``totals`` those of a form's preview; ``persons``
    holds the one a form is about."""
    business = business.in_force(unit)
    values, problems = parse_texts(business.head, texts, None)
    values |= _sums(business, rows, totals)
    key = values.get(business.person_key)
    person = _of(unit.unit_id, persons.get(key)) if key is not None else None
    case = Case(
        unit, values, person=person, due=due, other=other, is_server=is_server,
        typed=frozenset(values), unread=_unread(problems),
    )  # fmt: skip
    values = _with_derived(case, business.head_rules, values)
    case = replace(case, head=values)
    problems += _missing(business.head, values, case.unread, None)
    problems += _closed(business.head, unit, values)
    if not business.is_batch:
        problems += _check_person(business, case, key)
    problems += business.head_rules.check(case)
    today = {spec.key: spec.today(case) for spec in business.head if spec.today}
    return Checked(values, [], [*_check_unit(business, unit), *problems], today)


def check_row(
    business: Business,
    unit: Unit,
    head: Values,
    texts: Texts,
    row: int,
    persons: Mapping[Any, Person],
    is_server: bool = False,
    past: Mapping[int, Past] = MappingProxyType({}),
) -> tuple[dict[str, Any], list[Problem]]:
    """One row by itself: values and problems. What several rows share: see ``duplicates``.

    Of many rows the caller says ``business.in_force(unit)`` once for all.
    """
    values, problems = parse_texts(business.rows, texts, row)
    said = {s.key: values.pop(s.key) for s in business.rows if s.confirms and s.key in values}
    key = values.get(business.person_key)
    person = persons.get(key) if key is not None else None
    if business.takes:
        person = _of(_taken_from(business, unit, head), person)
    case = Case(
        unit, head, values, person, past=past.get(person.account) if person else None,
        is_server=is_server, typed=frozenset(values), unread=_unread(problems),
    )  # fmt: skip
    values = _with_derived(case, business.row_rules, values)
    problems += _missing(business.rows, values, case.unread, row)
    found = list(_check_person(business, case, key)) + list(
        business.row_rules.check(replace(case, row=values))
    )
    found += _confirm(business, said, values)
    problems += [replace(p, row=row) for p in found]
    return values, problems


def check_batch(
    business: Business,
    unit: Unit,
    head_texts: Texts,
    row_texts: Sequence[Texts],
    persons: Mapping[Any, Person],
    due: Mapping[Month, Due] | None = None,
    is_server: bool = False,
    taken: Mapping[str, Collection[Any]] = MappingProxyType({}),
    past: Mapping[int, Past] = MappingProxyType({}),
    totals: Mapping[str, int] = MappingProxyType({}),
    other: OtherUnit | None = None,
) -> Checked:
    """All of a batch. ``persons`` are found by the business's person key; ``taken`` holds, by
    field, the values that others have already; ``past`` the months of each account; ``totals`` are
    those of a form's preview; ``other`` is the unit that persons are taken from.
    """
    if not business.is_batch:
        whole = check_head(business, unit, head_texts, due, is_server, (), persons, totals)
        same = whole.today.keys() - whole.changed.keys()  # Nobody takes their own.
        given = {key: value for key, value in whole.head.items() if key not in same}
        whole.problems += taken_values(business, [given], taken, None)
        return whole
    business = business.in_force(unit)
    head, _ = parse_texts(business.head, head_texts, None)
    checked = Checked({})
    if not row_texts:
        checked.problems.append(problem("G10"))
    if len(row_texts) > ROWS_MAX:
        whole = check_head(business, unit, head_texts, due, is_server)
        whole.problems.append(problem("V12", limit=ROWS_MAX))
        return whole
    for number, texts in enumerate(row_texts):
        values, problems = check_row(business, unit, head, texts, number, persons, is_server, past)
        checked.rows.append(values)
        checked.problems += problems
    whole = check_head(
        business, unit, head_texts, due, is_server, checked.rows, other=other
    )  # fmt: skip
    checked.head, checked.today = whole.head, whole.today
    checked.problems += whole.problems
    checked.problems += taken_values(business, checked.rows, taken)
    keys = [r.get(business.person_key) for r in checked.rows]
    whom = [persons[key].account if key in persons else key for key in keys]
    checked.problems += duplicates(business, whom)
    checked.problems.sort(key=lambda p: -1 if p.row is None else p.row)
    return checked


def taken_values(
    business: Business,
    rows: Sequence[Values],
    taken: Mapping[str, Collection[Any]],
    first: int | None = 0,
) -> Iterator[Problem]:
    """At their rows, numbered from ``first``; a form has no rows."""
    for key, values in taken.items():
        code = business.field(key).taken_code
        for number, row in enumerate(rows):
            if row.get(key) in values:
                yield problem(code, key, None if first is None else first + number)


def duplicates(business: Business, keys: Sequence[Any]) -> Iterator[Problem]:
    """G07 at each later row that names a person of an earlier one (ruling 14)."""
    first: dict[Any, int] = {}
    for number, key in enumerate(keys):
        if key is None:
            continue
        other = first.setdefault(key, number)
        if other != number:
            yield problem("G07", business.person_key, number, other=other + 1)


def _unread(problems: Sequence[Problem]) -> frozenset[str]:
    return frozenset(p.key for p in problems)


def _with_derived(case: Case, rules: Rules, values: Values) -> dict[str, Any]:
    """What was typed stands before what is derived; what could not be read stays absent."""
    derived = rules.derive(case)
    return {key: value for key, value in derived.items() if key not in case.unread} | dict(values)


def _sums(business: Business, rows: Sequence[Values], totals: Mapping[str, int]) -> dict[str, int]:
    summed = {spec.key: spec.sum_of for spec in business.head if spec.sum_of}
    if not business.is_batch:
        return {key: totals[column] for key, column in summed.items() if column in totals}
    return {key: sum(row.get(column, 0) for row in rows) for key, column in summed.items()}


def _missing(
    fields: Sequence[Field], values: Values, unread: frozenset[str], row: int | None
) -> Iterator[Problem]:
    for spec in fields:
        if spec.typed and spec.required and spec.key not in values and spec.key not in unread:
            yield problem("V01", spec.key, row, label=spec.label)


def _confirm(
    business: Business, said: Mapping[str, Any], values: dict[str, Any]
) -> Iterator[Problem]:
    """What was said of a person must agree with what is known; of nobody known it stands."""
    for key, given in said.items():
        spec, known = business.field(key), values.setdefault(key, given)
        if not spec.kind.agrees(given, known):
            # Of another unit's person nothing is told.
            shown = "" if business.takes_from else f"“{spec.kind.show(known)}”"
            yield problem("G16", key, label=spec.label, known=shown)


def _closed(fields: Sequence[Field], unit: Unit, values: Values) -> Iterator[Problem]:
    for spec in fields:
        if spec.is_open and spec.key in values and not spec.is_open(unit):
            yield problem("U02", spec.key, label=spec.label)


def _taken_from(business: Business, unit: Unit, head: Values) -> int | None:
    """The unit whose persons the business takes; None while that is not typed."""
    return head.get(business.takes_from) if business.takes_from else unit.unit_id


def _of(unit_id: int | None, person: Person | None) -> Person | None:
    """What another unit's person is and has stays there."""
    return person if person and person.unit_id == unit_id else None


def _check_unit(business: Business, unit: Unit) -> Iterator[Problem]:
    if unit.status not in business.unit_statuses:
        yield problem("G01", status=UNIT_STATUSES[unit.status])
    for code in business.blocked_by:
        if serial := unit.paying.get(code):
            yield problem("G02", serial=serial)
    if business.daily_limit and unit.left_today == 0:
        yield problem("U04")


def _check_person(business: Business, case: Case, key: Any) -> Iterator[Problem]:
    """Whose the account is, and whether it stands where the business takes it from."""
    if not business.takes or key is None:
        return
    person = case.person
    if person is None and business.takes_from:
        if case.is_server:  # Nobody else knows the other unit's people.
            yield problem("Z02A", business.person_key)
    elif person is None:
        yield problem("G03", business.person_key)
    elif person.status not in (Status.NORMAL, Status.SEALED):
        yield problem("G04", business.person_key)
    elif person.status not in business.takes:
        wrong = problem(business.wrong_status, business.person_key, status=STATUSES[person.status])
        carried = [key for key in (business.person_key, "base") if key in case.row]
        texts = {key: business.field(key).kind.show(case.row[key]) for key in carried}
        yield replace(wrong, carries=texts) if REFUSALS[wrong.code].solved_by else wrong
