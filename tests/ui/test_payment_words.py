"""What a payment's state means to the operator: always what, since when, and what to do."""

from __future__ import annotations

import datetime

import pytest

from hpf_desktop.answers import PaymentProgress, PaymentStep
from hpf_desktop.ui.payment_words import (
    CENTRE_ZONE,
    asks_the_bank,
    is_recent,
    now,
    read,
    sources,
    transferred,
)
from server.business.refusals import problem

STATES = ("pending", "sent", "unknown", "collected", "posted", "failed")
DAY = "2026-07-15"


def at(clock: str, day: str = DAY) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=CENTRE_ZONE)


def payment(*states: str) -> PaymentProgress:
    steps = tuple(
        PaymentStep(f"{DAY} 09:31:{second:02d}", state, f"在{state}")
        for second, state in enumerate(states)
    )
    why = problem("B10", reason="余额不足") if states[-1] == "failed" else None
    receipt = "2026-000007" if states[-1] == "posted" else None
    return PaymentProgress("2026071500001", "remittance", 5_00, states[-1], receipt, steps, why)


@pytest.mark.parametrize(
    ("states", "marks"),
    [
        (("pending",), "✓…○○○"),
        (("pending", "sent"), "✓…○○○"),
        (("pending", "sent", "unknown"), "✓…○○○"),
        (("pending", "sent", "pending", "sent"), "✓…○○○"),
        (("pending", "sent", "unknown", "collected"), "✓✓✓…○"),
        (("pending", "sent", "collected", "posted"), "✓✓✓✓✓"),
        (("pending", "sent", "failed"), "✓✓✕○○"),
    ],
)
def test_stages_stand_where_the_payment_is(states: tuple[str, ...], marks: str) -> None:
    reading = read(payment(*states), at("09:32:00"))
    assert "".join(stage.mark for stage in reading.stages) == marks
    for stage in reading.stages:
        assert bool(stage.at) == (stage.mark in "✓✕") or stage.mark == "…"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("clock", ["09:31:30", "09:45:00", "11:31:30", "09:00:00"])
def test_every_state_says_what_goes_on_and_what_to_do(state: str, clock: str) -> None:
    states = ("pending", "sent", state) if state not in ("pending", "sent") else (state,)
    reading = read(payment(*states), at(clock))
    assert reading.now and reading.do
    if state not in ("posted", "failed"):
        assert "自 09:31:0" in reading.now and "请勿重复提交" in reading.do


def test_waiting_longer_than_usual_says_whom_to_call_with_what() -> None:
    slow = payment("pending", "sent", "unknown")
    assert "无需操作" in read(slow, at("09:40:00")).do
    asked = read(slow, at("10:05:02"))
    assert "已 34 分钟" in asked.now
    assert "致电中心" in asked.do and slow.serial in asked.do
    debited = read(payment("pending", "sent", "collected"), at("09:40:00"))
    assert "钱已从单位账户扣出" in debited.do and "致电中心" in debited.do


def test_another_day_is_told_with_its_date() -> None:
    reading = read(payment("pending", "sent"), at("08:00:00", "2026-07-16"))
    assert [stage.at for stage in reading.stages[:2]] == ["07-15 09:31:00", "07-15 09:31:01"]
    assert "自 07-15 09:31:01 起，已 22 小时 28 分钟" in reading.now


def test_failure_keeps_the_banks_reason_and_what_to_do() -> None:
    reading = read(payment("pending", "sent", "failed"), at("09:32:00"))
    assert "没有扣款" in reading.now and "余额不足" in reading.now
    assert "再次提交" in reading.do


def test_prepayment_has_no_stages_of_a_bank() -> None:
    reading = transferred("2026-000007", "09:31:00", "09:31:01")
    assert [(s.label, s.at) for s in reading.stages] == [
        ("提交", "09:31:00"), ("入账", "09:31:01"), ("回单", "09:31:01"),
    ]  # fmt: skip
    assert "2026-000007" in reading.now


def test_sources_say_every_account_the_money_comes_from() -> None:
    head = {"payer": "建设银行 ****6789", "balance": "300.00"}
    settled = sources(head | {"paid": "1,000.00", "from_prepayment": "0.00"})
    assert settled == "从 建设银行 ****6789 扣款 1,000.00 元"
    mixed = sources(head | {"paid": "700.00", "from_prepayment": "300.00"})
    assert mixed == settled.replace("1,000.00", "700.00") + (
        "，从单位预缴户转出 300.00 元（转出后余额 0.00 元）"
    )
    short = sources(head | {"paid": "0.00", "from_prepayment": "301.00"})
    assert "余额不足" in short
    assert sources({}) == ""


def test_head_without_shares_is_paid_by_the_bank() -> None:
    assert asks_the_bank({}) and asks_the_bank({"paid": "0.01"})
    assert not asks_the_bank({"paid": "0.00", "from_prepayment": "5.00"})


def test_only_what_happened_lately_is_wondered_about() -> None:
    assert is_recent(now().isoformat())
    assert is_recent((now() - datetime.timedelta(days=2)).isoformat())
    assert not is_recent((now() - datetime.timedelta(days=4)).isoformat())
    assert not is_recent("")
