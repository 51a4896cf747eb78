"""What a check may know: the facts of a unit, of its persons and of their months, and the case that
holds them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from server.business.amounts import Rounding
from server.business.month import Month

Values = Mapping[str, Any]  # parsed values by field key; a key that is absent was left empty


class UnitStatus(StrEnum):
    """单位账户状态 (national data standard A.4)."""

    NORMAL = "01"
    OPENED = "02"
    DEFERRED = "03"
    CLOSED = "04"
    SEALED = "05"


class Status(StrEnum):
    """个人账户状态 (national data standard A.6)."""

    NORMAL = "01"
    SEALED = "02"
    MERGED = "03"
    MOVED_OUT = "04"
    WITHDRAWN = "05"
    MOVED_AWAY = "99"  # to another unit of the centre, where the account goes on


UNIT_STATUSES = {"01": "正常", "02": "开户", "03": "缓缴", "04": "销户", "05": "封存"}


STATUSES = {
    "01": "正常",
    "02": "封存",
    "03": "合并销户",
    "04": "外部转出销户",
    "05": "提取销户",
    "99": "已转出",
}


@dataclass(frozen=True, slots=True)
class Person:
    """What a check may know of a person account; ``unit_id`` tells whose it is.

    From ``from_month`` on the amounts hold. ``start_month`` is when the person started, where other
    amounts held before.
    """

    account: int
    unit_id: int
    name: str
    status: Status
    base_fen: int = 0
    unit_fen: int = 0
    personal_fen: int = 0
    balance_fen: int = 0
    from_month: Month = Month(0)
    until_month: Month | None = None
    paid_through: Month | None = None
    is_frozen: bool = False
    id_tail: str = ""
    phone: str = ""  # whole only where the server checks a form about one person
    start_month: Month | None = None
    owed_month: Month | None = None  # the first that another unit has yet to remit

    @property
    def monthly_fen(self) -> int:
        return self.unit_fen + self.personal_fen

    @property
    def starts(self) -> Month:
        return self.from_month if self.start_month is None else self.start_month


@dataclass(frozen=True, slots=True)
class MonthRule:
    """What was in force for a month: the unit's ratios, the limits of a base, the rounding."""

    unit_ratio: int
    personal_ratio: int
    base_low_fen: int
    base_high_fen: int
    rounding: Rounding


@dataclass(frozen=True, slots=True)
class Ratios:
    """The unit's ratios from a month on; ``is_change`` unless they are those it was opened with."""

    from_month: Month
    unit_ratio: int
    personal_ratio: int
    is_change: bool = False


@dataclass(frozen=True, slots=True)
class PastMonth:
    """What a person was credited for one month, in fen, by 汇缴, by 全额, 差额 and 不定额补缴.

    A correction has been taken off what it corrects. ``unit_fen`` is the unit's part of it all.
    """

    remitted_fen: int = 0
    made_up_fen: int = 0
    difference_fen: int = 0
    free_fen: int = 0
    unit_fen: int = 0

    @property
    def total_fen(self) -> int:
        return self.remitted_fen + self.made_up_fen + self.difference_fen + self.free_fen


@dataclass(frozen=True, slots=True)
class Past:
    """What only the server knows of a person's months: those credited, the first of work, and
    those from which the business at hand changed something before; why a sealed person was sealed.
    """

    months: Mapping[Month, PastMonth]
    work_month: Month | None = None
    corrected: frozenset[Month] = frozenset()
    changes: tuple[Month, ...] = ()
    seal_reason: str = ""
    elsewhere: Mapping[Month, PastMonth] = field(default_factory=dict)  # in units before this one

    def everywhere(self, month: Month) -> PastMonth:
        """What the month has been credited, by whichever unit."""
        here, there = (m.get(month, PastMonth()) for m in (self.months, self.elsewhere))
        return PastMonth(
            here.remitted_fen + there.remitted_fen,
            here.made_up_fen + there.made_up_fen,
            here.difference_fen + there.difference_fen,
            here.free_fen + there.free_fen,
            here.unit_fen + there.unit_fen,
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """What a check may know of the unit and of the rules in force on the business day.

    ``rules`` are those of earlier months, as far as a server's check needs them; a month without
    one goes by today's (ruling 16). ``deferred`` are the months of 缓缴: never remitted (ruling 7).
    ``prepayment_fen`` is what may be used: what payments in flight have reserved is not in it.
    ``unit_ratio`` and ``personal_ratio`` were decided last; ``ratios`` are all that ever were, the
    oldest first, and may reach into months to come.
    ``registration`` is what is registered of the unit and of the operator who acts, by key;
    the client knows phones in it masked. ``registered_online`` are the keys that operators may
    change. ``left_today`` is how often a business with a daily limit may still be done.
    """

    unit_id: int
    name: str
    status: UnitStatus
    business_day: datetime.date
    paid_through: Month
    unit_ratio: int
    personal_ratio: int
    base_low_fen: int
    base_high_fen: int
    rounding: Rounding = Rounding.EACH_YUAN
    remit_ahead_months: int = 0
    remit_mixed: bool = False
    makeup_max_months: int = 36
    prepayment_fen: int = 0
    payment_limit_fen: int = 10**13
    signed_account: str = ""  # masked; empty when no bank account is signed
    paying: Mapping[str, str] = field(
        default_factory=dict
    )  # business code -> serial, while in flight
    rules: Mapping[Month, MonthRule] = field(default_factory=dict)
    deferred: frozenset[Month] = frozenset()
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by parameter
    ratios: tuple[Ratios, ...] = ()
    ratio_min: int = 500
    ratio_max: int = 1200
    ratio_step: int = 100
    ratio_down_online: bool = False
    base_change_per_year: int = 1
    base_year_start_month: int = 1
    registration: Mapping[str, str] = field(default_factory=dict)
    registered_online: frozenset[str] = frozenset()
    left_today: int | None = None
    transfer_requires_sealed: bool = True

    def rule(self, month: Month) -> MonthRule:
        return self.rules.get(month) or MonthRule(
            *self.ratio(month), self.base_low_fen, self.base_high_fen, self.rounding
        )

    def ratio(self, month: Month) -> tuple[int, int]:
        """The unit's and the person's; before the first that is known, those decided last."""
        for known in reversed(self.ratios):
            if known.from_month <= month:
                return known.unit_ratio, known.personal_ratio
        return self.unit_ratio, self.personal_ratio

    def adjustment_year(self, month: Month) -> int:
        """调整年度: in each of them bases and ratios are changed once."""
        return (month - (self.base_year_start_month - 1)) // 12

    @property
    def next_month(self) -> Month:
        """The month to be remitted next (应汇缴年月)."""
        return self.paid_through.plus(1)

    @property
    def month_now(self) -> Month:
        return Month.of_day(self.business_day)


@dataclass(frozen=True, slots=True)
class OtherUnit:
    """The unit that persons are taken from, as far as the transfer must know it."""

    unit_id: int
    name: str
    is_open: bool
    is_paying: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What one month's remittance comes to."""

    persons: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to derive or check: the head alone (``row`` is empty), or one row and its person.

    ``due`` holds the unpaid months up to the one asked for; only the server can know it, so it is
    None on the client and such a check waits for the server; so is ``past``, the months that the
    row's person has been credited. ``typed`` names the fields that were typed and could be read,
    ``unread`` those that hold text which could not be parsed.
    """

    unit: Unit
    head: Values
    row: Values = field(default_factory=dict)
    person: Person | None = None
    due: Mapping[Month, Due] | None = None
    past: Past | None = None
    other: OtherUnit | None = None
    is_server: bool = False
    typed: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
