"""个人转移 in the database: persons and what they have leave one unit's books for another's.

The caller holds both units' locks and has checked. Each half balances by itself over 21904
单位间往来, in its own unit's chain; both stand or fall in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server import ratios, units
from server.business.base import Line
from server.business.chart import Gl
from server.business.check import Checked
from server.business.facts import Unit
from server.business.month import Month
from server.business.refusals import refused
from server.business.transfer import TRANSFER, TRANSFER_OUT
from server.db import Connection, new_id
from server.ledger.entry import Posting, Transaction, day_number
from server.people import FOREVER
from server.receipts import issue

BY_TRANSFER = "transfer"  # how the other half came about: nobody of that unit logged in
ROWS = """
    unnest(%(accounts)s::bigint[], %(months)s::int[], %(bases)s::bigint[], %(units)s::bigint[],
           %(personals)s::bigint[]) as t(acct_id, month, base, unit_fen, personal_fen)
"""
LEAVING = """
    select acct_id, balance_fen, paid_through from account
    where unit_id = %(from)s and acct_id = any(%(accounts)s)
"""
# Whoever comes back had a time here before, whose roster stays.
KEEP_SEGMENTS = f"""
    insert into segment (unit_id, until_month, acct_id, txn_id, from_month, base_fen, unit_fen,
                         personal_fen)
    select a.unit_id, a.until_month, a.acct_id, %(txn)s, a.from_month, a.base_fen, a.unit_fen,
           a.personal_fen
    from {ROWS} join account a on a.unit_id = %(unit)s and a.acct_id = t.acct_id
    where a.from_month < a.until_month
"""
# What the balance will bring again by being posted is left out: the moment comes to the same.
ARRIVE = f"""
    insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month,
                         until_month, base_fen, unit_fen, personal_fen, moment, prior_fen,
                         prior_moment, opening_fen, paid_through, brought_through, is_frozen,
                         opened_day, arrived)
    select %(unit)s, o.acct_id, o.name, o.id_mask, o.phone_mask, '01', t.month, %(forever)s,
           t.base, t.unit_fen, t.personal_fen, o.moment - o.balance_fen * %(number)s::bigint,
           o.prior_fen, o.prior_moment, o.opening_fen, o.paid_through, o.paid_through, o.is_frozen,
           o.opened_day, u.chain_length + 1
    from {ROWS}
    join account o on o.unit_id = %(from)s and o.acct_id = t.acct_id
    join unit u on u.unit_id = %(unit)s
    on conflict (unit_id, acct_id) do update set
        name = excluded.name, id_mask = excluded.id_mask, phone_mask = excluded.phone_mask,
        status = excluded.status, from_month = excluded.from_month, start_month = null,
        until_month = excluded.until_month, base_fen = excluded.base_fen,
        unit_fen = excluded.unit_fen, personal_fen = excluded.personal_fen,
        moment = excluded.moment, prior_fen = excluded.prior_fen,
        prior_moment = excluded.prior_moment, opening_fen = excluded.opening_fen,
        paid_through = excluded.paid_through, brought_through = excluded.brought_through,
        is_frozen = excluded.is_frozen, opened_day = excluded.opened_day,
        arrived = excluded.arrived
"""
# The list of earlier stays goes along, and this one is added to it.
KEEP_STAYS = """
    insert into stay (unit_id, acct_id, nth, in_unit, after_position, upto_position)
    select %(unit)s, acct_id, nth, in_unit, after_position, upto_position
    from stay where unit_id = %(from)s and acct_id = any(%(accounts)s)
    union all
    select %(unit)s, a.acct_id, 1 + coalesce(s.stays, 0), a.unit_id, a.arrived, u.chain_length + 1
    from account a join unit u on u.unit_id = a.unit_id
    left join (select acct_id, count(*) as stays from stay
               where unit_id = %(from)s and acct_id = any(%(accounts)s) group by 1) s
        using (acct_id)
    where a.unit_id = %(from)s and a.acct_id = any(%(accounts)s)
    on conflict do nothing
"""
# Months of 缓缴 that are yet to come are due nowhere once the person has gone.
LEAVE = f"""
    update account a set status = '99', moment = 0, prior_fen = 0, prior_moment = 0,
           opening_fen = 0, until_month = least(a.until_month, t.month, u.paid_through + 1)
    from {ROWS} join unit u on u.unit_id = %(from)s
    where a.unit_id = %(from)s and a.acct_id = t.acct_id
"""
CUT_SEGMENTS = """
    update segment s set until_month = u.paid_through + 1
    from unit u
    where u.unit_id = %(from)s and s.unit_id = %(from)s and s.acct_id = any(%(accounts)s)
      and s.until_month > u.paid_through + 1
"""
DROP_SEGMENTS = """
    delete from segment s using unit u
    where u.unit_id = %(from)s and s.unit_id = %(from)s and s.acct_id = any(%(accounts)s)
      and s.from_month > u.paid_through
"""
RECORD = f"""
    insert into event (unit_id, acct_id, txn_id, std, month, status_before, base_before_fen,
                       base_fen, unit_fen, personal_fen)
    select h.unit_id, o.acct_id, h.txn_id, %(std)s, t.month, o.status, o.base_fen,
           case when h.is_in then t.base else o.base_fen end,
           case when h.is_in then t.unit_fen else o.unit_fen end,
           case when h.is_in then t.personal_fen else o.personal_fen end
    from {ROWS} join account o on o.unit_id = %(from)s and o.acct_id = t.acct_id
    cross join (values (%(unit)s::bigint, %(txn)s::bigint, true),
                       (%(from)s::bigint, %(out)s::bigint, false)) h(unit_id, txn_id, is_in)
"""
MOVE_PERSONS = """
    update person set unit_id = %(unit)s where unit_id = %(from)s and acct_id = any(%(accounts)s)
"""


async def take_over(conn: Connection, unit: Unit, txn_id: int, checked: Checked) -> int:
    """Ends the persons' accounts in the unit named, begins them here, and says in ``checked`` what
    the caller has to post here."""
    await _refuse_while_settling(conn)
    other = await units.facts(conn, checked.head[TRANSFER.takes_from])
    out_id = new_id()
    rows = checked.rows
    values: dict[str, Any] = {
        "unit": unit.unit_id, "from": other.unit_id, "txn": txn_id, "out": out_id,
        "std": TRANSFER.std, "number": day_number(unit.business_day), "forever": int(FOREVER),
        "accounts": [row["account"] for row in rows],
        "months": [int(row["month"]) for row in rows], "bases": [row["base"] for row in rows],
        "units": [row["unit_fen"] for row in rows],
        "personals": [row["personal_fen"] for row in rows],
    }  # fmt: skip
    checked.head["from_name"] = other.name
    await _say_what_is_brought(conn, unit.month_now, values, rows)
    async with conn.pipeline():
        await conn.execute(RECORD, values)
        await conn.execute(KEEP_SEGMENTS, values)
        arrived = await conn.execute(ARRIVE, values)
        await conn.execute(KEEP_STAYS, values)
    await ratios.follow(conn, unit, txn_id, rows)
    await _post_leaving(conn, unit, other, values, rows)
    async with conn.pipeline():
        left = await conn.execute(LEAVE, values)
        await conn.execute(DROP_SEGMENTS, values)
        await conn.execute(CUT_SEGMENTS, values)
        moved = await conn.execute(MOVE_PERSONS, values)
    if not arrived.rowcount == left.rowcount == moved.rowcount == len(rows):
        raise RuntimeError(f"not all of {len(rows)} accounts could be moved")
    return len(rows)


async def _refuse_while_settling(conn: Connection) -> None:
    """A year's interest is credited range by range of units: nobody may change sides meanwhile.
    Whoever begins after this looked needs the units' locks, and waits."""
    rows = await conn.execute("select 1 from settlement where state = 'running'")
    if await rows.fetchone():
        raise refused("Z09")


async def _say_what_is_brought(
    conn: Connection, month: Month, values: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> None:
    found = await (await conn.execute(LEAVING, values)).fetchall()
    leaving = {account: (fen, through) for account, fen, through in found}
    for row in rows:
        fen, through = leaving[row["account"]]
        row["amount"] = fen
        row["lines"] = (Line(row["account"], month, 0, fen),)
        if through is not None:
            row["through"] = Month(through)


async def _post_leaving(
    conn: Connection, unit: Unit, other: Unit, values: dict[str, Any], rows: Sequence[Any]
) -> None:
    """借 201 贷 21904 in the books of the unit that the persons leave, with its receipt."""
    head = {"to_unit": unit.unit_id, "to_name": unit.name, "taken_by": values["txn"]}
    amount_fen = sum(row["amount"] for row in rows)
    txn = Transaction(
        other.unit_id, values["out"], TRANSFER_OUT.code, unit.business_day, 0, BY_TRANSFER,
        f"transfer-{values['txn']}", len(rows), amount_fen,
        {f.key: f.kind.show(head[f.key]) for f in TRANSFER_OUT.head},
        postings=[Posting(Gl.MEMBERS, Gl.CLEARING, amount_fen)] if amount_fen else (),
        lines=[
            Line(line.account, line.month, 0, -line.amount_fen)
            for row in rows for line in row["lines"]
        ],
    )  # fmt: skip
    shown = [{f.key: row[f.key] for f in TRANSFER_OUT.rows if f.key in row} for row in rows]
    await issue.post_with_receipt(
        conn, "转入单位经办人", TRANSFER_OUT, other, txn, Checked(head, shown), None
    )
