"""Posts a year's interest for a range of units: set-based, one transaction of the ledger a unit.

The caller holds the units' locks, the business day and its own transaction. What an account earns
is read off its running moments: product = balance x day - moment. Where that is not enough (months
instead of days, several rates, or postings since the settlement day) it is summed over the year's
entries, each by the weight of its day.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from server.business.interest import ONE_DAY, Terms
from server.business.month import Month
from server.db import Connection
from server.ledger.entry import day_number
from server.ledger.post import LedgerMismatch

Day = datetime.date
RANGE = "{0}.unit_id > %(after)s and {0}.unit_id <= %(upto)s"
ACCOUNTS = f"{RANGE.format('a')} and a.opened_day < %(until)s and a.status <> '99'"
HERE = 2**31 - 1  # after all earlier stays
# Each person's movements from one day to another, a row a txn, in the order of posting, wherever
# the account was then: a transfer itself is none. ``prior`` is by how much it reduced what was
# carried over: only what is taken reaches it, and comes out of the current year's part first.
FLOWS = f"""
    select unit_id, acct_id, biz_day, amount,
           prior_after - lag(prior_after, 1, opening_fen) over posted as prior
    from (select *, least(opening_fen, min(case when amount < 0 then running end) over posted)
                    as prior_after
          from (select *, opening_fen + sum(amount) over posted as running
                from (select e.unit_id, e.acct_id, {HERE} as nth, c.position, t.biz_day,
                             a.opening_fen, sum(e.amount_fen)::bigint as amount
                      from txn t
                      join chain c on c.unit_id = t.unit_id and c.txn_id = t.txn_id
                      join entry e on e.unit_id = t.unit_id and e.txn_id = t.txn_id
                      join account a on a.unit_id = e.unit_id and a.acct_id = e.acct_id
                      where {RANGE.format("t")} and {RANGE.format("e")}
                        and {RANGE.format("a")} and a.status <> '99' and c.position > a.arrived
                        and t.business <> 'settlement'
                        and t.biz_day >= {{since}} and t.biz_day < {{until}}
                      group by 1, 2, 4, 5, 6
                      union all
                      select a.unit_id, a.acct_id, e.nth, e.position, e.biz_day, a.opening_fen,
                             sum(e.amount_fen)::bigint
                      from account a
                      join earlier_entry e on e.unit_id = a.unit_id and e.acct_id = a.acct_id
                      where {RANGE.format("a")} and a.status <> '99' and a.arrived > 0
                        and e.closing_fen is null
                        and e.biz_day >= {{since}} and e.biz_day < {{until}}
                      group by 1, 2, 3, 4, 5, 6) moved
                window posted as (
                    partition by unit_id, acct_id order by biz_day, nth, position)) running
          window posted as (partition by unit_id, acct_id order by biz_day, nth, position)) taken
    window posted as (partition by unit_id, acct_id order by biz_day, nth, position)
"""
YEAR_FLOWS = FLOWS.format(since="%(start)s", until="%(until)s")
LATE_FLOWS = FLOWS.format(since="%(until)s", until="date 'infinity'")
IS_LATE = f"""
    select exists (
        select from txn t join txn_part p on p.unit_id = t.unit_id and p.txn_id = t.txn_id
        where {RANGE.format("t")} and t.biz_day >= %(until)s and t.business <> 'settlement')
"""
# Both give what each account earns, not divided yet, for its two parts.
BY_MOMENTS = f"""
    select a.unit_id, a.acct_id, a.opening_fen, a.balance_fen as closing_fen,
           (a.prior_fen * %(end_number)s::bigint - a.prior_moment) * %(prior_rate)s::bigint
               as prior,
           ((a.balance_fen - a.prior_fen) * %(end_number)s::bigint - a.moment + a.prior_moment)
               * %(current_rate)s::bigint as current
    from account a where {ACCOUNTS}
"""
BY_ENTRIES = f"""
    select a.unit_id, a.acct_id, a.opening_fen,
           (a.opening_fen + coalesce(f.amount, 0))::bigint as closing_fen,
           (a.opening_fen * %(opening_weight)s::bigint + coalesce(f.prior, 0))::bigint as prior,
           coalesce(f.current, 0)::bigint as current
    from account a
    left join (
        select unit_id, acct_id, sum(amount) as amount,
               sum(prior * (%(prior_weights)s::bigint[])[biz_day - %(start)s::date + 1]) as prior,
               sum((amount - prior)
                   * (%(current_weights)s::bigint[])[biz_day - %(start)s::date + 1]) as current
        from ({YEAR_FLOWS}) f group by 1, 2) f on f.unit_id = a.unit_id and f.acct_id = a.acct_id
    where {ACCOUNTS}
"""
# Half up, once; the parts by the largest remainder, as server.business.interest.rounded.
ROUNDED = """
    select *, prior / %(den)s + case interest_fen - prior / %(den)s - current / %(den)s
                  when 0 then 0 when 2 then 1
                  else (prior %% %(den)s >= current %% %(den)s)::int end as prior_interest_fen
    from (select *, (2 * (prior + current) + %(den)s) / (2 * %(den)s) as interest_fen
          from ({source}) earned) rounded
"""
IDS = "unnest(%(units)s::bigint[], %(txns)s::bigint[]) as i(unit_id, txn_id)"
# Earned, credited and entered in one statement: what is earned is computed once, and kept. The
# balance of an entry is the one after it in the order of posting.
ON_TIME = "select *, closing_fen as balance_fen from earned"
LATE = "select e.*, s.balance_fen from earned e join settled s using (unit_id, acct_id)"
SETTLE = f"""
    with earned as materialized (
        select r.unit_id, r.acct_id, i.txn_id, r.opening_fen, coalesce(o.fen, 0) as out_fen,
               r.interest_fen, r.prior_interest_fen,
               r.closing_fen + r.interest_fen as closing_fen
        from ({ROUNDED}) r
        join {IDS} on i.unit_id = r.unit_id
        left join (
            select c.unit_id, c.acct_id, -sum(e.amount_fen)::bigint as fen
            from (select c.unit_id, c.acct_id, c.unit_id as in_unit, c.txn_id, c.month
                  from correction c where {RANGE.format("c")}
                  union all
                  select s.unit_id, s.acct_id, s.in_unit, c.txn_id, c.month
                  from (select distinct unit_id, acct_id, in_unit from stay s
                        where {RANGE.format("s")} and in_unit <> unit_id) s
                  join correction c on c.unit_id = s.in_unit and c.acct_id = s.acct_id) c
            join entry e on e.unit_id = c.in_unit and e.acct_id = c.acct_id
                        and e.txn_id = c.txn_id and e.month = c.month
            where e.biz_day >= %(start)s and e.biz_day < %(until)s
            group by 1, 2) o on o.unit_id = r.unit_id and o.acct_id = r.acct_id),
    settled as (
        update account a set balance_fen = a.balance_fen + e.interest_fen,
               opening_fen = e.closing_fen, prior_fen = e.closing_fen,
               moment = e.closing_fen * %(until_number)s::bigint,
               prior_moment = e.closing_fen * %(until_number)s::bigint
        from earned e
        where {RANGE.format("a")} and a.unit_id = e.unit_id and a.acct_id = e.acct_id
        returning a.unit_id, a.acct_id, a.balance_fen),
    credited as ({{credited}}),
    entered as (
        insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen,
                           balance_fen, opening_fen, out_fen, prior_interest_fen, closing_fen)
        select unit_id, acct_id, txn_id, %(month)s, %(day)s, 0, interest_fen,
               balance_fen, opening_fen, out_fen, prior_interest_fen, closing_fen
        from credited returning 1),
    total as (
        select unit_id, txn_id, count(*) as persons, sum(interest_fen)::bigint as fen,
               count(*) filter (where interest_fen > 0) as paying,
               sha256(string_agg(
                   int8send(acct_id) || int8send(interest_fen) || int8send(balance_fen),
                   ''::bytea order by acct_id)) as digest
        from credited group by 1, 2),
    done as (
        insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows,
                         total_fen, head, idem, paid_before)
        select unit_id, txn_id, 'settlement', %(day)s, 0, 'counter', persons, fen,
               jsonb_build_object('year', %(year)s::text,
                                  'amount', to_char(fen / 100.0, 'FM999,999,999,999,990.00')),
               'settlement-' || %(year)s, u.paid_through
        from total join unit u using (unit_id)),
    booked as (
        insert into posting (unit_id, txn_id, line, debit, credit, amount_fen)
        select unit_id, txn_id, 1, '211', '201', fen from total where fen > 0),
    parted as (
        insert into txn_part (unit_id, txn_id, month, persons, paying, unit_fen, amount_fen,
                              digest)
        select unit_id, txn_id, %(month)s, persons, paying, 0, fen, digest from total)
    select (select count(*) from total), (select count(*) from settled),
           (select count(*) from entered), (select coalesce(sum(fen), 0)::bigint from total)
"""
# What was posted since the settlement day belongs to the new year.
ADD_LATE = f"""
    update account a set moment = a.moment + f.moment, prior_fen = a.prior_fen + f.prior,
           prior_moment = a.prior_moment + f.prior_moment
    from (select unit_id, acct_id, sum(prior)::bigint as prior,
                 sum(amount * (biz_day - date '2000-01-01'))::bigint as moment,
                 sum(prior * (biz_day - date '2000-01-01'))::bigint as prior_moment
          from ({LATE_FLOWS}) f group by 1, 2) f
    where {ACCOUNTS} and a.unit_id = f.unit_id and a.acct_id = f.acct_id
"""
MOVE_UNITS = f"""
    update unit u set members_fen = members_fen + t.total_fen, chain_length = chain_length + 1,
           chain_hash = sha256(
               chain_hash || convert_to(chain_text(i.unit_id, i.txn_id), 'UTF8'))
    from {IDS} join txn t using (unit_id, txn_id)
    where u.unit_id = i.unit_id
"""
INSERT_LINKS = f"""
    insert into chain (unit_id, position, txn_id, hash)
    select u.unit_id, u.chain_length, i.txn_id, u.chain_hash
    from unit u join {IDS} using (unit_id) join txn t using (unit_id, txn_id)
"""


PREVIEW = f"""
    select unit_id, count(*), sum(closing_fen)::bigint, sum(interest_fen)::bigint
    from ({ROUNDED}) r group by 1 order by 1
"""
EARNED = "select coalesce(sum(prior), 0), coalesce(sum(current), 0) from ({source}) earned"


@dataclass(frozen=True)
class Work:
    """What to compute: the interest by ``terms`` of the units after one and up to another, on all
    that was posted before ``until``."""

    year: int
    terms: Terms
    until: Day
    after: int
    upto: int

    def values(self) -> dict[str, object]:
        terms = self.terms
        days = [terms.start + n * ONE_DAY for n in range((self.until - terms.start).days)]
        weights = [terms.weight(day) for day in days]
        return {
            "after": self.after, "upto": self.upto, "year": self.year,
            "month": int(Month.of(self.year, 6)), "start": terms.start, "until": self.until,
            "until_number": day_number(self.until), "end_number": day_number(terms.end),
            "prior_rate": terms.rates[0].prior, "current_rate": terms.rates[0].current,
            "den": terms.denominator, "opening_weight": terms.weight(terms.start - ONE_DAY).prior,
            "prior_weights": [w.prior for w in weights],
            "current_weights": [w.current for w in weights],
        }  # fmt: skip


@dataclass(frozen=True)
class UnitInterest:
    """A unit's interest before it is posted: on how many accounts, and what balance."""

    unit_id: int
    accounts: int
    balance_fen: int
    interest_fen: int


@dataclass(frozen=True)
class Settled:
    """What became of a range of units: units and accounts credited, and the interest."""

    units: int
    accounts: int
    interest_fen: int


async def preview(conn: Connection, work: Work) -> list[UnitInterest]:
    """What ``settle`` would post now."""
    values = work.values()
    source, _ = await _source(conn, work, values)
    rows = await conn.execute(PREVIEW.replace("{source}", source), values)
    return [UnitInterest(*row) for row in await rows.fetchall()]


async def earned(conn: Connection, work: Work) -> tuple[int, int]:
    """What all accounts earn together, by the two parts, times ``work.terms.denominator``."""
    values = work.values()
    source, _ = await _source(conn, work, values)
    rows = await conn.execute(EARNED.replace("{source}", source), values)
    prior, current = await rows.fetchone() or (0, 0)
    return int(prior), int(current)


async def _source(conn: Connection, work: Work, values: dict[str, object]) -> tuple[str, bool]:
    """The cheaper way to what accounts earn that is right here, and whether something was posted
    since ``until``."""
    row = await (await conn.execute(IS_LATE, values)).fetchone()
    is_late = bool(row and row[0])
    return (BY_MOMENTS if work.terms.has_running_product and not is_late else BY_ENTRIES), is_late


async def settle(conn: Connection, work: Work, biz_day: Day, txns: Mapping[int, int]) -> Settled:
    """Credits every account and begins its new year. ``txns`` are the ids of the units' txns; a
    unit without accounts gets none. A second time violates ``txn_unit_id_idem_key``."""
    values = work.values() | {
        "day": biz_day, "units": list(txns), "txns": list(txns.values()),
    }  # fmt: skip
    source, is_late = await _source(conn, work, values)
    settle_all = SETTLE.replace("{source}", source).replace(
        "{credited}", LATE if is_late else ON_TIME
    )
    async with conn.pipeline():
        counts = await conn.execute(settle_all, values)
        await conn.execute(MOVE_UNITS, values)
        links = await conn.execute(INSERT_LINKS, values)
        if is_late:
            await conn.execute(ADD_LATE, values)
    units, settled, entered, interest_fen = await counts.fetchone() or (0, 0, 0, 0)
    if not settled == entered or links.rowcount != units:
        raise LedgerMismatch("accounts, entries and transactions do not agree")
    return Settled(units, settled, interest_fen)
