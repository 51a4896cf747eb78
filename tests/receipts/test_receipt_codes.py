"""Verification codes: what people type is understood, what nobody was given is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.receipts.codes import ALPHABET, is_genuine, new_code, normalise

KEY = bytes(range(32))


def test_new_code_is_genuine_under_its_key_only() -> None:
    code = new_code(KEY)
    assert is_genuine(KEY, code)
    assert len(code) == 14
    assert not is_genuine(bytes(32), code)


def test_new_codes_differ() -> None:
    assert len({new_code(KEY) for _ in range(2000)}) == 2000


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " — "),
        lambda code: f"  {code}\n",
        lambda code: code.replace("0", "o").replace("1", "l"),
        lambda code: "".join(chr(ord(mark) + 0xFEE0) for mark in code),
    ],
)
def test_code_typed_in_another_way_is_understood(change) -> None:  # type: ignore[no-untyped-def]
    for _ in range(50):
        code = new_code(KEY)
        assert normalise(change(code)) == code
        assert is_genuine(KEY, change(code))


@pytest.mark.parametrize(
    "text", ["", "7K4M", "7K4M-9QXT-2B6D-0", "UUUU-UUUU-UUUU", "张三", "é" * 12, "<script>"]
)
def test_text_that_cannot_be_a_code_is_refused(text: str) -> None:
    assert normalise(text) is None
    assert not is_genuine(KEY, text)


@given(st.integers(0, 11), st.sampled_from(ALPHABET))
def test_code_with_one_symbol_changed_is_refused(place: int, symbol: str) -> None:
    plain = normalise(new_code(KEY))
    assert plain
    symbols = list(plain.replace("-", ""))
    changed = "".join([*symbols[:place], symbol, *symbols[place + 1 :]])
    if symbols[place] != symbol:
        # One in 32768 passes the tag by chance; three such in a row do not happen.
        others = [new_code(KEY).replace("-", "")[:9] + changed[9:] for _ in range(3)]
        assert not all(is_genuine(KEY, text) for text in [changed, *others])


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert normalise(text) is None or len(normalise(text) or "") == 14
