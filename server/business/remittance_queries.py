"""汇缴变更清册 (H12): what each unpaid month comes to, and who makes the difference to the last."""

from __future__ import annotations

from server.business.base import Field
from server.business.kinds import Account, Choice, Money, MonthKind, Text, Whole
from server.business.query import Filter, Query, Term

# Everyone due in an unpaid month or in the month before it, with both amounts (domain 4.11, H12).
# Nobody is due twice, so whose span goes on through a month is in it once, and unchanged.
REMITTANCE_ROSTERS = """
    with unpaid as (
        select m as month from unit u, centre c, generate_series(
            u.paid_through + 1,
            (extract(year from c.business_day) * 12 + extract(month from c.business_day))::int - 1
        ) m
        where u.unit_id = %(unit_id)s and not exists (
            select from deferral d
            where d.unit_id = u.unit_id and m between d.from_month and d.until_month)
    ), spans as (
        select acct_id, from_month, until_month, unit_fen + personal_fen as amount
        from account where unit_id = %(unit_id)s
        union all
        select acct_id, from_month, until_month, unit_fen + personal_fen
        from segment where unit_id = %(unit_id)s
    ), turned as (
        select u.month, s.acct_id,
               sum(s.amount) filter (where s.until_month = u.month)::bigint as before_fen,
               sum(s.amount) filter (where s.from_month = u.month)::bigint as after_fen
        from unpaid u
        join spans s on (s.from_month = u.month or s.until_month = u.month)
                    and s.from_month < s.until_month
        group by 1, 2
    ), rosters as (
        select u.month, s.acct_id, s.amount as before_fen, s.amount as after_fen,
               0 as difference_fen, '0' as change
        from unpaid u join spans s on s.from_month < u.month and s.until_month > u.month
        union all
        select *, coalesce(after_fen, 0) - coalesce(before_fen, 0),
               case when before_fen is null then '1' when after_fen is null then '2'
                    when before_fen <> after_fen then '3' else '0' end
        from turned
    )"""
CHANGES = {"1": "增加", "2": "减少", "3": "调整", "0": "不变"}
EVENTS = {
    "03": "开户",
    "04": "启封",
    "05": "封存",
    "06": "转移",
    "10": "基数调整",
    "75": "比例调整",
}

REMITTANCE_MONTHS = Query(
    code="remittance_months",
    label="汇缴变更清册",
    menu="缴存业务",
    filters=(
        Filter(Field("until", "终止年月", MonthKind(), required=False), "month <= %(until)s"),
    ),
    columns=(
        Field("month", "年月", MonthKind(), width=90),
        Field("before_fen", "上月应缴", Money()),
        Field("added_fen", "增加", Money(), summed=True),
        Field("removed_fen", "减少", Money(), summed=True),
        Field("changed_fen", "调整", Money(), summed=True),
        Field("due_fen", "本月应缴", Money(), summed=True),
        Field("persons", "应缴人数", Whole(), width=80),
        Field("added", "增加人数", Whole(), width=80),
        Field("removed", "减少人数", Whole(), width=80),
        Field("changed", "调整人数", Whole(), width=80),
    ),
    source=f"""{REMITTANCE_ROSTERS}
        select u.month, coalesce(sum(before_fen), 0)::bigint as before_fen,
               coalesce(sum(difference_fen) filter (where change = '1'), 0)::bigint as added_fen,
               coalesce(-sum(difference_fen) filter (where change = '2'), 0)::bigint as removed_fen,
               coalesce(sum(difference_fen) filter (where change = '3'), 0)::bigint as changed_fen,
               coalesce(sum(after_fen), 0)::bigint as due_fen, count(after_fen) as persons,
               count(*) filter (where change = '1') as added,
               count(*) filter (where change = '2') as removed,
               count(*) filter (where change = '3') as changed
        from unpaid u left join rosters r on r.month = u.month group by u.month""",
    order="month",
    drill="remittance_changes",
    equation=(
        Term("", "before_fen"),
        Term("+", "added_fen", "added", {"change": "1"}),
        Term("−", "removed_fen", "removed", {"change": "2"}),
        Term("±", "changed_fen", "changed", {"change": "3"}),
        Term("=", "due_fen", "persons"),
    ),
    when_empty=(
        "没有未缴月份，或终止年月早于应缴月份。"
        "请清空终止年月再查；仍没有，就是已缴清（缓缴的月份不列）"
    ),
)

REMITTANCE_CHANGES = Query(
    code="remittance_changes",
    label="汇缴变更人员",
    menu="",
    filters=(
        Filter(Field("parent", "年月", MonthKind()), "month = %(parent)s"),
        Filter(Field("change", "变更", Choice(CHANGES), required=False), "change = %(change)s"),
    ),
    columns=(
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("change", "变更", Choice(CHANGES), width=70),
        Field("event", "原因", Choice(EVENTS), width=90),
        Field("before_fen", "上月应缴", Money(), summed=True),
        Field("after_fen", "本月应缴", Money(), summed=True),
        Field("difference_fen", "差额", Money(), summed=True),
    ),
    source=f"""{REMITTANCE_ROSTERS}
        select r.month, r.acct_id as account, a.name, r.change, r.before_fen, r.after_fen,
               r.difference_fen,
               case when r.change <> '0' then (
                   select e.std from event e
                   where e.unit_id = %(unit_id)s and e.acct_id = r.acct_id and e.month = r.month
                   order by e.txn_id desc limit 1) end as event
        from rosters r join account a on a.unit_id = %(unit_id)s and a.acct_id = r.acct_id""",
    order="account",
)
