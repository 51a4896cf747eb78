"""The real centre of a simulation: database, sandbox bank, and the doors that callers use.

Operators submit through ``server.batches``, staff act at the counter, two of them where two must;
debits go through the payments worker to the sandbox bank over HTTP. Refusals come back in the
model's words: codes by row.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from server import batches, completion, drafts, interest, payments, reversal, units
from server.adjustment import Adjustment
from server.bank_notices import Movements, record
from server.business.base import Business
from server.business.businesses import business_of
from server.business.month import Month
from server.business.refusals import Level, Refused
from server.counter import staff
from server.counter.actions import ACTIONS
from server.counter.perform import Origin, Outcome, perform
from server.counter.staff import Role, Staff
from server.db import Connection, Pool, open_pool, transaction
from server.outside.bank import HttpBank
from server.outside.bank_wire import Detail
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.payments import IN, OUT, Pace, Payments
from server.reconciliation import reconcile
from server.simulation.model.state import Refusals
from server.submission import Operator, Submit

NAME = "楚雄州住房公积金管理中心"
BANK_NAME, BANK_CODE = "中国建设银行楚雄分行", "105"
PLENTY_FEN = 10**14
# Answers come within milliseconds or, by a fault, too late.
PACE = Pace(bank_timeout_s=1.0, backoff_s=(1.0,), not_found_grace_s=0.0)
LONG_AGO_S = 3600
BY_CODE = {action.code: action for action in ACTIONS}
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Order:
    """One saved batch and the key under which it is submitted, once or several times."""

    unit_id: int
    business: Business
    batch_id: int
    idem: str


@dataclass(frozen=True)
class Reply:
    """What the server said: refusal codes by row, or where the submission stands."""

    refusals: Refusals
    state: str = ""
    serial: int = 0


@dataclass
class Hall:
    pool: Pool
    sandbox: SandboxBank
    bank: HttpBank
    payments: Payments
    movements: Movements
    staff: Mapping[Role, Staff]
    accounts: dict[str, str] = field(default_factory=dict)  # of people, by ID number
    keys: int = 0  # how many keys were given out

    def key(self) -> str:
        self.keys += 1
        return f"play-{self.keys}"

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with transaction(self.pool) as conn:
            return await (await conn.execute(statement, values)).fetchall()

    async def save(self, unit_id: int, code: str, head: Texts, rows: Sequence[Texts]) -> Order:
        async with transaction(self.pool) as conn:
            batch_id, _ = await drafts.save_new(conn, unit_id, 1, code, head, rows)
        return Order(unit_id, business_of(code), batch_id, self.key())

    async def submit(self, order: Order) -> Reply:
        clerk = Operator(order.unit_id, 1, "李经办", "certificate")
        press = Submit(order.business, order.batch_id, 1, False, order.idem)
        try:
            answer = await batches.submit(self.pool, clerk, press, _approve)
        except Refused as refusal:
            return Reply(codes_of(refusal))
        return Reply({}, answer.state, answer.serial)

    async def learn_accounts(self, unit_id: int) -> None:
        """The account numbers that opening gave to the unit's people."""
        for id_number, account in await self.rows(
            "select id_number, acct_id from person where unit_id = %s", unit_id
        ):
            self.accounts[id_number] = str(account)

    async def counter(self, role: Role, code: str, **texts: str) -> tuple[Refusals, Outcome]:
        """Done by one of ``role``, and approved by a colleague where that must be."""
        try:
            outcome = await self._act(role, code, texts)
            if outcome.state == "pending":
                outcome = await self._act(Role.APPROVER, "approve", {"number": str(outcome.number)})
        except Refused as refusal:
            return codes_of(refusal), Outcome("refused", 0)
        return {}, outcome

    async def _act(self, role: Role, code: str, texts: Texts) -> Outcome:
        origin = Origin(self.staff[role], "simulation", is_production=False)
        return await perform(self.pool, origin, BY_CODE[code], texts, self.key())

    async def open_unit(self, **texts: str) -> int:
        refusals, outcome = await self.counter(Role.TELLER, "open-unit", **texts)
        assert not refusals, refusals
        return int(outcome.rows[0]["unit"])

    def open_bank_account(self, account_no: str, holder: str) -> None:
        self.sandbox.set_account(Account(account_no, holder, PLENTY_FEN))
        self.sandbox.sign(f"XY{account_no}", account_no)

    async def sign(self, unit_id: int, account_no: str, holder: str) -> Refusals:
        refusals, _ = await self.counter(
            Role.TELLER, "sign-account", unit=str(unit_id), account_no=account_no, holder=holder,
            bank_name=BANK_NAME, bank_code=BANK_CODE, agreement=f"XY{account_no}",
        )  # fmt: skip
        return refusals

    async def pay(self, unit_id: int, serial: int) -> str:
        """Sends a debit, waits for the bank as long as the worker does; its state then."""
        await self.payments.start(unit_id, serial, 10.0)
        return await self.payment_state(unit_id, serial)

    async def ask_again(self, unit_id: int, serial: int) -> str:
        """An hour passes, and the worker asks the bank what became of a debit."""
        async with transaction(self.pool) as conn:
            await conn.execute(
                """
                update payment set next_at = now(), sent_at = sent_at - make_interval(secs => %s)
                where unit_id = %s and payment_id = %s
                """,
                (LONG_AGO_S, unit_id, serial),
            )
        await self.payments.advance(unit_id, serial)
        return await self.payment_state(unit_id, serial)

    async def payment_state(self, unit_id: int, serial: int) -> str:
        async with transaction(self.pool) as conn:
            return (await payments.timeline(conn, unit_id, serial)).payment.state

    async def refunds_to_send(self, unit_id: int) -> list[int]:
        found = await self.rows(
            "select payment_id from payment"
            " where unit_id = %s and direction = 'out' and state = 'pending'",
            unit_id,
        )
        return [row[0] for row in found]

    async def tell(self, detail: Detail) -> None:
        """The bank's notice of a movement, as it comes in at the server's door."""
        async with transaction(self.pool) as conn:
            await record(conn, [detail])
        await self.movements.settle(detail)

    async def reconcile(self, day: datetime.date) -> Adjustment:
        return await reconcile(self.pool, self.bank, self.movements, day)

    async def accrue(self, month: int) -> int:
        async with transaction(self.pool) as conn:
            return await interest.accrue(conn, Month(month))

    async def set_day(self, day: datetime.date) -> None:
        refusals, _ = await self.counter(Role.ADMIN, "set-day", day=day.isoformat())
        assert not refusals, refusals
        self.sandbox.set_day(day)

    async def end_day(self) -> datetime.date:
        refusals, outcome = await self.counter(Role.FINANCE, "day-end")
        assert not refusals, refusals
        day = datetime.date.fromisoformat(outcome.rows[0]["day"])
        self.sandbox.set_day(day)
        return day


def codes_of(refusal: Refused) -> Refusals:
    errors = [p for p in refusal.problems if p.level is Level.ERROR]
    if not errors:
        return {None: {refusal.reason.code}}
    return {row: {p.code for p in errors if p.row == row} for row in {p.row for p in errors}}


async def _approve(conn: Connection, digest: bytes) -> None:
    """Operators' signatures have tests of their own."""


async def _tell_nobody(conn: Connection, payment: payments.Payment, ok: bool, why: str) -> None:
    """Short messages have tests of their own."""


async def _hire(conn: Connection, role: Role) -> Staff:
    await staff.add(conn, role.value, staff.ROLES[role], role)
    return replace(await staff.find(conn, role.value), must_change=False)


@asynccontextmanager
async def open_hall(url: str, sandbox: SandboxBank, day: datetime.date) -> AsyncIterator[Hall]:
    """A centre on its first ``day``, in a database that is migrated and empty."""
    sandbox.set_day(day)
    async with (
        open_pool(url, 6) as pool,
        HttpBank(sandbox.ready.url, sandbox.ready.key, timeout_s=PACE.bank_timeout_s) as bank,
    ):
        async with transaction(pool) as conn:
            await units.open_centre(conn, NAME, day)
            hired = {role: await _hire(conn, role) for role in Role}
        complete = {IN: completion.complete_paid, OUT: reversal.complete_refund}
        worker = Payments(pool, bank, complete, _tell_nobody, PACE)
        yield Hall(pool, sandbox, bank, worker, Movements(pool, worker), hired)
