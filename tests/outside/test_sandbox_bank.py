"""Every scenario of the sandbox bank, against its real process, through the real adapter."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.outside.bank import HttpBank, Outcome
from server.outside.bank_wire import BankCode
from server.outside.sandbox_bank.books import FAILED, SUCCESS, Account
from server.outside.sandbox_bank.control import PROJECT, SandboxBank
from server.outside.sandbox_bank.scenarios import SCENARIOS, Fault
from tests.outside.centre import OPENING_FEN, Centre, open_centre

DUE_FEN = 640_000
ONCE: dict[str, Any] = {"times": 1, "seconds": 0.3}

DONE, FAIL, ASK, NONE = Outcome.SUCCESS, Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_FOUND

# What the collection says to the centre, with which code, and what a query says then.
SEEN = {
    "success": (DONE, BankCode.SUCCESS, DONE),
    "insufficient_funds": (FAIL, BankCode.INSUFFICIENT_FUNDS, FAIL),
    "account_unknown": (FAIL, BankCode.ACCOUNT_UNKNOWN, FAIL),
    "unsigned": (FAIL, BankCode.UNSIGNED, FAIL),
    "over_limit": (FAIL, BankCode.OVER_SINGLE_LIMIT, FAIL),
    "over_day_limit": (FAIL, BankCode.OVER_DAY_LIMIT, FAIL),
    "slow": (DONE, BankCode.SUCCESS, DONE),
    "no_answer_then_success": (ASK, BankCode.BROKEN_OFF, DONE),
    "no_answer_then_failed": (ASK, BankCode.BROKEN_OFF, FAIL),
    "no_answer_not_received": (ASK, BankCode.BROKEN_OFF, NONE),
    "processing_for": (ASK, BankCode.PROCESSING, ASK),
    "duplicate_answer": (DONE, BankCode.SUCCESS, DONE),
    "notice_first": (DONE, BankCode.SUCCESS, DONE),
    "notice_twice": (DONE, BankCode.SUCCESS, DONE),
    "out_of_order": (ASK, BankCode.MISMATCHED, DONE),
    "garbage": (ASK, BankCode.UNREADABLE, DONE),
    "forged_answer": (ASK, BankCode.FORGED, DONE),
    "connection_dropped": (ASK, BankCode.BROKEN_OFF, DONE),
    "next_day": (ASK, BankCode.PROCESSING, ASK),
    "cut_off": (FAIL, BankCode.CUT_OFF, FAIL),
    "not_a_working_day": (FAIL, BankCode.NOT_A_WORKING_DAY, FAIL),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_collected_then_queried_shows_its_outcomes(centre: Centre, name: str) -> None:
    centre.sandbox.add_fault(Fault(name, **ONCE))
    collected, code, queried = SEEN[name]
    answer = centre.collect()
    assert (answer.outcome, answer.code) == (collected, code)
    assert centre.query().outcome is queried
    if name == "next_day":
        return  # The day does not move for one test alone; test_scenarios moves it.
    is_debited = queried not in (FAIL, NONE)
    assert centre.query().outcome is (DONE if is_debited else queried)
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN * is_debited


def test_success_answer_carries_serial_day_and_amount(centre: Centre) -> None:
    answer = centre.collect()
    assert (answer.code, answer.text, answer.amount_fen) == ("00000", "交易成功", DUE_FEN)
    assert answer.bank_serial
    assert isinstance(answer.bank_day, date)
    assert centre.query() == answer


def test_set_day_dates_the_debits_after_it(tmp_path: Path) -> None:
    with SandboxBank(tmp_path) as sandbox:
        sandbox.set_day(date(2026, 2, 28))
        answer = open_centre(sandbox).collect()
    assert answer.bank_day == date(2026, 2, 28)
    assert answer.bank_serial.startswith("SB20260228")


def test_processing_for_three_queries_succeeds_at_the_fourth(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("processing_for", queries=3))
    assert centre.collect().code == BankCode.PROCESSING
    assert [centre.query().outcome for _ in range(4)] == [Outcome.UNKNOWN] * 3 + [Outcome.SUCCESS]


def test_silence_beyond_the_time_limit_is_unknown_and_leaves_one_debit(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("no_answer_then_success", seconds=30))
    hasty = replace(centre, timeout_s=0.3)
    assert hasty.collect().code == BankCode.TIMED_OUT
    assert centre.query().outcome is Outcome.SUCCESS
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_slow_query_in_between_says_processing(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("slow", seconds=0.6))
    assert replace(centre, timeout_s=0.2).collect().code == BankCode.TIMED_OUT
    assert centre.query().code == BankCode.PROCESSING
    assert centre.balance_fen() == OPENING_FEN


def test_same_serial_twice_gets_the_first_result_and_debits_once(centre: Centre) -> None:
    first, second = centre.collect(), centre.collect()
    assert second == replace(first, is_duplicate=True)
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_same_serial_after_a_failure_still_fails(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("insufficient_funds", times=1))
    assert centre.collect().outcome is Outcome.FAILED
    again = centre.collect()
    assert (again.outcome, again.is_duplicate) == (Outcome.FAILED, True)


def test_same_serial_with_another_amount_is_unknown_and_debits_nothing(centre: Centre) -> None:
    centre.collect(amount_fen=100)
    assert centre.collect(amount_fen=200).code == BankCode.SERIAL_REUSED
    assert centre.query().amount_fen == 100
    assert centre.balance_fen() == OPENING_FEN - 100


def test_same_serial_many_at_once_debits_once(centre: Centre) -> None:
    collection = centre.collection()
    answers = centre.ask(lambda bank: _together(bank.collect(collection) for _ in range(8)))
    assert {answer.outcome for answer in answers} == {Outcome.SUCCESS}
    assert sum(not answer.is_duplicate for answer in answers) == 1
    assert centre.balance_fen() == OPENING_FEN - DUE_FEN


@pytest.mark.parametrize(
    ("amount_fen", "code"),
    [
        (500_000, BankCode.SUCCESS),
        (500_001, BankCode.OVER_SINGLE_LIMIT),
        (300_001, BankCode.INSUFFICIENT_FUNDS),
    ],
)
def test_books_without_a_fault_decide_by_limits_and_balance(
    centre: Centre, amount_fen: int, code: BankCode
) -> None:
    balance_fen = 300_000 if code is BankCode.INSUFFICIENT_FUNDS else 500_000
    payer = centre.payer
    centre.sandbox.set_account(Account(payer.number, payer.holder, balance_fen, 500_000))
    assert centre.collect(amount_fen=amount_fen).code == code


def test_books_day_limit_counts_what_was_debited_today(centre: Centre) -> None:
    payer = centre.payer
    centre.sandbox.set_account(Account(payer.number, payer.holder, OPENING_FEN, None, 500))
    codes = [centre.collect(serial, 300).code for serial in ("1", "2")]
    assert codes == [BankCode.SUCCESS, BankCode.OVER_DAY_LIMIT]
    assert centre.collect("3", 200).code == BankCode.SUCCESS


def test_books_wrong_holder_unknown_account_and_cancelled_agreement_are_refused(
    centre: Centre,
) -> None:
    wrong_name = replace(centre, payer=replace(centre.payer, holder="另一单位"), prefix="W1")
    no_account = replace(centre, payer=replace(centre.payer, number="0"), prefix="W2")
    assert wrong_name.collect().code == BankCode.ACCOUNT_UNKNOWN
    assert no_account.collect().code == BankCode.ACCOUNT_UNKNOWN
    centre.sandbox.cancel(centre.agreement)
    assert centre.collect().code == BankCode.UNSIGNED
    assert centre.balance_fen() == OPENING_FEN


def test_fault_for_a_serial_wins_over_its_account_and_over_all(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("cut_off"))
    centre.sandbox.add_fault(Fault("unsigned", account_no=centre.payer.number))
    centre.sandbox.add_fault(Fault("over_limit", serial=centre.collection("2").serial))
    other = open_centre(centre.sandbox)
    assert centre.collect("1").code == BankCode.UNSIGNED
    assert centre.collect("2").code == BankCode.OVER_SINGLE_LIMIT
    assert other.collect().code == BankCode.CUT_OFF


def test_fault_for_the_next_two_ends_after_two(centre: Centre) -> None:
    centre.sandbox.add_fault(Fault("cut_off", times=2))
    codes = [centre.collect(str(n), 1).code for n in range(3)]
    assert codes == [BankCode.CUT_OFF, BankCode.CUT_OFF, BankCode.SUCCESS]


def test_fault_by_chance_is_reproduced_by_its_seed() -> None:
    fault = Fault("cut_off", probability=0.3)
    struck = [[fault.strikes(seed, 1, n) for n in range(1000)] for seed in (7, 7, 8)]
    assert struck[0] == struck[1] != struck[2]
    assert 230 < sum(struck[0]) < 370


def test_fault_unknown_scenario_is_refused_by_the_bank(sandbox: SandboxBank) -> None:
    answer = _admin(sandbox, sandbox.ready.admin_token, {"scenario": "earthquake"})
    assert answer.status_code == 400


def test_admin_wrong_token_is_refused(sandbox: SandboxBank) -> None:
    assert _admin(sandbox, "wrong", {"scenario": "cut_off"}).status_code == 401


def test_kill_in_the_middle_of_a_slow_collection_is_settled_after_restart(tmp_path: Path) -> None:
    with SandboxBank(tmp_path) as sandbox:
        centre = open_centre(sandbox)
        sandbox.add_fault(Fault("slow", seconds=0.8))

        async def collect_and_kill() -> Outcome:
            async with HttpBank(sandbox.ready.url, sandbox.ready.key, timeout_s=10) as bank:
                collecting = asyncio.create_task(bank.collect(centre.collection()))
                while not sandbox.debits():
                    await asyncio.sleep(0.01)
                sandbox.kill()
                return (await collecting).outcome

        port = sandbox.ready.port
        assert asyncio.run(collect_and_kill()) is Outcome.UNKNOWN
        assert centre.query().outcome is Outcome.NOT_SENT  # Nobody is there to ask.
        sandbox.start()
        assert sandbox.ready.port == port
        answer = centre.query()
        while answer.outcome is Outcome.UNKNOWN:
            answer = centre.query()
        assert answer.outcome is Outcome.SUCCESS
        assert centre.balance_fen() == OPENING_FEN - DUE_FEN


def test_kill_under_load_leaves_no_debit_without_its_record(tmp_path: Path) -> None:
    with SandboxBank(tmp_path) as sandbox:
        centre = open_centre(sandbox)

        async def collect_until_killed() -> list[Outcome]:
            async with HttpBank(sandbox.ready.url, sandbox.ready.key, timeout_s=10) as bank:
                wanted = [centre.collection(str(n), 100 + n) for n in range(200)]
                collecting = [asyncio.create_task(bank.collect(one)) for one in wanted]
                await asyncio.wait(collecting, return_when=asyncio.FIRST_COMPLETED)
                sandbox.kill()
                return [answer.outcome for answer in await asyncio.gather(*collecting)]

        outcomes = asyncio.run(collect_until_killed())
        sandbox.start()
        debits = sandbox.debits()
        assert {debit.state for debit in debits} <= {SUCCESS, FAILED}
        spent_fen = sum(debit.amount_fen for debit in debits if debit.state == SUCCESS)
        assert centre.balance_fen() == OPENING_FEN - spent_fen
        assert 0 < outcomes.count(Outcome.SUCCESS) <= len(debits) < len(outcomes)
        for n, outcome in enumerate(outcomes):
            is_booked = any(debit.serial == centre.collection(str(n)).serial for debit in debits)
            assert is_booked or outcome is not Outcome.SUCCESS
            assert not (is_booked and outcome is Outcome.NOT_SENT)


def test_restart_keeps_keys_agreements_and_faults(tmp_path: Path) -> None:
    with SandboxBank(tmp_path) as sandbox:
        before, centre = sandbox.ready, open_centre(sandbox)
        sandbox.add_fault(Fault("cut_off", times=1))
        sandbox.stop()
        after = sandbox.start()
        assert (after.key, after.admin_token) == (before.key, before.admin_token)
        assert centre.collect("1", 1).code == BankCode.CUT_OFF
        assert centre.collect("2", 1).code == BankCode.SUCCESS


def test_second_bank_on_the_same_books_does_not_start(sandbox: SandboxBank, tmp_path: Path) -> None:
    own = SandboxBank(tmp_path)
    own.start()
    try:
        second = subprocess.run(
            [sys.executable, "-m", "server.outside.sandbox_bank", "--dir", str(tmp_path)],
            cwd=PROJECT, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert open_centre(own).collect().outcome is Outcome.SUCCESS
    finally:
        own.stop()
    assert not (tmp_path / "ready.json").exists()


async def _together(calls: Any) -> list[Any]:
    return await asyncio.gather(*calls)


def _admin(sandbox: SandboxBank, token: str, content: dict[str, Any]) -> httpx.Response:
    return httpx.post(
        f"{sandbox.ready.url}/admin/faults",
        json=content, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=10,
    )  # fmt: skip
