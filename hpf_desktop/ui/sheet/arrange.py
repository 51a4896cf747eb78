"""Which rows are shown and in what order: sort, search, and only those with problems. No Qt."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from hpf_desktop import pinyin
from hpf_desktop.ui.sheet.columns import fen_of
from hpf_desktop.ui.sheet.store import BLANK, FAULTY, HINTED, Store

AMOUNTS = re.compile(r"(?>(?:-?[0-9,]++\.[0-9]{2})?\n)*+")


def sorted_rows(store: Store, column: int, is_down: bool, rows: Sequence[int] | None) -> list[int]:
    """``rows`` (or all) by a column's texts; blank cells come last either way.

    Equal ones keep their order. The result column, past the last one, sorts by how bad rows are.
    """
    if column == len(store.columns):
        return sorted(rows or range(len(store)), key=store.states.__getitem__, reverse=is_down)
    shown = shown_texts(store, column)
    given = range(len(store)) if rows is None else rows
    if store.columns[column].is_money:
        amounts = _amounts(shown)
        full = [row for row in given if amounts[row] is not None]
        rest = [row for row in given if amounts[row] is None]
        full.sort(key=amounts.__getitem__, reverse=is_down)
        return full + rest
    full = [row for row in given if shown[row]]
    rest = [row for row in given if not shown[row]]
    full.sort(key=shown.__getitem__, reverse=is_down)
    return full + rest


def shown_texts(store: Store, column: int) -> list[str]:
    """A whole column as shown: what was typed, or else what was filled in."""
    typed, filled = store.typed[column], store.filled[column]
    if not store.columns[column].is_typed:
        return filled
    if not any(filled):
        return typed
    return [t or f for t, f in zip(typed, filled, strict=True)]


def _amounts(shown: list[str]) -> list[int | None]:
    """Fen of every row; all at once when every text is an amount or empty."""
    joined = "\n".join(shown)
    if AMOUNTS.fullmatch(f"{joined}\n"):
        plain = joined.replace(",", "").replace(".", "").split("\n")
        return [int(text) if text else None for text in plain]
    return [fen_of(text) if text else None for text in shown]


def matching_rows(store: Store, query: str) -> list[int]:
    """Rows whose name, pinyin, initials, account or document number holds the query."""
    query = query.strip().lower()
    found: set[int] = set()
    for column in (n for n, c in enumerate(store.columns) if c.is_identity):
        joined = joined_lines(shown_texts(store, column))
        found.update(lines_with(joined.lower(), query))
        if store.columns[column].is_name and query.isascii() and query.isalpha():
            found.update(lines_with(pinyin.initials(joined), query))
            found.update(lines_with(pinyin.full_pinyin(joined), query))
    return sorted(found)


def joined_lines(texts: Sequence[str]) -> str:
    """One text a line; a line break inside a text would shift all that follow."""
    joined = "\n".join(texts)
    if joined.count("\n") >= max(1, len(texts)):
        joined = "\n".join(text.replace("\n", " ") for text in texts)
    return joined


def lines_with(text: str, query: str) -> list[int]:
    """The numbers of the lines that hold ``query``."""
    at = text.find(query)
    if at < 0:
        return []
    starts = list(
        accumulate(map(len, text.split("\n")), lambda end, size: end + size + 1, initial=0)
    )
    found = []
    while at >= 0:
        line = bisect_right(starts, at) - 1
        found.append(line)
        at = text.find(query, starts[line + 1])
    return found


def problem_rows(store: Store) -> list[int]:
    return [row for row, state in enumerate(store.states) if state in (HINTED, FAULTY)]


def without_blanks(store: Store, rows: Iterable[int]) -> list[int]:
    return [row for row in rows if store.states[row] != BLANK]
