"""Where each refusal can come from: read from the descriptions and checks that say it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any

from server.business.base import Business, Field, Rules
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES
from server.business.query import Query
from server.business.refusals import AREAS, REFUSALS

PACKAGE = __name__.rpartition(".")[0]


def area_of(code: str) -> str:
    """Who says it, in a word: the longest beginning of the code that has one."""
    return next(AREAS[code[:n]] for n in range(len(code), -1, -1) if code[:n] in AREAS)


def origins(code: str) -> tuple[str, ...]:
    """The businesses whose checks can say it; nothing where it comes from elsewhere."""
    return tuple(label for label, codes in _found().items() if code in codes)


@cache
def _found() -> dict[str, frozenset[str]]:
    return {b.label: codes_of(b) for b in BUSINESSES + COUNTER_BUSINESSES}


def codes_of(business: Business) -> frozenset[str]:
    """What checking a document of it can find; in the catalogue's order by ``ordered``."""
    found = {c for rules in (business.head_rules, business.row_rules) for c in _of_rules(rules)}
    found |= {c for spec in business.fields if spec.typed for c in _of_kind(spec)}
    return frozenset((found | set(_of_description(business))) - {""})


def codes_of_query(query: Query) -> frozenset[str]:
    """What reading its search fields can find."""
    found = {c for part in query.filters for c in _of_kind(part.field)}
    found |= {"V01"} if any(part.field.required for part in query.filters) else set()
    return frozenset(found | ({"E21"} if any(part.since for part in query.filters) else set()))


def ordered(codes: frozenset[str]) -> list[str]:
    return [code for code in REFUSALS if code in codes]


def _of_description(business: Business) -> Iterator[str]:
    """What every check asks of a business that is so described."""
    yield "G01"
    yield from ("G07", "G10", "V12") if business.is_batch else ()
    yield from ("G02",) if business.blocked_by else ()
    yield from ("U04",) if business.daily_limit else ()
    if business.takes:
        yield from ("Z02A" if business.takes_from else "G03", "G04", business.wrong_status)
    for spec in business.fields:
        yield from ("V01",) if spec.typed and spec.required else ()
        yield from ("U02",) if spec.is_open else ()
        yield from ("L19", "L20", "L21") if spec.sent_to else ()
        yield from (spec.taken_code,) if spec.taken_code else ()
        yield from ("G16",) if spec.confirms else ()


def _of_rules(rules: Rules) -> Iterator[str]:
    for rule in (rules.derive, rules.check):
        yield from _said_by(rule)


def _of_kind(spec: Field) -> Iterator[str]:
    for base in type(spec.kind).__mro__:
        parse = vars(base).get("parse")
        if parse is not None:
            yield from _said_by(parse)
            if "super" not in parse.__code__.co_names:
                return


def _said_by(start: Any) -> frozenset[str]:
    """Every code that a function, or what it calls in this package, has in its text."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            found |= {thing} & REFUSALS.keys()
        elif isinstance(thing, partial):
            waiting += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, FunctionType) and thing.__module__.startswith(PACKAGE):
            waiting += _parts_of(thing)
        elif isinstance(thing, tuple | list | set | frozenset):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += thing.values()
    return frozenset(found)


def _parts_of(function: FunctionType) -> list[Any]:
    """The constants of its code, and what stands behind the names it uses."""
    parts: list[Any] = [cell.cell_contents for cell in function.__closure__ or ()]
    waiting: list[CodeType] = [function.__code__]
    while waiting:
        code = waiting.pop()
        waiting += [c for c in code.co_consts if isinstance(c, CodeType)]
        parts += [c for c in code.co_consts if not isinstance(c, CodeType)]
        parts += [function.__globals__[n] for n in code.co_names if n in function.__globals__]
    return [part for part in parts if part is not REFUSALS]
