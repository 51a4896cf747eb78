"""What a payment's state means to the operator: its stages, what is waited for, what to do. No Qt.

The server's steps say what is happening; the words here say since when, and what follows from it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpf_desktop.answers import CENTRE_ZONE, PaymentProgress
from server.business.kinds import Money
from server.business.parts import BALANCE, FROM_PREPAYMENT, PAID, PAYER
from server.business.refusals import Problem

DEBIT_STAGES = ("提交", "银行受理", "扣款", "入账", "回单")
TRANSFER_STAGES = ("提交", "入账", "回单")  # from the prepayment account no bank is asked
DONE, NOW, AHEAD, BROKEN = "✓", "…", "○", "✕"
ROLES = {DONE: "passed", NOW: "hint", AHEAD: "muted", BROKEN: "error"}
# How many stages are behind a debit in each state, and which of its steps each stage ended with.
REACHED = {"pending": 1, "sent": 1, "unknown": 1, "collected": 3, "posted": 5, "failed": 2}
STEP_OF_STAGE = ("pending", "sent", "collected", "posted", "posted")
SLOW_MINUTES = {"collected": 5}
SLOW_MINUTES_USUALLY = 20
RECENT_DAYS = 3

NOTHING_TO_DO = (
    "您无需操作：结果明确后自动入账并显示回单。请勿重复提交；关闭窗口或退出程序不影响办理。"
)
TRY_AGAIN = "没有动用单位的钱；更正后可以再次提交。"
SLOW = (
    "比平常慢；跨行或非工作时间的扣款可能要到下一工作日。仍无需操作，请勿重复提交。"
    "需要核实时请致电中心，报业务流水号 {serial}。"
)
SLOW_AFTER_DEBIT = (
    "钱已从单位账户扣出，入账比平常慢。请勿重复提交；请致电中心，报业务流水号 {serial}。"
)


@dataclass(frozen=True)
class Stage:
    """One stage as it stands; ``at`` is empty while it is ahead."""

    label: str
    mark: str
    at: str = ""


@dataclass(frozen=True)
class Reading:
    """A payment put in words: its stages, what is going on since when, and what to do now."""

    stages: tuple[Stage, ...]
    now: str
    do: str


def now() -> datetime.datetime:
    """The centre's time, as far as this computer's clock is right."""
    return datetime.datetime.now(CENTRE_ZONE)


def read(payment: PaymentProgress, moment: datetime.datetime) -> Reading:
    """``moment`` is the centre's time, or near enough to tell minutes."""
    stages = _stages(payment, moment)
    if payment.state == "posted":
        return Reading(stages, f"已办结，回单号 {payment.receipt_no or '—'}", "无需再做什么。")
    if payment.state == "failed":
        why = f"：{payment.problem.text}" if payment.problem else ""
        return Reading(stages, f"没有扣款，本次办理已结束{why}", TRY_AGAIN)
    if not payment.timeline:
        return Reading(stages, "已提交，正在查询办理进度", NOTHING_TO_DO)
    step = payment.timeline[-1]
    minutes = _minutes(step.at, moment)
    lasting = f"，已 {_lasting(minutes)}" if minutes else ""
    since = _clock(step.at, moment)
    return Reading(stages, f"{step.text}，自 {since} 起{lasting}", _advice(payment, minutes))


def transferred(receipt_no: str | None, begun: str, ended: str) -> Reading:
    """What was paid from the prepayment account was posted at once."""
    times = (begun, ended, ended)
    stages = [Stage(label, DONE, at) for label, at in zip(TRANSFER_STAGES, times, strict=True)]
    now = f"已办结，回单号 {receipt_no or '—'}"
    return Reading(tuple(stages), now, "从单位预缴户转出，没有向银行扣款。无需再做什么。")


def unreachable(told: Problem, since: str) -> tuple[str, str]:
    """While nobody can be asked: what is known stays as it is."""
    now = f"自 {since} 起查不到进度：{told.text}（{told.code}）"
    return now, "银行和中心照常处理，恢复后自动接着显示。请勿重复提交。"


def sources(head: Mapping[str, str]) -> str:
    """From where a computed head says that the money comes; empty while that is not known."""
    paid, held = (Money().read(head.get(field.key, "")) for field in (PAID, FROM_PREPAYMENT))
    parts = []
    if paid:
        parts.append(f"从 {head.get(PAYER.key, '签约账户')} 扣款 {Money().show(paid)} 元")
    if held:
        left = (Money().read(head.get(BALANCE.key, "")) or 0) - held
        rest = f"（转出后余额 {Money().show(left)} 元）" if left >= 0 else "（余额不足）"
        parts.append(f"从单位预缴户转出 {Money().show(held)} 元{rest}")
    return "，".join(parts)


def is_recent(stamp: str) -> bool:
    """Whether an operator may still wonder what became of it."""
    try:
        begun = datetime.datetime.fromisoformat(stamp)
    except ValueError:
        return False
    return now() - begun.astimezone(CENTRE_ZONE) < datetime.timedelta(days=RECENT_DAYS)


def asks_the_bank(head: Mapping[str, str]) -> bool:
    """A head that does not tell what comes from the bank is always paid by it."""
    return Money().read(head.get(PAID.key, "")) != 0


def _stages(payment: PaymentProgress, moment: datetime.datetime) -> tuple[Stage, ...]:
    reached = REACHED.get(payment.state, 1)
    is_failed = payment.state == "failed"
    times = {step.state: step.at for step in reversed(payment.timeline)}  # the first of each
    times["sent"] = next((s.at for s in reversed(payment.timeline) if s.state == "sent"), "")
    stages = []
    for number, label in enumerate(DEBIT_STAGES):
        at = times.get(STEP_OF_STAGE[number], "")
        mark = DONE if number < reached else NOW if number == reached else AHEAD
        if is_failed and number == reached:
            mark, at = BROKEN, times.get("failed", "")
        stages.append(Stage(label, mark, _clock(at, moment) if at and mark != AHEAD else ""))
    return tuple(stages)


def _advice(payment: PaymentProgress, minutes: int) -> str:
    if minutes < SLOW_MINUTES.get(payment.state, SLOW_MINUTES_USUALLY):
        return NOTHING_TO_DO
    slow = SLOW_AFTER_DEBIT if payment.state == "collected" else SLOW
    return slow.format(serial=payment.serial)


def _clock(at: str, moment: datetime.datetime) -> str:
    """The time of day, with the day before it when it is another one."""
    return at[11:] if at[:10] == moment.date().isoformat() else at[5:]


def _minutes(at: str, moment: datetime.datetime) -> int:
    """Whole minutes since; a clock that is behind tells none."""
    try:
        began = datetime.datetime.fromisoformat(at)
    except ValueError:
        return 0
    return max(int((moment.replace(tzinfo=None) - began).total_seconds() // 60), 0)


def _lasting(minutes: int) -> str:
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts: Sequence[tuple[int, str]] = ((days, "天"), (hours, "小时"), (minutes, "分钟"))
    return " ".join(f"{count} {word}" for count, word in parts if count)
