"""What the sandbox bank can be told to do: one table, a row per scenario of an answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

import msgspec

from server.outside.bank_wire import BankCode, Serial, Text


class Reply(Enum):
    """What the centre gets to see of the answer to a collection or payment."""

    ANSWER = auto()
    TWICE = auto()  # The same answer two times on one connection.
    MISPLACED = auto()  # The answer to another serial.
    GARBLED = auto()  # Bytes that are no message.
    FORGED = auto()  # Right in form, signed with another key.
    SILENCE = auto()  # Nothing, for as long as the fault says; then the connection ends.
    CUT = auto()  # The connection ends at once.


class Telling(Enum):
    """How the centre is notified of the movement, if it wants to be."""

    AFTER = auto()  # Once, a moment after the answer.
    BEFORE = auto()  # The answer waits until the notice is acknowledged, or the fault's seconds.
    TWICE = auto()


@dataclass(frozen=True, slots=True)
class Scenario:
    """``code`` is the result; without one the books decide, as they do on an ordinary day.

    ``cases`` are numbers in the list of what a centre has to survive (domain 9.5).
    """

    cases: tuple[int, ...] = ()
    code: BankCode | None = None
    reply: Reply = Reply.ANSWER
    telling: Telling = Telling.AFTER
    is_received: bool = True  # False: lost on the way, the bank never knows of it.
    is_late: bool = False  # Settled and answered only after the fault's ``seconds``.
    is_processing: bool = False  # Settled only after the fault's number of ``queries``.
    is_next_day: bool = False  # Settled only when the bank's day has moved.


SCENARIOS: dict[str, Scenario] = {
    "success": Scenario((1,)),
    "insufficient_funds": Scenario((2,), BankCode.INSUFFICIENT_FUNDS),
    "account_unknown": Scenario((3,), BankCode.ACCOUNT_UNKNOWN),
    "unsigned": Scenario((4,), BankCode.UNSIGNED),
    "over_limit": Scenario((5,), BankCode.OVER_SINGLE_LIMIT),
    "over_day_limit": Scenario((5,), BankCode.OVER_DAY_LIMIT),
    "slow": Scenario((6, 7), is_late=True),
    "no_answer_then_success": Scenario((6,), reply=Reply.SILENCE),
    "no_answer_then_failed": Scenario((7,), BankCode.HOST_FAILED, Reply.SILENCE),
    "no_answer_not_received": Scenario((12,), reply=Reply.CUT, is_received=False),
    "processing_for": Scenario((8,), is_processing=True),
    "duplicate_answer": Scenario((9,), reply=Reply.TWICE),
    "notice_first": Scenario((10,), telling=Telling.BEFORE),
    "notice_twice": Scenario((11,), telling=Telling.TWICE),
    "out_of_order": Scenario((12,), reply=Reply.MISPLACED),
    "garbage": Scenario((12,), reply=Reply.GARBLED),
    "connection_dropped": Scenario((12,), reply=Reply.CUT),
    "forged_answer": Scenario(reply=Reply.FORGED),
    "next_day": Scenario((13,), is_next_day=True),
    "cut_off": Scenario((14,), BankCode.CUT_OFF),
    "not_a_working_day": Scenario((15,), BankCode.NOT_A_WORKING_DAY),
}
# The other cases are events: commands of the bank's staff, or a message of its own.
EVENTS = {16: "/collect-many", 17: "/admin/receive", 18: "/admin/reverse"}

Limit = msgspec.Meta(ge=0, le=3600)
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
DelayMs = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a scenario happens: to all that match serial, account and chance, at most ``times``.

    Whatever the scenario, its answer leaves after a delay drawn evenly between the two bounds.
    """

    scenario: Text
    serial: Serial | None = None
    account_no: Text | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Chance = 1.0
    seconds: Annotated[float, Limit] = 120.0
    queries: Annotated[int, Limit] = 1
    delay_ms_low: DelayMs = 0
    delay_ms_high: DelayMs = 0

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise ValueError(f"scenario is one of {', '.join(SCENARIOS)}")
        if self.delay_ms_high < self.delay_ms_low:
            raise ValueError("delay_ms_high is not below delay_ms_low")

    def strikes(self, seed: int, fault_id: int, number: int) -> bool:
        """Whether it happens to the request of that number."""
        return drawn(seed, fault_id, number) < self.probability

    def delay_s(self, seed: int, number: int) -> float:
        span_ms = self.delay_ms_high - self.delay_ms_low
        return (self.delay_ms_low + span_ms * drawn(seed, "delay", number)) / 1000


class Chaos(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole random mix: the chance of each scenario; what is left over is an ordinary answer."""

    mix: dict[str, Chance]
    seconds: Annotated[float, Limit] = 120.0
    queries: Annotated[int, Limit] = 1
    delay_ms_low: DelayMs = 0
    delay_ms_high: DelayMs = 0

    def __post_init__(self) -> None:
        for scenario in self.mix:
            self._fault(scenario)
        if sum(self.mix.values()) > 1 + 1e-9:
            raise ValueError("the chances add up to more than one")

    def draw(self, seed: int, number: int) -> Fault:
        """One draw per request decides among all scenarios."""
        left = drawn(seed, "chaos", number)
        for scenario, chance in sorted(self.mix.items()):
            if left < chance:
                return self._fault(scenario)
            left -= chance
        return self._fault("success")

    def _fault(self, scenario: str) -> Fault:
        return Fault(
            scenario, seconds=self.seconds, queries=self.queries,
            delay_ms_low=self.delay_ms_low, delay_ms_high=self.delay_ms_high,
        )  # fmt: skip


def drawn(seed: int, about: object, number: int) -> float:
    """From 0 up to 1, decided by the seed, the question and the request's number alone."""
    digest = hashlib.sha256(f"{seed}/{about}/{number}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


ORDINARY = Fault("success")
