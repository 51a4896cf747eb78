"""A centre and one of its units, as the sandbox bank sees them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from server.outside.bank import Bank, BankAccount, BankAnswer, Collection, HttpBank
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank

T = TypeVar("T")
OPENING_FEN = 1_000_000
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Centre:
    """A unit's signed account at ``sandbox``, and the adapter's calls about it."""

    sandbox: SandboxBank
    payer: BankAccount
    agreement: str
    timeout_s: float = 3.0
    key: bytes = b""
    prefix: str = field(default_factory=lambda: f"T{next(_numbers)}")

    def collection(self, serial: str = "1", amount_fen: int = 640_000) -> Collection:
        return Collection(
            f"{self.prefix}-{serial}", amount_fen, self.payer, self.agreement, "住房公积金汇缴"
        )

    def collect(self, serial: str = "1", amount_fen: int = 640_000) -> BankAnswer:
        collection = self.collection(serial, amount_fen)
        return self.ask(lambda bank: bank.collect(collection))

    def query(self, serial: str = "1") -> BankAnswer:
        return self.ask(lambda bank: bank.query(f"{self.prefix}-{serial}"))

    def ask(self, call: Callable[[Bank], Awaitable[T]]) -> T:
        async def exchange() -> T:
            key = self.key or self.sandbox.ready.key
            async with HttpBank(self.sandbox.ready.url, key, timeout_s=self.timeout_s) as bank:
                return await call(bank)

        return asyncio.run(exchange())

    def balance_fen(self) -> int:
        return self.sandbox.balance_fen(self.payer.number)


def open_centre(sandbox: SandboxBank, timeout_s: float = 3.0) -> Centre:
    number = f"6222{next(_numbers):012d}"
    payer = BankAccount(number, "楚雄某单位", "102731000001", "某银行")
    sandbox.set_account(Account(number, payer.holder, OPENING_FEN))
    sandbox.sign(f"A{number}", number)
    return Centre(sandbox, payer, f"A{number}", timeout_s)
