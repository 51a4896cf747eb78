"""The list of all queries, in the order of the menus."""

from __future__ import annotations

from server.business.base import STATUSES, Field
from server.business.businesses import LABELS
from server.business.interest_queries import INTEREST_STATEMENTS, INTEREST_YEAR
from server.business.kinds import (
    Account,
    Choice,
    Day,
    Masked,
    Money,
    MonthKind,
    Serial,
    Stamp,
    Text,
    Whole,
)
from server.business.payment_queries import (
    PAYMENT_PERSONS,
    PAYMENT_PROGRESS,
    PAYMENT_STEPS,
    PAYMENTS,
)
from server.business.query import Filter, Query, date_filters
from server.business.remittance_queries import REMITTANCE_CHANGES, REMITTANCE_MONTHS

ROSTER = Query(
    code="roster",
    label="单位下人员明细查询",
    menu="员工信息查询",
    filters=(
        Filter(Field("status", "状态", Choice(STATUSES), required=False), "status = %(status)s"),
        Filter(Field("name", "姓名", Text(50), required=False), "strpos(name, %(name)s) > 0"),
        Filter(Field("account", "个人账号", Account(), required=False), "account = %(account)s"),
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
        from account where unit_id = %(unit_id)s""",
    order="account",
)

RECEIPTS = Query(
    code="receipts",
    label="凭证重打",
    menu="归集业务",
    filters=(
        *date_filters("biz_day", "日期"),
        Filter(Field("kind", "业务", Choice(LABELS), required=False), "kind = %(kind)s"),
        Filter(
            Field("receipt_no", "回单号", Text(20), required=False), "receipt_no = %(receipt_no)s"
        ),
    ),
    columns=(
        Field("receipt_no", "回单号", Text(), width=110),
        Field("biz_day", "日期", Day(), width=100),
        Field("kind", "业务", Choice(LABELS), width=110),
        Field("title", "回单", Text(), width=150),
        Field("persons", "人数", Whole(), width=70),
        Field("amount", "金额", Money(), summed=True),
        Field("serial", "业务流水号", Serial(), width=170),
        Field("prints", "打印次数", Whole(), width=80),
        Field("issued_at", "填制时间", Stamp(), width=150),
    ),
    source="""
        select r.year::bigint * 1000000 + r.number as line, r.biz_day, r.business as kind, r.title,
               r.year || '-' || lpad(r.number::text, 6, '0') as receipt_no, r.row_count as persons,
               r.amount_fen as amount, r.txn_id as serial, r.issued_at,
               (select count(*) from print p
                where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number) as prints
        from receipt r where r.unit_id = %(unit_id)s""",
    order="line",
    newest_first=True,
    is_receipts=True,
)

QUERIES: tuple[Query, ...] = (
    ROSTER, PAYMENTS, PAYMENT_PERSONS, PAYMENT_PROGRESS, PAYMENT_STEPS,
    REMITTANCE_MONTHS, REMITTANCE_CHANGES, INTEREST_STATEMENTS, INTEREST_YEAR, RECEIPTS,
)  # fmt: skip


def query_of(code: str) -> Query:
    """Raises KeyError for a code that no query has."""
    for query in QUERIES:
        if query.code == code:
            return query
    raise KeyError(code)
