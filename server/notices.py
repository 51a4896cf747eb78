"""Tells the operator by short message how a debit ended, in the same transaction as its end."""

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
