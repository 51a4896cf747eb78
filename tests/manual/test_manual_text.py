"""The manual is whole, leads somewhere, finds what is sought, and says what the program says."""

from __future__ import annotations

import re

import pytest

from hpf_desktop.manual import generated
from hpf_desktop.manual.search import Index, plain
from hpf_desktop.manual.topics import CODES, FIELDS, FOLDER, GROUPS, QUERY, REFUSALS, topics
from hpf_desktop.ui.pages import PLACES
from hpf_desktop.ui.sheet.commands import COMMANDS
from server.business import refusals
from server.business.access import PURPOSES
from server.business.businesses import BUSINESSES, business_of
from server.business.origins import codes_of
from server.business.queries import QUERIES, query_of

TOPICS = topics()
INDEX = Index(TOPICS.values())
PARTS = ["用来做什么", "办理之前", "步骤", "栏目", "可能的提示", "办完以后"]
SIGNS = (FIELDS, REFUSALS, QUERY, CODES)


def codes_found(typed: str) -> list[str]:
    return [hit.code for hit in INDEX.find(typed)]


def test_every_place_of_the_window_has_a_page() -> None:
    assert PLACES.keys() <= TOPICS.keys()
    assert set(PURPOSES) <= TOPICS.keys() | {b.code for b in BUSINESSES}


def test_every_page_is_written_and_every_file_is_a_page() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} == TOPICS.keys()
    assert [topic.group for topic in TOPICS.values()] == sorted(
        (topic.group for topic in TOPICS.values()), key=GROUPS.index
    )


@pytest.mark.parametrize("code", TOPICS)
def test_page_is_headed_leads_to_pages_and_leaves_no_sign(code: str) -> None:
    text = TOPICS[code].markdown()
    assert text.startswith("# ")
    linked = re.findall(r"(?<!!)\[[^]]*\]\(([^)]+)\)", text)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target in TOPICS if target in linked else (FOLDER / target).is_file()
    assert not any(line in SIGNS for line in text.splitlines())
    assert "||" not in text and "|  |" not in text, "an empty cell joins its neighbour"


@pytest.mark.parametrize("business", BUSINESSES, ids=lambda b: b.code)
def test_business_is_told_in_all_its_parts(business: object) -> None:
    business = business_of(business.code)  # type: ignore[attr-defined]
    text = TOPICS[business.code].markdown()
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [head for head in heads if head in PARTS] == PARTS
    assert all(f"| {field.label} |" in text for field in business.head + business.rows
               if field.typed and field.on_screen)  # fmt: skip
    assert all(f"| {code} |" in text for code in codes_of(business) if code[0] != "V")
    assert business.receipt in text
    assert business.menu in text


@pytest.mark.parametrize("query", [q for q in QUERIES if q.menu], ids=lambda q: q.code)
def test_query_is_told_with_its_fields_and_columns(query: object) -> None:
    query = query_of(query.code)  # type: ignore[attr-defined]
    text = TOPICS[query.code].markdown()
    assert all(part.field.label in text for part in query.filters)
    assert all(column.label in text for column in query.columns)


def test_page_of_codes_has_each_with_its_words_and_source() -> None:
    text = TOPICS["errors"].markdown()
    for code in refusals.REFUSALS:
        assert text.count(f"| {code} |") == 1
    assert "| K03B | 该职工已在本单位封存 | 请办理个人启封 | 个人账户设立 |" in text
    assert "{" not in text
    assert text.index("## 中心柜台") > text.index("## 桌面程序")


def test_source_names_few_businesses_or_counts_them() -> None:
    assert generated.where("K03B") == "个人账户设立"
    assert generated.where("N06") == "网络和服务器"
    assert generated.where("G01") == "各项业务"
    assert re.search(r"等 \d+ 项业务$", generated.where("G10"))


def test_keys_of_the_sheet_are_those_of_the_program() -> None:
    told = TOPICS["keys"].markdown()
    for name in ("next_problem", "check", "import_rows", "fill_down", "undo", "find", "solve"):
        assert COMMANDS[name].keys[0] in told, name


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("hj", "remittance"),
        ("grfc", "sealing"),
        ("gerenqifeng", "unsealing"),
        ("错误代码", "errors"),
        ("xsrm", "first_run"),
        ("凭证", "receipts"),
    ],
)
def test_search_finds_titles_by_words_and_sounds(typed: str, first: str) -> None:
    assert codes_found(typed)[0] == first


def test_search_finds_codes_and_text_with_what_stands_around() -> None:
    assert "account_opening" in codes_found("K03B") and "errors" in codes_found("k03b")
    hit = next(hit for hit in INDEX.find("支票部分") if hit.code == "remittance")
    assert "支票部分" in hit.words and hit.found == "支票部分"


def test_search_wants_every_word_and_finds_nothing_for_nothing() -> None:
    assert "remittance" in codes_found("试算 预缴")
    assert codes_found("试算 没有这个词") == []
    assert codes_found("  ") == []


def test_plain_text_has_no_marks() -> None:
    assert (
        plain("## 一 **二** [三](x)\n\n| 四 | 五 |\n| --- | --- |\n- 六") == "一 二 三\n四 五\n六"
    )


def test_a_page_without_prose_is_told_by_its_description(tmp_path: object) -> None:
    bare = topics()["transfers"]
    object.__setattr__(bare, "code", "not written")
    text = bare.markdown()
    assert text.startswith("# 单位下个人转移查询") and "转移金额" in text
