"""Files made by others, read whole or refused with a reason."""

from __future__ import annotations

import datetime
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from hpf_desktop import spreadsheet
from hpf_desktop.spreadsheet import Table, read_document, text_of
from hpf_desktop.tasks import Cancelled
from server.business.refusals import Refused

SPREADSHEET_2003 = b"urn:schemas-microsoft-com:office:spreadsheet"
ROWS = [
    ["", "某单位开户名册", "", ""],
    ["", "", "", ""],
    ["", "姓名", "身份证号码", "工资基数"],
    ["", "阿依·买买提", "532301199003070038", "8765.43"],
    ["", "张䶮", "53230119900307004X", "1,234.50"],
]


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as refused:
        read_document(path)
    return refused.value.reason.code


def write_xlsx(path: Path, cells: dict[tuple[int, int], object]) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("名册")
    for (row, column), value in cells.items():
        sheet.write(row, column, value)
    book.close()
    return path


def write_csv(path: Path, encoding: str) -> Path:
    lines = "\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS)
    path.write_bytes(lines.encode(encoding))
    return path


def convert(source: Path, suffix: str) -> Path:
    """As LibreOffice writes it; every run has a profile of its own."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    profile = source.parent / "profile"
    out = source.parent / "converted"
    command = [office, f"-env:UserInstallation={profile.as_uri()}", "--headless"]
    if source.suffix == ".csv":  # 44: comma, 34: quote, 76: UTF-8, column 3 as text.
        command.append("--infilter=CSV:44,34,76,1,3/2")
    command += ["--convert-to", suffix, "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return out / f"{source.stem}.{suffix.split(':')[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["xlsx", "ods", "xls"])
def test_workbook_written_by_libreoffice_is_read_row_by_row(tmp_path: Path, suffix: str) -> None:
    source = write_csv(tmp_path / "名册.csv", "utf-8-sig")
    table = read_document(convert(source, suffix)).tables[0]
    assert [row[:4] for row in table.rows[:4]] == [
        *[row[:4] for row in ROWS[:3]],
        ["", "阿依·买买提", "532301199003070038", "8765.43"],
    ]
    assert table.rows[4][3] == "1234.5"
    assert table.lost == frozenset()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030", "utf-16"])
def test_text_file_is_read_in_the_encodings_that_occur(tmp_path: Path, encoding: str) -> None:
    document = read_document(write_csv(tmp_path / "a.csv", encoding))
    assert document.tables[0].rows == ROWS


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.txt", "\t"), ("a.csv", ";")])
def test_text_file_is_cut_where_its_cells_end(tmp_path: Path, name: str, mark: str) -> None:
    path = tmp_path / name
    path.write_text(f"姓名{mark}基数\n张三{mark}1,5\n李四{mark}2\n", encoding="utf-8")
    assert read_document(path).tables[0].rows[1] == ["张三", "1,5"]


def test_rows_keep_the_numbers_a_person_sees_in_the_program(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {(3, 2): "姓名", (6, 2): "张三"})
    table = read_document(path).tables[0]
    assert len(table.rows) == 7
    assert table.rows[3][2] == "姓名"
    assert table.rows[6][2] == "张三"


def test_long_number_typed_as_one_is_told_and_kept_as_seen(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "a.xlsx", {(0, 0): "证件号码", (1, 0): 532301199003070038, (2, 0): 13987812345}
    )
    table = read_document(path).tables[0]
    assert table.rows[1:] == [["5.32301E+17"], ["13987812345"]]
    assert table.lost == {(1, 0)}


def test_long_number_in_a_text_file_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,证件号码\n张三,5.32301E+17\n", encoding="utf-8")
    assert read_document(path).tables[0].lost == {(1, 1)}


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.0, "12"), (8765.43, "8765.43"), (0.1 + 0.2, "0.3"), (True, "TRUE"), (7, "7"), ("x", "x")],
)
def test_cell_is_read_as_the_program_shows_it(value: object, text: str) -> None:
    assert text_of(value) == text


def test_dates_are_read_as_days(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_datetime(0, 0, datetime.datetime(2026, 7, 1), day)  # noqa: DTZ001 - No zone in a cell.
    book.close()
    assert read_document(tmp_path / "a.xlsx").tables[0].rows == [["2026-07-01"]]


def test_hidden_worksheets_are_not_read(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    book.add_worksheet("看得见").write(0, 0, "a")
    hidden = book.add_worksheet("看不见")
    hidden.write(0, 0, "b")
    hidden.hide()
    book.add_worksheet("空")
    book.close()
    assert [t.name for t in read_document(tmp_path / "a.xlsx").tables] == ["看得见"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "S03"),
        ("a.xls", b"<?xml version='1.0'?><Workbook xmlns='" + SPREADSHEET_2003 + b"'/>", "S03"),
        ("a.csv", b"%PDF-1.7", "S03"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "S01"),
        ("a.xlsx", b"neither this nor that", "S01"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "S01"),
        ("a.xlsx", b"", "S08"),
        ("a.csv", b"\n\n", "S08"),
        ("a.csv", b"\x81\x00\xff\xff\x00", "S17"),
        ("a.docx", b"PK", "S10"),
        ("a", b"PK", "S10"),
    ],
)  # fmt: skip
def test_file_that_is_no_table_is_refused_with_what_it_is(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path) == code


def test_workbook_under_a_wrong_name_is_read_all_the_same(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {(0, 0): "姓名"}).rename(tmp_path / "a.xls")
    assert read_document(path).tables[0].rows == [["姓名"]]


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.xlsx") == "S19"


def test_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {(0, 0): "姓名"})
    path.write_bytes(path.read_bytes()[:-400])
    assert refusal(path) == "S01"


def write_encrypted(path: Path) -> Path:
    """What Office writes for a workbook with a password: an OLE file around a sealed package."""
    sector, end, free = 512, 0xFFFFFFFE, 0xFFFFFFFF

    def entry(name: str, kind: int, start: int, size: int, child: int, right: int) -> bytes:
        plain = name.encode("utf-16-le")
        links = struct.pack("<3I", free, right, child)
        head = plain.ljust(64, b"\0") + struct.pack("<HBB", len(plain) + 2, kind, 1) + links
        return head + b"\0" * 36 + struct.pack("<IQ", start, size)

    names = ("EncryptedPackage", "EncryptionInfo")
    folder = entry("Root Entry", 5, end, 0, 1, free)
    folder += entry(names[0], 2, 2, 4096, free, 2) + entry(names[1], 2, 10, 4096, free, free)
    chains = [0xFFFFFFFD, end, *range(3, 10), end, *range(11, 18), end]
    table = struct.pack("<128I", *chains, *[free] * (128 - len(chains)))
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header = magic + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 10
    header += struct.pack("<9I", 1, 1, 0, 4096, end, 0, end, 0, 0) + b"\xff" * (4 * 108)
    path.write_bytes(header + table + folder.ljust(sector, b"\0") + b"\1" * (16 * sector))
    return path


def test_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    assert refusal(write_encrypted(tmp_path / "a.xlsx")) == "S02"


def test_open_document_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ods"
    sealed = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    )
    sealed += '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/>'
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        pack.writestr(
            "META-INF/manifest.xml", f"{sealed}</manifest:file-entry></manifest:manifest>"
        )
        pack.writestr("content.xml", b"\x8f\x01sealed")
    assert refusal(path) == "S02"


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(60 * 2**20)
    assert refusal(path) == "S04"


def test_small_file_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "UNPACKED_MAX", 2**20)
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("xl/worksheets/sheet1.xml", b" " * 2**21)
    assert refusal(path) == "S06"


@pytest.mark.parametrize(("cell", "code"), [((0, 2000), "S06"), ((400_000, 0), "S05")])
def test_far_cell_does_not_make_a_huge_sheet(
    tmp_path: Path, cell: tuple[int, int], code: str
) -> None:
    assert refusal(write_xlsx(tmp_path / "a.xlsx", {(0, 0): "a", cell: "b"})) == code


def test_too_many_rows_or_cells_or_seconds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" * 3000, encoding="utf-8")
    for name, value, code in (
        ("ROWS_MAX", 2000, "S05"),
        ("CELLS_MAX", 100, "S06"),
        ("SECONDS_MAX", -1.0, "S07"),
    ):
        with monkeypatch.context() as limits:
            limits.setattr(spreadsheet, name, value)
            assert refusal(path) == code


def test_reading_reports_progress_and_can_be_cancelled(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {(n, 0): n for n in range(2500)})
    seen: list[tuple[int, int]] = []
    read_document(path, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2500), (1000, 2500), (2000, 2500)]

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read_document(path, cancel)


def test_table_without_rows_is_nothing() -> None:
    assert Table("a", []).lost == frozenset()
