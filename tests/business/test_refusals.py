"""The catalogue: every refusal can be said in Chinese, with a next step, naming nobody."""

from __future__ import annotations

import inspect
import re
from string import Formatter

import pytest

from server.business import refusals
from server.business.refusals import REFUSALS, Level, Refused, problem, refused

FACT = re.compile(r"[a-z][a-z_]*")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def facts_of(code: str) -> dict[str, str]:
    words = REFUSALS[code].text + REFUSALS[code].next_step
    return {name: f"<{name}>" for _, name, _, _ in Formatter().parse(words) if name is not None}


@pytest.mark.parametrize("code", REFUSALS)
def test_refusal_is_said_in_chinese_with_its_facts(code: str) -> None:
    facts = facts_of(code)
    assert all(FACT.fullmatch(name) for name in facts)
    told = problem(code, "key", 3, **facts)
    assert (told.code, told.key, told.row) == (code, "key", 3)
    for words in (told.text, told.next_step):
        assert CHINESE.search(words)
        assert not set("{}") & set(words)
        assert words == words.strip()
        assert not words.endswith(("。", "！", "，"))
    for shown in facts.values():
        assert shown in told.text + told.next_step
    assert told.level is REFUSALS[code].level


@pytest.mark.parametrize("code", REFUSALS)
def test_refusal_code_and_status_are_well_formed(code: str) -> None:
    assert re.fullmatch(r"[A-Z][0-9]{2}[A-Z]?", code)
    assert 400 <= REFUSALS[code].status <= 599


def test_no_code_is_in_the_catalogue_twice() -> None:
    """The later entry would silently replace the earlier one's words."""
    lines = inspect.getsource(refusals).splitlines()
    codes = [found[1] for line in lines if (found := re.match(r'    "(\w+)": Refusal\(', line))]
    assert codes == list(REFUSALS)


def test_refused_carries_status_and_places_but_no_words() -> None:
    fault = refused("G08", [problem("K11", "name", 2, found="张3")])
    assert isinstance(fault, Refused)
    assert fault.status == 409
    assert fault.problems[0].row == 2
    assert str(fault) == "G08"


def test_facts_are_taken_literally() -> None:
    told = problem("K11", "name", 0, found="{0.__class__}")
    assert "{0.__class__}" in told.text
    assert told.level is Level.ERROR
