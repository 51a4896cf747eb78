"""The unit's ratios: changing them, and what everyone's monthly amounts become, set-based."""

from __future__ import annotations

from collections.abc import Sequence

from server.business.check import Checked
from server.business.facts import Ratios, Unit, Values
from server.business.ratio_change import RATIO_CHANGE
from server.db import Connection

REMEMBER = """
    insert into unit_ratio (unit_id, from_month, unit_ratio, personal_ratio, txn_id, unit_before,
                            personal_before, reason, remark)
    select unit_id, %(month)s, %(unit_ratio)s, %(personal_ratio)s, %(txn)s, unit_ratio,
           personal_ratio, %(reason)s, %(remark)s
    from unit where unit_id = %(unit)s
    on conflict (unit_id, from_month) do update set
        unit_ratio = excluded.unit_ratio, personal_ratio = excluded.personal_ratio,
        txn_id = excluded.txn_id, unit_before = excluded.unit_before,
        personal_before = excluded.personal_before, reason = excluded.reason,
        remark = excluded.remark
"""
HOLD = """
    update unit set unit_ratio = %(unit_ratio)s, personal_ratio = %(personal_ratio)s
    where unit_id = %(unit)s
"""
PARTS = "monthly_parts({}.base_fen, %(unit_ratio)s, %(personal_ratio)s, %(rounding)s)"
RECORD = f"""
    insert into event (unit_id, acct_id, txn_id, std, month, reason, remark, status_before,
                       base_before_fen, unit_before_fen, personal_before_fen,
                       base_fen, unit_fen, personal_fen)
    select a.unit_id, a.acct_id, %(txn)s, %(std)s, %(month)s, %(reason)s, %(remark)s, a.status,
           a.base_fen, a.unit_fen, a.personal_fen, a.base_fen, n.unit_fen, n.personal_fen
    from account a cross join lateral {PARTS.format("a")} n
    where a.unit_id = %(unit)s and a.status = '01'
"""
# Whoever contributes, or those of them who are named (ruling 5: nobody who is sealed).
WHOSE = """
    a.unit_id = %(unit)s and a.status = '01'
    and (%(accounts)s::bigint[] is null or a.acct_id = any(%(accounts)s))
"""
SEGMENT = "unit_id, until_month, acct_id, txn_id, from_month, base_fen, unit_fen, personal_fen"
# What reaches over the month ends there as it was …
KEEP_EARLIER = f"""
    insert into segment ({SEGMENT})
    select s.unit_id, %(month)s, s.acct_id, %(txn)s, s.from_month, s.base_fen, s.unit_fen,
           s.personal_fen
    from segment s join account a on a.unit_id = s.unit_id and a.acct_id = s.acct_id
    where {WHOSE} and s.from_month < %(month)s and s.until_month > %(month)s
"""
KEEP = f"""
    insert into segment ({SEGMENT})
    select a.unit_id, %(month)s, a.acct_id, %(txn)s, a.from_month, a.base_fen, a.unit_fen,
           a.personal_fen
    from account a where {WHOSE} and a.from_month < %(month)s and a.until_month > %(month)s
"""
# … and goes on from there, as does what begins later, at the new amounts.
CHANGE_EARLIER = f"""
    update segment s set from_month = greatest(s.from_month, %(month)s), unit_fen = n.unit_fen,
           personal_fen = n.personal_fen
    from segment o join account a on a.unit_id = o.unit_id and a.acct_id = o.acct_id
    cross join lateral {PARTS.format("o")} n
    where {WHOSE} and o.until_month > %(month)s
      and (s.unit_id, s.until_month, s.acct_id, s.txn_id)
        = (o.unit_id, o.until_month, o.acct_id, o.txn_id)
"""
CHANGE = f"""
    update account c set from_month = greatest(a.from_month, %(month)s), unit_fen = n.unit_fen,
           personal_fen = n.personal_fen,
           start_month = case when a.from_month < %(month)s
                              then coalesce(a.start_month, a.from_month) else a.start_month end
    from account a cross join lateral {PARTS.format("a")} n
    where {WHOSE} and a.until_month > %(month)s and c.unit_id = a.unit_id and c.acct_id = a.acct_id
"""


async def change(conn: Connection, unit: Unit, txn_id: int, checked: Checked) -> int:
    """Does a checked 单位比例变更; how many people it concerns."""
    head = checked.head
    step = Ratios(head["month"], head["unit_ratio"], head["personal_ratio"], is_change=True)
    values = _values(unit, txn_id, step, None) | {
        "std": RATIO_CHANGE.std, "reason": head["reason"], "remark": head.get("remark"),
    }  # fmt: skip
    async with conn.pipeline():
        await conn.execute(REMEMBER, values)
        await conn.execute(HOLD, values)
        recorded = await conn.execute(RECORD, values)
        await _recompute(conn, values)
    return recorded.rowcount


async def follow(conn: Connection, unit: Unit, txn_id: int, rows: Sequence[Values]) -> None:
    """Whoever starts before ratios that were decided for a later month changes with everybody."""
    for step in unit.ratios:
        accounts = [row["account"] for row in rows if row["month"] < step.from_month]
        if accounts:
            await _recompute(conn, _values(unit, txn_id, step, accounts))


async def _recompute(conn: Connection, values: Values) -> None:
    """The same base at other ratios, from their month on."""
    for statement in (KEEP_EARLIER, CHANGE_EARLIER, KEEP, CHANGE):
        await conn.execute(statement, values)


def _values(
    unit: Unit, txn_id: int, step: Ratios, accounts: Sequence[int] | None
) -> dict[str, object]:
    return {
        "unit": unit.unit_id,
        "txn": txn_id,
        "month": int(step.from_month),
        "unit_ratio": step.unit_ratio,
        "personal_ratio": step.personal_ratio,
        "rounding": unit.rounding.value,
        "accounts": None if accounts is None else list(accounts),
    }
