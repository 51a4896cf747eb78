"""Chinese capitals against the published examples, and laws over all amounts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.chinese_amount import DIGITS, uppercase

VECTORS = {
    0: "零元整",
    1: "壹分",
    5: "伍分",
    10: "壹角整",
    53: "伍角叁分",
    1_00: "壹元整",
    1_01: "壹元零壹分",
    10_00: "壹拾元整",
    10_01: "壹拾元零壹分",
    325_04: "叁佰贰拾伍元零肆分",
    1000_05: "壹仟元零伍分",
    1409_50: "壹仟肆佰零玖元伍角整",
    1680_32: "壹仟陆佰捌拾元零叁角贰分",
    6007_14: "陆仟零柒元壹角肆分",
    16409_02: "壹万陆仟肆佰零玖元零贰分",
    20305_60: "贰万零叁佰零伍元陆角整",
    40050_00: "肆万零伍拾元整",
    100100_00: "壹拾万零壹佰元整",
    107000_53: "壹拾万柒仟元零伍角叁分",
    990000_99: "玖拾玖万元零玖角玖分",
    1000001_00: "壹佰万零壹元整",
    1001000_00: "壹佰万壹仟元整",
    100000000_50: "壹亿元零伍角整",
    100000001_00: "壹亿零壹元整",
    123456789_01: "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元零壹分",
    2000000010_00: "贰拾亿零壹拾元整",
    2000000304_05: "贰拾亿零叁佰零肆元零伍分",
    1000200000000_00: "壹万零贰亿元整",
    -1200_00: "负壹仟贰佰元整",
    -1: "负壹分",
}


@pytest.mark.parametrize(("fen", "capitals"), VECTORS.items())
def test_uppercase_of_a_published_example_is_what_the_rule_says(fen: int, capitals: str) -> None:
    assert uppercase(fen) == capitals


def value(capitals: str) -> int:
    """Reads capitals back, by the meaning of each character and not by the writer's steps."""
    units = {"拾": 10, "佰": 100, "仟": 1000}
    total = section = digit = fen = 0
    for mark in capitals.lstrip("负").rstrip("整"):
        if mark in DIGITS:
            digit = DIGITS.index(mark)
        elif mark in units:
            section, digit = section + digit * units[mark], 0
        elif mark == "万":
            total, section, digit = total + (section + digit) * 10**4, 0, 0
        elif mark == "亿":
            total, section, digit = (total + section + digit) * 10**8, 0, 0
        elif mark == "元":
            total, section, digit = total + section + digit, 0, 0
        else:
            fen, digit = fen + digit * {"角": 10, "分": 1}[mark], 0
    return (total * 100 + fen) * (-1 if capitals.startswith("负") else 1)


@given(st.integers(-(10**17), 10**17))
def test_uppercase_of_any_amount_reads_back_and_never_doubles_zero(fen: int) -> None:
    capitals = uppercase(fen)
    assert value(capitals) == fen
    assert not re.search("零零|零[拾佰仟万亿]|零[角]", capitals)
    assert capitals.endswith(("整", "分"))


@pytest.mark.parametrize("fen", [10**18, -(10**18)])
def test_uppercase_beyond_the_limit_is_refused(fen: int) -> None:
    with pytest.raises(AssertionError):
        uppercase(fen)
