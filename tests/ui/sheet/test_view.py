"""Moving, selecting and editing by keyboard and mouse, as in Excel."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QSettings, Qt
from PySide6.QtGui import QAction, QInputMethodEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QLineEdit,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from hpf_desktop.ui import theme
from hpf_desktop.ui.sheet.colours import LIGHT
from hpf_desktop.ui.sheet.commands import TOOLBAR
from hpf_desktop.ui.sheet.model import SPARE_ROWS, SheetModel
from hpf_desktop.ui.sheet.sheet import Sheet
from hpf_desktop.ui.sheet.view import edge
from server.business.account_opening import ACCOUNT_OPENING
from server.business.refusals import problem
from server.business.sealing import SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import editor_of, number_of, opening_row

Key, Modifier = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def sheet(make_sheet: MakeSheet) -> Sheet:
    made = make_sheet(rows=[opening_row(n) for n in range(6)])
    made.view.setFocus()
    return made


def column(sheet: Sheet, key: str) -> int:
    return number_of(sheet.model, key)


def stand(sheet: Sheet, place: int, key: str) -> None:
    sheet.view.go_to(place, column(sheet, key))


def standing(sheet: Sheet) -> tuple[int, str]:
    index = sheet.view.currentIndex()
    at = index.column()
    return index.row(), "" if at == sheet.model.result_column else sheet.model.columns[at].key


def select(sheet: Sheet, top: int, left: str, bottom: int, right: str) -> None:
    model = sheet.model
    start = model.index(top, column(sheet, left))
    sheet.view.go_to(start.row(), start.column())
    sheet.view.selectionModel().select(
        QItemSelection(start, model.index(bottom, column(sheet, right))),
        QItemSelectionModel.SelectionFlag.ClearAndSelect,
    )


def press(
    qtbot: QtBot, sheet: Sheet, key: Qt.Key, modifier: Modifier = Modifier.NoModifier
) -> None:
    qtbot.keyClick(sheet.view, key, modifier)


def text(sheet: Sheet, place: int, key: str) -> str:
    return sheet.model.text(place, column(sheet, key))


def test_enter_goes_down_and_shift_enter_up(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 1, "base")
    press(qtbot, sheet, Key.Key_Return)
    assert standing(sheet) == (2, "base")
    press(qtbot, sheet, Key.Key_Return, Modifier.ShiftModifier)
    assert standing(sheet) == (1, "base")


def test_tab_skips_computed_cells_and_wraps_to_the_next_rows_first(
    sheet: Sheet, qtbot: QtBot
) -> None:
    stand(sheet, 0, "month")
    press(qtbot, sheet, Key.Key_Tab)
    assert standing(sheet) == (0, "sex")
    stand(sheet, 0, "card")
    press(qtbot, sheet, Key.Key_Tab)
    assert standing(sheet) == (1, "name")
    press(qtbot, sheet, Key.Key_Backtab)
    assert standing(sheet) == (0, "card")


def test_enter_on_the_last_row_adds_one(sheet: Sheet, qtbot: QtBot) -> None:
    last = sheet.model.rowCount() - 1
    stand(sheet, last, "name")
    press(qtbot, sheet, Key.Key_Return)
    assert standing(sheet) == (last + 1, "name")


def test_ctrl_arrows_jump_to_the_edge_of_the_filled_cells(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 0, "name")
    press(qtbot, sheet, Key.Key_Down, Modifier.ControlModifier)
    assert standing(sheet) == (5, "name")
    press(qtbot, sheet, Key.Key_Down, Modifier.ControlModifier)
    assert standing(sheet) == (5 + SPARE_ROWS, "name")
    press(qtbot, sheet, Key.Key_Up, Modifier.ControlModifier)
    assert standing(sheet) == (5, "name")
    press(qtbot, sheet, Key.Key_Up, Modifier.ControlModifier | Modifier.ShiftModifier)
    assert sheet.view.selected_places() == range(6)


@pytest.mark.parametrize(
    ("filled", "at", "sign", "stops"),
    [("xxx..x", 0, 1, 2), ("xxx..x", 2, 1, 5), ("xxx..x", 5, -1, 2), ("......", 0, 1, 5),
     ("x", 0, 1, 0), ("..x", 0, 1, 2), ("xx", 0, 1, 1)],
)  # fmt: skip
def test_edge_is_where_filled_and_blank_meet(filled: str, at: int, sign: int, stops: int) -> None:
    assert edge(lambda n: filled[n] == "x", at, sign, len(filled)) == stops


def test_home_and_end_go_to_the_rows_ends_and_with_ctrl_to_the_sheets(
    sheet: Sheet, qtbot: QtBot
) -> None:
    stand(sheet, 2, "base")
    press(qtbot, sheet, Key.Key_End)
    assert standing(sheet) == (2, "")
    press(qtbot, sheet, Key.Key_Home)
    assert standing(sheet) == (2, "name")
    press(qtbot, sheet, Key.Key_End, Modifier.ControlModifier)
    assert standing(sheet) == (5, "")
    press(qtbot, sheet, Key.Key_Home, Modifier.ControlModifier)
    assert standing(sheet) == (0, "name")


def test_ctrl_space_takes_the_column_and_shift_space_the_row(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 2, "base")
    press(qtbot, sheet, Key.Key_Space, Modifier.ShiftModifier)
    assert sheet.view.selected_blocks()[0][0] == range(2, 3)
    assert len(sheet.view.selected_blocks()[0][1]) == sheet.model.columnCount()
    stand(sheet, 2, "base")
    press(qtbot, sheet, Key.Key_Space, Modifier.ControlModifier)
    assert sheet.view.selected_blocks() == [
        (range(sheet.model.rowCount()), [column(sheet, "base")])
    ]


def test_typing_replaces_the_cell_and_enter_commits_and_goes_down(
    sheet: Sheet, qtbot: QtBot
) -> None:
    stand(sheet, 1, "base")
    qtbot.keyClicks(sheet.view, "9")
    editor = editor_of(sheet)
    qtbot.keyClicks(editor, "000")
    qtbot.keyClick(editor, Key.Key_Return)
    assert text(sheet, 1, "base") == "9,000.00"
    assert standing(sheet) == (2, "base")


def test_f2_keeps_the_text_and_escape_leaves_it_alone(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 1, "base")
    press(qtbot, sheet, Key.Key_F2)
    editor = editor_of(sheet)
    assert editor.text() == "8,000.00"
    editor.setText("1")
    qtbot.keyClick(editor, Key.Key_Escape)
    assert text(sheet, 1, "base") == "8,000.00"


@pytest.mark.parametrize("key", ["address", "name"])
def test_input_method_reaches_the_editor_from_its_first_letter(
    sheet: Sheet, key: str, qtbot: QtBot
) -> None:
    stand(sheet, 1, key)
    assert sheet.view.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
    QApplication.sendEvent(sheet.view, QInputMethodEvent("z", []))
    editor = editor_of(sheet)
    done = QInputMethodEvent()
    done.setCommitString("中")
    QApplication.sendEvent(editor, done)
    qtbot.keyClick(editor, Key.Key_Return)
    assert text(sheet, 1, key) == "中"


def test_typing_on_a_computed_cell_does_nothing(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 1, "unit_fen")
    qtbot.keyClicks(sheet.view, "5")
    assert standing(sheet) == (1, "unit_fen")
    with pytest.raises(AssertionError):
        editor_of(sheet)


def test_delete_clears_typed_cells_of_the_selection_in_one_step(sheet: Sheet, qtbot: QtBot) -> None:
    select(sheet, 0, "base", 2, "unit_ratio")
    press(qtbot, sheet, Key.Key_Delete)
    assert [text(sheet, n, "base") for n in range(4)] == ["", "", "", "8,000.00"]
    sheet.commands["undo"].trigger()
    assert text(sheet, 0, "base") == "8,000.00"
    assert not sheet.commands["undo"].isEnabled()


def test_ctrl_enter_fills_the_selection(sheet: Sheet, qtbot: QtBot) -> None:
    select(sheet, 0, "base", 3, "base")
    qtbot.keyClicks(sheet.view, "7")
    editor = editor_of(sheet)
    qtbot.keyClicks(editor, "000")
    qtbot.keyClick(editor, Key.Key_Return, Modifier.ControlModifier)
    assert [text(sheet, n, "base") for n in range(5)] == ["7,000.00"] * 4 + ["8,000.00"]


def test_ctrl_d_copies_the_first_row_down(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.model.setData(sheet.model.index(0, column(sheet, "base")), "5000")
    select(sheet, 0, "base", 2, "month")
    press(qtbot, sheet, Key.Key_D, Modifier.ControlModifier)
    assert [text(sheet, n, "base") for n in range(4)] == ["5,000.00"] * 3 + ["8,000.00"]
    sheet.commands["undo"].trigger()
    assert text(sheet, 1, "base") == "8,000.00"


def test_fill_handle_counts_months_on(sheet: Sheet, qtbot: QtBot) -> None:
    stand(sheet, 0, "month")
    handle = sheet.view.handle_rect()
    assert handle is not None
    port = sheet.view.viewport()
    end = sheet.view.visualRect(sheet.model.index(3, column(sheet, "month"))).center()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=handle.center())
    qtbot.mouseMove(port, end)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)
    shown = [text(sheet, n, "month") for n in range(5)]
    assert shown == ["2026-07", "2026-08", "2026-09", "2026-10", "2026-07"]


def test_f8_visits_errors_in_reading_order_and_wraps(sheet: Sheet, qtbot: QtBot) -> None:
    model = sheet.model
    model.setData(model.index(1, column(sheet, "phone")), "1")
    model.setData(model.index(4, column(sheet, "base")), "1")
    stand(sheet, 0, "name")
    press(qtbot, sheet, Key.Key_F8)
    assert standing(sheet) == (1, "phone")
    assert sheet.callout.isVisible()
    assert "手机号码" in sheet.callout.text()
    press(qtbot, sheet, Key.Key_F8)
    assert standing(sheet) == (4, "base")
    press(qtbot, sheet, Key.Key_F8)
    assert standing(sheet) == (1, "phone")
    press(qtbot, sheet, Key.Key_F8, Modifier.ShiftModifier)
    assert standing(sheet) == (4, "base")


def test_next_problem_says_when_there_is_none(sheet: Sheet) -> None:
    assert not sheet.next_problem()


def test_listed_problem_brings_back_a_filtered_row(sheet: Sheet) -> None:
    model = sheet.model
    sheet.texts()
    sheet.put_problems([problem("K05", "id_number", 4)])
    sheet.toolbar.search.setText("没有这个人")
    sheet.arrangement.query = "没有这个人"
    sheet.arrangement.apply()
    assert model.rowCount() == 0
    sheet.commands["problem_list"].setChecked(True)
    listed = sheet.problem_list.model
    assert listed.index(0, 1).data() == "5"
    sheet.problem_list.table.clicked.emit(listed.index(0, 0))
    assert standing(sheet) == (4, "id_number")


def test_row_commands_work_on_the_selected_rows(sheet: Sheet) -> None:
    model = sheet.model
    ids = [text(sheet, n, "id_number") for n in range(6)]
    select(sheet, 1, "name", 2, "name")
    sheet.commands["duplicate_rows"].trigger()
    assert [text(sheet, n, "id_number") for n in (1, 2, 3, 4)] == [ids[1], ids[2]] * 2
    sheet.commands["undo"].trigger()
    sheet.commands["insert_row"].trigger()
    assert [text(sheet, n, "id_number") for n in (1, 2, 3)] == ["", "", ids[1]]
    sheet.commands["undo"].trigger()
    select(sheet, 1, "name", 2, "name")
    sheet.commands["delete_rows"].trigger()
    assert [text(sheet, n, "id_number") for n in range(2)] == [ids[0], ids[3]]
    assert model.rowCount() == 4 + SPARE_ROWS


def test_frozen_columns_stay_when_the_rest_scrolls(make_sheet: MakeSheet, qtbot: QtBot) -> None:
    sheet = make_sheet(SEALING)
    sheet.resize(500, 400)
    frozen = sheet.view.frozen
    assert frozen is not None and frozen.isVisible() and sheet.view.frozen_count == 2
    sheet.view.horizontalScrollBar().setValue(300)
    sheet.view.setCurrentIndex(sheet.model.index(3, 0))
    assert sheet.view.horizontalScrollBar().value() == 300
    assert frozen.visualRect(sheet.model.index(3, 0)).left() == 0
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Key.Key_F2)
    assert editor_of(sheet).parent() is frozen.viewport()
    sheet.commands["unfreeze"].trigger()
    assert not frozen.isVisible()


def test_results_give_way_where_that_shows_all_columns(qtbot: QtBot, sheet: Sheet) -> None:
    view, result = sheet.view, sheet.model.result_column
    others = sum(view.columnWidth(c) for c in range(result))
    around = sheet.width() - view.viewport().width()
    sheet.resize(others + 150 + around, 400)
    assert view.columnWidth(result) == view.viewport().width() - others
    qtbot.waitUntil(lambda: view.horizontalScrollBar().maximum() == 0, timeout=2_000)


def test_results_stay_at_the_right_edge_of_a_narrow_sheet(sheet: Sheet) -> None:
    sheet.resize(700, 400)
    view, results = sheet.view, sheet.view.results
    result = sheet.model.result_column
    assert results is not None and results.isVisible()
    assert view.columnViewportPosition(result) > view.viewport().width(), "itself out of sight"
    right = results.mapTo(sheet, results.rect().topRight()).x()
    assert right <= view.mapTo(sheet, view.rect().topRight()).x()
    assert results.visualRect(sheet.model.index(0, result)).left() == 0
    assert view.columnWidth(result) <= view.viewport().width() // 3
    for key in ("base", "month"):
        view.go_to(0, column(sheet, key))
        assert view.visualRect(view.currentIndex()).right() <= view._result_x()
    before = view.horizontalScrollBar().value()
    view.go_to(2, result)
    assert view.horizontalScrollBar().value() == before, "nothing scrolls to what is in sight"
    view.hide_columns([result])
    assert not results.isVisible()


def test_amount_that_goes_on_under_the_results_does_not_look_smaller(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, base = sheet.view, column(sheet, "base")
    sheet.model.setData(sheet.model.index(0, base), "16405")
    drawn: list[str] = []
    fitting = view.painter._fitting

    def listen(*given: Any) -> str:
        drawn.append(fitting(*given))
        return drawn[-1]

    monkeypatch.setattr(view.painter, "_fitting", listen)
    sheet.resize(700, 400)
    first, last = view.seen()
    bar = view.horizontalScrollBar()
    bar.setValue(bar.value() + view.columnViewportPosition(base) - last + 30)
    assert first < view.columnViewportPosition(base) < last
    view.viewport().grab()
    assert set(drawn) and all(set(text) == {"#"} for text in drawn if text.startswith("#"))
    assert any(text.startswith("#") for text in drawn) and "16,405.00" not in drawn


def test_current_cell_stays_in_sight_when_the_problem_list_opens(
    sheet: Sheet, qtbot: QtBot
) -> None:
    sheet.resize(900, 400)
    sheet.view.scrollToTop()
    last = sheet.view.rowAt(sheet.view.viewport().height() - 40)
    sheet.view.go_to(last, column(sheet, "base"))
    high = sheet.view.viewport().height()
    sheet.commands["problem_list"].setChecked(True)
    qtbot.waitUntil(lambda: sheet.view.viewport().height() < high)
    rect = sheet.view.visualRect(sheet.view.currentIndex())
    assert sheet.view.viewport().rect().contains(rect)


@pytest.mark.parametrize("width", [560, 700, 900, 2000])
def test_toolbar_folds_commands_but_never_the_way_to_submit(
    make_sheet: MakeSheet, width: int
) -> None:
    sheet = make_sheet()
    sheet.add_primary(QAction("提交", sheet, objectName="submit"))
    sheet.resize(max(width, sheet.minimumSizeHint().width()), 500)
    QApplication.processEvents()
    toolbar = sheet.toolbar
    for name in ("button_only_problems", "button_next_problem", "button_submit"):
        button = sheet.findChild(QToolButton, name)
        assert toolbar.rect().contains(button.geometry()), name
        assert button.width() >= button.sizeHint().width()
    shown = {b.defaultAction() for b in toolbar.findChildren(QToolButton) if b.isVisible()}
    folded = set(toolbar.more.menu().actions())
    assert {sheet.commands[name] for name in TOOLBAR} <= shown | folded
    assert not shown & folded
    assert toolbar.more.isVisible() == bool(folded) == (width < 2000)


def test_column_widths_order_and_hiding_are_kept_by_key(
    make_sheet: MakeSheet, tmp_path: object
) -> None:
    settings = QSettings(f"{tmp_path}/shape.ini", QSettings.Format.IniFormat)
    first = make_sheet()
    first.keep_shape(settings)
    first.view.setColumnWidth(column(first, "base"), 222)
    first.view.hide_columns([column(first, "address")])
    first.view.horizontalHeader().moveSection(4, 2)
    second = make_sheet()
    second.keep_shape(settings)
    assert second.view.columnWidth(column(second, "base")) == 222
    assert second.view.isColumnHidden(column(second, "address"))
    assert second.view.horizontalHeader().visualIndex(4) == 2
    settings.setValue(f"sheet/{ACCOUNT_OPENING.code}", "{broken")
    assert make_sheet().view.columnWidth(column(second, "base")) == 110


def test_locked_sheet_can_be_copied_but_not_changed(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.lock()
    select(sheet, 0, "name", 1, "name")
    press(qtbot, sheet, Key.Key_Delete)
    press(qtbot, sheet, Key.Key_D, Modifier.ControlModifier)
    qtbot.keyClicks(sheet.view, "x")
    assert text(sheet, 0, "name") == "张三"
    sheet.commands["copy"].trigger()
    assert QApplication.clipboard().text() == "张三\r\n张三"
    assert not sheet.commands["paste"].isEnabled()
    sheet.unlock()
    press(qtbot, sheet, Key.Key_Delete)
    assert text(sheet, 0, "name") == ""


def test_status_line_counts_rows_problems_and_the_selection(sheet: Sheet, qtbot: QtBot) -> None:
    said: list[str] = []
    sheet.status_changed.connect(said.append)
    select(sheet, 0, "base", 2, "base")
    qtbot.waitUntil(lambda: bool(said) and "平均" in said[-1])
    assert "共 6 行" in said[-1]
    assert "选中 3 个单元格　求和 24,000.00　平均 8,000.00" in said[-1]


QT_OWN = ("QTableCornerButton", "QLineEditIconButton", "QHeaderView")


def test_every_control_has_a_name_for_those_who_cannot_see_it(sheet: Sheet) -> None:
    for kind in (QAbstractButton, QAbstractItemView, QLineEdit):
        for widget in sheet.findChildren(kind):
            if widget.metaObject().className() in QT_OWN:
                continue
            assert widget.objectName()
            is_named = widget.accessibleName() or getattr(widget, "text", str)()
            assert is_named or widget in sheet.view.grids[1:], widget.objectName()


def test_grid_paints_every_state_without_a_warning(sheet: Sheet, qapp: QApplication) -> None:
    model = sheet.model
    model.setData(model.index(1, column(sheet, "base")), "1234567890123")
    sheet.texts()
    sheet.put_problems([problem("K07", "phone", 0)])
    light = sheet.grab().toImage()
    sheet.set_colours(theme.apply(qapp, "dark", 100))
    sheet.callout.hide()
    dark = sheet.grab().toImage()
    sheet.set_colours(theme.apply(qapp, "light", 100))
    place = sheet.view.viewport().mapTo(sheet, QPoint(300, 400))
    assert light.pixelColor(place).lightness() > 200
    assert dark.pixelColor(place).lightness() < 60


def test_selected_cell_with_a_problem_keeps_its_text_and_its_corner(sheet: Sheet) -> None:
    column_of_base = column(sheet, "base")
    sheet.model.setData(sheet.model.index(1, column_of_base), "1")
    sheet.view.go_to(1, column_of_base)
    sheet.callout.hide()
    cell = sheet.view.visualRect(sheet.view.currentIndex())
    image = sheet.view.viewport().grab().toImage()
    ratio = image.devicePixelRatio()

    def colour(x: int, y: int) -> str:
        return image.pixelColor(int(x * ratio), int(y * ratio)).name()

    assert colour(cell.left() + 8, cell.center().y()) == LIGHT.selection
    assert colour(cell.right() - 3, cell.top() + 3) == LIGHT.error


def test_selecting_everything_does_not_ask_cell_by_cell(
    make_sheet: MakeSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = make_sheet(rows=[opening_row(n) for n in range(150)])
    asked: list[int] = []
    flags = SheetModel.flags
    monkeypatch.setattr(
        SheetModel, "flags", lambda self, index: (asked.append(1), flags(self, index))[1]
    )
    sheet.view.selectAll()
    sheet.grab()
    assert len(asked) < 150
