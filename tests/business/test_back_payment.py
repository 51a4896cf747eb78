"""补缴: how an amount is split over months and parts, and where it stops."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.amounts import Rounding, split
from server.business.back_payment import BACK_PAYMENT, BackPaymentKind
from server.business.check import Checked, check_batch
from server.business.facts import MonthRule, Past, PastMonth, Unit
from server.business.month import Month
from tests.business.samples import HEADS, NORMAL, PERSONS, UNIT, cells, rows_of, unit

MAY, JUNE = Month.of(2026, 5), Month.of(2026, 6)
TEN_SEVEN = MonthRule(1000, 700, 1690_00, 21000_00, Rounding.EACH_YUAN)


def made_up(
    the_unit: Unit = UNIT,
    kind: BackPaymentKind = BackPaymentKind.FULL,
    past: Mapping[Month, PastMonth] | None = None,
    **row: str,
) -> Checked:
    head = {**HEADS["back_payment"], "kind": kind.value}
    found = {NORMAL.account: Past(past or {})}
    return check_batch(
        BACK_PAYMENT, the_unit, head, rows_of(BACK_PAYMENT, row), PERSONS, None, True, past=found
    )


def test_each_month_is_split_by_the_ratios_of_its_own() -> None:
    """Ruling 16, and the formula of ruling 2: 1000 at 10/7 is 588 and 412."""
    checked = made_up(unit(rules={MAY: TEN_SEVEN}), monthly="1000")
    assert cells(checked) == []
    (row,) = checked.rows
    assert [(line.month, line.unit_fen, line.amount_fen) for line in row["lines"]] == [
        (MAY, 588_00, 1000_00),
        (JUNE, 500_00, 1000_00),
    ]
    assert (row["unit_fen"], row["personal_fen"]) == (1088_00, 912_00)
    assert (row["months"], row["total_fen"], checked.head["amount"]) == (2, 2000_00, 2000_00)


def test_the_end_left_empty_is_the_start() -> None:
    (row,) = made_up(start="2026-05", end="").rows
    assert (row["end"], row["months"], row["total_fen"]) == (MAY, 1, 500_00)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (BackPaymentKind.FULL, "01"),
        (BackPaymentKind.DIFFERENCE, "02"),
        (BackPaymentKind.FREE, "99"),
    ],
)
def test_the_reason_left_empty_is_the_usual_one(kind: BackPaymentKind, reason: str) -> None:
    (row,) = made_up(kind=kind).rows
    assert row["reason"] == reason
    (row,) = made_up(kind=kind, reason="仲裁或判决").rows
    assert row["reason"] == "06"


@pytest.mark.parametrize(("monthly", "codes"), [("146", []), ("147", ["B03B"])])
def test_a_difference_may_reach_the_months_upper_limit(monthly: str, codes: list[str]) -> None:
    past = {m: PastMonth(remitted_fen=6000_00, difference_fen=100_00) for m in (MAY, JUNE)}
    checked = made_up(kind=BackPaymentKind.DIFFERENCE, past=past, monthly=monthly)
    assert [p.code for p in checked.problems] == codes


def test_the_upper_limit_is_that_of_the_month() -> None:
    """21000 at 10/7 is 2100 and 1470: 3570 a month."""
    past = {m: PastMonth(remitted_fen=3000_00) for m in (MAY, JUNE)}
    the_unit = unit(rules={JUNE: TEN_SEVEN})
    for monthly, codes in (("570", []), ("571", ["B03B"])):
        checked = made_up(the_unit, BackPaymentKind.DIFFERENCE, past, monthly=monthly)
        assert [p.code for p in checked.problems] == codes
    assert "2026-06" in checked.problems[0].text


def test_amounts_of_other_kinds_have_no_upper_limit() -> None:
    """Ruling 6: only a difference has one."""
    for kind in (BackPaymentKind.FULL, BackPaymentKind.FREE):
        assert cells(made_up(kind=kind, monthly="99999")) == []


@pytest.mark.parametrize(
    ("rounding", "codes"), [(Rounding.EACH_FEN, []), (Rounding.SUM_TRUNC_YUAN, ["B04"])]
)
def test_the_smallest_amount_is_that_of_the_rounding(rounding: Rounding, codes: list[str]) -> None:
    checked = made_up(unit(rounding=rounding), monthly="0.01")
    assert [p.code for p in checked.problems] == codes


@pytest.mark.parametrize(("start", "codes"), [("2023-07", []), ("2023-06", ["B07"])])
def test_one_row_spans_at_most_the_months_allowed(start: str, codes: list[str]) -> None:
    assert [p.code for p in made_up(start=start).problems] == codes


@given(
    fen=st.integers(1, 10**8),
    months=st.integers(1, 36),
    ratios=st.tuples(st.integers(500, 1200), st.integers(500, 1200)),
)
def test_lines_add_up_to_what_is_paid(fen: int, months: int, ratios: tuple[int, int]) -> None:
    rule = MonthRule(*ratios, 0, 10**9, Rounding.EACH_FEN)
    the_unit = unit(rounding=Rounding.EACH_FEN, rules={MAY: rule})
    start = JUNE.plus(1 - months)
    checked = made_up(the_unit, monthly=f"{fen / 100:.2f}", start=str(start), end=str(JUNE))
    (row,) = checked.rows
    assert cells(checked) == []
    assert sum(line.amount_fen for line in row["lines"]) == fen * months == checked.head["amount"]
    assert sum(line.unit_fen for line in row["lines"]) == row["unit_fen"]
    assert row["unit_fen"] + row["personal_fen"] == row["total_fen"]
    for line in row["lines"]:
        used = ratios if line.month == MAY else (UNIT.unit_ratio, UNIT.personal_ratio)
        assert line.unit_fen == split(fen, *used, Rounding.EACH_FEN).unit_fen
