"""单位缴存情况证明打印 (U15): what the unit deposited in a range of months, certified."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field, Rules
from server.business.facts import Case, UnitStatus
from server.business.kinds import Money, MonthKind, Text, Whole
from server.business.query import Filter, Query, Term
from server.business.refusals import Problem, problem
from server.business.unit_queries import UNIT_RECORD

MONTHS_MAX = 120  # Ten years: what courts and tenders ask for, on a handful of pages.

FROM_MONTH = Field("from_month", "起始年月", MonthKind())
UNTIL = Field("until", "终止年月", MonthKind())
STATED = (
    "uscc", "opened_day", "status", "paid_through", "unit_ratio", "personal_ratio", "persons",
    "monthly", "members_fen",
)  # fmt: skip
MONTH_TEXT = "({m} / 12)::text || '-' || lpad(({m} %% 12 + 1)::text, 2, '0')"

# The unit as it stands on the day of the certificate; a month is owed once it is over.
PROOF_UNIT = Query(
    code="proof_unit",
    label="缴存单位",
    menu="",
    filters=(),
    columns=(
        *(column for column in UNIT_RECORD.columns if column.key in STATED),
        Field("owed", "欠缴情况", Text()),
    ),
    source=f"""
        select r.*, (
            select case count(*) when 0 then '无欠缴'
                   when 1 then {MONTH_TEXT.format(m="min(m)")}
                   else {MONTH_TEXT.format(m="min(m)")} || ' 至 '
                        || {MONTH_TEXT.format(m="max(m)")} || '（' || count(*) || ' 个月）' end
            from centre c, generate_series(
                r.paid_through + 1,
                (extract(year from c.business_day) * 12
                 + extract(month from c.business_day))::int - 2) m
            where not exists (select from deferral d where d.unit_id = %(unit_id)s
                              and m between d.from_month and d.until_month)) as owed
        from ({UNIT_RECORD.source}) r""",
    order="record",
    as_record=True,
)

# Every month of the range, those without a deposit, too. What was reversed is not in it; what was
# corrected is taken off what it corrects, of each person the 汇缴 first: only then the persons have
# to be told apart. Otherwise a month's payments add up, and the lesser ones say who is in none that
# is greater.
DEPOSITS = Query(
    code="deposits",
    label="单位缴存情况",
    menu="",
    filters=(Filter(FROM_MONTH), Filter(UNTIL)),
    columns=(
        Field("month", "年月", MonthKind(), width=70),
        Field("persons", "缴存人数", Whole(), width=70),
        Field("remitted_fen", "汇缴", Money(), summed=True, width=105),
        Field("made_up_fen", "补缴", Money(), summed=True, width=95),
        Field("unit_fen", "单位部分", Money(), summed=True, width=105),
        Field("personal_fen", "个人部分", Money(), summed=True, width=105),
        Field("amount", "合计", Money(), summed=True, width=105),
        Field("paid_days", "缴款日期", Text(), width=150),
        Field("paid", "缴存月数", Whole(), summed=True, on_receipt=False),
    ),
    source="""
        with parts as (
            select p.txn_id, p.month, p.paying, p.unit_fen, p.amount_fen, t.business, t.biz_day,
                   row_number() over (partition by p.month order by p.paying desc) as nth,
                   bool_or(t.business = 'correction') over (partition by p.month) as corrected
            from txn_part p
            join txn t on t.unit_id = p.unit_id and t.txn_id = p.txn_id
            where p.unit_id = %(unit_id)s and p.month between %(from_month)s and %(until)s
              and t.business in ('remittance', 'back_payment', 'correction')
              and not exists (select from txn r
                              where r.unit_id = t.unit_id and r.reverses = t.txn_id)
        ), persons as (
            select e.month, sum(e.unit_fen) as unit_fen, sum(e.amount_fen) as amount,
                   greatest(coalesce(sum(e.amount_fen) filter (
                       where p.business in ('remittance', 'correction')), 0), 0) as remitted
            from parts p
            join entry e on e.unit_id = %(unit_id)s and e.txn_id = p.txn_id and e.month = p.month
            where p.corrected group by e.month, e.acct_id
        ), others as (
            select p.month, count(distinct e.acct_id) as persons
            from parts p
            join entry e on e.unit_id = %(unit_id)s and e.txn_id = p.txn_id and e.month = p.month
                        and e.amount_fen > 0
            where p.nth > 1 and not p.corrected and not exists (
                select from parts f
                join entry g on g.unit_id = %(unit_id)s and g.txn_id = f.txn_id
                            and g.month = f.month and g.acct_id = e.acct_id and g.amount_fen > 0
                where f.month = p.month and f.nth = 1)
            group by 1
        ), months as (
            select month, count(*) filter (where amount > 0) as persons,
                   sum(unit_fen)::bigint as unit_fen, sum(amount)::bigint as amount,
                   sum(least(remitted, amount))::bigint as remitted_fen
            from persons group by month
            union all
            select p.month, max(p.paying) + coalesce(max(o.persons), 0), sum(p.unit_fen)::bigint,
                   sum(p.amount_fen)::bigint,
                   coalesce(sum(p.amount_fen) filter (where business = 'remittance'), 0)::bigint
            from parts p left join others o on o.month = p.month
            where not p.corrected group by p.month
        ), days as (
            select month, min(biz_day)::text || case when max(biz_day) > min(biz_day)
                   then ' 至 ' || max(biz_day)::text else '' end as paid_days
            from parts where business <> 'correction' group by month
        )
        select m as month, coalesce(s.persons, 0) as persons,
               coalesce(remitted_fen, 0) as remitted_fen,
               coalesce(amount - remitted_fen, 0) as made_up_fen,
               coalesce(unit_fen, 0) as unit_fen, coalesce(amount - unit_fen, 0) as personal_fen,
               coalesce(amount, 0) as amount, paid_days,
               (coalesce(amount, 0) > 0)::int as paid
        from generate_series(%(from_month)s::int, %(until)s::int) m
        left join months s on s.month = m
        left join days d on d.month = m""",
    order="month",
    equation=(
        Term("", "remitted_fen"),
        Term("+", "made_up_fen"),
        Term("=", "amount", "persons"),
    ),
)


def check(case: Case) -> Iterator[Problem]:
    unit, first, last = case.unit, case.head.get("from_month"), case.head.get("until")
    latest = max(unit.month_now, unit.paid_through)
    for key, month in (("from_month", first), ("until", last)):
        if month is not None and month > latest:
            yield problem("R01", key, latest=latest)
    opened = unit.ratios[0].from_month if unit.ratios else None
    if opened is not None and first is not None and first < opened:
        yield problem("R02", "from_month", opened=opened)
    if first is None or last is None:
        return
    if last < first:
        yield problem("R03", "until", first=first, last=last)
    elif last - first >= MONTHS_MAX:
        yield problem("R04", "until", limit=MONTHS_MAX)
    elif case.head.get("months") == 0:
        yield problem("R05", "until", first=first, last=last)


DEPOSIT_PROOF = Business(
    code="deposit_proof",
    label="单位缴存情况证明打印",
    menu="公积金查询",
    receipt="单位缴存情况证明",
    std="99",
    head=(
        FROM_MONTH,
        UNTIL,
        Field("purpose", "用途", Text(30), required=False, note="不填则证明上不写用途"),
        Field("months", "缴存月数", Whole(), typed=False, sum_of="paid", on_screen=False),
        Field("total", "缴存总额", Money(), typed=False, sum_of="amount", on_screen=False),
    ),
    head_rules=Rules(check=check),
    # What was paid stays paid while the unit pays nothing.
    unit_statuses=(UnitStatus.NORMAL, UnitStatus.OPENED, UnitStatus.DEFERRED),
    preview=DEPOSITS.code,
    listed=DEPOSITS.code,
    record=PROOF_UNIT.code,
    row_unit="个月",
    closing="以上为该单位在本中心的住房公积金缴存情况，特此证明。",
)
