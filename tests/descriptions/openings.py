"""历月开户查询: how many accounts were opened in each month, and whose."""

from __future__ import annotations

from server.business.base import Field
from server.business.facts import STATUSES
from server.business.kinds import Account, Choice, Day, Money, MonthKind, PersonName, Whole
from server.business.query import PARENT, Filter, Query, date_filters

MONTH = "(extract(year from opened_day) * 12 + extract(month from opened_day) - 1)::int"

OPENINGS = Query(
    code="openings",
    label="历月开户查询",
    menu="员工信息查询",
    filters=(
        *date_filters("last_day", "最近开户日"),
        Filter(Field("month", "开户年月", MonthKind(), required=False), "month = %(month)s"),
    ),
    columns=(
        Field("month", "开户年月", MonthKind(), width=90),
        Field("persons", "开户人数", Whole(), summed=True, width=90),
        Field("last_day", "最近开户日", Day(), width=100),
        Field("monthly_fen", "月缴存额", Money(), summed=True),
        Field("balance_fen", "余额", Money(), summed=True),
    ),
    source=f"""
        select {MONTH} as month, count(*)::int as persons, max(opened_day) as last_day,
               sum(unit_fen + personal_fen)::bigint as monthly_fen,
               sum(balance_fen)::bigint as balance_fen
        from account where unit_id = %(unit_id)s and status <> '99' group by 1""",  # noqa: S608 - A constant.
    order="month",
    newest_first=True,
    drill="opening_persons",
)
OPENING_PERSONS = Query(
    code="opening_persons",
    label="历月开户明细",
    menu="",
    filters=(Filter(Field(PARENT, "开户年月", MonthKind()), "month = %(parent)s"),),
    columns=(
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", PersonName(), width=120),
        Field("opened_day", "开户日期", Day(), width=100),
        Field("status", "账户状态", Choice(STATUSES), width=90),
        Field("monthly_fen", "月缴存额", Money(), summed=True),
    ),
    source=f"""
        select acct_id as account, name, opened_day, status, {MONTH} as month,
               (unit_fen + personal_fen)::bigint as monthly_fen
        from account where unit_id = %(unit_id)s and status <> '99'""",  # noqa: S608 - A constant.
    order="account",
)
OPENING_QUERIES = (OPENINGS, OPENING_PERSONS)
