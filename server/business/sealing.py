"""个人封存 (U17): a person stops contributing from a month on; the account bears interest still."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, UnitStatus, Values
from server.business.kinds import Choice, MonthKind
from server.business.parts import AMOUNTS, ANY_PAYMENT, BASE, LISTED_PERSON, REMARK, check_ahead
from server.business.refusals import Problem, problem

SEAL_REASONS = {
    "01": "终止劳动关系", "02": "调出待转移", "03": "退休待销户", "04": "死亡",
    "05": "停薪留职或长假", "06": "服兵役", "07": "单位停缴", "08": "出国出境",
    "09": "重复开户待并户", "99": "其他",
}  # fmt: skip
CLOSING_REASONS = ("03", "04")  # The account waits to be closed, and is not started again (Q03).


def known(case: Case) -> dict[str, object]:
    """What is shown of the person once the account is chosen."""
    person = case.person
    if person is None or person.unit_id != case.unit.unit_id:
        return {}
    return {
        "name": person.name,
        "id_tail": person.id_tail,
        "unit_fen": person.unit_fen,
        "personal_fen": person.personal_fen,
        "monthly_fen": person.monthly_fen,
    }


def derive(case: Case) -> Values:
    shown = known(case)
    if shown and case.person:
        shown["base"] = case.person.base_fen
    # Who leaves before the first month was never due: the segment is empty.
    starts = case.person.from_month if shown and case.person else case.unit.next_month
    return {**shown, "month": max(case.unit.next_month, starts)}


def check(case: Case) -> Iterator[Problem]:
    month, paid, person = case.row.get("month"), case.unit.paid_through, case.person
    if month is None:
        return
    starts = case.unit.next_month if person is None else person.starts
    yield from check_ahead(case.unit, month, max(case.unit.next_month, starts), "封存年月")
    if month <= paid:
        yield problem("F02", "month", paid=paid)
    elif person is not None and month < person.starts:
        # An earlier segment may reach up to there, and would be paid as if nobody had left.
        yield problem("F04", "month", starts=person.starts)


SEALING = Business(
    code="sealing",
    label="个人封存",
    menu="归集业务",
    receipt="个人封存回单",
    std="05",
    rows=(
        *LISTED_PERSON,
        Field("reason", "封存原因", Choice(SEAL_REASONS), choices_from="seal_reasons", width=130),
        Field("month", "封存年月", MonthKind(), width=90),
        REMARK,
        Field("base", "缴存基数", BASE.kind, typed=False),
        *AMOUNTS[2:],
    ),
    takes=(Status.NORMAL,),
    leaves=Status.SEALED,
    wrong_status="F01",
    person_key="account",
    row_rules=Rules(derive, check),
    unit_statuses=(UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED),
    blocked_by=ANY_PAYMENT,
)
