"""The bytes that are signed: fixed for ever, and never two meanings for one string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.signed_message import approval_message, login_message

A, B = b"\xaa" * 32, b"\xbb" * 32


def test_login_message_is_these_bytes() -> None:
    message = login_message("https://h:1", b"\x01" * 32, "id", A, B)
    assert message == (
        b"HR-LOGIN-1" + b"\x00\x0bhttps://h:1" + b"\x00\x20" + b"\x01" * 32 + b"\x00\x02id"
        + A + B + b"\x00\x05login"
    )  # fmt: skip


def test_approval_message_is_these_bytes() -> None:
    assert approval_message("https://h:1", "key", bytes(32), A, B) == (
        b"HR-APPROVE-1" + b"\x00\x0bhttps://h:1" + b"\x00\x03key" + bytes(32) + A + B
        + b"\x00\x07approve"
    )  # fmt: skip


texts = st.text(max_size=20)


@given(
    st.tuples(texts, st.binary(max_size=40), texts), st.tuples(texts, st.binary(max_size=40), texts)
)
def test_login_message_differs_when_any_field_does(
    one: tuple[str, bytes, str], two: tuple[str, bytes, str]
) -> None:
    assert (login_message(*one, A, B) == login_message(*two, A, B)) == (one == two)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_message_with_a_digest_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        login_message("a", b"", "b", bytes(length), B)
    with pytest.raises(ValueError, match="32 bytes"):
        approval_message("a", "b", bytes(length), A, B)


def test_message_with_an_endless_field_is_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        login_message("a" * 65_536, b"", "b", A, B)
