"""Copy and paste: blocks, repeats, growth, read-only columns, large blocks in a worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QMimeData
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hpf_desktop.ui.sheet import clipboard
from hpf_desktop.ui.sheet.model import SPARE_ROWS
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.sealing import SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import codes_at, id_number, number_of, opening_row

cells = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=6)
blocks = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=4)
)


@given(blocks)
def test_block_copied_and_read_again_is_the_same(block: list[list[str]]) -> None:
    read = clipboard.columns_of_text(clipboard.text_of_rows(block) + "\r\n")
    assert [list(row) for row in zip(*read, strict=True)] == block


def test_short_rows_are_padded() -> None:
    assert clipboard.columns_of_text("a\tb\r\nc\r\n") == [["a", "c"], ["b", ""]]


def test_more_cells_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "CELLS_MAX", 3)
    with pytest.raises(clipboard.TooMuch):
        clipboard.columns_of_text("a\tb\nc\td")


def test_html_keeps_long_numbers_as_text_and_escapes_what_it_must() -> None:
    html = clipboard.html_of_rows([["532301199003070038", "<b>"]], [True, False])
    assert "mso-number-format:'\\@'" in html
    assert ">532301199003070038</td><td>&lt;b&gt;</td>" in html


def select(sheet: Sheet, top: int, left: str, bottom: int, right: str) -> None:
    model = sheet.model
    start = model.index(top, number_of(model, left))
    sheet.view.go_to(start.row(), start.column())
    sheet.view.selectionModel().select(
        QItemSelection(start, model.index(bottom, number_of(model, right))),
        QItemSelectionModel.SelectionFlag.ClearAndSelect,
    )


def paste(sheet: Sheet, text: str) -> list[str]:
    said: list[str] = []
    sheet.told.connect(said.append)
    QApplication.clipboard().setText(text)
    sheet.commands["paste"].trigger()
    return said


def test_paste_grows_the_sheet_in_one_step_and_counts_what_it_skipped(
    make_sheet: MakeSheet,
) -> None:
    sheet = make_sheet()
    rows = sheet.model.rowCount()
    select(sheet, rows - 1, "base", rows - 1, "base")
    said = paste(sheet, "5000\t2026年7月\t12%\t12%\r\n6000\t2026/8\t1\t1\r\n7000\t202609\t1\t1\r\n")
    assert said == ["粘贴 3 行；跳过 2 个只读列"]
    assert [row["base"] for row in sheet.texts()] == ["5,000.00", "6,000.00", "7,000.00"]
    assert [row["month"] for row in sheet.texts()] == ["2026-07", "2026-08", "2026-09"]
    assert sheet.model.rowCount() == rows + 2 + SPARE_ROWS
    assert sheet.commands["undo"].text() == "撤销 粘贴"
    sheet.commands["undo"].trigger()
    assert sheet.texts() == []
    assert sheet.model.rowCount() == rows


def test_single_cell_fills_the_selection(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(n) for n in range(4)])
    select(sheet, 0, "base", 2, "base")
    paste(sheet, "3000")
    assert [row["base"] for row in sheet.texts()] == ["3,000.00"] * 3 + ["8,000.00"]


def test_paste_into_sorted_rows_reaches_the_rows_shown(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(n, base=f"{n + 3}000") for n in range(3)])
    sheet.model.set_view([2, 0])
    select(sheet, 0, "base", 0, "base")
    paste(sheet, "11\n22\n33")
    assert [row["base"] for row in sheet.texts()] == ["22.00", "4,000.00", "11.00", "33.00"]
    sheet.commands["undo"].trigger()
    assert [row["base"] for row in sheet.texts()] == ["3,000.00", "4,000.00", "5,000.00"]


def test_paste_with_nothing_to_write_says_so(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(SEALING)
    select(sheet, 0, "base", 0, "base")
    assert paste(sheet, "5000") == ["没有可以填写的单元格；跳过 1 个只读列"]
    assert not sheet.commands["undo"].isEnabled()


def test_large_paste_comes_through_a_worker_and_is_one_step(
    make_sheet: MakeSheet, qtbot: QtBot
) -> None:
    sheet = make_sheet()
    count = 12_000
    text = "\n".join(f"张三\t身份证\t{id_number(n)}" for n in range(count))
    select(sheet, 0, "name", 0, "name")
    with qtbot.waitSignal(sheet.told, timeout=10_000) as told:
        paste(sheet, text)
        assert sheet.row_count == 0
    assert told.args == ["粘贴 12,000 行"]
    assert sheet.row_count == count
    sheet.commands["undo"].trigger()
    assert sheet.row_count == 0


def test_paste_of_too_much_is_told_and_writes_nothing(
    make_sheet: MakeSheet, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipboard, "CELLS_MAX", 3)
    sheet = make_sheet()
    select(sheet, 0, "name", 0, "name")
    with qtbot.waitSignal(sheet.refused, timeout=10_000) as refused:
        paste(sheet, "张三\t身份证\n李四\t身份证\n王五\t身份证")
    assert refused.args[0].code == "S20"
    assert sheet.row_count == 0


def test_large_paste_can_be_cancelled(make_sheet: MakeSheet, qtbot: QtBot) -> None:
    sheet = make_sheet()
    select(sheet, 0, "name", 0, "name")
    paste(sheet, "张三\n" * 200_000)
    sheet.cancel()
    assert sheet.transfer.task is None
    assert sheet.row_count == 0


def test_cut_copies_and_clears(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(0), opening_row(1)])
    select(sheet, 0, "base", 1, "month")
    sheet.commands["cut"].trigger()
    assert QApplication.clipboard().text() == "8,000.00\t2026-07\r\n8,000.00\t2026-07"
    assert QApplication.clipboard().mimeData().hasHtml()
    assert sheet.texts() == [
        {k: v for k, v in opening_row(n).items() if k not in ("base", "month")} for n in (0, 1)
    ]


def test_large_copy_comes_through_a_worker(make_sheet: MakeSheet, qtbot: QtBot) -> None:
    sheet = make_sheet(rows=[opening_row(n) for n in range(4000)])
    QApplication.clipboard().clear()
    select(sheet, 0, "name", 3999, "month")
    sheet.commands["copy"].trigger()
    qtbot.waitUntil(lambda: QApplication.clipboard().text().count("\n") == 3999, timeout=10_000)


def test_pasted_block_is_selected_with_its_first_cell_current(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(rows=[opening_row(n) for n in range(4)])
    name = number_of(sheet.model, "name")
    select(sheet, 1, "name", 1, "name")
    paste(sheet, "甲\t身份证\r\n乙\t身份证\r\n丙\t身份证\r\n")
    assert sheet.view.selected_blocks() == [(range(1, 4), [name, name + 1])]
    current = sheet.view.currentIndex()
    assert (current.row(), current.column()) == (1, name)


def test_header_that_was_copied_along_is_not_pasted(make_sheet: MakeSheet) -> None:
    sheet = make_sheet()
    select(sheet, 0, "name", 0, "name")
    said = paste(sheet, f"姓 名\t证件类型\t身份证号码\r\n张三\t身份证\t{id_number(1)}\r\n")
    assert said == ["粘贴 1 行；没有粘贴表头"]
    assert [row["name"] for row in sheet.texts()] == ["张三"]
    select(sheet, 1, "base", 1, "base")
    assert paste(sheet, "工资基数\n8000\n") == ["粘贴 1 行；没有粘贴表头"]
    select(sheet, 2, "name", 2, "name")
    paste(sheet, f"姓名\t身份证\t{id_number(2)}\n李四\t身份证\t{id_number(3)}")
    assert [row.get("name") for row in sheet.texts()] == ["张三", None, "姓名", "李四"]


def test_page_without_a_text_of_its_own_is_pasted_by_its_cells(make_sheet: MakeSheet) -> None:
    sheet = make_sheet()
    select(sheet, 0, "name", 0, "name")
    copied = QMimeData()
    copied.setHtml(
        "<html><body><!--StartFragment--><table><tr><td>张三</td><td>身份证</td>"
        f"<td>{id_number(1)}</td></tr><tr><td>李四<br></td><td>身份证</td></tr></table></body></html>"
    )
    QApplication.clipboard().setMimeData(copied)
    sheet.commands["paste"].trigger()
    assert [(row["name"], row.get("id_number")) for row in sheet.texts()] == [
        ("张三", id_number(1)), ("李四", None)
    ]  # fmt: skip


def test_quote_that_is_never_closed_swallows_no_rows(make_sheet: MakeSheet) -> None:
    sheet = make_sheet(SEALING)
    select(sheet, 0, "remark", 0, "remark")
    assert paste(sheet, '"5寸\n无\n"两\n行"\n') == ["粘贴 4 行"]
    long = '"' + "x\n" * 100_000
    assert clipboard.columns_of_text(long)[0][:2] == ['"x', "x"]


def test_number_that_a_spreadsheet_shortened_says_so_wherever_it_came_from(
    make_sheet: MakeSheet,
) -> None:
    sheet = make_sheet(SEALING)
    select(sheet, 0, "account", 0, "account")
    paste(sheet, "1E+11\n1.00000E+11\n")
    assert [codes_at(sheet, row) >= {"V09"} for row in (0, 1)] == [True, True]
