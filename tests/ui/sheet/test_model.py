"""The model: what cells show, how texts become normal, and that every change can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester
from shiboken6 import delete

from hpf_desktop.ui.sheet import edits
from hpf_desktop.ui.sheet.model import ACCESSIBLE_DESCRIPTION, SPARE_ROWS, SheetModel
from hpf_desktop.ui.sheet.store import BLANK
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business
from server.business.refusals import problem
from server.business.sealing import SEALING
from tests.ui.sheet.facts import number_of, opening_row, texts_of


@contextmanager
def model_of(business: Business, count: int) -> Iterator[SheetModel]:
    made = SheetModel(business)
    load(made, [opening_row(n) for n in range(count)])
    yield made
    delete(made)  # With its undo steps, as its window does; Python would take them in any order.


@pytest.fixture
def model(qapp: object) -> Iterator[SheetModel]:
    with model_of(ACCOUNT_OPENING, 5) as made:
        yield made


def load(model: SheetModel, rows: list[dict[str, str]]) -> None:
    keys = [c.key for c in model.columns if c.is_typed]
    model.load({key: [row.get(key, "") for row in rows] for key in keys})


def type_in(model: SheetModel, place: int, key: str, text: str) -> None:
    assert model.setData(model.index(place, number_of(model, key)), text)


def shown(model: SheetModel, place: int, key: str) -> str:
    return str(model.index(place, number_of(model, key)).data())


def test_model_obeys_qt_while_rows_come_go_and_are_sorted(
    model: SheetModel, qtmodeltester: ModelTester
) -> None:
    qtmodeltester.check(model)
    model.insert_blank(2, 3)
    model.remove(range(2))
    model.remove([0, 2, 5])
    model.set_view([3, 1, 2])
    model.insert_blank(1, 2)
    model.remove(sorted(model.rows_at([0, 1])))
    model.steps.undo()
    model.set_view(None)
    qtmodeltester.check(model)


def test_loaded_rows_are_followed_by_blank_ones_that_do_not_count(model: SheetModel) -> None:
    assert model.rowCount() == 5 + SPARE_ROWS
    assert model.store.filled_rows == 5
    assert model.store.states[5] == BLANK


@pytest.mark.parametrize(
    ("key", "typed", "normal"),
    [
        ("base", "１２,３４５.6", "12,345.60"),
        ("base", "¥8000元", "8,000.00"),
        ("month", "2026年7月", "2026-07"),
        ("month", "202607", "2026-07"),
        ("id_number", " 53230119900307003x ", "53230119900307003X"),
        ("id_type", "01", "身份证"),
        ("name", "阿依•买买提", "阿依·买买提"),
        ("phone", "139 8781 2345", "13987812345"),
        ("base", "八千", "八千"),
        ("month", "\u3000", ""),
    ],
)
def test_text_typed_is_shown_as_its_kind_shows_it_or_stays_as_typed(
    model: SheetModel, key: str, typed: str, normal: str
) -> None:
    type_in(model, 1, key, "1" if key == "base" else "")
    type_in(model, 1, key, typed)
    assert shown(model, 1, key) == normal


def test_computed_column_cannot_be_written(model: SheetModel) -> None:
    index = model.index(0, number_of(model, "unit_fen"))
    assert not model.setData(index, "5")
    assert not model.flags(index) & Qt.ItemFlag.ItemIsEditable


def test_locked_model_takes_nothing(model: SheetModel) -> None:
    model.is_locked = True
    assert not model.setData(model.index(0, 0), "李四")
    assert shown(model, 0, "name") == "张三"


def test_same_text_makes_no_step(model: SheetModel) -> None:
    type_in(model, 0, "base", "8000")
    assert not model.steps.canUndo()


def test_required_columns_are_marked_and_amounts_stand_right(model: SheetModel) -> None:
    name, base = number_of(model, "name"), number_of(model, "base")
    horizontal = Qt.Orientation.Horizontal
    assert model.headerData(name, horizontal) == "姓名 *"
    assert model.headerData(number_of(model, "address"), horizontal) == "家庭住址"
    assert model.headerData(model.result_column, horizontal) == "校验结果"
    assert model.index(0, base).data(Qt.ItemDataRole.TextAlignmentRole) & int(
        Qt.AlignmentFlag.AlignRight
    )


def test_sorted_rows_keep_their_line_numbers_and_the_current_cell(model: SheetModel) -> None:
    kept = model.index(4, 0)
    follower = QPersistentModelIndex(kept)
    model.set_view([4, 2, 0])
    assert [model.headerData(p, Qt.Orientation.Vertical) for p in range(3)] == ["5", "3", "1"]
    assert follower.row() == 0
    model.set_view(None)
    assert follower.row() == 4


def test_edit_in_sorted_sheet_reaches_the_row_it_shows(model: SheetModel) -> None:
    model.set_view([4, 2, 0])
    type_in(model, 1, "name", "李四")
    assert model.store.typed[number_of(model, "name")][2] == "李四"


def test_pinned_problem_goes_when_its_cell_is_edited_and_returns_with_undo(
    model: SheetModel,
) -> None:
    fault = problem("G07", "id_number", 1, other=1)
    model.put_pins({1: [fault]})
    description = model.index(1, number_of(model, "id_number")).data(ACCESSIBLE_DESCRIPTION)
    assert "重复" in description
    type_in(model, 1, "phone", "13900000000")
    assert model.store.faults.errors == 1
    type_in(model, 1, "id_number", "1")
    assert model.store.faults.errors == 0
    model.steps.undo()
    assert model.store.faults.errors == 1


def test_removed_rows_take_their_problems_and_undo_brings_them_back(model: SheetModel) -> None:
    model.put_pins({r: [problem("G04", "id_number", r)] for r in (1, 3)})
    model.remove(range(2))
    assert {p.row for p in model.store.faults} == {1}
    model.steps.undo()
    assert {p.row for p in model.store.faults} == {1, 3}
    assert model.store.faults.errors == 2


def test_write_on_the_last_row_leaves_blank_rows_after_it(model: SheetModel) -> None:
    last = model.rowCount() - 1
    type_in(model, last, "name", "李四")
    assert model.rowCount() == last + 1 + SPARE_ROWS
    model.steps.undo()
    assert model.rowCount() == last + 1


operations = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.integers(0, 99), st.integers(0, 5), st.text(max_size=5)),
        st.tuples(st.just("insert"), st.integers(0, 99), st.integers(1, 4)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 99), min_size=1, max_size=6)),
        st.tuples(st.just("duplicate"), st.integers(0, 99), st.integers(1, 4)),
        st.tuples(
            st.just("paste"),
            st.integers(0, 99),
            st.integers(0, 8),
            st.lists(st.lists(st.text(max_size=4), min_size=2, max_size=2), min_size=1, max_size=4),
        ),
        st.tuples(st.just("fill"), st.integers(0, 99), st.integers(1, 5)),
        st.tuples(st.just("view"), st.randoms(use_true_random=False)),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
    ),
    max_size=14,
)


def perform(model: SheetModel, operation: tuple) -> None:  # type: ignore[type-arg]
    """One thing an operator may do, at a place that exists."""
    name, *given_ = operation
    count = model.rowCount()
    if name == "undo":
        model.steps.undo()
    elif name == "redo":
        model.steps.redo()
    elif name == "view":
        rows = list(range(len(model.store)))
        given_[0].shuffle(rows)
        model.set_view(None if len(rows) % 3 == 0 else rows[: max(1, len(rows) * 2 // 3)])
    elif name == "remove":
        places = sorted({place % count for place in given_[0]}) if count else []
        edits.delete_rows(model, places)
    elif count:
        perform_at(model, name, given_[0] % count, given_[1:])


def perform_at(model: SheetModel, name: str, place: int, more: list) -> None:  # type: ignore[type-arg]
    count = model.rowCount()
    if name == "type":
        model.setData(model.index(place, more[0]), more[1])
    elif name == "insert":
        edits.insert_rows(model, range(place, min(count, place + more[0])))
    elif name == "duplicate":
        edits.duplicate_rows(model, range(place, min(count, place + more[0])))
    elif name == "fill":
        edits.fill_down(model, [(range(place, min(count, place + more[0])), [0, 3, 4])])
    elif name == "paste":
        spot = edits.Spot(range(place, place + 1), 1, range(more[0], model.columnCount()))
        pasted = edits.fit([list(c) for c in zip(*more[1], strict=True)], spot, model.columns)
        edits.paste(model, pasted, place)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations)
def test_any_sequence_of_steps_undone_is_the_start_and_redone_is_the_end(
    qapp: object,
    sequence: list[tuple],  # type: ignore[type-arg]
) -> None:
    with model_of(ACCOUNT_OPENING, 4) as model:
        start = texts_of(model), list(model.store.ids)
        for operation in sequence:
            perform(model, operation)
            lengths = {len(column) for column in model.store.typed + model.store.filled}
            assert lengths == {len(model.store.states)} == {len(model.store.ids)}
        end = texts_of(model), list(model.store.ids)
        done = model.steps.index()
        while model.steps.canUndo():
            model.steps.undo()
        assert (texts_of(model), list(model.store.ids)) == start
        while model.steps.index() < done:
            model.steps.redo()
        assert (texts_of(model), list(model.store.ids)) == end


def test_empty_model_has_no_children_of_cells(qapp: object) -> None:
    with model_of(SEALING, 0) as model:
        assert model.rowCount(model.index(0, 0)) == 0
        assert model.columnCount(QModelIndex()) == len(SEALING.rows) + 1
