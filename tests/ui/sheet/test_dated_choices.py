"""A table of reasons that the centre has changed: in editors, pasted, imported, in the template."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hpf_desktop.ui.sheet.editors import OfferEdit
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.sealing import SEAL_REASONS, SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import UNIT, codes_at, editor_of, number_of, people

# The offscreen platform has one window at a time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ACCOUNT = "100000000001"
CHANGED = replace(UNIT, choices={"seal_reasons": {"01": "解除劳动合同", "10": "机构撤销"}})


@pytest.fixture
def sheet(make_sheet: MakeSheet) -> Sheet:
    """With a row that names a reason of before."""
    made = make_sheet(SEALING, [{"account": ACCOUNT, "reason": "02"}])
    assert codes_at(made, 0) == set()
    made.set_facts(CHANGED, {}, people())
    return made


def reason(sheet: Sheet, row: int) -> str:
    return sheet.model.text(row, number_of(sheet.model, "reason"))


def test_new_reasons_are_offered_and_found_by_pinyin(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.view.go_to(0, number_of(sheet.model, "reason"))
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Qt.Key.Key_F2)
    editor = editor_of(sheet)
    assert isinstance(editor, OfferEdit)
    editor.selectAll()
    editor.open_list()
    assert [offer.columns for offer in editor.list.model.offers] == [
        ("01", "解除劳动合同"), ("10", "机构撤销"),
    ]  # fmt: skip
    qtbot.keyClicks(editor, "jgcx")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert reason(sheet, 0) == "机构撤销"
    assert codes_at(sheet, 0) == set()


def test_reason_that_is_offered_no_more_is_refused_at_its_cell(sheet: Sheet) -> None:
    assert reason(sheet, 0) == "调出待转移", "what stands there stays as it was typed"
    (told,) = sheet.model.store.faults.of_row(0)
    assert (told.code, told.key) == ("V05", "reason")
    assert "解除劳动合同、机构撤销" in told.next_step
    sheet.set_facts(replace(UNIT, choices={"seal_reasons": SEAL_REASONS}), {}, people())
    assert codes_at(sheet, 0) == set()


def test_new_reason_pasted_by_name_or_code_is_read(sheet: Sheet) -> None:
    sheet.view.go_to(1, 0)
    lines = [(f"10000000000{n}", name) for n, name in enumerate(("机构撤销", "10", "服兵役"), 1)]
    columns = [c.key for c in sheet.model.columns]
    between = "\t" * (columns.index("reason") - columns.index("account"))
    QApplication.clipboard().setText("".join(f"{a}{between}{name}\n" for a, name in lines))
    sheet.commands["paste"].trigger()
    assert [reason(sheet, row) for row in (1, 2, 3)] == ["机构撤销", "机构撤销", "服兵役"]
    assert ["V05" in codes_at(sheet, row) for row in (1, 2, 3)] == [False, False, True]


def lists_in(sheet: Sheet, qtbot: QtBot, path: Path) -> list[str]:
    """The lists that the template's columns choose from."""
    sheet.files.write_template(path)
    qtbot.waitUntil(lambda: sheet.files.task is None and path.exists(), timeout=5_000)
    with zipfile.ZipFile(path) as book:
        written = book.read("xl/worksheets/sheet1.xml").decode()
    return re.findall("<formula1>(.*?)</formula1>", written)


def test_template_lists_the_reasons_in_force(sheet: Sheet, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "个人封存模板.xlsx"
    assert lists_in(sheet, qtbot, path) == ['"解除劳动合同,机构撤销"']
    table = {"01": "停薪, 留职", "02": "死亡"}
    sheet.set_facts(replace(UNIT, choices={"seal_reasons": table}), {}, people())
    path.unlink()
    assert lists_in(sheet, qtbot, path) == [], "a comma would make two of one"


def test_import_reads_the_new_reasons(sheet: Sheet, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"个人账号,封存原因\n{ACCOUNT},10\n", encoding="utf-8")
    sheet.import_path(path)
    qtbot.waitUntil(lambda: sheet.files.dialog is not None, timeout=5_000)
    assert sheet.files.dialog is not None
    sheet.files.dialog.replace.setChecked(True)
    with qtbot.waitSignal(sheet.files.imported, timeout=5_000):
        sheet.files.dialog.accept()
    assert sheet.texts() == [{"account": ACCOUNT, "reason": "机构撤销"}]
    assert codes_at(sheet, 0) == set()
