"""Texts already in their normal form are told by whole columns and blocks. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from server.business.kinds import (
    Account,
    BankCard,
    Choice,
    Day,
    DocumentNumber,
    Kind,
    Money,
    MonthKind,
    PersonName,
    Phone,
    Text,
)

# Each matches only texts that reading and showing leave as they are; not all such texts.
PATTERNS: dict[type[Kind], str] = {
    Account: r"[1-9][0-9]{11}",
    BankCard: r"[0-9]{16,19}",
    Day: r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-[0-3][0-9]",
    DocumentNumber: r"[0-9]{17}[0-9X]",
    Money: r"(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3}){0,3})\.[0-9]{2}",
    MonthKind: r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])",
    PersonName: r"[\u4e00-\u9fa5]{2,4}",
    Phone: r"1[3-9][0-9]{9}",
    Text: r"[0-9A-Za-z\u4e00-\u9fa5]++(?: [0-9A-Za-z\u4e00-\u9fa5]++){0,9}",
}
PLAIN_AMOUNTS = re.compile(r"(?>(?:[0-9]{1,12}(?:\.[0-9]{1,2})?)?\n)*+")
ANY_CELL = r"[^\t\n\"]*+"


@cache
def pattern_of(kind: Kind) -> str | None:
    """None for a kind whose texts must be read one by one."""
    if isinstance(kind, Choice):
        return "|".join(re.escape(label) for label in kind.options.values()) or None
    return PATTERNS.get(type(kind))


@cache
def _column_pattern(kind: Kind) -> re.Pattern[str] | None:
    pattern = pattern_of(kind)
    return None if pattern is None else re.compile(rf"(?>(?:{pattern})?\n)*+")


def are_normal(kind: Kind, texts: Sequence[str]) -> bool:
    """Whether every text of a column is known to be in its normal form."""
    pattern = _column_pattern(kind)
    return pattern is not None and _all_match(pattern, texts)


def _all_match(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    """A line break inside a text must not pass for the end of one."""
    joined = "\n".join([*texts, ""])
    return joined.count("\n") == len(texts) and pattern.fullmatch(joined) is not None


def plain_amounts(kind: Kind, texts: Sequence[str]) -> list[str] | None:
    """A column of amounts as spreadsheets hold them (8765.4), shown; None if one is not so."""
    if type(kind) is not Money or not _all_match(PLAIN_AMOUNTS, texts):
        return None
    parts = (text.partition(".") for text in texts)
    return [f"{int(whole):,}.{cents:0<2}" if whole else "" for whole, _, cents in parts]


def normal_block(text: str, kinds: Sequence[Kind | None]) -> list[list[str]] | None:
    """The columns of a tab-separated block whose cells are all normal; None when one may not be.

    ``kinds`` are those of the columns the block falls on; None stands for a column that is not
    written, and may hold anything.
    """
    text = text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    width = text.count("\t", 0, text.index("\n")) + 1
    patterns = [ANY_CELL if kind is None else pattern_of(kind) for kind in kinds[:width]]
    if len(patterns) < width or None in patterns:
        return None
    line = r"\t".join(f"(?:{pattern})?" for pattern in patterns)
    if re.fullmatch(rf"(?>{line}\n)*+", text) is None:
        return None
    cells = text.replace("\n", "\t").split("\t")
    cells.pop()
    return [cells[n::width] for n in range(width)]
