"""Checks as the operator sees them: at once, in the background, over repeats, from the server."""

from __future__ import annotations

import dataclasses

from pytestqt.qtbot import QtBot

from hpf_desktop.ui.sheet.checker import AT_ONCE_MAX, SLICE_ROWS
from hpf_desktop.ui.sheet.model import ACCESSIBLE_DESCRIPTION
from hpf_desktop.ui.sheet.sheet import Sheet
from hpf_desktop.ui.sheet.store import UNCHECKED
from server.business.refusals import problem
from server.business.sealing import SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import UNIT, codes_at, number_of, opening_row, people


def type_in(sheet: Sheet, row: int, key: str, text: str) -> None:
    sheet.model.setData(sheet.model.index(row, number_of(sheet.model, key)), text)


def test_edited_row_is_checked_at_once_and_says_so_in_its_last_cell(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row()])
    model = sheet.model
    assert model.text(0, model.result_column) == "通过"
    type_in(sheet, 0, "base", "99999")
    assert codes_at(sheet, 0) == {"K08"}
    assert model.text(0, model.result_column).startswith("错误：缴存基数")
    assert "40,000.00" in model.index(0, number_of(model, "base")).data(ACCESSIBLE_DESCRIPTION)
    type_in(sheet, 0, "base", "9999")
    assert sheet.counts() == (0, 0)


def test_text_that_cannot_be_read_stays_with_its_problem(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row()])
    type_in(sheet, 0, "month", "下个月")
    assert sheet.texts()[0]["month"] == "下个月"
    assert codes_at(sheet, 0) == {"V03"}


def test_computed_cells_follow_what_is_typed(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(base="10000")])
    model = sheet.model
    assert model.text(0, number_of(model, "unit_fen")) == "1,200.00"
    type_in(sheet, 0, "base", "5000")
    assert model.text(0, number_of(model, "monthly_fen")) == "1,200.00"
    type_in(sheet, 0, "base", "")
    assert model.text(0, number_of(model, "monthly_fen")) == ""


def test_default_is_shown_but_not_sent(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(month="")])
    assert sheet.model.text(0, number_of(sheet.model, "month")) == "2026-07"
    assert "month" not in sheet.texts()[0]


def test_known_account_fills_the_dependent_cells(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(SEALING, [{"account": "100000000001", "reason": "99"}])
    model = sheet.model
    assert model.text(0, number_of(model, "name")) == "曾小贤"
    assert model.text(0, number_of(model, "id_tail")) == "5323**********0000"
    type_in(sheet, 0, "account", "100000000004")
    assert codes_at(sheet, 0) == {"F01"}


def test_repeat_is_told_at_the_later_row_and_goes_with_either(make_sheet: MakeSheet) -> None:
    rows = [opening_row(0), opening_row(1), opening_row(0)]
    sheet = make_sheet(rows=rows)
    assert [codes_at(sheet, r) for r in range(3)] == [set(), set(), {"G07"}]
    assert "第 1 行" in sheet.model.text(2, sheet.model.result_column)
    sheet.model.insert_blank(0, 1)
    assert "第 2 行" in sheet.model.text(3, sheet.model.result_column)
    sheet.model.remove(range(1, 2))
    assert sheet.counts() == (0, 0)
    sheet.model.steps.undo()
    assert codes_at(sheet, 3) == {"G07"}
    type_in(sheet, 1, "id_number", opening_row(9)["id_number"])
    assert sheet.counts() == (0, 0)


def test_many_rows_are_checked_in_the_background(make_sheet: MakeSheet, qtbot: QtBot) -> None:
    count = SLICE_ROWS * 2 + 10
    rows = [opening_row(n) for n in range(count)]
    rows[SLICE_ROWS + 1]["base"] = "1"
    rows[-1]["id_number"] = rows[0]["id_number"]
    sheet = make_sheet(rows=rows)
    outcome: list[tuple[int, int]] = []
    sheet.check_all(lambda errors, hints: outcome.append((errors, hints)))
    qtbot.waitUntil(lambda: bool(outcome), timeout=20_000)
    assert outcome == [(2, 0)]
    assert codes_at(sheet, SLICE_ROWS + 1) == {"K08"}
    assert codes_at(sheet, count - 1) == {"G07"}


def test_row_edited_during_a_background_check_keeps_its_newer_state(
    make_sheet: MakeSheet, qtbot: QtBot
) -> None:
    sheet = make_sheet()
    sheet.load([opening_row(n) for n in range(AT_ONCE_MAX * 3)])
    assert sheet.checker.task is not None
    type_in(sheet, 5, "base", "1")
    assert codes_at(sheet, 5) == {"K08"}
    done: list[int] = []
    sheet.check_all(lambda errors, hints: done.append(errors))
    qtbot.waitUntil(lambda: bool(done), timeout=10_000)
    assert done == [1]
    assert codes_at(sheet, 5) == {"K08"}


def test_rows_that_move_during_a_background_check_get_their_own_results(
    make_sheet: MakeSheet, qtbot: QtBot
) -> None:
    rows = [opening_row(n) for n in range(AT_ONCE_MAX * 3)]
    rows[300]["base"] = "1"
    sheet = make_sheet()
    sheet.load(rows)
    assert sheet.checker.task is not None
    sheet.model.remove(range(100))
    qtbot.waitUntil(lambda: UNCHECKED not in sheet.model.store.states, timeout=10_000)
    assert [p.row for p in sheet.model.store.faults] == [200]


def test_cancelled_check_leaves_rows_waiting_and_f9_takes_them_up(
    make_sheet: MakeSheet, qtbot: QtBot
) -> None:
    sheet = make_sheet()
    sheet.load([opening_row(n) for n in range(AT_ONCE_MAX * 3)])
    sheet.cancel()
    assert UNCHECKED in sheet.model.store.states
    sheet.commands["check"].trigger()
    qtbot.waitUntil(lambda: UNCHECKED not in sheet.model.store.states, timeout=10_000)


def test_new_facts_check_everything_again(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(base="5000")])
    sheet.set_facts(dataclasses.replace(UNIT, base_low_fen=600_000), {}, people())
    assert codes_at(sheet, 0) == {"K08"}


def test_server_problem_stands_at_its_row_though_rows_moved_and_goes_with_an_edit(
    make_sheet: MakeSheet,
) -> None:
    sheet = make_sheet(rows=[opening_row(0), opening_row(1)])
    sheet.model.insert_blank(1, 1)
    assert len(sheet.texts()) == 2
    sheet.model.insert_blank(0, 2)
    sheet.put_problems([problem("K05", "id_number", 1), problem("G02", serial="1")])
    assert codes_at(sheet, 4) == {"K05"}
    assert sheet.counts() == (2, 0)
    type_in(sheet, 4, "id_number", opening_row(5)["id_number"])
    assert sheet.counts() == (1, 0)
    sheet.put_problems([])
    assert sheet.counts() == (0, 0)


def test_server_problem_the_client_found_too_is_told_once(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(), opening_row(1, base="1")])
    found = next(iter(sheet.model.store.faults))
    sheet.texts()
    sheet.put_problems([dataclasses.replace(found, row=1)])
    assert sheet.counts() == (1, 0)


def test_hint_does_not_count_as_error(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row()])
    sheet.texts()
    sheet.put_problems([problem("K07", "phone", 0)])
    assert sheet.counts() == (0, 1)
    assert sheet.model.text(0, sheet.model.result_column).startswith("提示：")


def test_server_answer_keeps_what_the_import_said_of_a_cell(make_sheet: MakeSheet) -> None:
    """The digits a number lost are known at import alone: a later check must not hide them."""
    sheet = make_sheet(rows=[opening_row(), opening_row(1)])
    sheet.model.put_pins({0: [problem("V09", "id_number", 0, label="证件号码")]})
    sheet.texts()
    for _ in range(2):
        sheet.put_problems([problem("K04B", "id_number", 1)])
    assert (codes_at(sheet, 0), codes_at(sheet, 1)) == ({"V09"}, {"K04B"})
    sheet.put_problems([])
    assert (codes_at(sheet, 0), codes_at(sheet, 1)) == ({"V09"}, set())
    assert sheet.model.result(1) == "通过"
