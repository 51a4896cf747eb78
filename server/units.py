"""Units: opening them, their signed bank accounts, and the facts that checks need."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from server import parameters
from server.business.base import Business, Spread
from server.business.businesses import BUSINESSES
from server.business.facts import Due, MonthRule, Ratios, Unit, UnitStatus
from server.business.identity import with_account_check
from server.business.month import Month
from server.business.refusals import refused
from server.db import HOLD_DAY, Connection

# Payments of the months of a roster that nothing has reversed; takes ``roster``, their codes.
ROSTER = [b.code for b in BUSINESSES if b.payment and b.payment.spread is Spread.ROSTER]
REMITTED = """
    txn t where t.unit_id = %(unit)s and t.business = any(%(roster)s)
    and not exists (select from txn r where r.unit_id = t.unit_id and r.reverses = t.txn_id)"""
CENTRE = 0  # the unit whose books hold what belongs to no unit, or not yet


@dataclass(frozen=True)
class Opening:
    """What the counter knows of a unit when it opens it."""

    name: str
    uscc: str
    county: str
    branch: int  # four digits, the management office
    paid_through: Month  # the month before the first one to be remitted
    unit_ratio: int
    personal_ratio: int


async def open_unit(conn: Connection, opening: Opening) -> int:
    """Opens a unit and returns its account number: branch 4, sequence 7, check digit 1."""
    day = await parameters.business_day(conn)
    # Two units of one branch are opened one after the other.
    await conn.execute("select pg_advisory_xact_lock(%s)", (opening.branch,))
    rows = await conn.execute(
        "select count(*) from unit where unit_id / 100000000 = %s", (opening.branch,)
    )
    count = (await rows.fetchone() or (0,))[0]
    unit_id = with_account_check(opening.branch * 10_000_000 + count + 1)
    await conn.execute(
        """
        insert into unit (unit_id, name, uscc, county, opened_day, unit_ratio, personal_ratio,
                          paid_through)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            unit_id, opening.name, opening.uscc, opening.county, day,
            opening.unit_ratio, opening.personal_ratio, int(opening.paid_through),
        ),
    )  # fmt: skip
    await conn.execute(
        """
        insert into unit_ratio (unit_id, from_month, unit_ratio, personal_ratio)
        values (%s, %s, %s, %s)
        """,
        (unit_id, int(opening.paid_through) + 1, opening.unit_ratio, opening.personal_ratio),
    )
    return unit_id


@dataclass(frozen=True)
class SignedAccount:
    """A bank account the centre may collect from, under the bank's agreement number."""

    account_no: str
    holder: str
    bank_name: str
    bank_code: str
    agreement: str


async def sign_account(conn: Connection, unit_id: int, account: SignedAccount) -> None:
    """网厅单位缴存银行账户签约; the first account becomes the one that is debited. A cancelled one
    may be signed again; T11 for one that is signed."""
    day = await parameters.business_day(conn)
    rows = await conn.execute(
        """
        insert into bank_account
            (unit_id, account_no, holder, bank_name, bank_code, agreement, is_default, signed_day)
        select %(unit)s, %(no)s, %(holder)s, %(bank)s, %(code)s, %(agreement)s,
               not exists (select from bank_account where unit_id = %(unit)s and is_default),
               %(day)s
        on conflict (unit_id, account_no) do update set
            holder = excluded.holder, bank_name = excluded.bank_name,
            bank_code = excluded.bank_code, agreement = excluded.agreement,
            is_default = excluded.is_default, signed_day = excluded.signed_day,
            cancelled_day = null
            where bank_account.cancelled_day is not null
        returning 1
        """,
        {
            "unit": unit_id, "no": account.account_no, "holder": account.holder,
            "bank": account.bank_name, "code": account.bank_code,
            "agreement": account.agreement, "day": day,
        },
    )  # fmt: skip
    if await rows.fetchone() is None:
        raise refused("T11")


async def cancel_account(conn: Connection, unit_id: int, account_no: str) -> None:
    """解约, under the unit's lock; the account signed first of those left is debited from now on.

    Refuses with T13 while a debit of it is not finished, and with T12 what is not signed.
    """
    flying = await conn.execute(
        """
        select 1 from payment where unit_id = %s and account_no = %s
        and state in ('pending', 'sent', 'unknown', 'collected')
        """,
        (unit_id, account_no),
    )
    if await flying.fetchone():
        raise refused("T13")
    rows = await conn.execute(
        """
        update bank_account set cancelled_day = (select business_day from centre),
               is_default = false
        where unit_id = %s and account_no = %s and cancelled_day is null
        returning 1
        """,
        (unit_id, account_no),
    )
    if await rows.fetchone() is None:
        raise refused("T12")
    await conn.execute(
        """
        update bank_account set is_default = true
        where unit_id = %(unit)s and cancelled_day is null
          and not exists (select from bank_account where unit_id = %(unit)s and is_default)
          and account_no = (select account_no from bank_account
                            where unit_id = %(unit)s and cancelled_day is null
                            order by signed_day, account_no limit 1)
        """,
        {"unit": unit_id},
    )


async def choose_account(conn: Connection, unit_id: int, account_no: str) -> None:
    """Makes a signed account the one that is debited, under the unit's lock; else T12."""
    rows = await conn.execute(
        "select 1 from bank_account"
        " where unit_id = %s and account_no = %s and cancelled_day is null",
        (unit_id, account_no),
    )
    if await rows.fetchone() is None:
        raise refused("T12")
    # One after the other: never are there two.
    await conn.execute(
        "update bank_account set is_default = false where unit_id = %s and is_default", (unit_id,)
    )
    await conn.execute(
        "update bank_account set is_default = true where unit_id = %s and account_no = %s",
        (unit_id, account_no),
    )


async def signed_account(conn: Connection, unit_id: int) -> SignedAccount | None:
    rows = await conn.execute(
        """
        select account_no, holder, bank_name, bank_code, agreement from bank_account
        where unit_id = %s and is_default and cancelled_day is null
        """,
        (unit_id,),
    )
    row = await rows.fetchone()
    return SignedAccount(*row) if row else None


async def lock(conn: Connection, unit_id: int) -> None:
    """Always the first lock of a business; everything else of the unit is safe behind it, and
    the business day stands still. Two units are locked in the order of their numbers.

    Not of the key: colleagues save drafts, which refer to the unit, without waiting for it.
    """
    # The row is locked last, when the day is held.
    rows = await conn.execute(
        f"select 1 from {HOLD_DAY} day, unit where unit_id = %s for no key update of unit",
        (unit_id,),
    )
    if await rows.fetchone() is None:
        raise refused("N04")


async def facts(conn: Connection, unit_id: int) -> Unit:
    """What checks may know of the unit today. Lock it first where the answer must hold."""
    day = await parameters.business_day(conn)
    rows = await conn.execute(
        """
        select name, county, status, paid_through, unit_ratio, personal_ratio,
               prepayment_fen - reserved_fen
        from unit where unit_id = %s
        """,
        (unit_id,),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    name, county, status, paid_through, unit_ratio, personal_ratio, prepayment_fen = row
    values = await parameters.in_force(conn, day, county)
    account = await signed_account(conn, unit_id)
    paying = await conn.execute(
        """
        select business, payment_id::text from payment
        where unit_id = %s and state in ('pending', 'sent', 'unknown', 'collected')
          and direction = 'in'
        """,
        (unit_id,),
    )
    return Unit(
        unit_id=unit_id,
        name=name,
        status=UnitStatus(status),
        business_day=day,
        paid_through=Month(paid_through),
        unit_ratio=unit_ratio,
        personal_ratio=personal_ratio,
        base_low_fen=values["base_lower_fen"],
        base_high_fen=values["base_upper_fen"],
        rounding=values["rounding"],
        remit_ahead_months=values["remit_ahead_months"],
        remit_mixed=values["remit_mixed"],
        makeup_max_months=values["makeup_max_months"],
        prepayment_fen=prepayment_fen,
        payment_limit_fen=values["payment_limit_fen"],
        transfer_requires_sealed=values["transfer_requires_sealed"],
        signed_account=f"{account.bank_name} ****{account.account_no[-4:]}" if account else "",
        paying=dict(await paying.fetchall()),
        deferred=await deferred_months(conn, unit_id),
        ratios=await _ratios(conn, unit_id),
        ratio_min=values["ratio_min"],
        ratio_max=values["ratio_max"],
        ratio_step=values["ratio_step"],
        ratio_down_online=values["ratio_down_online"],
        base_change_per_year=values["base_change_per_year"],
        base_year_start_month=values["base_year_start_month"],
        choices=parameters.code_tables(values),
    )


async def _ratios(conn: Connection, unit_id: int) -> tuple[Ratios, ...]:
    rows = await conn.execute(
        """
        select from_month, unit_ratio, personal_ratio, txn_id is not null from unit_ratio
        where unit_id = %s order by from_month
        """,
        (unit_id,),
    )
    return tuple(Ratios(Month(month), *values) for month, *values in await rows.fetchall())


async def deferred_months(conn: Connection, unit_id: int) -> frozenset[Month]:
    """Every month of 缓缴 that the unit ever had; they are not remitted (ruling 7)."""
    rows = await conn.execute(
        """
        select m from deferral d, generate_series(d.from_month, d.until_month) m
        where unit_id = %s
        """,
        (unit_id,),
    )
    return frozenset(Month(row[0]) for row in await rows.fetchall())


async def with_left_today(conn: Connection, unit: Unit, business: Business) -> Unit:
    """The same facts with how often today's limit lets the unit do the business."""
    limit = (await parameters.in_force(conn, unit.business_day))[business.daily_limit]
    rows = await conn.execute(
        "select count(*)::int from txn where unit_id = %s and business = %s and biz_day = %s",
        (unit.unit_id, business.code, unit.business_day),
    )
    done = (await rows.fetchone() or (0,))[0]
    return replace(unit, left_today=max(limit - done, 0))


async def with_rules(conn: Connection, unit: Unit, months: range) -> Unit:
    """The same facts with what was in force in ``months``, each by its first day."""
    rows = await conn.execute(
        "select county from unit where unit_id = %s",
        (unit.unit_id,),
    )
    county = (await rows.fetchone() or ("",))[0]
    known = await parameters.timeline(conn, county)
    rules = {}
    for month in map(Month, months):
        values = known.on(month.first_day, county)
        rules[month] = MonthRule(
            *unit.ratio(month),
            values["base_lower_fen"],
            values["base_upper_fen"],
            values["rounding"],
        )
    return replace(unit, rules=rules)


async def due(conn: Connection, unit_id: int, first: Month, until: Month) -> dict[Month, Due]:
    """What each month's remittance comes to: the roster of domain 4.11, set-based. Months of 缓缴
    are left out."""
    if until < first:
        return {}
    rows = await conn.execute(
        """
        select m, coalesce(sum(n), 0)::int, coalesce(sum(amount), 0)::bigint
        from generate_series(%(first)s::int, %(until)s::int) m
        left join lateral (
            select count(*) n, sum(unit_fen + personal_fen) amount from account
            where unit_id = %(unit)s and from_month <= m and until_month > m
            union all
            select count(*), sum(unit_fen + personal_fen) from segment
            where unit_id = %(unit)s and from_month <= m and until_month > m
        ) roster on true
        where not exists (select from deferral d where d.unit_id = %(unit)s
                          and m between d.from_month and d.until_month)
        group by m order by m
        """,
        {"unit": unit_id, "first": int(first), "until": int(until)},
    )
    return {Month(m): Due(n, amount) for m, n, amount in await rows.fetchall()}


async def open_centre(conn: Connection, name: str, day: datetime.date) -> None:
    """Names the centre and its first business day; a second call changes nothing."""
    await conn.execute(
        "insert into centre (name, business_day) values (%s, %s) on conflict do nothing",
        (name, day),
    )
