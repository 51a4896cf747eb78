"""个人账户设立 (U16): opens an account for each person who has none."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import replace

from server.business.base import Business, Field, Rules
from server.business.facts import Case, Status, Values
from server.business.identity import age, birth_day, id_fault, sex
from server.business.kinds import (
    Account,
    BankCard,
    Choice,
    Day,
    DocumentNumber,
    MonthKind,
    PersonName,
    Phone,
    Text,
)
from server.business.month import Month
from server.business.parts import AMOUNTS, ANY_PAYMENT, BASE, amounts_of
from server.business.refusals import Problem, problem

RESIDENT_ID = "01"
RESIDENCE_PERMIT = "04"
DOCUMENTS = {"01": "身份证", "02": "军官证", "03": "护照", "04": "外国人永久居留证", "99": "其他"}
SEXES = {"1": "男", "2": "女"}
MARRIAGES = {"10": "未婚", "20": "已婚", "30": "丧偶", "40": "离婚", "90": "未说明"}
EDUCATIONS = {
    "10": "研究生", "20": "本科", "30": "专科", "40": "中职", "60": "普高", "70": "初中",
    "80": "小学", "90": "其他",
}  # fmt: skip
OCCUPATIONS = {
    "11": "国家公务员", "13": "专业技术人员", "17": "职员", "21": "企业管理人员", "24": "工人",
    "27": "农民", "37": "现役军人", "51": "自由职业", "54": "个体经营", "90": "其他",
}  # fmt: skip
AGE_MIN = 16
# The age rises by a month for every four months of birth after these, up to three years (from 2025
# on). Women who may retire at 50 are not told apart: only a hint hangs on it.
RETIREMENT = {"1": (60, Month.of(1965, 1)), "2": (55, Month.of(1970, 1))}
RETIREMENT_RISE_MAX = 36


def retires(born: datetime.date, sex_code: str) -> Month:
    """The month in which the statutory retirement age is reached."""
    years, rises_from = RETIREMENT.get(sex_code, RETIREMENT["1"])
    month = Month(born.year * 12 + born.month - 1)
    rise = (month - rises_from) // 4 + 1
    return month.plus(years * 12 + min(max(rise, 0), RETIREMENT_RISE_MAX))


def _has_check_digit(row: Values) -> bool:
    """Resident IDs, and residence permits of the 18-digit kind, which follow the same rule."""
    kind = row.get("id_type")
    return kind == RESIDENT_ID or (kind == RESIDENCE_PERMIT and len(row.get("id_number", "")) == 18)


def derive(case: Case) -> Values:
    """Sex and birth from the ID number; start month by default; amounts from the base."""
    row, unit = case.row, case.unit
    unit_ratio, personal_ratio = unit.ratio(row.get("month", unit.next_month))
    values: dict[str, object] = {
        "id_type": RESIDENT_ID,
        "month": unit.next_month,
        "unit_ratio": unit_ratio,
        "personal_ratio": personal_ratio,
    }
    number = row.get("id_number", "")
    if _has_check_digit({"id_type": RESIDENT_ID, **row}) and number and not id_fault(number):
        values |= {"sex": sex(number), "born": birth_day(number)}
    if "base" in row:
        values |= amounts_of(unit, row.get("month", unit.next_month), row["base"])
    return values


def check(case: Case) -> Iterator[Problem]:
    yield from _check_document(case)
    yield from _check_registered(case)
    yield from check_base(case, "K08")
    unit, month = case.unit, case.row.get("month")
    low = unit.next_month
    high = max(low, unit.month_now.plus(1))  # A unit that paid ahead can still open accounts.
    if month is not None and not low <= month <= high:
        yield problem("K09", "month", low=low, high=high)


def _check_document(case: Case) -> Iterator[Problem]:
    row, age_key = case.row, "born"
    if _has_check_digit(row):
        age_key, number = "id_number", row.get("id_number")
        if number is None:
            return
        if fault := id_fault(number):
            yield problem("K01", "id_number", why=fault)
            return
        if row.get("sex", sex(number)) != sex(number):
            yield problem("K02", "sex", label="性别", expected=SEXES[sex(number)])
        if row.get("born", birth_day(number)) != birth_day(number):
            yield problem("K02", "born", label="出生日期", expected=birth_day(number))
    elif "id_type" in row:
        yield from _require_typed(case, {"sex": "性别", "born": "出生日期"})
    yield from _check_age(case, age_key)


def _require_typed(case: Case, labels: Mapping[str, str]) -> Iterator[Problem]:
    """What no other document number tells must be typed."""
    for key, label in labels.items():
        if key not in case.row and key not in case.unread:
            yield problem("V01", key, label=label)


def _check_age(case: Case, key: str) -> Iterator[Problem]:
    unit, born = case.unit, case.row.get("born")
    if born is None:
        return
    if age(born, unit.business_day) < AGE_MIN:
        yield problem("K10A", key)
    elif unit.month_now >= retires(born, case.row.get("sex", "1")):
        yield problem("K10B", key)


def _check_registered(case: Case) -> Iterator[Problem]:
    """The person has an account already: which way leads on (K03–K06, ruling 11)."""
    person = case.person
    if person is None:
        return
    is_here = person.unit_id == case.unit.unit_id
    if person.status is Status.NORMAL:
        yield problem("K03A" if is_here else "K04B", "id_number")
    elif person.status is Status.SEALED and is_here:
        yield _carrying(problem("K03B", "id_number"), case, account=str(person.account))
    elif person.status is Status.SEALED:
        yield _carrying(problem("K04A", "id_number"), case, person=case.row["id_number"])
    else:
        yield problem("K05", "id_number")
    if case.row.get("name", person.name) != person.name:
        yield problem("K06", "name")


def _carrying(found: Problem, case: Case, **texts: str) -> Problem:
    """With what the business that solves it begins with: the person, and a base that is typed."""
    if "base" in case.row:
        texts["base"] = BASE.kind.show(case.row["base"])
    return replace(found, carries=texts)


def check_base(case: Case, code: str) -> Iterator[Problem]:
    """The base is within the limits in force."""
    unit, base = case.unit, case.row.get("base")
    if base is not None and not unit.base_low_fen <= base <= unit.base_high_fen:
        show = BASE.kind.show
        yield problem(code, "base", low=show(unit.base_low_fen), high=show(unit.base_high_fen))


ACCOUNT_OPENING = Business(
    code="account_opening",
    label="个人账户设立",
    menu="归集业务",
    receipt="单位下个人开户回单",
    std="03",
    rows=(
        Field("name", "姓名", PersonName(), std="XingMing", width=120),
        Field("id_type", "证件类型", Choice(DOCUMENTS), std="ZJLX", width=84, on_receipt=False),
        Field("id_number", "证件号码", DocumentNumber(), std="ZJHM", width=168),
        Field(
            "phone", "手机号码", Phone(), std="SJHM", width=110, on_receipt=False, taken_code="K07"
        ),
        Field("base", "缴存基数", BASE.kind, std="GRJCJS", summed=True),
        Field("month", "起缴年月", MonthKind(), width=90),
        *AMOUNTS,
        Field(
            "sex", "性别", Choice(SEXES), std="XingBie", required=False, width=60, on_receipt=False
        ),
        Field("born", "出生日期", Day(), std="CSNY", required=False, width=100, on_receipt=False),
        Field("work_day", "参加工作时间", Day(), required=False, on_receipt=False),
        Field(
            "marriage", "婚姻状况", Choice(MARRIAGES), std="HYZK", required=False, on_receipt=False
        ),
        Field(
            "education", "学历", Choice(EDUCATIONS), std="XueLi", required=False, on_receipt=False
        ),
        Field(
            "occupation", "职业", Choice(OCCUPATIONS), std="ZhiYe", required=False, on_receipt=False
        ),
        Field(
            "address",
            "家庭住址",
            Text(120),
            std="JTZZ",
            required=False,
            width=200,
            on_receipt=False,
        ),
        Field(
            "card",
            "个人银行卡",
            BankCard(),
            std="GRCKZHHM",
            required=False,
            width=160,
            on_receipt=False,
        ),
        Field("account", "个人账号", Account(), std="GRZH", typed=False, width=120),
    ),
    leaves=Status.NORMAL,
    person_key="id_number",
    row_rules=Rules(derive, check),
    blocked_by=ANY_PAYMENT,
)
