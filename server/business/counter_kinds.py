"""The kinds of value that only the centre's counter types: numbers it issues, codes, secrets."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from server.business.identity import id_fault, uscc_is_valid, with_account_check
from server.business.kinds import DocumentNumber, Invalid, Kind, half_width

ARMOUR = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")
CERTIFICATE_BYTES_MAX = 8192


@dataclass(frozen=True)
class UnitAccount(Kind):
    """A unit's account number (单位账号): twelve digits, the last one a check digit."""

    python: ClassVar[type] = int
    length_max: ClassVar[int] = 20

    def parse(self, text: str) -> int:
        value = half_width(text).replace(" ", "")
        if not re.fullmatch(r"[1-9][0-9]{11}", value) or _mistyped(int(value)):
            raise Invalid("V20", found=text.strip())
        return int(value)


def _mistyped(unit_id: int) -> bool:
    return with_account_check(unit_id // 10) != unit_id


@dataclass(frozen=True)
class Uscc(Kind):
    """A unified social credit code with both its check digits."""

    sample: ClassVar[str] = "91110000600037341L"
    length_max: ClassVar[int] = 30

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "").upper()
        if not uscc_is_valid(value):
            raise Invalid("V21", found=text.strip())
        return value


@dataclass(frozen=True)
class ResidentId(DocumentNumber):
    """A resident ID number, valid to its check digit."""

    def parse(self, text: str) -> str:
        value = super().parse(text)
        if fault := id_fault(value):
            raise Invalid("K01", why=fault)
        return value


@dataclass(frozen=True)
class Code(Kind):
    """A code of a fixed shape; ``expected`` says the shape in words."""

    pattern: str
    expected: str

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "")
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise Invalid("V22", found=text.strip(), expected=self.expected)
        return value


@dataclass(frozen=True)
class BankAccountNumber(Kind):
    """An account of a unit at a bank: 9 to 32 digits, with no check digit of its own."""

    length_max: ClassVar[int] = 60

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "").replace("-", "")
        if not re.fullmatch(r"[0-9]{9,32}", value):
            raise Invalid("V22", found=text.strip(), expected="9–32 位数字的银行账号")
        return value

    def mask(self, value: str) -> str:
        return f"****{value[-4:]}"


@dataclass(frozen=True)
class Certificate(Kind):
    """A certificate file: PEM, or DER in base64. What it says is checked by whoever binds it."""

    editor: ClassVar[str] = "file"
    python: ClassVar[type] = bytes
    length_max: ClassVar[int] = 16384

    def parse(self, text: str) -> bytes:
        try:
            value = base64.b64decode("".join(ARMOUR.sub("", text).split()), validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("V23") from None
        if not 0 < len(value) <= CERTIFICATE_BYTES_MAX:
            raise Invalid("V23")
        return value

    def show(self, value: bytes) -> str:
        return base64.b64encode(value).decode()


@dataclass(frozen=True)
class Secret(Kind):
    """A password: taken as typed, to the last blank, and never shown again."""

    editor: ClassVar[str] = "password"
    length_max: ClassVar[int] = 128

    def parse(self, text: str) -> str:
        if len(text) > self.length_max:
            raise Invalid("V06", limit=self.length_max)
        return text

    def mask(self, value: Any) -> str:
        return "••••••"
