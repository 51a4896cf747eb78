"""The unit's own record (U8), and its deposit registration with every change of it (U14)."""

from __future__ import annotations

from server.business.base import Field
from server.business.facts import UNIT_STATUSES
from server.business.kinds import Choice, Day, Masked, Money, MonthKind, Ratio, Serial, Text, Whole
from server.business.query import Filter, Query, date_filters
from server.business.registration import ITEMS, LABELS

# A code's words by item: a change is told in words, its history is kept in codes.
WORDS = ", ".join(
    f"('{field.key}', '{code}', '{label}')"
    for field in ITEMS
    if isinstance(field.kind, Choice)
    for code, label in field.kind.options.items()
)
MOBILE = r"'^(1\d{2})\d{4}(\d{4})$', '\1****\2'"
OPERATORS = """
    (select string_agg(o.name || '　' || {what}, '；' order by o.operator_id) from operator o
     where o.unit_id = u.unit_id and o.state = 'active')"""
REGISTERED_COLUMNS = (
    Field("unit", "单位账号", Text()),
    Field("name", "单位名称", Text()),
    Field("uscc", "统一社会信用代码", Text()),
    *ITEMS,
    Field("opened_day", "开户日期", Day()),
    Field("operators", "经办人及手机号码", Masked()),
    Field("operator_telephones", "经办人固定电话", Text()),
)
REGISTERED = f"""
    u.unit_id::text as unit, u.name, u.uscc, u.opened_day,
    {
    ", ".join(
        f"nullif(regexp_replace(r.{f.key}, {MOBILE}), '') as {f.key}"
        if f.key == "telephone"
        else f"nullif(r.{f.key}, '') as {f.key}"
        for f in ITEMS
    )
},
    {OPERATORS.format(what="left(o.phone, 3) || '****' || right(o.phone, 4)")} as operators,
    {OPERATORS.format(what=f"nullif(regexp_replace(o.telephone, {MOBILE}), '')")}
        as operator_telephones
"""

UNIT_RECORD = Query(
    code="unit_record",
    label="单位基本信息查询",
    menu="公积金查询",
    filters=(),
    columns=(
        *REGISTERED_COLUMNS[:3],
        Field("status", "单位账户状态", Choice(UNIT_STATUSES)),
        Field("opened_day", "开户日期", Day()),
        Field("county", "行政区划", Text()),
        Field("unit_ratio", "单位缴存比例", Ratio()),
        Field("personal_ratio", "个人缴存比例", Ratio()),
        Field("paid_through", "缴至年月", MonthKind()),
        Field("persons", "正常缴存人数", Whole()),
        Field("sealed", "封存人数", Whole()),
        Field("monthly", "月缴存额合计", Money()),
        Field("members_fen", "个人账户余额合计", Money()),
        Field("prepayment_fen", "单位预缴户余额", Money()),
        Field("reserved_fen", "其中扣款中占用", Money()),
        Field("signed_account", "缴存签约账户", Masked()),
        *ITEMS,
        *REGISTERED_COLUMNS[-2:],
    ),
    source=f"""
        select u.unit_id as record, {REGISTERED}, u.status, u.county, u.unit_ratio,
               u.personal_ratio, u.paid_through, u.members_fen, u.prepayment_fen, u.reserved_fen,
               p.persons, p.sealed, p.monthly,
               (select bank_name || ' ****' || right(account_no, 4) from bank_account b
                where b.unit_id = u.unit_id and is_default and cancelled_day is null)
                   as signed_account
        from unit u
        left join registration r on r.unit_id = u.unit_id
        cross join lateral (
            select count(*) filter (where status = '01') as persons,
                   count(*) filter (where status = '02') as sealed,
                   coalesce(sum(unit_fen + personal_fen) filter (where status = '01'), 0)::bigint
                       as monthly
            from account a where a.unit_id = u.unit_id) p
        where u.unit_id = %(unit_id)s""",
    order="record",
    as_record=True,
)

REGISTRATION_RECORD = Query(
    code="registration_record",
    label="单位缴存登记",
    menu="",
    filters=(),
    columns=REGISTERED_COLUMNS,
    source=f"""
        select u.unit_id as record, {REGISTERED}
        from unit u left join registration r on r.unit_id = u.unit_id
        where u.unit_id = %(unit_id)s""",
    order="record",
    as_record=True,
)


def _shown(column: str) -> str:
    """A kept value as words, phones masked."""
    return f"""coalesce(
        (select label from (values {WORDS}) w(item, code, label)
         where w.item = c.item and w.code = c.{column}),
        case when c.item = 'pay_day' and c.{column} <> '' then '每月' || c.{column} || '日'
             when c.{column} <> '' then regexp_replace(c.{column}, {MOBILE}) end)"""


REGISTRATION_CHANGES = Query(
    code="registration_changes",
    label="单位缴存登记查询",
    menu="公积金查询",
    filters=(
        *date_filters("biz_day", "变更日期"),
        Filter(Field("item", "变更项目", Choice(LABELS), required=False), "item = %(item)s"),
    ),
    columns=(
        Field("biz_day", "变更日期", Day(), width=100),
        Field("item", "变更项目", Choice(LABELS), width=130),
        Field("before", "变更前", Text(), width=220),
        Field("after", "变更后", Text(), width=220),
        Field("operator", "操作员", Text(), width=100),
        Field("serial", "业务流水号", Serial(), width=170),
    ),
    source=f"""
        select t.biz_day, c.item, {_shown("before")} as before, {_shown("after")} as after,
               coalesce(o.name, '中心柜台') as operator, c.txn_id as serial
        from registration_change c
        join txn t on t.unit_id = c.unit_id and t.txn_id = c.txn_id
        left join operator o on o.unit_id = t.unit_id and o.operator_id = t.operator_id
        where c.unit_id = %(unit_id)s and c.acct_id is null""",
    order="serial, item",
    newest_first=True,
    record=REGISTRATION_RECORD.code,
)
