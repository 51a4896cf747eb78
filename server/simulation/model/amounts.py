"""What a base comes to in a month: the four ways of rounding (4.2) and the way back (4.3)."""

from __future__ import annotations

from fractions import Fraction

EACH_YUAN = "EACH_YUAN"
EACH_FEN = "EACH_FEN"
SUM_YUAN = "SUM_YUAN"
SUM_TRUNC_YUAN = "SUM_TRUNC_YUAN"
ROUNDINGS = (EACH_YUAN, EACH_FEN, SUM_YUAN, SUM_TRUNC_YUAN)
WHOLE = 10_000  # ratios are ten-thousandths


def half_up(exact: Fraction, step: int = 1) -> int:
    """``exact`` to the nearest multiple of ``step``; a half goes up (never to the even one)."""
    return int((exact / step + Fraction(1, 2)).__floor__()) * step


def smallest_step(rounding: str) -> int:
    """The least amount a month can differ by, in fen."""
    return 1 if rounding == EACH_FEN else 100


def split(amount: int, unit_ratio: int, person_ratio: int, rounding: str) -> tuple[int, int]:
    """A whole month's amount as (unit's part, person's part); the odd fen stays with the unit."""
    unit_part = half_up(
        Fraction(amount * unit_ratio, unit_ratio + person_ratio), smallest_step(rounding)
    )
    return unit_part, amount - unit_part


def monthly(base: int, unit_ratio: int, person_ratio: int, rounding: str) -> tuple[int, int]:
    """What the unit and the person each pay in a month on this base."""
    if rounding in (EACH_YUAN, EACH_FEN):
        step = smallest_step(rounding)
        return (
            half_up(Fraction(base * unit_ratio, WHOLE), step),
            half_up(Fraction(base * person_ratio, WHOLE), step),
        )
    exact = Fraction(base * (unit_ratio + person_ratio), WHOLE)
    total = half_up(exact, 100) if rounding == SUM_YUAN else exact.__floor__() // 100 * 100
    return split(total, unit_ratio, person_ratio, rounding)


def base_behind(amount: int, unit_ratio: int, person_ratio: int) -> int:
    """The base that a typed monthly amount stands for; recorded, never checked (ruling 1)."""
    return half_up(Fraction(amount * WHOLE, unit_ratio + person_ratio))
