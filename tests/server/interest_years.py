"""A centre whose years go by: money comes and goes, interest is settled, and all of it agrees."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from server import interest, parameters, units
from server.books.close import close_day
from server.business.base import Line
from server.business.chart import Gl
from server.business.month import Month
from server.db import Pool, new_id, transaction
from server.ledger.balance import books
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post

Day = datetime.date
ONE_DAY = datetime.timedelta(days=1)
FIRST_ACCOUNT = 532300000000


def day(text: str) -> Day:
    return Day.fromisoformat(text)


@dataclass
class Centre:
    """A centre whose days go by as money comes and goes."""

    pool: Pool
    today: Day
    unit_ids: list[int] = field(default_factory=list)

    async def open(self, people: Sequence[int] = (1,)) -> None:
        """Units of so many people each."""
        async with transaction(self.pool) as conn:
            await units.open_centre(conn, "楚雄州住房公积金管理中心", self.today)
            for count in people:
                opening = units.Opening(
                    "测试单位", "91532300MA6NTEQT85", "532301", 5301,
                    Month.of_day(self.today).plus(-1), 1200, 1200,
                )  # fmt: skip
                unit_id = await units.open_unit(conn, opening)
                self.unit_ids.append(unit_id)
                await conn.execute(
                    """
                    insert into account (unit_id, acct_id, name, id_mask, phone_mask, status,
                                         from_month, base_fen, unit_fen, personal_fen, opened_day)
                    select %(unit)s, %(first)s + n, '职工' || n, '', '', '01', %(month)s,
                           500000, 60000, 60000, %(day)s
                    from generate_series(1, %(n)s) n
                    """,
                    {
                        "unit": unit_id, "n": count, "day": self.today,
                        "first": len(self.unit_ids) * 1000 + FIRST_ACCOUNT,
                        "month": int(Month.of_day(self.today)),
                    },
                )  # fmt: skip

    async def go_to(self, today: Day) -> None:
        if today > self.today:
            async with transaction(self.pool) as conn:
                await close_day(conn, today)
            self.today = today

    async def set(self, key: str, value: str) -> None:
        async with transaction(self.pool) as conn:
            await parameters.set_parameter(conn, key, value, self.today, "王主任")

    async def move(self, today: Day, amount_fen: int, account: int = 0) -> None:
        """Credits one person of the first unit, or takes back (错缴更正)."""
        await self.go_to(today)
        unit_id = self.unit_ids[0]
        acct_id = FIRST_ACCOUNT + 1000 + account + 1
        line = Line(acct_id, Month.of_day(today), 0, amount_fen)
        posting = Posting(Gl.PREPAYMENT, Gl.MEMBERS, amount_fen)
        if amount_fen < 0:
            posting = Posting(Gl.MEMBERS, Gl.PREPAYMENT, -amount_fen)
        async with transaction(self.pool) as conn:
            await units.lock(conn, unit_id)
            give = Posting(Gl.DEPOSITS, Gl.PREPAYMENT, abs(amount_fen))
            txn_id = new_id()
            txn = Transaction(
                unit_id, txn_id, "correction" if amount_fen < 0 else "back_payment", today, 1,
                "counter", str(txn_id), 1, posting.amount_fen + give.amount_fen, {},
                postings=(give, posting), lines=(line,),
            )  # fmt: skip
            await post(conn, txn)
            if amount_fen < 0:
                await conn.execute(
                    "insert into correction (unit_id, acct_id, month, txn_id)"
                    " values (%s, %s, %s, %s)",
                    (unit_id, acct_id, int(line.month), txn_id),
                )

    async def remit(self, today: Day) -> None:
        """A month for everybody of every unit."""
        await self.go_to(today)
        for unit_id in self.unit_ids:
            async with transaction(self.pool) as conn:
                await units.lock(conn, unit_id)
                month = Month.of_day(today)
                due = (await units.due(conn, unit_id, month, month))[month]
                txn_id = new_id()
                txn = Transaction(
                    unit_id, txn_id, "remittance", today, 1, "counter", str(txn_id), 0,
                    due.amount_fen, {}, months=(month,), paid_through=month,
                    postings=(Posting(Gl.DEPOSITS, Gl.MEMBERS, due.amount_fen),),
                )  # fmt: skip
                await post(conn, txn)

    async def sql(self, statement: str, *values: object) -> list[tuple[int, ...]]:
        async with transaction(self.pool) as conn:
            cursor = await conn.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def statement(self, year: int, account: int = 0) -> tuple[int, ...]:
        rows = await self.sql(
            """
            select opening_fen, in_fen, out_fen, interest_fen, prior_interest_fen, closing_fen
            from interest_statement where unit_id = %s and acct_id = %s and year = %s
            """,
            self.unit_ids[0], FIRST_ACCOUNT + 1000 + account + 1, year,
        )  # fmt: skip
        return rows[0]

    async def disagreements(self) -> list[str]:
        """The books' own; 201 against the statements, receipts, what was carried over.
        The receipts of this file's own makeshift businesses are not asked for."""
        async with transaction(self.pool) as conn:
            await conn.execute("set role none")
            found = (await books(conn)).disagreements
        found = [text for text in found if not text.startswith("业务没有回单")]
        return found + [name for name, query in DISAGREEMENTS.items() if await self.sql(query)]


# Each finds what must not be.
DISAGREEMENTS = {
    "结息单合计不等于 201": """
        select 1 from (select unit_id, year, sum(interest_fen) fen from interest_statement
                       group by 1, 2) s
        full join (select unit_id, right(idem, 4)::int as year, total_fen from txn
                   where business = 'settlement') t using (unit_id, year)
        where coalesce(s.fen, 0) <> coalesce(t.total_fen, 0)""",
    "结息没有回单": """
        select 1 from txn t left join receipt r using (unit_id, txn_id)
        left join receipt_code c on c.code = r.code and c.unit_id = r.unit_id
                                and c.year = r.year and c.number = r.number
        where t.business in ('settlement', 'accrual')
          and (c.code is null or r.row_count <> t.rows)""",
    "上年结转多于余额": """
        select 1 from account
        where not prior_fen between 0 and least(opening_fen, balance_fen)""",
}


async def carry_over(centre: Centre, amount_fen: int) -> None:
    """A person who has ``amount_fen`` on 1 July, all of it carried over from a settled year."""
    await centre.open()
    await centre.set("interest.include_settlement_day", "否")
    await centre.move(centre.today, amount_fen)
    following = centre.today + ONE_DAY
    await centre.go_to(following)
    run = await interest.settle_year(centre.pool, following.year, "王主任")
    assert (run.interest_fen, run.is_done) == (0, True)  # It came in on the settlement day.
    assert (await centre.statement(following.year))[-1] == amount_fen
