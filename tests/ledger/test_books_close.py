"""Day end: what is posted lands on one day or the next, never on a closed one; the year's end."""

from __future__ import annotations

import asyncio
import datetime

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from server import migrate as migration
from server import units
from server.books.balances import trial_balance
from server.books.close import close_day
from server.books.vouchers import post_voucher
from server.business.finance import VOUCHER_KINDS
from server.business.refusals import Refused
from server.db import Pool, new_id, take_day, transaction
from server.ledger.balance import books
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.parameters import business_day
from tests.factory import DAY, Desk, Gl, assert_books_agree, open_unit
from tests.ledger.year import FINANCE, first_of, open_year

pytestmark = pytest.mark.anyio
Day = datetime.date
TOMORROW = DAY + datetime.timedelta(days=1)


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await open_unit(pool)


async def close(pool: Pool, day: Day = TOMORROW) -> None:
    async with transaction(pool) as conn:
        await close_day(conn, day)


async def rolled_up(desk: Desk) -> list[tuple[object, ...]]:
    return await desk.sql("select day, gl, dr_fen, cr_fen, balance_fen from gl_day order by 1, 2")


async def test_close_writes_what_each_account_came_to_and_moves_the_day(desk: Desk) -> None:
    await desk.enter_cheque("100", "ZP1")
    await desk.enter_cheque("50", "ZP2")
    await close(desk.pool)
    await desk.enter_cheque("1", "ZP3")
    await close(desk.pool, TOMORROW + datetime.timedelta(days=4))
    assert await rolled_up(desk) == [
        (DAY, "101", 150_00, 0, 150_00),
        (DAY, "21901", 0, 150_00, -150_00),
        (TOMORROW, "101", 1_00, 0, 151_00),
        (TOMORROW, "21901", 0, 1_00, -151_00),
    ]
    await assert_books_agree(desk.pool)


async def test_close_takes_in_days_that_were_never_closed(desk: Desk, database: str) -> None:
    await desk.enter_cheque("100", "ZP1")
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("update centre set business_day = %s", (TOMORROW,))
    await desk.enter_cheque("50", "ZP2")
    await close(desk.pool, TOMORROW + datetime.timedelta(days=1))
    assert [row[:2] for row in await rolled_up(desk)] == [
        (DAY, "101"), (DAY, "21901"), (TOMORROW, "101"), (TOMORROW, "21901"),
    ]  # fmt: skip
    await assert_books_agree(desk.pool)


@pytest.mark.parametrize("day", [DAY, DAY - datetime.timedelta(days=1)])
async def test_close_never_goes_back(desk: Desk, day: Day) -> None:
    with pytest.raises(Refused) as refused:
        await close(desk.pool, day)
    assert refused.value.reason.code == "T16"
    assert await rolled_up(desk) == await desk.sql("select * from day_close") == []


def prepayment(desk: Desk, day: Day) -> Transaction:
    return Transaction(
        desk.unit_id, new_id(), "prepayment", day, 1, "counter", f"t-{new_id()}", 0, 5, {},
        postings=(Posting(Gl.DEPOSITS, Gl.PREPAYMENT, 5),),
    )  # fmt: skip


@pytest.mark.parametrize("days", [-1, 1])
async def test_closed_and_coming_days_take_no_postings(desk: Desk, days: int) -> None:
    await close(desk.pool)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with transaction(desk.pool) as conn:
            await post(conn, prepayment(desk, TOMORROW + datetime.timedelta(days=days)))
    async with transaction(desk.pool) as conn:
        await post(conn, prepayment(desk, TOMORROW))


async def test_close_waits_for_who_is_posting_and_others_wait_for_it(desk: Desk) -> None:
    pool = desk.pool
    async with transaction(pool) as slow:
        await units.lock(slow, desk.unit_id)
        closing = asyncio.create_task(close(pool))
        await asyncio.sleep(0.2)
        late = asyncio.create_task(desk.counter.enter_cheque("7", "ZP7"))
        await asyncio.sleep(0.2)
        assert not closing.done() and not late.done()
        day = await business_day(slow)
        await post(slow, prepayment(desk, day))
    await asyncio.wait_for(asyncio.gather(closing, late), 10)
    assert await desk.sql("select biz_day, total_fen from txn order by 1") == [
        (DAY, 5), (TOMORROW, 7_00),
    ]  # fmt: skip
    assert await rolled_up(desk) == [
        (DAY, "101", 5, 0, 5), (DAY, "21901", 0, 5, -5),
    ]  # fmt: skip


async def test_many_post_while_days_end_and_every_day_is_rolled_up_right(pool: Pool) -> None:
    centre = await open_year(pool)

    async def pay(desk: Desk) -> None:
        for number in range(15):
            await desk.enter_cheque(str(number + 1), f"ZP{desk.unit_id}{number}")

    async def end_days() -> None:
        for number in range(1, 9):
            await asyncio.sleep(0.05)
            await close(pool, first_of(1) + datetime.timedelta(days=number))

    await asyncio.gather(end_days(), *map(pay, centre.desks))
    await assert_books_agree(pool)
    days = await centre.desks[0].sql("select count(distinct day) from gl_day")
    assert days[0][0] > 1


async def test_close_by_two_at_once_closes_each_day_once(desk: Desk) -> None:
    outcomes = await asyncio.gather(close(desk.pool), close(desk.pool), return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [Refused]
    assert await desk.sql("select day from day_close") == [(DAY,)]


async def test_who_reads_balances_does_not_wait_for_the_close(desk: Desk) -> None:
    async with transaction(desk.pool) as closing, transaction(desk.pool) as reading:
        await take_day(closing)
        await reading.execute("set local lock_timeout = '1s'")
        await trial_balance(reading, DAY, DAY)
        await books(reading)


async def enter(pool: Pool, kind: str, amount_fen: int, idem: str = "", words: str = "摘要") -> str:
    async with transaction(pool) as conn:
        entered = await post_voucher(
            conn, FINANCE, kind, amount_fen, words, idem or f"v-{new_id()}"
        )
    return entered.voucher_no


async def lines(desk: Desk) -> list[tuple[object, ...]]:
    return await desk.sql(
        "select debit, credit, amount_fen from posting where unit_id = 0 order by txn_id, line"
    )


@pytest.mark.parametrize("kind", VOUCHER_KINDS)
async def test_voucher_moves_what_its_kind_says_and_has_a_number(desk: Desk, kind: str) -> None:
    assert await enter(desk.pool, kind, 12_34) == "2026-000001"
    assert await enter(desk.pool, kind, -12_34, words="冲销 2026-000001") == "2026-000002"
    voucher = VOUCHER_KINDS[kind]
    sides = voucher.debit, voucher.credit
    assert await lines(desk) == [(*sides, 12_34), (*sides, -12_34)]
    ((title, content),) = await desk.sql("select title, content from receipt where number = 1")
    assert title == "记账凭证"
    facts = dict(content["facts"])
    assert (facts["金额"], facts["摘要"]) == ("12.34", "摘要")
    assert voucher.debit in facts["分录"] and voucher.credit in facts["分录"]
    await assert_books_agree(desk.pool)


async def test_voucher_again_under_the_same_key_is_the_first(desk: Desk) -> None:
    numbers = [await enter(desk.pool, "collection_fee", 5, "one") for _ in range(2)]
    assert numbers == ["2026-000001"] * 2
    assert len(await lines(desk)) == 1
    for other in (("collection_fee", 6, "one"), ("other_income", 5, "one")):
        with pytest.raises(Refused) as refused:
            await enter(desk.pool, *other)
        assert refused.value.reason.code == "G12"


async def test_voucher_over_nothing_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await enter(desk.pool, "collection_fee", 0)
    assert refused.value.reason.code == "E20"


async def test_year_end_carries_income_and_expense_over_once(desk: Desk) -> None:
    pool = desk.pool
    await enter(pool, "deposit_interest", 900)
    await enter(pool, "other_income", 100)
    await enter(pool, "other_income", -100, words="红字冲销")
    await enter(pool, "gains_interest", 50)
    await enter(pool, "collection_fee", 300)
    await close(pool, Day(2026, 12, 30))
    await close(pool, Day(2027, 1, 4))
    carried = ("40101", "311", 900), ("40102", "311", 50), ("311", "41102", 300)
    assert (await lines(desk))[-3:] == list(carried)
    assert await desk.sql("select biz_day, idem from txn where business = 'year_end'") == [
        (Day(2026, 12, 30), "year-end-2026")
    ]
    await enter(pool, "collection_fee", 7)
    await close(pool, Day(2027, 1, 5))
    await close(pool, Day(2029, 6, 1))
    assert (await lines(desk))[-1] == ("311", "41102", 7)
    await close(pool, Day(2030, 6, 1))
    assert await desk.sql("select count(*) from txn where business = 'year_end'") == [(2,)]
    async with transaction(pool) as conn:
        table = await trial_balance(conn, Day(2026, 1, 1), Day(2030, 1, 1))
    closing = {line.gl: line.closing_fen for line in table.lines}
    assert (closing["311"], closing["401"], closing["411"]) == (-(950 - 307), 0, 0)
    await assert_books_agree(pool)


def test_days_of_before_the_books_are_rolled_up_by_the_migration(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in use gets what its past days came to; the day that is open stays open."""
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("create database older_books")
    url = make_conninfo(postgres, dbname="older_books")
    try:
        with monkeypatch.context() as patched:
            upgrade = migration.command.upgrade
            patched.setattr(migration.command, "upgrade", lambda c, _: upgrade(c, "0007"))
            migration.migrate(url)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("insert into centre (name, business_day) values ('中心', %s)", (DAY,))
            for day, number in ((DAY - datetime.timedelta(days=2), 1), (DAY, 2)):
                owner.execute(
                    "insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind,"
                    " rows, total_fen, head, idem) values (0, %s, 'voucher', %s, 1, '', 0, 5,"
                    " '{}', %s)",
                    (number, day, str(number)),
                )
                owner.execute("insert into posting values (0, %s, 1, '101', '40101', 5)", (number,))
            migration.migrate(url)
            assert owner.execute("select * from gl_day order by gl").fetchall() == [
                (DAY - datetime.timedelta(days=2), "101", 5, 0, 5),
                (DAY - datetime.timedelta(days=2), "40101", 0, 5, -5),
            ]
            closed = owner.execute("select day from day_close").fetchall()
            assert closed == [(DAY - datetime.timedelta(days=2),)]
    finally:
        with psycopg.connect(postgres, autocommit=True) as conn:
            conn.execute("drop database older_books with (force)")
