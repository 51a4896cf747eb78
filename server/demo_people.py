"""Invented people for the demo and the tests: the same number always gives the same person."""

from __future__ import annotations

import datetime
import random

from server.business.identity import ID_CHECKS, ID_WEIGHTS

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程"
    "曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方"
    "石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易"
    "常武乔贺赖龚文"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志"
    "宏晓燕文博雨欣子涵浩然思远佳琪俊峰海波春雷秋月冬青云龙"
)
RARE_NAMES = ("阿依·买买提", "李𬎆", "张㛃", "王䶮", "龙", "帕提古丽·阿不都热依木", "单田", "𨱇洪")
COUNTIES = ("532301", "532322", "532324", "532326", "532328")


def id_number(county: str, born: datetime.date, sequence: int) -> str:
    """A resident ID number with a right check digit; ``sequence``'s last digit makes the sex."""
    body = f"{county}{born:%Y%m%d}{sequence % 1000:03d}"
    check = ID_CHECKS[sum(w * int(c) for w, c in zip(ID_WEIGHTS, body, strict=True)) % 11]
    return body + check


def person(number: int) -> dict[str, str]:
    """One row of 个人账户设立, as text."""
    dice = random.Random(number)  # noqa: S311 (nothing secret)
    born = datetime.date(1972, 1, 1) + datetime.timedelta(days=dice.randrange(11_000))
    name = dice.choice(SURNAMES) + "".join(dice.sample(GIVEN, dice.choice((1, 2, 2, 2))))
    if number % 41 == 7:
        name = RARE_NAMES[number // 41 % len(RARE_NAMES)]
    return {
        "name": name,
        "id_number": id_number(dice.choice(COUNTIES), born, number),
        "phone": f"1{dice.choice('3578')}{number % 1_000_000_000:09d}",
        "base": f"{dice.randrange(220_000, 2_400_000, 100) / 100:.2f}",
    }
