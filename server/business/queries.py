"""The list of all queries, in the order of the menus."""

from __future__ import annotations

from collections.abc import Iterator

from server.business.base import Business, Field
from server.business.businesses import BUSINESSES, LABELS
from server.business.change_queries import CHANGE_QUERIES
from server.business.deposit_proof import DEPOSITS, PROOF_UNIT
from server.business.interest_queries import INTEREST_STATEMENTS, INTEREST_YEAR
from server.business.kinds import Choice, Day, Money, Serial, Stamp, Text, Whole
from server.business.payment_queries import (
    PAYMENT_PERSONS,
    PAYMENT_PROGRESS,
    PAYMENT_STEPS,
    PAYMENTS,
)
from server.business.query import RECEIPT_NO, Filter, Query, date_filters
from server.business.remittance_queries import REMITTANCE_CHANGES, REMITTANCE_MONTHS
from server.business.roster_queries import ROSTER, SEAL_CHANGES
from server.business.transfer_queries import TRANSFERS
from server.business.unit_queries import REGISTRATION_CHANGES, REGISTRATION_RECORD, UNIT_RECORD

PRINTED = {"0": "未打印", "1": "已打印"}

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
        Filter(
            Field("printed", "打印情况", Choice(PRINTED), required=False),
            "(prints > 0) = (%(printed)s = '1')",
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
    source=f"""
        select r.year, r.number, r.biz_day, r.business as kind, r.title,
               {RECEIPT_NO}, r.row_count as persons,
               r.amount_fen as amount, r.txn_id as serial, r.issued_at,
               (select count(*) from print p
                where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number
                 and p.job is not null) as prints
        from receipt r where r.unit_id = %(unit_id)s""",
    order="year, number",
    newest_first=True,
    is_receipts=True,
)

QUERIES: tuple[Query, ...] = (
    UNIT_RECORD, TRANSFERS, ROSTER, PAYMENTS, PAYMENT_PERSONS, PAYMENT_PROGRESS, PAYMENT_STEPS,
    SEAL_CHANGES, REMITTANCE_MONTHS, REMITTANCE_CHANGES, *CHANGE_QUERIES, INTEREST_STATEMENTS,
    INTEREST_YEAR, REGISTRATION_CHANGES, REGISTRATION_RECORD, DEPOSITS, PROOF_UNIT, RECEIPTS,
)  # fmt: skip


def in_manual_order() -> Iterator[Business | Query]:
    """What the menus lead to: businesses before queries, but after them in a menu of queries."""
    yield from (b for b in BUSINESSES if not b.menu.endswith("查询"))
    yield from (q for q in QUERIES if q.menu)
    yield from (b for b in BUSINESSES if b.menu.endswith("查询"))


def query_of(code: str) -> Query:
    """Raises KeyError for a code that no query has."""
    for query in QUERIES:
        if query.code == code:
            return query
    raise KeyError(code)
