"""The sandbox bank's books: customers, agreements, and what became of each of our serials."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from sqlite3 import Row
from typing import Annotated

import msgspec

from server.outside.bank_wire import (
    BANK_TEXTS,
    AmountFen,
    AnswerMessage,
    BankCode,
    CollectMessage,
    Detail,
    Direction,
    PayMessage,
    Serial,
    Text,
)
from server.outside.sandbox_bank.scenarios import ORDINARY, SCENARIOS, Chaos, Fault, Telling
from server.outside.sandbox_bank.statement import NOTICE_AFTER_S, Statement
from server.outside.sandbox_bank.store import Store

SUCCESS, FAILED, PROCESSING, NOT_FOUND = range(4)  # The states of an answer on the wire.
BACK = {Direction.IN: Direction.OUT, Direction.OUT: Direction.IN}


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_no: Text
    holder: Text
    balance_fen: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
    single_limit_fen: AmountFen | None = None
    day_limit_fen: AmountFen | None = None


class Debit(msgspec.Struct, frozen=True):
    """One collection or payment in the books, as the bank's own staff see it."""

    serial: Serial
    bank_serial: str
    account_no: str
    amount_fen: int
    scenario: str
    state: int
    code: str
    bank_day: date
    direction: Direction = Direction.IN


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a request: the fault that struck, and the answer if the bank knows of it."""

    fault: Fault
    answer: AnswerMessage | None
    delay_s: float = 0.0


class Books:
    """All that the bank knows; a transfer, its movement and its notice are one transaction."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.statement = Statement(self.store)

    def set_account(self, account: Account) -> None:
        self.store.run(
            "insert or replace into account values (?, ?, ?, ?, ?)",
            *msgspec.structs.astuple(account),
        )

    def accounts(self) -> list[Account]:
        return [Account(**row) for row in self.store.all("select * from account order by 1")]

    def sign(self, agreement: str, account_no: str) -> None:
        self.store.run("insert or replace into agreement values (?, ?)", agreement, account_no)

    def cancel(self, agreement: str) -> None:
        self.store.run("delete from agreement where agreement = ?", agreement)

    def add_fault(self, fault: Fault) -> int:
        text = msgspec.json.encode(fault).decode()
        added = self.store.run(
            "insert into fault (fault, times_left) values (?, ?)", text, fault.times
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def set_chaos(self, chaos: Chaos) -> None:
        self.store.set_setting("chaos", msgspec.json.encode(chaos).decode())

    def clear_faults(self) -> None:
        self.store.run("delete from fault")
        self.store.set_setting("chaos", "")

    def set_day(self, day: date) -> None:
        self.store.set_setting("day", day.isoformat())
        self.settle_due()

    def debits(self) -> list[Debit]:
        return [
            Debit(
                row["serial"], row["bank_serial"], row["account_no"], row["amount_fen"],
                row["scenario"], row["state"], row["code"], date.fromisoformat(row["bank_day"]),
                Direction(row["direction"]),
            )
            for row in self.store.all("select * from transfer order by number")
        ]  # fmt: skip

    def receive(self, messages: Sequence[CollectMessage | PayMessage]) -> list[Receipt]:
        """Take requests that came together. A serial again gets the first one's result."""
        with self.store.transaction():
            struck = [self._strike(message) for message in messages]
            if not all(SCENARIOS[fault.scenario].is_received for fault, _ in struck):
                return [Receipt(fault, None, delay_s) for fault, delay_s in struck]
            return [
                self._accept(message, *fault)
                for message, fault in zip(messages, struck, strict=True)
            ]

    def query(self, serial: str) -> AnswerMessage:
        with self.store.transaction():
            answer = self._settled(serial)
            self.store.run(
                "update transfer set queries_left = queries_left - 1"
                " where serial = ? and queries_left > 0",
                serial,
            )
            return answer

    def look(self, answer: AnswerMessage) -> AnswerMessage:
        """What an answer has become, if the bank was still at it."""
        row = self._find(answer.serial) if answer.state == PROCESSING else None
        return _answer(row) if row else answer

    def another(self, serial: str) -> AnswerMessage:
        """What became of some other serial, the last one if there is any."""
        row = self.store.find(
            "select serial from transfer where serial <> ? order by number desc limit 1", serial
        )
        with self.store.transaction():
            return self._settled(row["serial"] if row else "0")

    def settle_due(self) -> None:
        """Settle what only waited for time to pass."""
        due = self.store.all(
            "select serial from transfer where state = ? and due_at <= ? and due_day <= ?"
            " and queries_left = 0",
            PROCESSING, time.time(), self.store.day().isoformat(),
        )  # fmt: skip
        if due:
            with self.store.transaction():
                for row in due:
                    self._settled(row["serial"])

    def reverse(self, serial: str) -> Detail:
        """Take back by the bank's own decision what succeeded; ValueError if nothing did."""
        with self.store.transaction():
            row = self._find(serial)
            if row is None or row["state"] != SUCCESS:
                raise ValueError("only what succeeded can be taken back")
            self._move(row, -1)
            self.store.run(
                "update transfer set state = ?, code = ? where serial = ?",
                FAILED, BankCode.REVERSED, serial,
            )  # fmt: skip
            detail = Detail(
                f"SX{row['bank_serial'][2:]}", self.store.day(), BACK[Direction(row["direction"])],
                row["amount_fen"], row["account_no"], row["holder"], "银行冲正", serial,
                row["bank_serial"],
            )  # fmt: skip
            self.statement.book(detail)
            return detail

    def _strike(self, message: CollectMessage | PayMessage) -> tuple[Fault, float]:
        """The fault for this request and its answer's delay in seconds: the most particular fault
        first, then the oldest, then the mix. Chance goes by the number of the request, for serials
        are new in every run: the same seed and requests in the same order, the same faults."""
        if self._find(message.serial) is not None:
            return ORDINARY, 0.0
        seed, number = int(self.store.setting("seed", "0")), self._count()
        rows = self.store.all("select * from fault where times_left is null or times_left > 0")
        found = [(row["fault_id"], msgspec.json.decode(row["fault"], type=Fault)) for row in rows]
        found.sort(key=lambda one: (one[1].serial is None, one[1].account_no is None, one[0]))
        for fault_id, fault in found:
            if (
                fault.serial in (None, message.serial)
                and fault.account_no in (None, message.account_no)
                and fault.strikes(seed, fault_id, number)
            ):
                self.store.run(
                    "update fault set times_left = times_left - 1 where fault_id = ?", fault_id
                )
                return fault, fault.delay_s(seed, number)
        chaos = self.store.setting("chaos", "")
        if not chaos:
            return ORDINARY, 0.0
        fault = msgspec.json.decode(chaos, type=Chaos).draw(seed, number)
        return fault, fault.delay_s(seed, number)

    def _count(self) -> int:
        """How many requests there have been, this one included; also those that get lost."""
        count = int(self.store.setting("requests", "0")) + 1
        self.store.set_setting("requests", str(count))
        return count

    def _accept(
        self, message: CollectMessage | PayMessage, fault: Fault, delay_s: float
    ) -> Receipt:
        is_in = isinstance(message, CollectMessage)
        digest = hashlib.sha256(b"%d" % is_in + msgspec.json.encode(message)).digest()
        known = self._find(message.serial)
        if known is not None:
            if known["digest"] != digest:
                return Receipt(ORDINARY, _reused(message.serial))
            return Receipt(ORDINARY, _answer(known, is_duplicate=True))
        scenario, today = SCENARIOS[fault.scenario], self.store.day()
        count = self.store.one("select coalesce(max(number), 0) as n from transfer")["n"]
        self.store.run(
            "insert into transfer (serial, bank_serial, digest, direction, account_no, holder,"
            " agreement, amount_fen, remark, scenario, state, code, bank_day, due_at, due_day,"
            " queries_left) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message.serial, f"SB{today:%Y%m%d}{count + 1:010d}", digest,
            Direction.IN if is_in else Direction.OUT, message.account_no, message.holder,
            message.agreement if isinstance(message, CollectMessage) else "",
            message.amount_fen, message.remark, fault.scenario, PROCESSING, BankCode.PROCESSING,
            today.isoformat(), time.time() + (fault.seconds if scenario.is_late else 0),
            (today + timedelta(days=scenario.is_next_day)).isoformat(),
            fault.queries if scenario.is_processing else 0,
        )  # fmt: skip
        return Receipt(fault, self._settled(message.serial), delay_s)

    def _settled(self, serial: str) -> AnswerMessage:
        """The state of a serial, settling it first if that is due."""
        row = self._find(serial)
        if row is None:
            return AnswerMessage(serial, NOT_FOUND, *_words(BankCode.NO_SUCH_SERIAL))
        today = self.store.day()
        is_due = (
            time.time() >= row["due_at"]
            and today.isoformat() >= row["due_day"]
            and row["queries_left"] == 0
        )
        if row["state"] != PROCESSING or not is_due:
            return _answer(row)
        scenario = SCENARIOS[row["scenario"]]
        code = scenario.code or self._judge(row, today)
        self.store.run(
            "update transfer set state = ?, code = ?, bank_day = ? where serial = ?",
            SUCCESS if code is BankCode.SUCCESS else FAILED, code, today.isoformat(), serial,
        )  # fmt: skip
        if code is BankCode.SUCCESS:
            self._move(row)
            self.statement.book(
                Detail(
                    row["bank_serial"], today, Direction(row["direction"]), row["amount_fen"],
                    row["account_no"], row["holder"], row["remark"], serial,
                ),
                after_s=0.0 if scenario.telling is Telling.BEFORE else NOTICE_AFTER_S,
                times=2 if scenario.telling is Telling.TWICE else 1,
            )  # fmt: skip
        return _answer(self.store.one("select * from transfer where serial = ?", serial))

    def _move(self, transfer: Row, sign: int = 1) -> None:
        """The other party's side of a transfer, or of taking it back (-1)."""
        if transfer["direction"] == Direction.IN:
            sign = -sign
        self.store.run(
            "update account set balance_fen = balance_fen + ? where account_no = ?",
            sign * transfer["amount_fen"], transfer["account_no"],
        )  # fmt: skip

    def _judge(self, transfer: Row, today: date) -> BankCode:
        """What an ordinary bank says to this, in the order in which it looks."""
        amount_fen, is_in = transfer["amount_fen"], transfer["direction"] == Direction.IN
        account = self.store.find(
            "select * from account where account_no = ? and holder = ?",
            transfer["account_no"], transfer["holder"],
        )  # fmt: skip
        if account is None:
            return BankCode.ACCOUNT_UNKNOWN if is_in else BankCode.PAYEE_UNKNOWN
        if not is_in:
            is_enough = amount_fen <= self.statement.balance_fen()
            return BankCode.SUCCESS if is_enough else BankCode.INSUFFICIENT_FUNDS
        signed = self.store.find(
            "select 1 from agreement where agreement = ? and account_no = ?",
            transfer["agreement"], transfer["account_no"],
        )  # fmt: skip
        if not signed:
            return BankCode.UNSIGNED
        if account["single_limit_fen"] is not None and amount_fen > account["single_limit_fen"]:
            return BankCode.OVER_SINGLE_LIMIT
        spent = self.store.one(
            "select coalesce(sum(amount_fen), 0) as fen from transfer"
            " where account_no = ? and bank_day = ? and state = ? and direction = 'in'",
            transfer["account_no"], today.isoformat(), SUCCESS,
        )  # fmt: skip
        limit_fen = account["day_limit_fen"]
        if limit_fen is not None and spent["fen"] + amount_fen > limit_fen:
            return BankCode.OVER_DAY_LIMIT
        if amount_fen > account["balance_fen"]:
            return BankCode.INSUFFICIENT_FUNDS
        return BankCode.SUCCESS

    def _find(self, serial: str) -> Row | None:
        return self.store.find("select * from transfer where serial = ?", serial)


def _answer(transfer: Row, is_duplicate: bool = False) -> AnswerMessage:
    code = BankCode(transfer["code"])
    return AnswerMessage(
        transfer["serial"], transfer["state"], *_words(code), transfer["bank_serial"],
        date.fromisoformat(transfer["bank_day"]), transfer["amount_fen"], is_duplicate,
    )  # fmt: skip


def _reused(serial: str) -> AnswerMessage:
    # Not FAILED: under this serial there may well have been a transfer.
    return AnswerMessage(serial, PROCESSING, *_words(BankCode.SERIAL_REUSED), is_duplicate=True)


def _words(code: BankCode) -> tuple[str, str]:
    return code.value, BANK_TEXTS[code]
