"""Does what a checked batch says: changes accounts, posts, issues the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from server import audit, drafts, effects, parameters, payments, people, units
from server.business.base import Business, Method
from server.business.businesses import business_of
from server.business.chart import Gl
from server.business.check import Checked
from server.business.facts import Unit, Values
from server.business.month import Month
from server.business.parts import FROM_PREPAYMENT, PAID
from server.checking import check
from server.db import Connection
from server.ledger.entry import Posting, Transaction
from server.receipts import issue
from server.submission import Answer, Operator, Submit


async def complete(
    conn: Connection,
    operator: Operator,
    order: Submit,
    txn_id: int,
    unit: Unit,
    checked: Checked,
    payment: payments.Payment | None = None,
    left_batch_id: int | None = None,
) -> Answer:
    """Does what a checked batch says: changes accounts, posts, issues the receipt."""
    business = order.business.in_force(unit)
    concerned = await effects.apply(conn, business, unit, txn_id, checked)
    txn = _transaction(operator, replace(order, business=business), txn_id, unit, checked, payment)
    number = await issue.post_with_receipt(
        conn, operator.name, business, unit, txn, checked, payment, concerned
    )
    if business.payment is not None and business.payment.debit is Gl.MEMBERS:
        await people.mark_corrected(conn, operator.unit_id, txn_id, txn.lines)
    await drafts.set_state(conn, operator.unit_id, order.batch_id, "posted")
    if business.codes:
        await drafts.cover(conn, operator.unit_id, order.batch_id, txn.head)
    if business.is_audited:
        await audit.record(
            conn, business.code, audit.OK, operator.address, unit_id=operator.unit_id,
            operator_id=operator.operator_id, detail={"txn": txn_id},
        )  # fmt: skip
    return Answer("posted", txn_id, number, txn.rows, txn.total_fen, left_batch_id)


def _transaction(
    operator: Operator,
    order: Submit,
    txn_id: int,
    unit: Unit,
    checked: Checked,
    payment: payments.Payment | None,
) -> Transaction:
    business, head, pays = order.business, checked.head, order.business.payment
    postings = tuple(
        Posting(debit, pays.credit, amount_fen)
        for debit, amount_fen in debits(business, head).items()
        if pays
    )
    lines = [line for row in checked.rows for line in row.get("lines", ())]
    brought_fen = sum(line.amount_fen for line in lines)
    if business.brought_from and brought_fen:
        postings = (Posting(business.brought_from, Gl.MEMBERS, brought_fen),)
    until: Month | None = head[pays.until] if pays and pays.until else None
    unpaid = range(unit.next_month, until + 1) if until else ()
    shown = {spec.key: spec.kind.mask(head[spec.key]) for spec in business.head if spec.key in head}
    return Transaction(
        unit_id=operator.unit_id,
        txn_id=txn_id,
        business=business.code,
        biz_day=unit.business_day,
        operator_id=operator.operator_id,
        login_kind=operator.login_kind,
        idem=order.idem,
        rows=len(checked.rows),
        total_fen=sum(p.amount_fen for p in postings),
        head=shown,
        method=_method(business, checked),
        kind=head[pays.kind] if pays and pays.kind else None,
        batch_id=order.batch_id,
        payment_id=payment.payment_id if payment else None,
        postings=postings,
        months=[Month(m) for m in unpaid if m not in unit.deferred],
        lines=lines,
        paid_through=until,
    )


async def complete_paid(conn: Connection, payment: payments.Payment) -> Answer:
    """Posts what the bank has paid for, with what was reserved; both must still be what is due."""
    await units.lock(conn, payment.unit_id)
    business = business_of(payment.business)
    assert payment.batch_id is not None, "a debit pays for a batch"
    draft = await drafts.load(conn, payment.unit_id, business.code, payment.batch_id)
    choices = await _choices_accepted(conn, payment)
    unit, checked = await check(
        conn, payment.unit_id, business, draft.head, draft.rows, choices=choices
    )
    if checked.head.get(amount_key(business)) != payment.amount_fen + payment.reserved_fen:
        raise payments.NotWhatWasPaid("what is due has changed since the debit")
    if FROM_PREPAYMENT.key in checked.head:
        paid = {PAID.key: payment.amount_fen, FROM_PREPAYMENT.key: payment.reserved_fen}
        checked.head |= paid
    operator = Operator(
        payment.unit_id, payment.operator_id, payment.operator_name, payment.login_kind
    )
    order = Submit(business, payment.batch_id, draft.version, False, payment.idem)
    return await complete(conn, operator, order, payment.payment_id, unit, checked, payment)


async def _choices_accepted(
    conn: Connection, payment: payments.Payment
) -> Mapping[str, Mapping[str, str]]:
    """Those of the business day on which the debit was asked for: what was accepted then is posted
    as it was, though a day has been closed and a table changed since."""
    rows = await conn.execute(
        """
        select coalesce((select min(day) from day_close where closed_at > s.at),
                        (select business_day from centre))
        from payment_step s where unit_id = %s and payment_id = %s and step = 1
        """,
        (payment.unit_id, payment.payment_id),
    )
    (day,) = await rows.fetchone() or (await parameters.business_day(conn),)
    return parameters.code_tables(await parameters.in_force(conn, day))


def _method(business: Business, checked: Checked) -> Method | None:
    """How an operator pays; the counter does not."""
    payment = business.payment
    if payment is None or payment.debit is not None:
        return None
    return Method(checked.head[payment.method]) if payment.method else Method.SETTLE


def debits(business: Business, head: Values) -> dict[Gl, int]:
    """What each account pays, in fen."""
    payment = business.payment
    if payment is None:
        return {}
    if payment.debit is not None or not payment.method:
        return {payment.debit or Gl.DEPOSITS: head[payment.amount]}
    shares = {Gl.PREPAYMENT: head[FROM_PREPAYMENT.key], Gl.DEPOSITS: head[PAID.key]}
    return {gl: amount_fen for gl, amount_fen in shares.items() if amount_fen}


def amount_key(business: Business) -> str:
    assert business.payment is not None, "only a paying business has an amount"
    return business.payment.amount
