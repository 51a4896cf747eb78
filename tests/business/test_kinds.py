"""Laws that every kind of value keeps, and the spellings that each reads."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.businesses import BUSINESSES
from server.business.contact_kinds import Email, PayDay, Postcode, SmsCode, Telephone
from server.business.counter_kinds import UnitAccount
from server.business.identity import with_account_check
from server.business.kinds import (
    FEN_MAX,
    Account,
    BankCard,
    Choice,
    Day,
    DocumentNumber,
    Invalid,
    Kind,
    Masked,
    Money,
    MonthKind,
    PersonName,
    Phone,
    Ratio,
    Serial,
    Stamp,
    Text,
    Whole,
)
from server.business.month import Month
from server.business.parameters import Rate
from server.business.parts import MaskedNumber
from server.business.queries import QUERIES
from server.business.refusals import REFUSALS
from server.business.transfer import WholeNumber
from tests.business.samples import TEXT

HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.sampled_from("𬎆㛃䶮〇\ue815")


def card_numbers() -> st.SearchStrategy[str]:
    """Digits that pass Luhn: of the ten last digits, the one that does."""

    def with_check(body: str) -> str:
        doubled = "".join(str(int(d) * (2 - i % 2)) for i, d in enumerate(reversed(body)))
        return body + str(-sum(map(int, doubled)) % 10)

    return st.from_regex(r"[0-9]{15,18}", fullmatch=True).map(with_check)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


VALUES: dict[type[Kind], Callable[[Any], st.SearchStrategy[Any]]] = {
    Kind: lambda kind: st.text("abc中文 ", max_size=9).map(str.strip),
    Text: lambda kind: (
        st.text(st.characters(exclude_categories=("C", "Z")), max_size=kind.limit)
        .map(lambda text: unicodedata.normalize("NFC", text))
        .filter(lambda text: len(text) <= kind.limit)
    ),
    PersonName: lambda kind: (
        st.text(HAN, min_size=1, max_size=25)
        | st.lists(st.text(HAN, min_size=1, max_size=6), min_size=2, max_size=4).map("·".join)
        | st.from_regex(r"[A-Z][a-z]{0,9}( [A-Z][a-z']{0,9}){0,3}", fullmatch=True)
    ),
    DocumentNumber: lambda kind: st.from_regex(r"[0-9A-Z]{1,18}", fullmatch=True),
    BankCard: lambda kind: card_numbers(),
    Phone: lambda kind: st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    Postcode: lambda kind: digits(6, 6),
    SmsCode: lambda kind: digits(6, 6),
    PayDay: lambda kind: st.integers(1, 31).map(str),
    Email: lambda kind: st.from_regex(
        r"[a-z][a-z0-9._+-]{0,20}@([a-z0-9]{1,20}\.){1,3}[a-z]{2,6}", fullmatch=True
    ),
    Telephone: lambda kind: (
        st.from_regex(r"(0[0-9]{2,3}-)?[2-9][0-9]{6,7}(-[0-9]{1,6})?", fullmatch=True)
        | st.from_regex(r"1[3-9][0-9]{9}|[48]00[0-9]{7}", fullmatch=True)
    ),
    UnitAccount: lambda kind: st.integers(10**10, 10**11 - 1).map(with_account_check),
    WholeNumber: lambda kind: st.from_regex(r"[1-9][0-9]{11}|[0-9]{17}[0-9X]", fullmatch=True),
    Account: lambda kind: st.integers(10**11, 10**12 - 1),
    Money: lambda kind: st.integers(-FEN_MAX, FEN_MAX),
    Whole: lambda kind: st.integers(0, 10**9 - 1),
    Serial: lambda kind: st.integers(0, 2**63 - 1),
    Ratio: lambda kind: st.integers(0, 10_000),
    Rate: lambda kind: st.integers(0, 99_999),
    MonthKind: lambda kind: st.builds(Month.of, st.integers(1900, 2999), st.integers(1, 12)),
    Day: lambda kind: st.dates(datetime.date(1900, 1, 1), datetime.date(2999, 12, 31)),
    Choice: lambda kind: st.sampled_from(list(kind.options)),
    Masked: lambda kind: st.text("0123456789*X", max_size=18),
    MaskedNumber: lambda kind: st.from_regex(r"[0-9]{4}\*{10}[0-9]{3}[0-9X]", fullmatch=True),
}
FIELDS = [f for b in BUSINESSES for f in b.fields] + [
    f for q in QUERIES for f in (*q.columns, *(f.field for f in q.filters))
]
KINDS = list({f.kind: f.kind for f in FIELDS} | {k: k for k in (Kind(), Ratio(), Whole(), Stamp())})
TYPED = [kind for kind in KINDS if not isinstance(kind, Stamp)]


def name(kind: Kind) -> str:
    return type(kind).__name__ + ("-" + "".join(kind.options) if isinstance(kind, Choice) else "")


@pytest.mark.parametrize("kind", TYPED, ids=name)
@given(data=st.data())
def test_kind_shown_value_reads_back(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(VALUES[type(kind)](kind))
    shown = kind.show(value)
    assert isinstance(shown, str)
    assert kind.parse(shown) == value
    assert type(kind.parse(shown)) is kind.python


@pytest.mark.parametrize("kind", KINDS, ids=name)
@given(text=TEXT)
def test_kind_any_text_is_read_or_invalid(kind: Kind, text: str) -> None:
    try:
        value = kind.parse(text)
    except Invalid as invalid:
        fault = invalid
    else:
        assert type(value) is kind.python
        assert isinstance(kind, Stamp) or kind.parse(kind.show(value)) == value
        return
    assert str(fault) == fault.code, "an exception's text names no value"
    assert REFUSALS[fault.code].text.format(**{"label": "", **fault.facts})  # It has its facts.


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_kind_sample_is_valid_and_fits(kind: Kind) -> None:
    if kind.sample:
        assert len(kind.sample) <= kind.length_max
        kind.parse(kind.sample)


def reads(kind: Kind, text: str) -> Any:
    """The value, or the code of the refusal."""
    try:
        return kind.parse(text)
    except Invalid as fault:
        return fault.code


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("8765.43", 8765_43),
        ("8,765.43", 8765_43),
        ("８，７６５．４３", 8765_43),
        (" ¥8,765.43 ", 8765_43),
        ("￥8765.43元", 8765_43),
        ("8765.4", 8765_40),
        ("8765.", 8765_00),
        ("8765.430", 8765_43),
        ("1,234,567", 1234567_00),
        ("-5", -5_00),
        ("-0.01", -1),
        ("0", 0),
        ("10000000000000", FEN_MAX),
        ("10000000000000.01", "V02"),
        ("8765.435", "V02"),
        ("87,65.43", "V02"),
        ("1,23", "V02"),
        ("1 2", 12_00),
        ("8.7e3", "V02"),
        ("1e999999", "V02"),
        ("1_000", "V02"),
        ("NaN", "V02"),
        ("Infinity", "V02"),
        ("八千", "V02"),
        ("=1+1", "V02"),
        ("9" * 5000, "V02"),
    ],
)
def test_money_spellings(text: str, fen: int | str) -> None:
    assert reads(Money(), text) == fen


def test_money_is_shown_with_thousands_and_two_decimals() -> None:
    assert Money().show(123456789) == "1,234,567.89"
    assert Money().show(-5) == "-0.05"


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-07", "2026-07"),
        ("2026/7", "2026-07"),
        ("2026.07", "2026-07"),
        ("202607", "2026-07"),
        ("2026年7月", "2026-07"),
        ("2026 年 07 月", "2026-07"),
        ("2026年7月份", "2026-07"),
        ("２０２６年７月", "2026-07"),
        ("2026-07-31", "2026-07"),
        ("2026-7-1 0:00", "2026-07"),
        ("46204", "2026-07"),
        ("46203.0", "2026-06"),
        ("2026-13", None),
        ("202613", None),
        ("1899-12", None),
        ("0001-01-01", None),
        ("00001", None),
        ("00002", "1900-01"),
        ("26-7", None),
        ("七月", None),
    ],
)
def test_month_spellings(text: str, month: str | None) -> None:
    assert str(reads(MonthKind(), text)) == (month or "V03")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-07-01", "2026-07-01"),
        ("2026/7/1", "2026-07-01"),
        ("20260701", "2026-07-01"),
        ("2026年7月1日", "2026-07-01"),
        ("2026 年 7 月 1 日", "2026-07-01"),
        ("２０２６．７．１", "2026-07-01"),
        ("2026-07-01 00:00:00", "2026-07-01"),
        ("2026-07-01T00:00:00", "2026-07-01"),
        ("2026-7-1 00:00", "2026-07-01"),
        ("2026-7-1 0:00", "2026-07-01"),
        ("46204", "2026-07-01"),
        ("46204.0", "2026-07-01"),
        ("2026-02-29", None),
        ("2024-02-29", "2024-02-29"),
        ("46204.5", None),
        ("2026-07", None),
        ("2026-07-01 08:30", None),
        ("9999-01-01", None),
        ("1/7/2026", None),
    ],
)
def test_day_spellings(text: str, day: str | None) -> None:
    assert str(reads(Day(), text)) == (day or "V04")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("阿依·买买提", "阿依·买买提"),
        ("阿依•买买提", "阿依·买买提"),
        ("阿依・买买提", "阿依·买买提"),
        ("阿依．买买提", "阿依·买买提"),
        ("阿依.买买提", "阿依·买买提"),
        ("张 三", "张三"),
        ("张\u3000三", "张三"),
        (" 张三\n", "张三"),
        ("\u200b张三\ufeff", "张三"),
        ("张\u2067三\u2069\u202e\u00ad", "张三"),
        ("王𬎆", "王𬎆"),
        ("李㛃", "李㛃"),
        ("䶮", "䶮"),
        ("陈〇", "陈〇"),
        ("\ue815某", "\ue815某"),
        ("买" * 25, "买" * 25),
        ("José García", "José García"),
        ("Anna-Maria O'Neill Jr.", "Anna-Maria O'Neill Jr."),
        ("欧阳 小娜", "K11"),
        ("张3", "K11"),
        ("张三（大）", "K11"),
        ("张三?", "K11"),
        ("·张三", "K11"),
        ("张三·", "K11"),
        ("张\x00三", "K11"),
        ("张\u200d三", "K11"),
        (".", "K11"),
        ("😀", "K11"),
        ("张" * 51, "V06"),
    ],
)
def test_person_name_spellings(text: str, found: str) -> None:
    assert reads(PersonName(), text) == found


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        (DocumentNumber(), "53233119780615004x", "53233119780615004X"),
        (DocumentNumber(), "５３２３３１１９７８０６１５００４Ｘ", "53233119780615004X"),
        (DocumentNumber(), "532331 19780615 004X", "53233119780615004X"),
        (DocumentNumber(), "5" * 19, "K01"),
        (DocumentNumber(), "5.32E+17", "V09"),
        (Phone(), "１３９ ８７８１ ２３４５", "13987812345"),
        (Phone(), "+86 139-8781-2345", "13987812345"),
        (Phone(), "12987812345", "V07"),
        (Phone(), "1398781234", "V07"),
        (Account(), " 532300000001 ", 532300000001),
        (Account(), "０32300000001", "V08"),
        (Account(), "5323000000011", "V08"),
        (BankCard(), "6228 4800 0000 0000 018", "6228480000000000018"),
        (BankCard(), "6217003870000000015", "6217003870000000015"),
        (BankCard(), "6222022502000000011", "6222022502000000011"),
        (BankCard(), "6228480000000000019", "V13"),
        (BankCard(), "622848", "V13"),
        (Ratio(), "12%", 1200),
        (Ratio(), "１２．５％", 1250),
        (Ratio(), "100", 10_000),
        (Ratio(), "100.01", "V10"),
        (Ratio(), "-1", "V10"),
        (Ratio(), "1e999999", "V10"),
        (Whole(), "1,234", 1234),
        (Whole(), "1.5", "V02"),
        (Choice({"01": "男"}), " 男 ", "01"),
        (Choice({"01": "男"}), "01 男", "01"),
        (Choice({"01": "男"}), "男人", "V05"),
        (Text(5), "a\nb", "a b"),
        (Text(5), "a\x00b", "V14"),
        (Text(5), "\ud800", "V14"),
        (Text(5), "abcdef", "V06"),
    ],
)
def test_other_spellings(kind: Kind, text: str, found: object) -> None:
    assert reads(kind, text) == found


def test_ratio_is_shown_without_needless_zeros() -> None:
    assert [Ratio().show(value) for value in (0, 1, 500, 1250, 10_000)] == [
        "0%",
        "0.01%",
        "5%",
        "12.5%",
        "100%",
    ]


def test_stamp_is_shown_to_the_second() -> None:
    assert Stamp().show("2026-07-15T09:30:05.123+08:00") == "2026-07-15 09:30:05"


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Telephone(), "（0878）3123456 转 8", "0878-3123456-8"),
        (Telephone(), "08783123456", "0878-3123456"),
        (Telephone(), "400-123-4567", "4001234567"),
        (Telephone(), "139 8781 2345", "13987812345"),
        (Telephone(), "139-8781-2345", "13987812345"),
        (Telephone(), "4001234-567", "4001234-567"),
        (Telephone(), "13000000-000", "13000000000"),
        (Telephone(), "123", "V22"),
        (Email(), "ＨＲ@example.com", "HR@example.com"),
        (Email(), "hr@example", "V22"),
        (Postcode(), "６７５０００", "675000"),
        (Postcode(), "67500", "V22"),
        (PayDay(), "每月 05 日", "5"),
        (PayDay(), "0", "V22"),
        (SmsCode(), " 135 790", "135790"),
        (SmsCode(), "12345", "V22"),
    ],
)
def test_contact_spellings(kind: Kind, text: str, expected: str) -> None:
    assert reads(kind, text) == expected


def test_mobile_is_masked_and_landline_is_not() -> None:
    assert Telephone().mask("13987812345") == Telephone().mask("139****2345") == "139****2345"
    assert Telephone().mask("0878-3123456") == "0878-3123456"
    assert SmsCode().mask("135790") == "******"
