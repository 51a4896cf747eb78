"""What the books say, and whether they agree with themselves; reads only."""

from __future__ import annotations

from dataclasses import dataclass

from server.db import Connection
from server.ledger.post import CHAIN_TEXT


@dataclass(frozen=True)
class Books:
    """Balances in fen by general ledger account, counts, and every disagreement found."""

    balances: dict[str, int]
    txns: int
    entries: int
    disagreements: list[str]

    @property
    def is_balanced(self) -> bool:
        return not self.disagreements


# Each finds the rows that break one invariant; none may.
INVARIANTS = {
    "凭证借贷不等于业务金额": """
        select t.unit_id, t.txn_id from txn t
        left join lateral (select coalesce(sum(dr_fen), 0) dr, coalesce(sum(cr_fen), 0) cr
                           from voucher_line v
                           where v.unit_id = t.unit_id and v.txn_id = t.txn_id) v on true
        where v.dr <> t.total_fen or v.cr <> t.total_fen""",
    "个人分录合计不等于 201 发生额": """
        select t.unit_id, t.txn_id
        from txn t
        left join (select unit_id, txn_id, sum(amount_fen) amount from entry
                   group by 1, 2) e using (unit_id, txn_id)
        left join (select unit_id, txn_id, sum(cr_fen - dr_fen) amount from voucher_line
                   where gl = '201' group by 1, 2) v using (unit_id, txn_id)
        where coalesce(e.amount, 0) <> coalesce(v.amount, 0)""",
    "个人余额不等于分录合计": """
        select a.unit_id, a.acct_id from account a
        left join (select unit_id, acct_id, sum(amount_fen) amount from entry group by 1, 2) e
             using (unit_id, acct_id)
        where a.balance_fen <> coalesce(e.amount, 0)""",
    "分录没有对应的个人账户": """
        select e.unit_id, e.acct_id from entry e
        left join account a using (unit_id, acct_id) where a.acct_id is null""",
    "单位个人余额合计不等于 201": """
        select u.unit_id, u.members_fen from unit u
        left join (select unit_id, sum(balance_fen) amount from account
                   group by 1) a using (unit_id)
        where u.members_fen <> coalesce(a.amount, 0)""",
    "单位余额不等于科目发生额": """
        select u.unit_id, u.prepayment_fen from unit u
        left join (select unit_id,
                          sum(case when gl = '101' then dr_fen - cr_fen else 0 end) deposits,
                          sum(case when gl = '201' then cr_fen - dr_fen else 0 end) members,
                          sum(case when gl = '219' then cr_fen - dr_fen else 0 end) prepayment
                   from voucher_line group by 1) v using (unit_id)
        where (u.deposits_fen, u.members_fen, u.prepayment_fen)
              <> (coalesce(v.deposits, 0), coalesce(v.members, 0), coalesce(v.prepayment, 0))""",
    "回单号不连续": """
        select unit_id, year from receipt group by 1, 2 having max(number) <> count(*)""",
    "业务没有回单": """
        select t.unit_id, t.txn_id from txn t
        left join receipt r using (unit_id, txn_id) where r.number is null""",
    "月份合计不等于分录": """
        select p.unit_id, p.txn_id from txn_part p
        left join (select unit_id, txn_id, month, count(*) n, sum(amount_fen) amount from entry
                   group by 1, 2, 3) e using (unit_id, txn_id, month)
        where (p.persons, p.amount_fen) <> (coalesce(e.n, 0), coalesce(e.amount, 0))""",
}
SHOWN_MAX = 20


async def books(conn: Connection) -> Books:
    """All units together."""
    totals = await conn.execute(
        """
        select coalesce(sum(deposits_fen), 0)::bigint, coalesce(sum(members_fen), 0)::bigint,
               coalesce(sum(prepayment_fen), 0)::bigint,
               (select count(*) from txn), (select count(*) from entry)
        from unit
        """
    )
    deposits, members, prepayment, txns, entries = await totals.fetchone() or (0, 0, 0, 0, 0)
    disagreements = []
    for name, query in INVARIANTS.items():
        rows = await conn.execute(f"{query} limit {SHOWN_MAX}")
        disagreements += [f"{name}：单位 {unit}，{key}" for unit, key in await rows.fetchall()]
    if deposits != members + prepayment:
        disagreements.append("101 不等于 201 与 219 之和")
    disagreements += await broken_links(conn)
    balances = {"101": deposits, "201": members, "219": prepayment}
    return Books(balances, txns, entries, disagreements)


DIGESTS = """
    select p.unit_id, p.txn_id from txn_part p
    where p.digest <> (
        select sha256(coalesce(string_agg(
                   int8send(e.acct_id) || int8send(e.amount_fen) || int8send(e.balance_fen),
                   ''::bytea order by e.acct_id), ''))
        from entry e where e.unit_id = p.unit_id and e.txn_id = p.txn_id and e.month = p.month)
"""


async def broken_links(conn: Connection) -> list[str]:
    """Recomputes every digest and every link of every unit's chain; a changed row shows here."""
    rows = await conn.execute(f"{DIGESTS} limit {SHOWN_MAX}")
    found = [f"分录与摘要不符：单位 {unit}，{txn}" for unit, txn in await rows.fetchall()]
    text = CHAIN_TEXT.replace("%(unit)s", "c.unit_id").replace("%(txn)s", "c.txn_id")
    rows = await conn.execute(
        f"""
        select c.unit_id, c.txn_id from chain c
        left join chain p on p.unit_id = c.unit_id and p.position = c.position - 1
        where c.hash <> sha256(coalesce(p.hash, ''::bytea) || convert_to(({text}), 'UTF8'))
           or (p.hash is null and c.position <> 1)
        limit {SHOWN_MAX}
        """
    )
    found += [f"账务链断裂：单位 {unit}，{txn}" for unit, txn in await rows.fetchall()]
    rows = await conn.execute(
        f"""
        select u.unit_id, u.chain_length from unit u
        left join chain c on c.unit_id = u.unit_id and c.position = u.chain_length
        where u.chain_length <> (select count(*) from txn t where t.unit_id = u.unit_id)
           or (u.chain_length > 0 and u.chain_hash is distinct from c.hash)
        limit {SHOWN_MAX}
        """
    )
    return found + [
        f"账务链不完整：单位 {unit}，长度 {length}" for unit, length in await rows.fetchall()
    ]
