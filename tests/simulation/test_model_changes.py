"""The model's changes of bases and ratios, by the handbook's words (4.3, 4.9) and its vectors."""

from __future__ import annotations

from datetime import date

import pytest

from server.simulation.model.changes import BaseChange, change_bases, change_ratio
from server.simulation.model.counter import open_unit
from server.simulation.model.payments import due
from server.simulation.model.people import Opening, Sealing, Unsealing, open_people, seal, unseal
from server.simulation.model.state import Centre
from tests.simulation.test_model import centre_on, month, opened, remitted


def centre_at(ratio: int = 1000) -> Centre:
    """甲 on 5000 and 乙 on 6210, from 2026-02 on, in a unit that is paid through 2026-01."""
    centre = centre_on(date(2026, 4, 15))
    centre.units["U"].ratios = [(month("2026-02"), ratio, ratio)]
    opened(centre, "甲", "2026-02", 500_000)
    opened(centre, "乙", "2026-02", 621_000)
    return centre


def yuan_due(centre: Centre, until: str = "2026-06") -> list[int]:
    sums: dict[int, int] = {}
    for credit in due(centre, "U", month(until)):
        sums[credit.month] = sums.get(credit.month, 0) + credit.amount // 100
    return list(sums.values())


def change(centre: Centre, person: str, start: str, **typed: int) -> dict[int | None, set[str]]:
    return change_bases(centre, "U", [BaseChange(person, month(start), **typed)])


def test_base_change_pays_old_amounts_before_and_new_after() -> None:
    centre = centre_at(1200)
    assert not change(centre, "甲", "2026-04", amount=240_000)
    assert yuan_due(centre) == [2690, 2690, 3890, 3890, 3890]
    remitted(centre, "2026-04")
    assert centre.people["甲"].balance == (1200 + 1200 + 2400) * 100
    assert centre.people["甲"].stays[-1].base == 1_000_000


@pytest.mark.parametrize(
    ("start", "typed", "codes"),
    [
        ("2026-02", {"base": 500_000}, {"J02"}),
        ("2026-02", {"amount": 120_000}, {"J02"}),
        ("2026-02", {"base": 201_999}, {"J03"}),
        ("2026-02", {"base": 2_602_301}, {"J03"}),
        ("2026-02", {"amount": 624_600}, set()),
        ("2026-02", {"amount": 624_700}, {"J03"}),
        ("2026-01", {"base": 600_000}, {"J06"}),
        ("2027-05", {"base": 600_000}, {"J06"}),
        ("2026-02", {"base": 600_000, "amount": 144_000}, set()),
        ("2026-02", {"base": 600_000, "amount": 144_100}, {"J08"}),
        ("2026-02", {"amount": 144_050}, {"J09"}),
    ],
)
def test_base_change_is_refused_by_its_reason(
    start: str, typed: dict[str, int], codes: set[str]
) -> None:
    found = change(centre_at(1200), "甲", start, **typed)
    assert found.get(0, set()) == codes


def test_base_changes_once_a_year_by_the_month_of_effect() -> None:
    centre = centre_at()
    assert not change(centre, "甲", "2026-03", base=600_000)
    assert change(centre, "甲", "2026-12", base=700_000) == {0: {"J04"}}
    assert change(centre, "甲", "2026-02", base=700_000) == {0: {"J07", "J04"}}
    assert not change(centre, "甲", "2027-01", base=700_000)
    assert seal(centre, "U", [Sealing("乙", month("2026-03"))]) == {}
    assert change(centre, "乙", "2026-03", base=700_000) == {0: {"J01"}}
    assert not unseal(centre, "U", [Unsealing("乙", month("2026-04"), 700_000)])
    assert not change(centre, "乙", "2026-05", base=800_000)


def test_sealing_takes_back_what_has_not_begun() -> None:
    centre = centre_at(1200)
    assert not change(centre, "甲", "2026-04", base=1_000_000)
    assert not seal(centre, "U", [Sealing("甲", month("2026-03"))])
    assert yuan_due(centre) == [2690, 1490, 1490, 1490, 1490]
    assert not unseal(centre, "U", [Unsealing("甲", month("2026-05"))])
    assert yuan_due(centre) == [2690, 1490, 1490, 2690, 2690]
    assert seal(centre, "U", [Sealing("甲", month("2026-04"))]) == {0: {"F04"}}


def test_ratio_change_reaches_everybody_who_contributes() -> None:
    centre = centre_at()
    opened(centre, "丙", "2026-02", 500_000)
    assert not seal(centre, "U", [Sealing("丙", month("2026-04"))])
    assert not change(centre, "甲", "2026-05", base=1_000_000)
    assert not change_ratio(centre, "U", month("2026-03"), 1200)
    # 丙 is sealed from April on, and keeps the old amounts until then (ruling 5).
    assert yuan_due(centre) == [3242, 2690 + 1000, 2690, 3890, 3890]
    assert not open_people(centre, "U", [Opening("丁", "丁", month("2026-02"), 500_000)])
    assert yuan_due(centre) == [4242, 3890 + 1000, 3890, 5090, 5090]
    assert not unseal(centre, "U", [Unsealing("丙", month("2026-05"))])
    assert yuan_due(centre)[3:] == [6290, 6290]


@pytest.mark.parametrize(
    ("start", "ratios", "codes"),
    [
        ("2026-02", (1100,), set()),
        ("2026-02", (1000, 1200), set()),
        ("2026-02", (1000,), {"J13"}),
        ("2026-02", (900,), {"J12"}),
        ("2026-02", (1300,), {"J11"}),
        ("2026-02", (1050,), {"J11"}),
        ("2026-01", (1100,), {"J06"}),
    ],
)
def test_ratio_change_is_refused_by_its_reason(
    start: str, ratios: tuple[int, ...], codes: set[str]
) -> None:
    found = change_ratio(centre_at(), "U", month(start), *ratios)
    assert found.get(None, set()) == codes


def test_ratio_changes_once_a_year_and_holds_bases_back_until_then() -> None:
    centre = centre_at()
    assert not change_ratio(centre, "U", month("2026-06"), 1100)
    assert change_ratio(centre, "U", month("2026-07"), 1200) == {None: {"J14"}}
    assert change(centre, "甲", "2026-05", base=700_000) == {0: {"J05"}}
    assert not change_ratio(centre, "U", month("2027-01"), 1200)
    centre.ratio_down = True
    assert change_ratio(centre, "U", month("2026-12"), 500) == {None: {"J05", "J14"}}


def test_changes_wait_for_money_under_way_and_for_the_unit() -> None:
    centre = centre_at()
    centre.units["U"].status = "03"
    assert change_ratio(centre, "U", month("2026-02"), 1100) == {None: {"G01"}}
    open_unit(centre, "V", "532301", (500, 500), month("2026-01"))
    assert change_bases(centre, "V", [BaseChange("甲", month("2026-02"), 700_000)]) == {0: {"G03"}}
