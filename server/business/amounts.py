"""Monthly amounts from a contribution base, and a base from a monthly amount (domain 4.2, 4.3)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

RATIO_ONE = 10_000  # ratios are ten-thousandths


class Rounding(StrEnum):
    """How a monthly amount is rounded; the centre chooses (parameter ``rounding``)."""

    EACH_YUAN = "EACH_YUAN"
    EACH_FEN = "EACH_FEN"
    SUM_YUAN = "SUM_YUAN"
    SUM_TRUNC_YUAN = "SUM_TRUNC_YUAN"


class Monthly(NamedTuple):
    """One person's monthly amount in fen, by who pays it."""

    unit_fen: int
    personal_fen: int

    @property
    def total_fen(self) -> int:
        return self.unit_fen + self.personal_fen


def half_up(numerator: int, denominator: int) -> int:
    """Rounds half away from zero, as 四舍五入 does; both arguments non-negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def monthly(base_fen: int, unit_ratio: int, personal_ratio: int, rounding: Rounding) -> Monthly:
    """The monthly amount of a base; ratios in ten-thousandths."""
    step = 1 if rounding is Rounding.EACH_FEN else 100
    if rounding in (Rounding.EACH_YUAN, Rounding.EACH_FEN):
        return Monthly(
            half_up(base_fen * unit_ratio, RATIO_ONE * step) * step,
            half_up(base_fen * personal_ratio, RATIO_ONE * step) * step,
        )
    exact = base_fen * (unit_ratio + personal_ratio)
    if rounding is Rounding.SUM_YUAN:
        total_fen = half_up(exact, RATIO_ONE * step) * step
    else:
        total_fen = exact // (RATIO_ONE * step) * step
    return split(total_fen, unit_ratio, personal_ratio, rounding)


def split(total_fen: int, unit_ratio: int, personal_ratio: int, rounding: Rounding) -> Monthly:
    """A monthly amount in its two parts; what does not divide goes with the formula (ruling 2)."""
    step = 1 if rounding is Rounding.EACH_FEN else 100
    unit_fen = half_up(total_fen * unit_ratio, (unit_ratio + personal_ratio) * step) * step
    return Monthly(unit_fen, total_fen - unit_fen)


def base_of(total_fen: int, unit_ratio: int, personal_ratio: int) -> int:
    """The base that a typed monthly amount stands for; kept as a record only (ruling 1)."""
    return half_up(total_fen * RATIO_ONE, unit_ratio + personal_ratio)
