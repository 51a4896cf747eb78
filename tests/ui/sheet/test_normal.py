"""The short cuts over whole columns give what reading each text by itself gives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpf_desktop.ui.sheet.clipboard import columns_of_text
from hpf_desktop.ui.sheet.columns import Column, fen_of
from hpf_desktop.ui.sheet.normal import are_normal, normal_block, pattern_of, plain_amounts
from server.business.account_opening import ACCOUNT_OPENING
from server.business.kinds import Account, Kind, Money
from server.business.sealing import SEALING

COLUMNS = [Column(spec) for spec in (*ACCOUNT_OPENING.rows, SEALING.field("remark"))]
every_column = pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.key)
# The others are read one by one, whatever they hold.
every_pattern = pytest.mark.parametrize(
    "column", [c for c in COLUMNS if pattern_of(c.field.kind)], ids=lambda c: c.key
)


def one_by_one(column: Column, texts: list[str]) -> list[str]:
    return [column.normal(text) for text in texts]


@every_pattern
@given(data=st.data())
def test_text_of_the_normal_pattern_is_its_own_normal_form(
    column: Column, data: st.DataObject
) -> None:
    pattern = pattern_of(column.field.kind)
    assert pattern is not None
    text = data.draw(st.from_regex(re.compile(pattern), fullmatch=True))
    assert column.normal(text) == text


@every_column
@given(texts=st.lists(st.one_of(st.text(max_size=8), st.from_regex(r"[0-9,]{1,9}\.?[0-9]{0,3}"))))
def test_whole_column_is_read_as_cell_by_cell(column: Column, texts: list[str]) -> None:
    assert column.normal_all(texts) == one_by_one(column, texts)


@given(st.lists(st.from_regex(r"([0-9]{1,12}(\.[0-9]{1,2})?)?", fullmatch=True)))
def test_plain_amounts_are_shown_as_their_kind_shows_them(texts: list[str]) -> None:
    money = next(c for c in COLUMNS if isinstance(c.field.kind, Money))
    assert plain_amounts(money.field.kind, texts) == one_by_one(money, texts)


def test_kind_nobody_knows_is_read_one_by_one() -> None:
    assert not are_normal(Kind(), ["a"])
    assert normal_block("a\n", [Kind()]) is None


@given(
    st.lists(
        st.lists(st.sampled_from(["", "12", "x", '"', "1 2"]), min_size=1, max_size=3), min_size=1
    )
)
def test_block_that_passes_is_cut_like_any_other(rows: list[list[str]]) -> None:
    text = "\r\n".join("\t".join(row) for row in rows)
    cut = normal_block(text, [None, None, None])
    if cut is not None:
        assert cut == columns_of_text(text)


def test_block_with_one_cell_that_must_be_read_does_not_pass() -> None:
    kinds = [Account(), Money()]
    assert normal_block("100000000001\t1,000.00\n\t\n", kinds) is not None
    assert normal_block("100000000001\t1000\n", kinds) is None
    assert normal_block("100000000001\t1,000.00\t3\n", kinds) is None


@pytest.mark.parametrize(
    ("shown", "fen"),
    [
        ("1,234.50", 123450),
        ("-0.05", -5),
        ("", None),
        ("12", None),
        ("1.234", None),
        ("八.00", None),
    ],
)
def test_amount_shown_gives_its_fen_and_other_text_none(shown: str, fen: int | None) -> None:
    assert fen_of(shown) == fen
