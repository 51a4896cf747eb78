"""A centre's year through its own doors: everything that makes a voucher, each month closed."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from server import interest, suspense, units
from server.books.close import close_day
from server.books.vouchers import post_voucher
from server.business.month import Month
from server.db import Pool, transaction
from server.demo_people import person
from server.outside.bank_wire import Detail, Direction
from server.submission import Operator
from tests.factory import Desk

Day = datetime.date
YEAR = 2026
FINANCE = Operator(units.CENTRE, 7, "周会计", "counter")
USCCS = "91532300MA6NTEQT85", "12532300432100072Y"
PEOPLE = 6


def first_of(month: int) -> Day:
    return Day(YEAR, month, 5)


@dataclass
class Centre:
    """Two units, and the day that it is."""

    pool: Pool
    today: Day
    desks: list[Desk]

    async def go_to(self, day: Day) -> None:
        async with transaction(self.pool) as conn:
            self.today = await close_day(conn, day)

    async def voucher(self, kind: str, amount_fen: int, words: str) -> None:
        async with transaction(self.pool) as conn:
            await post_voucher(conn, FINANCE, kind, amount_fen, words, f"{kind}-{self.today}")

    async def month(self, number: int) -> None:
        """One month's business; what differs between months is told by their numbers."""
        month = Month.of(YEAR, number)
        for place, desk in enumerate(self.desks):
            await desk.enter_cheque("60000", f"ZP{number:02d}{place}")
            paid = await desk.remit(month)
            if number % 4 == place:
                await desk.reverse(paid.serial)
                await desk.remit(month)
        await self._changes(number, month)
        await self.voucher("deposit_interest", 123_45 * number, f"{month} 存款利息")
        await self.voucher("collection_fee", 50_00 + number, f"{month} 归集手续费")
        if number == 5:
            await self.voucher("gains_interest", 77_70, "增值收益存款利息")
            await self._unknown_money("10000.00")

    async def _changes(self, number: int, month: Month) -> None:
        desk = self.desks[number % 2]
        accounts = [str(account) for account in await desk.accounts()]
        if number == 3:
            await desk.do("sealing", [{"account": accounts[-1], "reason": "01"}])
        if number in (4, 9):
            row = {"account": accounts[0], "monthly": "300", "start": str(month.plus(-1))}
            row |= {"end": str(month)}
            await desk.do("back_payment", [row], kind="3", method="prepayment")
        if number in (6, 10):
            row = {"account": accounts[1], "month": str(month.plus(-2)), "amount": "100.01"}
            await desk.counter.do("correction", [row], reason="基数录错")
        if number == 8:
            giver, (left,) = (
                self.desks[1],
                await self.desks[1].sql(
                    "select acct_id from account where unit_id = %s and status = '02'",
                    self.desks[1].unit_id,
                ),
            )
            row = {"person": str(left[0]), "month": str(month.plus(1)), "base": "7000.00"}
            await desk.do("transfer", [row], from_unit=str(giver.unit_id))
        if number == 7:
            late = person(500) | {"month": str(month.plus(1)), "base": "5000.00"}
            await desk.do("account_opening", [late])

    async def _unknown_money(self, yuan: str) -> None:
        """Into 暂收, and on to the unit that it was for."""
        fen = round(float(yuan) * 100)
        detail = Detail("BK0001", self.today, Direction.IN, fen, "6222", "某单位", "缴款")
        async with transaction(self.pool) as conn:
            await suspense.hold(conn, detail)
            await suspense.hold(conn, Detail("BK0002", self.today, Direction.IN, 1, "6", "某", ""))
            await suspense.claim(conn, self.desks[0].counter.operator, "BK0001", "")


async def open_year(pool: Pool) -> Centre:
    async with transaction(pool) as conn:
        await units.open_centre(conn, "楚雄州住房公积金管理中心", first_of(1))
        opened = [
            await units.open_unit(conn, units.Opening(
                f"测试单位{place}", uscc, "532301", 5301, Month.of(YEAR - 1, 12), 1200, 1200
            ))
            for place, uscc in enumerate(USCCS)
        ]  # fmt: skip
    centre = Centre(pool, first_of(1), [Desk(pool, unit_id) for unit_id in opened])
    for place, desk in enumerate(centre.desks):
        numbers = range(place * 100, place * 100 + PEOPLE)
        await desk.open_people(numbers, Month.of(YEAR, 1))
    return centre


async def play_year(pool: Pool) -> None:
    """January to December, interest settled in July, and the year closed."""
    centre = await open_year(pool)
    for number in range(1, 13):
        if number == 7:
            await interest.settle_year(pool, YEAR, "年终结息")
        await centre.month(number)
        if number == 8:
            await centre.go_to(Day(YEAR, 8, 31))
            async with transaction(pool) as conn:
                await interest.accrue(conn, Month.of(YEAR, 8))
        await centre.go_to(first_of(number + 1) if number < 12 else Day(YEAR + 1, 1, 4))
    for desk in centre.desks:
        await desk.enter_cheque("1000", f"ZPX{desk.unit_id}")
