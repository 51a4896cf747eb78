"""个人转移 (U20): a sealed person of another unit goes on contributing here, with all they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from server.business.account_opening import check_base
from server.business.base import Business, Field, Rules
from server.business.chart import Gl
from server.business.counter_kinds import UnitAccount
from server.business.facts import Case, Person, Status, UnitStatus, Values
from server.business.kinds import (
    Account,
    DocumentNumber,
    Invalid,
    Masked,
    Money,
    MonthKind,
    Serial,
    Text,
    half_width,
)
from server.business.month import Month
from server.business.parts import (
    AMOUNTS,
    ANY_PAYMENT,
    BASE,
    LISTED_PERSON,
    PERSON,
    amounts_of,
    check_ahead,
    first_month_again,
)
from server.business.refusals import Problem, problem

LENGTH_MIN = 6  # of whatever document
ACCOUNT = re.compile(r"[1-9][0-9]{11}")


@dataclass(frozen=True)
class WholeNumber(DocumentNumber):
    """An account number or an ID number, never a part of one."""

    editor: ClassVar[str] = "candidate"

    def parse(self, text: str) -> str:
        value = half_width(text).replace(" ", "")
        number = value if is_account(value) else super().parse(text)
        if len(number) < LENGTH_MIN:
            raise Invalid("Z08")
        return number

    def mask(self, value: str) -> str:
        return value if is_account(value) else super().mask(value)


def is_account(value: str) -> bool:
    """Whether a whole number is a person account's; no ID number has twelve digits."""
    return ACCOUNT.fullmatch(value) is not None


def derive(case: Case) -> Values:
    """Amounts by this unit's ratios; of the person what the transfer must show."""
    person, unit, month = case.person, case.unit, first_month_again(case)
    values: dict[str, object] = {"month": month}
    if person is not None:
        values |= {"account": person.account, "name": person.name, "id_tail": person.id_tail}
    if "base" not in case.row:
        return values
    return values | amounts_of(unit, case.row.get("month", month), case.row["base"])


def check(case: Case) -> Iterator[Problem]:
    yield from check_base(case, "K08")
    month, person = case.row.get("month"), case.person
    low = first_month_again(case)
    if month is not None and month < low:
        yield problem("Z03", "month", low=low)
    elif month is not None:
        yield from check_ahead(case.unit, month, low, "起缴年月")
    if case.is_server and person is not None:
        yield from _check_leaving(case, person, low if month is None else month)


def _check_leaving(case: Case, person: Person, month: Month) -> Iterator[Problem]:
    """What holds the person in the other unit; only the server knows it."""
    if person.status is Status.NORMAL and case.unit.transfer_requires_sealed:
        yield problem("Z02B", TRANSFER.person_key)
    if person.is_frozen:
        yield problem("Z04", TRANSFER.person_key)
    owed = person.owed_month
    if owed is not None and owed < (person.until_month or month):
        yield problem("Z06", TRANSFER.person_key)


def check_head(case: Case) -> Iterator[Problem]:
    """Whether persons may be taken from the unit named."""
    from_unit, other = case.head.get(TRANSFER.takes_from), case.other
    if from_unit is None:
        return
    if from_unit == case.unit.unit_id:
        yield problem("Z01B", TRANSFER.takes_from)
    elif case.is_server and not (other and other.is_open):
        yield problem("Z01A", TRANSFER.takes_from)
    elif case.is_server and other and other.is_paying:
        yield problem("Z05", TRANSFER.takes_from)


MOVED = (
    Field("amount", "转移金额", Money(), typed=False, summed=True, on_screen=False),
    Field("through", "缴至年月", MonthKind(), typed=False, on_screen=False, width=90),
)
TRANSFER = Business(
    code="transfer",
    label="个人转移",
    menu="归集业务",
    receipt="个人转移回单",
    std="06",
    head=(
        Field("from_unit", "转出单位账号", UnitAccount(), std="DWZH"),
        Field("from_name", "转出单位名称", Text(60), typed=False, on_screen=False),
    ),
    rows=(
        Field(
            "person", "个人账号或证件号码", WholeNumber(), on_receipt=False, width=190,
            note="请输入完整的个人账号或完整的证件号码",
        ),
        Field("account", "个人账号", Account(), std="GRZH", typed=False, width=120),
        LISTED_PERSON[1],
        PERSON[2],  # The ID number is how the person is found.
        Field("month", "起缴年月", MonthKind(), width=90),
        Field("base", "缴存基数", BASE.kind, std="GRJCJS", summed=True),
        *AMOUNTS,
        *MOVED,
    ),
    takes=(Status.NORMAL, Status.SEALED),
    takes_from="from_unit",
    brought_from=Gl.CLEARING,
    person_key="person",
    head_rules=Rules(check=check_head),
    row_rules=Rules(derive, check),
    blocked_by=ANY_PAYMENT,
)  # fmt: skip
# The other half: what the unit that the person leaves has in its own books.
TRANSFER_OUT = Business(
    code="transfer_out",
    label="个人转出",
    menu="",
    receipt="个人转出回单",
    std="06",
    head=(
        Field("to_unit", "转入单位账号", UnitAccount()),
        Field("to_name", "转入单位名称", Text(60)),
        Field("taken_by", "转入业务流水号", Serial()),
    ),
    rows=(
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("id_tail", "证件号码", Masked(), width=150),
        *MOVED,
    ),
    unit_statuses=tuple(s for s in UnitStatus if s is not UnitStatus.CLOSED),
    brought_from=Gl.CLEARING,
)
