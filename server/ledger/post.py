"""Posts one transaction: the only place that writes the ledger, set-based and in one pipeline.

The caller holds the unit's lock and its transaction. Nothing is read back but row counts and sums,
which must agree with what the caller was told is due; otherwise everything is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg.types.json as pg_json

from server.business.base import Gl
from server.business.month import Month
from server.db import Connection
from server.ledger.entry import Transaction


class LedgerMismatch(RuntimeError):
    """What was posted is not what was due; the transaction is rolled back."""


INSERT_TXN = """
    insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen,
                     method, head, batch_id, payment_id, idem)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_POSTING = """
    insert into posting (unit_id, txn_id, line, debit, credit, amount_fen)
    values (%s, %s, %s, %s, %s, %s)
"""
# The right sides see the old balance: the product is brought up to the day first, by design.
CREDIT_ACCOUNTS = """
    update account set product = product + balance_fen * (%(day)s::date - product_day),
           product_day = %(day)s,
           balance_fen = balance_fen + unit_fen + personal_fen, paid_through = %(month)s
    where unit_id = %(unit)s and from_month <= %(month)s and until_month > %(month)s
"""
INSERT_ENTRIES = """
    insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
    select unit_id, acct_id, %(txn)s, %(month)s, %(day)s, unit_fen, unit_fen + personal_fen,
           balance_fen
    from account where unit_id = %(unit)s and from_month <= %(month)s and until_month > %(month)s
"""
# The same for whoever was on that month's roster by an earlier segment.
CREDIT_EARLIER = """
    update account a set product = product + balance_fen * (%(day)s::date - product_day),
           product_day = %(day)s,
           balance_fen = balance_fen + s.unit_fen + s.personal_fen,
           paid_through = greatest(paid_through, %(month)s)
    from segment s
    where a.unit_id = %(unit)s and s.unit_id = %(unit)s and s.acct_id = a.acct_id
      and s.from_month <= %(month)s and s.until_month > %(month)s
"""
INSERT_EARLIER = """
    insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
    select a.unit_id, a.acct_id, %(txn)s, %(month)s, %(day)s, s.unit_fen,
           s.unit_fen + s.personal_fen, a.balance_fen
    from segment s join account a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
    where s.unit_id = %(unit)s and s.from_month <= %(month)s and s.until_month > %(month)s
"""
# The digest is over (account, amount, balance) of each entry as 8-byte integers, in account order.
INSERT_PART = """
    insert into txn_part (unit_id, txn_id, month, persons, amount_fen, digest)
    select %(unit)s, %(txn)s, %(month)s, count(*), coalesce(sum(amount), 0),
           sha256(coalesce(string_agg(
               int8send(acct_id) || int8send(amount) || int8send(balance_fen),
               ''::bytea order by acct_id), ''))
    from (select acct_id, unit_fen + personal_fen as amount, balance_fen from account
          where unit_id = %(unit)s and from_month <= %(month)s and until_month > %(month)s
          union all
          select a.acct_id, s.unit_fen + s.personal_fen, a.balance_fen
          from segment s join account a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
          where s.unit_id = %(unit)s and s.from_month <= %(month)s and s.until_month > %(month)s
         ) roster
    returning persons, amount_fen
"""
MOVE_UNIT = """
    update unit set deposits_fen = deposits_fen + %(deposits)s,
           members_fen = members_fen + %(members)s,
           prepayment_fen = prepayment_fen + %(prepayment)s,
           paid_through = coalesce(%(paid_through)s, paid_through),
           status = case when status = '02' and %(paid_through)s::int is not null then '01'
                         else status end
    where unit_id = %(unit)s
"""
# One chain per unit: each hash covers the one before, the transaction, its postings and its parts.
CHAIN_TEXT = """
    select concat_ws('|', t.unit_id, t.txn_id, t.business, t.biz_day, t.operator_id, t.login_kind,
                     t.rows, t.total_fen, coalesce(t.method, ''), t.head::text, t.idem,
        (select string_agg(concat_ws(',', line, debit, credit, amount_fen), ';' order by line)
         from posting p where p.unit_id = t.unit_id and p.txn_id = t.txn_id),
        (select string_agg(concat_ws(',', month, persons, amount_fen, encode(digest, 'hex')), ';'
                           order by month)
         from txn_part m where m.unit_id = t.unit_id and m.txn_id = t.txn_id))
    from txn t where t.unit_id = %(unit)s and t.txn_id = %(txn)s
"""
EXTEND_CHAIN = f"""
    with link as (
        update unit set chain_length = chain_length + 1,
               chain_hash = sha256(chain_hash || convert_to(({CHAIN_TEXT}), 'UTF8'))
        where unit_id = %(unit)s returning chain_length, chain_hash)
    insert into chain (unit_id, position, txn_id, hash)
    select %(unit)s, chain_length, %(txn)s, chain_hash from link
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """How many persons were credited in the largest month, how many entries, and their sum."""

    persons: int
    entries: int
    amount_fen: int


async def post(conn: Connection, txn: Transaction) -> Posted:
    """Writes ``txn`` and what follows; its key a second time violates ``txn_unit_id_idem_key``."""
    ids = {"unit": txn.unit_id, "txn": txn.txn_id}
    parts = []
    async with conn.pipeline():
        await conn.execute(INSERT_TXN, _txn_row(txn))
        for line, posting in enumerate(txn.postings, 1):
            row = (txn.unit_id, txn.txn_id, line, posting.debit, posting.credit, posting.amount_fen)
            await conn.execute(INSERT_POSTING, row)
        for month in txn.months:
            parts.append(await _credit_month(conn, txn, month))
        await conn.execute(MOVE_UNIT, ids | _moves(txn))
        await conn.execute(EXTEND_CHAIN, ids)
    most = entries = amount_fen = 0
    for inserted, earlier, part in parts:
        persons, part_fen = await part.fetchone() or (0, 0)
        if inserted.rowcount + earlier.rowcount != persons:
            raise LedgerMismatch("entries do not agree with the roster")
        most = max(most, persons)
        entries, amount_fen = entries + persons, amount_fen + part_fen
    members_fen = sum(p.amount_fen for p in txn.postings if p.credit is Gl.MEMBERS)
    if amount_fen != members_fen:
        raise LedgerMismatch("entries do not sum up to account 201")
    return Posted(most, entries, amount_fen)


async def _credit_month(conn: Connection, txn: Transaction, month: Month) -> tuple:  # type: ignore[type-arg]
    values = {"unit": txn.unit_id, "txn": txn.txn_id, "day": txn.biz_day, "month": int(month)}
    await conn.execute(CREDIT_ACCOUNTS, values)
    inserted = await conn.execute(INSERT_ENTRIES, values)
    await conn.execute(CREDIT_EARLIER, values)
    earlier = await conn.execute(INSERT_EARLIER, values)
    return inserted, earlier, await conn.execute(INSERT_PART, values)


def _txn_row(txn: Transaction) -> tuple[object, ...]:
    return (
        txn.unit_id, txn.txn_id, txn.business, txn.biz_day, txn.operator_id, txn.login_kind,
        txn.rows, txn.total_fen, txn.method, pg_json.Jsonb(dict(txn.head)), txn.batch_id,
        txn.payment_id, txn.idem,
    )  # fmt: skip


def _moves(txn: Transaction) -> dict[str, object]:
    """How far each of the unit's balances moves: 101 is an asset, 201 and 219 are owed."""

    def moved(gl: Gl) -> int:
        debits = sum(p.amount_fen for p in txn.postings if p.debit is gl)
        credits = sum(p.amount_fen for p in txn.postings if p.credit is gl)
        return debits - credits

    return {
        "deposits": moved(Gl.DEPOSITS),
        "members": -moved(Gl.MEMBERS),
        "prepayment": -moved(Gl.PREPAYMENT),
        "paid_through": int(txn.months[-1]) if txn.months else None,
    }
