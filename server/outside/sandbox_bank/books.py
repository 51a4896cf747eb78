"""The sandbox bank's books in SQLite: a debit and its record are one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import msgspec

from server.outside.bank_wire import (
    BANK_TEXTS,
    AmountFen,
    AnswerMessage,
    BankCode,
    CollectMessage,
    Serial,
    Text,
)
from server.outside.sandbox_bank.scenarios import ORDINARY, SCENARIOS, Fault

CHINA = timezone(timedelta(hours=8))
SUCCESS, FAILED, PROCESSING, NOT_FOUND = range(4)  # The states of an answer on the wire.

SCHEMA = """
create table if not exists setting (key text primary key, value text not null);
create table if not exists account (
    account_no text primary key,
    holder text not null,
    balance_fen integer not null check (balance_fen >= 0),
    single_limit_fen integer,
    day_limit_fen integer
);
create table if not exists agreement (agreement text primary key, account_no text not null);
create table if not exists fault (
    fault_id integer primary key autoincrement,
    fault text not null,
    times_left integer
);
create table if not exists debit (
    number integer primary key autoincrement,
    serial text not null unique,
    digest blob not null,
    account_no text not null,
    holder text not null,
    agreement text not null,
    amount_fen integer not null,
    remark text not null,
    scenario text not null,
    state integer not null,
    code text not null,
    bank_day text not null,
    due_at real not null,
    queries_left integer not null
);
create index if not exists debit_day on debit (account_no, bank_day);
"""


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account_no: Text
    holder: Text
    balance_fen: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
    single_limit_fen: AmountFen | None = None
    day_limit_fen: AmountFen | None = None


class Debit(msgspec.Struct, frozen=True):
    """One collection in the books, as the bank's own staff see it."""

    serial: Serial
    bank_serial: str
    account_no: str
    amount_fen: int
    scenario: str
    state: int
    code: str
    bank_day: date


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a collection: the fault that struck, and the answer if the bank knows of it."""

    fault: Fault
    answer: AnswerMessage | None


class Books:
    """All that the bank knows, in one file that only one process may have open."""

    def __init__(self, path: Path) -> None:
        # Exclusive: a second bank on the same books stops at once instead of sharing them.
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        self._db.row_factory = sqlite3.Row
        for pragma in ("locking_mode = exclusive", "journal_mode = wal", "synchronous = full"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def setting(self, key: str, default: str) -> str:
        """The value kept under ``key``; ``default`` is kept if there is none."""
        self._db.execute("insert or ignore into setting values (?, ?)", (key, default))
        return str(self._one("select value from setting where key = ?", key)["value"])

    def set_setting(self, key: str, value: str) -> None:
        self._db.execute("insert or replace into setting values (?, ?)", (key, value))

    def set_account(self, account: Account) -> None:
        self._db.execute(
            "insert or replace into account values (?, ?, ?, ?, ?)",
            msgspec.structs.astuple(account),
        )

    def accounts(self) -> list[Account]:
        rows = self._db.execute("select * from account order by account_no")
        return [Account(**row) for row in rows]

    def sign(self, agreement: str, account_no: str) -> None:
        self._db.execute("insert or replace into agreement values (?, ?)", (agreement, account_no))

    def cancel(self, agreement: str) -> None:
        self._db.execute("delete from agreement where agreement = ?", (agreement,))

    def add_fault(self, fault: Fault) -> int:
        text = msgspec.json.encode(fault).decode()
        added = self._db.execute(
            "insert into fault (fault, times_left) values (?, ?)", (text, fault.times)
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def clear_faults(self) -> None:
        self._db.execute("delete from fault")

    def debits(self) -> list[Debit]:
        return [
            Debit(
                row["serial"], _bank_serial(row), row["account_no"], row["amount_fen"],
                row["scenario"], row["state"], row["code"], date.fromisoformat(row["bank_day"]),
            )
            for row in self._db.execute("select * from debit order by number")
        ]  # fmt: skip

    def collect(self, message: CollectMessage) -> Receipt:
        """Receive a collection. The same serial again gets the first one's result."""
        digest = hashlib.sha256(msgspec.json.encode(message)).digest()
        with self._transaction():
            known = self._find(message.serial)
            if known is not None:
                if known["digest"] != digest:
                    return Receipt(ORDINARY, _reused(message.serial))
                return Receipt(ORDINARY, _answer(known, is_duplicate=True))
            fault = self._strike(message)
            scenario = SCENARIOS[fault.scenario]
            if not scenario.is_received:
                return Receipt(fault, None)
            self._db.execute(
                "insert into debit (serial, digest, account_no, holder, agreement, amount_fen,"
                " remark, scenario, state, code, bank_day, due_at, queries_left)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    message.serial, digest, message.account_no, message.holder, message.agreement,
                    message.amount_fen, message.remark, fault.scenario, PROCESSING,
                    BankCode.PROCESSING, self._day().isoformat(),
                    time.time() + (fault.seconds if scenario.is_late else 0),
                    fault.queries if scenario.is_processing else 0,
                ),
            )  # fmt: skip
            return Receipt(fault, self._settled(message.serial))

    def query(self, serial: str) -> AnswerMessage:
        with self._transaction():
            answer = self._settled(serial)
            self._db.execute(
                "update debit set queries_left = queries_left - 1"
                " where serial = ? and queries_left > 0",
                (serial,),
            )
            return answer

    def _strike(self, message: CollectMessage) -> Fault:
        """The fault for this collection: the most particular first, then the oldest."""
        seed = int(self.setting("seed", "0"))
        rows = self._db.execute("select * from fault where times_left is null or times_left > 0")
        found = [(row["fault_id"], msgspec.json.decode(row["fault"], type=Fault)) for row in rows]
        found.sort(key=lambda one: (one[1].serial is None, one[1].account_no is None, one[0]))
        for fault_id, fault in found:
            if (
                fault.serial in (None, message.serial)
                and fault.account_no in (None, message.account_no)
                and fault.strikes(seed, fault_id, message.serial)
            ):
                self._db.execute(
                    "update fault set times_left = times_left - 1 where fault_id = ?", (fault_id,)
                )
                return fault
        return ORDINARY

    def _settled(self, serial: str) -> AnswerMessage:
        """The state of a serial, settling it first if that is due."""
        row = self._find(serial)
        if row is None:
            return AnswerMessage(serial, NOT_FOUND, *_words(BankCode.NO_SUCH_SERIAL))
        is_due = time.time() >= row["due_at"] and row["queries_left"] == 0
        if row["state"] != PROCESSING or not is_due:
            return _answer(row)
        code = SCENARIOS[row["scenario"]].code or self._judge(row)
        if code is BankCode.SUCCESS:
            self._db.execute(
                "update account set balance_fen = balance_fen - ? where account_no = ?",
                (row["amount_fen"], row["account_no"]),
            )
        self._db.execute(
            "update debit set state = ?, code = ? where serial = ?",
            (SUCCESS if code is BankCode.SUCCESS else FAILED, code, serial),
        )
        return _answer(self._one("select * from debit where serial = ?", serial))

    def _judge(self, debit: sqlite3.Row) -> BankCode:
        """What an ordinary bank says to this debit, in the order in which it looks."""
        accounts = self._db.execute(
            "select * from account where account_no = ? and holder = ?",
            (debit["account_no"], debit["holder"]),
        ).fetchall()
        if not accounts:
            return BankCode.ACCOUNT_UNKNOWN
        account, amount_fen = accounts[0], debit["amount_fen"]
        signed = self._one(
            "select count(*) as found from agreement where agreement = ? and account_no = ?",
            debit["agreement"], debit["account_no"],
        )  # fmt: skip
        if not signed["found"]:
            return BankCode.UNSIGNED
        if account["single_limit_fen"] is not None and amount_fen > account["single_limit_fen"]:
            return BankCode.OVER_SINGLE_LIMIT
        today = self._one(
            "select coalesce(sum(amount_fen), 0) as sum_fen from debit"
            " where account_no = ? and bank_day = ? and state = ?",
            debit["account_no"], debit["bank_day"], SUCCESS,
        )  # fmt: skip
        limit_fen = account["day_limit_fen"]
        if limit_fen is not None and today["sum_fen"] + amount_fen > limit_fen:
            return BankCode.OVER_DAY_LIMIT
        if amount_fen > account["balance_fen"]:
            return BankCode.INSUFFICIENT_FUNDS
        return BankCode.SUCCESS

    def _day(self) -> date:
        rows = self._db.execute("select value from setting where key = 'day'").fetchall()
        return date.fromisoformat(rows[0]["value"]) if rows else datetime.now(CHINA).date()

    def _find(self, serial: str) -> sqlite3.Row | None:
        rows = self._db.execute("select * from debit where serial = ?", (serial,)).fetchall()
        return rows[0] if rows else None

    def _one(self, statement: str, *values: object) -> Any:
        row = self._db.execute(statement, values).fetchone()
        assert row is not None
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")


def _bank_serial(debit: sqlite3.Row) -> str:
    return f"SB{debit['bank_day'].replace('-', '')}{debit['number']:010d}"


def _answer(debit: sqlite3.Row, is_duplicate: bool = False) -> AnswerMessage:
    code = BankCode(debit["code"])
    return AnswerMessage(
        debit["serial"], debit["state"], *_words(code), _bank_serial(debit),
        date.fromisoformat(debit["bank_day"]), debit["amount_fen"], is_duplicate,
    )  # fmt: skip


def _reused(serial: str) -> AnswerMessage:
    # Not FAILED: under this serial there may well have been a debit.
    return AnswerMessage(serial, PROCESSING, *_words(BankCode.SERIAL_REUSED), is_duplicate=True)


def _words(code: BankCode) -> tuple[str, str]:
    return code.value, BANK_TEXTS[code]
