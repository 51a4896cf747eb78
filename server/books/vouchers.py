"""财务凭证: what the finance section enters in the centre's own books, each with its number."""

from __future__ import annotations

from dataclasses import dataclass

from server import units
from server.business.finance import VOUCHER, VOUCHER_KINDS
from server.business.refusals import refused
from server.db import Connection
from server.ledger.entry import Posting
from server.receipts import issue
from server.submission import Operator
from server.suspense import book


@dataclass(frozen=True)
class Entered:
    """What was posted."""

    serial: int
    voucher_no: str


async def post_voucher(
    conn: Connection, finance: Operator, kind: str, amount_fen: int, words: str, idem: str
) -> Entered:
    """Posts one of ``VOUCHER_KINDS``; ``idem`` again gives the first answer. A negative amount is
    红字: it takes back what a voucher named in ``words`` said. ``finance`` acts for the centre."""
    assert finance.unit_id == units.CENTRE, "these are the centre's own books"
    voucher = VOUCHER_KINDS[kind]
    if not amount_fen:
        raise refused("E20")
    head = {"kind": kind, "accounts": voucher.accounts, "amount": amount_fen, "words": words}
    await units.lock(conn, units.CENTRE)
    rows = await conn.execute(
        "select txn_id, business, head from txn where unit_id = %s and idem = %s",
        (units.CENTRE, idem),
    )
    if row := await rows.fetchone():
        shown = {f.key: f.kind.show(head[f.key]) for f in VOUCHER.head}
        if row[1:] != (VOUCHER.code, shown):
            raise refused("G12")
        number = await issue.number_of(conn, units.CENTRE, row[0])
        return Entered(row[0], number or "")
    lines = [Posting(voucher.debit, voucher.credit, amount_fen)]
    return Entered(*await book(conn, finance, VOUCHER, head, lines, idem))
