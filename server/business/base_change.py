"""缴存基数变更 (U19): from a month on, a person contributes on another base."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.amounts import Monthly, Rounding, base_of, monthly, split
from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, Values
from server.business.kinds import Money, MonthKind
from server.business.month import Month
from server.business.parts import (
    AMOUNTS,
    ANY_PAYMENT,
    BASE,
    LISTED_PERSON,
    REMARK,
    check_month,
    monthly_limits,
    year_words,
)
from server.business.refusals import Problem, problem

TYPED = ("base", "monthly_fen")  # Either gives the other.


def derive(case: Case) -> Values:
    """What was before, and base, parts and monthly amount from whichever was typed."""
    unit, person = case.unit, case.person
    values: dict[str, object] = {"month": first_month(case)}
    if person is not None:
        values |= {
            "name": person.name,
            "id_tail": person.id_tail,
            "base_before": person.base_fen,
            "monthly_before": person.monthly_fen,
        }
    unit_ratio, personal_ratio = unit.ratio({**values, **case.row}["month"])
    values |= {"unit_ratio": unit_ratio, "personal_ratio": personal_ratio}
    found = _worked_out(case, unit_ratio, personal_ratio)
    if found is None:
        return values
    base, parts = found
    return values | {
        "base": base,
        "unit_fen": parts.unit_fen,
        "personal_fen": parts.personal_fen,
        "monthly_fen": parts.total_fen,
    }


def first_month(case: Case) -> Month:
    """Not paid yet (R-BT-06), and not before what has been decided already."""
    unit, person = case.unit, case.person
    decided = unit.ratios[-1].from_month if unit.ratios else unit.next_month
    return max(unit.next_month, decided, person.from_month if person else unit.next_month)


def _worked_out(case: Case, unit_ratio: int, personal_ratio: int) -> tuple[int, Monthly] | None:
    """Base and parts: of the base (4.2), unless the monthly amount says otherwise (4.3)."""
    base, total_fen = case.row.get("base"), case.row.get("monthly_fen")
    if base is not None:
        parts = monthly(base, unit_ratio, personal_ratio, case.unit.rounding)
        if total_fen in (None, parts.total_fen):
            return base, parts
    if total_fen is None:
        return None
    parts = split(total_fen, unit_ratio, personal_ratio, case.unit.rounding)
    return base_of(total_fen, unit_ratio, personal_ratio), parts


def check(case: Case) -> Iterator[Problem]:
    typed = [key for key in TYPED if key in case.typed]
    if not typed and not case.unread.intersection(TYPED):
        yield problem("V01", "monthly_fen", label="月缴存额或缴存基数")
    yield from _check_amounts(case, typed)
    person = case.person
    if person is not None and typed:
        before = {"base": person.base_fen, "monthly_fen": person.monthly_fen}
        if all(case.row[key] == before[key] for key in typed):
            yield problem("J02", typed[-1])
    month = case.row.get("month")
    if month is not None:
        yield from _check_month(case, month)


def _check_amounts(case: Case, typed: list[str]) -> Iterator[Problem]:
    """A typed base by the limits of a base, a typed amount by what these come to (ruling 1)."""
    if not typed or "month" not in case.row:
        return
    ratios = case.unit.ratio(case.row["month"])
    base, total_fen = case.row.get("base"), case.row.get("monthly_fen")
    is_recorded = total_fen is not None and base == base_of(total_fen, *ratios)
    if "base" in typed and not ("monthly_fen" in typed and is_recorded):
        yield from _check_base(case, ratios)
    else:
        yield from _check_monthly(case, ratios)


def _check_base(case: Case, ratios: tuple[int, int]) -> Iterator[Problem]:
    unit, base, show = case.unit, case.row["base"], Money().show
    low_fen, high_fen = unit.base_low_fen, unit.base_high_fen
    if not low_fen <= base <= high_fen:
        yield problem("J03", "base", label="缴存基数", low=show(low_fen), high=show(high_fen))
    of_base_fen = monthly(base, *ratios, unit.rounding).total_fen
    if case.row.get("monthly_fen", of_base_fen) != of_base_fen:
        yield problem("J08", "monthly_fen", expected=show(of_base_fen))


def _check_monthly(case: Case, ratios: tuple[int, int]) -> Iterator[Problem]:
    unit, total_fen, show = case.unit, case.row["monthly_fen"], Money().show
    step = 1 if unit.rounding is Rounding.EACH_FEN else 100
    if total_fen % step:
        yield problem("J09", "monthly_fen", step=show(step))
    low_fen, high_fen = monthly_limits(unit, ratios)
    if not low_fen <= total_fen <= high_fen:
        yield problem(
            "J03", "monthly_fen", label="月缴存额", low=show(low_fen), high=show(high_fen)
        )


def _check_month(case: Case, month: Month) -> Iterator[Problem]:
    unit, person = case.unit, case.person
    if found := check_month(unit, month):
        yield found
    elif person is not None and month < person.from_month:
        yield problem("J07", "month", starts=person.from_month)
    if case.past is None:
        return
    year = unit.adjustment_year(month)
    done = [m for m in case.past.changes if unit.adjustment_year(m) == year]
    if len(done) >= unit.base_change_per_year:
        yield problem("J04", "month", year=year_words(unit, month), limit=unit.base_change_per_year)


BASE_CHANGE = Business(
    code="base_change",
    label="缴存基数变更",
    menu="归集业务",
    receipt="基数变更回单",
    std="10",
    rows=(
        *LISTED_PERSON,
        Field("base_before", "变更前基数", Money(), typed=False),
        Field("monthly_before", "变更前月缴存额", Money(), typed=False, summed=True),
        Field(
            "monthly_fen", "月缴存额", Money(), required=False, summed=True,
            note="填月缴存额或缴存基数，另一个由系统算出",
        ),
        Field(
            "base", "缴存基数", BASE.kind, std="GRJCJS", required=False, summed=True,
            note="填缴存基数或月缴存额，另一个由系统算出",
        ),
        Field("month", "生效年月", MonthKind(), width=90),
        *(field for field in AMOUNTS if field.key != "monthly_fen"),
        REMARK,
    ),
    takes=(Status.NORMAL,),
    leaves=Status.NORMAL,
    wrong_status="J01",
    person_key="account",
    row_rules=Rules(derive, check),
    blocked_by=ANY_PAYMENT,
)  # fmt: skip
