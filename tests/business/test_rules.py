"""What each business fills in by itself, and where its limits lie."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from server.business.account_opening import retires
from server.business.base import Business
from server.business.businesses import business_of
from server.business.check import Checked, check_batch, check_head
from server.business.facts import Due, Person, Status, Unit, UnitStatus
from server.business.month import Month
from server.business.refusals import REFUSALS
from tests.business.samples import (
    ELSEWHERE,
    ID_FEMALE,
    NORMAL,
    PERSONS,
    SEALED,
    UNIT,
    cells,
    id_born,
    id_number,
    rows_of,
    unit,
)

OPENING, SEALING, UNSEALING = map(business_of, ("account_opening", "sealing", "unsealing"))
REMITTANCE, PREPAYMENT = map(business_of, ("remittance", "prepayment"))


def open_one(**change: str) -> Checked:
    return check_batch(OPENING, UNIT, {}, rows_of(OPENING, change), {})


def test_opening_takes_sex_birth_month_and_amounts_from_the_rest() -> None:
    (row,) = open_one(id_number=ID_FEMALE).rows
    assert row["sex"] == "2"
    assert row["born"] == datetime.date(1985, 12, 31)
    assert row["id_type"] == "01"
    assert row["month"] == UNIT.next_month
    assert (row["unit_fen"], row["personal_fen"], row["monthly_fen"]) == (
        1052_00,
        1052_00,
        2104_00,
    )


def test_opening_spreadsheet_spellings_pass() -> None:
    checked = open_one(
        name="阿依•买买提",
        id_type="01 身份证",
        id_number="５３２３３１１９７８０６１５００４ｘ",
        phone="139 8781 2345",
        base="８，７６５．４３",
        month="2026年7月",
        born="28656",
        work_day="2000/7/1",
    )
    assert cells(checked) == []
    assert checked.rows[0]["name"] == "阿依·买买提"
    assert checked.rows[0]["base"] == 8765_43
    assert checked.rows[0]["work_day"] == datetime.date(2000, 7, 1)


@pytest.mark.parametrize(
    "name", ["王𬎆", "李㛃", "䶮", "\ue815某", "买" * 25, "买买提·" * 6 + "买"]
)
def test_opening_keeps_a_rare_name_as_it_is(name: str) -> None:
    checked = open_one(name=name)
    assert cells(checked) == []
    assert checked.rows[0]["name"] == name


def test_opening_with_another_document_wants_sex_and_birth_typed() -> None:
    passport = {"id_type": "护照", "id_number": "E12345678"}
    assert cells(open_one(**passport)) == [(0, "sex", "V01"), (0, "born", "V01")]
    assert cells(open_one(**passport, sex="女", born="1990-01-01")) == []


def test_opening_with_an_unreadable_document_type_blames_nothing_else() -> None:
    assert cells(open_one(id_type="户口本", id_number="A1")) == [(0, "id_type", "V05")]


def test_opening_residence_permit_of_18_digits_tells_sex_and_birth() -> None:
    number = id_number("91101019850101301")
    checked = open_one(id_type="外国人永久居留证", id_number=number)
    assert cells(checked) == []
    assert (checked.rows[0]["sex"], checked.rows[0]["born"]) == (
        "1",
        datetime.date(1985, 1, 1),
    )


@pytest.mark.parametrize(
    ("base", "codes"), [("2020", []), ("26023", []), ("2019.99", ["K08"]), ("26023.01", ["K08"])]
)
def test_opening_base_limits_are_inclusive(base: str, codes: list[str]) -> None:
    assert [p.code for p in open_one(base=base).problems] == codes


@pytest.mark.parametrize(
    ("month", "codes"),
    [("2026-06", ["K09"]), ("2026-07", []), ("2026-08", []), ("2026-09", ["K09"])],
)
def test_opening_month_lies_between_the_unpaid_and_the_next(month: str, codes: list[str]) -> None:
    assert [p.code for p in open_one(month=month).problems] == codes


def test_opening_of_a_unit_that_paid_ahead_can_start_after_that() -> None:
    ahead = unit(paid_through=Month.of(2026, 8))
    assert cells(check_batch(OPENING, ahead, {}, rows_of(OPENING), {})) == []


def test_opening_age_is_counted_on_the_business_day() -> None:
    assert cells(open_one(id_number=id_born(datetime.date(2010, 7, 15)))) == []
    assert cells(open_one(id_number=id_born(datetime.date(2010, 7, 16)))) == [
        (0, "id_number", "K10A")
    ]


@pytest.mark.parametrize(
    ("born", "sex", "month"),
    [
        ((1964, 12), "1", (2024, 12)),
        ((1965, 1), "1", (2025, 2)),
        ((1965, 4), "1", (2025, 5)),
        ((1965, 5), "1", (2025, 7)),
        ((1976, 8), "1", (2039, 7)),
        ((1976, 9), "1", (2039, 9)),
        ((1990, 3), "1", (2053, 3)),
        ((1969, 12), "2", (2024, 12)),
        ((1970, 1), "2", (2025, 2)),
        ((1981, 9), "2", (2039, 9)),
        ((1880, 1), "1", (1940, 1)),
    ],
)
def test_retirement_age_rises_by_a_month_every_four(
    born: tuple[int, int], sex: str, month: tuple[int, int]
) -> None:
    assert retires(datetime.date(*born, 1), sex) == Month.of(*month)


def test_opening_hints_from_the_month_of_retirement() -> None:
    due, later = datetime.date(1966, 2, 1), datetime.date(1966, 5, 1)
    assert [p.code for p in open_one(id_number=id_born(due)).problems] == ["K10B"]
    assert [p.code for p in open_one(id_number=id_born(later)).problems] == []


@pytest.mark.parametrize("status", [UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED])
def test_sealing_is_open_to_a_deferred_unit_too(status: UnitStatus) -> None:
    checked = check_batch(SEALING, unit(status=status), {}, rows_of(SEALING), PERSONS)
    assert cells(checked) == []


def test_sealing_shows_the_person_and_the_next_month() -> None:
    (row,) = check_batch(SEALING, UNIT, {}, rows_of(SEALING), PERSONS).rows
    assert row["name"] == NORMAL.name
    assert row["id_tail"] == NORMAL.id_tail
    assert (row["base"], row["monthly_fen"]) == (NORMAL.base_fen, NORMAL.monthly_fen)
    assert row["month"] == Month.of(2026, 7)


def test_sealing_before_the_first_month_starts_and_ends_together() -> None:
    starts = Month.of(2026, 9)
    people = {NORMAL.account: replace(NORMAL, from_month=starts, paid_through=None)}
    (row,) = check_batch(SEALING, UNIT, {}, rows_of(SEALING), people).rows
    assert row["month"] == starts


def test_sealing_in_a_future_month_passes() -> None:
    rows = rows_of(SEALING, {"month": "2027-01"})  # Ruling 13.
    assert cells(check_batch(SEALING, UNIT, {}, rows, PERSONS)) == []


@pytest.mark.parametrize("business", [SEALING, UNSEALING], ids=lambda b: b.code)
def test_person_of_another_unit_stays_unseen(business: Business) -> None:
    assert business.takes
    paid, until = Month.of(2029, 1), Month.of(2030, 1)
    elsewhere = replace(ELSEWHERE, status=business.takes[0], until_month=until, paid_through=paid)
    rows = rows_of(business, {"account": str(elsewhere.account)})
    checked = check_batch(business, UNIT, {}, rows, {elsewhere.account: elsewhere})
    assert cells(checked) == [(0, "account", "G03")]
    assert "name" not in checked.rows[0]
    assert "2029" not in repr(checked)
    assert "2030" not in repr(checked)


def test_unsealing_keeps_the_base_and_takes_todays_ratio() -> None:
    changed = unit(unit_ratio=1000, personal_ratio=700)  # Ruling 4.
    (row,) = check_batch(UNSEALING, changed, {}, rows_of(UNSEALING), PERSONS).rows
    assert row["base"] == SEALED.base_fen
    assert (row["unit_fen"], row["personal_fen"]) == (877_00, 614_00)


def test_unsealing_with_another_base_gives_other_amounts() -> None:
    rows = rows_of(UNSEALING, {"base": "6210"})
    (row,) = check_batch(UNSEALING, UNIT, {}, rows, PERSONS).rows
    assert (row["base"], row["monthly_fen"]) == (6210_00, 1490_00)


def unsealed(who: Person, at: Unit = UNIT, **texts: str) -> Checked:
    rows = [{"account": str(who.account)} | texts]
    return check_batch(UNSEALING, at, {}, rows, {who.account: who})


def test_unsealing_keeps_a_monthly_amount_that_was_typed() -> None:
    """M=1001 at 5/5 gives 501+500 and records 10010.00 (domain 4.3), which would come to 1002."""
    low = unit(unit_ratio=500, personal_ratio=500)
    who = replace(SEALED, base_fen=10010_00, unit_fen=501_00, personal_fen=500_00)
    (row,) = unsealed(who, low).rows
    assert (row["unit_fen"], row["personal_fen"], row["monthly_fen"]) == (501_00, 500_00, 1001_00)
    (row,) = unsealed(who, low, base="10010").rows
    assert row["monthly_fen"] == 1002_00, "the base that was typed goes by 4.2"
    (row,) = unsealed(who, unit(unit_ratio=600, personal_ratio=600)).rows
    assert row["monthly_fen"] == 1202_00, "at other ratios, the former base (ruling 4)"
    (row,) = unsealed(who, unit(unit_ratio=600, personal_ratio=400)).rows
    assert (row["unit_fen"], row["personal_fen"]) == (601_00, 400_00), "of the same sum"


@pytest.mark.parametrize(
    ("amount", "record", "codes"),
    [(484, 2016_67, []), (6246, 26025_00, []), (482, 2008_33, ["K08"]), (6248, 26033_33, ["K08"])],
)
def test_unsealing_amount_that_was_typed_goes_by_what_the_limits_come_to(
    amount: int, record: int, codes: list[str]
) -> None:
    """Ruling 1: 2020.00 to 26023.00 come to 484 to 6246 yuan at 12/12, whatever was recorded."""
    half = amount * 50
    who = replace(SEALED, base_fen=record, unit_fen=half, personal_fen=half)
    assert [p.code for p in unsealed(who).problems] == codes


def test_change_of_a_sealed_persons_base_leads_to_unsealing() -> None:
    change = business_of("base_change")
    row = {"account": str(SEALED.account), "base": "9000"}
    (told,) = check_batch(change, UNIT, {}, [row], PERSONS).problems
    assert (told.code, REFUSALS[told.code].solved_by) == ("J01", "unsealing")
    assert told.carries == {"account": str(SEALED.account), "base": "9,000.00"}


def test_sealing_of_who_starts_late_may_be_as_late() -> None:
    who = replace(NORMAL, from_month=Month.of(2028, 1))
    rows = [{"account": str(who.account), "reason": "01", "month": "2028-01"}]
    assert cells(check_batch(SEALING, UNIT, {}, rows, {who.account: who})) == []


def test_unsealing_former_base_outside_todays_limits_is_told() -> None:
    raised = unit(base_low_fen=9000_00)
    checked = check_batch(UNSEALING, raised, {}, rows_of(UNSEALING), PERSONS)
    assert cells(checked) == [(0, "base", "K08")]


@pytest.mark.parametrize(
    ("until", "paid", "month"),
    [("2026-05", "2026-04", "2026-07"), ("2026-09", "2026-04", "2026-09"),
     ("2026-05", "2026-08", "2026-09")],
)  # fmt: skip
def test_unsealing_starts_at_the_first_month_that_can_be(until: str, paid: str, month: str) -> None:
    who = replace(SEALED, until_month=Month.parse(until), paid_through=Month.parse(paid))
    checked = check_batch(UNSEALING, UNIT, {}, rows_of(UNSEALING), {who.account: who})
    assert cells(checked) == []
    assert checked.rows[0]["month"] == Month.parse(month)


def test_unsealing_of_a_frozen_person_passes() -> None:
    who = replace(SEALED, is_frozen=True)  # No money moves.
    assert cells(check_batch(UNSEALING, UNIT, {}, rows_of(UNSEALING), {who.account: who})) == []


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.NORMAL, Status.SEALED)])
def test_every_closed_account_is_g04(status: Status) -> None:
    people = {NORMAL.account: replace(NORMAL, status=status)}
    assert cells(check_batch(SEALING, UNIT, {}, rows_of(SEALING), people)) == [
        (0, "account", "G04")
    ]


def test_three_rows_of_one_person_name_the_first() -> None:
    checked = check_batch(SEALING, UNIT, {}, rows_of(SEALING, {}, {}, {}), PERSONS)
    assert [(p.row, p.text) for p in checked.problems] == [
        (1, "与第 1 行重复"),
        (2, "与第 1 行重复"),
    ]


DUE_2026 = {
    Month.of(2026, 2): Due(2, 2000_00),
    Month.of(2026, 3): Due(2, 2200_00),
    Month.of(2026, 4): Due(2, 2200_00),
}
IN_APRIL = unit(paid_through=Month.of(2026, 1), business_day=datetime.date(2026, 4, 20))


def remit(method: str, **changes: Any) -> Checked:
    texts = {"until": "2026-04", "method": method}
    return check_head(REMITTANCE, replace(IN_APRIL, **changes), texts, DUE_2026)


def test_remittance_settled_is_paid_in_full() -> None:
    checked = remit("实时结算")
    assert cells(checked) == []
    head = checked.head
    assert (head["from_month"], head["persons"]) == (Month.of(2026, 2), 2)
    assert (head["due"], head["paid"], head["from_prepayment"]) == (6400_00, 6400_00, 0)


def test_remittance_from_prepayment_names_what_is_short_then_passes() -> None:
    short = remit("预缴转出")
    assert [p.code for p in short.problems] == ["H06"]
    assert "1,400.00" in short.problems[0].text
    enough = remit("预缴转出", prepayment_fen=6400_00)
    assert cells(enough) == []
    head = enough.head
    assert (head["due"], head["paid"], head["from_prepayment"]) == (6400_00, 0, 6400_00)


def test_remittance_from_prepayment_needs_no_signing() -> None:
    texts = {"until": "2026-04", "method": "预缴转出"}
    unsigned = replace(IN_APRIL, signed_account="", prepayment_fen=6400_00)
    assert cells(check_head(REMITTANCE, unsigned, texts, DUE_2026)) == []


def test_remittance_some_months_without_people_pass() -> None:
    due = {**DUE_2026, Month.of(2026, 3): Due(0, 0)}  # Ruling 18.
    texts = {"until": "2026-04", "method": "实时结算"}
    assert cells(check_head(REMITTANCE, IN_APRIL, texts, due)) == []


def test_remittance_ahead_follows_the_parameter() -> None:
    texts = {"until": "2026-08", "method": "实时结算"}
    assert [p.code for p in check_head(REMITTANCE, UNIT, texts, None).problems] == ["H01"]
    ahead = unit(remit_ahead_months=1)
    assert cells(check_head(REMITTANCE, ahead, texts, None)) == []


def test_remittance_amounts_wait_for_the_server() -> None:
    texts = {"until": "2026-07", "method": "预缴转出"}
    checked = check_head(REMITTANCE, unit(prepayment_fen=0), texts, None)
    assert cells(checked) == []
    assert "due" not in checked.head


def test_prepayment_limit_is_inclusive() -> None:
    limited = unit(payment_limit_fen=100_00)
    assert cells(check_head(PREPAYMENT, limited, {"amount": "100"}, None)) == []


def test_prepayment_waits_only_for_a_prepayment() -> None:
    # Ruling 15.
    busy = unit(paying={"remittance": "S1", "back_payment": "S2"})
    assert cells(check_head(PREPAYMENT, busy, {"amount": "1"}, None)) == []
