"""The ledger: balanced, immutable, chained; each promise broken on purpose and found out."""

from __future__ import annotations

import psycopg
import pytest

from server.business.base import Gl
from server.db import Pool, new_id, transaction
from server.ledger.balance import books
from server.ledger.entry import Posting, Transaction
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
