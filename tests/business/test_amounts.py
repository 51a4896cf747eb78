"""Monthly amounts: what cities publish, and what holds for every base and ratio."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.amounts import Rounding, base_of, half_up, monthly, split
from tests.vectors import MONTHLY, TYPED

RATIOS = st.integers(500, 1200)
BASES = st.integers(0, 10**8)


@pytest.mark.parametrize(
    ("base_fen", "ratios", "parts", "each_fen", "sum_yuan", "sum_trunc"),
    MONTHLY,
)
def test_monthly_amount_vectors(
    base_fen: int,
    ratios: tuple[int, int],
    parts: tuple[int, int],
    each_fen: int,
    sum_yuan: int,
    sum_trunc: int,
) -> None:
    assert monthly(base_fen, *ratios, Rounding.EACH_YUAN) == parts
    assert monthly(base_fen, *ratios, Rounding.EACH_FEN).total_fen == each_fen
    assert monthly(base_fen, *ratios, Rounding.SUM_YUAN).total_fen == sum_yuan
    assert monthly(base_fen, *ratios, Rounding.SUM_TRUNC_YUAN).total_fen == sum_trunc


@pytest.mark.parametrize(
    ("total_fen", "ratios", "parts", "base_fen"),
    TYPED,
)
def test_typed_monthly_amount_splits_and_gives_a_base(
    total_fen: int, ratios: tuple[int, int], parts: tuple[int, int], base_fen: int
) -> None:
    assert split(total_fen, *ratios, Rounding.EACH_YUAN) == parts
    assert base_of(total_fen, *ratios) == base_fen


def test_limits_as_monthly_amounts_follow_the_rounding() -> None:
    # Ruling 1: the limits' own amounts stand, though the base they would stand for is outside.
    assert monthly(26023_00, 1200, 1200, Rounding.EACH_YUAN).total_fen == 6246_00
    assert base_of(6246_00, 1200, 1200) > 26023_00
    assert monthly(2020_00, 600, 600, Rounding.EACH_YUAN).total_fen == 242_00
    assert base_of(242_00, 600, 600) < 2020_00


@given(st.integers(0, 10**15), st.integers(1, 10**7))
def test_half_up_agrees_with_decimal(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    if exact % 1 != Decimal("0.5") or numerator * 2 % denominator == 0:  # Decimal itself rounds.
        assert half_up(numerator, denominator) == exact.quantize(Decimal(1), ROUND_HALF_UP)


@given(BASES, RATIOS, RATIOS, st.sampled_from(Rounding))
def test_monthly_amount_is_whole_steps_and_close_to_exact(
    base_fen: int, unit_ratio: int, personal_ratio: int, rounding: Rounding
) -> None:
    parts = monthly(base_fen, unit_ratio, personal_ratio, rounding)
    step = 1 if rounding is Rounding.EACH_FEN else 100
    assert min(parts) >= 0
    assert parts.unit_fen % step == parts.personal_fen % step == 0
    exact_times = base_fen * (unit_ratio + personal_ratio)
    assert abs(parts.total_fen * 10_000 - exact_times) <= step * 10_000


@given(BASES, BASES, RATIOS, RATIOS, st.sampled_from(Rounding))
def test_monthly_amount_never_falls_when_the_base_rises(
    one: int, other: int, unit_ratio: int, personal_ratio: int, rounding: Rounding
) -> None:
    low, high = sorted((one, other))
    lower = monthly(low, unit_ratio, personal_ratio, rounding).total_fen
    assert lower <= monthly(high, unit_ratio, personal_ratio, rounding).total_fen


@given(st.integers(0, 10**8), RATIOS, RATIOS, st.sampled_from(Rounding))
def test_split_keeps_the_total(
    total_fen: int, unit_ratio: int, personal_ratio: int, rounding: Rounding
) -> None:
    assert split(total_fen, unit_ratio, personal_ratio, rounding).total_fen == total_fen


@given(st.integers(0, 10**6), RATIOS, RATIOS)
def test_base_of_a_typed_amount_gives_the_amount_back(
    total_fen: int, unit_ratio: int, personal_ratio: int
) -> None:
    base_fen = base_of(total_fen, unit_ratio, personal_ratio)
    assert abs(base_fen * (unit_ratio + personal_ratio) - total_fen * 10_000) <= 10_000 // 2
