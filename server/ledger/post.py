"""Posts one transaction: the only place that writes the ledger, set-based and in one pipeline.

The caller holds the unit's lock and its transaction. Nothing is read back but row counts and sums,
which must agree with what the caller was told is due; otherwise everything is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg.types.json as pg_json
from psycopg import AsyncCursor

from server.business.chart import Gl
from server.db import Connection
from server.ledger.entry import Transaction, day_number

# Statements that touched a row for each entry, and the one that sums the entries up.
Part = tuple[Sequence[AsyncCursor[Any]], AsyncCursor[Any]]


class LedgerMismatch(RuntimeError):
    """What was posted is not what was due; the transaction is rolled back."""


INSERT_TXN = """
    insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen,
                     method, kind, head, batch_id, payment_id, reverses, idem, paid_before)
    select unit_id, %(txn)s, %(business)s, %(day)s, %(operator)s, %(login)s, %(rows)s, %(total)s,
           %(method)s, %(kind)s, %(head)s, %(batch)s, %(payment)s, %(reverses)s, %(idem)s,
           paid_through
    from unit where unit_id = %(unit)s
"""
INSERT_POSTING = """
    insert into posting (unit_id, txn_id, line, debit, credit, amount_fen)
    values (%s, %s, %s, %s, %s, %s)
"""
CREDIT_ACCOUNTS = """
    update account set moment = moment + (unit_fen + personal_fen) * %(number)s::bigint,
           balance_fen = balance_fen + unit_fen + personal_fen, paid_through = %(month)s
    where unit_id = %(unit)s and from_month <= %(month)s and until_month > %(month)s
"""
# The same for whoever was on that month's roster by an earlier segment.
CREDIT_EARLIER = """
    update account a set moment = moment + (s.unit_fen + s.personal_fen) * %(number)s::bigint,
           balance_fen = balance_fen + s.unit_fen + s.personal_fen,
           paid_through = greatest(paid_through, %(month)s)
    from segment s
    where a.unit_id = %(unit)s and s.unit_id = %(unit)s and s.acct_id = a.acct_id
      and s.from_month <= %(month)s and s.until_month > %(month)s
"""
INSERT_ENTRIES = """
    insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
    select unit_id, acct_id, %(txn)s, %(month)s, %(day)s, unit_fen, unit_fen + personal_fen,
           balance_fen
    from account where unit_id = %(unit)s and from_month <= %(month)s and until_month > %(month)s
    union all
    select a.unit_id, a.acct_id, %(txn)s, %(month)s, %(day)s, s.unit_fen,
           s.unit_fen + s.personal_fen, a.balance_fen
    from segment s join account a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
    where s.unit_id = %(unit)s and s.from_month <= %(month)s and s.until_month > %(month)s
"""
# The digest is over (account, amount, balance) of each entry as 8-byte integers, in account order:
# that of the key, so nothing is sorted.
INSERT_PART = """
    insert into txn_part (unit_id, txn_id, month, persons, amount_fen, digest)
    select %(unit)s, %(txn)s, %(month)s, count(*), coalesce(sum(amount_fen), 0),
           sha256(coalesce(string_agg(
               int8send(acct_id) || int8send(amount_fen) || int8send(balance_fen),
               ''::bytea order by acct_id), ''))
    from entry where unit_id = %(unit)s and txn_id = %(txn)s and month = %(month)s
    returning persons, amount_fen
"""
# The same for persons, months and amounts that the caller names.
LINES = """
    unnest(%(accounts)s::bigint[], %(months)s::int[], %(units)s::bigint[], %(amounts)s::bigint[])
        as l(acct_id, month, unit_fen, amount_fen)
"""
INSERT_LINES = f"""
    insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen, balance_fen)
    select a.unit_id, a.acct_id, %(txn)s, l.month, %(day)s, l.unit_fen, l.amount_fen,
           a.balance_fen + sum(l.amount_fen) over (partition by l.acct_id order by l.month)
    from {LINES} join account a on a.unit_id = %(unit)s and a.acct_id = l.acct_id
"""
# What is taken back is taken from the current year's part first.
CREDIT_LINES = f"""
    update account a set moment = moment + s.amount * %(number)s::bigint,
           balance_fen = balance_fen + s.amount,
           prior_fen = least(prior_fen, balance_fen + s.amount),
           prior_moment = prior_moment
               - greatest(prior_fen - balance_fen - s.amount, 0) * %(number)s::bigint
    from (select acct_id, sum(amount_fen)::bigint as amount from {LINES} group by 1) s
    where a.unit_id = %(unit)s and a.acct_id = s.acct_id
"""
INSERT_LINE_PARTS = """
    insert into txn_part (unit_id, txn_id, month, persons, amount_fen, digest)
    select unit_id, txn_id, month, count(*), sum(amount_fen),
           sha256(string_agg(
               int8send(acct_id) || int8send(amount_fen) || int8send(balance_fen),
               ''::bytea order by acct_id))
    from entry where unit_id = %(unit)s and txn_id = %(txn)s and month = any(%(months)s::int[])
    group by unit_id, txn_id, month
    returning persons, amount_fen
"""
# One chain per unit: each hash covers the one before, the transaction, its postings and its parts.
CHAIN_TEXT = """
    select concat_ws('|', t.unit_id, t.txn_id, t.business, t.biz_day, t.operator_id, t.login_kind,
                     t.rows, t.total_fen, coalesce(t.method, ''), t.head::text, t.idem,
        (select string_agg(concat_ws(',', line, debit, credit, amount_fen), ';' order by line)
         from posting p where p.unit_id = t.unit_id and p.txn_id = t.txn_id),
        (select string_agg(concat_ws(',', month, persons, amount_fen, encode(digest, 'hex')), ';'
                           order by month)
         from txn_part m where m.unit_id = t.unit_id and m.txn_id = t.txn_id),
        t.kind, t.reverses)
    from txn t where t.unit_id = %(unit)s and t.txn_id = %(txn)s
"""
MOVE_UNIT = f"""
    with link as (
        update unit set deposits_fen = deposits_fen + %(deposits)s,
               members_fen = members_fen + %(members)s,
               prepayment_fen = prepayment_fen + %(prepayment)s,
               paid_through = coalesce(%(paid_through)s, paid_through),
               status = case when status = '02' and %(paid_through)s::int is not null then '01'
                             else status end,
               chain_length = chain_length + 1,
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
    day = ids | {"day": txn.biz_day, "number": day_number(txn.biz_day)}
    parts = []
    async with conn.pipeline():
        inserted = await conn.execute(INSERT_TXN, _txn_row(txn))
        for line, posting in enumerate(txn.postings, 1):
            row = (txn.unit_id, txn.txn_id, line, posting.debit, posting.credit, posting.amount_fen)
            await conn.execute(INSERT_POSTING, row)
        for month in txn.months:
            parts.append(await _credit_month(conn, day | {"month": int(month)}))
        if txn.lines:
            parts.append(await _credit_lines(conn, txn, day))
        await conn.execute(MOVE_UNIT, ids | _moves(txn))
    if inserted.rowcount != 1:
        raise LedgerMismatch("there is no such unit")
    return await _agreed(txn, parts)


async def _credit_month(conn: Connection, values: dict[str, object]) -> Part:
    credited = [await conn.execute(CREDIT_ACCOUNTS, values)]
    credited.append(await conn.execute(CREDIT_EARLIER, values))
    await conn.execute(INSERT_ENTRIES, values)
    return credited, await conn.execute(INSERT_PART, values)


async def _credit_lines(conn: Connection, txn: Transaction, day: dict[str, object]) -> Part:
    values = day | {
        "accounts": [line.account for line in txn.lines],
        "months": [int(line.month) for line in txn.lines],
        "units": [line.unit_fen for line in txn.lines],
        "amounts": [line.amount_fen for line in txn.lines],
    }
    inserted = await conn.execute(INSERT_LINES, values)
    await conn.execute(CREDIT_LINES, values)
    return [inserted], await conn.execute(INSERT_LINE_PARTS, values)


async def _agreed(txn: Transaction, parts: Sequence[Part]) -> Posted:
    """Counts and sums of what was written, which must be what was asked for."""
    most = entries = amount_fen = 0
    for touched, summed in parts:
        sums = await summed.fetchall()
        persons = sum(row[0] for row in sums)
        if sum(cursor.rowcount for cursor in touched) != persons:
            raise LedgerMismatch("entries do not agree with the roster")
        most = max(most, max((row[0] for row in sums), default=0))
        entries, amount_fen = entries + persons, amount_fen + sum(row[1] for row in sums)
    if txn.lines and entries != len(txn.lines):
        raise LedgerMismatch("a person of the lines has no account in the unit")
    if amount_fen != -txn.moved_fen(Gl.MEMBERS):
        raise LedgerMismatch("entries do not sum up to account 201")
    return Posted(most, entries, amount_fen)


def _txn_row(txn: Transaction) -> dict[str, object]:
    return {
        "unit": txn.unit_id, "txn": txn.txn_id, "business": txn.business, "day": txn.biz_day,
        "operator": txn.operator_id, "login": txn.login_kind, "rows": txn.rows,
        "total": txn.total_fen, "method": txn.method, "kind": txn.kind,
        "head": pg_json.Jsonb(dict(txn.head)), "batch": txn.batch_id, "payment": txn.payment_id,
        "reverses": txn.reverses, "idem": txn.idem,
    }  # fmt: skip


def _moves(txn: Transaction) -> dict[str, object]:
    """How far each of the unit's balances moves: 101 is an asset, 201 and 219 are owed."""
    return {
        "deposits": txn.moved_fen(Gl.DEPOSITS),
        "members": -txn.moved_fen(Gl.MEMBERS),
        "prepayment": -txn.moved_fen(Gl.PREPAYMENT),
        "paid_through": None if txn.paid_through is None else int(txn.paid_through),
    }
