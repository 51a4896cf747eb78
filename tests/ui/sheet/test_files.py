"""Import with its preview, the template, the error report and the export, through the sheet."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from hpf_desktop.mapping import extract, find_mapping
from hpf_desktop.spreadsheet import read_document
from hpf_desktop.table_file import write_template
from hpf_desktop.ui.sheet.import_dialog import ImportDialog
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.account_opening import ACCOUNT_OPENING
from server.business.refusals import REFUSALS
from server.business.sealing import SEALING
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import codes_at, id_number, number_of, opening_row

# The offscreen platform has one window at a time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
HEADER = "单位名册,,,,,\n姓名,证件类型,身份证号,手机,工资基数,起缴月份\n"


def roster(path: Path, *lines: str) -> Path:
    path.write_text(HEADER + "\n".join(lines), encoding="gb18030")
    return path


def preview(sheet: Sheet, qtbot: QtBot, path: Path) -> ImportDialog:
    sheet.files.dialog = None
    sheet.import_path(path)
    qtbot.waitUntil(lambda: sheet.files.dialog is not None, timeout=5_000)
    assert sheet.files.dialog is not None
    return sheet.files.dialog


def agree(sheet: Sheet, qtbot: QtBot, dialog: ImportDialog) -> list[object]:
    with qtbot.waitSignal(sheet.files.imported, timeout=5_000) as imported:
        dialog.accept()
    return list(imported.args[0])


def test_import_shows_a_preview_and_then_is_one_step(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet()
    path = roster(
        tmp_path / "a.csv",
        f'张三,身份证,{id_number(1)},１３９８７８１２３４５,"8,000",2026年7月',
        "李四,身份证,5.32301E+17,13987812346,9000,202607",
        "合计,,,,17000,",
    )
    dialog = preview(sheet, qtbot, path)
    assert dialog.header_row.value() == 2
    assert dialog.boxes["base"].currentText() == "工资基数"
    assert dialog.replace.isChecked()
    said: list[str] = []
    sheet.told.connect(said.append)
    told = agree(sheet, qtbot, dialog)
    assert said == [
        "导入 2 行；没有导入第 1 行：表头以上的标题；没有导入第 5 行：合计、落款或没有人员"
    ]
    assert {p.code for p in told} == {"S11", "S12"}  # type: ignore[attr-defined]
    assert sheet.texts()[0] == opening_row(1, phone="13987812345")
    assert codes_at(sheet, 0) == set()
    assert "V09" in codes_at(sheet, 1)
    assert sheet.commands["undo"].text() == "撤销 导入"
    sheet.commands["undo"].trigger()
    assert sheet.texts() == []
    sheet.commands["redo"].trigger()
    assert "V09" in codes_at(sheet, 1)
    sheet.model.setData(sheet.model.index(1, number_of(sheet.model, "id_number")), id_number(2))
    assert codes_at(sheet, 1) == set()


def test_import_adds_to_what_is_there_unless_told_otherwise(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet(rows=[opening_row(7)])
    path = roster(tmp_path / "a.csv", f"张三,身份证,{id_number(1)},13987812345,8000,2026-07")
    dialog = preview(sheet, qtbot, path)
    assert dialog.append.isChecked()
    agree(sheet, qtbot, dialog)
    assert [row["id_number"] for row in sheet.texts()] == [id_number(7), id_number(1)]
    dialog = preview(sheet, qtbot, path)
    dialog.replace.setChecked(True)
    agree(sheet, qtbot, dialog)
    assert [row["id_number"] for row in sheet.texts()] == [id_number(1)]
    sheet.commands["undo"].trigger()
    assert len(sheet.texts()) == 2


def test_columns_can_be_chosen_by_hand(make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"甲,乙,丙\n张三,{id_number(1)},8000\n", encoding="utf-8")
    sheet = make_sheet()
    dialog = preview(sheet, qtbot, path)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok) or dialog.ok
    assert not ok.isEnabled()
    assert "没有找到表头" in dialog.notice.text()
    dialog.header_row.setValue(1)
    for key, column in (("name", 0), ("id_number", 1), ("base", 2)):
        box = dialog.boxes[key]
        box.setCurrentIndex(column + 1)
        box.activated.emit(column + 1)
    assert ok.isEnabled()
    assert "手机号码" in dialog.notice.text()
    agree(sheet, qtbot, dialog)
    assert sheet.texts() == [{"name": "张三", "id_number": id_number(1), "base": "8,000.00"}]


def test_preview_tells_of_other_lists_doubts_and_large_units(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    """S26, S27 and S29 stand below the rows; a split header is chosen as one."""
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    for name in ("一月", "二月", "说明"):
        sheet = book.add_worksheet(name)
        if name != "说明":
            sheet.write_row(0, 0, ["姓名", "证件号码", "缴存", "备注", "手机", "手机"])
            sheet.write_row(1, 2, ["基数（万元）"])
            sheet.write_row(2, 0, ["张三", id_number(1), 0.8])
        else:
            sheet.write(0, 0, "填表说明")
    book.close()
    dialog = preview(make_sheet(), qtbot, tmp_path / "a.xlsx")
    words = dialog.notice.text()
    assert dialog.boxes["base"].currentText() == "缴存 基数（万元）"
    assert "缴存基数（C2）以万元为单位" in words
    assert "手机（E2）、手机（F2）" in words
    assert {p.code for p in dialog.told()} == {"S14", "S26", "S27", "S29"}
    assert "没有导入其他工作表：二月。" in words
    dialog.header_row.setValue(1)
    assert "base" not in dialog.mapping.columns
    dialog.header_row.setValue(2)
    assert dialog.mapping.columns == {"name": 0, "id_number": 1, "base": 2}


def test_cancelled_preview_changes_nothing(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet()
    path = roster(tmp_path / "a.csv", "张三,身份证,1,2,3,4")
    preview(sheet, qtbot, path).reject()
    assert sheet.texts() == []
    assert not sheet.has_unsaved


def test_broken_file_is_told_and_loses_nothing(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet(rows=[opening_row()])
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04broken")
    with qtbot.waitSignal(sheet.refused, timeout=5_000) as refused:
        sheet.import_path(tmp_path / "a.xlsx")
    assert refused.args[0].code == "S01"
    assert sheet.row_count == 1


def test_template_of_another_business_is_refused(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    write_template(tmp_path / "a.xlsx", SEALING)
    sheet = make_sheet()
    with qtbot.waitSignal(sheet.refused, timeout=5_000) as refused:
        sheet.import_path(tmp_path / "a.xlsx")
    assert refused.args[0].code == "S16"
    assert refused.args[0].text == "这是“个人封存”的模板"


def test_template_of_another_version_is_told_in_the_preview(
    make_sheet: MakeSheet,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as older:
        older.setattr("hpf_desktop.table_file.template_version", lambda _: "older")
        write_template(tmp_path / "a.xlsx", ACCOUNT_OPENING)
    sheet = make_sheet()
    assert REFUSALS["S15"].text in preview(sheet, qtbot, tmp_path / "a.xlsx").notice.text()


def test_template_report_and_export_are_written(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet(rows=[opening_row(0), opening_row(1, base="1")])
    for write, name in (
        (sheet.files.write_template, "template"),
        (sheet.files.write_report, "report"),
        (sheet.files.write_shown, "shown"),
    ):
        with qtbot.waitSignal(sheet.told, timeout=5_000):
            write(tmp_path / f"{name}.xlsx")
    report = read_document(tmp_path / "report.xlsx").tables[0]
    taken = extract(report, find_mapping(report, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert taken.texts["id_number"] == [id_number(0), id_number(1)]
    assert report.rows[1][-1] == "" and "缴存基数应在" in report.rows[2][-1]
    shown = read_document(tmp_path / "shown.xlsx").tables[0]
    label = ACCOUNT_OPENING.field("unit_fen").label
    assert shown.rows[1][shown.rows[0].index(label)] == "960"


def test_export_to_a_place_that_cannot_be_written_is_told(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = make_sheet()
    with qtbot.waitSignal(sheet.refused, timeout=5_000) as refused:
        sheet.files.write_template(tmp_path / "none" / "a.xlsx")
    assert refused.args[0].code == "S18"


def test_name_that_is_another_persons_is_refused_however_it_came(
    make_sheet: MakeSheet, qtbot: QtBot, tmp_path: Path
) -> None:
    """File, paste and typing meet the same check; the right person or no name mends it."""
    sheet = make_sheet(SEALING)
    path = tmp_path / "a.csv"
    rows = ["姓名,公积金账号,身份证号,封存原因", "曾小贤,100000000001,532300000000000000,死亡",
            "阿依买买提,100000000002,532300000000000001,死亡", "曾小闲,100000000001,,死亡",
            "单田芳,100000000003,532300000000000004,死亡"]  # fmt: skip
    path.write_text("\n".join(rows), encoding="gb18030")
    agree(sheet, qtbot, preview(sheet, qtbot, path))
    assert [codes_at(sheet, row) - {"G07"} for row in range(4)] == [set(), set(), {"G16"}, {"G16"}]
    name, tail = number_of(sheet.model, "name"), number_of(sheet.model, "id_tail")
    assert sheet.model.text(0, tail) == "5323**********0000"  # What was typed whole is not kept.
    assert "曾小贤" in (sheet.model.data(sheet.model.index(2, name), Qt.ItemDataRole.ToolTipRole))
    sheet.model.setData(sheet.model.index(2, name), "")
    assert codes_at(sheet, 2) == {"G07"} and sheet.model.text(2, name) == "曾小贤"
    sheet.model.setData(sheet.model.index(0, name), "单田芳")
    assert "G16" in codes_at(sheet, 0)
    sheet.view.go_to(3, number_of(sheet.model, "account"))
    QApplication.clipboard().setText("100000000003\t张䶮\t\n")
    sheet.commands["paste"].trigger()
    assert codes_at(sheet, 3) == {"G16"} and sheet.model.text(3, tail) == "5323**********0002"
