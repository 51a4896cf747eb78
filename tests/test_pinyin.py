"""Names as pinyin."""

from __future__ import annotations

import pytest

from hpf_desktop.pinyin import full_pinyin, initials


@pytest.mark.parametrize(
    ("name", "full", "letters"),
    [
        ("张三", "zhangsan", "zs"),
        ("单小单", "shanxiaodan", "sxd"),
        ("曾国藩", "zengguofan", "zgf"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("欧阳修", "ouyangxiu", "oyx"),
        ("阿依·买买提", "ayimaimaiti", "aymmt"),
        ("张䶮", "zhangyan", "zy"),
        ("吕布", "lvbu", "lb"),
        ("Anna Li", "anna li", "anna li"),
    ],
)
def test_name_is_spelled_with_its_surnames_own_reading(name: str, full: str, letters: str) -> None:
    assert full_pinyin(name) == full
    assert initials(name) == letters


def test_many_names_are_spelled_line_by_line() -> None:
    assert full_pinyin("单一\n一单\n") == "shanyi\nyidan\n"
