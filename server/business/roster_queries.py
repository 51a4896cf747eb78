"""Who the unit's people are (U7), and whom it has sealed and unsealed (U10)."""

from __future__ import annotations

from server.business.base import Field
from server.business.facts import STATUSES
from server.business.kinds import Account, Choice, Day, Masked, Money, MonthKind, Serial, Text
from server.business.query import (
    BY_ACCOUNT,
    NAMED,
    PERSON_FILTERS,
    RECEIPT_NO,
    Filter,
    Query,
    date_filters,
)
from server.business.sealing import SEAL_REASONS, SEALING
from server.business.unsealing import UNSEALING

ROSTER = Query(
    code="roster",
    label="单位下人员明细查询",
    menu="员工信息查询",
    filters=(
        Filter(Field("status", "状态", Choice(STATUSES), required=False), "status = %(status)s"),
        *PERSON_FILTERS,
        Filter(
            Field("id_tail", "证件号后四位", Text(4), required=False),
            "right(id_mask, 4) = %(id_tail)s",
        ),
    ),
    columns=(
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("id_mask", "证件号码", Masked(), width=160),
        Field("phone_mask", "手机号码", Masked(), width=110),
        Field("status", "状态", Choice(STATUSES), width=70),
        Field("base", "缴存基数", Money()),
        Field("unit_fen", "单位月缴存额", Money(), summed=True),
        Field("personal_fen", "个人月缴存额", Money(), summed=True),
        Field("monthly_fen", "月缴存额", Money(), summed=True),
        Field("balance_fen", "余额", Money(), summed=True),
        Field("paid_through", "缴至年月", MonthKind(), width=90),
    ),
    source="""
        select acct_id as account, name, id_mask, phone_mask, status, base_fen as base, unit_fen,
               personal_fen, unit_fen + personal_fen as monthly_fen, balance_fen, paid_through
        from account where unit_id = %(unit_id)s and status <> '99'""",
    order="account",
)

CHANGES = {business.std: business.label for business in (SEALING, UNSEALING)}
# What a reason was called when nothing had been recorded.
REASONS = ", ".join(f"('{code}', '{name}')" for code, name in SEAL_REASONS.items())

SEAL_CHANGES = Query(
    code="seal_changes",
    label="单位封存启封查询",
    menu="公积金查询",
    filters=(
        *date_filters("biz_day", "日期"),
        Filter(Field("kind", "业务类型", Choice(CHANGES), required=False), "kind = %(kind)s"),
        BY_ACCOUNT,
    ),
    columns=(
        Field("biz_day", "日期", Day(), width=100),
        Field("kind", "业务类型", Choice(CHANGES), width=90),
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("month", "生效年月", MonthKind(), width=90),
        Field("reason", "原因", Text(), width=130),
        Field("remark", "备注", Text(), width=130),
        Field("base", "缴存基数", Money()),
        Field("monthly_fen", "月缴存额", Money()),
        Field("serial", "业务流水号", Serial(), width=170),
        Field("receipt_no", "回单号", Text(), width=110),
    ),
    source=f"""
        select e.txn_id as serial, e.acct_id as account, t.biz_day, e.std as kind, a.name,
               a.name_order, e.month,
               coalesce(substring(p.value from '(?:^|；)' || e.reason || ' ([^；]*)'), d.name,
                        e.reason) as reason,
               e.remark, e.base_fen as base, e.unit_fen + e.personal_fen as monthly_fen,
               {RECEIPT_NO}
        from event e
        left join txn t on t.unit_id = e.unit_id and t.txn_id = e.txn_id
        left join {NAMED} a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
        left join receipt r on r.unit_id = e.unit_id and r.txn_id = e.txn_id
        left join (values {REASONS}) d(code, name) on d.code = e.reason
        left join lateral (
            select value from parameter
            where key = 'seal_reasons' and scope = '' and from_day <= t.biz_day
            order by from_day desc, set_at desc limit 1) p on e.reason is not null
        where e.unit_id = %(unit_id)s and e.std in ('{SEALING.std}', '{UNSEALING.std}')""",
    order="serial, account",
    newest_first=True,
    found_by_key=True,
    sorted_as={"name": "name_order"},
)
