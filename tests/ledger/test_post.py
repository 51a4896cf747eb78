"""The ledger: balanced, immutable, chained; each promise broken on purpose and found out."""

from __future__ import annotations

import psycopg
import pytest

from server.business.base import Gl, Line
from server.db import Pool, new_id, transaction
from server.ledger.balance import books
from server.ledger.entry import Posting, Receipt, Transaction
from server.ledger.post import LedgerMismatch, post
from tests.factory import DAY, NEXT_MONTH, Desk, open_unit

pytestmark = pytest.mark.anyio


def remittance(desk: Desk, amount_fen: int, **changes: object) -> Transaction:
    values = {
        "unit_id": desk.unit_id, "txn_id": new_id(), "business": "remittance", "biz_day": DAY,
        "operator_id": 1, "login_kind": "certificate", "idem": f"t-{new_id()}", "rows": 0,
        "total_fen": amount_fen, "head": {}, "months": (NEXT_MONTH,),
        "postings": (Posting(Gl.DEPOSITS, Gl.MEMBERS, amount_fen),),
    } | changes  # fmt: skip
    return Transaction(**values)  # type: ignore[arg-type]


async def due_fen(desk: Desk) -> int:
    rows = await desk.sql("select sum(unit_fen + personal_fen)::bigint from account")
    return int(rows[0][0])


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    desk = await open_unit(pool)
    await desk.open_people(range(10))
    return desk


async def test_post_amount_that_is_not_due_is_rolled_back(desk: Desk) -> None:
    with pytest.raises(LedgerMismatch):
        async with transaction(desk.pool) as conn:
            await post(conn, remittance(desk, await due_fen(desk) + 1))
    assert await desk.sql("select count(*) from entry") == [(0,)]
    assert await desk.sql("select max(balance_fen)::bigint from account") == [(0,)]


async def test_post_same_key_twice_violates_the_key(desk: Desk) -> None:
    amount_fen = await due_fen(desk)
    async with transaction(desk.pool) as conn:
        await post(conn, remittance(desk, amount_fen, idem="one"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with transaction(desk.pool) as conn:
            await post(conn, remittance(desk, amount_fen, idem="one"))


async def test_post_for_a_unit_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(LedgerMismatch):
        async with transaction(desk.pool) as conn:
            await post(conn, remittance(desk, 1, unit_id=desk.unit_id + 1))


async def test_post_line_of_an_account_elsewhere_is_rolled_back(desk: Desk) -> None:
    account, *_ = await desk.accounts()
    lines = (Line(account, NEXT_MONTH, 1, 2), Line(account + 1_000_000, NEXT_MONTH, 1, 3))
    with pytest.raises(LedgerMismatch):
        async with transaction(desk.pool) as conn:
            await post(conn, remittance(desk, 5, months=(), lines=lines))
    assert await desk.sql("select count(*) from entry") == [(0,)]


async def test_post_with_a_receipt_numbers_it_and_without_one_leaves_the_number(desk: Desk) -> None:
    amount_fen = await due_fen(desk)
    before = (await desk.sql("select receipt_count from unit where unit_id <> 0"))[0][0]
    receipt = Receipt("缴存", "CODE-0000-0001", "{}", amount_fen, None)
    async with transaction(desk.pool) as conn:
        silent = await post(conn, remittance(desk, amount_fen))
        posted = await post(
            conn, remittance(desk, amount_fen, months=(NEXT_MONTH.plus(1),)), receipt
        )
    assert (silent.receipt_number, posted.receipt_number) == (None, before + 1)
    assert await desk.sql(
        "select unit_id, year, number, row_count, amount_fen from receipt join receipt_code"
        " using (unit_id, year, number) where receipt_code.code = 'CODE-0000-0001'"
    ) == [(desk.unit_id, DAY.year, before + 1, 10, amount_fen)]


async def test_post_month_of_an_earlier_segment_is_one_part_with_both_rosters(desk: Desk) -> None:
    """Who was on the roster by an earlier segment is credited what that one says."""
    first, *_ = await desk.accounts()
    await desk.sql(
        "insert into segment (unit_id, until_month, acct_id, txn_id, from_month, base_fen,"
        " unit_fen, personal_fen) select unit_id, %s, acct_id, 1, from_month, base_fen, 700, 300"
        " from account where acct_id = %s",
        int(NEXT_MONTH) + 1,
        first,
    )
    await desk.sql(
        "update account set from_month = %s where acct_id = %s", int(NEXT_MONTH) + 1, first
    )
    rows = await desk.sql(
        "select sum(unit_fen + personal_fen)::bigint from account where acct_id <> %s", first
    )
    due = rows[0][0] + 1000
    async with transaction(desk.pool) as conn:
        posted = await post(conn, remittance(desk, due))
        found = [line for line in (await books(conn)).disagreements if "没有回单" not in line]
    assert (posted.persons, posted.entries, posted.amount_fen) == (10, 10, due)
    assert found == []
    assert await desk.sql(
        "select unit_fen, amount_fen, balance_fen from entry where acct_id = %s", first
    ) == [(700, 1000, 1000)]


def test_transaction_unbalanced_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        Transaction(
            1, 1, "x", DAY, 1, "c", "k", 0, 5, {}, postings=(Posting(Gl.DEPOSITS, Gl.MEMBERS, 4),)
        )


@pytest.mark.parametrize(
    "change",
    [
        "update entry set amount_fen = amount_fen + 1",
        "delete from entry",
        "truncate posting",
        "update posting set amount_fen = 1",
        "update txn set total_fen = 0",
        "delete from txn",
        "update chain set hash = ''",
        "update receipt set title = ''",
        "delete from submission",
        "update txn_part set amount_fen = 0",
    ],
)
async def test_ledger_cannot_be_changed_by_the_application(desk: Desk, change: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await desk.sql(change)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("update entry set amount_fen = amount_fen + 1, unit_fen = unit_fen + 1", "分录"),
        ("update entry set balance_fen = balance_fen + 1 where month > 0", "摘要"),
        ("update account set balance_fen = balance_fen + 1", "余额"),
        ("update txn set operator_id = 99", "链"),
        ("update posting set debit = '219'", "科目"),
        ("delete from chain where position = 1", "链"),
        ("update unit set members_fen = members_fen + 5", "201"),
    ],
)
async def test_books_tampered_with_by_the_owner_say_so(
    desk: Desk, database: str, change: str, word: str
) -> None:
    async with transaction(desk.pool) as conn:
        await post(conn, remittance(desk, await due_fen(desk)))
        before = [d for d in (await books(conn)).disagreements if "没有回单" not in d]
    assert before == []
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(change)
    async with transaction(desk.pool) as conn:
        found = (await books(conn)).disagreements
    assert any(word in line for line in found), found


async def test_balance_below_zero_is_refused_by_the_row(desk: Desk) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await desk.sql("update unit set prepayment_fen = -1")


async def test_transaction_whose_idle_connections_broke_gets_another(
    desk: Desk, database: str
) -> None:
    """As after a restart of PostgreSQL."""
    with psycopg.connect(database, autocommit=True) as owner:
        broken = owner.execute(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    assert broken is not None
    assert broken[0] >= 1
    assert await desk.sql("select 1") == [(1,)]


async def test_transaction_that_fails_leaves_nothing_and_its_connection_to_the_next(
    desk: Desk,
) -> None:
    async def fail() -> None:
        async with transaction(desk.pool) as conn:
            await conn.execute("update unit set name = 'x' where unit_id = %s", (desk.unit_id,))
            await conn.execute("select 1 / 0")

    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await fail()
    assert await desk.sql("select 1 from unit where name = 'x'") == []
