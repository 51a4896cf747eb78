"""暂收 (21902): money at the bank whose owner is not known, held until somebody claims it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from server import units
from server.business.bank import SUSPENSE, SUSPENSE_END
from server.business.base import Business
from server.business.chart import Gl
from server.business.check import Checked
from server.business.counter import CLAIM
from server.business.facts import UNIT_STATUSES, Values
from server.business.refusals import refused
from server.db import Connection, new_id
from server.ledger.entry import Posting, Transaction
from server.outside.bank_wire import Detail
from server.receipts import issue
from server.submission import Operator

CENTRE_CLERK = Operator(units.CENTRE, 0, "系统", "bank")


@dataclass(frozen=True)
class Held:
    """One receipt in 暂收."""

    bank_serial: str
    bank_day: datetime.date
    amount_fen: int
    account_no: str
    holder: str
    remark: str
    txn_id: int


@dataclass(frozen=True)
class Claimed:
    """What a claim did in the unit's books."""

    serial: int
    receipt_no: str
    amount_fen: int


async def book(
    conn: Connection,
    clerk: Operator,
    business: Business,
    head: Values,
    postings: Sequence[Posting],
    idem: str,
    reverses: int | None = None,
) -> tuple[int, str]:
    """Posts in the books of the clerk's unit, locked by the caller; the serial and the receipt."""
    unit = await units.facts(conn, clerk.unit_id)
    shown = {f.key: f.kind.show(head[f.key]) for f in business.head if head.get(f.key)}
    txn = Transaction(
        clerk.unit_id, new_id(), business.code, unit.business_day, clerk.operator_id,
        clerk.login_kind, idem, 0, sum(p.amount_fen for p in postings), shown,
        reverses=reverses, postings=postings,
    )  # fmt: skip
    number = await issue.post_with_receipt(
        conn, clerk.name, business, unit, txn, Checked(dict(head)), None
    )
    return txn.txn_id, number


async def hold(conn: Connection, detail: Detail) -> int:
    """借 101 贷 21902, once for each bank serial that is not held; the posting's serial."""
    await units.lock(conn, units.CENTRE)
    rows = await conn.execute(
        "select ended_txn_id from suspense where bank_serial = %s", (detail.bank_serial,)
    )
    earlier = await rows.fetchone()
    head = {
        "bank_serial": detail.bank_serial, "bank_day": detail.bank_day, "party": detail.holder,
        "words": detail.remark, "amount": detail.amount_fen,
    }  # fmt: skip
    idem = f"suspense-{detail.bank_serial}" + (f"-{earlier[0]}" if earlier else "")
    postings = [Posting(Gl.DEPOSITS, Gl.SUSPENSE, detail.amount_fen)]
    txn_id, _ = await book(conn, CENTRE_CLERK, SUSPENSE, head, postings, idem)
    # What a cheque was found for is held again when that cheque is taken back.
    await conn.execute(
        """
        insert into suspense (bank_serial, amount_fen, account_no, holder, remark, bank_day, txn_id)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (bank_serial) do update
            set txn_id = excluded.txn_id, state = 'open', ended_txn_id = null, ended_at = null,
                unit_id = null, unit_txn_id = null
        """,
        (
            detail.bank_serial, detail.amount_fen, detail.account_no, detail.holder, detail.remark,
            detail.bank_day, txn_id,
        ),
    )  # fmt: skip
    return txn_id


async def find(conn: Connection, bank_serial: str) -> tuple[Held, str] | None:
    """A receipt and its state; under the centre's lock, the state stays."""
    rows = await conn.execute(
        """
        select bank_serial, bank_day, amount_fen, account_no, holder, remark, txn_id, state
        from suspense where bank_serial = %s
        """,
        (bank_serial,),
    )
    row = await rows.fetchone()
    return (Held(*row[:-1]), row[-1]) if row else None


async def owner(conn: Connection, bank_serial: str) -> tuple[int, int] | None:
    """Where a receipt went: the unit, and the business in its books."""
    rows = await conn.execute(
        "select unit_id, unit_txn_id from suspense where bank_serial = %s and unit_id is not null",
        (bank_serial,),
    )
    return await rows.fetchone()


async def held(conn: Connection) -> list[Held]:
    """All that waits for its owner, oldest first."""
    rows = await conn.execute(
        """
        select bank_serial, bank_day, amount_fen, account_no, holder, remark, txn_id
        from suspense where state = 'open' order by bank_day, bank_serial
        """
    )
    return [Held(*row) for row in await rows.fetchall()]


async def release(
    conn: Connection, receipt: Held, state: str, reason: str, to: tuple[int, int] | None = None
) -> int:
    """Takes an open receipt out again in red, under the centre's lock: it was not for us to hold,
    because the money went back, or a business (``to``) has it in the books already."""
    head = {"bank_serial": receipt.bank_serial, "amount": -receipt.amount_fen, "reason": reason}
    txn_id, _ = await book(
        conn, CENTRE_CLERK, SUSPENSE_END, head,
        [Posting(Gl.DEPOSITS, Gl.SUSPENSE, -receipt.amount_fen)],
        f"suspense-end-{receipt.txn_id}", reverses=receipt.txn_id,
    )  # fmt: skip
    await _end(conn, receipt, state, txn_id, to)
    return txn_id


async def claim(conn: Connection, operator: Operator, bank_serial: str, remark: str) -> Claimed:
    """暂收认领: into the prepayment account of the operator's unit, at most once.

    The centre's books and the unit's each balance by themselves, with 往来 (21904) between them.
    """
    await units.lock(conn, units.CENTRE)
    await units.lock(conn, operator.unit_id)
    found = await find(conn, bank_serial)
    if found is None:
        raise refused("E13")
    receipt, state = found
    if state != "open":
        raise refused("E14")
    unit = await units.facts(conn, operator.unit_id)
    if operator.unit_id == units.CENTRE or unit.status not in CLAIM.unit_statuses:
        raise refused("G01", status=UNIT_STATUSES[unit.status])
    amount_fen = receipt.amount_fen
    ended, _ = await book(
        conn, CENTRE_CLERK, SUSPENSE_END,
        {"bank_serial": bank_serial, "amount": amount_fen, "reason": f"{unit.name}认领"},
        [Posting(Gl.SUSPENSE, Gl.CLEARING, amount_fen)], f"suspense-end-{receipt.txn_id}",
    )  # fmt: skip
    head = {
        "bank_serial": bank_serial, "received_day": receipt.bank_day, "amount": amount_fen,
        "remark": remark,
    }  # fmt: skip
    txn_id, number = await book(
        conn, operator, CLAIM, head, [Posting(Gl.CLEARING, Gl.PREPAYMENT, amount_fen)],
        f"claim-{receipt.txn_id}",
    )  # fmt: skip
    await _end(conn, receipt, "claimed", ended, (operator.unit_id, txn_id))
    return Claimed(txn_id, number, amount_fen)


async def _end(
    conn: Connection, receipt: Held, state: str, ended_txn_id: int, to: tuple[int, int] | None
) -> None:
    unit_id, unit_txn_id = to or (None, None)
    await conn.execute(
        """
        update suspense set state = %s, ended_txn_id = %s, unit_id = %s, unit_txn_id = %s,
               ended_at = now()
        where bank_serial = %s and state = 'open'
        """,
        (state, ended_txn_id, unit_id, unit_txn_id, receipt.bank_serial),
    )
