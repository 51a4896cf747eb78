"""Units: opening them, their signed bank accounts, and the facts that checks need."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from server import parameters
from server.business.amounts import Rounding
from server.business.base import Due, Unit, UnitStatus
from server.business.identity import with_account_check
from server.business.month import Month
from server.business.refusals import refused
from server.db import Connection


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
    """网厅单位缴存银行账户签约; the first account becomes the one that is debited."""
    day = await parameters.business_day(conn)
    await conn.execute(
        """
        insert into bank_account
            (unit_id, account_no, holder, bank_name, bank_code, agreement, is_default, signed_day)
        select %(unit)s, %(no)s, %(holder)s, %(bank)s, %(code)s, %(agreement)s,
               not exists (select from bank_account where unit_id = %(unit)s and is_default),
               %(day)s
        """,
        {
            "unit": unit_id, "no": account.account_no, "holder": account.holder,
            "bank": account.bank_name, "code": account.bank_code,
            "agreement": account.agreement, "day": day,
        },
    )  # fmt: skip


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
    """Always the first lock of a business; everything else of the unit is safe behind it.

    Not of the key: colleagues save drafts, which refer to the unit, without waiting for it.
    """
    rows = await conn.execute("select 1 from unit where unit_id = %s for no key update", (unit_id,))
    if await rows.fetchone() is None:
        raise refused("N04")


async def facts(conn: Connection, unit_id: int) -> Unit:
    """What checks may know of the unit today. Lock it first where the answer must hold."""
    day = await parameters.business_day(conn)
    rows = await conn.execute(
        """
        select name, county, status, paid_through, unit_ratio, personal_ratio, prepayment_fen
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
        base_low_fen=int(values["base_lower_fen"]),
        base_high_fen=int(values["base_upper_fen"]),
        rounding=Rounding(values["rounding"]),
        remit_ahead_months=int(values["remit_ahead_months"]),
        prepayment_fen=prepayment_fen,
        payment_limit_fen=int(values["payment_limit_fen"]),
        signed_account=f"{account.bank_name} ****{account.account_no[-4:]}" if account else "",
        paying=dict(await paying.fetchall()),
    )


async def due(conn: Connection, unit_id: int, first: Month, until: Month) -> dict[Month, Due]:
    """What each month's remittance comes to: the roster of domain 4.11, set-based."""
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
