"""What the model remembers of a centre: units, people, what was posted, what was in force."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from server.simulation.model import amounts
from server.simulation.model.interest import Listed, Movement, Terms

NORMAL, OPENED, DEFERRED = "01", "02", "03"  # of a unit (A.4)
PAYING, SEALED = "01", "02"  # of a person (A.6)

Refusals = dict[int | None, set[str]]  # by row; None is the whole submission; empty: it was done


@dataclass
class Stay:
    """One interval [first, until) in which a person is on the unit's roster (ruling 12).

    It ``continues`` the one before it where only the amounts changed.
    """

    first: int
    until: int | None
    base: int
    unit_part: int
    person_part: int
    continues: bool = False

    def has(self, month: int) -> bool:
        return self.first <= month and (self.until is None or month < self.until)


@dataclass(frozen=True)
class Credit:
    """What one business did to one person for one month. Corrections take away."""

    person: str
    kind: str  # remittance, full, difference, free, correction
    month: int
    unit_part: int
    person_part: int
    unit: str = ""  # which paid it

    @property
    def amount(self) -> int:
        return self.unit_part + self.person_part


@dataclass
class Person:
    id_no: str
    name: str
    unit: str
    opened: date
    status: str = PAYING
    stays: list[Stay] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)  # what stands; a reversal takes it out
    corrected: set[tuple[str, int]] = field(default_factory=set)  # by unit and month
    base_changes: list[int] = field(default_factory=list)  # the months they took effect
    prior: int = 0  # 上年结转余额
    current: int = 0  # 当年归集余额
    carried: int = 0  # what the running interest year began with
    movements: list[Movement] = field(default_factory=list)  # of the running interest year
    statements: dict[int, Statement] = field(default_factory=dict)  # by the year it ends in

    @property
    def balance(self) -> int:
        return self.prior + self.current

    @property
    def paid_through(self) -> int | None:
        """The last month that a remittance paid (ruling 23)."""
        months = [it.month for it in self.credits if it.kind == "remittance"]
        return max(months, default=None)

    def paid_for(self, month: int, *kinds: str, unit: str = "") -> int:
        """What stands of the month's credits of these kinds, or of all; by one unit, or by all
        that paid. A unit's correction lessens its remittance first, then what it made up: in
        whole, in part, freely."""
        payers = {it.unit for it in self.credits if unit in ("", it.unit)}
        return sum(self._paid_by(payer, month, kinds) for payer in payers)

    def _paid_by(self, unit: str, month: int, kinds: tuple[str, ...]) -> int:
        left = dict.fromkeys(("remittance", "full", "difference", "free", "correction"), 0)
        for credit in self.credits:
            if credit.month == month and credit.unit == unit:
                left[credit.kind] += credit.amount
        for kind in ("remittance", "full", "difference", "free"):
            taken = min(left[kind], -left["correction"])
            left[kind] -= taken
            left["correction"] += taken
        return sum(left[kind] for kind in kinds or left)

    def unit_paid_for(self, month: int, unit: str) -> int:
        return sum(it.unit_part for it in self.credits if (it.month, it.unit) == (month, unit))


@dataclass(frozen=True)
class Statement:
    """结息对账单: the five figures of one person's interest year (5.5)."""

    opening: int
    paid_in: int
    taken_out: int
    interest: int

    @property
    def closing(self) -> int:
        return self.opening + self.paid_in - self.taken_out + self.interest


@dataclass
class Business:
    """Money business that was posted, with all that is needed to take it back."""

    number: int
    kind: str
    unit: str
    day: date
    amount: int
    credits: list[Credit] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)  # people who came or went
    drawn: dict[str, tuple[int, int]] = field(default_factory=dict)  # person → (prior, current)
    prepaid: int = 0  # change of the unit's prepayment
    collected: int = 0  # by the bank, from the unit's account
    debit: str = ""
    credit: str = ""
    paid_before: int = 0
    status_before: str = ""
    reversed: bool = False


@dataclass
class Pending:
    """A debit the bank has been asked for and has not answered; nothing is posted yet."""

    kind: str
    amount: int
    credits: list[Credit] = field(default_factory=list)
    until: int | None = None  # a remittance's last month
    reserved: int = 0  # what of the amount the prepayment pays (H07)


@dataclass
class Deferral:
    first: int
    last: int
    ended: bool = False


@dataclass
class Unit:
    key: str
    county: str
    paid_through: int
    ratios: list[tuple[int, int, int]]  # (from month, unit's, person's)
    status: str = OPENED
    signed: bool = False
    prepaid: int = 0
    deferrals: list[Deferral] = field(default_factory=list)
    ratio_changes: list[int] = field(default_factory=list)  # the months they took effect
    pending: list[Pending] = field(default_factory=list)

    @property
    def available(self) -> int:
        """Prepayment that no debit in flight counts on."""
        return self.prepaid - sum(it.reserved for it in self.pending)

    def ratio_of(self, month: int) -> tuple[int, int]:
        """The ratios of that month; where none is known, today's (ruling 16)."""
        known = [it for it in self.ratios if it[0] <= month]
        _, unit_ratio, person_ratio = known[-1] if known else self.ratios[-1]
        return unit_ratio, person_ratio

    def ratio_today(self) -> tuple[int, int]:
        return self.ratios[-1][1:]

    def deferred(self, month: int) -> bool:
        return any(it.first <= month <= it.last for it in self.deferrals)


@dataclass
class Centre:
    day: date
    units: dict[str, Unit] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    businesses: list[Business] = field(default_factory=list)
    ledger: dict[str, int] = field(default_factory=Counter)  # debit is positive
    suspense: dict[str, int] = field(default_factory=dict)  # receipts nobody has claimed
    claimed: set[str] = field(default_factory=set)
    refunds: dict[int, int] = field(default_factory=dict)  # reversed debits still to be paid back
    limits: dict[str, list[tuple[date, int, int]]] = field(default_factory=dict)  # by county
    roundings: list[tuple[date, str]] = field(default_factory=list)
    rates: list[Listed] = field(default_factory=list)
    terms: list[tuple[date, Terms]] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    accrued: dict[int, int] = field(default_factory=Counter)  # by interest year
    remit_ahead_months: int = 0
    remit_mixed: bool = False
    makeup_max_months: int = 36
    payment_limit: int = 10**13
    base_changes_per_year: int = 1
    base_year_starts: int = 1  # the month with which an adjustment year begins (R-GJ-05)
    ratio_down: bool = False
    ratio_min: int = 500
    ratio_max: int = 1200

    @property
    def month(self) -> int:
        return self.day.year * 12 + self.day.month - 1

    def people_of(self, unit: str) -> list[Person]:
        return [person for person in self.people.values() if person.unit == unit]

    def rounding(self, day: date) -> str:
        return [value for since, value in self.roundings if since <= day][-1]

    def terms_on(self, day: date) -> Terms:
        return [value for since, value in self.terms if since <= day][-1]

    def limits_on(self, county: str, day: date) -> tuple[int, int]:
        _, low, high = [it for it in self.limits[county] if it[0] <= day][-1]
        return low, high

    def cap_of(self, unit: Unit, month: int) -> int:
        """The most a month of that year can come to in all (B03)."""
        starts = date(month // 12, month % 12 + 1, 1)
        _, high = self.limits_on(unit.county, starts)
        return sum(amounts.monthly(high, *unit.ratio_of(month), self.rounding(starts)))
