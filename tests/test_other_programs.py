"""Files of other programs: pages named .xls, texts under other names, XML written otherwise, marks
that only the old and the open formats' own parts hold."""

from __future__ import annotations

import time
import zipfile
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from hpf_desktop.mapping import Extract, extract, find_mapping
from hpf_desktop.old_workbook import look_into_old
from hpf_desktop.open_document import look_into_open
from hpf_desktop.spreadsheet import Document, read_document
from hpf_desktop.web_page import tables_of_page
from server.business.account_opening import ACCOUNT_OPENING
from server.business.unsealing import UNSEALING
from tests.test_foreign_sheets import ACCOUNT, ID, OTHER_ID, pinned, shown, told
from tests.test_spreadsheet import convert, refusal

# As Excel, LibreOffice and a web system each write it.
PAGE = f"""<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head>
<meta http-equiv=Content-Type content="text/html; charset=CHARSET"><title>名册</title>
<style>td {{ mso-number-format:"\\@" }}</style></head><body><p>某单位</p>
<table border=1><tr><td colspan=4>2026 年度名册<tr><th>姓名<br>（必填）</th><th>证件号码</th>
<th>缴存基数</th><th>起缴年月</th></tr>
<tr><td>张&nbsp;䶮</td><td style="mso-number-format:'\\@'">{ID}</td><td x:num="8765.43">8,765</td>
<td rowspan=2>2026年7月</td></tr>
<tr><td>阿依&middot;买买提</td><td>{OTHER_ID.lower()}</td><td sdval="9000.5">￥9,001</td></tr>
<tr><td>王五</td><td>5.32301E+17</td><td>8000<td>2026-08
</table><script>"<table><tr><td>1</td></tr></table>"</script></body></html>"""


def taken_from(document: Document) -> Extract:
    return extract(document.tables[0], find_mapping(document.tables[0], ACCOUNT_OPENING),
                   ACCOUNT_OPENING)  # fmt: skip


def read(path: Path) -> Extract:
    return taken_from(read_document(path))


def archive(page: str) -> bytes:
    whole = MIMEMultipart("related")
    whole.attach(MIMEText("<html><frameset></frameset></html>", "html", "us-ascii"))
    whole.attach(MIMEText(page, "html", "gb18030"))
    whole.attach(MIMEText("td {}", "css"))
    return b"MIME-Version: 1.0\r\n" + whole.as_bytes()


@pytest.mark.parametrize(
    "content",
    [
        PAGE.replace("CHARSET", "gb2312").encode("gb18030"),
        PAGE.replace("CHARSET", "gb2312").encode("utf-8"),
        PAGE.replace("CHARSET", "utf-8").encode("utf-8-sig"),
        PAGE.replace("CHARSET", "unicode").encode("utf-16"),
        b'<?xml version="1.0"?>\n<!-- export -->' + PAGE.encode(),
        PAGE[PAGE.index("<table") :].encode("gb18030"),
        archive(PAGE),
    ],
    ids=["gb", "says gb", "utf-8", "utf-16", "xhtml", "only the table", "archive"],
)
def test_page_that_is_named_as_a_workbook_is_read_with_all_its_digits(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    taken = read(path)
    assert shown(taken, ACCOUNT_OPENING, "name") == ["张䶮", "阿依·买买提", "王五"]
    assert shown(taken, ACCOUNT_OPENING, "id_number")[:2] == [ID, OTHER_ID]
    assert shown(taken, ACCOUNT_OPENING, "base") == ["8,765.43", "9,000.50", "8,000.00"]
    assert shown(taken, ACCOUNT_OPENING, "month") == ["2026-07", "2026-07", "2026-08"]
    assert pinned(taken) == {(0, "name", "K11H"), (2, "id_number", "V09")}


def test_page_without_a_table_is_refused_as_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes("<html><body><div>登录已失效，请重新登录</div></body></html>".encode())
    assert refusal(path) == "S03"


def test_tables_within_a_layout_stand_for_themselves() -> None:
    page = "<table><tr><td>菜单<table><tr><td>a<td>b<tr><td>c<td>d</table>尾<td>x</table>"
    assert [t.rows for t in tables_of_page(page)] == [
        [["菜单尾", "x"]], [["a", "b"], ["c", "d"]]
    ]  # fmt: skip


@given(st.text(st.sampled_from("<>/table rdh\"'=&;张1-!"), max_size=200))
def test_no_page_breaks_the_reader(text: str) -> None:
    for table in tables_of_page(f"<table><tr>{text}"):
        assert all(isinstance(cell, str) for row in table.rows for cell in row)


def test_spans_of_a_hostile_page_do_not_make_a_huge_table() -> None:
    began = time.perf_counter()
    page = "<table>" + "<tr>" + "<td rowspan=9999999 colspan=9999999>a" * 500 + "</table>"
    (table,) = tables_of_page(page)
    assert len(table.rows[0]) < 2_000 and time.perf_counter() - began < 2


ROWS = f"姓名,证件号码,缴存基数\n张三,{ID},8000\n李四,{OTHER_ID},9000\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xls", ROWS.replace(",", "\t").encode("gb18030")),
        ("a.xlsx", ROWS.encode("utf-8-sig")),
        ("a.txt", ROWS.replace(",", "|").encode("gb18030")),
        ("a.csv", ROWS.replace("\n", "\r").encode("gb18030")),
        ("a.csv", (ROWS + "\x1a").encode("gb18030")),
        ("a.csv", ROWS.replace("张三", '"张三"').replace("8000", '"8,000.00"').encode()),
    ],
    ids=["tabs as xls", "commas as xlsx", "bars", "old Mac", "DOS", "quoted"],
)
def test_text_is_read_under_whatever_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    taken = read(path)
    assert shown(taken, ACCOUNT_OPENING, "name") == ["张三", "李四"]
    assert shown(taken, ACCOUNT_OPENING, "base") == ["8,000.00", "9,000.00"]


def test_quote_that_swallows_the_rows_below_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'姓名,证件号码,备注\n张三,{ID},"没关\n李四,{OTHER_ID},无\n', "utf-8")
    assert refusal(path) == "S30"
    path.write_text(
        f'姓名,证件号码,备注\n张三,{ID},"两\n行, 有逗号"\n李四,{OTHER_ID},无\n', "utf-8"
    )
    assert read(path).texts["name"] == ["张三", "李四"]
    path.write_text(f'姓名,证件号码,备注\n张三,{ID},他说"好"\n李四,{OTHER_ID},"5"管"\n', "utf-8")
    assert read(path).texts["name"] == ["张三", "李四"]


# --- Signatures below the people ------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["经办人,张三,电话,13987812345", "制表人,王五,审核人,李四", "日期,2026-07-01",
             "平均,,8500", "联系电话,13987812345"],
)  # fmt: skip
def test_signature_in_cells_of_its_own_is_no_person(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        f"姓名,证件号码,缴存基数,手机号码\n张三,{ID},8000,13987812345\n{line}\n", "utf-8"
    )
    taken = read(path)
    assert taken.texts["name"] == ["张三"] and "第 3 行" in told(taken)["S12"]
    path.write_text(f"职务,姓名,证件号码\n经办人,张三,{ID}\n负责人,李四,{OTHER_ID}\n", "utf-8")
    assert read(path).texts["name"] == ["张三", "李四"]


# --- What stands beside the values ----------------------------------------------------------------


def marked(path: Path) -> Path:
    """Row 3 is hidden, and so is the base; E is an error, and F an amount of two people."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("名 册")
    rows = ["个人账号", "启封年月", "缴存基数", "备注"], *([ACCOUNT, "2026-07", 5000, "无"],) * 4
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    sheet.write_formula(1, 2, "=VLOOKUP(A2,X1:Y2,2,0)", None, "#N/A")
    sheet.merge_range(3, 2, 4, 2, 9000)
    sheet.set_row(2, None, None, {"hidden": True})
    sheet.set_column(3, 3, None, None, {"hidden": True})
    for number in range(40):
        book.add_worksheet(f"表{number}")  # The old format's lists of sectors grow.
    book.close()
    return path


def check_marks(path: Path) -> None:
    table = read_document(path).tables[0]
    taken = extract(table, find_mapping(table, UNSEALING), UNSEALING)
    assert pinned(taken) == {(0, "base", "V17"), (2, "base", "V16"), (3, "base", "V16")}
    assert shown(taken, UNSEALING, "base") == ["", "5,000.00", "", ""]
    places = told(taken).get("S25", "")
    assert "第 3 行" in places and "缴存基数" not in places


def test_marks_are_read_whatever_the_xml_looks_like(tmp_path: Path) -> None:
    path = marked(tmp_path / "a.xlsx")
    check_marks(path)
    names = ("worksheet", "sheetData", "row", "c", "v", "f", "t", "is", "cols", "col", "mergeCells",
             "mergeCell", "dimension", "sheetViews", "sheetView", "sheetFormatPr", "pageMargins",
             "selection")  # fmt: skip
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as target:
        for part in source.namelist():
            text = source.read(part)
            if part.startswith("xl/worksheets/sheet"):
                for name in names:
                    for end in (b">", b" ", b"/>"):
                        for start in (b"<", b"</"):
                            text = text.replace(
                                start + name.encode() + end, start + b"x:" + name.encode() + end
                            )
                text = text.replace(b'<x:worksheet xmlns="', b'<x:worksheet xmlns:x="')
                text = text.replace(b'<x:c r="C2"', b'<x:c cm="0" r="C2"').replace(b'"1"', b"'1'")
            target.writestr(part, text)
    assert b"<x:row" in zipfile.ZipFile(tmp_path / "b.xlsx").read("xl/worksheets/sheet1.xml")
    check_marks(tmp_path / "b.xlsx")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["xls", "ods"])
def test_marks_are_read_from_the_old_and_the_open_format(tmp_path: Path, suffix: str) -> None:
    check_marks(convert(marked(tmp_path / "a.xlsx"), suffix))


@given(st.binary(max_size=600))
def test_no_file_breaks_whoever_looks_into_it(noise: bytes) -> None:
    whole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 22 + b"\x09\0" + noise
    assert isinstance(look_into_old(whole), dict)
    assert look_into_open(b"PK\x03\x04" + noise, 1000) == {}
