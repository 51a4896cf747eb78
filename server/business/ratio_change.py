"""单位比例变更 (U22): from a month on, everybody contributes at other ratios on the same base."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Rules
from server.business.facts import Case, Values
from server.business.kinds import Choice, Kind, Money, MonthKind, Ratio, Whole
from server.business.parts import ANY_PAYMENT, REMARK, check_month, year_words
from server.business.refusals import Problem, problem, problem_at

RATIO_REASONS = {
    "01": "执行新的缴存政策",
    "02": "单位提高职工待遇",
    "03": "职工代表大会决议",
    "04": "主管部门批准",
    "99": "其他",
}
RATIOS = {"unit_ratio": "单位比例", "personal_ratio": "个人比例"}


def derive(case: Case) -> Values:
    """The personal ratio follows the unit's; what it all comes to is the preview's to say."""
    unit, new = case.unit, case.head.get("unit_ratio")
    decided = unit.ratios[-1].from_month if unit.ratios else unit.next_month
    values: dict[str, object] = {"month": max(unit.next_month, decided)}
    return values if new is None else values | {"personal_ratio": new}


def check(case: Case) -> Iterator[Problem]:
    unit, head = case.unit, case.head
    today = {key: getattr(unit, key) for key in RATIOS}
    typed = {key: head[key] for key in RATIOS if key in head}
    for key, ratio in typed.items():
        yield from _check_ratio(case, key, ratio, today[key])
    if typed == today:
        yield problem("J13", "unit_ratio")
    if head.get("outside"):
        yield problem("J15", "unit_ratio", count=head["outside"])
    month = head.get("month")
    if month is None:
        return
    if found := check_month(unit, month):
        yield found
    year = unit.adjustment_year(month)
    if any(it.is_change and unit.adjustment_year(it.from_month) == year for it in unit.ratios):
        yield problem("J14", "month", year=year_words(unit, month))


def _check_ratio(case: Case, key: str, ratio: int, today: int) -> Iterator[Problem]:
    unit, show = case.unit, Ratio().show
    if not unit.ratio_min <= ratio <= unit.ratio_max or ratio % unit.ratio_step:
        bounds = {"low": unit.ratio_min, "high": unit.ratio_max, "step": unit.ratio_step}
        shown = {name: show(value) for name, value in bounds.items()}
        yield problem_at("J11", key, None, {"label": RATIOS[key], **shown})
    elif ratio < today and not unit.ratio_down_online:
        yield problem("J12", key, label=RATIOS[key], today=show(today))


def _total(key: str, label: str, kind: Kind, column: str, on_receipt: bool = True) -> Field:
    """What the preview comes to; on screen the preview itself stands."""
    return Field(
        key, label, kind, typed=False, sum_of=column, on_screen=False, on_receipt=on_receipt
    )


EFFECT = (
    _total("persons", "涉及人数", Whole(), "persons"),
    _total("monthly_before", "变更前月缴存额合计", Money(), "before_fen"),
    _total("monthly_after", "变更后月缴存额合计", Money(), "after_fen"),
    _total("outside", "超出上下限人数", Whole(), "outside", on_receipt=False),
)
RATIO_CHANGE = Business(
    code="ratio_change",
    label="单位比例变更",
    menu="归集业务",
    receipt="单位比例变更回单",
    std="75",
    head=(
        Field(
            "unit_ratio", "单位比例", Ratio(), std="DWJCBL",
            today=lambda case: case.unit.unit_ratio,
        ),
        Field(
            "personal_ratio", "个人比例", Ratio(), std="GRJCBL", required=False,
            today=lambda case: case.unit.personal_ratio, note="不填则与单位比例相同",
        ),
        Field("month", "生效年月", MonthKind()),
        Field("reason", "变更原因", Choice(RATIO_REASONS)),
        REMARK,
        *EFFECT,
    ),
    head_rules=Rules(derive, check),
    blocked_by=ANY_PAYMENT,
    preview="ratio_effect",
    listed="ratio_change_persons",
)  # fmt: skip
