"""What must hold in the books, each as the query that finds the rows where it does not.

Every query gives (unit, txn, account, expected, found); a part that does not apply is null. Each of
the two that read all entries looks at them once, for all that can be told from them.
"""

from __future__ import annotations

# Where a year of interest was settled, the moment has begun anew (see ledger/settle.py).
BY_ACCOUNT = """
    with since as (
        select distinct on (unit_id, acct_id) unit_id, acct_id, closing_fen,
               make_date(year, 7, 1) as day
        from interest_statement order by unit_id, acct_id, year desc),
    booked as (
        select e.unit_id, e.acct_id, sum(e.amount_fen)::bigint as fen,
               sum(e.amount_fen * (e.biz_day - date '2000-01-01'))
                   filter (where s.day is null
                           or (e.biz_day >= s.day and t.business <> 'settlement')) as moment,
               max(t.txn_id) filter (where t.biz_day <> e.biz_day) as other_day,
               max(e.txn_id) filter (where t.txn_id is null) as alone
        from entry e
        left join txn t on t.unit_id = e.unit_id and t.txn_id = e.txn_id
        left join since s on s.unit_id = e.unit_id and s.acct_id = e.acct_id
        group by 1, 2)
    select coalesce(a.unit_id, b.unit_id), f.txn_id, coalesce(a.acct_id, b.acct_id),
           f.expected, f.found, f.name
    from account a
    full join booked b on b.unit_id = a.unit_id and b.acct_id = a.acct_id
    left join since s on s.unit_id = a.unit_id and s.acct_id = a.acct_id
    cross join lateral (select a.arrived = 0 and a.status <> '99' as is_here_only) h
    cross join lateral (values
        ('分录没有对应的个人账户', null::bigint, case when a.acct_id is null then b.fen end, null),
        ('分录没有对应的业务', b.alone, b.alone, null),
        ('分录的营业日与业务不同', b.other_day, b.other_day, null),
        ('个人余额不等于分录合计', null, coalesce(b.fen, 0), a.balance_fen),
        ('个人积数不等于分录合计', null,
         case when h.is_here_only then coalesce(b.moment, 0)
                  + coalesce(s.closing_fen * (s.day - date '2000-01-01'), 0) end,
         a.moment),
        ('结息后余额与对账单不符', null,
         case when h.is_here_only then coalesce(s.closing_fen, 0) end, a.opening_fen)
    ) f(name, txn_id, expected, found)
    where case when starts_with(f.name, '分录') then f.expected is not null
               else a.acct_id is not null and f.expected <> f.found end
"""
# An account that has moved is what was posted on it wherever it was, the transfers left out: they
# neither bring nor take anything. Where it was it holds nothing.
MOVED = """
    with life as (
        select a.unit_id, a.acct_id, e.biz_day, e.month, e.amount_fen, e.closing_fen
        from account a
        join chain c on c.unit_id = a.unit_id and c.position > a.arrived
        join entry e on e.unit_id = c.unit_id and e.txn_id = c.txn_id and e.acct_id = a.acct_id
        where a.arrived > 0 and a.status <> '99'
        union all
        select e.unit_id, e.acct_id, e.biz_day, e.month, e.amount_fen, e.closing_fen
        from earlier_entry e join account a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
        where a.arrived > 0 and a.status <> '99'),
    since as (
        select distinct on (unit_id, acct_id) unit_id, acct_id, closing_fen,
               make_date(month / 12, 7, 1) as day
        from life where closing_fen is not null order by unit_id, acct_id, month desc),
    booked as (
        select l.unit_id, l.acct_id, sum(l.amount_fen)::bigint as fen,
               coalesce(sum(l.amount_fen * (l.biz_day - date '2000-01-01'))
                   filter (where s.day is null or (l.biz_day >= s.day and l.closing_fen is null)),
                   0)
               + coalesce(max(s.closing_fen * (s.day - date '2000-01-01')), 0) as moment,
               coalesce(max(s.closing_fen), 0) as opening_fen
        from life l left join since s on s.unit_id = l.unit_id and s.acct_id = l.acct_id
        group by 1, 2)
    select a.unit_id, null::bigint, a.acct_id, f.expected::text, f.found::text, f.name
    from account a
    left join booked b on b.unit_id = a.unit_id and b.acct_id = a.acct_id
    cross join lateral (values
        ('转入账户余额不等于历次分录合计', coalesce(b.fen, 0), a.balance_fen),
        ('转入账户积数不等于历次分录合计', coalesce(b.moment, 0), a.moment),
        ('转入账户上年结转与对账单不符', coalesce(b.opening_fen, 0), a.opening_fen)
    ) f(name, expected, found)
    where a.arrived > 0 and a.status <> '99' and f.expected <> f.found
    union all
    select a.unit_id, null, a.acct_id, '1', count(*)::text, '个人账户同时属于几个单位'
    from account a join account o on o.acct_id = a.acct_id and o.status <> '99'
    where a.status <> '99' and a.arrived > 0
    group by 1, 3 having count(*) <> 1
    union all
    select a.unit_id, null, a.acct_id, a.unit_id::text, p.unit_id::text, '人员不在账户所属单位'
    from account a join person p on p.acct_id = a.acct_id
    where (a.arrived > 0 or a.status = '99') and (p.unit_id = a.unit_id) <> (a.status <> '99')
"""
# What a person's transfer took in one unit it brought in the other: the last stay before the time
# that it began ends with it.
HALVES = """
    select e.unit_id, e.txn_id, e.acct_id, -o.amount_fen, e.amount_fen, '转移两方金额不一致'
    from txn t
    join entry e on e.unit_id = t.unit_id and e.txn_id = t.txn_id
    left join txn x on x.unit_id = (t.head->>'from_unit')::bigint
                   and x.idem = 'transfer-' || t.txn_id
    left join entry o on o.unit_id = x.unit_id and o.txn_id = x.txn_id and o.acct_id = e.acct_id
    where t.business = 'transfer' and o.amount_fen is distinct from -e.amount_fen
    union all
    select t.unit_id, t.txn_id, null, null, null, '转出没有对应的转入'
    from txn t
    where t.business = 'transfer_out' and not exists (
        select from txn i where i.unit_id = (t.head->>'to_unit')::bigint
                            and 'transfer-' || i.txn_id = t.idem)
"""
BY_PART = """
    with booked as (
        select unit_id, txn_id, month, count(*)::int as persons, sum(amount_fen)::bigint as fen,
               sum(unit_fen)::bigint as unit_fen, count(*) filter (where amount_fen > 0) as paying,
               sha256(string_agg(
                   int8send(acct_id) || int8send(amount_fen) || int8send(balance_fen),
                   ''::bytea order by acct_id)) as digest
        from entry group by 1, 2, 3)
    select coalesce(p.unit_id, b.unit_id), coalesce(p.txn_id, b.txn_id), null,
           f.expected, f.found, f.name
    from txn_part p
    full join booked b on b.unit_id = p.unit_id and b.txn_id = p.txn_id and b.month = p.month
    cross join lateral (values
        ('月份人数不等于分录', p.persons::text, coalesce(b.persons, 0)::text),
        ('月份缴存人数不等于分录', p.paying::text, coalesce(b.paying, 0)::text),
        ('月份单位部分不等于分录', p.unit_fen::text, coalesce(b.unit_fen, 0)::text),
        ('月份合计不等于分录', p.amount_fen::text, coalesce(b.fen, 0)::text),
        ('分录与摘要不符', encode(p.digest, 'hex'),
         encode(coalesce(b.digest, sha256('')), 'hex'))
    ) f(name, expected, found)
    where f.expected is distinct from f.found
"""
VOUCHERS = """
    with part as (select unit_id, txn_id, sum(amount_fen) as fen from txn_part group by 1, 2),
    voucher as (
        select unit_id, txn_id, sum(dr_fen) as dr_fen, sum(cr_fen) as cr_fen,
               sum(cr_fen - dr_fen) filter (where gl = '201') as members_fen
        from voucher_line group by 1, 2)
    select t.unit_id, t.txn_id, null, f.expected, f.found, f.name
    from txn t
    left join voucher v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
    left join part p on p.unit_id = t.unit_id and p.txn_id = t.txn_id
    cross join lateral (values
        ('① 凭证借贷不相等', coalesce(v.dr_fen, 0), coalesce(v.cr_fen, 0)),
        ('① 凭证不等于业务金额', t.total_fen, coalesce(v.dr_fen, 0)),
        ('② 个人分录合计不等于 201 发生额', coalesce(v.members_fen, 0), coalesce(p.fen, 0))
    ) f(name, expected, found)
    where f.expected <> f.found
"""
UNITS = """
    with line as (
        select unit_id,
               sum(dr_fen - cr_fen) filter (where gl = '101') as deposits,
               sum(cr_fen - dr_fen) filter (where gl = '201') as members,
               sum(cr_fen - dr_fen) filter (where gl = '21901') as prepayment,
               sum(cr_fen - dr_fen) filter (where gl = '21903') as errors
        from voucher_line group by 1),
    person as (select unit_id, sum(balance_fen) as fen from account group by 1),
    asked as (
        select unit_id,
               sum(reserved_fen) filter (
                   where state in ('pending', 'sent', 'unknown', 'collected')) as reserved,
               sum(amount_fen) filter (where direction = 'out' and state <> 'posted'
                                             and settled_by is null) as refunds
        from payment group by 1),
    difference as (
        select unit_id, sum(fen) as fen from (
            select m.unit_id, case m.direction when 'in' then m.amount_fen
                                               else -m.amount_fen end as fen
            from bank_movement m
            where m.state = 'difference' and not exists (
                select from txn r where r.unit_id = m.unit_id and r.reverses = m.txn_id)
            union all
            select t.unit_id, t.total_fen from txn t  -- withdrawn: the bank does not know it
            where t.business = 'difference' and t.idem like 'withdraw-%'
        ) waiting
        group by 1)
    select u.unit_id, null, null, f.expected, f.found, f.name
    from unit u
    left join line l on l.unit_id = u.unit_id
    left join person p on p.unit_id = u.unit_id
    left join asked a on a.unit_id = u.unit_id
    left join difference d on d.unit_id = u.unit_id
    cross join lateral (values
        ('⑤ 单位个人余额合计不等于 201', coalesce(p.fen, 0), u.members_fen),
        ('② 单位 201 余额不等于科目发生额', coalesce(l.members, 0), u.members_fen),
        ('③ 单位预缴余额不等于科目 21901', coalesce(l.prepayment, 0), u.prepayment_fen),
        ('单位余额不等于科目 101 发生额', coalesce(l.deposits, 0), u.deposits_fen),
        ('预缴占用不等于在途缴款', coalesce(a.reserved, 0), u.reserved_fen),
        ('错账待处理 21903 没有来由', coalesce(a.refunds, 0) + coalesce(d.fen, 0),
         coalesce(l.errors, 0))
    ) f(name, expected, found)
    where f.expected <> f.found
"""
CENTRE = """
    select 0, null, null, f.expected, f.found, f.name
    from (select coalesce(sum(cr_fen - dr_fen) filter (where gl = '201'), 0) as members,
                 coalesce(sum(cr_fen - dr_fen) filter (where gl = '21901'), 0) as prepayment,
                 coalesce(sum(cr_fen - dr_fen) filter (where gl = '21902'), 0) as suspense,
                 coalesce(sum(cr_fen - dr_fen) filter (where gl = '21904'), 0) as clearing,
                 coalesce(sum(dr_fen), 0) as dr_fen, coalesce(sum(cr_fen), 0) as cr_fen
          from voucher_line) v
    cross join lateral (values
        ('① 全部借方不等于全部贷方', v.dr_fen, v.cr_fen),
        ('② 个人余额合计不等于 201 余额',
         (select coalesce(sum(balance_fen), 0) from account), v.members),
        ('③ 单位预缴余额合计不等于 21901 余额',
         (select coalesce(sum(prepayment_fen), 0) from unit), v.prepayment),
        ('暂收款合计不等于 21902 余额',
         (select coalesce(sum(amount_fen), 0) from suspense where state = 'open'), v.suspense),
        ('单位间往来没有结清', 0, v.clearing)
    ) f(name, expected, found)
    where f.expected <> f.found
"""
# What the bank has, and what the books have with all that is known to be on its way.
BANK = """
    with last as (select * from reconciliation order by day desc limit 1),
    gap as (select coalesce(sum(l.bank_fen - l.book_fen), 0) as fen
            from reconciliation_line l join last using (day)),
    booked as (
        select coalesce(sum(v.dr_fen - v.cr_fen), 0) as fen
        from voucher_line v join txn t on t.unit_id = v.unit_id and t.txn_id = v.txn_id
        where v.gl = '101' and t.biz_day <= (select day from last))
    select 0, null, null, f.expected, f.found, f.name || '（' || last.day || '）'
    from last, gap, booked
    cross join lateral (values
        ('④ 101 账面加减未达不等于银行余额', last.closing_fen::numeric,
         last.book_fen + last.opening_fen + gap.fen),
        ('④ 101 账面在对账后有变', last.book_fen::numeric,
         case when exists (select from day_close where day >= last.day
                                                   and closed_at <= last.run_at)
              then booked.fen else last.book_fen end)
    ) f(name, expected, found)
    where f.expected <> f.found
"""
DAYS = """
    with posted as (
        select t.biz_day as day, v.gl, sum(v.dr_fen) as dr_fen, sum(v.cr_fen) as cr_fen
        from txn t join voucher_line v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
        where t.biz_day <= (select max(day) from day_close) group by 1, 2),
    running as (
        select *, sum(dr_fen - cr_fen) over (partition by gl order by day) as balance_fen
        from posted)
    select 0, null, null, f.expected, f.found,
           f.name || '（' || coalesce(g.day, r.day) || ' ' || coalesce(g.gl, r.gl) || '）'
    from running r full join gl_day g on g.day = r.day and g.gl = r.gl
    cross join lateral (values
        ('日结借方不等于凭证', coalesce(r.dr_fen, 0), coalesce(g.dr_fen, 0)),
        ('日结贷方不等于凭证', coalesce(r.cr_fen, 0), coalesce(g.cr_fen, 0)),
        ('日结余额不等于凭证', coalesce(r.balance_fen, 0), coalesce(g.balance_fen, 0))
    ) f(name, expected, found)
    where f.expected <> f.found
"""
FUTURE = """
    select unit_id, txn_id, null, (select business_day from centre), biz_day, '业务记在以后的营业日'
    from txn where biz_day > (select business_day from centre)
"""
# A reversal says on the same sides, and to the same persons, the opposite of what it reverses;
# beyond that only that what the bank collected is owed to the payer.
REVERSALS = """
    with said as (
        select r.unit_id, r.txn_id as reversal, x.txn_id, x.txn_id = r.txn_id as is_red
        from txn r cross join lateral (values (r.txn_id), (r.reverses)) x(txn_id)
        where r.reverses is not null)
    select s.unit_id, s.reversal, null::bigint,
           coalesce(sum(-p.amount_fen) filter (where not s.is_red), 0),
           coalesce(sum(p.amount_fen) filter (where s.is_red), 0),
           '冲正与原凭证不符（借 ' || p.debit || ' 贷 ' || p.credit || '）'
    from said s join posting p on p.unit_id = s.unit_id and p.txn_id = s.txn_id
    where not (s.is_red and (p.debit, p.credit) = ('101', '21903') and p.amount_fen > 0)
    group by s.unit_id, s.reversal, p.debit, p.credit having sum(p.amount_fen) <> 0
    union all
    select s.unit_id, s.reversal, e.acct_id,
           coalesce(sum(-e.amount_fen) filter (where not s.is_red), 0),
           coalesce(sum(e.amount_fen) filter (where s.is_red), 0), '冲正与原分录不符'
    from said s join entry e on e.unit_id = s.unit_id and e.txn_id = s.txn_id
    group by s.unit_id, s.reversal, e.acct_id, e.month having sum(e.amount_fen) <> 0
"""
RECEIPTS = """
    select unit_id, null::bigint, null, max(number), count(*), '回单号不连续（' || year || '）'
    from receipt group by unit_id, year having max(number) <> count(*)
    union all
    select u.unit_id, null::bigint, null, coalesce(max(r.number), 0), u.receipt_count,
           '回单计数与回单不符（' || u.receipt_year || '）'
    from unit u left join receipt r on r.unit_id = u.unit_id and r.year = u.receipt_year
    group by u.unit_id having coalesce(max(r.number), 0) <> u.receipt_count
    union all
    select t.unit_id, t.txn_id, null, null::bigint, null::bigint, '业务没有回单'
    from txn t left join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
    where r.number is null
"""
# Held by these instead of foreign keys, which would be looked at on every credit.
OWNERS = """
    select a.unit_id, null::bigint, a.acct_id, null::bigint, null::bigint, '个人账户没有单位'
    from account a left join unit u on u.unit_id = a.unit_id where u.unit_id is null
    union all
    select s.unit_id, s.txn_id, s.acct_id, null::bigint, null::bigint, '缴存区间没有个人账户'
    from segment s left join account a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
    where a.acct_id is null
"""
# A month that two of a person's intervals have would be due, and paid, twice.
INTERVALS = """
    with held as (
        select unit_id, acct_id, null::bigint as txn_id, from_month, until_month from account
        where from_month < until_month and status <> '99'
        union all
        select unit_id, acct_id, txn_id, from_month, until_month from segment)
    select s.unit_id, s.txn_id, s.acct_id, s.until_month::bigint, h.from_month::bigint,
           '缴存区间重叠'
    from segment s
    join held h on h.unit_id = s.unit_id and h.acct_id = s.acct_id
               and h.from_month < s.until_month and s.from_month < h.until_month
    where (h.txn_id, h.until_month) is distinct from (s.txn_id, s.until_month)
"""
CHAINS = """
    select c.unit_id, c.txn_id, null, encode(w.hash, 'hex'), encode(c.hash, 'hex'), '账务链断裂'
    from chain c
    left join chain p on p.unit_id = c.unit_id and p.position = c.position - 1
    cross join lateral (
        select sha256(coalesce(p.hash, ''::bytea)
                      || convert_to(chain_text(c.unit_id, c.txn_id), 'UTF8')) as hash) w
    where c.hash is distinct from w.hash or (p.hash is null and c.position <> 1)
    union all
    select u.unit_id, null, null, n.txns::text, u.chain_length::text, '账务链不完整'
    from unit u
    left join chain c on c.unit_id = u.unit_id and c.position = u.chain_length
    cross join lateral (select count(*) as txns from txn t where t.unit_id = u.unit_id) n
    where u.chain_length <> n.txns or (u.chain_length > 0 and u.chain_hash is distinct from c.hash)
"""
INVARIANTS = {
    "凭证：借贷相等，等于业务金额，个人分录等于 201": VOUCHERS,
    "单位：个人合计、201、预缴、101、占用、错账待处理": UNITS,
    "全中心：借贷、201、21901、暂收、单位间往来": CENTRE,
    "银行：101 账面加减未达等于银行余额": BANK,
    "个人账户：余额、积数、结息": BY_ACCOUNT,
    "转移账户：历次分录、归属": MOVED,
    "转移：转出与转入一致": HALVES,
    "分录：每笔业务每月的人数、合计、摘要": BY_PART,
    "日结：每日每科目的发生额与余额": DAYS,
    "营业日：没有以后的业务": FUTURE,
    "冲正：与被冲正的凭证、分录相反": REVERSALS,
    "归属：账户有单位，缴存区间有账户": OWNERS,
    "名册：同一职工同一月只应缴一次": INTERVALS,
    "回单：逐笔、连续": RECEIPTS,
    "账务链：逐笔重算": CHAINS,
}
