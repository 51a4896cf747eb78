"""Files we write: read back by another program's reader, and by ourselves."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from hpf_desktop import table_file
from hpf_desktop.mapping import extract, find_mapping
from hpf_desktop.spreadsheet import read_document
from hpf_desktop.table_file import (
    template_version,
    write_error_report,
    write_table,
    write_template,
)
from hpf_desktop.tasks import Cancelled
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Field
from server.business.businesses import BUSINESSES
from server.business.kinds import Account, Day, Money, MonthKind, Ratio, Stamp, Text, Whole
from server.business.parameters import Rate
from server.business.refusals import Refused, problem
from server.business.sealing import SEALING
from tests.test_spreadsheet import convert

batches = pytest.mark.parametrize(
    "business", [b for b in BUSINESSES if b.rows], ids=lambda b: b.code
)


@batches
def test_template_has_every_typed_column_and_says_whose_it_is(business, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.xlsx"
    write_template(path, business)
    document = read_document(path)
    assert document.template == (business.code, template_version(business))
    assert [table.name for table in document.tables] == [business.label]
    typed = [spec.key for spec in business.rows if spec.typed]
    assert list(find_mapping(document.tables[0], business).columns) == typed


def test_template_holds_text_columns_lists_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_template(path, SEALING)
    with zipfile.ZipFile(path) as pack:
        sheet = pack.read("xl/worksheets/sheet1.xml").decode()
        comments = pack.read("xl/comments1.xml").decode()
    assert 'type="list"' in sheet
    assert "终止劳动关系" in sheet
    assert "必填" in comments and "例如 2026-07" in comments


def test_version_changes_with_the_columns() -> None:
    fewer = dataclasses.replace(SEALING, rows=SEALING.rows[1:])
    assert template_version(fewer) != template_version(SEALING)


def test_error_report_can_be_corrected_and_imported_again(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    rows = [
        {"name": "张三", "id_number": "532301199003070038", "base": "八千"},
        {"name": "李四", "id_number": "532301199003070054", "base": "8,000.00"},
    ]
    faults = [
        problem("V02", "base", 0, label="缴存基数", found="八千"),
        problem("V01", "phone", 1, label="手机号码"),
        problem("G02", serial="1"),
    ]
    assert write_error_report(path, ACCOUNT_OPENING, rows, faults) == 2
    document = read_document(path)
    table = document.tables[0]
    assert "不是有效的金额" in table.rows[1][-1]
    assert table.rows[2][-1] == "手机号码不能为空。请填写手机号码"
    taken = extract(table, find_mapping(table, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert taken.texts["id_number"] == [row["id_number"] for row in rows]
    assert taken.texts["base"] == ["八千", "8,000.00"]
    assert not [p for p in taken.told if p.code == "S13"]
    with zipfile.ZipFile(path) as pack:
        assert "FFFFC7CE" in pack.read("xl/styles.xml").decode()
        assert "手机号码不能为空" in pack.read("xl/comments1.xml").decode()


def test_table_keeps_long_numbers_as_text_and_amounts_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    fields = [
        ACCOUNT_OPENING.field(key) for key in ("name", "id_number", "base", "month", "id_type")
    ]
    month = ACCOUNT_OPENING.field("month").kind.parse("2026-07")
    rows = [
        {
            "name": "=1+1",
            "id_number": "532301199003070038",
            "base": 800_050,
            "month": month,
            "id_type": "01",
        },
        {"name": "李四"},
    ]
    assert write_table(path, fields, iter(rows)) == 2
    table = read_document(path).tables[0]
    assert table.rows[0] == ["姓名", "证件号码", "缴存基数", "起缴年月", "证件类型"]
    assert table.rows[1] == ["=1+1", "532301199003070038", "8000.5", "2026-07", "身份证"]
    assert table.lost == frozenset()


def test_empty_table_is_still_a_file(tmp_path: Path) -> None:
    assert write_table(tmp_path / "a.xlsx", SEALING.rows, []) == 0
    assert read_document(tmp_path / "a.xlsx").tables[0].rows[0][0] == "个人账号"


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        write_table(tmp_path / "none" / "a.xlsx", SEALING.rows, [])
    assert refused.value.reason.code == "S18"


def test_cancelled_export_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, SEALING.rows, [{"account": 1}])
    before = path.read_bytes()

    def cancel(done: int, total: int) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_table(path, SEALING.rows, ({"account": n} for n in range(3000)), cancel)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_are_numbers_and_accounts_are_text(tmp_path: Path) -> None:
    from python_calamine import CalamineWorkbook

    fields = [
        Field("account", "个人账号", Account()), Field("amount", "金额", Money(), summed=True),
        Field("persons", "人数", Whole(), summed=True), Field("ratio", "比例", Ratio()),
        Field("rate", "利率", Rate()), Field("month", "年月", MonthKind()),
    ]  # fmt: skip
    row = {
        "account": 532300000017, "amount": 123456789, "persons": 8000, "ratio": 1200, "rate": 1500,
        "month": "2026-07",
    }  # fmt: skip
    write_table(tmp_path / "a.xlsx", fields, [row, row], heading=["标题", "单位"])
    sheet = CalamineWorkbook.from_path(str(tmp_path / "a.xlsx")).get_sheet_by_index(0).to_python()
    assert sheet[2] == ["个人账号", "金额", "人数", "比例", "利率", "年月"]
    assert sheet[3] == ["532300000017", 1234567.89, 8000, 0.12, 0.015, "2026-07"]
    assert sheet[5] == ["合计", 2469135.78, 16000, "", "", ""]


STRANGE = ("=1+1", "@SUM(1)", "-2+3", "+86", "{=A1}", "\t=1", "http://a.example", "00012", "1E5")


@pytest.mark.slow
def test_another_program_sees_numbers_days_and_no_formula(tmp_path: Path) -> None:
    """LibreOffice reckons with the file and writes down what it then shows."""
    fields = [
        Field("account", "个人账号", Account()), Field("id", "证件号码", Text()),
        Field("amount", "金额", Money(), summed=True), Field("day", "日期", Day()),
        Field("at", "时间", Stamp()), Field("remark", "备注", Text()),
    ]  # fmt: skip
    row = {
        "account": 532300000017, "id": "532301199003070038", "amount": 123456789,
        "day": "2026-07-01", "at": "2026-07-01T23:59:58.5+08:00",
    }  # fmt: skip
    rows = [row | {"remark": remark} for remark in STRANGE]
    write_table(tmp_path / "a.xlsx", fields, rows, heading=["=1+1", "单位"])
    book = read_sheet(tmp_path / "a.xlsx")
    moment = datetime.datetime(2026, 7, 1, 23, 59, 58)  # noqa: DTZ001 - No zone in a cell.
    assert book[3][2:5] == [1234567.89, moment.date(), moment]
    text = convert(tmp_path / "a.xlsx", "csv").read_text("utf-8")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0][0] == "=1+1"
    assert lines[3][:5] == [
        "532300000017", "532301199003070038", "1234567.89", "2026-07-01", "2026-07-01 23:59:58",
    ]  # fmt: skip
    assert [line[5] for line in lines[3:-1]] == list(STRANGE)
    assert lines[-1][2] == "11111111.01"


def read_sheet(path: Path) -> list[list[object]]:
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from python_calamine import CalamineWorkbook

    monkeypatch.setattr(table_file, "SHEET_ROWS", 10)
    fields = [Field("account", "个人账号", Account()), Field("n", "数", Whole(), summed=True)]
    rows = ({"account": 100000000000 + n, "n": 1} for n in range(25))
    assert write_table(tmp_path / "a.xlsx", fields, rows, heading=["标题"]) == 25
    book = CalamineWorkbook.from_path(str(tmp_path / "a.xlsx"))
    sheets = [book.get_sheet_by_index(n).to_python() for n in range(3)]
    assert [sheet[1] for sheet in sheets] == [["个人账号", "数"]] * 3
    found = [row[0] for sheet in sheets for row in sheet[2:]]
    assert found == [str(100000000000 + n) for n in range(25)] + ["合计"]
    assert sheets[-1][-1] == ["合计", 25]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    fields = [Field("account", "个人账号", Account()), Field("n", "数", Whole(), summed=True)]
    peaks = []
    for count in (2_000, 2_000, 40_000):  # The first brings the writer.
        tracemalloc.start()
        rows = ({"account": 100000000000 + n, "n": n} for n in range(count))
        assert write_table(tmp_path / "a.xlsx", fields, rows) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 2_000_000, peaks
