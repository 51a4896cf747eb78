"""单位缴存登记信息变更 (U21): today's values at the left, changes at the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from server.business.base import Business, Field, Rules
from server.business.contact_kinds import Email, PayDay, Postcode, SmsCode, Telephone
from server.business.facts import Case, Unit, UnitStatus
from server.business.kinds import Choice, Kind, Masked, PersonName, Phone, Text
from server.business.refusals import Problem, problem

# Of the statistical yearbook; whether money comes from a treasury; GB codes of the banks.
NATURES = {
    "01": "国家机关和事业单位", "02": "国有企业", "03": "城镇集体企业", "04": "外商投资企业",
    "05": "城镇私营及其他城镇企业", "06": "民办非企业和社会团体", "99": "其他",
}  # fmt: skip
FUND_SOURCES = {"0": "自筹", "1": "财政"}
BANKS = {
    "102": "工商银行", "103": "农业银行", "104": "中国银行", "105": "建设银行",
    "203": "农业发展银行", "301": "交通银行", "313": "城市商业银行", "314": "农村商业银行",
    "402": "农村信用社", "403": "邮政储蓄银行",
}  # fmt: skip


def _registered(key: str) -> Callable[[Case], Any]:
    return lambda case: case.unit.registration.get(key)


def _is_open(key: str) -> Callable[[Unit], bool]:
    """The parameter opens it, and there is somebody or something to change it of."""
    return lambda unit: key in unit.registered_online and key in unit.registration


def _item(key: str, label: str, kind: Kind, std: str = "", **more: Any) -> Field:
    """One value of the registration that the centre may open to operators."""
    return Field(
        key, label, kind, std, required=False, today=_registered(key), is_open=_is_open(key), **more
    )


def _shown(key: str, label: str, kind: Kind, std: str, today: Callable[[Case], Any]) -> Field:
    """What money or identity hangs on: the counter's, whatever the parameter says."""
    return Field(key, label, kind, std, typed=False, on_receipt=False, today=today)


# Kept in the unit's row of ``registration``, by these keys.
ITEMS = (
    _item("legal_person", "法定代表人", PersonName(), "DWFRDBXM"),
    _item("nature", "单位性质", Choice(NATURES), "DWJJLX"),
    _item("fund_source", "资金来源标志", Choice(FUND_SOURCES)),
    _item("trustee_bank", "受托银行", Choice(BANKS), "STYHDM"),
    _item("address", "单位地址", Text(100), "DWDZ", width=220),
    _item("postcode", "邮政编码", Postcode(), "DWYB"),
    _item("email", "电子信箱", Email(), "DWDZXX", width=180),
    _item("pay_day", "发薪日", PayDay(), "DWFXR"),
    _item("telephone", "单位联系电话", Telephone()),
)
# Kept with the operator who acts: everybody changes their own, and nobody another's.
AGENT_ITEMS = (
    _item("agent_telephone", "经办人固定电话", Telephone(), "JBRGDDHHM"),
    _item("agent_phone", "经办人手机号码", Phone(), "JBRSJHM"),
)
CODE = Field(
    "code", "短信验证码", SmsCode(), required=False, sent_to="agent_phone", on_receipt=False,
    note="变更手机号码时填写",
)  # fmt: skip
# What the centre opens unless it decides otherwise (domain 4.0).
ONLINE = (
    "address", "postcode", "email", "pay_day", "telephone", "agent_telephone", "agent_phone",
)  # fmt: skip
LABELS = {f.key: f.label for f in ITEMS + AGENT_ITEMS}


def check(case: Case) -> Iterator[Problem]:
    """At least one value is another than today's."""
    typed = [f for f in ITEMS + AGENT_ITEMS if f.key in case.head]
    same = [f for f in typed if f.today and f.today(case) == case.head[f.key]]
    if len(same) == len(typed) and not case.unread:
        yield problem("U01")


REGISTRATION = Business(
    code="registration",
    label="单位缴存登记信息变更",
    menu="归集业务",
    receipt="单位缴存登记信息变更回单",
    std="70",
    head=(
        _shown("name", "单位名称", Text(), "DWMC", lambda case: case.unit.name),
        _shown("uscc", "统一社会信用代码", Text(), "ZZJGDM", _registered("uscc")),
        _shown("signed_account", "缴存签约账户", Masked(), "", lambda c: c.unit.signed_account),
        *ITEMS,
        _shown("agent", "经办人", PersonName(), "JBRXM", _registered("agent")),
        *AGENT_ITEMS,
        CODE,
    ),
    head_rules=Rules(check=check),
    unit_statuses=(UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED),
    is_audited=True,
)
