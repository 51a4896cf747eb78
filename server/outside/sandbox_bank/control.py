"""Starts and stops a sandbox bank and gives its staff's commands, for the demo and the tests."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import msgspec

from server.outside.bank_wire import Detail
from server.outside.sandbox_bank.books import Account, Debit
from server.outside.sandbox_bank.scenarios import Chaos, Fault
from server.outside.sandbox_bank.statement import (
    IncomingMoney,
    NoticeState,
    NoticeTarget,
    Opening,
)

READY_FILE = "ready.json"
PROJECT = Path(__file__).resolve().parents[3]
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
COMMAND_LIMIT_S = 10.0
POLL_S = 0.02


class Ready(msgspec.Struct, frozen=True):
    """What a serving bank tells of itself in ``ready.json``."""

    url: str
    port: int
    pid: int
    key_hex: str
    admin_token: str

    @property
    def key(self) -> bytes:
        return bytes.fromhex(self.key_hex)


class SandboxBank:
    """A sandbox bank in its own process, with its books in ``folder``."""

    def __init__(
        self, folder: Path, *, seed: int | None = None, fresh_s: float | None = None
    ) -> None:
        self.folder = folder
        self._options = [
            *(["--seed", str(seed)] if seed is not None else []),
            *(["--fresh-s", str(fresh_s)] if fresh_s is not None else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: Ready | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready(self) -> Ready:
        assert self._ready is not None, "not started"
        return self._ready

    def start(self) -> Ready:
        """Start the process and wait until it serves."""
        assert self._process is None, "started twice"
        file = self.folder / READY_FILE
        file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server.outside.sandbox_bank", "--dir", str(self.folder),
             *self._options],
            cwd=PROJECT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_LIMIT_S
        while not file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("the sandbox bank does not start; its own words are above")
            time.sleep(POLL_S)
        self._ready = msgspec.json.decode(file.read_bytes(), type=Ready)
        return self._ready

    def stop(self) -> None:
        """End the process in good order; does nothing when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
        self._process = None

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
            self._process = None

    def set_account(self, account: Account) -> None:
        self._command("POST", "accounts", account)

    def accounts(self) -> list[Account]:
        return msgspec.json.decode(self._command("GET", "accounts"), type=list[Account])

    def balance_fen(self, account_no: str) -> int:
        return next(one.balance_fen for one in self.accounts() if one.account_no == account_no)

    def sign(self, agreement: str, account_no: str) -> None:
        self._command("POST", "agreements", {"agreement": agreement, "account_no": account_no})

    def cancel(self, agreement: str) -> None:
        self._command("DELETE", f"agreements/{agreement}")

    def add_fault(self, fault: Fault) -> None:
        self._command("POST", "faults", fault)

    def set_chaos(self, chaos: Chaos) -> None:
        """A random mix for whatever no fault of its own strikes."""
        self._command("POST", "chaos", chaos)

    def clear_faults(self) -> None:
        self._command("DELETE", "faults")

    def set_day(self, day: date) -> None:
        self._command("POST", "day", {"day": day})

    def day(self) -> date:
        return msgspec.json.decode(self._command("GET", "day"), type=date)

    def set_opening(self, opening_fen: int) -> None:
        self._command("POST", "opening", Opening(opening_fen))

    def centre_balance_fen(self) -> int:
        return int(msgspec.json.decode(self._command("GET", "balance"))["balance_fen"])

    def receive(self, account_no: str, holder: str, amount_fen: int, remark: str = "") -> Detail:
        """Somebody transfers money to the centre that nobody asked for."""
        money = IncomingMoney(account_no, holder, amount_fen, remark)
        return msgspec.json.decode(self._command("POST", "receive", money), type=Detail)

    def reverse(self, serial: str) -> Detail:
        """The bank takes back a transfer by its own decision."""
        answer = self._command("POST", "reverse", {"serial": serial})
        return msgspec.json.decode(answer, type=Detail)

    def set_notices(self, url: str, ca_file: Path | None = None) -> None:
        """Tell movements to this address from now on; an empty one ends it."""
        self._command("POST", "notices", NoticeTarget(url, str(ca_file or "")))

    def notices(self) -> list[NoticeState]:
        return msgspec.json.decode(self._command("GET", "notices"), type=list[NoticeState])

    def debits(self) -> list[Debit]:
        return msgspec.json.decode(self._command("GET", "debits"), type=list[Debit])

    def _command(self, method: str, path: str, content: Any = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.ready.port, timeout=COMMAND_LIMIT_S)
        with closing(connection):
            connection.request(
                method,
                f"/admin/{path}",
                None if content is None else msgspec.json.encode(content),
                {"authorization": f"Bearer {self.ready.admin_token}"},
            )
            answer = connection.getresponse()
            body = answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"the sandbox bank refused {method} {path}: {answer.status}")
        return body
