"""What the sandbox bank can be told to do: one table, a row per scenario."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

import msgspec

from server.outside.bank_wire import BankCode, Serial, Text


class Reply(Enum):
    """What the centre gets to see of the answer to a collection."""

    ANSWER = auto()
    TWICE = auto()  # The same answer two times on one connection.
    GARBLED = auto()  # Bytes that are no message.
    FORGED = auto()  # Right in form, signed with another key.
    SILENCE = auto()  # Nothing, for as long as the fault says; then the connection ends.
    CUT = auto()  # The connection ends at once.


@dataclass(frozen=True, slots=True)
class Scenario:
    """``code`` is the result; without one the books decide, as they do on an ordinary day."""

    code: BankCode | None = None
    reply: Reply = Reply.ANSWER
    is_received: bool = True  # False: lost on the way, the bank never knows of it.
    is_late: bool = False  # Settled and answered only after the fault's ``seconds``.
    is_processing: bool = False  # Settled only after the fault's number of ``queries``.


SCENARIOS: dict[str, Scenario] = {
    # Numbers as in the list of cases that a centre has to survive.
    "success": Scenario(),  # 1
    "insufficient_funds": Scenario(BankCode.INSUFFICIENT_FUNDS),  # 2
    "account_unknown": Scenario(BankCode.ACCOUNT_UNKNOWN),  # 3
    "unsigned": Scenario(BankCode.UNSIGNED),  # 4
    "over_limit": Scenario(BankCode.OVER_SINGLE_LIMIT),  # 5
    "over_day_limit": Scenario(BankCode.OVER_DAY_LIMIT),  # 5
    "slow": Scenario(is_late=True),  # 6, 7: beyond the centre's time limit
    "no_answer_then_success": Scenario(reply=Reply.SILENCE),  # 6
    "no_answer_then_failed": Scenario(BankCode.HOST_FAILED, Reply.SILENCE),  # 7
    "no_answer_not_received": Scenario(reply=Reply.CUT, is_received=False),
    "processing_for": Scenario(is_processing=True),  # 8
    "duplicate_answer": Scenario(reply=Reply.TWICE),  # 9
    "garbage": Scenario(reply=Reply.GARBLED),  # 12
    "forged_answer": Scenario(reply=Reply.FORGED),
    "connection_dropped": Scenario(reply=Reply.CUT),  # 12
    "cut_off": Scenario(BankCode.CUT_OFF),  # 14
    "not_a_working_day": Scenario(BankCode.NOT_A_WORKING_DAY),  # 15
}

Limit = msgspec.Meta(ge=0, le=3600)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a scenario happens: to all that match serial, account and chance, at most ``times``."""

    scenario: Text
    serial: Serial | None = None
    account_no: Text | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    seconds: Annotated[float, Limit] = 120.0
    queries: Annotated[int, Limit] = 1

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise ValueError(f"scenario is one of {', '.join(SCENARIOS)}")

    def strikes(self, seed: int, fault_id: int, serial: str) -> bool:
        """The same seed decides the same way, in whatever order the requests come."""
        drawn = hashlib.sha256(f"{seed}/{fault_id}/{serial}".encode()).digest()
        return int.from_bytes(drawn[:8]) < self.probability * 2**64


ORDINARY = Fault("success")
