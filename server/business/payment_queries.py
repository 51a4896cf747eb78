"""What a unit has paid, to whom it went, and how far each debit has come."""

from __future__ import annotations

from server.business.base import METHODS, Field
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES
from server.business.counter import REVERSAL
from server.business.kinds import Account, Choice, Day, Money, MonthKind, Serial, Stamp, Text, Whole
from server.business.query import RECEIPT_NO, Filter, Query, date_filters

PAYMENT_KINDS = {
    b.code: b.label for b in BUSINESSES + COUNTER_BUSINESSES if b.payment or b is REVERSAL
}
CODES = ", ".join(f"'{code}'" for code in PAYMENT_KINDS)

PAYMENTS = Query(
    code="payments",
    label="单位缴存明细查询",
    menu="公积金查询",
    filters=(
        *date_filters("biz_day", "日期"),
        Filter(Field("kind", "业务类型", Choice(PAYMENT_KINDS), required=False), "kind = %(kind)s"),
    ),
    columns=(
        Field("biz_day", "日期", Day(), width=100),
        Field("kind", "业务类型", Choice(PAYMENT_KINDS), width=90),
        Field("from_month", "起始年月", MonthKind(), width=90),
        Field("until_month", "终止年月", MonthKind(), width=90),
        Field("persons", "人数", Whole(), width=70),
        Field("amount", "金额", Money(), summed=True),
        Field("method", "缴款方式", Choice(METHODS), width=90),
        Field("serial", "业务流水号", Serial(), width=170),
        Field("receipt_no", "回单号", Text(), width=110),
    ),
    source=f"""
        select t.txn_id as serial, t.biz_day, t.business as kind, p.from_month, p.until_month,
               p.persons, coalesce(-o.total_fen, t.total_fen) as amount, t.method,
               {RECEIPT_NO}
        from txn t
        join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
        left join txn o on o.unit_id = t.unit_id and o.txn_id = t.reverses
        left join lateral (
            select min(month) as from_month, max(month) as until_month, max(persons) as persons
            from txn_part where unit_id = t.unit_id and txn_id = t.txn_id) p on true
        where t.unit_id = %(unit_id)s and t.business in ({CODES})""",
    order="serial",
    newest_first=True,
    drill="payment_persons",
)

PAYMENT_PERSONS = Query(
    code="payment_persons",
    label="缴存人员明细",
    menu="",
    filters=(Filter(Field("parent", "业务流水号", Serial()), "txn_id = %(parent)s"),),
    columns=(
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("month", "年月", MonthKind(), width=90),
        Field("unit_fen", "单位部分", Money(), summed=True),
        Field("personal_fen", "个人部分", Money(), summed=True),
        Field("amount", "合计", Money(), summed=True),
        Field("balance_fen", "余额", Money(), on_receipt=False),
    ),
    source="""
        select e.txn_id, e.acct_id as account, a.name, e.month, e.unit_fen,
               e.amount_fen - e.unit_fen as personal_fen, e.amount_fen as amount, e.balance_fen
        from entry e join account a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
        where e.unit_id = %(unit_id)s and e.txn_id = %(parent)s""",
    order="account, month",
)

PAYMENT_STATES = {
    "pending": "已提交",
    "sent": "银行受理中",
    "unknown": "银行尚未答复，正在查询",
    "collected": "银行已扣款，正在入账",
    "posted": "已入账",
    "failed": "扣款失败，没有扣款",
}

PAYMENT_PROGRESS = Query(
    code="payment_progress",
    label="缴款进度查询",
    menu="公积金查询",
    filters=(
        Filter(Field("kind", "业务", Choice(PAYMENT_KINDS), required=False), "kind = %(kind)s"),
        Filter(Field("state", "状态", Choice(PAYMENT_STATES), required=False), "state = %(state)s"),
    ),
    columns=(
        Field("begun_at", "提交时间", Stamp(), width=150),
        Field("kind", "业务", Choice(PAYMENT_KINDS), width=70),
        Field("amount", "扣款金额", Money()),
        Field("state", "状态", Choice(PAYMENT_STATES), width=160),
        Field("at", "最近进展", Stamp(), width=150),
        Field("bank_text", "银行说明", Text(), width=160),
        Field("serial", "业务流水号", Serial(), width=170),
    ),
    source="""
        select p.payment_id as serial, p.business as kind, p.amount_fen as amount, p.state,
               p.created_at as begun_at, s.at, p.bank_text
        from payment p
        left join lateral (
            select max(at) as at from payment_step
            where unit_id = p.unit_id and payment_id = p.payment_id) s on true
        where p.unit_id = %(unit_id)s and p.direction = 'in'""",
    order="serial",
    newest_first=True,
    drill="payment_steps",
)

PAYMENT_STEPS = Query(
    code="payment_steps",
    label="缴款经过",
    menu="",
    filters=(Filter(Field("parent", "业务流水号", Serial()), "payment_id = %(parent)s"),),
    columns=(
        Field("at", "时间", Stamp(), width=150),
        Field("state", "进展", Choice(PAYMENT_STATES), width=200),
    ),
    source="""
        select step, payment_id, state, at from payment_step
        where unit_id = %(unit_id)s and payment_id = %(parent)s""",
    order="step",
)
