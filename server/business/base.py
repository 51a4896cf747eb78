"""What a business is: one description that the grid, the form, the checks, the API, the posting and
the receipt all read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from server.business.amounts import Rounding
from server.business.chart import Gl
from server.business.kinds import Choice, Kind
from server.business.month import Month
from server.business.refusals import Problem

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


class Method(StrEnum):
    """缴款方式. Which account is debited follows from it."""

    SETTLE = "settle"
    PREPAYMENT = "prepayment"
    MIXED = "mixed"  # prepayment first, the rest settled (H07)


UNIT_STATUSES = {"01": "正常", "02": "开户", "03": "缓缴", "04": "销户", "05": "封存"}
STATUSES = {"01": "正常", "02": "封存", "03": "合并销户", "04": "外部转出销户", "05": "提取销户"}
METHODS = {
    Method.SETTLE.value: "实时结算",
    Method.PREPAYMENT.value: "预缴转出",
    Method.MIXED.value: "预缴转出，不足部分实时结算",
}


@dataclass(frozen=True)
class Field:
    """One value of a business, its name on screen and how it is read.

    ``typed`` is False for what is looked up or computed; ``required`` concerns typed fields;
    ``summed`` puts a total under the column; ``std`` is the national data standard's name;
    ``on_receipt`` False leaves a field off the printed list; ``taken_code`` is the refusal or hint
    for a value that another person has already; ``sum_of`` makes a head field the sum of that row
    field; ``offered_if`` names, for a choice that is not always open, the fact of ``Unit`` that
    opens it; ``choices_from`` names the parameter whose table, as in force, are the choices: those
    of ``kind`` are its default.
    """

    key: str
    label: str
    kind: Kind
    std: str = ""
    typed: bool = True
    required: bool = True
    summed: bool = False
    on_receipt: bool = True
    taken_code: str = ""
    sum_of: str = ""
    offered_if: Mapping[str, str] = field(default_factory=dict)
    choices_from: str = ""
    width: int = 110
    note: str = ""

    def in_force(self, unit: Unit) -> Field:
        """With the choices of the unit's business day."""
        table = unit.choices.get(self.choices_from)
        return self if table is None else replace(self, kind=Choice(table))


@dataclass(frozen=True, slots=True)
class Person:
    """What a check may know of a person account; ``unit_id`` tells whose it is."""

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

    @property
    def monthly_fen(self) -> int:
        return self.unit_fen + self.personal_fen


@dataclass(frozen=True, slots=True)
class MonthRule:
    """What was in force for a month: the unit's ratios, the limits of a base, the rounding."""

    unit_ratio: int
    personal_ratio: int
    base_low_fen: int
    base_high_fen: int
    rounding: Rounding


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
    """What only the server knows of a person's months: those credited, and the first of work."""

    months: Mapping[Month, PastMonth]
    work_month: Month | None = None
    corrected: frozenset[Month] = frozenset()


@dataclass(frozen=True, slots=True)
class Unit:
    """What a check may know of the unit and of the rules in force on the business day.

    ``rules`` are those of earlier months, as far as a server's check needs them; a month without
    one goes by today's (ruling 16). ``deferred`` are the months of 缓缴: never remitted (ruling 7).
    ``prepayment_fen`` is what may be used: what payments in flight have reserved is not in it.
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

    def rule(self, month: Month) -> MonthRule:
        return self.rules.get(month) or MonthRule(
            self.unit_ratio,
            self.personal_ratio,
            self.base_low_fen,
            self.base_high_fen,
            self.rounding,
        )

    @property
    def next_month(self) -> Month:
        """The month to be remitted next (应汇缴年月)."""
        return self.paid_through.plus(1)

    @property
    def month_now(self) -> Month:
        return Month.of_day(self.business_day)


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
    row's person has been credited. ``unread`` names the fields that hold text which could not be
    parsed.
    """

    unit: Unit
    head: Values
    row: Values = field(default_factory=dict)
    person: Person | None = None
    due: Mapping[Month, Due] | None = None
    past: Past | None = None
    is_server: bool = False
    unread: frozenset[str] = frozenset()


def derive_nothing(case: Case) -> Values:
    return {}


def check_nothing(case: Case) -> Iterable[Problem]:
    return ()


@dataclass(frozen=True)
class Rules:
    """``derive`` fills what can be computed (also blanks that have a default); ``check`` refuses.

    Both are pure. A check sees parsed values; a key that could not be parsed is absent and has its
    own problem already.
    """

    derive: Callable[[Case], Values] = derive_nothing
    check: Callable[[Case], Iterable[Problem]] = check_nothing


class Spread(StrEnum):
    """To whom a payment is credited."""

    PREPAYMENT = "prepayment"  # the unit's prepayment account
    ROSTER = "roster"  # every person due in each month
    ROWS = "rows"  # the persons of the rows, month by month


@dataclass(frozen=True, slots=True)
class Line:
    """What one person is credited for one month; negative when money is taken back."""

    account: int
    month: Month
    unit_fen: int
    amount_fen: int


@dataclass(frozen=True)
class Payment:
    """How a business moves money; ``amount``, ``method``, ``until`` (last month) are head keys.

    ``debit`` names the account that the counter's businesses debit; operators' are paid by the
    ``method``, or without one settled by the bank in real time. ``kind`` is the head key of the
    business's sub-type. With ``Spread.ROWS`` each row's rules derive ``lines``, a tuple of
    ``Line``, beside the row's fields.
    """

    amount: str
    spread: Spread
    method: str = ""
    until: str = ""
    kind: str = ""
    debit: Gl | None = None
    is_reversible: bool = True

    @property
    def credit(self) -> Gl:
        is_persons = self.spread is not Spread.PREPAYMENT and self.debit is not Gl.MEMBERS
        return Gl.MEMBERS if is_persons else Gl.PREPAYMENT


@dataclass(frozen=True)
class Business:
    """One business. A business without ``rows`` is a form; with rows it is a batch grid.

    ``takes`` and ``leaves`` are the person account's status before and after: from them follow the
    status change, the roster segments and the lookup's candidates. One that takes nobody opens
    accounts; one that leaves no status changes none.
    ``person_key`` is the row field by which the person is found. ``preview`` names the query that
    shows beforehand what submitting will do.
    """

    code: str
    label: str
    menu: str
    receipt: str
    std: str
    head: tuple[Field, ...] = ()
    rows: tuple[Field, ...] = ()
    takes: tuple[Status, ...] = ()
    leaves: Status | None = None
    person_key: str = ""
    head_rules: Rules = Rules()
    row_rules: Rules = Rules()
    payment: Payment | None = None
    unit_statuses: tuple[UnitStatus, ...] = (UnitStatus.NORMAL, UnitStatus.OPENED)
    blocked_by: tuple[str, ...] = ()  # codes of paying businesses that must finish first
    preview: str = ""

    @property
    def is_batch(self) -> bool:
        return bool(self.rows)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.head + self.rows

    def field(self, key: str) -> Field:
        return next(f for f in self.fields if f.key == key)

    def in_force(self, unit: Unit) -> Business:
        """As it reads and shows on the unit's business day."""
        if not any(f.choices_from for f in self.fields):
            return self
        head, rows = (tuple(f.in_force(unit) for f in part) for part in (self.head, self.rows))
        return replace(self, head=head, rows=rows)
