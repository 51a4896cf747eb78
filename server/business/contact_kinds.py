"""The kinds of value by which a unit is reached: postcode, e-mail, telephone, pay day, codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from server.business.kinds import Invalid, Kind, Phone, half_width

LANDLINE = re.compile(
    r"(?:\(?(0[0-9]{2,3})\)?-?)?([2-9][0-9]{6,7})(?:(?:-|转|ext\.?)([0-9]{1,6}))?"
)
# A dash further back is an extension's: 4001234-567.
MOBILE_OR_SERVICE = re.compile(r"1[3-9](?:-?[0-9]){9}|[48]00(?:[0-9]{7}|-[0-9](?:-?[0-9]){6})")


@dataclass(frozen=True)
class Patterned(Kind):
    """Text without blanks that follows one pattern."""

    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "")
        if len(value) > self.length_max or not self.pattern.fullmatch(value):
            raise Invalid("V22", found=text.strip(), expected=self.expected)
        return value


@dataclass(frozen=True)
class Postcode(Patterned):
    sample: ClassVar[str] = "675000"
    length_max: ClassVar[int] = 12
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{6}")
    expected: ClassVar[str] = "六位数字"


@dataclass(frozen=True)
class Email(Patterned):
    sample: ClassVar[str] = "hr@example.com"
    length_max: ClassVar[int] = 120
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}", re.ASCII
    )
    expected: ClassVar[str] = "例如 hr@example.com 的邮箱地址"


@dataclass(frozen=True)
class Telephone(Kind):
    """A landline with or without area code and extension, a service number, or a mobile phone."""

    sample: ClassVar[str] = "0878-3123456"
    length_max: ClassVar[int] = 30

    def parse(self, text: str) -> str:
        plain = half_width(text).replace(" ", "")
        if MOBILE_OR_SERVICE.fullmatch(plain):
            return plain.replace("-", "")
        if found := LANDLINE.fullmatch(plain):
            return "-".join(part for part in found.groups() if part)
        raise Invalid("V22", found=text.strip(), expected="例如 0878-3123456 的电话号码")

    def mask(self, value: str) -> str:
        return Phone().mask(value) if re.fullmatch(r"1[0-9*]{10}", value) else value


@dataclass(frozen=True)
class PayDay(Kind):
    """The day of the month on which wages are paid; the last day of a shorter month."""

    sample: ClassVar[str] = "10"
    length_max: ClassVar[int] = 12

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "").removeprefix("每月").rstrip("日号")
        if not re.fullmatch(r"[0-9]{1,2}", value) or not 1 <= int(value) <= 31:
            raise Invalid("V22", found=text.strip(), expected=" 1 至 31 之间的日")
        return str(int(value))

    def show(self, value: str) -> str:
        return f"每月{value}日"


@dataclass(frozen=True)
class SmsCode(Kind):
    """The code of a short message: six digits, good once and for a few minutes."""

    editor: ClassVar[str] = "sms_code"
    length_max: ClassVar[int] = 12

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "")
        if not re.fullmatch(r"[0-9]{6}", value):
            raise Invalid("V22", found="", expected="短信中的六位数字")
        return value

    def mask(self, value: str) -> str:
        return "******"
