"""Tells operators by short message how a debit ended, and what the bank took back of what was
posted; in the same transaction as that."""

from __future__ import annotations

from server import parameters
from server.business.businesses import business_of
from server.business.kinds import Money
from server.db import Connection
from server.outside.sms import PHONE, Outbox, Template
from server.payments import Payment


async def tell_payment_ended(
    conn: Connection, payment: Payment, is_posted: bool, reason: str
) -> None:
    """An operator without a usable phone number is not told; that must not stop the posting."""
    rows = await conn.execute(
        "select phone from operator where unit_id = %s and operator_id = %s",
        (payment.unit_id, payment.operator_id),
    )
    row = await rows.fetchone()
    if row is None or PHONE.fullmatch(row[0]) is None:
        return
    params = {
        "business": business_of(payment.business).label,
        "amount": Money().show(payment.amount_fen),
    }
    if is_posted:
        day = await parameters.business_day(conn)
        params |= {"day": day.isoformat(), "serial": str(payment.payment_id)}
    else:
        params |= {"reason": reason[:60] or "银行未说明"}
    template = Template.COLLECTED if is_posted else Template.NOT_COLLECTED
    await Outbox(conn).send(row[0], template, params, str(payment.payment_id))


async def tell_taken_back(
    conn: Connection,
    unit_id: int,
    txn_id: int,
    bank_serial: str,
    amount_fen: int,
    is_reversed: bool,
) -> None:
    """All operators of the unit, since whoever paid may have left; ``is_reversed`` says that the
    books follow already, and nobody has to look at it."""
    rows = await conn.execute(
        """
        select o.operator_id, o.phone, t.business
        from operator o join txn t on t.unit_id = o.unit_id and t.txn_id = %s
        where o.unit_id = %s and o.state = 'active' order by o.operator_id
        """,
        (txn_id, unit_id),
    )
    template = Template.TAKEN_BACK if is_reversed else Template.TAKEN_BACK_OPEN
    day = await parameters.business_day(conn)
    for operator_id, phone, business in await rows.fetchall():
        if PHONE.fullmatch(phone) is None:
            continue
        params = {
            "business": business_of(business).label,
            "amount": Money().show(amount_fen),
            "serial": str(txn_id),
            "day": day.isoformat(),
        }
        await Outbox(conn).send(phone, template, params, f"{bank_serial}-{operator_id}")
