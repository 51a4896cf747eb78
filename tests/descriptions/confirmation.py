"""缴存信息核对 (U90): the unit confirms its people's monthly amounts, or says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, Values
from server.business.kinds import Choice, Money, MonthKind, PersonName
from server.business.parts import AMOUNTS, ANY_PAYMENT, PERSON, REMARK
from server.business.refusals import Problem, problem
from server.business.sealing import known

RESULTS = {"1": "相符", "2": "不符"}


def derive_head(case: Case) -> Values:
    return {"month": case.unit.paid_through}


def check_head(case: Case) -> Iterator[Problem]:
    month, paid = case.head.get("month"), case.unit.paid_through
    if month is not None and month > paid:
        yield problem("V05", "month", label="核对年月", found=month, choices=f"{paid} 及以前")


def check(case: Case) -> Iterator[Problem]:
    """What differs has to be told."""
    if case.row.get("result") == "2" and not case.row.get("remark"):
        yield problem("V01", "remark", label="备注")


CONFIRMATION = Business(
    code="confirmation",
    label="缴存信息核对",
    menu="归集业务",
    receipt="缴存信息核对回单",
    std="90",
    head=(
        Field("month", "核对年月", MonthKind()),
        Field("checker", "核对人", PersonName()),
        Field("total", "月缴存额合计", Money(), typed=False, sum_of="monthly_fen"),
    ),
    rows=(
        *PERSON,
        *AMOUNTS[2:],
        Field("result", "核对结果", Choice(RESULTS)),
        REMARK,
    ),
    takes=(Status.NORMAL, Status.SEALED),
    person_key="account",
    head_rules=Rules(derive_head, check_head),
    row_rules=Rules(known, check),
    blocked_by=ANY_PAYMENT,
)
