"""What operators type to register their unit, log in by password, reset and change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from server.business.base import Field
from server.business.businesses import BUSINESSES
from server.business.counter_kinds import Code, ResidentId, Secret, UnitAccount, Uscc
from server.business.kinds import Choice, PersonName, Phone

# What a code by short message may be for; it says so in its text.
WITHOUT_SESSION = {"register": "单位注册", "reset": "密码重置"}
PURPOSES = WITHOUT_SESSION | {
    business.code: business.label for business in BUSINESSES if business.codes
}
CAPTCHA_LETTERS = "34679ACEFHJKMNPRTWXY"  # No two of them are read for each other.
CAPTCHA_LENGTH = 4


@dataclass(frozen=True)
class Picture(Code):
    """What a picture shows, typed by one who looks at it."""

    editor: ClassVar[str] = "picture"


UNIT = Field("unit", "单位账号", UnitAccount(), note="12 位数字")
USCC = Field("uscc", "统一社会信用代码", Uscc())
NAME = Field("name", "经办人姓名", PersonName())
ID_NUMBER = Field("id_number", "经办人身份证号", ResidentId())
PHONE = Field("phone", "经办人手机号码", Phone())
CAPTCHA = Field(
    "captcha",
    "图片验证码",
    Picture(f"[0-9A-Za-z]{{{CAPTCHA_LENGTH}}}", f"{CAPTCHA_LENGTH} 位字母或数字"),
    note="不分大小写",
)
CODE = Field("code", "短信验证码", Code("[0-9]{6}", "6 位数字"))
PASSWORD = Field("password", "密码", Secret())
OLD = Field("old", "原密码", Secret())
NEW = Field("new", "新密码", Secret())

PURPOSE = Field("purpose", "用途", Choice(WITHOUT_SESSION))

# What must be as the centre registered it.
FACTS = (UNIT, USCC, NAME, ID_NUMBER, PHONE)

LOGIN = (UNIT, PASSWORD, CAPTCHA)
ASK_CODE = (PURPOSE, *FACTS, CAPTCHA)
REGISTRATION = (*FACTS, CODE, PASSWORD)
RESET = REGISTRATION
CHANGE = (OLD, NEW)
