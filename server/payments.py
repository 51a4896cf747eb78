"""Money asked of the bank: each debit is sent once, and its outcome found out, whatever breaks.

pending → sent → collected → posted, or failed; unknown until a query says which. Each arrow is one
transaction, written before the next thing is done, so that a restart goes on where it stopped. What
was sent is never sent again: an unclear answer is only ever asked about (domain 9.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server import units
from server.business.businesses import business_of
from server.business.payment_queries import PAYMENT_STATES
from server.business.refusals import refused
from server.db import Connection, Pool, transaction
from server.log import describe
from server.outside.bank import Bank, BankAccount, BankAnswer, Collection, Outcome, Transfer
from server.outside.bank_wire import BankCode

log = logging.getLogger(__name__)

IN, OUT = "in", "out"  # collected from a unit's account, refunded to it
UNSENT_ATTEMPTS_MAX = 5
LOOK_EVERY_S = 0.5
AT_ONCE_MAX = 32


class NotWhatWasPaid(RuntimeError):
    """The bank paid an amount that is no longer due; a person must look at it."""


@dataclass(frozen=True)
class Payment:
    """One debit of a unit's bank account, or one refund to it. ``payment_id`` is our serial at the
    bank and the txn's id; ``reserved_fen`` of the unit's prepayment goes with it."""

    unit_id: int
    payment_id: int
    business: str
    batch_id: int | None
    idem: str
    operator_id: int
    operator_name: str
    login_kind: str
    amount_fen: int
    account_no: str
    reserved_fen: int = 0
    direction: str = IN
    state: str = "pending"
    attempts: int = 0
    bank_serial: str | None = None


COLUMNS = """p.unit_id, p.payment_id, p.business, p.batch_id, p.idem, p.operator_id,
    coalesce((select name from operator o
              where o.unit_id = p.unit_id and o.operator_id = p.operator_id),
             (select shown from staff s where s.staff_id = p.operator_id), ''),
    p.login_kind, p.amount_fen, p.account_no, p.reserved_fen, p.direction, p.state, p.attempts,
    p.bank_serial"""


async def create(conn: Connection, payment: Payment) -> None:
    """Asks for a debit; it is sent once the caller's transaction is committed. What it reserves
    nobody else can use until it is posted or has failed."""
    await conn.execute(
        """
        insert into payment (unit_id, payment_id, business, batch_id, idem, operator_id, login_kind,
                             amount_fen, account_no, reserved_fen, direction, state)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'pending')
        """,
        (
            payment.unit_id, payment.payment_id, payment.business, payment.batch_id, payment.idem,
            payment.operator_id, payment.login_kind, payment.amount_fen, payment.account_no,
            payment.reserved_fen, payment.direction,
        ),
    )  # fmt: skip
    await _reserve(conn, payment, payment.reserved_fen)
    await _step(conn, payment, "pending")


async def _reserve(conn: Connection, payment: Payment, amount_fen: int) -> None:
    if amount_fen:
        await conn.execute(
            "update unit set reserved_fen = reserved_fen + %s where unit_id = %s",
            (amount_fen, payment.unit_id),
        )


@dataclass(frozen=True)
class Step:
    state: str
    at: str
    text: str


@dataclass(frozen=True)
class Timeline:
    """How far a payment has come."""

    payment: Payment
    problem_code: str | None
    bank_text: str | None
    steps: Sequence[Step]


async def timeline(conn: Connection, unit_id: int, payment_id: int) -> Timeline:
    rows = await conn.execute(
        f"""
        select {COLUMNS}, p.problem_code, p.bank_text
        from payment p where unit_id = %s and payment_id = %s
        """,
        (unit_id, payment_id),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("N04")
    steps = await conn.execute(
        """
        select state, to_char(at, 'YYYY-MM-DD HH24:MI:SS') from payment_step
        where unit_id = %s and payment_id = %s order by step
        """,
        (unit_id, payment_id),
    )
    shown = [Step(state, at, PAYMENT_STATES[state]) for state, at in await steps.fetchall()]
    return Timeline(Payment(*row[:-2]), row[-2], row[-1], shown)


async def _step(conn: Connection, payment: Payment, state: str) -> None:
    await conn.execute(
        """
        insert into payment_step (unit_id, payment_id, step, state)
        select %(unit)s, %(payment)s, count(*) + 1, %(state)s from payment_step
        where unit_id = %(unit)s and payment_id = %(payment)s
        """,
        {"unit": payment.unit_id, "payment": payment.payment_id, "state": state},
    )


@dataclass(frozen=True)
class Pace:
    """Waits in seconds: for the bank's answer, and between one query and the next."""

    bank_timeout_s: float = 60.0
    backoff_s: Sequence[float] = (10.0, 30.0, 60.0, 300.0)
    # After the time limit the request cannot arrive any more; this much later "no such debit" is
    # final.
    not_found_grace_s: float = 60.0

    def after(self, attempts: int) -> float:
        return self.backoff_s[min(attempts, len(self.backoff_s)) - 1] if attempts else 0.0


Complete = Callable[[Connection, Payment], Awaitable[Any]]
Notify = Callable[[Connection, Payment, bool, str], Awaitable[None]]


class Payments:
    """Takes payments from pending to their end, at once after a submission or later by itself."""

    def __init__(
        self, pool: Pool, bank: Bank, complete: Mapping[str, Complete], notify: Notify, pace: Pace
    ) -> None:
        self._pool, self._bank, self._pace = pool, bank, pace
        self._complete, self._notify = complete, notify
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, unit_id: int, payment_id: int, wait_s: float) -> None:
        """Sends a new payment; returns when it has ended or after ``wait_s``, while it goes on."""
        task = asyncio.create_task(self.advance(unit_id, payment_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=wait_s)

    async def run(self) -> None:
        """Looks for payments that are due for a next step, until cancelled. One that the bank keeps
        waiting does not hold up the others."""
        going: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    for key in await self._due(AT_ONCE_MAX - len(going)):
                        task = group.create_task(self.advance(*key))
                        going.add(task)
                        task.add_done_callback(going.discard)
                except Exception as error:  # noqa: BLE001 - It goes on when the database is back.
                    log.error("payments: could not look for what is due: %s", describe(error))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _due(self, limit: int) -> Sequence[tuple[int, int]]:
        async with transaction(self._pool) as conn:
            rows = await conn.execute(
                """
                select unit_id, payment_id from payment
                where state in ('pending', 'sent', 'unknown', 'collected') and next_at <= now()
                order by next_at limit %s
                """,
                (limit,),
            )
            return [(unit_id, payment_id) for unit_id, payment_id in await rows.fetchall()]

    async def advance(self, unit_id: int, payment_id: int) -> None:
        """One step on, if it is due and nobody else is taking it."""
        try:
            payment = await self._claim(unit_id, payment_id)
            if payment is None:
                return
            if payment.state == "collected":
                await self._post(payment)
            elif payment.state == "pending":
                await self._settle(payment, await self._send(payment))
            else:
                await self._settle(payment, await self._bank.query(str(payment_id)))
        except Exception as error:  # noqa: BLE001 - One payment's failure must not stop the others.
            # The state on disk tells what is known; the next look takes it from there.
            log.error("payment %s: the step failed: %s", payment_id, describe(error))

    async def told(self, unit_id: int, payment_id: int, answer: BankAnswer) -> None:
        """What the bank tells by itself is as good as its answer, whichever of them comes first."""
        async with transaction(self._pool) as conn:
            payment = (await timeline(conn, unit_id, payment_id)).payment
        if payment.state not in ("posted", "failed"):
            await self._settle(payment, answer)

    async def _claim(self, unit_id: int, payment_id: int) -> Payment | None:
        """The payment as it was, its next step taken: nobody else gets it before ``next_at``."""
        key = {"unit": unit_id, "payment": payment_id}
        async with transaction(self._pool) as conn:
            rows = await conn.execute(
                f"""
                select {COLUMNS} from payment p
                where unit_id = %(unit)s and payment_id = %(payment)s
                  and state in ('pending', 'sent', 'unknown', 'collected') and next_at <= now()
                for update skip locked
                """,
                key,
            )
            row = await rows.fetchone()
            if row is None:
                return None
            payment = Payment(*row)
            is_first = payment.state == "pending"
            wait_s = (
                (self._pace.bank_timeout_s + 5) if is_first else self._pace.after(payment.attempts)
            )
            await conn.execute(
                """
                update payment set attempts = attempts + 1,
                       next_at = now() + make_interval(secs => %(wait)s),
                       state = case when state = 'pending' then 'sent' else state end,
                       sent_at = case when state = 'pending' then now() else sent_at end
                where unit_id = %(unit)s and payment_id = %(payment)s
                """,
                key | {"wait": max(wait_s, 1.0)},
            )
            if is_first:
                await _step(conn, payment, "sent")
        return payment

    async def _send(self, payment: Payment) -> BankAnswer:
        collection = await self._collection(payment)
        if payment.direction == IN:
            return await self._bank.collect(collection)
        return await self._bank.pay(
            Transfer(collection.serial, collection.amount_fen, collection.payer, collection.remark)
        )

    async def _collection(self, payment: Payment) -> Collection:
        async with transaction(self._pool) as conn:
            rows = await conn.execute(
                """
                select holder, bank_name, bank_code, agreement from bank_account
                where unit_id = %s and account_no = %s
                """,
                (payment.unit_id, payment.account_no),
            )
            row = await rows.fetchone()
        assert row is not None, "a payment names a signed account"
        holder, bank_name, bank_code, agreement = row
        payer = BankAccount(payment.account_no, holder, bank_code, bank_name)
        remark = f"住房公积金{business_of(payment.business).label}"
        return Collection(str(payment.payment_id), payment.amount_fen, payer, agreement, remark)

    async def _settle(self, payment: Payment, answer: BankAnswer) -> None:
        match answer.outcome:
            case Outcome.SUCCESS if answer.amount_fen != payment.amount_fen:
                log.error("payment %s: the bank booked another amount", payment.payment_id)
                await self._set(payment, "unknown", wait_s=self._pace.after(payment.attempts + 1))
            case Outcome.SUCCESS:
                await self._set(payment, "collected", bank_serial=answer.bank_serial)
                await self._post(replace(payment, bank_serial=answer.bank_serial))
            case Outcome.FAILED:
                is_returned = answer.code == BankCode.REVERSED
                await self._fail(payment, answer.text, is_returned=is_returned)
            case Outcome.NOT_SENT if payment.state != "pending":
                # The question did not get through; what was asked for before may have.
                await self._set(payment, "unknown", wait_s=self._pace.after(payment.attempts + 1))
            case Outcome.NOT_SENT if payment.attempts + 1 < UNSENT_ATTEMPTS_MAX:
                await self._set(payment, "pending", wait_s=self._pace.after(payment.attempts + 1))
            case Outcome.NOT_SENT:
                await self._give_up(payment, answer)
            case Outcome.NOT_FOUND if await self._is_too_late(payment):
                await self._give_up(payment, answer)
            case Outcome.UNKNOWN | Outcome.NOT_FOUND:
                await self._set(payment, "unknown", wait_s=self._pace.after(payment.attempts + 1))

    async def _give_up(self, payment: Payment, answer: BankAnswer) -> None:
        """It has not reached the bank, and cannot any more. Whoever wanted to pay is told so and
        may submit again; what we owe is sent anew."""
        if payment.direction == OUT:
            await self._set(payment, "pending", wait_s=self._pace.after(payment.attempts + 1))
        else:
            await self._fail(payment, answer.text)

    async def _is_too_late(self, payment: Payment) -> bool:
        """Sent so long ago that the request cannot reach the bank any more."""
        limit_s = self._pace.bank_timeout_s + self._pace.not_found_grace_s
        async with transaction(self._pool) as conn:
            rows = await conn.execute(
                """
                select sent_at < now() - make_interval(secs => %s) from payment
                where unit_id = %s and payment_id = %s
                """,
                (limit_s, payment.unit_id, payment.payment_id),
            )
            row = await rows.fetchone()
        return bool(row and row[0])

    async def _set(
        self, payment: Payment, state: str, wait_s: float = 0.0, bank_serial: str | None = None
    ) -> None:
        async with transaction(self._pool) as conn:
            updated = await conn.execute(
                """
                update payment set state = %s, next_at = now() + make_interval(secs => %s),
                       bank_serial = coalesce(%s, bank_serial)
                where unit_id = %s and payment_id = %s
                  and state not in ('collected', 'posted', 'failed')
                """,
                (state, wait_s, bank_serial, payment.unit_id, payment.payment_id),
            )
            if updated.rowcount and state != payment.state:
                await _step(conn, payment, state)

    async def _post(self, payment: Payment) -> None:
        """Posts what was collected. A failure leaves it collected, to be tried again, and warns."""
        async with transaction(self._pool) as conn:
            await units.lock(conn, payment.unit_id)
            rows = await conn.execute(
                """
                update payment set state = 'posted' where unit_id = %s and payment_id = %s
                  and state = 'collected' returning 1
                """,
                (payment.unit_id, payment.payment_id),
            )
            if await rows.fetchone() is None:
                return
            await _reserve(conn, payment, -payment.reserved_fen)
            await self._complete[payment.direction](conn, payment)
            await _step(conn, payment, "posted")
            if payment.direction == IN:
                await self._notify(conn, payment, True, "")

    async def _fail(self, payment: Payment, text: str, *, is_returned: bool = False) -> None:
        """Nothing was debited, or it ``is_returned``: the batch is open again for a submission."""
        async with transaction(self._pool) as conn:
            await units.lock(conn, payment.unit_id)
            updated = await conn.execute(
                """
                update payment set state = 'failed', problem_code = 'B10', bank_text = %s
                where unit_id = %s and payment_id = %s
                  and state not in ('posted', 'failed') and (state <> 'collected' or %s)
                """,
                (text, payment.unit_id, payment.payment_id, is_returned),
            )
            if not updated.rowcount:
                return
            await conn.execute(
                """
                update batch set state = 'saved'
                where unit_id = %s and batch_id = %s and state = 'paying'
                """,
                (payment.unit_id, payment.batch_id),
            )
            await _reserve(conn, payment, -payment.reserved_fen)
            await _step(conn, payment, "failed")
            if payment.direction == IN:
                await self._notify(conn, payment, False, text)
