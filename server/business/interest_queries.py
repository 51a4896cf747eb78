"""单位结息对账单 (U13) and a person's year in it (domain 5.5)."""

from __future__ import annotations

from server.business.base import Field
from server.business.businesses import LABELS
from server.business.facts import STATUSES
from server.business.kinds import Account, Choice, Day, Masked, Money, MonthKind, Serial, Text
from server.business.parameters import Rate
from server.business.query import NAMED, PERSON_FILTERS, Filter, Query

INTEREST_STATEMENTS = Query(
    code="interest_statements",
    label="单位结息对账单查询",
    menu="公积金查询",
    filters=(
        Filter(Field("year", "结息年度", Serial(), required=False), "year = %(year)s"),
        *PERSON_FILTERS,
    ),
    columns=(
        Field("year", "结息年度", Serial(), width=80),
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("id_mask", "证件号码", Masked(), width=160),
        Field("status", "状态", Choice(STATUSES), width=70),
        Field("opening_fen", "上年结转余额", Money(), summed=True),
        Field("in_fen", "当年缴存额", Money(), summed=True),
        Field("out_fen", "当年提取额", Money(), summed=True),
        Field("prior_interest_fen", "上年结转利息", Money(), summed=True),
        Field("current_interest_fen", "当年归集利息", Money(), summed=True),
        Field("interest_fen", "利息额", Money(), summed=True),
        Field("closing_fen", "本息合计", Money(), summed=True),
        Field("prior_rate", "上年结转利率", Rate(), width=90),
        Field("current_rate", "当年归集利率", Rate(), width=90),
    ),
    source=f"""
        select s.acct_id * 10000 + r.year as line, r.year, s.acct_id as account,
               a.name, a.name_order, a.id_mask, a.status, s.opening_fen, s.in_fen, s.out_fen,
               s.prior_interest_fen, s.interest_fen - s.prior_interest_fen as current_interest_fen,
               s.interest_fen, s.closing_fen, r.prior_rate, r.current_rate
        from settlement r
        join txn t on t.unit_id = %(unit_id)s and t.idem = 'settlement-' || r.year
        join interest_statement s on s.unit_id = t.unit_id and s.txn_id = t.txn_id
        left join {NAMED} a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
        where s.unit_id = %(unit_id)s""",
    order="account, year",
    found_by_key=True,
    sorted_as={"name": "name_order"},
    drill="interest_year",
    drill_by="line",
    titled_by=("name", "year"),
)

INTEREST_YEAR = Query(
    code="interest_year",
    label="结息年度明细",
    menu="",
    filters=(Filter(Field("parent", "个人账号与年度", Serial()), "parent = %(parent)s"),),
    columns=(
        Field("biz_day", "日期", Day(), width=100),
        Field("kind", "业务类型", Choice(LABELS), width=90),
        Field("month", "年月", MonthKind(), width=90),
        Field("amount", "金额", Money(), summed=True),
        Field("balance_fen", "余额", Money()),
        Field("serial", "业务流水号", Serial(), width=170),
    ),
    source="""
        select %(parent)s::bigint as parent, t.biz_day, t.business as kind, e.month,
               e.amount_fen as amount, e.balance_fen, e.txn_id as serial,
               row_number() over (order by e.nth, e.position, e.month) as line
        from (select e.unit_id as in_unit, e.txn_id, e.month, e.amount_fen, e.balance_fen,
                     2147483647 as nth, c.position
              from entry e
              join chain c on c.unit_id = e.unit_id and c.txn_id = e.txn_id
              join account a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
              where e.unit_id = %(unit_id)s and e.acct_id = %(parent)s::bigint / 10000
                and c.position > a.arrived
              union all
              select in_unit, txn_id, month, amount_fen, balance_fen, nth, position
              from earlier_entry
              where unit_id = %(unit_id)s and acct_id = %(parent)s::bigint / 10000) e
        join txn t on t.unit_id = e.in_unit and t.txn_id = e.txn_id
        cross join (select (%(parent)s::bigint %% 10000)::int as year) y
        where case when t.business = 'settlement' then t.idem = 'settlement-' || year
                   else t.biz_day between make_date(year - 1, 7, 1) and make_date(year, 6, 30)
              end""",
    order="line",
)
