"""冲正: the counter takes back a business of the present day, by the same lines in red."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from server import payments, units
from server.business.base import Line, Spread
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES, business_of
from server.business.chart import Gl
from server.business.check import Checked
from server.business.counter import REFUND, REVERSAL
from server.business.facts import Unit, UnitStatus
from server.business.month import Month
from server.business.refusals import refused
from server.db import Connection, new_id
from server.ledger.entry import Posting, Transaction
from server.receipts import issue
from server.submission import Operator

# Their entries pay the month that they name.
PAYING = [b.code for b in BUSINESSES + COUNTER_BUSINESSES if b.payment]


@dataclass(frozen=True)
class Original:
    """The business to be taken back, as the ledger has it."""

    unit_id: int
    txn_id: int
    business: str
    biz_day: datetime.date
    rows: int
    batch_id: int | None
    payment_id: int | None
    paid_before: Month | None
    postings: list[Posting]
    lines: list[Line]

    @property
    def amount_fen(self) -> int:
        return sum(p.amount_fen for p in self.postings)

    @property
    def is_of_roster(self) -> bool:
        payment = business_of(self.business).payment
        return payment is not None and payment.spread is Spread.ROSTER

    @property
    def by_bank_fen(self) -> int:
        """What the bank collected for it; a cheque came to the bank by itself."""
        if self.payment_id is None:
            return 0
        return sum(p.amount_fen for p in self.postings if p.debit is Gl.DEPOSITS)


@dataclass(frozen=True)
class Reversed:
    """What was done; ``refund_id`` is the payment that brings collected money back."""

    serial: int
    receipt_no: str
    refund_id: int | None


async def reverse(
    conn: Connection,
    operator: Operator,
    txn_id: int,
    reason: str,
    idem: str,
    *,
    is_returned: bool = False,
) -> Reversed:
    """Takes ``txn_id`` of the operator's unit back, at most once; ``idem`` again gives the first
    answer. What the bank collected goes to 错账待处理 and from there back to the payer, unless the
    bank has returned it by itself already (``is_returned``)."""
    unit_id = operator.unit_id
    await units.lock(conn, unit_id)
    if seen := await _seen(conn, unit_id, idem):
        return seen
    original = await _original(conn, unit_id, txn_id)
    unit = await units.facts(conn, unit_id)
    await _refuse(conn, unit, original)
    red = [Posting(p.debit, p.credit, -p.amount_fen) for p in original.postings]
    owed_fen = 0 if is_returned else original.by_bank_fen
    if owed_fen:
        red.append(Posting(Gl.DEPOSITS, Gl.ERRORS, owed_fen))
    label = business_of(original.business).label
    head = {
        "reverses": txn_id, "what": label, "reason": reason, "amount": -original.amount_fen,
    }  # fmt: skip
    shown = {f.key: f.kind.show(head[f.key]) for f in REVERSAL.head}
    txn = Transaction(
        unit_id, new_id(), REVERSAL.code, unit.business_day, operator.operator_id,
        operator.login_kind, idem, original.rows, sum(p.amount_fen for p in red), shown,
        reverses=txn_id, postings=red,
        lines=[
            Line(line.account, line.month, -line.unit_fen, -line.amount_fen)
            for line in original.lines
        ],
    )  # fmt: skip
    number = await issue.post_with_receipt(
        conn, operator.name, REVERSAL, unit, txn, Checked(head), None
    )
    await _restore(conn, original)
    refund_id = await _refund(conn, operator, original, txn, owed_fen) if owed_fen else None
    return Reversed(txn.txn_id, number, refund_id)


async def _seen(conn: Connection, unit_id: int, idem: str) -> Reversed | None:
    rows = await conn.execute(
        """
        select t.txn_id, p.payment_id from txn t
        left join payment p on p.unit_id = t.unit_id and p.idem = 'refund-' || t.txn_id
        where t.unit_id = %s and t.idem = %s
        """,
        (unit_id, idem),
    )
    row = await rows.fetchone()
    if row is None:
        return None
    return Reversed(row[0], await issue.number_of(conn, unit_id, row[0]) or "", row[1])


async def _original(conn: Connection, unit_id: int, txn_id: int) -> Original:
    rows = await conn.execute(
        """
        select business, biz_day, rows, batch_id, payment_id, paid_before from txn
        where unit_id = %s and txn_id = %s
        """,
        (unit_id, txn_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    business, day, count, batch_id, payment_id, paid_before = row
    lines = await conn.execute(
        """
        select debit, credit, amount_fen from posting
        where unit_id = %s and txn_id = %s order by line
        """,
        (unit_id, txn_id),
    )
    entries = await conn.execute(
        """
        select acct_id, month, unit_fen, amount_fen from entry
        where unit_id = %s and txn_id = %s order by acct_id, month
        """,
        (unit_id, txn_id),
    )
    return Original(
        unit_id, txn_id, business, day, count, batch_id, payment_id,
        None if paid_before is None else Month(paid_before),
        [Posting(Gl(d), Gl(c), fen) for d, c, fen in await lines.fetchall()],
        [Line(account, Month(m), part, fen) for account, m, part, fen in await entries.fetchall()],
    )  # fmt: skip


async def _refuse(conn: Connection, unit: Unit, original: Original) -> None:
    """Ruling 8: only a money business of the present day that nothing has been built on."""
    label = business_of(original.business).label
    rows = await conn.execute(
        "select 1 from txn where unit_id = %s and reverses = %s", (unit.unit_id, original.txn_id)
    )
    if await rows.fetchone():
        raise refused("E07")
    payment = business_of(original.business).payment
    if payment is None or not payment.is_reversible:
        raise refused("E08", what=label)
    if original.biz_day != unit.business_day:
        raise refused("E05")
    for serial in unit.paying.values():
        raise refused("G02", serial=serial)
    if later := await _depending(conn, original):
        raise refused("E06", what=business_of(later).label)
    to_prepayment = sum(p.amount_fen for p in original.postings if p.credit is Gl.PREPAYMENT)
    if to_prepayment > unit.prepayment_fen:
        raise refused("E09")


async def _depending(conn: Connection, original: Original) -> str | None:
    """The business of a later posting, itself not taken back, on the account of somebody here; or
    for a month that would be unpaid again."""
    unpaid_from = original.paid_before if original.is_of_roster else None
    rows = await conn.execute(
        """
        select t.business
        from chain mine
        join chain c on c.unit_id = mine.unit_id and c.position > mine.position
        join txn t on t.unit_id = c.unit_id and t.txn_id = c.txn_id and t.reverses is null
        where mine.unit_id = %(unit)s and mine.txn_id = %(txn)s
          and not exists (select from txn r where r.unit_id = t.unit_id and r.reverses = t.txn_id)
          and exists (select from entry e where e.unit_id = t.unit_id and e.txn_id = t.txn_id
                      and (e.acct_id = any(%(accounts)s)
                           or (e.month > %(paid)s::int and t.business = any(%(paying)s))))
        order by c.position limit 1
        """,
        {
            "unit": original.unit_id, "txn": original.txn_id,
            "accounts": sorted({line.account for line in original.lines}),
            "paid": None if unpaid_from is None else int(unpaid_from), "paying": PAYING,
        },
    )  # fmt: skip
    row = await rows.fetchone()
    return row[0] if row else None


async def _restore(conn: Connection, original: Original) -> None:
    """Paid-through months and the unit's status as they were (ruling 24); the batch is marked."""
    unit_id = original.unit_id
    if original.is_of_roster:
        await conn.execute(
            f"""
            update unit u set paid_through = %(before)s,
                   status = case when u.status = '01'
                                  and not exists (select from {units.REMITTED})
                            then %(opened)s else u.status end
            where unit_id = %(unit)s
            """,
            {
                "unit": unit_id,
                "roster": units.ROSTER,
                "before": original.paid_before,
                "opened": UnitStatus.OPENED,
            },
        )
        await conn.execute(
            f"""
            update account a set paid_through = greatest(paid.through, a.brought_through)
            from unnest(%(accounts)s::bigint[]) as l(acct_id)
            left join (
                select e.acct_id, max(e.month) as through
                from (select t.unit_id, t.txn_id from {units.REMITTED}) t
                join entry e on e.unit_id = t.unit_id and e.txn_id = t.txn_id
                group by 1) paid using (acct_id)
            where a.unit_id = %(unit)s and a.acct_id = l.acct_id
            """,
            {
                "unit": unit_id,
                "roster": units.ROSTER,
                "accounts": sorted({line.account for line in original.lines}),
            },
        )
    if original.batch_id is not None:
        await conn.execute(
            "update batch set state = 'reversed' where unit_id = %s and batch_id = %s",
            (unit_id, original.batch_id),
        )


async def _refund(
    conn: Connection, operator: Operator, original: Original, txn: Transaction, amount_fen: int
) -> int:
    """Asks for the money to go back to the account that it came from."""
    rows = await conn.execute(
        "select account_no from payment where unit_id = %s and payment_id = %s",
        (original.unit_id, original.payment_id),
    )
    row = await rows.fetchone()
    assert row is not None, "the bank collected it by a payment"
    payment = payments.Payment(
        unit_id=original.unit_id,
        payment_id=new_id(),
        business=REFUND.code,
        batch_id=None,
        idem=f"refund-{txn.txn_id}",
        operator_id=operator.operator_id,
        operator_name=operator.name,
        login_kind=operator.login_kind,
        amount_fen=amount_fen,
        account_no=row[0],
        direction=payments.OUT,
    )
    await payments.create(conn, payment)
    return payment.payment_id


def reversal_of(refund: payments.Payment) -> int:
    """The serial of the reversal that owes it: ``refund-REVERSAL``, and after a refusal by the bank
    ``refund-REVERSAL-REFUSED``."""
    return int(refund.idem.split("-")[1])


async def complete_refund(conn: Connection, payment: payments.Payment) -> None:
    """The bank has paid the refund: 错账待处理 is settled."""
    unit = await units.facts(conn, payment.unit_id)
    head = {
        "reversal": reversal_of(payment),
        "amount": payment.amount_fen,
        "payee": f"****{payment.account_no[-4:]}",
    }
    shown = {f.key: f.kind.show(head[f.key]) for f in REFUND.head}
    txn = Transaction(
        payment.unit_id, payment.payment_id, REFUND.code, unit.business_day, payment.operator_id,
        payment.login_kind, payment.idem, 0, payment.amount_fen, shown,
        payment_id=payment.payment_id,
        postings=[Posting(Gl.ERRORS, Gl.DEPOSITS, payment.amount_fen)],
    )  # fmt: skip
    await issue.post_with_receipt(
        conn, payment.operator_name, REFUND, unit, txn, Checked(head), payment
    )
