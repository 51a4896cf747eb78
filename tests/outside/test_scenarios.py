"""The 18 cases that a centre has to survive, each by its number, against the real bank process."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from server.outside.bank import (
    BankAccount,
    Collection,
    DetailPage,
    HttpBank,
    Outcome,
    Transfer,
)
from server.outside.bank_wire import BankCode, Direction
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.outside.sandbox_bank.scenarios import EVENTS, SCENARIOS, Chaos, Fault
from tests.outside.centre import OPENING_FEN, Centre, open_centre
from tests.outside.ear import Ear, listening

DUE_FEN = 640_000


@pytest.fixture
def ear(sandbox: SandboxBank, centre: Centre) -> Iterator[Ear]:
    with listening(sandbox) as ear:
        yield ear


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Centre]:
    """A bank for one test alone, whose day may be moved."""
    with SandboxBank(tmp_path, seed=1) as sandbox:
        sandbox.set_day(date(2026, 7, 20))
        yield open_centre(sandbox)


def test_all_18_cases_are_there_and_each_has_its_test() -> None:
    told = {case for scenario in SCENARIOS.values() for case in scenario.cases} | set(EVENTS)
    assert told == set(range(1, 19))
    tests = [re.match(r"test_case_(\d\d)_", name) for name in globals()]
    assert {int(found[1]) for found in tests if found} == told


def test_case_01_success(centre: Centre) -> None:
    assert centre.collect().outcome is Outcome.SUCCESS
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_case_02_insufficient_funds(centre: Centre) -> None:
    answer = centre.collect(amount_fen=OPENING_FEN + 1)
    assert (answer.outcome, answer.code) == (Outcome.FAILED, BankCode.INSUFFICIENT_FUNDS)
    assert centre.balance_fen() == OPENING_FEN


def test_case_03_account_unknown_or_another_holder(centre: Centre) -> None:
    payers = [replace(centre.payer, number="0"), replace(centre.payer, holder="另一单位")]
    for serial, payer in enumerate(payers):
        answer = replace(centre, payer=payer).collect(str(serial))
        assert (answer.outcome, answer.code) == (Outcome.FAILED, BankCode.ACCOUNT_UNKNOWN)
    assert centre.balance_fen() == OPENING_FEN


def test_case_04_agreement_cancelled(centre: Centre) -> None:
    centre.sandbox.cancel(centre.agreement)
    assert centre.collect().code == BankCode.UNSIGNED


def test_case_05_over_the_single_and_over_the_day_limit(centre: Centre) -> None:
    payer = centre.payer
    centre.sandbox.set_account(Account(payer.number, payer.holder, OPENING_FEN, 300, 500))
    codes = [centre.collect(serial, fen).code for serial, fen in (("1", 301), ("2", 300))]
    assert codes == [BankCode.OVER_SINGLE_LIMIT, BankCode.SUCCESS]
    assert centre.collect("3", 201).code == BankCode.OVER_DAY_LIMIT


def test_case_06_times_out_then_the_query_says_success(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("slow", seconds=0.5))
    assert replace(centre, timeout_s=0.2).collect().code == BankCode.TIMED_OUT
    time.sleep(0.5)
    assert centre.query().outcome is Outcome.SUCCESS
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_case_07_times_out_then_the_query_says_failed(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("no_answer_then_failed", seconds=30))
    assert replace(centre, timeout_s=0.3).collect().code == BankCode.TIMED_OUT
    assert centre.query().outcome is Outcome.FAILED
    assert centre.balance_fen() == OPENING_FEN


def test_case_08_processing_for_a_long_time(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("processing_for", queries=5))
    assert centre.collect().code == BankCode.PROCESSING
    outcomes = [centre.query().outcome for _ in range(6)]
    assert outcomes == [Outcome.UNKNOWN] * 5 + [Outcome.SUCCESS]


def test_case_09_answer_twice_debits_once(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("duplicate_answer"))
    assert centre.collect().outcome is Outcome.SUCCESS
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_case_10_notice_is_there_before_the_answer(centre: Centre, ear: Ear) -> None:
    centre.sandbox.add_fault(Fault("notice_first"))
    answer = centre.collect()
    answered_at = time.monotonic()
    (notice,) = ear.about(answer.bank_serial)
    assert (notice.serial, notice.amount_fen) == (centre.collection().serial, DUE_FEN)
    assert ear.at[0] < answered_at
    assert answer.outcome is Outcome.SUCCESS


def test_case_11_notice_twice_and_again_until_acknowledged(
    sandbox: SandboxBank, centre: Centre
) -> None:
    sandbox.add_fault(Fault("notice_twice"))
    with listening(sandbox, refuse=2) as ear:
        bank_serial = centre.collect().bank_serial
        ear.wait(lambda: len(ear.about(bank_serial)) == 4)  # two refused, two acknowledged
        ear.wait(lambda: sandbox.notices()[-1].is_told)
        time.sleep(0.3)
        assert len(ear.heard) == 4
        assert len(set(ear.heard)) == 1
        assert sandbox.notices()[-1].tries == 4


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("out_of_order", BankCode.MISMATCHED),
        ("garbage", BankCode.UNREADABLE),
        ("connection_dropped", BankCode.BROKEN_OFF),
    ],
)
def test_case_12_answer_misplaced_damaged_or_cut_off(
    centre: Centre, scenario: str, code: BankCode
) -> None:
    centre.collect("0", 100)
    centre.sandbox.add_fault(Fault(scenario, times=1))
    assert centre.collect().code == code
    assert centre.query().outcome is Outcome.SUCCESS
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN - 100


def test_case_12_answers_that_overtake_each_other_stay_with_their_requests(centre: Centre) -> None:
    slow, quick = centre.collection("1", 100), centre.collection("2", 200)
    centre.sandbox.add_fault(
        Fault("success", serial=slow.serial, delay_ms_low=1_500, delay_ms_high=1_500)
    )
    ended: list[int] = []

    async def both() -> None:
        async with _bank(centre) as bank:

            async def collect(which: Collection) -> None:
                answer = await bank.collect(which)
                ended.append(answer.amount_fen)
                assert answer.amount_fen == which.amount_fen

            await asyncio.gather(collect(slow), collect(quick))

    asyncio.run(both())
    assert ended == [200, 100]  # the first asked was the last answered


def test_case_13_cross_bank_succeeds_when_the_next_day_comes(own: Centre) -> None:
    own.sandbox.add_fault(Fault("next_day"))
    assert own.collect().code == BankCode.PROCESSING
    assert own.query().code == BankCode.PROCESSING
    assert own.balance_fen() == OPENING_FEN
    own.sandbox.set_day(date(2026, 7, 21))
    assert own.balance_fen() == OPENING_FEN - DUE_FEN  # without anybody asking
    answer = own.query()
    assert (answer.outcome, answer.bank_day) == (Outcome.SUCCESS, date(2026, 7, 21))
    assert [len(_details(own, date(2026, 7, day)).details) for day in (20, 21)] == [0, 1]


def test_case_14_cut_off(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("cut_off"))
    assert (centre.collect().outcome, centre.collect("2").code) == (
        Outcome.FAILED,
        BankCode.CUT_OFF,
    )


def test_case_15_not_a_working_day(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("not_a_working_day"))
    answer = centre.collect()
    assert (answer.outcome, answer.code) == (Outcome.FAILED, BankCode.NOT_A_WORKING_DAY)


def test_case_16_batch_succeeds_in_part(centre: Centre) -> None:
    wanted = [centre.collection(str(n), 400_000) for n in range(4)]
    centre.sandbox.add_fault(Fault("unsigned", serial=wanted[1].serial))
    answers = centre.ask(lambda bank: bank.collect_many(wanted))
    assert [answer.code for answer in answers] == [
        BankCode.SUCCESS, BankCode.UNSIGNED, BankCode.SUCCESS, BankCode.INSUFFICIENT_FUNDS,
    ]  # fmt: skip
    assert centre.balance_fen() == OPENING_FEN - 800_000
    again = centre.ask(lambda bank: bank.collect_many(wanted))
    assert [replace(answer, is_duplicate=False) for answer in again] == list(answers)
    assert centre.balance_fen() == OPENING_FEN - 800_000


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("out_of_order", BankCode.SUCCESS),
        ("connection_dropped", BankCode.BROKEN_OFF),
        ("no_answer_not_received", BankCode.BROKEN_OFF),
    ],
)
def test_case_16_batch_whose_answer_goes_astray_is_found_out_item_by_item(
    centre: Centre, scenario: str, code: BankCode
) -> None:
    wanted = [centre.collection(str(n), 100 + n) for n in range(3)]
    centre.sandbox.add_fault(Fault(scenario, serial=wanted[1].serial))
    answers = centre.ask(lambda bank: bank.collect_many(wanted))
    assert {answer.code for answer in answers} == {code}
    is_received = SCENARIOS[scenario].is_received
    expected = Outcome.SUCCESS if is_received else Outcome.NOT_FOUND
    assert [centre.query(str(n)).outcome for n in range(3)] == [expected] * 3
    assert centre.balance_fen() == OPENING_FEN - 303 * is_received


def test_case_17_money_that_nobody_asked_for_is_noticed_and_listed(
    sandbox: SandboxBank, ear: Ear
) -> None:
    before_fen = sandbox.centre_balance_fen()
    detail = sandbox.receive("62220001", "来历不明公司", 123_45, "公积金")
    ear.wait(lambda: ear.about(detail.bank_serial) == [detail])
    assert (detail.direction, detail.serial) == (Direction.IN, "")
    assert sandbox.centre_balance_fen() == before_fen + 123_45


def test_case_18_bank_takes_back_a_collection_by_itself(centre: Centre, ear: Ear) -> None:
    serial, first = centre.collection().serial, centre.collect()
    reversal = centre.sandbox.reverse(serial)
    assert (reversal.direction, reversal.reverses) == (Direction.OUT, first.bank_serial)
    assert centre.balance_fen() == OPENING_FEN
    ear.wait(lambda: ear.about(reversal.bank_serial) == [reversal])
    answer = centre.query()
    assert (answer.outcome, answer.code) == (Outcome.FAILED, BankCode.REVERSED)
    with pytest.raises(RuntimeError):
        centre.sandbox.reverse(serial)  # once is all


def test_payment_from_the_centre_reaches_the_payee_once(own: Centre) -> None:
    own.collect(amount_fen=500)
    refund = Transfer("R1", 200, own.payer, "退款")
    first = own.ask(lambda bank: bank.pay(refund))
    second = own.ask(lambda bank: bank.pay(refund))
    assert (first.outcome, second) == (Outcome.SUCCESS, replace(first, is_duplicate=True))
    assert own.ask(lambda bank: bank.query("R1")) == first
    assert own.balance_fen() == OPENING_FEN - 300
    page = _details(own, date(2026, 7, 20))
    assert [(d.direction, d.amount_fen, d.serial) for d in page.details][-1] == ("out", 200, "R1")
    assert page.closing_fen == own.sandbox.centre_balance_fen() == 300


def test_payment_that_cannot_be_is_refused_and_moves_nothing(own: Centre) -> None:
    nobody = BankAccount("0", "无此户", "102")
    answers = [
        own.ask(lambda bank, t=transfer: bank.pay(t))
        for transfer in (Transfer("R1", 1, own.payer, ""), Transfer("R2", 1, nobody, ""))
    ]
    assert [answer.code for answer in answers] == [
        BankCode.INSUFFICIENT_FUNDS,
        BankCode.PAYEE_UNKNOWN,
    ]
    assert own.sandbox.centre_balance_fen() == 0


def test_collection_serial_cannot_be_used_for_a_payment(own: Centre) -> None:
    collection = own.collection("1", 500)
    own.collect("1", 500)
    transfer = Transfer(collection.serial, 500, own.payer, collection.remark)
    assert own.ask(lambda bank: bank.pay(transfer)).code == BankCode.SERIAL_REUSED
    assert own.balance_fen() == OPENING_FEN - 500


def test_details_come_page_by_page_and_add_up_to_the_balance(own: Centre) -> None:
    own.sandbox.set_opening(1_000)
    count, day = 1_003, date(2026, 7, 20)
    for n in range(count):
        own.sandbox.receive("6222", "某公司", n + 1)
    first = _details(own, day)
    second = own.ask(lambda bank: bank.details(day, first.after))
    details = [*first.details, *second.details]
    assert (len(first.details), len(second.details), second.after) == (1_000, 3, "")
    assert len({detail.bank_serial for detail in details}) == count
    assert 1_000 + sum(d.amount_fen for d in details) == first.closing_fen
    assert _details(own, date(2026, 7, 19)).closing_fen == 1_000


def test_details_cannot_be_read_is_said_and_is_no_empty_day(centre: Centre) -> None:
    stranger = replace(centre, key=b"another key")
    page = _details(stranger, date(2026, 7, 20))
    assert (page.outcome, page.code) == (Outcome.UNKNOWN, BankCode.TURNED_AWAY)


def test_notice_outlives_the_bank_process(tmp_path: Path) -> None:
    with SandboxBank(tmp_path) as sandbox, listening(sandbox, refuse=1) as ear:
        detail = sandbox.receive("6222", "某公司", 5)
        ear.wait(lambda: len(ear.heard) == 1)  # refused
        sandbox.kill()
        sandbox.start()
        ear.wait(lambda: len(ear.heard) >= 2)
        assert ear.heard[-1] == detail


def test_chaos_is_reproduced_by_its_seed_and_keeps_its_proportions() -> None:
    chaos = Chaos({"cut_off": 0.2, "slow": 0.1}, delay_ms_low=10, delay_ms_high=50)
    mixes = [[chaos.draw(seed, n) for n in range(2000)] for seed in (7, 7, 8)]
    assert mixes[0] == mixes[1] != mixes[2]
    drawn = [fault.scenario for fault in mixes[0]]
    assert 320 < drawn.count("cut_off") < 480
    assert 140 < drawn.count("slow") < 260
    delays = [fault.delay_s(7, n) for n, fault in enumerate(mixes[0])]
    assert 0.010 <= min(delays) < 0.012 and 0.048 < max(delays) <= 0.050


def test_chaos_strikes_the_same_requests_in_a_second_run_under_new_serials(
    tmp_path: Path,
) -> None:
    mix = Chaos({"cut_off": 0.3, "no_answer_not_received": 0.2, "garbage": 0.2})
    runs = []
    for run in ("a", "b"):
        with SandboxBank(tmp_path / run, seed=5) as sandbox:
            centre = open_centre(sandbox)
            sandbox.set_chaos(mix)
            runs.append([centre.collect(str(n), 1).code for n in range(30)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 4


def test_chaos_impossible_mix_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one"):
        Chaos({"cut_off": 0.7, "slow": 0.4})
    with pytest.raises(ValueError, match="scenario is one of"):
        Chaos({"earthquake": 0.1})


def test_chaos_at_the_bank_leaves_every_serial_with_one_true_end(own: Centre) -> None:
    own.sandbox.set_chaos(
        Chaos(
            {
                "insufficient_funds": 0.1, "connection_dropped": 0.1, "garbage": 0.1,
                "no_answer_not_received": 0.1, "processing_for": 0.1, "out_of_order": 0.1,
            },
            delay_ms_high=20,
        )
    )  # fmt: skip
    wanted = [own.collection(str(n), 100 + n) for n in range(60)]

    async def collect_and_find_out() -> list[Outcome]:
        async with _bank(own) as bank:
            await asyncio.gather(*(bank.collect(one) for one in wanted))
            await asyncio.gather(*(bank.query(one.serial) for one in wanted))
            answers = await asyncio.gather(*(bank.query(one.serial) for one in wanted))
            return [answer.outcome for answer in answers]

    ends = asyncio.run(collect_and_find_out())
    assert set(ends) == {Outcome.SUCCESS, Outcome.FAILED, Outcome.NOT_FOUND}
    paid_fen = sum(
        one.amount_fen for one, end in zip(wanted, ends, strict=True) if end is Outcome.SUCCESS
    )
    assert own.balance_fen() == OPENING_FEN - paid_fen
    assert own.sandbox.centre_balance_fen() == paid_fen


def _bank(centre: Centre) -> HttpBank:
    return HttpBank(centre.sandbox.ready.url, centre.sandbox.ready.key, timeout_s=centre.timeout_s)


def _details(centre: Centre, day: date) -> DetailPage:
    return centre.ask(lambda bank: bank.details(day))
