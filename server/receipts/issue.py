"""Posts a business with its receipt, and gives its one PDF: rendered and signed once, stored."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from server import queries
from server.business.base import Business, Field
from server.business.businesses import business_of
from server.business.check import Checked
from server.business.facts import Unit, Values
from server.business.queries import query_of
from server.business.query import PARENT, Query
from server.business.refusals import refused
from server.db import Connection
from server.ledger.entry import Receipt, Transaction
from server.ledger.post import post
from server.payments import Payment
from server.receipts import codes
from server.receipts.layout import Column, ReceiptData

# The centre's name and the key of its codes, for good: codes are printed. Each connection reads
# them once.
_centres: WeakKeyDictionary[Connection, tuple[str, bytes]] = WeakKeyDictionary()
LOGINS = {
    "certificate": "证书登录",
    "password": "密码登录",
    "counter": "中心柜台",
    "bank": "银行通知",
    "transfer": "由转入单位办理",
}


def show_number(year: int, number: int) -> str:
    """As printed, typed and asked for: ``2026-000123``."""
    return f"{year}-{number:06d}"


def parse_number(text: str) -> tuple[int, int]:
    """Raises N04 for what is no receipt number."""
    year, _, number = text.partition("-")
    is_number = text.isascii() and year.isdigit() and number.isdigit()
    if not (is_number and len(year) == 4 and len(number) <= 9):
        raise refused("N04")
    return int(year), int(number)


async def post_with_receipt(
    conn: Connection,
    operator_name: str,
    business: Business,
    unit: Unit,
    txn: Transaction,
    checked: Checked,
    payment: Payment | None,
    concerned: int = 0,
) -> str:
    """Posts under the unit's lock, and stores what will be printed; the receipt's number.

    ``concerned`` counts the persons of a business that has neither rows nor entries."""
    centre, key = await _centre(conn)
    content = {
        "centre": centre,
        "unit_name": unit.name,
        "operator": operator_name,
        "login": LOGINS.get(txn.login_kind, txn.login_kind),
        "facts": await _stated(conn, business, unit) + _facts(business, checked, payment),
        "columns": [
            [f.key, f.label, f.width, f.kind.align_right, f.summed] for f in _columns(business)
        ],
        "rows": await _rows(conn, business, unit, checked),
        "row_unit": business.row_unit,
        "closing": business.closing,
    }
    receipt = Receipt(
        title=business.receipt,
        code=codes.new_code(key),
        content=json.dumps(content, ensure_ascii=False),
        amount_fen=txn.total_fen if business.payment or business.brought_from else None,
        row_count=len(checked.rows) or concerned or None,
    )
    posted = await post(conn, txn, receipt)
    assert posted.receipt_number is not None, "a receipt has a number"
    return show_number(txn.biz_day.year, posted.receipt_number)


async def _centre(conn: Connection) -> tuple[str, bytes]:
    known = _centres.get(conn)
    if known is None:
        row = await (await conn.execute("select name, code_key from centre")).fetchone()
        assert row is not None, "the centre has been opened"
        known = _centres[conn] = (row[0], bytes(row[1]))
    return known


def _columns(business: Business) -> Sequence[Field]:
    fields = query_of(business.listed).columns if business.listed else business.rows
    return [f for f in fields if f.on_receipt]


async def _rows(
    conn: Connection, business: Business, unit: Unit, checked: Checked
) -> list[list[str]]:
    """What was typed; or as it stands now, of a list that is asked with the head's values. One that
    is asked with the business itself follows from the books, and is read with the first sight."""
    if checked.rows:
        return await asyncio.to_thread(_texts, business, checked)
    if not business.listed or is_asked_later(query_of(business.listed)):
        return []
    listed = query_of(business.listed)
    values = {f.field.key: checked.head[f.field.key] for f in listed.filters}
    keys = [f.key for f in _columns(business)]
    return await _listed_lines(conn, listed, unit.unit_id, values, keys)


def is_asked_later(listed: Query) -> bool:
    """Whether the list is of what the business has done itself."""
    return any(f.field.key == PARENT for f in listed.filters)


async def _stated(conn: Connection, business: Business, unit: Unit) -> list[tuple[str, str]]:
    """The unit's own record as it stands now, where the description asks for one."""
    if not business.record:
        return []
    query = query_of(business.record)
    row = (await queries.run(conn, query, unit.unit_id, {}, limit=1)).rows[0]
    found = ((c, queries.inside(c.kind, row[c.key])) for c in query.columns)
    return [(c.label, c.kind.show(value)) for c, value in found if value not in (None, "")]


def _facts(business: Business, checked: Checked, payment: Payment | None) -> list[tuple[str, str]]:
    facts = [
        (f.label, _fact(f, checked))
        for f in business.head
        if f.on_receipt and checked.head.get(f.key) not in (None, "") and _says(f, checked)
    ]
    if payment is not None and payment.bank_serial:
        facts.append(("银行流水号", payment.bank_serial))
    return facts


def _says(field: Field, checked: Checked) -> bool:
    """What may be left empty, and was typed as it is today, changes nothing."""
    return field.today is None or field.required or field.key in checked.changed


def _fact(field: Field, checked: Checked) -> str:
    """A value, or old and new of what was changed; as masked as a receipt may show it."""
    shown, before = field.kind.mask(checked.head[field.key]), checked.today.get(field.key)
    if field.key not in checked.changed:
        return shown
    return f"{field.kind.mask(before) if before not in (None, '') else '（空）'} → {shown}"


def _texts(business: Business, checked: Checked) -> list[list[str]]:
    fields = [f for f in business.rows if f.on_receipt]
    return [
        [f.kind.mask(row[f.key]) if f.key in row else "" for f in fields] for row in checked.rows
    ]


async def number_of(conn: Connection, unit_id: int, txn_id: int) -> str | None:
    rows = await conn.execute(
        "select year, number from receipt where unit_id = %s and txn_id = %s", (unit_id, txn_id)
    )
    row = await rows.fetchone()
    return show_number(*row) if row else None


@dataclass(frozen=True)
class Press:
    """What turns a receipt into its document, outside the event loop: ``render``, then ``sign``;
    what proves nothing is only rendered."""

    render_signed: Callable[[ReceiptData], Awaitable[bytes]]
    public_url: str
    render: Callable[[ReceiptData], Awaitable[bytes]]


async def stored_pdf(conn: Connection, press: Press, unit_id: int, year: int, number: int) -> bytes:
    """The receipt's one document. The first call renders, signs and stores it."""
    rows = await conn.execute(
        "select pdf from receipt_pdf where unit_id = %s and year = %s and number = %s",
        (unit_id, year, number),
    )
    if row := await rows.fetchone():
        return bytes(row[0])
    pdf = await press.render_signed(await _receipt(conn, press, unit_id, year, number))
    await conn.execute(
        """
        insert into receipt_pdf (unit_id, year, number, pdf, sha256) values (%s, %s, %s, %s, %s)
        on conflict do nothing
        """,
        (unit_id, year, number, pdf, hashlib.sha256(pdf).digest()),
    )
    rows = await conn.execute(
        "select pdf from receipt_pdf where unit_id = %s and year = %s and number = %s",
        (unit_id, year, number),
    )
    first = await rows.fetchone()
    assert first is not None
    return bytes(first[0])


async def _receipt(
    conn: Connection, press: Press, unit_id: int, year: int, number: int
) -> ReceiptData:
    rows = await conn.execute(
        """
        select txn_id, business, title, to_char(issued_at, 'YYYY-MM-DD HH24:MI:SS'), amount_fen,
               content, code, biz_day
        from receipt where unit_id = %s and year = %s and number = %s
        """,
        (unit_id, year, number),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    txn_id, business, title, issued, amount_fen, content, code, biz_day = row
    lines: Sequence[Sequence[str]] = content["rows"]
    keys = [column[0] for column in content["columns"]]
    if keys and not lines:
        listed = query_of(business_of(business).listed)
        lines = await _listed_lines(conn, listed, unit_id, {PARENT: txn_id}, keys)
    closing = content.get("closing", "")
    return ReceiptData(
        centre=content["centre"],
        title=title,
        number=show_number(year, number),
        serial=str(txn_id),
        unit_name=content["unit_name"],
        unit_account=str(unit_id),
        issued=issued,
        operator=content["operator"],
        login=content["login"],
        code=code,
        url=f"{press.public_url}/v/{code}",
        seal=content["centre"],
        facts=[
            ("出具日期" if closing else "营业日", biz_day.isoformat()),
            *(tuple(fact) for fact in content["facts"]),
        ],
        amount_fen=amount_fen,
        columns=[_column(column) for column in content["columns"]],
        rows=lines,
        row_unit=content.get("row_unit", "人"),
        closing=closing,
        closing_day=biz_day,
    )


def _column(column: Sequence[Any]) -> Column:
    _, label, width, align_right, summed = column
    return Column(label, width, "right" if align_right else "left", summed)


async def _listed_lines(
    conn: Connection, listed: Query, unit_id: int, values: Values, keys: Sequence[str]
) -> list[list[str]]:
    kinds: Mapping[str, Field] = {f.key: f for f in listed.columns}
    lines = []
    async for row in queries.all_rows(conn, listed, unit_id, values):
        found = ((kinds[k].kind, queries.inside(kinds[k].kind, row[k])) for k in keys)
        lines.append(["" if value is None else kind.show(value) for kind, value in found])
    return lines
