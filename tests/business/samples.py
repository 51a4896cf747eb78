"""A unit, its people, and for each business a batch that passes: tests change one thing each."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from server.business.base import Business, Field
from server.business.businesses import BUSINESSES
from server.business.check import Checked
from server.business.facts import (
    Case,
    Due,
    OtherUnit,
    Past,
    PastMonth,
    Person,
    Status,
    Unit,
    UnitStatus,
    Values,
)
from server.business.kinds import Choice
from server.business.month import Month
from server.business.registration import ONLINE

UNIT = Unit(
    unit_id=532301000018,
    name="楚雄彝族自治州某单位",
    status=UnitStatus.NORMAL,
    business_day=datetime.date(2026, 7, 15),
    paid_through=Month.of(2026, 6),
    unit_ratio=1200,
    personal_ratio=1200,
    base_low_fen=2020_00,
    base_high_fen=26023_00,
    prepayment_fen=5000_00,
    signed_account="****1234",
    registration={
        "uscc": "91532300MA6NTEQT85",
        "legal_person": "王建国",
        "nature": "05",
        "fund_source": "0",
        "trustee_bank": "105",
        "address": "彝人古镇 1 号",
        "postcode": "",
        "email": "",
        "pay_day": "10",
        "telephone": "",
        "agent": "李经办",
        "agent_phone": "13987800001",
        "agent_telephone": "",
    },
    registered_online=frozenset(ONLINE),
    ratio_down_online=True,  # At 12 % there is no other way.
)
OTHER_UNIT = 532301000026
ID_MALE = "532301199003070012"
ID_FEMALE = "532301198512310024"


def unit(**changes: Any) -> Unit:
    return replace(UNIT, **changes)


def person(account: int = 532300000001, **changes: Any) -> Person:
    """A person who contributes, unless told otherwise."""
    normal = Person(
        account=account,
        unit_id=UNIT.unit_id,
        name="张伟",
        status=Status.NORMAL,
        base_fen=8765_43,
        unit_fen=1052_00,
        personal_fen=1052_00,
        from_month=Month.of(2024, 3),
        paid_through=Month.of(2026, 6),
        id_tail="5323**********0012",
        phone="13887800001",
    )
    return replace(normal, **changes)


NORMAL = person()
SEALED = person(
    532300000002,
    name="李秀英",
    status=Status.SEALED,
    until_month=Month.of(2026, 5),
    paid_through=Month.of(2026, 4),
)
WITHDRAWN = person(532300000003, status=Status.WITHDRAWN)
ELSEWHERE = person(532300000004, unit_id=OTHER_UNIT, name="王芳")
RICH = person(532300000005, name="赵敏", balance_fen=2104_00)
PERSONS: Mapping[Any, Person] = {p.account: p for p in (NORMAL, SEALED, WITHDRAWN, ELSEWHERE, RICH)}
# Of another unit, sealed there, and paid as long as they were there.
GIVER = OtherUnit(532301000035, "转出单位", is_open=True, is_paying=False)
LEAVING = replace(
    SEALED, account=532300000006, unit_id=GIVER.unit_id, name="刘洋", until_month=Month.of(2026, 7),
    paid_through=Month.of(2026, 6),
)  # fmt: skip
GIVEN: Mapping[Any, Person] = {str(LEAVING.account): LEAVING, "532322200002290037": LEAVING}
REGISTERED: Mapping[Any, Person] = {
    ID_FEMALE: replace(ELSEWHERE, status=Status.SEALED),
    "53233119780615004X": NORMAL,
}


def made_of(fields: Iterable[Field], business: Business, given: Values) -> dict[str, str]:
    """What a description asks for and does not give itself: a person whom it takes, the first
    choice, the sample of the kind."""
    taken = next((p for p in PERSONS.values() if p.status in business.takes), None)
    texts = {}
    for spec in fields:
        if not (spec.typed and spec.required) or spec.key in given:
            continue
        if spec.key == business.person_key and taken:
            texts[spec.key] = str(taken.account)
        elif isinstance(spec.kind, Choice):
            texts[spec.key] = next(iter(spec.kind.options.values()))
        else:
            texts[spec.key] = spec.kind.sample
    return texts


# Where what is made of the fields would not pass.
HEADS: Mapping[str, Mapping[str, str]] = {
    b.code: made_of(b.head, b, b.head_rules.derive(Case(UNIT, {}))) for b in BUSINESSES
} | {
    "transfer": {"from_unit": str(GIVER.unit_id)},
    "ratio_change": {"unit_ratio": "10%", "reason": "执行新的缴存政策"},
    "registration": {"address": "永安路 8 号", "pay_day": "15", "agent_phone": "13987812345"},
    "prepayment": {"amount": "1,234.50", "remark": "7月"},
    "remittance": {"until": "2026-07", "method": "实时结算"},
    "back_payment": {"kind": "正常全额补缴", "method": "实时结算"},
    "deposit_proof": {"from_month": "2026-01", "until": "2026-06", "purpose": "投标"},
    "cheque": {
        "cheque_no": "30108821",
        "drawer": "楚雄州财政局",
        "received_day": "2026-07-14",
        "amount": "6400",
    },
    "claim": {"bank_serial": "SB1", "received_day": "2026-07-14", "amount": "6400"},
    "correction": {"reason": "离职当月多缴"},
}
ROWS: Mapping[str, Mapping[str, str]] = {
    b.code: made_of(b.rows, b, b.row_rules.derive(Case(UNIT, {}))) for b in BUSINESSES if b.rows
} | {
    "account_opening": {
        "name": "张伟",
        "id_number": ID_MALE,
        "phone": "13987812345",
        "base": "8765.43",
    },
    "base_change": {"account": str(NORMAL.account), "monthly_fen": "1490"},
    "transfer": {"person": str(LEAVING.account), "base": "6000"},
    "back_payment": {
        "account": str(NORMAL.account),
        "monthly": "500",
        "start": "2026-05",
        "end": "2026-06",
    },
    "correction": {"account": str(RICH.account), "month": "2026-06", "amount": "100"},
}
# What the server alone knows of: the months that each account was credited.
PAST: Mapping[int, Past] = {
    NORMAL.account: Past({}),
    RICH.account: Past({Month.of(2026, 6): PastMonth(2104_00, unit_fen=1052_00)}),
}
DUE: Mapping[Month, Due] = {Month.of(2026, 7): Due(2, 3200_00)}


def known_to(business: Business) -> Mapping[Any, Person]:
    if business.takes_from:
        return GIVEN
    return PERSONS if business.person_key == "account" else REGISTERED


def other_of(business: Business) -> OtherUnit | None:
    return GIVER if business.takes_from else None


def rows_of(business: Business, *changes: Mapping[str, str]) -> list[dict[str, str]]:
    """Passing rows with changes; a form has none."""
    if not business.is_batch:
        return []
    return [{**ROWS[business.code], **change} for change in changes or ({},)]


def cells(checked: Checked) -> list[tuple[int | None, str, str]]:
    return [(p.row, p.key, p.code) for p in checked.problems]


def id_number(body: str) -> str:
    """A resident ID number from its first 17 digits, by ISO 7064 MOD 11-2, not by weights."""
    rest = 0
    for digit in body:
        rest = (rest + int(digit)) * 2 % 11
    return body + "0123456789X"[(12 - rest) % 11]


def id_born(day: datetime.date, order: str = "001") -> str:
    return id_number(f"532301{day:%Y%m%d}{order}")


def accounts(people: Iterable[Person]) -> st.SearchStrategy[str]:
    return st.sampled_from([str(p.account) for p in people])


def matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True)


# Any text at all, and text close to what a cell should hold, where faults hide.
ANY_TEXT = st.text() | st.text(st.characters(exclude_categories=()), max_size=8)
NEAR_TEXT = (
    st.text("0123456789.,-/+_%eE:T ¥元年月日份 ０１９．，·.'\u200b\u3000Xx张阿", max_size=20)
    | matching(r"[0-9]{4}[-/.年][0-9]{1,2}([-/.月][0-9]{1,2}日?)?( 0?0:00(:00)?)?")
    | matching(r"[0-9]{3,8}(\.0)?")
    | matching(r"[-+]?[0-9]{1,3}(,?[0-9]{3}){0,6}(\.[0-9]{0,4})?([eE][-+]?[0-9]+)?")
    | matching(r"[0-9]{17}[0-9Xx]")
    | st.builds(id_number, matching(r"[0-9]{17}"))
    | st.sampled_from(["\u200b", "\ufeff", "\x00", "NaN", "Infinity", "sNaN", "1e999999", "·", "."])
)
TEXT = ANY_TEXT | NEAR_TEXT
