"""Posts a business with its receipt, and gives its one PDF: rendered and signed once, stored."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from server import queries, units
from server.business.base import Business, Field, Spread, Unit
from server.business.check import Checked
from server.business.payment_queries import PAYMENT_PERSONS
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
) -> str:
    """Posts under the unit's lock, and stores what will be printed; the receipt's number."""
    centre, key = await _centre(conn)
    content = {
        "centre": centre,
        "unit_name": unit.name,
        "operator": operator_name,
        "login": LOGINS.get(txn.login_kind, txn.login_kind),
        "facts": _facts(business, checked, payment),
        "columns": [
            [f.key, f.label, f.width, f.kind.align_right, f.summed] for f in _columns(business)
        ],
        "rows": await asyncio.to_thread(_texts, business, checked) if checked.rows else [],
    }
    receipt = Receipt(
        title=business.receipt,
        code=codes.new_code(key),
        content=json.dumps(content, ensure_ascii=False),
        amount_fen=txn.total_fen if business.payment else None,
        row_count=len(checked.rows) or None,
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
    if business.payment is not None and business.payment.spread is Spread.ROSTER:
        return [f for f in PAYMENT_PERSONS.columns if f.on_receipt]
    return [f for f in business.rows if f.on_receipt]


def _facts(business: Business, checked: Checked, payment: Payment | None) -> list[tuple[str, str]]:
    facts = [
        (f.label, f.kind.mask(checked.head[f.key]))
        for f in business.head
        if f.on_receipt and checked.head.get(f.key) not in (None, "")
    ]
    if payment is not None and payment.bank_serial:
        facts.append(("银行流水号", payment.bank_serial))
    return facts


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
    """What turns a receipt into its document, outside the event loop: ``render``, then ``sign``."""

    render_signed: Callable[[ReceiptData], Awaitable[bytes]]
    public_url: str


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
    txn_id, _, title, issued, amount_fen, content, code, biz_day = row
    lines: Sequence[Sequence[str]] = content["rows"]
    keys = [column[0] for column in content["columns"]]
    if keys and not lines:
        lines = await _entry_lines(conn, unit_id, txn_id, keys)
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
        facts=[("营业日", biz_day.isoformat()), *(tuple(fact) for fact in content["facts"])],
        amount_fen=amount_fen,
        columns=[_column(column) for column in content["columns"]],
        rows=lines,
    )


def _column(column: Sequence[Any]) -> Column:
    _, label, width, align_right, summed = column
    return Column(label, width, "right" if align_right else "left", summed)


async def _entry_lines(
    conn: Connection, unit_id: int, txn_id: int, keys: Sequence[str]
) -> list[list[str]]:
    """The list of persons of a payment, from the ledger itself."""
    kinds: Mapping[str, Field] = {f.key: f for f in PAYMENT_PERSONS.columns}
    lines = []
    async for row in queries.all_rows(conn, PAYMENT_PERSONS, unit_id, {"parent": txn_id}):
        lines.append([kinds[k].kind.show(queries.inside(kinds[k].kind, row[k])) for k in keys])
    return lines


@dataclass(frozen=True)
class Print:
    """One printing of a receipt; ``nth`` counts from 0: the first is the original, no reprint."""

    print_id: int
    nth: int
    mark: str


async def record_print(
    conn: Connection, unit_id: int, operator_id: int, operator_name: str, number: str, printer: str,
    print_id: int,
) -> Print:  # fmt: skip
    """Counts a printing before it goes to the printer."""
    year, sequence = parse_number(number)
    await units.lock(conn, unit_id)
    rows = await conn.execute(
        """
        insert into print (unit_id, print_id, year, number, nth, printer, operator_id)
        select unit_id, %(id)s, year, number,
               (select count(*) from print p
                where p.unit_id = r.unit_id and p.year = r.year and p.number = r.number),
               %(printer)s, %(operator)s
        from (select unit_id, year, number from receipt
              where unit_id = %(unit)s and year = %(year)s and number = %(number)s) r
        returning nth, to_char(at, 'YYYY-MM-DD HH24:MI')
        """,
        {
            "id": print_id, "unit": unit_id, "year": year, "number": sequence,
            "printer": printer, "operator": operator_id,
        },
    )  # fmt: skip
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    nth, at = row
    return Print(print_id, nth, _mark(nth, at, operator_name))


async def mark_of(conn: Connection, unit_id: int, year: int, number: int, print_id: int) -> str:
    """What a recorded printing of this receipt bears; empty for the original."""
    rows = await conn.execute(
        """
        select p.nth, to_char(p.at, 'YYYY-MM-DD HH24:MI'), coalesce(o.name, '')
        from print p left join operator o on o.unit_id = p.unit_id and o.operator_id = p.operator_id
        where p.unit_id = %s and p.year = %s and p.number = %s and p.print_id = %s
        """,
        (unit_id, year, number, print_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    return _mark(*row)


def _mark(nth: int, at: str, operator_name: str) -> str:
    return f"第{nth}次补打  {at}  {operator_name}" if nth else ""


async def set_outcome(
    conn: Connection, unit_id: int, print_id: int, outcome: str, job: str
) -> None:
    updated = await conn.execute(
        "update print set outcome = %s, job = %s where unit_id = %s and print_id = %s",
        (outcome, job, unit_id, print_id),
    )
    if not updated.rowcount:
        raise refused("N04")
