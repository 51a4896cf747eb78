"""Notices from the real bank: stored once, brought into the books once, in whatever order."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server import suspense, units
from server.adjustment import Kind
from server.books.close import close_day
from server.business.month import Month
from server.business.refusals import Refused
from server.config import Config
from server.db import Pool, transaction
from server.demo_ca import DemoCa
from server.outside.bank_wire import (
    NOTICE,
    SERIAL_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    Detail,
    Direction,
    sign_notice,
)
from server.outside.sandbox_bank.scenarios import Chaos, Fault
from server.payments import Pace
from server.serve import server
from tests.factory import ACCOUNT_NO, DAY, NEXT_MONTH
from tests.server.bank_desk import MONEY_FEN, PATIENT, BankDesk, open_desk
from tests.server.hall import Hall, code_of

pytestmark = pytest.mark.anyio
AMOUNT_FEN = 1234_56
STRANGER = ("62220001", "来历不明公司", 123_45, "公积金")


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> AsyncIterator[BankDesk]:
    async with open_desk(pool, tmp_path) as opened:
        yield opened


async def test_success_told_by_notice_alone_posts_the_payment_once(desk: BankDesk) -> None:
    desk.sandbox.add_fault(Fault("connection_dropped"))
    serial = await desk.prepay()
    assert (await desk.payment(serial)).payment.state == "unknown"
    (detail,) = await desk.listed()
    await desk.tell(detail, detail)
    assert await desk.steps(serial) == ["pending", "sent", "unknown", "collected", "posted"]
    assert await desk.end_of(detail) == "settled"
    assert await desk.desk.sql("select count(*) from receipt") == [(1,)]
    await desk.assert_books_and_bank_agree()


async def test_notice_before_the_answer_posts_and_the_answer_changes_nothing(
    desk: BankDesk,
) -> None:
    desk.sandbox.add_fault(Fault("success", delay_ms_low=1000, delay_ms_high=1000))
    serial = await desk.prepay(wait_s=0.3)
    (detail,) = await desk.listed()
    await desk.tell(detail)
    told = await desk.steps(serial)
    await asyncio.gather(*desk.payments._tasks)  # The answer comes now.
    assert told == await desk.steps(serial) == ["pending", "sent", "collected", "posted"]
    await desk.assert_books_and_bank_agree()


async def test_notice_before_an_answer_that_is_lost_is_not_undone_by_the_loss(
    desk: BankDesk,
) -> None:
    desk.sandbox.add_fault(Fault("connection_dropped", delay_ms_low=800, delay_ms_high=800))
    serial = await desk.prepay(wait_s=0.3)
    await desk.tell(*await desk.listed())
    await asyncio.gather(*desk.payments._tasks)
    assert await desk.steps(serial) == ["pending", "sent", "collected", "posted"]


async def test_money_of_nobody_known_is_held_once_however_often_it_is_told(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    await asyncio.gather(*(desk.tell(detail) for _ in range(8)))
    assert await desk.gl("21902") == -123_45
    async with transaction(desk.desk.pool) as conn:
        (held,) = await suspense.held(conn)
    assert (held.bank_serial, held.amount_fen) == (detail.bank_serial, 123_45)
    assert await desk.desk.sql("select unit_id, total_fen from txn") == [(units.CENTRE, 123_45)]
    await desk.assert_books_and_bank_agree()


async def test_same_bank_serial_with_another_amount_is_no_repetition(desk: BankDesk) -> None:
    first = desk.sandbox.receive(*STRANGER)
    other = msgspec.structs.replace(first, amount_fen=1_00)
    await desk.tell(first, other)
    assert [await desk.end_of(first), await desk.end_of(other)] == ["suspense", "difference"]
    assert [await desk.gl(gl) for gl in ("101", "21902", "21903")] == [124_45, -123_45, -1_00]


async def test_claim_brings_held_money_to_the_unit_at_most_once(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    await desk.tell(detail)

    async def claim() -> suspense.Claimed:
        async with transaction(desk.desk.pool) as conn:
            return await suspense.claim(conn, desk.desk.operator, detail.bank_serial, "来函")

    tried = await asyncio.gather(*(claim() for _ in range(4)), return_exceptions=True)
    (claimed,) = [one for one in tried if isinstance(one, suspense.Claimed)]
    assert {e.reason.code for e in tried if isinstance(e, Refused)} == {"E14"}
    assert (claimed.amount_fen, claimed.receipt_no[:5]) == (123_45, "2026-")
    assert [await desk.gl(gl) for gl in ("21901", "21902", "21904")] == [-123_45, 0, 0]
    assert await desk.desk.sql(
        "select prepayment_fen from unit where unit_id = %s", desk.desk.unit_id
    ) == [(123_45,)]
    await desk.assert_books_and_bank_agree()


async def test_claim_of_what_is_not_held_or_for_a_closed_unit_is_refused(desk: BankDesk) -> None:
    async def claim(bank_serial: str) -> str:
        with pytest.raises(Refused) as refusal:
            async with transaction(desk.desk.pool) as conn:
                await suspense.claim(conn, desk.desk.operator, bank_serial, "")
        return refusal.value.reason.code

    detail = desk.sandbox.receive(*STRANGER)
    await desk.tell(detail)
    assert await claim("SR0") == "E13"
    await desk.desk.sql("update unit set status = '04' where unit_id = %s", desk.desk.unit_id)
    assert await claim(detail.bank_serial) == "G01"
    assert await desk.gl("21902") == -123_45


async def test_bank_takes_back_what_was_posted_today_and_it_is_reversed(desk: BankDesk) -> None:
    serial = await desk.prepay()
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(*await desk.listed(), reversal)
    assert await desk.end_of(reversal) == "settled"
    assert await desk.desk.sql("select reverses from txn where reverses is not null") == [(serial,)]
    assert await desk.desk.sql("select count(*) from payment") == [(1,)]  # No refund: it is back.
    assert [await desk.gl(gl) for gl in ("101", "21901", "21903")] == [0, 0, 0]
    assert desk.sandbox.balance_fen(ACCOUNT_NO) == MONEY_FEN
    await desk.assert_books_and_bank_agree()


async def test_bank_takes_back_what_was_used_and_it_is_a_difference(desk: BankDesk) -> None:
    await desk.desk.open_people(range(1))
    serial = await desk.prepay("100000")
    answer = await desk.desk.do("remittance", until=str(NEXT_MONTH), method="prepayment")
    assert answer.state == "posted"
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(*await desk.listed(), reversal)
    assert await desk.end_of(reversal) == "difference"
    assert await desk.gl("21903") == 100_000_00
    assert await desk.desk.sql("select count(*) from txn where reverses is not null") == [(0,)]
    await desk.assert_books_and_bank_agree()


async def test_bank_takes_back_on_a_later_day_and_it_is_a_difference(desk: BankDesk) -> None:
    serial = await desk.prepay()
    async with transaction(desk.desk.pool) as conn:
        await close_day(conn, DAY.replace(day=21))
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(*await desk.listed(), reversal)
    assert await desk.end_of(reversal) == "difference"
    assert await desk.gl("21903") == AMOUNT_FEN
    await desk.assert_books_and_bank_agree()


async def test_bank_takes_back_before_anything_was_posted_and_the_batch_is_open_again(
    desk: BankDesk,
) -> None:
    desk.sandbox.add_fault(Fault("connection_dropped"))
    serial = await desk.prepay()
    reversal = desk.sandbox.reverse(str(serial))
    first = (await desk.listed())[0]
    await desk.tell(reversal, first, reversal)  # The reversal is told first.
    assert [await desk.end_of(first), await desk.end_of(reversal)] == ["paired", "paired"]
    assert await desk.steps(serial) == ["pending", "sent", "unknown", "failed"]
    assert await desk.desk.sql("select state from batch") == [("saved",)]
    assert await desk.desk.sql("select count(*) from txn") == [(0,)]
    await desk.assert_books_and_bank_agree()


async def test_reversal_told_before_its_original_waits_for_it(desk: BankDesk) -> None:
    serial = await desk.prepay()
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(reversal)
    assert await desk.end_of(reversal) == "new"
    await desk.tell((await desk.listed())[0], reversal)
    assert await desk.end_of(reversal) == "settled"
    await desk.assert_books_and_bank_agree()


async def test_payment_collected_and_stuck_then_taken_back_fails(desk: BankDesk) -> None:
    """What is due is no longer what was paid; the bank's reversal puts an end to it."""
    serial = await stuck(desk)
    await desk.tell(*await desk.listed())
    assert (await desk.payment(serial)).payment.state == "collected"
    await desk.tell(desk.sandbox.reverse(str(serial)))
    assert (await desk.payment(serial)).payment.state == "failed"
    assert await desk.desk.sql("select status, paid_through from unit where unit_id > 0") == [
        ("02", int(Month(NEXT_MONTH).plus(-1)))
    ]


async def stuck(desk: BankDesk) -> int:
    """A remittance that the bank has paid, for a roster that is not the same any more."""
    await desk.desk.open_people(range(2))
    answer = await desk.desk.do("remittance", until=str(NEXT_MONTH), method="settle")
    await desk.desk.sql("update account set personal_fen = personal_fen + 100")
    await desk.payments.start(desk.desk.unit_id, answer.serial, 10)
    return answer.serial


async def test_held_money_that_goes_back_is_held_no_more(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    back = returned(detail)
    await desk.tell(detail, back)
    assert await desk.end_of(back) == "settled"
    assert [await desk.gl(gl) for gl in ("101", "21902")] == [0, 0]
    async with transaction(desk.desk.pool) as conn:
        assert await suspense.held(conn) == []


async def test_claimed_money_that_goes_back_is_a_difference(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    await desk.tell(detail)
    async with transaction(desk.desk.pool) as conn:
        await suspense.claim(conn, desk.desk.operator, detail.bank_serial, "")
    await desk.tell(returned(detail))
    assert [await desk.gl(gl) for gl in ("101", "21901", "21903")] == [0, -123_45, 123_45]


def returned(detail: Detail) -> Detail:
    """The bank's own correction of what nobody of ours asked for."""
    return Detail(
        f"SX{detail.bank_serial}", DAY, Direction.OUT, detail.amount_fen, detail.account_no,
        detail.holder, "银行冲正", reverses=detail.bank_serial,
    )  # fmt: skip


async def test_money_that_leaves_without_our_asking_is_a_difference(desk: BankDesk) -> None:
    fee = Detail("SF1", DAY, Direction.OUT, 5_00, "0", "某银行", "手续费")
    await desk.tell(fee, fee)
    assert [await desk.gl(gl) for gl in ("101", "21903")] == [-5_00, 5_00]


async def test_cheque_entered_before_its_money_comes_has_it(desk: BankDesk) -> None:
    serial = await desk.cheque()
    detail = desk.sandbox.receive("6222", "楚雄州财政局", 500_00, "拨款")
    await desk.tell(detail)
    assert await desk.end_of(detail) == "settled"
    assert await desk.desk.sql("select txn_id from bank_movement") == [(serial,)]
    assert await desk.gl("21902") == 0
    await desk.assert_books_and_bank_agree()


async def test_cheques_that_cannot_be_told_apart_leave_the_money_held(desk: BankDesk) -> None:
    await desk.cheque("ZP001")
    await desk.cheque("ZP002")
    detail = desk.sandbox.receive("6222", "楚雄州财政局", 500_00, "拨款")
    await desk.tell(detail)
    assert await desk.end_of(detail) == "suspense"
    named = desk.sandbox.receive("6222", "他行代付", 500_00, "支票 ZP002")
    await desk.tell(named)
    assert await desk.end_of(named) == "settled"


async def test_crash_between_storing_and_bringing_in_is_made_up_for(desk: BankDesk) -> None:
    detail = desk.sandbox.receive(*STRANGER)
    await desk.desk.sql(
        "insert into bank_movement (bank_serial, amount_fen, account_no, direction, bank_day,"
        " holder, remark, serial, reverses) values (%s, %s, %s, 'in', %s, %s, %s, '', '')",
        detail.bank_serial, detail.amount_fen, detail.account_no, DAY, detail.holder,
        detail.remark,
    )  # fmt: skip
    task = asyncio.create_task(desk.movements.run())
    try:
        async with asyncio.timeout(10):
            while await desk.end_of(detail) == "new":
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
    assert await desk.gl("21902") == -123_45


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_mix_of_faults_and_notices_ends_with_the_books_like_the_bank(
    pool: Pool, tmp_path: Path, seed: int
) -> None:
    """Answers fail in every way; notices come early, late, twice, out of order, or not at all."""
    dice = random.Random(seed)
    quick = Pace(bank_timeout_s=0.3, backoff_s=(0.1,), not_found_grace_s=0.2)
    async with open_desk(pool, tmp_path, quick) as desk:
        names = ("connection_dropped", "garbage", "forged_answer", "no_answer_not_received",
                 "processing_for", "out_of_order", "insufficient_funds", "slow")  # fmt: skip
        mix = Chaos(dict.fromkeys(names, 0.1), seconds=0.6, delay_ms_high=200)
        desk.sandbox.set_chaos(mix)
        running = asyncio.create_task(desk.payments.run())
        for n in range(12):
            serial = await desk.prepay(f"{n + 1}.00", wait_s=dice.random() / 2)
            if dice.random() < 0.2:
                desk.sandbox.receive("6222", "某公司", n + 1)
            told = [one for one in await desk.listed() if dice.random() < 0.7]
            await desk.tell(*dice.sample(told, len(told)))
            async with asyncio.timeout(20):
                while (await desk.payment(serial)).payment.state not in ("posted", "failed"):
                    await asyncio.sleep(0.05)
            if (await desk.payment(serial)).payment.state == "posted" and dice.random() < 0.3:
                desk.sandbox.reverse(str(serial))
        running.cancel()
        found = await desk.reconcile()
        again = await desk.reconcile()  # A reversal may have been listed before its original.
        assert found.is_balanced and again.is_balanced
        assert not await desk.desk.sql("select 1 from bank_movement where state = 'new'")
        assert {line.kind for line in again.lines} <= {Kind.MATCHED, Kind.BANK_ONLY}
        await desk.assert_books_and_bank_agree()


@pytest.mark.parametrize("broken", ["signature", "body", "age", "nothing"])
async def test_notice_over_http_is_believed_only_with_the_banks_signature(
    hall: Hall, broken: str
) -> None:
    detail = hall.bank.receive(*STRANGER)
    body = msgspec.json.encode(detail)
    age_ns = 61 * 10**9 if broken == "age" else 0
    moment = str(time.time_ns() - age_ns)
    signature = sign_notice(hall.bank.ready.key, moment, detail.bank_serial, body)
    headers = {
        TIME_HEADER: moment, SERIAL_HEADER: detail.bank_serial,
        SIGNATURE_HEADER: "0" * 64 if broken == "signature" else signature,
    }  # fmt: skip
    sent = body.replace(b"12345", b"99999") if broken == "body" else body
    answers = [await hall.client.post(NOTICE, content=sent, headers=headers) for _ in range(2)]
    async with transaction(hall.pool) as conn:
        stored = await (await conn.execute("select count(*) from bank_movement")).fetchone()
    if broken == "nothing":
        assert [answer.status_code for answer in answers] == [200, 200]
        assert stored == (1,)
    else:
        assert [answer.status_code for answer in answers] == [401, 401]
        assert code_of(answers[0]) == "B14"
        assert stored == (0,)


async def test_notice_too_long_for_one_is_refused(hall: Hall) -> None:
    answer = await hall.client.post(NOTICE, content=b"x" * 20_000)
    assert answer.status_code == 413


async def test_real_bank_tells_the_real_server_over_https(
    desk: BankDesk, database: str, hall_ca: DemoCa
) -> None:
    """⑩ The notice comes first, and ⑪ twice; the server's certificate is checked by the bank."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    ready = desk.sandbox.ready
    config = Config(
        database_url=database, files=hall_ca.folder, host="127.0.0.1", port=port, audience=url,
        public_url=url, bank_url=ready.url, bank_key=ready.key, pace=PATIENT,
    )  # fmt: skip
    running = server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.05)
    try:
        desk.sandbox.set_notices(url + NOTICE, hall_ca.root_file)
        desk.sandbox.add_fault(Fault("notice_first", seconds=20, times=1))
        desk.sandbox.add_fault(Fault("notice_twice", times=1))
        first = await desk.prepay()
        second = await desk.prepay("7.89")
        stranger = desk.sandbox.receive(*STRANGER)
        async with asyncio.timeout(15):
            while not all(notice.is_told for notice in desk.sandbox.notices()):
                await asyncio.sleep(0.05)
            while await desk.desk.sql("select 1 from bank_movement where state = 'new'"):
                await asyncio.sleep(0.05)
        for serial in (first, second):
            assert (await desk.steps(serial))[-2:] == ["collected", "posted"]
        assert await desk.end_of(stranger) == "suspense"
        assert await desk.desk.sql("select count(*) from txn") == [(3,)]
        await desk.assert_books_and_bank_agree()
    finally:
        desk.sandbox.set_notices("")
        running.should_exit = True
        await task
