"""One centre lived twice, in the model and at the server; each step must come to the same."""

from __future__ import annotations

import asyncio
import datetime
import pickle
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import permutations

from server.counter.staff import Role
from server.outside.sandbox_bank.scenarios import SCENARIOS, Fault
from server.simulation.hall import Hall, Order, Reply
from server.simulation.model import books, counter, payments
from server.simulation.model.counter import Correction
from server.simulation.model.state import Centre, Refusals
from server.simulation.moves import Move, month_text, yuan

ENDED = ("posted", "failed")
ASKED_MAX = 12
HISTORY_SHOWN = 40
STEP_SHOWN = 400
ONE_DAY = datetime.timedelta(days=1)
# Notices have no door here; what they tell comes with the bank's list of the day.
FAULTS = sorted(set(SCENARIOS) - {"success", "notice_first", "notice_twice"})
LATE_S = 1.3  # more than the worker waits for an answer


class Difference(AssertionError):
    """Model and server came to different ends."""


@dataclass
class Waiting:
    """A debit or refund that the bank has been asked for; ``collects`` is what must come of it."""

    unit: str
    kind: str
    serial: int
    collects: bool
    business: int = 0  # a refund's reversed business
    asked: int = 0
    late_until: float = 0.0  # of the machine's clock, by which a slow bank has answered


@dataclass
class Life:
    """``fault_chance`` is how often the bank misbehaves, ``again_chance`` how often a submission
    is sent twice under one key."""

    centre: Centre
    hall: Hall
    dice: random.Random
    fault_chance: float = 0.15
    again_chance: float = 0.1
    units: dict[str, int] = field(default_factory=dict)
    bank_accounts: dict[str, str] = field(default_factory=dict)
    serials: dict[int, int] = field(default_factory=dict)  # of businesses, by the model's number
    waiting: list[Waiting] = field(default_factory=list)
    arrived: dict[str, tuple[int, int]] = field(default_factory=dict)  # at the bank, not listed yet
    counts: Counter[str] = field(default_factory=Counter)
    history: list[str] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """A draw of nothing is False, so that what Hypothesis shrinks becomes plainer."""
        return self.dice.random() >= 1 - probability

    def note(self, text: str) -> None:
        step = f"{len(self.history) + 1} {self.centre.day} {text}"
        self.history.append(step if len(step) <= STEP_SHOWN else f"{step[:STEP_SHOWN]} …")

    def differ(self, what: str) -> Difference:
        steps = "\n".join(self.history[-HISTORY_SHOWN:])
        return Difference(f"{what}\nafter step {len(self.history)}:\n{steps}")

    def agree(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            raise self.differ(f"{what}: the model says {expected}, the server {found}")

    def _judge(self, what: str, expected: Refusals, found: Refusals) -> None:
        self.counts["refusals" if expected else "businesses"] += 1
        for codes in expected.values():
            self.counts.update(f"refused {code}" for code in codes)
        self.note(f"{what} → {found or 'done'}")
        self.agree(what, expected, found)

    # --- Operators ---

    async def do(self, move: Move) -> bool:
        """One submission; whether it was accepted."""
        expected = move.model(self.centre)
        reply = await self._submit(move)
        self._judge(str(move), expected, reply.refusals)
        await self._follow(move, reply)
        return not reply.refusals

    async def race(self, first: Move, second: Move) -> None:
        """Two submissions at once: what came of them is what one order of the two comes to."""
        before = pickle.dumps(self.centre)
        replies = await asyncio.gather(self._submit_once(first), self._submit_once(second))
        found = [reply.refusals for reply in replies]
        self.note(f"at once: {first} → {found[0] or 'done'} | {second} → {found[1] or 'done'}")
        tried = []
        for order in permutations(zip((first, second), replies, strict=True)):
            self.centre = pickle.loads(before)  # noqa: S301 - our own bytes
            tried.append([move.model(self.centre) for move, _ in order])
            if tried[-1] == [reply.refusals for _, reply in order]:
                for move, reply in order:
                    self.counts["refusals" if reply.refusals else "businesses"] += 1
                    await self._follow(move, reply)
                self.counts["races"] += 1
                return
        raise self.differ(f"no order of the two gives this; the model: {tried}")

    async def _saved(self, move: Move) -> Order:
        return await self.hall.save(self.units[move.unit], move.code, move.head, move.rows)

    async def _submit_once(self, move: Move) -> Reply:
        return await self.hall.submit(await self._saved(move))

    async def _submit(self, move: Move) -> Reply:
        if not self.chance(self.again_chance):
            return await self._submit_once(move)
        order = await self._saved(move)
        self.counts["sent twice"] += 1
        if self.chance(0.5):
            reply, again = await asyncio.gather(self.hall.submit(order), self.hall.submit(order))
        else:
            reply, again = await self.hall.submit(order), await self.hall.submit(order)
        self.agree(f"{move} under one key twice", reply, again)
        return reply

    async def _follow(self, move: Move, reply: Reply) -> None:
        if reply.refusals:
            return
        if move.code == "account_opening":
            await self.hall.learn_accounts(self.units[move.unit])
        elif move.code == "transfer":
            await self._moved(move, reply.serial)
        elif reply.state == "paying":
            await self._ask_bank(Waiting(move.unit, move.kind, reply.serial, True))
        elif move.kind:
            self._posted(reply.serial)

    async def _moved(self, move: Move, serial: int) -> None:
        """The giving unit has a business of its own, numbered before the taking unit's."""
        self._posted(serial)
        ((out,),) = await self.hall.rows(
            "select txn_id from txn where unit_id = %s and idem = %s",
            int(move.head["from_unit"]), f"transfer-{serial}",
        )  # fmt: skip
        self.serials[len(self.centre.businesses) - 1] = out
        self.counts["people moved"] += len(move.rows)

    def _posted(self, serial: int) -> None:
        self.serials[len(self.centre.businesses)] = serial

    # --- The bank ---

    async def _ask_bank(self, debit: Waiting) -> None:
        self.counts["payments"] += 1
        if self.chance(self.fault_chance):
            scenario = self.dice.choice(FAULTS)
            what = SCENARIOS[scenario]
            # A debit that got lost has failed; a refund that got lost is owed, and sent anew.
            is_lost = not what.is_received and debit.kind != "refund"
            debit.collects = what.code is None and not is_lost
            seconds = LATE_S if scenario == "slow" else 0.02
            debit.late_until = time.monotonic() + seconds
            self.hall.sandbox.add_fault(
                Fault(scenario, account_no=self.bank_accounts[debit.unit], times=1, seconds=seconds)
            )
            self.counts["faults"] += 1
            self.note(f"{debit.unit} {debit.kind}: the bank plays {scenario}")
        self.waiting.append(debit)
        state = await self.hall.pay(self.units[debit.unit], debit.serial)
        self._look(debit, state)

    def _look(self, debit: Waiting, state: str) -> None:
        debit.asked += 1
        if state not in ENDED:
            if debit.asked > ASKED_MAX:
                raise self.differ(f"{debit} is {state} for ever")
            return
        self.note(f"{debit.unit} {debit.kind}: {state}")
        self.agree(f"{debit}", "posted" if debit.collects else "failed", state)
        self.waiting.remove(debit)
        if debit.kind == "refund":
            if debit.collects:
                books.refund(self.centre, debit.business)
            return
        payments.answer(self.centre, debit.unit, debit.kind, debit.collects)
        if debit.collects:
            self._posted(debit.serial)

    async def ask_again(self) -> None:
        """What is still open is asked for again, as the worker does by itself."""
        for debit in list(self.waiting):
            # By the centre's clock an hour goes by: the slowest answer has come meanwhile.
            await asyncio.sleep(max(0.0, debit.late_until - time.monotonic()))
            state = await self.hall.ask_again(self.units[debit.unit], debit.serial)
            self._look(debit, state)

    async def receive(self, amount: int, *, is_told: bool) -> None:
        """Money comes to the bank from somebody nobody knows; a notice tells it, or the list."""
        detail = self.hall.sandbox.receive("6222000000000009", "某单位", amount, "往来款")
        self.note(f"the bank receives {yuan(amount)}{', and tells' if is_told else ''}")
        if is_told:
            await self.hall.tell(detail)
            counter.receive_unknown(self.centre, detail.bank_serial, amount)
        else:
            self.arrived[detail.bank_serial] = (amount, 0)

    async def reconcile(self) -> None:
        """The bank's list up to yesterday (T+1): what nobody knows goes into 暂收. Nothing has come
        yet today."""
        found = await self.hall.reconcile(self.centre.day - ONE_DAY)
        for serial, (amount, cheque) in self.arrived.items():
            if not cheque or self.centre.businesses[cheque - 1].reversed:
                counter.receive_unknown(self.centre, serial, amount)
        self.arrived = {}
        for debit in list(self.waiting):
            state = await self.hall.payment_state(self.units[debit.unit], debit.serial)
            if state in ENDED:
                self._look(debit, state)
        self.note("reconciled")
        self.counts["reconciliations"] += 1
        self.agree("adjusted balances", found.adjusted_book_fen, found.adjusted_bank_fen)

    # --- The counter ---

    async def _counter(
        self, expected: Refusals, role: Role, code: str, **texts: str
    ) -> tuple[bool, int]:
        """Whether it was done, and the serial of what was posted."""
        found, outcome = await self.hall.counter(role, code, **texts)
        self._judge(f"{code} {texts}", expected, found)
        row = outcome.rows[0] if outcome.rows else {}
        return not found, int(row.get("serial", 0))

    async def open_unit(
        self, key: str, county: str, ratios: tuple[int, int], first_month: int, uscc: str
    ) -> None:
        counter.open_unit(self.centre, key, county, ratios, first_month - 1)
        self.note(f"open {key} from {month_text(first_month)} at {ratios}")
        self.units[key] = await self.hall.open_unit(
            name=f"模拟单位{key}", uscc=uscc, county=county, branch="5301",
            first_month=month_text(first_month), unit_ratio=f"{yuan(ratios[0])}%",
            personal_ratio=f"{yuan(ratios[1])}%",
        )  # fmt: skip
        self.bank_accounts[key] = f"5323{len(self.units):08d}"
        self.hall.open_bank_account(self.bank_accounts[key], f"模拟单位{key}")

    async def sign(self, key: str) -> None:
        expected: Refusals = {None: {"T11"}} if self.centre.units[key].signed else {}
        found = await self.hall.sign(self.units[key], self.bank_accounts[key], f"模拟单位{key}")
        self._judge(f"{key} signs its account", expected, found)
        counter.sign_account(self.centre, key)

    async def cancel(self, key: str) -> None:
        unit = self.centre.units[key]
        flying = any(it.unit == key for it in self.waiting)
        expected: Refusals = {None: {"T13"}} if flying else {}
        if not flying and not unit.signed:
            expected = {None: {"T12"}}
        done, _ = await self._counter(
            expected, Role.TELLER, "cancel-account", unit=str(self.units[key]),
            account_no=self.bank_accounts[key],
        )  # fmt: skip
        if done:
            counter.sign_account(self.centre, key, signed=False)

    async def cheque(self, key: str, amount: int, number: str) -> None:
        done, serial = await self._counter(
            counter.enter_cheque(self.centre, key, amount), Role.FINANCE, "cheque",
            unit=str(self.units[key]), cheque_no=number, drawer=f"财政{number}",
            received_day=self.centre.day.isoformat(), amount=yuan(amount),
        )  # fmt: skip
        if done:
            self._posted(serial)
            detail = self.hall.sandbox.receive("5301000000000001", f"财政{number}", amount)
            self.arrived[detail.bank_serial] = (amount, len(self.centre.businesses))

    async def claim(self, receipt: str, key: str) -> None:
        done, serial = await self._counter(
            counter.claim(self.centre, receipt, key), Role.FINANCE, "claim",
            unit=str(self.units[key]), bank_serial=receipt,
        )  # fmt: skip
        if done:
            self._posted(serial)

    async def correct(self, key: str, row: Correction) -> None:
        done, serial = await self._counter(
            counter.correct(self.centre, key, [row]), Role.TELLER, "correct",
            unit=str(self.units[key]), reason="多缴",
            account=self.hall.accounts[row.person], month=month_text(row.month),
            amount=yuan(row.amount),
        )  # fmt: skip
        if done:
            self._posted(serial)

    async def reverse(self, number: int) -> None:
        business = self.centre.businesses[number - 1]
        unit_id = self.units[business.unit]
        done, _ = await self._counter(
            counter.reverse(self.centre, number), Role.TELLER, "reverse", unit=str(unit_id),
            reverses=str(self.serials[number]), reason="录入有误",
        )  # fmt: skip
        if done:
            for serial in await self.hall.refunds_to_send(unit_id):
                await self._ask_bank(Waiting(business.unit, "refund", serial, True, number))

    async def defer(self, key: str, first: int, last: int) -> None:
        await self._counter(
            counter.begin_deferral(self.centre, key, first, last), Role.TELLER, "defer",
            unit=str(self.units[key]), first_month=month_text(first), last_month=month_text(last),
        )  # fmt: skip

    async def end_deferral(self, key: str, last: int | None) -> None:
        texts = {} if last is None else {"last_month": month_text(last)}
        await self._counter(
            counter.end_deferral(self.centre, key, last), Role.TELLER, "end-deferral",
            unit=str(self.units[key]), **texts,
        )  # fmt: skip

    async def set_parameter(self, key: str, value: str, scope: str = "") -> None:
        """From today on; the model is told by whoever decides on it."""
        texts = {"scope": scope} if scope else {}
        await self._counter(
            {}, Role.SUPERVISOR, "set-parameter", key=key, value=value,
            from_day=self.centre.day.isoformat(), **texts,
        )  # fmt: skip

    # --- The centre's own days ---

    async def accrue(self, month: int) -> None:
        self.note(f"accrue {month_text(month)}")
        expected = books.accrue_interest(self.centre, month)
        self.agree(f"accrual of {month_text(month)}", expected, await self.hall.accrue(month))

    async def settle(self, year: int) -> None:
        done, _ = await self._counter({}, Role.FINANCE, "settle-interest", year=str(year))
        assert done
        books.settle_interest(self.centre, year)

    async def skip_to(self, day: datetime.date) -> None:
        """Days on which nothing happens."""
        if day > self.centre.day:
            self.note(f"until {day}")
            await self.hall.set_day(day)
            self.centre.day = day

    async def end_day(self) -> None:
        self.centre.day += ONE_DAY
        self.agree("business day", self.centre.day, await self.hall.end_day())
        self.counts["days"] += 1
