"""缴存基数变更 and 单位比例变更: vectors of the handbook, and where the limits lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.amounts import Rounding, base_of, monthly, split
from server.business.businesses import business_of
from server.business.check import Checked, check_batch, check_head
from server.business.facts import Past, Person, Ratios, Unit
from server.business.month import Month
from tests.business.samples import NORMAL, cells, unit

BASE_CHANGE, RATIO_CHANGE = business_of("base_change"), business_of("ratio_change")
JULY = Month.of(2026, 7)


def change(
    the_unit: Unit, person: Person = NORMAL, past: Past | None = None, **typed: str
) -> Checked:
    known = {} if past is None else {person.account: past}
    row = {"account": str(person.account)} | typed
    persons = {person.account: person}
    return check_batch(BASE_CHANGE, the_unit, {}, [row], persons, None, True, {}, known)


def at(unit_percent: int, personal_percent: int, **changes: Any) -> Unit:
    """A unit at these ratios, with limits that leave the rest alone."""
    return unit(
        unit_ratio=unit_percent * 100, personal_ratio=personal_percent * 100,
        **{"base_low_fen": 1_00, "base_high_fen": 50_000_00} | changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ratios", "amount", "parts", "base"),
    [
        ((12, 12), "2104", (1052_00, 1052_00), 8766_67),
        ((5, 5), "1001", (501_00, 500_00), 10010_00),
        ((10, 7), "1700", (1000_00, 700_00), 10000_00),
        ((10, 7), "1000", (588_00, 412_00), 5882_35),
    ],
)
def test_typed_monthly_amount_gives_parts_and_base_of_the_handbook(
    ratios: tuple[int, int], amount: str, parts: tuple[int, int], base: int
) -> None:
    person = replace(NORMAL, base_fen=1, unit_fen=1, personal_fen=1)
    checked = change(at(*ratios), person, monthly_fen=amount)
    assert cells(checked) == []
    (row,) = checked.rows
    assert (row["unit_fen"], row["personal_fen"], row["base"]) == (*parts, base)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    ("base", "ratios", "totals"),
    [
        ("8765.43", (12, 12), (2104_00, 2103_70, 2104_00, 2103_00)),
        ("1770.00", (5, 5), (178_00, 177_00, 177_00, 177_00)),
        ("25737.00", (12, 12), (6176_00, 6176_88, 6177_00, 6176_00)),
        ("26023.00", (12, 12), (6246_00, 6245_52, 6246_00, 6245_00)),
        ("6210.00", (8, 8), (994_00, 993_60, 994_00, 993_00)),
        ("5432.10", (10, 7), (923_00, 923_46, 923_00, 923_00)),
    ],
)
def test_typed_base_gives_the_monthly_amount_of_the_handbook(
    rounding: Rounding, base: str, ratios: tuple[int, int], totals: tuple[int, ...]
) -> None:
    person = replace(NORMAL, base_fen=1, unit_fen=1, personal_fen=1)
    checked = change(at(*ratios, rounding=rounding), person, base=base)
    assert cells(checked) == []
    (row,) = checked.rows
    assert row["monthly_fen"] == totals[list(Rounding).index(rounding)]
    assert row["unit_fen"] + row["personal_fen"] == row["monthly_fen"]


@given(
    st.integers(2020_00, 26023_00), st.sampled_from([500, 800, 1000, 1050, 1200]),
    st.sampled_from([500, 700, 1200]), st.sampled_from(Rounding),
)  # fmt: skip
def test_amount_of_a_base_typed_back_keeps_the_amount(
    base: int, by_unit: int, personal: int, rounding: Rounding
) -> None:
    parts = monthly(base, by_unit, personal, rounding)
    again = split(parts.total_fen, by_unit, personal, rounding)
    assert again.total_fen == parts.total_fen
    assert abs(base_of(parts.total_fen, by_unit, personal) - base) <= 100 * 10_000 // 1000


@pytest.mark.parametrize(
    ("amount", "codes"), [("6246", []), ("6247", ["J03"]), ("484", []), ("483", ["J03"])]
)
def test_typed_amount_goes_by_what_the_limits_come_to(amount: str, codes: list[str]) -> None:
    # Ruling 1: 26023 comes to 6246, though 6246 stands for a base of 26025.
    assert [p.code for p in change(unit(), monthly_fen=amount).problems] == codes


@pytest.mark.parametrize(
    ("base", "codes"),
    [("2020", []), ("26023", []), ("2019.99", ["J03"]), ("26023.01", ["J03"])],
)
def test_typed_base_goes_by_the_limits(base: str, codes: list[str]) -> None:
    assert [p.code for p in change(unit(), base=base).problems] == codes


def test_base_and_amount_that_belong_together_pass() -> None:
    assert cells(change(unit(), base="6210", monthly_fen="1490")) == []
    # As an export shows it: the base that the amount stands for.
    assert cells(change(unit(), base="26025", monthly_fen="6246")) == []


@pytest.mark.parametrize(("month", "codes"), [("2026-07", []), ("2027-07", [])])
def test_change_takes_effect_within_a_year_from_the_unpaid(month: str, codes: list[str]) -> None:
    assert [p.code for p in change(unit(), base="6210", month=month).problems] == codes


def test_first_month_is_not_before_what_is_decided() -> None:
    later = replace(NORMAL, from_month=Month.of(2026, 9))
    (row,) = change(unit(), later, base="6210").rows
    assert row["month"] == Month.of(2026, 9)
    decided = unit(ratios=(Ratios(Month.of(2026, 8), 1000, 1000, True),))
    (row,) = change(decided, base="6210").rows
    assert (row["month"], row["unit_ratio"]) == (Month.of(2026, 8), 1000)


@pytest.mark.parametrize(
    ("starts", "before", "month", "codes"),
    [
        (1, Month.of(2025, 12), JULY, []),
        (1, Month.of(2026, 1), JULY, ["J04"]),
        (7, Month.of(2026, 6), JULY, []),
        (7, Month.of(2026, 7), Month.of(2027, 6), ["J04"]),
        (7, Month.of(2026, 7), Month.of(2027, 7), []),
    ],
)
def test_base_changes_once_in_an_adjustment_year(
    starts: int, before: Month, month: Month, codes: list[str]
) -> None:
    # Ruling 3: by the month of effect.
    the_unit = unit(base_year_start_month=starts)
    checked = change(the_unit, past=Past({}, changes=(before,)), base="6210", month=str(month))
    assert [p.code for p in checked.problems] == codes


def test_base_may_change_as_often_as_the_parameter_says() -> None:
    past = Past({}, changes=(Month.of(2026, 1), Month.of(2026, 5)))
    assert cells(change(unit(base_change_per_year=3), past=past, base="6210")) == []
    refused = change(unit(base_change_per_year=2), past=past, base="6210")
    assert [p.code for p in refused.problems] == ["J04"]


def ratio(the_unit: Unit, **typed: str) -> Checked:
    return check_head(RATIO_CHANGE, the_unit, {"reason": "01"} | typed, None, True)


TEN = unit(unit_ratio=1000, personal_ratio=1000, ratio_down_online=False)


@pytest.mark.parametrize(
    ("by_unit", "codes"),
    [("10%", ["J13"]), ("11%", []), ("12%", []), ("13%", ["J11", "J11"]), ("9%", ["J12", "J12"])],
)
def test_ratios_rise_within_the_limits(by_unit: str, codes: list[str]) -> None:
    assert [p.code for p in ratio(TEN, unit_ratio=by_unit).problems] == codes


def test_personal_ratio_follows_the_units_unless_it_is_typed() -> None:
    assert ratio(TEN, unit_ratio="11%").head["personal_ratio"] == 1100
    kept = ratio(TEN, unit_ratio="11%", personal_ratio="10%")
    assert (kept.head["personal_ratio"], cells(kept)) == (1000, [])
    only = ratio(TEN, unit_ratio="10%", personal_ratio="12%")
    assert cells(only) == []


def test_ratio_step_and_lowering_follow_their_parameters() -> None:
    finer = replace(TEN, ratio_step=50, ratio_down_online=True)
    assert cells(ratio(finer, unit_ratio="9.5%")) == []
    assert [p.code for p in ratio(finer, unit_ratio="9.4%").problems] == ["J11", "J11"]


@pytest.mark.parametrize(
    ("before", "is_change", "codes"),
    [(Month.of(2026, 1), True, ["J14"]), (Month.of(2025, 12), True, []),
     (Month.of(2026, 7), False, [])],
)  # fmt: skip
def test_ratios_change_once_in_an_adjustment_year(
    before: Month, is_change: bool, codes: list[str]
) -> None:
    the_unit = replace(TEN, ratios=(Ratios(before, 1000, 1000, is_change),))
    assert [p.code for p in ratio(the_unit, unit_ratio="11%").problems] == codes


def test_amounts_go_by_the_ratios_of_their_month() -> None:
    steps = (Ratios(Month.of(2020, 1), 1000, 1000), Ratios(Month.of(2026, 8), 1200, 1200, True))
    the_unit = unit(ratios=steps)
    rows = [
        {"account": str(NORMAL.account), "base": "6210", "month": month}
        for month in ("2026-08", "2026-07")
    ]
    persons = {NORMAL.account: NORMAL}
    found = [check_batch(BASE_CHANGE, the_unit, {}, [row], persons).rows[0] for row in rows]
    assert [row["monthly_fen"] for row in found] == [1490_00, 1242_00]
    assert the_unit.rule(JULY).unit_ratio == 1000
