"""Every code of the catalogue is said by the program, is seen by a test, and belongs somewhere."""

from __future__ import annotations

import ast

import pytest

from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES
from server.business.origins import area_of, codes_of, origins
from server.business.refusals import AREAS, REFUSALS
from tests.catalogue import PROJECT, said_in_program, seen_by_tests


@pytest.mark.parametrize("code", REFUSALS)
def test_code_is_said_by_the_program(code: str) -> None:
    assert said_in_program().get(code), f"nothing says {code}: {REFUSALS[code].text}"


@pytest.mark.parametrize("code", REFUSALS)
def test_code_is_seen_by_a_test(code: str) -> None:
    assert seen_by_tests().get(code), f"no test sees {code}: {REFUSALS[code].text}"


@pytest.mark.parametrize("code", REFUSALS)
def test_code_belongs_to_an_area(code: str) -> None:
    assert area_of(code) != AREAS[""], f"{code[0]} has no entry in AREAS"


def test_every_area_has_codes() -> None:
    assert {area_of(code) for code in REFUSALS} == set(AREAS.values()) - {AREAS[""]}


def test_origins_are_read_from_the_checks() -> None:
    assert origins("K04A") == ("个人账户设立",)
    assert set(origins("F01")) == {"个人封存"}
    assert set(origins("G10")) >= {b.label for b in BUSINESSES if b.is_batch}
    assert "预缴" not in origins("G10")
    assert origins("N06") == ()


def test_what_solves_a_refusal_is_another_business() -> None:
    labels = {b.code: b.label for b in BUSINESSES + COUNTER_BUSINESSES}
    for code, refusal in REFUSALS.items():
        if refusal.solved_by:
            assert labels[refusal.solved_by] not in origins(code)


def test_every_business_says_whose_state_refuses_it() -> None:
    assert all("G01" in codes_of(business) for business in BUSINESSES)


def test_windows_say_failures_in_the_catalogues_words() -> None:
    """What is told in words of its own is news, and no reason why something was not done."""
    told = [
        f"{file.name}:{call.lineno} {text}"
        for file in (PROJECT / "hpf_desktop" / "ui").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in ("tell", "emit", "note")
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(text := part.value, str)
        and any(word in text for word in ("不能", "请等", "请先", "无法", "失败"))
    ]  # fmt: skip
    assert told == []
