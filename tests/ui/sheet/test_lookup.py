"""People found by what an operator types."""

from __future__ import annotations

import pytest

from hpf_desktop.ui.sheet.lookup import FOUND_MAX, PeopleIndex
from server.business.facts import Person, Status


def person(serial: int, name: str, status: Status = Status.NORMAL, tail: str = "") -> Person:
    return Person(100_000_000_000 + serial, 1, name, status, id_tail=f"5323**********{tail}")


PEOPLE = (
    person(1, "曾小贤", tail="0011"),
    person(2, "阿依·买买提", tail="002X"),
    person(3, "欧阳修", Status.SEALED, tail="0033"),
    person(4, "张䶮", tail="0044"),
    person(5, "王修", tail="1234"),
    person(1234, "李明", tail="0055"),
)
INDEX = PeopleIndex(PEOPLE, (Status.NORMAL,))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("曾小", "曾小贤"),
        ("zengxiaoxian", "曾小贤"),
        ("zxx", "曾小贤"),
        ("ouyang", "欧阳修"),
        ("oyx", "欧阳修"),
        ("002x", "阿依·买买提"),
        ("100000000004", "张䶮"),
        ("zy", "张䶮"),
        ("阿买提", "阿依·买买提"),
        ("修 1234", "王修"),
        ("53230119900307002X", "阿依·买买提"),
    ],
)
def test_person_is_found_first(query: str, name: str) -> None:
    assert INDEX.find(query)[0].name == name


def test_end_of_the_document_number_comes_before_the_end_of_an_account() -> None:
    assert [p.name for p in INDEX.find("1234")] == ["王修", "李明"]


def test_those_who_stand_where_the_business_takes_from_come_first() -> None:
    assert [p.name for p in INDEX.find("修")] == ["王修", "欧阳修"]
    assert [p.name for p in PeopleIndex(PEOPLE, (Status.SEALED,)).find("修")] == ["欧阳修", "王修"]


def test_nobody_is_found_for_a_stranger_and_nothing_breaks_on_odd_signs() -> None:
    assert INDEX.find("赵") == []
    assert INDEX.find("(*[") == []
    assert INDEX.find("买.提") == []
    assert len(INDEX.find("  ")) == len(PEOPLE)


def test_answers_are_limited() -> None:
    many = PeopleIndex([person(n, "张三") for n in range(1000)], (Status.NORMAL,))
    assert len(many.find("张三")) == FOUND_MAX


def test_empty_roster_answers_with_nobody() -> None:
    assert PeopleIndex(()).find("张") == []
