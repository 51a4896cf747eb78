"""Makes table.txt: one line per syllable, the syllable and every character read so; then surnames.

Needs pypinyin (the `resources` group of pyproject.toml): `python resources/pinyin/build.py`.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from pathlib import Path

from pypinyin.constants import PINYIN_DICT

HERE = Path(__file__).parent
# Common in names with a reading that is not the dictionary's first one.
NAME_READINGS = {
    "行": "xing", "乐": "le", "长": "chang", "重": "chong", "茜": "qian", "莎": "sha", "曾": "zeng",
}  # fmt: skip
# Characters that are read otherwise when they are a surname.
SURNAMES = {
    "单": "shan", "曾": "zeng", "仇": "qiu", "区": "ou", "解": "xie", "查": "zha", "任": "ren",
    "覃": "qin", "朴": "piao", "尉": "wei", "乐": "yue", "盖": "ge", "缪": "miao", "翟": "zhai",
    "晁": "chao", "员": "yun", "黑": "he", "那": "na", "秘": "bi", "冼": "xian", "折": "she",
    "召": "shao", "种": "chong", "洗": "xian", "逄": "pang", "繁": "po", "令": "ling", "教": "jiao",
    "叶": "ye", "华": "hua", "卜": "bu", "谌": "chen", "郇": "xun", "郗": "xi", "車": "che",
    "车": "che", "宓": "mi", "应": "ying", "燕": "yan", "葛": "ge", "尹": "yin", "牟": "mu",
    "褚": "chu", "阚": "kan", "隗": "kui", "訾": "zi", "长": "zhang", "幺": "yao",
}  # fmt: skip
COMPOUND_SURNAMES = {
    "尉迟": "yu'chi", "万俟": "mo'qi", "长孙": "zhang'sun", "澹台": "tan'tai", "单于": "chan'yu",
}  # fmt: skip


def plain(reading: str) -> str:
    """The first reading without its tone: lǚ is lv, as it is typed."""
    first = reading.split(",")[0]
    for umlaut in "üǖǘǚǜ":
        first = first.replace(umlaut, "v")
    return "".join(c for c in unicodedata.normalize("NFD", first) if "a" <= c <= "z")


def main() -> None:
    by_syllable: dict[str, list[str]] = defaultdict(list)
    for code, reading in sorted(PINYIN_DICT.items()):
        char = chr(code)
        syllable = NAME_READINGS.get(char) or plain(reading)
        if syllable and unicodedata.category(char) == "Lo":
            by_syllable[syllable].append(char)
    lines = [f"{s} {''.join(by_syllable[s])}" for s in sorted(by_syllable)]
    surnames = SURNAMES | COMPOUND_SURNAMES
    lines += [f"^{surnames[chars]} {chars}" for chars in sorted(surnames)]
    (HERE / "table.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
