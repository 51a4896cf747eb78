"""What a business is: one description that the grid, the form, the checks, the API, the posting and
the receipt all read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from server.business.chart import Gl
from server.business.facts import Case, Status, Unit, UnitStatus, Values
from server.business.kinds import Choice, Kind
from server.business.month import Month
from server.business.refusals import Problem


class Method(StrEnum):
    """缴款方式. Which account is debited follows from it."""

    SETTLE = "settle"
    PREPAYMENT = "prepayment"
    MIXED = "mixed"  # prepayment first, the rest settled (H07)


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
    ``on_receipt`` False leaves a field off the printed list, ``on_screen`` False off grid and
    form, for what is known only once it is done; ``taken_code`` is the refusal or hint
    for a value that another person has already; ``sum_of`` makes a head field the sum of that row
    field, in a form of that column of its preview; ``offered_if`` names, for a choice that is not
    always open, the fact of ``Unit`` that opens it; ``choices_from`` names the parameter whose
    table, as in force, are the choices: those of ``kind`` are its default.

    ``today`` gives what a head field would change: the form shows it at the left, the receipt
    prints old and new. Empty, the field is left as it is. None or an empty text has nothing to
    compare. ``is_open`` tells whether operators may type it; what has a ``today`` and may not be
    typed is shown, and changed at the counter alone. ``sent_to`` names the head field with the
    phone that a code is sent to: the code is typed here, and needed when that phone is changed. It
    travels beside the submission and is neither saved nor signed.

    ``confirms`` makes a row's looked up field one that may be given as well, as other people's
    spreadsheets do: what is typed must agree with what is known (G16), which then takes its place.
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
    on_screen: bool = True
    today: Callable[[Case], Any] | None = None
    is_open: Callable[[Unit], bool] | None = None
    sent_to: str = ""
    confirms: bool = False
    width: int = 110
    note: str = ""

    def in_force(self, unit: Unit) -> Field:
        """With the choices of the unit's business day."""
        table = unit.choices.get(self.choices_from)
        return self if table is None else replace(self, kind=Choice(table))


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


class Counted(StrEnum):
    """As what money is credited to a person's month (``PastMonth``)."""

    REMITTED = "remitted"
    MADE_UP = "made_up"
    DIFFERENCE = "difference"
    FREE = "free"
    TAKEN_BACK = "taken_back"


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
    business's sub-type; ``counts`` tells by sub-type as what it credits persons, under an empty
    text where there is none. With ``Spread.ROWS`` each row's rules derive ``lines``, a tuple of
    ``Line``, beside the row's fields.
    """

    amount: str
    spread: Spread
    method: str = ""
    until: str = ""
    kind: str = ""
    debit: Gl | None = None
    counts: Mapping[str, Counted] = field(default_factory=dict)
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
    ``person_key`` is the field by which the person is found: of a row, or of a form about one
    person. ``preview`` names the query that shows beforehand what submitting will do.
    ``wrong_status`` is the code for a person who stands
    where the business does not take them from. ``listed`` names the query that lists whom it
    concerned, given the business as ``parent``: printed on the receipt when there are no rows.
    One that is asked with the head's values instead is printed as it stands when it is issued.
    ``row_unit`` counts its rows. ``record`` names a query whose one row stands in the head of what
    is printed. With ``closing`` it prints no receipt but a certificate, which ends with these
    words, the centre and the day under its seal.
    ``takes_from`` is the head key of the unit whose persons it takes, when that is another one;
    ``brought_from`` the account that what the rows' lines bring comes from, without a payment.
    ``daily_limit`` is the parameter that says how often a unit may do it in a day; one that
    ``is_audited`` leaves a line in the audit log, too.
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
    wrong_status: str = ""
    listed: str = ""
    daily_limit: str = ""
    takes_from: str = ""
    brought_from: Gl | None = None
    is_audited: bool = False
    record: str = ""
    row_unit: str = "人"
    closing: str = ""

    @property
    def shown_head(self) -> tuple[Field, ...]:
        return tuple(f for f in self.head if f.on_screen)

    @property
    def shown_rows(self) -> tuple[Field, ...]:
        return tuple(f for f in self.rows if f.on_screen)

    @property
    def is_batch(self) -> bool:
        return bool(self.rows)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.head + self.rows

    @property
    def codes(self) -> tuple[Field, ...]:
        """What is typed beside the document, and never kept."""
        return tuple(f for f in self.head if f.sent_to)

    def field(self, key: str) -> Field:
        return next(f for f in self.fields if f.key == key)

    def in_force(self, unit: Unit) -> Business:
        """As it reads and shows on the unit's business day."""
        if not any(f.choices_from for f in self.fields):
            return self
        head, rows = (tuple(f.in_force(unit) for f in part) for part in (self.head, self.rows))
        return replace(self, head=head, rows=rows)
