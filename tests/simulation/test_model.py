"""The model against the handbook's own vectors, and against a few laws."""

from __future__ import annotations

import ast
import sys
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import server.simulation.model
from server.simulation.model import amounts
from server.simulation.model.books import (
    accrue_interest,
    books_disagree,
    refund,
    settle_interest,
)
from server.simulation.model.counter import (
    Correction,
    begin_deferral,
    claim,
    correct,
    end_deferral,
    enter_cheque,
    open_unit,
    receive_unknown,
    reverse,
    sign_account,
)
from server.simulation.model.interest import (
    Listed,
    Terms,
)
from server.simulation.model.payments import (
    DIFFERENCE,
    FREE,
    FULL,
    PREPAID,
    SETTLED,
    BackRow,
    answer,
    back_pay,
    prepay,
    remit,
)
from server.simulation.model.people import (
    Opening,
    Sealing,
    Unsealing,
    open_people,
    seal,
    unseal,
)
from server.simulation.model.state import Centre
from tests.vectors import MONTHLY, TYPED

LOW, HIGH = 202_000, 2_602_300
RATE = Listed(date(2016, 2, 21), Fraction(15, 1000), Fraction(15, 1000))


def month(text: str) -> int:
    year, number = text.split("-")
    return int(year) * 12 + int(number) - 1


def centre_on(day: date, paid_through: str = "2026-01") -> Centre:
    centre = Centre(day)
    centre.limits["532301"] = [(date(1999, 1, 1), LOW, HIGH)]
    centre.roundings = [(date(1999, 1, 1), amounts.EACH_YUAN)]
    centre.rates = [RATE]
    centre.terms = [(date(1999, 1, 1), Terms())]
    open_unit(centre, "U", "532301", (1200, 1200), month(paid_through))
    sign_account(centre, "U")
    return centre


def opened(centre: Centre, person: str, first: str, base: int) -> None:
    assert not open_people(centre, "U", [Opening(person, person, month(first), base)])


def remitted(centre: Centre, until: str) -> None:
    assert not remit(centre, "U", month(until), SETTLED)
    answer(centre, "U", "remittance", collected=True)


def three_people() -> Centre:
    """4.11's 甲 1200, 乙 800 until 2026-03, 丙 1000 from 2026-03, paid through 2026-01."""
    centre = centre_on(date(2026, 4, 15))
    opened(centre, "甲", "2026-02", 500_000)
    opened(centre, "乙", "2026-02", 333_333)
    opened(centre, "丙", "2026-03", 416_667)
    assert not seal(centre, "U", [Sealing("乙", month("2026-03"))])
    return centre


# --- 4.2 and 4.3 ---


@pytest.mark.parametrize(
    ("base", "ratios", "parts", "each_fen", "sum_yuan", "sum_trunc"),
    MONTHLY,
)
def test_monthly_amount_in_each_rounding_is_the_handbooks(
    base: int,
    ratios: tuple[int, int],
    parts: tuple[int, int],
    each_fen: int,
    sum_yuan: int,
    sum_trunc: int,
) -> None:
    assert amounts.monthly(base, *ratios, amounts.EACH_YUAN) == parts
    assert sum(amounts.monthly(base, *ratios, amounts.EACH_FEN)) == each_fen
    assert sum(amounts.monthly(base, *ratios, amounts.SUM_YUAN)) == sum_yuan
    assert sum(amounts.monthly(base, *ratios, amounts.SUM_TRUNC_YUAN)) == sum_trunc


@pytest.mark.parametrize(
    ("amount", "ratios", "parts", "base"),
    TYPED,
)
def test_typed_monthly_amount_splits_and_gives_its_base_back(
    amount: int, ratios: tuple[int, int], parts: tuple[int, int], base: int
) -> None:
    assert amounts.split(amount, *ratios, amounts.EACH_YUAN) == parts
    assert amounts.base_behind(amount, *ratios) == base


@given(
    st.integers(0, 10_000_000),
    st.integers(500, 1200),
    st.integers(500, 1200),
    st.sampled_from(amounts.ROUNDINGS),
)
def test_monthly_amount_in_any_rounding_is_near_the_exact_one(
    base: int, unit_ratio: int, person_ratio: int, rounding: str
) -> None:
    parts = amounts.monthly(base, unit_ratio, person_ratio, rounding)
    step = amounts.smallest_step(rounding)
    assert all(part >= 0 and part % step == 0 for part in parts)
    exact = Fraction(base * (unit_ratio + person_ratio), 10_000)
    assert abs(sum(parts) - exact) <= step


# --- 4.11 and 8.3 ---


def test_remittance_of_three_months_takes_each_months_own_roster() -> None:
    centre = three_people()
    remitted(centre, "2026-04")
    people = centre.people
    assert {key: person.balance for key, person in people.items()} == {
        "甲": 360_000,
        "乙": 80_000,
        "丙": 200_000,
    }
    assert centre.ledger == {"101": 640_000, "201": -640_000}
    assert people["乙"].paid_through == month("2026-02")
    assert centre.units["U"].paid_through == month("2026-04")
    assert centre.units["U"].status == "01"


def test_remittance_from_prepayment_needs_all_of_it_there() -> None:
    centre = three_people()
    assert not enter_cheque(centre, "U", 500_000)
    assert remit(centre, "U", month("2026-04"), PREPAID) == {None: {"H06"}}
    assert not prepay(centre, "U", 140_000)
    answer(centre, "U", "prepayment", collected=True)
    assert not remit(centre, "U", month("2026-04"), PREPAID)
    assert centre.ledger == {"101": 640_000, "219": 0, "201": -640_000}


def test_remittance_of_months_that_are_not_due_is_refused() -> None:
    centre = three_people()
    assert remit(centre, "U", month("2026-05"), SETTLED) == {None: {"H01"}}
    assert remit(centre, "U", month("2026-01"), SETTLED) == {None: {"H01"}}
    remitted(centre, "2026-04")
    assert remit(centre, "U", month("2026-04"), SETTLED) == {None: {"H01A"}}


def test_failed_debit_leaves_everything_as_it_was() -> None:
    centre = three_people()
    assert not remit(centre, "U", month("2026-04"), SETTLED)
    assert remit(centre, "U", month("2026-04"), SETTLED) == {None: {"H04"}}
    assert seal(centre, "U", [Sealing("甲", month("2026-05"))]) == {None: {"G02"}}
    answer(centre, "U", "remittance", collected=False)
    assert centre.ledger["101"] == 0
    assert centre.units["U"].paid_through == month("2026-01")


# --- People ---


def test_opening_tells_each_rows_reasons() -> None:
    centre = three_people()
    open_unit(centre, "V", "532301", (500, 500), month("2026-01"))
    rows = [
        Opening("甲", "甲", month("2026-04"), 500_000),
        Opening("乙", "别名", month("2026-04"), 500_000),
        Opening("丁", "丁", month("2026-01"), LOW - 1),
        Opening("丁", "丁", month("2026-06"), HIGH + 1),
    ]
    refused = open_people(centre, "U", rows)
    assert refused == {
        0: {"K03A"},
        1: {"K03B", "K06"},
        2: {"K08", "K09"},
        3: {"G07", "K08", "K09"},
    }
    refused = open_people(centre, "V", rows[:2])
    assert refused == {0: {"K04B"}, 1: {"K04A", "K06"}}


def test_sealing_and_unsealing_keep_each_stay() -> None:
    centre = three_people()
    assert seal(centre, "U", [Sealing("丙", month("2026-02"))]) == {0: {"F04"}}
    assert seal(centre, "U", [Sealing("乙", month("2026-01"))]) == {0: {"F01", "F02"}}
    assert unseal(centre, "U", [Unsealing("乙", month("2026-02"))]) == {0: {"Q06"}}
    assert unseal(centre, "U", [Unsealing("甲", month("2026-01"))]) == {0: {"Q01", "Q02"}}
    centre.units["U"].ratios.append((month("2026-04"), 1000, 500))
    assert not unseal(centre, "U", [Unsealing("乙", month("2026-04"))])
    remitted(centre, "2026-04")
    person = centre.people["乙"]
    assert (person.stays[-1].unit_part, person.stays[-1].person_part) == (33_300, 16_700)
    assert [it.month for it in person.credits] == [month("2026-02"), month("2026-04")]


# --- Back payment, correction, reversal, deferral ---


def test_back_payment_by_kind_asks_what_the_month_already_has() -> None:
    centre = three_people()
    remitted(centre, "2026-04")
    enter_cheque(centre, "U", 10_000_000)
    march = BackRow("乙", 80_000, month("2026-03"), month("2026-03"))
    february = BackRow("乙", 80_000, month("2026-02"), month("2026-02"))
    assert back_pay(centre, "U", FULL, [february], PREPAID) == {0: {"B02"}}
    assert back_pay(centre, "U", DIFFERENCE, [march], PREPAID) == {0: {"B03A"}}
    assert not back_pay(centre, "U", FULL, [march], PREPAID)
    assert back_pay(centre, "U", FULL, [march], PREPAID) == {0: {"B02"}}
    assert back_pay(centre, "U", DIFFERENCE, [march], PREPAID) == {0: {"B03A"}}
    over = BackRow("乙", 624_600 - 80_000 + 100, month("2026-02"), month("2026-02"))
    assert back_pay(centre, "U", DIFFERENCE, [over], PREPAID) == {0: {"B03B"}}
    odd = BackRow("乙", 50, month("2026-03"), month("2026-05"))
    assert back_pay(centre, "U", FREE, [odd], PREPAID) == {0: {"B01", "B04"}}
    assert centre.people["乙"].paid_through == month("2026-02")
    assert centre.units["U"].paid_through == month("2026-04")


def test_correction_goes_back_to_the_prepayment_once() -> None:
    centre = three_people()
    remitted(centre, "2026-04")
    february = month("2026-02")
    assert correct(centre, "U", [Correction("乙", february, 80_001)]) == {0: {"E02"}}
    assert not correct(centre, "U", [Correction("乙", february, 30_000)])
    assert correct(centre, "U", [Correction("乙", february, 1_000)]) == {0: {"E04"}}
    assert centre.units["U"].prepaid == 30_000
    assert centre.people["乙"].balance == 50_000
    assert not books_disagree(centre)


def test_reversal_of_the_first_remittance_puts_the_unit_back_to_opened() -> None:
    centre = three_people()
    remitted(centre, "2026-04")
    row = BackRow("乙", 30_000, month("2026-04"), month("2026-04"))
    assert not enter_cheque(centre, "U", 30_000)
    assert not back_pay(centre, "U", FREE, [row], PREPAID)
    assert reverse(centre, 2) == {None: {"E09"}}
    assert reverse(centre, 1) == {None: {"E06"}}
    assert not reverse(centre, 3)
    assert not reverse(centre, 1)
    assert centre.refunds == {1: 640_000}
    refund(centre, 1)
    assert reverse(centre, 1) == {None: {"E07"}}
    unit = centre.units["U"]
    assert (unit.status, unit.paid_through) == ("02", month("2026-01"))
    assert all(it.balance == 0 and it.paid_through is None for it in centre.people.values())
    remitted(centre, "2026-04")
    centre.day = date(2026, 4, 16)
    assert reverse(centre, 4) == {None: {"E05"}}
    assert not books_disagree(centre)


def test_deferred_months_are_skipped_and_made_up_later() -> None:
    centre = three_people()
    assert not begin_deferral(centre, "U", month("2026-02"), month("2026-03"))
    assert remit(centre, "U", month("2026-04"), SETTLED) == {None: {"H10"}}
    assert not end_deferral(centre, "U")
    assert remit(centre, "U", month("2026-03"), SETTLED) == {None: {"H03"}}
    remitted(centre, "2026-04")
    assert centre.ledger["101"] == 220_000
    row = BackRow("甲", 120_000, month("2026-02"), month("2026-03"))
    assert not back_pay(centre, "U", FULL, [row], SETTLED)
    answer(centre, "U", "back payment", collected=True)
    assert centre.people["甲"].balance == 360_000


def test_claimed_receipt_moves_inside_219() -> None:
    centre = three_people()
    receive_unknown(centre, "R1", 12_345)
    claim(centre, "R1", "U")
    assert centre.units["U"].prepaid == 12_345
    assert centre.ledger == {"101": 12_345, "219": -12_345}


# --- 30 June ---


def test_settlement_carries_everything_over_and_the_second_is_the_first() -> None:
    centre = three_people()
    remitted(centre, "2026-04")
    earned = 77 * 640_000 * 15 / 360_000 - 30 * 640_000 * 15 / 360_000
    assert accrue_interest(centre, month("2026-05")) == int(earned + 0.5)
    centre.day = date(2026, 7, 1)
    remitted(centre, "2026-07")
    total = settle_interest(centre, 2026)
    assert settle_interest(centre, 2026) == total
    person = centre.people["甲"]
    statement = person.statements[2026]
    assert statement.interest == amounts.half_up(Fraction(360_000 * 77 * 15, 360_000))
    assert person.prior == statement.closing == 360_000 + statement.interest
    assert person.current == 360_000
    assert centre.ledger["411"] == total
    assert centre.ledger["211"] == 0
    assert not books_disagree(centre)


# --- The model stands alone ---


def test_model_imports_nothing_but_itself_and_the_standard_library() -> None:
    folder = Path(server.simulation.model.__file__).parent
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                name = node.module or ""
                inside = name.startswith("server.simulation.model")
                assert inside or name.split(".")[0] in sys.stdlib_module_names, (file, name)
            assert not isinstance(node, ast.Import), file
