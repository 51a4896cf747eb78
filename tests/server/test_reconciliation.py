"""A bank day against the books: each kind of difference, and a table that explains all of it."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
import pytest

from server import adjustment, reconciliation, reversal, units
from server.adjustment import Adjustment, Kind, Line
from server.books.close import close_day
from server.books.vouchers import post_voucher
from server.business.refusals import Refused
from server.db import Pool, transaction
from server.outside.bank import BankAccount, Collection, HttpBank, Outcome, Transfer
from server.outside.bank_wire import Detail, Direction
from server.outside.sandbox_bank.control import PROJECT
from server.outside.sandbox_bank.scenarios import Fault
from server.reconciliation import reconcile
from server.submission import Operator
from tests.factory import ACCOUNT_NO, DAY, give_prepayment
from tests.server.bank_desk import NAME, BankDesk, open_desk
from tests.server.test_bank_notices import STRANGER, stuck

pytestmark = pytest.mark.anyio
NEXT_DAY = DAY + datetime.timedelta(days=1)
AMOUNT_FEN = 1234_56


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> AsyncIterator[BankDesk]:
    async with open_desk(pool, tmp_path) as opened:
        yield opened


def kinds(found: Adjustment) -> list[Kind]:
    return [line.kind for line in found.lines]


async def end_day(desk: BankDesk) -> None:
    async with transaction(desk.desk.pool) as conn:
        await close_day(conn, NEXT_DAY)


async def test_quiet_day_is_matched_and_both_balances_are_one(desk: BankDesk) -> None:
    first, second = await desk.prepay(), await desk.prepay("7.89")
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED] * 2
    assert {line.txn_id for line in found.lines} == {first, second}
    assert found.book_fen == found.closing_fen == AMOUNT_FEN + 7_89
    assert (found.adjusted_book_fen, found.opening_fen) == (found.closing_fen, 0)
    assert found.is_balanced


async def test_second_run_finds_the_same_and_posts_nothing(desk: BankDesk) -> None:
    await desk.prepay()
    desk.sandbox.receive(*STRANGER)
    first = await desk.reconcile()
    posted = await desk.desk.sql("select count(*) from txn")
    assert await desk.reconcile() == first
    assert await desk.desk.sql("select count(*) from txn") == posted
    async with transaction(desk.desk.pool) as conn:
        assert await adjustment.load(conn, DAY) == first
        assert await adjustment.load(conn, NEXT_DAY) is None


async def test_money_whose_notice_never_came_is_found_and_held(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    found = await desk.reconcile()
    (line,) = found.lines
    assert (line.kind, line.bank_serial, line.unit_id) == (
        Kind.BANK_ONLY, detail.bank_serial, units.CENTRE,
    )  # fmt: skip
    assert await desk.gl("21902") == -123_45
    assert found.is_balanced and found.adjusted_bank_fen == 123_45


async def test_payment_nobody_told_us_about_is_moved_on_by_the_list(desk: BankDesk) -> None:
    desk.sandbox.add_fault(Fault("connection_dropped"))
    serial = await desk.prepay()
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED]
    assert (await desk.payment(serial)).payment.state == "posted"


async def test_posting_that_the_bank_does_not_know_is_told_and_explains_the_gap(
    desk: BankDesk,
) -> None:
    await desk.prepay()
    await give_prepayment(desk.desk, 55_00)
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED, Kind.BOOK_ONLY]
    assert (found.book_fen, found.closing_fen) == (AMOUNT_FEN + 55_00, AMOUNT_FEN)
    assert (found.book_in_fen, found.book_out_fen) == (55_00, 0)
    assert found.adjusted_bank_fen == found.adjusted_book_fen == AMOUNT_FEN + 55_00


@pytest.mark.parametrize("is_later", [False, True], ids=["today", "later"])
async def test_posting_that_the_bank_does_not_know_is_withdrawn_once(
    desk: BankDesk, is_later: bool
) -> None:
    await desk.prepay()
    serial = await desk.cheque()  # Its money never came.

    async def withdraw(what: int) -> int:
        async with transaction(desk.desk.pool) as conn:
            return await reconciliation.withdraw(conn, desk.desk.operator, what)

    with pytest.raises(Refused, match="B15"):
        await withdraw(serial)
    assert kinds(await desk.reconcile()) == [Kind.MATCHED, Kind.BOOK_ONLY]
    if is_later:
        await end_day(desk)
    assert await withdraw(serial) == await withdraw(serial)
    assert [await desk.gl(gl) for gl in ("21901", "21903")] == (
        [-AMOUNT_FEN - 500_00, 500_00] if is_later else [-AMOUNT_FEN, 0]
    )
    await desk.assert_books_and_bank_agree()
    desk.sandbox.set_day(NEXT_DAY)
    found = await reconcile(desk.desk.pool, desk.bank, desk.movements, NEXT_DAY)
    assert found.lines == [] and found.is_balanced
    with pytest.raises(Refused, match="B15"):
        await withdraw(1)


async def test_notice_that_is_not_in_the_list_of_its_day_is_told(desk: BankDesk) -> None:
    ghost = Detail("SG1", DAY, Direction.IN, 9_00, "6222", "某公司", "")
    await desk.tell(ghost)
    found = await desk.reconcile()
    (line,) = found.lines
    assert (line.kind, line.book_fen, line.bank_fen) == (Kind.BOOK_ONLY, 9_00, 0)
    assert "通知" in line.note and found.is_balanced


async def test_payment_stuck_because_the_due_has_changed_appears(desk: BankDesk) -> None:
    serial = await stuck(desk)
    found = await desk.reconcile()
    (line,) = found.lines
    assert (line.kind, line.book_fen) == (Kind.BANK_ONLY, 0) and "人工处理" in line.note
    assert (await desk.payment(serial)).payment.state == "collected"
    assert (found.book_fen, found.bank_in_fen) == (0, line.bank_fen)
    assert found.is_balanced and found.adjusted_book_fen == found.closing_fen
    desk.sandbox.set_day(NEXT_DAY)
    later = await reconcile(desk.desk.pool, desk.bank, desk.movements, NEXT_DAY)
    assert later.lines == found.lines  # It stays in the table until somebody has dealt with it.


async def test_other_amount_under_our_serial_is_told_and_held(desk: BankDesk) -> None:
    answer = await desk.desk.do("prepayment", amount="1,234.56")
    payer = BankAccount(ACCOUNT_NO, NAME, "105")
    other = Collection(str(answer.serial), 1_00, payer, f"XY{ACCOUNT_NO}", "")
    assert (await desk.bank.collect(other)).outcome is Outcome.SUCCESS
    await desk.payments.start(desk.desk.unit_id, answer.serial, 10)
    found = await desk.reconcile()
    assert kinds(found) == [Kind.AMOUNT]
    assert (await desk.payment(answer.serial)).payment.state == "unknown"
    assert await desk.gl("21902") == -1_00
    assert found.is_balanced


async def test_day_of_the_bank_and_of_the_books_may_differ_and_meet_later(desk: BankDesk) -> None:
    await end_day(desk)
    await desk.prepay()  # The books say tomorrow, the bank still today.
    today = await desk.reconcile()
    assert kinds(today) == [Kind.BANK_ONLY]
    assert (today.book_fen, today.bank_in_fen, today.closing_fen) == (0, AMOUNT_FEN, AMOUNT_FEN)
    assert today.is_balanced
    desk.sandbox.set_day(NEXT_DAY)
    tomorrow = await reconcile(desk.desk.pool, desk.bank, desk.movements, NEXT_DAY)
    assert tomorrow.lines == []
    assert tomorrow.book_fen == tomorrow.closing_fen == tomorrow.adjusted_bank_fen == AMOUNT_FEN


async def test_days_left_out_are_fetched_with_the_next(desk: BankDesk) -> None:
    await desk.reconcile()
    for n in range(1, 4):
        desk.sandbox.set_day(DAY + datetime.timedelta(days=n))
        desk.sandbox.receive("6222", "某公司", n)
    found = await reconcile(
        desk.desk.pool, desk.bank, desk.movements, DAY + datetime.timedelta(days=3)
    )
    assert (found.listed_fen, found.closing_fen) == (6, 6)
    assert [line.bank_fen for line in found.lines] == [3]
    assert found.is_balanced and await desk.gl("21902") == -6


async def test_day_that_was_not_over_is_fetched_again_with_the_next(desk: BankDesk) -> None:
    await desk.reconcile()
    desk.sandbox.receive(*STRANGER)
    desk.sandbox.set_day(NEXT_DAY)
    found = await reconcile(desk.desk.pool, desk.bank, desk.movements, NEXT_DAY)
    assert found.is_balanced and await desk.gl("21902") == -123_45


async def test_account_that_held_money_before_the_first_list_shows_it_as_opening(
    desk: BankDesk,
) -> None:
    desk.sandbox.set_opening(1_000_00)
    await desk.prepay()
    found = await desk.reconcile()
    assert (found.opening_fen, found.closing_fen) == (1_000_00, 1_000_00 + AMOUNT_FEN)
    assert found.is_balanced


async def test_balance_that_the_banks_own_list_does_not_explain_is_not_balanced(
    desk: BankDesk,
) -> None:
    await desk.prepay()
    assert (await desk.reconcile()).is_balanced
    desk.sandbox.set_opening(1_00)
    found = await desk.reconcile()
    assert not found.is_balanced
    assert found.adjusted_bank_fen - found.adjusted_book_fen == 1_00


async def test_reversal_and_its_refund_are_matched(desk: BankDesk) -> None:
    serial = await desk.prepay()
    async with transaction(desk.desk.pool) as conn:
        done = await reversal.reverse(conn, desk.desk.operator, serial, "重复", "r1")
    assert done.refund_id is not None
    await desk.payments.start(desk.desk.unit_id, done.refund_id, 10)
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED] * 2
    assert [line.bank_fen for line in found.lines] == [AMOUNT_FEN, -AMOUNT_FEN]
    assert found.adjusted_book_fen == found.closing_fen == 0


async def test_cheque_entered_after_its_money_takes_it_out_of_suspense(desk: BankDesk) -> None:
    desk.sandbox.receive("6222", "楚雄州财政局", 500_00, "拨款")
    assert kinds(await desk.reconcile()) == [Kind.BANK_ONLY]
    serial = await desk.cheque()
    found = await desk.reconcile()
    assert [(line.kind, line.txn_id) for line in found.lines] == [(Kind.MATCHED, serial)]
    assert [await desk.gl(gl) for gl in ("101", "21901", "21902")] == [500_00, -500_00, 0]
    await desk.assert_books_and_bank_agree()


async def test_cheque_taken_back_leaves_its_money_held_again(desk: BankDesk) -> None:
    desk.sandbox.receive("6222", "楚雄州财政局", 500_00, "拨款")
    await desk.reconcile()
    serial = await desk.cheque()
    await desk.reconcile()
    async with transaction(desk.desk.pool) as conn:
        await reversal.reverse(conn, desk.desk.operator, serial, "录错单位", "r1")
    found = await desk.reconcile()
    assert kinds(found) == [Kind.BANK_ONLY] and found.is_balanced
    assert [await desk.gl(gl) for gl in ("101", "21901", "21902")] == [500_00, 0, -500_00]
    await desk.cheque("ZP002")
    assert kinds(await desk.reconcile()) == [Kind.MATCHED]
    await desk.assert_books_and_bank_agree()


@pytest.mark.parametrize("is_told_first", [True, False])
async def test_fee_and_its_voucher_meet_whichever_comes_first(
    desk: BankDesk, is_told_first: bool
) -> None:
    clerk = Operator(units.CENTRE, 1, "财务", "counter")
    await desk.prepay()
    fee = Transfer("F1", 5_00, BankAccount(ACCOUNT_NO, NAME, "105"), "手续费")
    assert (await desk.bank.pay(fee)).outcome is Outcome.SUCCESS
    if is_told_first:
        await desk.reconcile()
        assert [await desk.gl(gl) for gl in ("21903", "41102")] == [5_00, 0]
    async with transaction(desk.desk.pool) as conn:
        await post_voucher(conn, clerk, "collection_fee", 5_00, "手续费", "v1")
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED] * 2
    assert [await desk.gl(gl) for gl in ("21903", "41102")] == [0, 5_00]
    await desk.assert_books_and_bank_agree()


async def test_bank_that_takes_back_is_in_the_table_as_one_pair(desk: BankDesk) -> None:
    serial = await desk.prepay()
    await desk.reconcile()
    desk.sandbox.reverse(str(serial))
    found = await desk.reconcile()
    assert kinds(found) == [Kind.MATCHED] * 2
    assert found.book_fen == found.closing_fen == 0


async def test_list_that_cannot_be_read_is_refused_and_nothing_is_concluded(
    desk: BankDesk,
) -> None:
    async with HttpBank(desk.sandbox.ready.url, b"wrong", timeout_s=2) as stranger:
        with pytest.raises(Refused) as refusal:
            await reconcile(desk.desk.pool, stranger, desk.movements, DAY)
    assert refusal.value.reason.code == "B12"
    assert await desk.desk.sql("select count(*) from reconciliation") == [(0,)]


async def test_day_before_the_first_is_refused(desk: BankDesk) -> None:
    await desk.reconcile()
    with pytest.raises(Refused) as refusal:
        await reconcile(desk.desk.pool, desk.bank, desk.movements, DAY - datetime.timedelta(days=1))
    assert refusal.value.reason.code == "B13"


def test_table_of_known_lines_is_the_one_worked_out_by_hand() -> None:
    """Book 1000, bank 1170: the bank has 300 more in and 50 more out, the books 100 in, 20 out."""
    lines = [
        Line(Kind.MATCHED, "1", 1, 1, 500_00, 500_00),
        Line(Kind.BANK_ONLY, "2", None, None, 300_00, 0),
        Line(Kind.BANK_ONLY, "3", None, None, -50_00, 0),
        Line(Kind.BOOK_ONLY, "", 1, 2, 0, 100_00),
        Line(Kind.BOOK_ONLY, "", 1, 3, 0, -20_00),
    ]
    table = Adjustment(DAY, 0, 1170_00, 1170_00, 1000_00, lines)
    assert (table.bank_in_fen, table.bank_out_fen) == (300_00, 50_00)
    assert (table.book_in_fen, table.book_out_fen) == (100_00, 20_00)
    assert table.adjusted_book_fen == table.adjusted_bank_fen == 1250_00


async def test_command_reconciles_the_day_before_and_prints_the_table(
    desk: BankDesk, database: str
) -> None:
    await desk.prepay()
    await end_day(desk)
    ready = desk.sandbox.ready
    given = {
        "HPF_DATABASE_URL": database, "HPF_BANK_URL": ready.url, "HPF_BANK_KEY": ready.key.hex(),
    }  # fmt: skip
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-m", "server", "reconcile"], cwd=PROJECT, env=os.environ | given,
            capture_output=True, timeout=60, check=False,
        )
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    table = json.loads(done.stdout)
    assert (table["day"], table["调节后账面余额"]) == (DAY.isoformat(), AMOUNT_FEN)
    assert [line["kind"] for line in table["lines"]] == ["两清"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["HPF_DATABASE_URL", "HPF_BANK_URL", "HPF_BANK_KEY"]),
        ({"HPF_DATABASE_URL": "postgresql://x", "HPF_BANK_URL": "http://x"}, ["HPF_BANK_KEY"]),
        ({"HPF_DATABASE_URL": "postgresql://x", "HPF_BANK_KEY": "00", "HPF_BANK_URL": ""},
         ["HPF_BANK_URL"]),
    ],
    ids=["all", "one", "empty"],
)  # fmt: skip
def test_command_names_all_that_the_environment_lacks(
    given: dict[str, str], named: list[str]
) -> None:
    done = run_reconcile(given)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("缺少环境变量") and "Traceback" not in done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()[1:]] == named


def test_command_says_that_the_key_cannot_be_read_and_does_not_repeat_it() -> None:
    given = {"HPF_DATABASE_URL": "postgresql://x", "HPF_BANK_URL": "http://x"}
    done = run_reconcile(given | {"HPF_BANK_KEY": "not-hex"})
    assert done.returncode == 1 and "HPF_BANK_KEY 应为十六进制" in done.stderr
    assert "not-hex" not in done.stderr


def run_reconcile(given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {key: text for key, text in os.environ.items() if not key.startswith("HPF_")}
    return subprocess.run(
        [sys.executable, "-m", "server", "reconcile"], cwd=PROJECT, env=clean | given,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_first_reconciliation_begins_where_the_books_do(desk: BankDesk) -> None:
    """Days before the first notice are fetched, too: else what was paid then would stay open."""
    serial = await desk.prepay()
    await end_day(desk)
    desk.sandbox.set_day(NEXT_DAY)
    later = await desk.prepay("7.89")
    (detail,) = (await desk.bank.details(NEXT_DAY)).details
    await desk.tell(detail)  # The only one that was told.
    found = await reconcile(desk.desk.pool, desk.bank, desk.movements, NEXT_DAY)
    assert [(line.kind, line.txn_id) for line in found.lines] == [(Kind.MATCHED, later)]
    assert found.book_fen == found.closing_fen == AMOUNT_FEN + 7_89 and found.opening_fen == 0
    assert await desk.desk.sql("select is_listed from bank_movement where txn_id = %s", serial) == [
        (True,)
    ]
