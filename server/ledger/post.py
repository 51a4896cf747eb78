"""Posts one transaction and its receipt in one call; but for ``settle`` the ledger's only writer.

What is written stands in the function ``post`` (``server/migrations/sql/0011_posting.sql``). The
caller holds the unit's lock and its transaction. Nothing is read back but counts and sums, which
must agree with what the caller was told is due; otherwise everything is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from server.business.chart import Gl
from server.db import Connection
from server.ledger.entry import Receipt, Transaction, day_number


class LedgerMismatch(RuntimeError):
    """What was posted is not what was due; the transaction is rolled back."""


POST = """
    select persons, entries, credited_fen, number from post(
        unit_id => %(unit)s, txn_id => %(txn)s, business => %(business)s, biz_day => %(day)s,
        operator_id => %(operator)s, login_kind => %(login)s, rows => %(rows)s,
        total_fen => %(total)s, method => %(method)s, kind => %(kind)s, head => %(head)s,
        batch_id => %(batch)s, payment_id => %(payment)s, reverses => %(reverses)s,
        idem => %(idem)s, debits => %(debits)s, credits => %(credits)s, amounts => %(amounts)s,
        months => %(months)s, day_number => %(number)s,
        line_accounts => %(accounts)s, line_months => %(line_months)s,
        line_units => %(units)s, line_amounts => %(line_amounts)s,
        deposits_fen => %(deposits)s, members_fen => %(members)s,
        prepayment_fen => %(prepayment)s, paid_through => %(paid_through)s,
        title => %(title)s, code => %(code)s, content => %(content)s,
        amount_fen => %(amount)s, row_count => %(row_count)s)
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """How many persons were credited in the largest month, how many entries, and their sum; the
    number of the receipt, None without one."""

    persons: int
    entries: int
    amount_fen: int
    receipt_number: int | None


async def post(conn: Connection, txn: Transaction, receipt: Receipt | None = None) -> Posted:
    """Writes ``txn`` and what follows; its key a second time violates ``txn_unit_id_idem_key``."""
    rows = await conn.execute(POST, _said(txn) | _moved(txn) | _lines(txn) | _issued(receipt))
    row = await rows.fetchone()
    if row is None or row[0] is None:
        raise LedgerMismatch("there is no such unit")
    posted = Posted(*row)
    if txn.lines and posted.entries != len(txn.lines):
        raise LedgerMismatch("a person of the lines has no account in the unit")
    if posted.amount_fen != -txn.moved_fen(Gl.MEMBERS):
        raise LedgerMismatch("entries do not sum up to account 201")
    return posted


def _said(txn: Transaction) -> dict[str, object]:
    """The transaction itself."""
    return {
        "unit": txn.unit_id, "txn": txn.txn_id, "business": txn.business, "day": txn.biz_day,
        "operator": txn.operator_id, "login": txn.login_kind, "rows": txn.rows,
        "total": txn.total_fen, "method": txn.method, "kind": txn.kind,
        "head": Jsonb(dict(txn.head)), "batch": txn.batch_id, "payment": txn.payment_id,
        "reverses": txn.reverses, "idem": txn.idem,
    }  # fmt: skip


def _moved(txn: Transaction) -> dict[str, object]:
    """Its postings, whom they credit, and how far each of the unit's balances moves: 101 is an
    asset, 201 and 219 are owed."""
    return {
        "debits": _array(p.debit for p in txn.postings),
        "credits": _array(p.credit for p in txn.postings),
        "amounts": _array(p.amount_fen for p in txn.postings),
        "months": _array(txn.months),
        "number": day_number(txn.biz_day),
        "deposits": txn.moved_fen(Gl.DEPOSITS),
        "members": -txn.moved_fen(Gl.MEMBERS),
        "prepayment": -txn.moved_fen(Gl.PREPAYMENT),
        "paid_through": None if txn.paid_through is None else int(txn.paid_through),
    }


def _lines(txn: Transaction) -> dict[str, object]:
    """Whom it credits otherwise."""
    return {
        "accounts": _array(line.account for line in txn.lines),
        "line_months": _array(line.month for line in txn.lines),
        "units": _array(line.unit_fen for line in txn.lines),
        "line_amounts": _array(line.amount_fen for line in txn.lines),
    }


def _issued(receipt: Receipt | None) -> dict[str, object]:
    if receipt is None:
        return dict.fromkeys(("title", "code", "content", "amount", "row_count"))
    return {
        "title": receipt.title, "code": receipt.code, "content": receipt.content,
        "amount": receipt.amount_fen, "row_count": receipt.row_count,
    }  # fmt: skip


def _array(numbers: Iterable[int | Gl]) -> str:
    """As PostgreSQL reads arrays. psycopg looks at each list's items to find their type, which for
    a small unit takes longer than all else that is done here."""
    return f"{{{','.join(str(int(number)) for number in numbers)}}}"
