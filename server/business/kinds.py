"""The kinds a field can be: each parses what was typed and shows what is stored."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from server.business.amounts import RATIO_ONE
from server.business.month import Month

# Every white space is one blank; what is invisible and comes along with a paste is dropped, as is
# what turns the text after it around.
INVISIBLE = "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
SPACES = str.maketrans(
    {c: " " for c in map(chr, range(0x3001)) if c.isspace()} | dict.fromkeys(INVISIBLE, "")
)
MIDDLE_DOTS = str.maketrans(dict.fromkeys("\u2022\u2027\u30fb\uff0e\uff65\u2219\u22c5", "·"))
UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
AMOUNT = re.compile(r"([-+]?)([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,16})(?:\.([0-9]{0,2})0*)?")
# What a spreadsheet shows of a long number that it took for an amount: digits are gone.
SCIENTIFIC = re.compile(r"[1-9](?:\.[0-9]+)?[Ee]\+?1[0-9]")
PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{0,2})0*)?%?")
MIDNIGHT = re.compile(r"[T ] *0?0:00(?::00(?:\.0*)?)?$")
YEARS = range(1900, 3000)
FEN_MAX = 10**15
EXCEL_EPOCH = datetime.date(1899, 12, 30)


class Invalid(ValueError):
    """What was typed cannot be read; carries the code and the facts of its refusal."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def trimmed(text: str) -> str:
    """Without the white space around and the invisible characters inside."""
    return text.translate(SPACES).strip()


def half_width(text: str) -> str:
    """Trimmed, with full-width digits, letters and signs made ordinary."""
    text = trimmed(text)
    return text if text.isascii() else unicodedata.normalize("NFKC", text).strip()


def hundredths(whole: str, fraction: str | None) -> int:
    """12 and 5 give 1250: fen of yuan, ten-thousandths of a percentage."""
    return int(whole) * 100 + int((fraction or "").ljust(2, "0"))


@dataclass(frozen=True)
class Kind:
    """Base of all kinds. ``parse(show(value)) == value`` holds for every value of every kind.

    ``editor`` names the cell editor, ``python`` the type inside, ``align_right`` how it stands in
    its column. What spreadsheets reckon with has a ``number_format`` there, and is ``scale`` times
    as much inside.
    """

    editor: ClassVar[str] = "text"
    align_right: ClassVar[bool] = False
    python: ClassVar[type] = str
    is_text_on_wire: ClassVar[bool] = False
    length_max: ClassVar[int] = 60
    sample: ClassVar[str] = ""
    number_format: ClassVar[str] = ""
    scale: ClassVar[int] = 1

    def parse(self, text: str) -> Any:
        return trimmed(text)

    def read(self, text: str) -> Any:
        """The value, or None for what is empty or cannot be read."""
        try:
            return self.parse(text) if text and not text.isspace() else None
        except Invalid:
            return None

    def show(self, value: Any) -> str:
        return str(value)

    def mask(self, value: Any) -> str:
        """As ``show``, but with what others need not see covered."""
        return self.show(value)

    def agrees(self, given: Any, known: Any) -> bool:
        """Whether what was typed says the same as what is known, of which a part may be covered."""
        return bool(given == known)


@dataclass(frozen=True)
class Text(Kind):
    limit: int = 60

    def parse(self, text: str) -> str:
        value = unicodedata.normalize("NFC", trimmed(text))
        if len(value) > self.limit:
            raise Invalid("V06", limit=self.limit)
        if UNSTORABLE.search(value):
            raise Invalid("V14")
        return value


@dataclass(frozen=True)
class PersonName(Kind):
    """A person's name as on the document; the separator of minority names becomes ``·``."""

    sample: ClassVar[str] = "阿依·买买提"

    def parse(self, text: str) -> str:
        value = trimmed(text).translate(MIDDLE_DOTS)
        if re.fullmatch(r"[^\x00-\x7f] [^\x00-\x7f]", value):
            value = value.replace(" ", "")  # 张 三: a space put in for looks (ruling 21).
        value = re.sub(r"(?<=[^\x00-\x7f])\.(?=[^\x00-\x7f])", "·", value)  # Typed for want of a ·.
        value = unicodedata.normalize("NFC", value)
        if len(value) > 50:
            raise Invalid("V06", limit=50)
        if value and not _is_name(value):
            raise Invalid("K11", found=value)
        return value

    def agrees(self, given: str, known: str) -> bool:
        """By its letters: offices write separators, blanks and capitals each in their own way."""
        if "*" in known:  # Another unit's person, covered but for the end.
            return given.endswith(known.lstrip("*"))
        return _letters(given) == _letters(known)


def _is_name(value: str) -> bool:
    """Letters and separators only, a letter first, and no separator last (domain K11)."""
    is_latin = all(ord(c) < 0x250 for c in value)
    for c in value:
        if c == "·" or (is_latin and c in " .-'"):
            continue
        if not _is_letter(c) and unicodedata.category(c)[0] != "M":
            return False
    return _is_letter(value[0]) and value[-1] != "·"


def _letters(name: str) -> str:
    return re.sub(r"[\s·.'-]", "", name).casefold()


def _is_letter(c: str) -> bool:
    """〇 is a number to Unicode; characters without a code yet live in the private use area."""
    return unicodedata.category(c)[0] == "L" or c == "〇" or 0xE000 <= ord(c) <= 0xF8FF


@dataclass(frozen=True)
class DocumentNumber(Kind):
    """The number of an identity document; what makes it valid depends on the document's type."""

    sample: ClassVar[str] = "532301199003070012"
    length_max: ClassVar[int] = 30

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "").replace("-", "").upper()
        if SCIENTIFIC.fullmatch(value):
            raise Invalid("V09")
        if not re.fullmatch(r"[0-9A-Z\u4e00-\u9fff]{1,18}", value):
            raise Invalid("K01", why="应为不超过 18 位的数字或字母")
        return value

    def mask(self, value: str) -> str:
        """First four and last four (domain 11.3)."""
        if len(value) <= 8:
            return "****"
        return f"{value[:4]}{'*' * (len(value) - 8)}{value[-4:]}"


@dataclass(frozen=True)
class BankCard(Kind):
    """A personal bank card: 16 to 19 digits with the Luhn check digit (domain 2.3)."""

    length_max: ClassVar[int] = 30

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "")
        if not re.fullmatch(r"[0-9]{16,19}", value) or _luhn(value) % 10:
            raise Invalid("V13")
        return value


def _luhn(digits: str) -> int:
    odd, even = digits[-1::-2], digits[-2::-2]
    return sum(map(int, odd)) + sum(sum(divmod(int(d) * 2, 10)) for d in even)


@dataclass(frozen=True)
class Phone(Kind):
    sample: ClassVar[str] = "13987812345"
    length_max: ClassVar[int] = 20

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "").replace("-", "").removeprefix("+86")
        if not re.fullmatch(r"1[3-9][0-9]{9}", value):
            raise Invalid("V07")
        return value

    def mask(self, value: str) -> str:
        return f"{value[:3]}****{value[-4:]}"


@dataclass(frozen=True)
class Account(Kind):
    """A person's account number (个人账号): 12 digits, found by fuzzy lookup."""

    editor: ClassVar[str] = "lookup"
    python: ClassVar[type] = int
    length_max: ClassVar[int] = 20

    def parse(self, text: str) -> int:
        value = half_width(text).replace(" ", "")
        if SCIENTIFIC.fullmatch(value):
            raise Invalid("V09")
        if not re.fullmatch(r"[1-9][0-9]{11}", value):
            raise Invalid("V08")
        return int(value)


@dataclass(frozen=True)
class Money(Kind):
    """An amount in fen. Shown as ``1,234.50``; reads thousands separators, ``¥`` and ``元``."""

    editor: ClassVar[str] = "money"
    align_right: ClassVar[bool] = True
    python: ClassVar[type] = int
    length_max: ClassVar[int] = 24
    sample: ClassVar[str] = "8765.43"
    number_format: ClassVar[str] = "#,##0.00"
    scale: ClassVar[int] = 100

    def parse(self, text: str) -> int:
        plain = half_width(text).replace(" ", "").strip("¥元")
        if found := AMOUNT.fullmatch(plain):
            fen = hundredths(found[2].replace(",", ""), found[3])
            if fen <= FEN_MAX:
                return -fen if found[1] == "-" else fen
        raise Invalid("V02", found=text.strip())

    def show(self, value: int) -> str:
        sign, fen = ("-", -value) if value < 0 else ("", value)
        return f"{sign}{fen // 100:,}.{fen % 100:02d}"


@dataclass(frozen=True)
class Whole(Kind):
    """A count."""

    align_right: ClassVar[bool] = True
    python: ClassVar[type] = int
    length_max: ClassVar[int] = 12
    number_format: ClassVar[str] = "#,##0"

    def parse(self, text: str) -> int:
        plain = half_width(text).replace(",", "")
        if not re.fullmatch(r"[0-9]{1,12}", plain):
            raise Invalid("V02", found=text.strip())
        return int(plain)

    def show(self, value: int) -> str:
        return f"{value:,}"


@dataclass(frozen=True)
class Serial(Kind):
    """A business serial (业务流水号): up to 19 digits, more than JSON numbers carry safely."""

    python: ClassVar[type] = int
    is_text_on_wire: ClassVar[bool] = True
    length_max: ClassVar[int] = 24

    def parse(self, text: str) -> int:
        plain = half_width(text)
        if not re.fullmatch(r"[0-9]{1,19}", plain) or int(plain) >= 2**63:
            raise Invalid("V05", found=text.strip(), choices="业务流水号")
        return int(plain)


@dataclass(frozen=True)
class Ratio(Kind):
    """A ratio in ten-thousandths, shown as a percentage: 1200 is ``12%``."""

    align_right: ClassVar[bool] = True
    python: ClassVar[type] = int
    length_max: ClassVar[int] = 8
    number_format: ClassVar[str] = "0.00%"
    scale: ClassVar[int] = RATIO_ONE

    def parse(self, text: str) -> int:
        if found := PERCENT.fullmatch(half_width(text).replace(" ", "")):
            value = hundredths(found[1], found[2])
            if value <= RATIO_ONE:
                return value
        raise Invalid("V10", found=text.strip())

    def show(self, value: int) -> str:
        return f"{Decimal(value).scaleb(-2).normalize():f}%"


@dataclass(frozen=True)
class MonthKind(Kind):
    """A calendar month. Reads 2026-07, 2026/7, 202607, 2026年7月, and whatever a day can be."""

    editor: ClassVar[str] = "month"
    python: ClassVar[type] = Month
    length_max: ClassVar[int] = 20
    sample: ClassVar[str] = "2026-07"

    def parse(self, text: str) -> Month:
        plain = half_width(text).replace(" ", "")
        if found := re.fullmatch(r"(\d{4})(?:[-/.年](\d{1,2})(?:月份?)?|(\d{2}))", plain):
            year, month = int(found[1]), int(found[2] or found[3])
            if 1 <= month <= 12 and year in YEARS:
                return Month.of(year, month)
        try:
            return Month.of_day(parse_day(text))
        except ValueError:
            raise Invalid("V03", found=text.strip()) from None


@dataclass(frozen=True)
class Day(Kind):
    """A calendar day. Reads 2026-07-01, 2026/7/1, 20260701, 2026年7月1日, a sheet's day number."""

    editor: ClassVar[str] = "day"
    python: ClassVar[type] = datetime.date
    length_max: ClassVar[int] = 20
    sample: ClassVar[str] = "2026-07-01"

    def parse(self, text: str) -> datetime.date:
        try:
            return parse_day(text)
        except ValueError:
            raise Invalid("V04", found=text.strip()) from None


def parse_day(text: str) -> datetime.date:
    """Raises ValueError for what is no day between 1900 and 2999."""
    # The hour goes first: without the blank, 7-1 0:00 would read as the 10th.
    plain = MIDNIGHT.sub("", half_width(text)).replace(" ", "")
    if found := re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", plain):
        day = datetime.date(int(found[1]), int(found[2]), int(found[3]))
    elif re.fullmatch(r"(19|20)\d{6}", plain):
        day = datetime.date(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    elif found := re.fullmatch(r"(\d{5})(?:\.0+)?", plain):
        day = EXCEL_EPOCH + datetime.timedelta(days=int(found[1]))
    else:
        raise ValueError("no day")
    if day.year not in YEARS:
        raise ValueError("no day of our time")
    return day


@dataclass(frozen=True)
class Choice(Kind):
    """One code of a small table; shown by its label, read by either."""

    options: Mapping[str, str]
    editor: ClassVar[str] = "choice"

    def __hash__(self) -> int:
        return hash(tuple(self.options.items()))

    def parse(self, text: str) -> str:
        plain = trimmed(text)
        if plain in self.options:
            return plain
        for code, label in self.options.items():
            if plain in (label, f"{code} {label}"):
                return code
        raise Invalid("V05", found=plain, choices="、".join(self.options.values()))

    def show(self, value: str) -> str:
        return self.options.get(value, value)


@dataclass(frozen=True)
class Stamp(Kind):
    """A moment, to the second, in the centre's time. Only shown, never typed."""

    def show(self, value: str) -> str:
        return value[:19].replace("T", " ")


@dataclass(frozen=True)
class Masked(Kind):
    """A value that leaves the server already masked: an ID number, a phone, a card."""
