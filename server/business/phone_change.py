"""预留手机号变更 (U27): the phone that a person is reached by, proved by a code sent to it."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Rules
from server.business.contact_kinds import SmsCode
from server.business.facts import Case, Status, UnitStatus, Values
from server.business.kinds import Phone
from server.business.parts import PERSON
from server.business.refusals import Problem, problem


def derive(case: Case) -> Values:
    person = case.person
    return {"name": person.name, "id_tail": person.id_tail} if person else {}


def check(case: Case) -> Iterator[Problem]:
    """On the client today's phone is masked, and another one to it: the server knows."""
    if case.person and case.head.get("phone") == case.person.phone:
        yield problem("U03", "phone")


PHONE_CHANGE = Business(
    code="phone_change",
    label="预留手机号变更",
    menu="归集业务",
    receipt="预留手机号变更回单",
    std="70",
    head=(
        *PERSON,
        Field(
            "phone", "新手机号码", Phone(), std="SJHM", taken_code="K07",
            today=lambda case: case.person.phone if case.person else None,
        ),
        Field("code", "短信验证码", SmsCode(), required=False, sent_to="phone",
              on_receipt=False, note="发到新手机号码"),
    ),
    takes=(Status.NORMAL, Status.SEALED),
    person_key="account",
    head_rules=Rules(derive, check),
    unit_statuses=(UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED),
    daily_limit="phone_changes_per_day",
    is_audited=True,
)  # fmt: skip
