"""未付退款: a refund that the bank refused is owed (21903) until the counter asks the bank again or
puts it into the unit's prepayment account; whichever comes first, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server import payments, units
from server.business.chart import Gl
from server.business.counter import REFUND_KEPT
from server.business.facts import UNIT_STATUSES
from server.business.refusals import refused
from server.db import Connection, new_id
from server.ledger.entry import Posting
from server.payments import OUT, Payment
from server.reversal import reversal_of
from server.submission import Operator
from server.suspense import book

ELSEWHERE = {
    "posted": "银行已付给单位",
    "again": "已重新要求银行付款，流水号 {by}",
    "kept": "已转入预缴户，流水号 {by}",
}
IN_FLIGHT = "银行正在办理"


@dataclass(frozen=True)
class Owed:
    """A refund that nobody has settled; ``why`` is what the bank said of it."""

    unit_id: int
    serial: int
    begun_at: str
    amount_fen: int
    payee: str
    why: str


async def owed(conn: Connection) -> Sequence[Owed]:
    """All that the bank refused and nothing has taken the place of, oldest first."""
    rows = await conn.execute(
        """
        select unit_id, payment_id, created_at::text, amount_fen,
               '****' || right(account_no, 4), coalesce(bank_text, '')
        from payment
        where direction = 'out' and state = 'failed' and settled_by is null order by payment_id
        """
    )
    return [Owed(*row) for row in await rows.fetchall()]


async def ask_again(conn: Connection, operator: Operator, serial: int) -> int:
    """A new payment of the same amount to the same account; under the old serial the bank would
    only repeat itself. The new serial; it is sent once the caller's transaction is committed."""
    payment = await _take(conn, operator.unit_id, serial)
    again = replace(
        payment, payment_id=new_id(), idem=f"refund-{reversal_of(payment)}-{serial}",
        operator_id=operator.operator_id, operator_name=operator.name,
        login_kind=operator.login_kind, state="pending", attempts=0, bank_serial=None,
    )  # fmt: skip
    await payments.create(conn, again)
    await _settle(conn, payment, again.payment_id)
    return again.payment_id


async def keep(conn: Connection, operator: Operator, serial: int) -> tuple[int, str]:
    """借 21903 贷 21901: the unit may use it for what it pays next; the serial and the receipt."""
    payment = await _take(conn, operator.unit_id, serial)
    unit = await units.facts(conn, operator.unit_id)
    if unit.status not in REFUND_KEPT.unit_statuses:
        raise refused("G01", status=UNIT_STATUSES[unit.status])
    amount_fen = payment.amount_fen
    head = {"reversal": reversal_of(payment), "refund": serial, "amount": amount_fen}
    postings = [Posting(Gl.ERRORS, Gl.PREPAYMENT, amount_fen)]
    kept = await book(conn, operator, REFUND_KEPT, head, postings, f"kept-{serial}")
    await _settle(conn, payment, kept[0])
    return kept


async def _take(conn: Connection, unit_id: int, serial: int) -> Payment:
    """A refund that is owed, under the unit's lock; E15 for none, E16 for one that is not owed."""
    await units.lock(conn, unit_id)
    rows = await conn.execute(
        """
        select p.state, p.settled_by, exists (
            select from payment a where a.unit_id = p.unit_id and a.payment_id = p.settled_by)
        from payment p where p.unit_id = %s and p.payment_id = %s and p.direction = %s
        """,
        (unit_id, serial, OUT),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("E15")
    state, settled_by, is_asked_again = row
    if settled_by is not None:
        state = "again" if is_asked_again else "kept"
    if state != "failed":
        raise refused("E16", what=ELSEWHERE.get(state, IN_FLIGHT).format(by=settled_by))
    return (await payments.timeline(conn, unit_id, serial)).payment


async def _settle(conn: Connection, payment: Payment, by: int) -> None:
    await conn.execute(
        "update payment set settled_by = %s where unit_id = %s and payment_id = %s",
        (by, payment.unit_id, payment.payment_id),
    )
