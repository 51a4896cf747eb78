"""缴存基数变更 in the grid: the monthly amount and the base give each other while one types."""

from __future__ import annotations

import pytest

from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.base_change import BASE_CHANGE
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import codes_at, number_of
from tests.ui.sheet.test_checker import type_in

CHOSEN = {"account": "100000000001"}  # Contributes 1,200.00 on 5,000.00.


def shown(sheet: Sheet, *keys: str) -> tuple[str, ...]:
    return tuple(sheet.model.text(0, number_of(sheet.model, key)) for key in keys)


@pytest.mark.parametrize(
    ("typed", "other", "filled"),
    [
        (("monthly_fen", "2104"), "base", "8,766.67"),
        (("base", "8765.43"), "monthly_fen", "2,104.00"),
    ],
)
def test_typing_either_fills_the_other(
    make_sheet: MakeSheet, typed: tuple[str, str], other: str, filled: str
) -> None:
    sheet = make_sheet(BASE_CHANGE, [CHOSEN])
    assert shown(sheet, "base_before", "monthly_before") == ("5,000.00", "1,200.00")
    assert codes_at(sheet, 0) == {"V01"}
    type_in(sheet, 0, *typed)
    assert shown(sheet, other, "unit_fen", "personal_fen") == (filled, "1,052.00", "1,052.00")
    assert codes_at(sheet, 0) == set()
    assert other not in sheet.texts()[0]
    type_in(sheet, 0, typed[0], "")
    assert shown(sheet, other) == ("",)


def test_typing_the_other_too_must_agree(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(BASE_CHANGE, [CHOSEN | {"monthly_fen": "2104"}])
    type_in(sheet, 0, "base", "8000")
    assert codes_at(sheet, 0) == {"J08"}
    type_in(sheet, 0, "monthly_fen", "")
    assert codes_at(sheet, 0) == set()
    assert shown(sheet, "monthly_fen") == ("1,920.00",)


def test_amount_that_cannot_be_read_leaves_the_base_alone(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(BASE_CHANGE, [CHOSEN | {"monthly_fen": "两千"}])
    assert codes_at(sheet, 0) == {"V02"}
    assert shown(sheet, "base") == ("",)


def test_sealed_people_are_not_taken(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(BASE_CHANGE, [{"account": "100000000004", "base": "8000"}])
    assert codes_at(sheet, 0) == {"J01"}
