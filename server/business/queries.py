"""Every query: one description that the page, the route, the export and the tests read."""

from __future__ import annotations

from dataclasses import dataclass

from server.business.base import METHODS, STATUSES, Field
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

PAYMENT_KINDS = {"remittance": "汇缴", "prepayment": "预缴"}
RECEIPT_KINDS = {
    "account_opening": "个人账户设立",
    "sealing": "个人封存",
    "unsealing": "个人启封",
    "prepayment": "预缴",
    "remittance": "汇缴",
}


@dataclass(frozen=True)
class Filter:
    """One search field and the SQL condition it puts on; an empty field puts on none."""

    field: Field
    where: str


@dataclass(frozen=True)
class Query:
    """Rows of one unit.

    ``source`` is a SELECT that names the columns by key and holds ``unit_id = %(unit_id)s``;
    ``order`` is the unique whole-number column by which pages follow each other, newest first when
    ``newest_first``. ``drill`` names the query that a row opens, given the row's ``order`` value as
    ``parent``. A query with no menu is reached by drill-down alone.
    """

    code: str
    label: str
    menu: str
    filters: tuple[Filter, ...]
    columns: tuple[Field, ...]
    source: str
    order: str
    newest_first: bool = False
    drill: str = ""
    is_receipts: bool = False


def _date_filters(column: str, label: str) -> tuple[Filter, Filter]:
    return (
        Filter(Field("from_day", f"{label}起", Day(), required=False), f"{column} >= %(from_day)s"),
        Filter(Field("to_day", f"{label}止", Day(), required=False), f"{column} <= %(to_day)s"),
    )


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

PAYMENTS = Query(
    code="payments",
    label="单位缴存明细查询",
    menu="公积金查询",
    filters=(
        *_date_filters("biz_day", "日期"),
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
    source="""
        select t.txn_id as serial, t.biz_day, t.business as kind, p.from_month, p.until_month,
               p.persons, t.total_fen as amount, t.method,
               r.year || '-' || lpad(r.number::text, 6, '0') as receipt_no
        from txn t
        join receipt r on r.unit_id = t.unit_id and r.txn_id = t.txn_id
        left join lateral (
            select min(month) as from_month, max(month) as until_month, max(persons) as persons
            from txn_part where unit_id = t.unit_id and txn_id = t.txn_id) p on true
        where t.unit_id = %(unit_id)s and t.total_fen > 0""",
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
        select e.acct_id * 40000 + e.month as line, e.txn_id, e.acct_id as account, a.name, e.month,
               e.unit_fen, e.amount_fen - e.unit_fen as personal_fen, e.amount_fen as amount,
               e.balance_fen
        from entry e join account a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
        where e.unit_id = %(unit_id)s and e.txn_id = %(parent)s""",
    order="line",
)

RECEIPTS = Query(
    code="receipts",
    label="凭证重打",
    menu="归集业务",
    filters=(
        *_date_filters("biz_day", "日期"),
        Filter(Field("kind", "业务", Choice(RECEIPT_KINDS), required=False), "kind = %(kind)s"),
        Filter(
            Field("receipt_no", "回单号", Text(20), required=False), "receipt_no = %(receipt_no)s"
        ),
    ),
    columns=(
        Field("receipt_no", "回单号", Text(), width=110),
        Field("biz_day", "日期", Day(), width=100),
        Field("kind", "业务", Choice(RECEIPT_KINDS), width=110),
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

QUERIES: tuple[Query, ...] = (ROSTER, PAYMENTS, PAYMENT_PERSONS, RECEIPTS)


def query_of(code: str) -> Query:
    """Raises KeyError for a code that no query has."""
    for query in QUERIES:
        if query.code == code:
            return query
    raise KeyError(code)
