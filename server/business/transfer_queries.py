"""单位下个人转移查询 (U6): who came to the unit from another one, and who went."""

from __future__ import annotations

from server.business.base import Field
from server.business.kinds import Account, Choice, Day, Masked, Money, MonthKind, Serial, Text
from server.business.query import PERSON_FILTERS, RECEIPT_NO, Filter, Query, date_filters
from server.business.transfer import TRANSFER, TRANSFER_OUT

DIRECTIONS = {TRANSFER.code: "转入", TRANSFER_OUT.code: "转出"}

TRANSFERS = Query(
    code="transfers",
    label="单位下个人转移查询",
    menu="员工信息查询",
    filters=(
        *date_filters("biz_day", "日期"),
        Filter(
            Field("direction", "方向", Choice(DIRECTIONS), required=False),
            "direction = %(direction)s",
        ),
        *PERSON_FILTERS,
    ),
    columns=(
        Field("biz_day", "日期", Day(), width=100),
        Field("direction", "方向", Choice(DIRECTIONS), width=60),
        Field("account", "个人账号", Account(), width=120),
        Field("name", "姓名", Text(), width=120),
        Field("id_mask", "证件号码", Masked(), width=160),
        Field("from_name", "转出单位", Text(), width=180),
        Field("from_unit", "转出单位账号", Text(), width=120),
        Field("to_name", "转入单位", Text(), width=180),
        Field("to_unit", "转入单位账号", Text(), width=120),
        Field("amount", "转移金额", Money(), summed=True),
        Field("month", "生效年月", MonthKind(), width=90),
        Field("serial", "业务流水号", Serial(), width=170),
        Field("receipt_no", "回单号", Text(), width=110),
    ),
    source=f"""
        select t.txn_id as serial, e.acct_id as account, t.biz_day, t.business as direction,
               a.name, a.id_mask, abs(e.amount_fen) as amount, v.month,
               coalesce(t.head->>'from_name', u.name) as from_name,
               coalesce(t.head->>'from_unit', u.unit_id::text) as from_unit,
               coalesce(t.head->>'to_name', u.name) as to_name,
               coalesce(t.head->>'to_unit', u.unit_id::text) as to_unit,
               {RECEIPT_NO}
        from event v
        join txn t on t.unit_id = v.unit_id and t.txn_id = v.txn_id
        join unit u on u.unit_id = v.unit_id
        join entry e on e.unit_id = v.unit_id and e.txn_id = v.txn_id and e.acct_id = v.acct_id
        join account a on a.unit_id = v.unit_id and a.acct_id = v.acct_id
        join receipt r on r.unit_id = v.unit_id and r.txn_id = v.txn_id
        where v.unit_id = %(unit_id)s and v.std = '{TRANSFER.std}'""",
    order="serial, account",
    newest_first=True,
)
