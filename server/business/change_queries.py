"""How bases and ratios were changed (U11, U12), and what a change of the ratios would come to."""

from __future__ import annotations

from server.business.base import Field
from server.business.base_change import BASE_CHANGE
from server.business.kinds import Account, Choice, Day, Money, MonthKind, Ratio, Serial, Text, Whole
from server.business.query import (
    NAMED,
    PERSON_FILTERS,
    RECEIPT_NO,
    Filter,
    Query,
    Term,
    date_filters,
)
from server.business.ratio_change import RATIO_CHANGE, RATIO_REASONS

# Who acted, at which day, with which receipt.
DEED = """
    left join txn t on t.unit_id = c.unit_id and t.txn_id = c.txn_id
    left join operator o on o.unit_id = t.unit_id and o.operator_id = t.operator_id
    left join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id"""
SERIAL = Field("serial", "业务流水号", Serial(), width=170)
RECEIPT = Field("receipt_no", "回单号", Text(), width=110)
OPERATOR = Field("operator", "经办人", Text(), width=90)
DAY = Field("biz_day", "日期", Day(), width=100)
FROM_MONTH = Field("month", "生效年月", MonthKind(), width=90)

RATIO_CHANGES = Query(
    code="ratio_changes",
    label="单位比例调整查询",
    menu="公积金查询",
    filters=date_filters("biz_day", "日期"),
    columns=(
        DAY,
        FROM_MONTH,
        Field("unit_before", "变更前单位比例", Ratio()),
        Field("unit_ratio", "变更后单位比例", Ratio()),
        Field("personal_before", "变更前个人比例", Ratio()),
        Field("personal_ratio", "变更后个人比例", Ratio()),
        Field("reason", "变更原因", Choice(RATIO_REASONS), width=130),
        Field("remark", "备注", Text(), width=130),
        OPERATOR,
        SERIAL,
        RECEIPT,
    ),
    source=f"""
        select c.txn_id as serial, t.biz_day, c.from_month as month, c.unit_before, c.unit_ratio,
               c.personal_before, c.personal_ratio, c.reason, c.remark, o.name as operator,
               {RECEIPT_NO}
        from unit_ratio c {DEED}
        where c.unit_id = %(unit_id)s and c.txn_id is not null""",
    order="serial",
    newest_first=True,
    drill="ratio_change_persons",
)

CHANGED = f"""
    select c.txn_id as serial, c.acct_id as account, t.biz_day, a.name, a.name_order, c.month,
           c.base_before_fen, c.base_fen,
           c.unit_before_fen + c.personal_before_fen as monthly_before,
           c.unit_fen, c.personal_fen, c.unit_fen + c.personal_fen as monthly_fen, c.remark,
           o.name as operator, {RECEIPT_NO}
    from event c {DEED}
    left join {NAMED} a on a.unit_id = c.unit_id and a.acct_id = c.acct_id
    where c.unit_id = %(unit_id)s"""
BEFORE_AFTER = (
    Field("monthly_before", "变更前月缴存额", Money(), summed=True),
    Field("unit_fen", "单位月缴存额", Money(), summed=True),
    Field("personal_fen", "个人月缴存额", Money(), summed=True),
    Field("monthly_fen", "变更后月缴存额", Money(), summed=True),
)
ACCOUNT = Field("account", "个人账号", Account(), width=120)
NAME = Field("name", "姓名", Text(), width=120)

RATIO_CHANGE_PERSONS = Query(
    code="ratio_change_persons",
    label="比例变更人员",
    menu="",
    filters=(Filter(Field("parent", "业务流水号", Serial()), "serial = %(parent)s"),),
    columns=(ACCOUNT, NAME, Field("base_fen", "缴存基数", Money()), *BEFORE_AFTER),
    source=f"{CHANGED} and c.txn_id = %(parent)s and c.std = '{RATIO_CHANGE.std}'",
    order="account",
)

BASE_CHANGES = Query(
    code="base_changes",
    label="单位基数调整查询",
    menu="公积金查询",
    filters=(
        *date_filters("biz_day", "日期"),
        *PERSON_FILTERS,
    ),
    columns=(
        DAY,
        ACCOUNT,
        NAME,
        FROM_MONTH,
        Field("base_before_fen", "变更前基数", Money()),
        Field("base_fen", "变更后基数", Money()),
        *BEFORE_AFTER,
        Field("remark", "备注", Text(), width=130),
        OPERATOR,
        SERIAL,
        RECEIPT,
    ),
    source=f"{CHANGED} and c.std = '{BASE_CHANGE.std}'",
    order="serial, account",
    newest_first=True,
    unsorted=frozenset({"receipt_no"}),
    found_by_key=True,
    sorted_as={"name": "name_order"},
)

# Everybody who contributes, as they are and at the ratios asked about (ruling 5).
AT_RATIOS = """
    select a.acct_id as account, a.name, a.base_fen, a.unit_fen + a.personal_fen as before_fen,
           n.unit_fen, n.personal_fen, n.unit_fen + n.personal_fen as after_fen,
           (n.unit_fen + n.personal_fen not between l.unit_fen + l.personal_fen
                                                and h.unit_fen + h.personal_fen) as is_outside
    from account a
    cross join lateral monthly_parts(
        a.base_fen, %(unit_ratio)s, %(personal_ratio)s, %(rounding)s) n
    cross join monthly_parts(%(base_low_fen)s, %(unit_ratio)s, %(personal_ratio)s, %(rounding)s) l
    cross join monthly_parts(%(base_high_fen)s, %(unit_ratio)s, %(personal_ratio)s, %(rounding)s) h
    where a.unit_id = %(unit_id)s and a.status = '01'"""
OUTSIDE = {"0": "在上下限内", "1": "超出上下限"}
ASKED = (
    Filter(Field("unit_ratio", "单位比例", Ratio())),
    Filter(Field("personal_ratio", "个人比例", Ratio())),
)
FACTS = ("rounding", "base_low_fen", "base_high_fen")

RATIO_EFFECT = Query(
    code="ratio_effect",
    label="比例变更试算",
    menu="",
    filters=(Filter(Field("month", "生效年月", MonthKind())), *ASKED),
    columns=(
        FROM_MONTH,
        Field("before_fen", "变更前月缴存额", Money(), summed=True),
        Field("changed_fen", "增减", Money(), summed=True),
        Field("after_fen", "变更后月缴存额", Money(), summed=True),
        Field("outside_fen", "超出上下限", Money(), summed=True),
        Field("persons", "人数", Whole(), summed=True),
        Field("outside", "超出上下限人数", Whole(), summed=True),
    ),
    source=f"""
        select %(month)s::int as month, coalesce(sum(before_fen), 0)::bigint as before_fen,
               coalesce(sum(after_fen - before_fen), 0)::bigint as changed_fen,
               coalesce(sum(after_fen), 0)::bigint as after_fen,
               coalesce(sum(after_fen) filter (where is_outside), 0)::bigint as outside_fen,
               count(*) as persons, count(*) filter (where is_outside) as outside
        from ({AT_RATIOS}) p""",
    order="month",
    drill="ratio_effect_persons",
    facts=FACTS,
    equation=(
        Term("", "before_fen"),
        Term("±", "changed_fen"),
        Term("=", "after_fen", "persons"),
        Term("其中", "outside_fen", "outside", {"outside": "1"}),
    ),
)

RATIO_EFFECT_PERSONS = Query(
    code="ratio_effect_persons",
    label="比例变更试算人员",
    menu="",
    filters=(
        Filter(Field("parent", "生效年月", MonthKind())),
        *ASKED,
        Filter(
            Field("outside", "上下限", Choice(OUTSIDE), required=False), "outside = %(outside)s"
        ),
    ),
    columns=(
        FROM_MONTH,
        ACCOUNT,
        NAME,
        Field("base_fen", "缴存基数", Money()),
        Field("before_fen", "变更前月缴存额", Money(), summed=True),
        Field("unit_fen", "单位月缴存额", Money(), summed=True),
        Field("personal_fen", "个人月缴存额", Money(), summed=True),
        Field("after_fen", "变更后月缴存额", Money(), summed=True),
        Field("outside", "上下限", Choice(OUTSIDE), width=110),
    ),
    source=f"""
        select %(parent)s::int as month, p.*, is_outside::int::text as outside
        from ({AT_RATIOS}) p""",
    order="account",
    facts=FACTS,
)

CHANGE_QUERIES = (
    RATIO_CHANGES, BASE_CHANGES, RATIO_CHANGE_PERSONS, RATIO_EFFECT, RATIO_EFFECT_PERSONS,
)  # fmt: skip
