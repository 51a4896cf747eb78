"""Spreadsheets of other offices: taken right, or refused or told with the cell and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from hpf_desktop.mapping import Extract, extract, find_mapping, mapping_at
from hpf_desktop.spreadsheet import Table, read_document
from hpf_desktop.ui.sheet.columns import Column
from server.business.account_opening import ACCOUNT_OPENING
from server.business.back_payment import BACK_PAYMENT
from server.business.base import Business
from server.business.base_change import BASE_CHANGE
from server.business.refusals import Refused
from server.business.sealing import SEALING
from server.business.transfer import TRANSFER
from server.business.unsealing import UNSEALING
from tests.test_spreadsheet import convert

ID = "532301199003070038"
OTHER_ID = "53230119900307004X"
ACCOUNT = "100000000012"
OTHER_ACCOUNT = "100000000020"
Rows = list[list[str]]


def table_of(*lines: str) -> Table:
    """Cells apart by |, blanks at their ends aside."""
    return Table("名册", [[cell.strip() for cell in line.split("|")] for line in lines])


def taken_from(table: Table, business: Business) -> Extract:
    return extract(table, find_mapping(table, business), business)


def shown(taken: Extract, business: Business, key: str) -> list[str]:
    return Column(business.field(key)).normal_all(taken.texts[key])


def told(taken: Extract) -> dict[str, str]:
    return {problem.code: problem.text for problem in taken.told}


def pinned(taken: Extract) -> set[tuple[int, str, str]]:
    return {(row, p.key, p.code) for row, found in taken.pins.items() for p in found}


def refusal(table: Table, business: Business) -> str:
    with pytest.raises(Refused) as refused:
        taken_from(table, business)
    return f"{refused.value.reason.code} {refused.value.reason.text}"


# --- Headers --------------------------------------------------------------------------------------

HEADERS: list[tuple[str, Business, str, dict[str, int]]] = [
    ("units and stars", ACCOUNT_OPENING,
     "*姓  名|证件号码\n(18位)|缴存基数（元/月）|起缴年月（必填）",
     {"name": 0, "id_number": 1, "base": 2, "month": 3}),
    ("full width", ACCOUNT_OPENING, "＊姓名|【证件】类型：|身份证号码（18位(含X)）|月工资",
     {"name": 0, "id_number": 2, "base": 3}),
    ("new base", BASE_CHANGE, "职工账号|姓名|原基数|新基数|执行年月",
     {"account": 0, "name": 1, "base": 3, "month": 4}),
    ("new monthly amount", BASE_CHANGE, "公积金账号|调整前月缴存额|调整后月缴存额|调整年月",
     {"account": 0, "monthly_fen": 2, "month": 3}),
    ("adjusted base", BASE_CHANGE, "个人公积金账号|调整后缴存基数（元）|生效月份|备注",
     {"account": 0, "base": 1, "month": 2, "remark": 3}),
    ("shares beside the sum", BASE_CHANGE,
     "个人账号|单位月缴存额|个人月缴存额|月缴存额合计|生效年月",
     {"account": 0, "monthly_fen": 3, "month": 4}),
    ("shares in brackets", BASE_CHANGE,
     "个人账号|月缴存额（单位）|月缴存额（个人）|月缴存额（合计）|生效年月",
     {"account": 0, "monthly_fen": 3, "month": 4}),
    ("shares alone", BASE_CHANGE, "个人账号|单位月缴存额|个人月缴存额|生效年月",
     {"account": 0, "month": 3}),
    ("a share in brackets alone", BASE_CHANGE, "个人账号|月缴存额（单位部分）|生效年月",
     {"account": 0, "month": 2}),
    ("the old base alone", BASE_CHANGE, "个人账号|缴存基数（调整前）|生效年月",
     {"account": 0, "month": 2}),
    ("a base before", UNSEALING, "个人账号|封存前缴存基数|启封月份", {"account": 0, "month": 2}),
    ("two bases", BASE_CHANGE, "个人账号|基数|新基数|生效年月", {"account": 0, "month": 3}),
    ("two equal bases", BASE_CHANGE, "个人账号|缴存基数|缴存基数|生效年月",
     {"account": 0, "month": 3}),
    ("two wages", ACCOUNT_OPENING, "姓名|身份证|月工资|月平均工资", {"name": 0, "id_number": 1}),
    ("sealing", SEALING, "序号|职工公积金账号|姓名|停缴年月|减员原因|备注",
     {"account": 1, "name": 2, "month": 3, "reason": 4, "remark": 5}),
    ("days of sealing", SEALING, "姓名|身份证号|个人账号|封存日期|封存原因",
     {"name": 0, "id_tail": 1, "account": 2, "month": 3, "reason": 4}),
    ("days of unsealing", UNSEALING,
     "职工姓名|证件号码|公积金账号|启封日期|启封后缴存基数|月缴存额",
     {"name": 0, "id_tail": 1, "account": 2, "month": 3, "base": 4}),
    ("transfer", TRANSFER, "转出单位|姓名|证件号|转入后缴存基数|起缴月份",
     {"name": 1, "person": 2, "base": 3, "month": 4}),
    ("transfer by either", TRANSFER, "个人账号|姓名|证件号码|缴存基数|起缴年月",
     {"name": 1, "person": 2, "base": 3, "month": 4}),
    ("back payment", BACK_PAYMENT, "个人账号|补缴起始年月|补缴终止年月|月补缴额|补缴总额|原因",
     {"account": 0, "start": 1, "end": 2, "monthly": 3, "reason": 5}),
    ("back payment's total", BACK_PAYMENT, "个人账号|开始年月|截止年月|补缴金额",
     {"account": 0, "start": 1, "end": 2}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("business", "header", "columns"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS]
)
def test_header_names_the_right_columns_and_no_doubtful_money(
    business: Business, header: str, columns: dict[str, int]
) -> None:
    assert find_mapping(table_of(header, "|".join("1" * 6)), business).columns == columns


def test_doubtful_columns_are_told_with_their_places() -> None:
    table = table_of("个人账号|基数|新基数|生效年月", f"{ACCOUNT}|5000|6000|2026-07")
    words = told(taken_from(table, BASE_CHANGE))
    assert "缴存基数" in words["S26"] and "基数（B1）、新基数（C1）" in words["S26"]
    chosen = find_mapping(table, BASE_CHANGE).with_column("base", 2)
    assert "S26" not in told(extract(table, chosen, BASE_CHANGE))


def test_two_lists_side_by_side_are_not_mixed() -> None:
    table = table_of(
        "姓名|证件号码|缴存基数||姓名|证件号码|缴存基数",
        f"张三|{ID}|8000||李四|{OTHER_ID}|9000",
    )
    mapping = find_mapping(table, ACCOUNT_OPENING)
    assert mapping.header == 0 and mapping.columns == {}
    assert set(mapping.doubtful) == {"name", "id_number", "base"}
    assert refusal(table, ACCOUNT_OPENING).startswith("S26")


TWO_ROWS: list[tuple[str, Business, list[str], dict[str, int]]] = [
    ("shares of an amount", BASE_CHANGE,
     ["序号|个人账号|姓名|月缴存额|||生效年月", "|||单位|个人|合计|"],
     {"account": 1, "name": 2, "monthly_fen": 5, "month": 6}),
    ("before and after", BASE_CHANGE,
     ["个人账号|姓名|调整前||调整后||生效年月", "||缴存基数|月缴存额|缴存基数|月缴存额|"],
     {"account": 0, "name": 1, "base": 4, "monthly_fen": 5, "month": 6}),
    ("groups above full labels", ACCOUNT_OPENING,
     ["职工信息|||缴存信息||", "姓名|身份证号|手机号|缴存基数|起缴年月|备注"],
     {"name": 0, "id_number": 1, "phone": 2, "base": 3, "month": 4}),
    ("labels broken over two rows", ACCOUNT_OPENING,
     ["姓名|证件|手机|缴存|起缴", "|号码|号码|基数|年月"],
     {"name": 0, "id_number": 1, "phone": 2, "base": 3, "month": 4}),
    ("months from and to", BACK_PAYMENT,
     ["姓名|身份证号|个人账号|补缴起止时间||月补缴额", "|||起|止|"],
     {"name": 0, "id_tail": 1, "account": 2, "start": 3, "end": 4, "monthly": 5}),
    ("units below", SEALING, ["个人账号|姓名|封存年月|封存原因", "|||（必填）"],
     {"account": 0, "name": 1, "month": 2, "reason": 3}),
]  # fmt: skip
PERSON_ROW = {
    "account_opening": f"张三|{ID}|13987812345|8000|2026-07|无",
    "base_change": f"1|{ACCOUNT}|张三|400|400|800|2026-07",
    "back_payment": f"张三|{ID}|{ACCOUNT}|202601|202603|500",
    "sealing": f"{ACCOUNT}|张三|2026-07|死亡",
}


@pytest.mark.parametrize("title", [(), ("某单位 2026 年度名册|||", "填报单位：某单位|||单位：元")])
@pytest.mark.parametrize(
    ("business", "header", "columns"), [row[1:] for row in TWO_ROWS],
    ids=[row[0] for row in TWO_ROWS],
)  # fmt: skip
def test_header_of_two_rows_is_read_as_one(
    title: tuple[str, ...], business: Business, header: list[str], columns: dict[str, int]
) -> None:
    table = table_of(*title, *header, PERSON_ROW[business.code])
    mapping = find_mapping(table, business)
    assert mapping.columns == columns
    assert extract(table, mapping, business).lines == [len(title) + 3]


def test_upper_row_of_a_split_header_stands_for_both() -> None:
    """Whoever chooses it by hand must not get the unit's share for the whole amount."""
    table = table_of("个人账号|月缴存额|||生效年月", "|单位|个人|合计|", f"{ACCOUNT}|4|4|8|2026-07")
    mapping = mapping_at(table, 0, BASE_CHANGE, is_chosen=True)
    assert (mapping.header, mapping.columns["monthly_fen"]) == (1, 3)


def test_numbers_of_the_columns_are_no_person() -> None:
    table = table_of("姓名|证件号码|缴存基数", "1|2|3", f"张三|{ID}|8000")
    taken = taken_from(table, ACCOUNT_OPENING)
    assert taken.lines == [3] and "第 2 行" in told(taken)["S12"]


# --- Rows that are no people ----------------------------------------------------------------------

PEOPLE = (f"1|研发部|张三|{ID}|8000", f"2||李四|{OTHER_ID}|9000")
ASIDE = [
    "小计||||17000", "研发部小计||||17000", "|研发部 合计：|||17000", "3||合计|2人||",
    "合计|||2|17000.00", "研发部||||", "||销售部||", "4||||", "制表人：王五||||",
    "|||填报日期：2026年7月1日|",
    "||主管（签字）：||经办人电话：13987812345", "||（以下空白）||",
    "以上名单经本单位公示无异议，特此申报。||||",
    "序号|部门|姓名|证件号码|缴存基数",
]  # fmt: skip


@pytest.mark.parametrize("line", ASIDE)
def test_row_that_is_no_person_is_left_out_and_told(line: str) -> None:
    table = table_of("序号|部门|姓名|证件号码|缴存基数", *PEOPLE, line)
    taken = taken_from(table, ACCOUNT_OPENING)
    assert taken.texts["name"] == ["张三", "李四"]
    assert "第 4 行" in told(taken)["S12"]


@pytest.mark.parametrize("line", ASIDE[:7])
def test_row_between_the_people_that_is_no_person_is_left_out(line: str) -> None:
    table = table_of("序号|部门|姓名|证件号码|缴存基数", PEOPLE[0], line, "", PEOPLE[1])
    taken = taken_from(table, ACCOUNT_OPENING)
    assert taken.lines == [2, 5] and "第 3 行" in told(taken)["S12"]


@pytest.mark.parametrize("line", [f"3||合计生|{ID}|1", f"3||小计|{ID}|1", "3||王五||7000"])
def test_person_is_never_left_out(line: str) -> None:
    table = table_of("序号|部门|姓名|证件号码|缴存基数", *PEOPLE, line, "合计||||")
    assert taken_from(table, ACCOUNT_OPENING).lines == [2, 3, 4]


def test_second_list_below_with_other_columns_is_not_read_as_the_first() -> None:
    below = ("姓名|手机号码|证件号码|缴存基数", f"王五|13987812345|{ID}|7000")
    table = table_of("姓名|证件号码|手机号码|缴存基数", f"张三|{ID}|13987812345|8000", "", *below)
    taken = taken_from(table, ACCOUNT_OPENING)
    assert taken.texts["name"] == ["张三"]
    assert "第 4 行" in told(taken)["S28"]


def test_computed_amount_of_another_office_is_told_as_left_out() -> None:
    table = table_of("个人账号|姓名|启封年月|月缴存额", f"{ACCOUNT}|张三|2026-07|960")
    assert "月缴存额" in told(taken_from(table, UNSEALING))["S13"]
    assert "姓名" not in told(taken_from(table, UNSEALING))["S13"]


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "header"),
    [("名册", "缴存基数（万元）"), ("单位：万元", "缴存基数"), ("金额单位: 千元", "缴存基数"),
     ("名册", "缴存基数万元")],
)  # fmt: skip
def test_amounts_in_other_units_are_refused_at_their_column(title: str, header: str) -> None:
    table = table_of(title, f"姓名|证件号码|{header}", f"张三|{ID}|0.85")
    assert refusal(table, ACCOUNT_OPENING).startswith("S27")
    assert "C2" in refusal(table, ACCOUNT_OPENING)
    without = find_mapping(table, ACCOUNT_OPENING).with_column("base", None)
    assert extract(table, without, ACCOUNT_OPENING).texts["name"] == ["张三"]


def test_unit_of_yuan_is_no_other_unit() -> None:
    table = table_of("单位：元", "姓名|证件号码|缴存基数（单位：元）", f"张三|{ID}|8500")
    assert taken_from(table, ACCOUNT_OPENING).texts["base"] == ["8500"]


AMOUNTS = {
    "￥8,000.00": "8,000.00", "８０００．５": "8,000.50", "8000元": "8,000.00", "'8000": "8,000.00",
    "¥ 1,234.5": "1,234.50", "8765.4321": "8765.4321", "0.85万": "0.85万", "8.000,50": "8.000,50",
    "8,00": "8,00", "约8000": "约8000", "1.2E+4": "1.2E+4",
}  # fmt: skip
MONTHS = {
    "202607": "2026-07", "2026.7": "2026-07", "2026.07": "2026-07", "2026年7月": "2026-07",
    "2026-07-01": "2026-07", "2026/7/1": "2026-07", "46204": "2026-07",
    "２０２６年７月份": "2026-07", "2026-07-01 00:00:00": "2026-07",
    "7月": "7月", "2026-13": "2026-13", "Jul-26": "Jul-26",
}  # fmt: skip
NUMBERS = {
    "'53230119900307004x": OTHER_ID, "５３２３０１１９９００３０７００４Ｘ": OTHER_ID,
    f'="{OTHER_ID}"': OTHER_ID,
    f" {OTHER_ID}\t": OTHER_ID, "532301 19900307 004X": OTHER_ID, f"\u200e{OTHER_ID}": OTHER_ID,
    f"‘{OTHER_ID}": OTHER_ID,
}  # fmt: skip
NAMES = {"阿依•买买提": "阿依·买买提", "张　䶮": "张䶮", " 王小明 ": "王小明", "𠮷田": "𠮷田"}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [(key, *pair) for key, pairs in (("base", AMOUNTS), ("month", MONTHS), ("id_number", NUMBERS),
                                     ("name", NAMES)) for pair in pairs.items()],
)  # fmt: skip
def test_value_is_read_right_or_left_for_its_check(key: str, text: str, value: str) -> None:
    """What the kind cannot read stays as it stands, and is refused at its cell."""
    given = {"name": "张三", "id_number": ID, "base": "8000", "month": "2026-08", key: text}
    table = Table("名册", [["姓名", "证件号码", "缴存基数", "起缴年月"], list(given.values())])
    assert shown(taken_from(table, ACCOUNT_OPENING), ACCOUNT_OPENING, key) == [value]


@pytest.mark.parametrize("text", [f"{ACCOUNT}.0", f"{ACCOUNT}.00", f"'{ACCOUNT}", f" {ACCOUNT}"])
@pytest.mark.parametrize("business", [SEALING, UNSEALING, BASE_CHANGE, BACK_PAYMENT, TRANSFER])
def test_account_is_read_however_it_was_stored(business: Business, text: str) -> None:
    key = business.person_key
    table = Table("名册", [["个人账号", "备注", "姓名"], [text, "", "张三"]])
    mapping = find_mapping(table, business).with_column(key, 0)
    taken = extract(Table("a", table.rows), type(mapping)(0, mapping.columns), business)
    assert shown(taken, business, key) == [ACCOUNT]


def write_xlsx(path: Path, rows: list[list[Any]], **more: Any) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("名册")
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is not None:
                sheet.write(number, column, value)
    for cells in more.get("merged", ()):
        sheet.merge_range(*cells)
    for number in more.get("hidden_rows", ()):
        sheet.set_row(number, None, None, {"hidden": True})
    for number in more.get("hidden_columns", ()):
        sheet.set_column(number, number, None, None, {"hidden": True})
    for row, column, formula, value in more.get("formulas", ()):
        sheet.write_formula(row, column, formula, None, value)
    for row, column in more.get("styled", ()):
        sheet.write_blank(row, column, None, book.add_format({"bold": True}))
    book.close()
    return path


def read(path: Path, business: Business) -> Extract:
    return taken_from(read_document(path).tables[0], business)


BASES = ["个人账号", "缴存基数", "生效年月"]


def test_binary_noise_of_an_amount_is_no_part_of_it(tmp_path: Path) -> None:
    amounts = [1234.5600000001, 8765.430000000001, 8000.0, 1e-9 + 5000, 8765.4166666]
    rows = [BASES, *([int(ACCOUNT), amount, 202607] for amount in amounts)]
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows), BASE_CHANGE)
    assert shown(taken, BASE_CHANGE, "base") == [
        "1,234.56", "8,765.43", "8,000.00", "5,000.00", "8765.4166666",
    ]  # fmt: skip
    assert shown(taken, BASE_CHANGE, "account") == [ACCOUNT] * 5
    assert shown(taken, BASE_CHANGE, "month") == ["2026-07"] * 5


def test_october_typed_as_a_number_is_not_taken_for_january(tmp_path: Path) -> None:
    rows = [BASES, [ACCOUNT, 5000, 2026.1], [ACCOUNT, 2026.1, 2026.7], [ACCOUNT, 5000, "2026.1"]]
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows), BASE_CHANGE)
    assert pinned(taken) == {(0, "month", "V15")}
    assert shown(taken, BASE_CHANGE, "month") == ["", "2026-07", "2026-01"]


def test_formula_without_a_result_is_refused_at_its_cell(tmp_path: Path) -> None:
    rows = [BASES, *([ACCOUNT, None, "2026-07"] for _ in range(3))]
    formulas = [(1, 1, "=1/0", "#DIV/0!"), (2, 1, "=1+1", ""), (3, 1, "=4000+1", 4001)]
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows, formulas=formulas), BASE_CHANGE)
    assert pinned(taken) == {(0, "base", "V17"), (1, "base", "V17")}
    assert shown(taken, BASE_CHANGE, "base")[2] == "4,001.00"


def test_merged_cells_count_for_every_row_but_never_as_money(tmp_path: Path) -> None:
    rows = [["个人账号", "封存年月", "封存原因"], [ACCOUNT], [OTHER_ACCOUNT]]
    merged = [(1, 1, 2, 1, "2026-07"), (1, 2, 2, 2, "死亡")]
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows, merged=merged), SEALING)
    assert taken.texts["reason"] == ["死亡", "死亡"]
    assert taken.texts["month"] == ["2026-07", "2026-07"]
    rows = [BASES, [ACCOUNT, None, "2026-07"], [OTHER_ACCOUNT, None, "2026-07"]]
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows, merged=[(1, 1, 2, 1, 5000)]), BASE_CHANGE)
    assert pinned(taken) == {(0, "base", "V16"), (1, "base", "V16")}


def test_hidden_rows_and_columns_are_taken_and_told(tmp_path: Path) -> None:
    rows = [["个人账号", "启封年月", "缴存基数"], *([ACCOUNT, "2026-07", 5000] for _ in range(4))]
    path = write_xlsx(tmp_path / "a.xlsx", rows, hidden_rows=[2, 3], hidden_columns=[2])
    taken = read(path, UNSEALING)
    assert taken.lines == [2, 3, 4, 5]
    assert "第 3–4 行" in told(taken)["S25"] and "缴存基数" in told(taken)["S25"]


def test_merged_header_of_two_rows_is_read_from_the_file(tmp_path: Path) -> None:
    rows = [[], ["个人账号", None, None, None, "生效年月"], [None, "单位", "个人", "合计"],
            [ACCOUNT, 400, 400, 800, "2026-07"]]  # fmt: skip
    merged = [(0, 0, 0, 4, "2026 年度调整名册"), (1, 1, 1, 3, "月缴存额"), (1, 0, 2, 0, "个人账号"),
              (1, 4, 2, 4, "生效年月")]  # fmt: skip
    rows[1] = []
    taken = read(write_xlsx(tmp_path / "a.xlsx", rows, merged=merged), BASE_CHANGE)
    assert shown(taken, BASE_CHANGE, "monthly_fen") == ["800.00"]
    assert taken.lines == [4]


def test_formats_left_in_far_rows_and_columns_do_not_matter(tmp_path: Path) -> None:
    rows = [BASES, [ACCOUNT, 5000, "2026-07"]]
    path = write_xlsx(tmp_path / "a.xlsx", rows, styled=[(1_048_575, 0), (1, 16_000)])
    assert read(path, BASE_CHANGE).lines == [2]


def test_worksheets_that_were_not_read_are_known(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    for number in range(1, 15):
        sheet = book.add_worksheet(f"{number}月")
        sheet.write(0, 0, "姓名")
        if number == 2:
            sheet.hide()
    book.close()
    document = read_document(tmp_path / "a.xlsx")
    assert document.unread == ("2月", "14月")


@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        ("a.csv", "gb18030", "姓名,证件号码,缴存基数\n张䶮,{id},8000\n"),
        ("a.csv", "gb18030", '姓名,证件号码,缴存基数\n"张䶮","{id}","8,000"\n'),
        ("a.tsv", "utf-16", "姓名\t证件号码\t缴存基数\n张䶮\t{id}\t8,000\n"),
        ("a.txt", "utf-16-le-bom", "姓名\t证件号码\t缴存基数\n张䶮\t{id}\t8,000.00\n"),
        ("a.csv", "utf-8", "姓名;证件号码;缴存基数\n张䶮;{id};8,000.00\n李四;{id};18,000,000.00\n"),
        ("a.csv", "utf-8", '"姓\n名",证件号码,"缴存基数\n(元)"\n张䶮,="{id}",8000\n'),
        ("a.csv", "utf-8-sig", "sep=;\n姓名;证件号码;缴存基数\n张䶮;{id};8,000.00\n"),
        ("a.csv", "utf-8", "名册,,某,单,位\n姓名\t证件号码\t缴存基数\n张䶮\t'{id}\t8000\n"),
    ],
)
def test_text_file_of_another_program_is_read(
    tmp_path: Path, name: str, encoding: str, text: str
) -> None:
    path = tmp_path / name
    content = text.format(id=ID)
    if encoding.endswith("-bom"):
        path.write_bytes(b"\xff\xfe" + content.encode("utf-16-le"))
    else:
        path.write_bytes(content.encode(encoding))
    taken = read(path, ACCOUNT_OPENING)
    assert taken.texts["name"][0] == "张䶮"
    assert shown(taken, ACCOUNT_OPENING, "id_number")[0] == ID
    assert shown(taken, ACCOUNT_OPENING, "base")[0] == "8,000.00"
    assert pinned(taken) == set()


def test_numbers_that_a_program_cut_to_fifteen_digits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,证件号码\n张三,532301199003070000\n李四,532301199103071000\n", "utf-8")
    assert pinned(read(path, ACCOUNT_OPENING)) == {(0, "id_number", "V09"), (1, "id_number", "V09")}


def test_ids_that_end_in_zeros_and_have_their_check_digits_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,证件号码\n张三,532301197007110000\n李四,532301197103110000\n", "utf-8")
    assert pinned(read(path, ACCOUNT_OPENING)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["xls", "ods"])
def test_old_workbook_of_another_program_is_taken_right(tmp_path: Path, suffix: str) -> None:
    rows = [[], ["个人账号"], [None, "单位", "个人", "合计"],
            [int(ACCOUNT), 400.1 + 0.2, 400.3, "￥800.60", 46204],
            [OTHER_ACCOUNT, 400, 400, 800, "2026年7月"],
            ["研发部小计", 800, 800, 1600]]  # fmt: skip
    merged = [(0, 0, 0, 4, "名册"), (1, 1, 1, 3, "月缴存额"), (1, 4, 2, 4, "生效年月")]
    source = write_xlsx(tmp_path / "a.xlsx", rows, merged=merged)
    taken = read(convert(source, suffix), BASE_CHANGE)
    assert shown(taken, BASE_CHANGE, "monthly_fen") == ["800.60", "800.00"]
    assert shown(taken, BASE_CHANGE, "account") == [ACCOUNT, OTHER_ACCOUNT]
    assert shown(taken, BASE_CHANGE, "month") == ["2026-07", "2026-07"]
    assert "第 6 行" in told(taken)["S12"]
