"""Columns found by what stands above them; titles, totals and lost numbers told."""

from __future__ import annotations

import pytest

from hpf_desktop.labels import SYNONYMS, plain_label
from hpf_desktop.mapping import Mapping, extract, find_mapping
from hpf_desktop.spreadsheet import Table
from server.business.account_opening import ACCOUNT_OPENING
from server.business.businesses import BUSINESSES
from server.business.refusals import Refused
from server.business.sealing import SEALING

HEADER = ["序号", "姓 名", "身份证号码", "手机", "工资基数（元）", "起缴月份", "部门"]
ROSTER = Table(
    "名册",
    [
        ["某单位 2026 年新增人员", "", "", "", "", "", ""],
        [],
        HEADER,
        ["1", "张三", "532301199003070038", "13987812345", "8000", "2026-07", "研发"],
        [],
        ["2", "李四", "5.32301E+17", "", "", "", ""],
        ["小计", "", "", "", "8000", "", ""],
        ["3", "合计生", "532301199003070054"],
        ["合　计", "", "", "", "8000", "", ""],
        ["制表人：王五", "", "审核：赵六", "", "", "", ""],
        ["单位（公章）", "", "", "", "", "", ""],
    ],
    frozenset({(5, 2)}),
)


def test_header_is_found_below_titles_and_its_columns_by_name() -> None:
    mapping = find_mapping(ROSTER, ACCOUNT_OPENING)
    assert mapping.header == 2
    assert mapping.columns == {"name": 1, "id_number": 2, "phone": 3, "base": 4, "month": 5}


def test_only_people_are_taken_and_what_was_left_out_is_told() -> None:
    taken = extract(ROSTER, find_mapping(ROSTER, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert taken.texts["name"] == ["张三", "李四", "合计生"]
    assert taken.texts["base"] == ["8000", "", ""]
    assert taken.lines == [4, 6, 8]
    told = {problem.code: problem.text for problem in taken.told}
    assert "第 1 行" in told["S11"]
    assert "第 7、9–11 行" in told["S12"]
    assert told["S13"].endswith("部门")
    assert "证件类型" in told["S14"]


def test_number_that_lost_digits_is_pinned_to_its_cell() -> None:
    taken = extract(ROSTER, find_mapping(ROSTER, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert {row: [p.code for p in found] for row, found in taken.pins.items()} == {1: ["V09"]}
    assert taken.pins[1][0].key == "id_number"
    assert taken.texts["id_number"][1] == "5.32301E+17"


def test_long_amount_is_no_lost_number() -> None:
    table = Table("a", [["姓名", "缴存基数"], ["张三", "1.00000E+15"]], frozenset({(1, 1)}))
    assert extract(table, find_mapping(table, ACCOUNT_OPENING), ACCOUNT_OPENING).pins == {}


@pytest.mark.parametrize("business", [b for b in BUSINESSES if b.rows], ids=lambda b: b.code)
def test_own_labels_and_their_synonyms_always_match(business) -> None:  # type: ignore[no-untyped-def]
    typed = [spec for spec in business.rows if spec.typed]
    header = [f"{spec.label} *" for spec in typed]
    found = find_mapping(Table("a", [header]), business)
    assert found.columns == {spec.key: n for n, spec in enumerate(typed)}
    for spec in typed:
        for other in SYNONYMS.get(spec.label, ()):
            beside = [s.label for s in typed if s is not spec]
            mapping = find_mapping(Table("a", [[other, *beside]]), business)
            assert mapping.columns.get(spec.key) == 0, other


def test_exact_label_wins_over_a_synonym_further_left() -> None:
    table = Table("a", [["身份证", "证件号码", "员工姓名", "姓名"], ["1", "2", "3", "4"]])
    assert find_mapping(table, ACCOUNT_OPENING).columns == {"id_number": 1, "name": 3}


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        ("姓 名*", "姓名"),
        ("缴存基数（元/月）", "缴存基数"),
        ("证件\n号码：", "证件号码"),
        ("ＩＤ", "id"),
    ],
)
def test_header_is_compared_without_marks_units_and_spaces(header: str, plain: str) -> None:
    assert plain_label(header) == plain


def test_table_without_a_header_is_refused_until_one_is_given() -> None:
    table = Table("a", [["张三", "532301199003070038"], ["李四", "532301199003070054"]])
    mapping = find_mapping(table, ACCOUNT_OPENING)
    assert mapping.header is None
    with pytest.raises(Refused) as refused:
        extract(table, mapping, ACCOUNT_OPENING)
    assert refused.value.reason.code == "S09"
    chosen = Mapping(0).with_column("name", 0).with_column("id_number", 1)
    assert extract(table, chosen, ACCOUNT_OPENING).texts["name"] == ["李四"]


def test_header_alone_is_refused() -> None:
    table = Table("a", [HEADER])
    with pytest.raises(Refused) as refused:
        extract(table, find_mapping(table, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert refused.value.reason.code == "S08"


def test_source_column_feeds_one_field() -> None:
    mapping = Mapping(0, {"name": 1, "phone": 2}).with_column("base", 2)
    assert mapping.columns == {"name": 1, "base": 2}
    assert mapping.with_column("name", None).columns == {"base": 2}


def test_our_own_report_column_is_left_out_without_a_word() -> None:
    table = Table(
        "a", [["个人账号", "封存原因", "姓名", "错误说明"], ["100000000012", "死亡", "张三", ""]]
    )
    taken = extract(table, find_mapping(table, SEALING), SEALING)
    assert {p.code for p in taken.told} <= {"S14"}


def test_space_inside_a_name_of_two_characters_is_told_as_left_out() -> None:
    rows = [["姓名", "证件号码"], ["张 三", ""], ["单　田", ""], ["王 小 明", ""], ["Li Si", ""]]
    table = Table("名册", rows, frozenset())
    taken = extract(table, find_mapping(table, ACCOUNT_OPENING), ACCOUNT_OPENING)
    assert {row: [p.code for p in found] for row, found in taken.pins.items()} == {
        0: ["K11H"],
        1: ["K11H"],
    }
