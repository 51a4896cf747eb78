"""What moves on the centre's account, told by notices or the day's list: into the books, once each.

A movement of ours moves its payment on, exactly as the bank's answer would. Money of nobody known
goes to 暂收 (21902). What the bank takes back is reversed where that is still possible; all else
becomes a difference for finance (错账待处理, 21903). Nothing is dropped: what cannot be brought in
yet stays ``new`` and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.errors import CheckViolation

from server import suspense, units
from server.business.bank import DIFFERENCE
from server.business.chart import Gl
from server.business.refusals import Refused
from server.db import Connection, Pool, transaction
from server.ledger.entry import Posting
from server.log import describe
from server.notices import tell_taken_back
from server.outside.bank import BankAnswer, Outcome
from server.outside.bank_wire import BANK_TEXTS, BankCode, Detail, Direction
from server.payments import Payments
from server.reversal import reverse
from server.submission import Operator
from server.suspense import CENTRE_CLERK, book

log = logging.getLogger(__name__)

RETRY_S = (1.0, 5.0, 30.0, 300.0)
LOOK_EVERY_S = 0.5
AT_ONCE_MAX = 8
SAME = "bank_serial = %(serial)s and amount_fen = %(amount)s and account_no = %(account)s"
DETAIL = """bank_serial, bank_day, direction, amount_fen, account_no, holder, remark, serial,
    reverses"""


@dataclass(frozen=True)
class Asked:
    """The payment that a movement names: one that we asked the bank for."""

    unit_id: int
    payment_id: int
    state: str
    amount_fen: int
    direction: str

    def is_moved_by(self, detail: Detail) -> bool:
        return (self.amount_fen, self.direction) == (detail.amount_fen, detail.direction.value)


@dataclass(frozen=True)
class End:
    """What became of a movement; ``txn`` (unit, serial) has it in the books."""

    state: str
    txn: tuple[int, int] | None = None
    note: str = ""


WAIT = End("new")


async def record(conn: Connection, details: Sequence[Detail], *, is_listed: bool = False) -> None:
    """Keeps movements, each once however often it is told."""
    columns = [
        (
            d.bank_serial, d.amount_fen, d.account_no, d.direction.value, d.bank_day, d.holder,
            d.remark, d.serial, d.reverses,
        )
        for d in details
    ]  # fmt: skip
    await conn.execute(
        """
        insert into bank_movement (bank_serial, amount_fen, account_no, direction, bank_day, holder,
                                   remark, serial, reverses, is_listed)
        select *, %s from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::date[],
                                 %s::text[], %s::text[], %s::text[], %s::text[])
        on conflict (bank_serial, amount_fen, account_no) do update set is_listed = true
            where excluded.is_listed and not bank_movement.is_listed
        """,
        (is_listed, *(list(column) for column in zip(*columns, strict=True))),
    )


class Movements:
    """Brings what was recorded into the books, at once after a notice or later by itself."""

    def __init__(self, pool: Pool, payments: Payments) -> None:
        self._pool, self._payments = pool, payments
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, detail: Detail) -> None:
        """Keeps a notice for good; it is brought in after that, while the bank has its answer."""
        async with transaction(self._pool) as conn:
            await record(conn, [detail])
        task = asyncio.create_task(self.settle(detail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Looks for movements that are not in the books yet, until cancelled."""
        while True:
            try:
                await asyncio.gather(*(self.settle(one) for one in await self._due()))
            except Exception as error:  # noqa: BLE001 - It goes on when the database is back.
                log.error("bank movements: could not look for what is due: %s", describe(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _due(self) -> list[Detail]:
        async with transaction(self._pool) as conn:
            rows = await conn.execute(
                f"""
                select {DETAIL} from bank_movement
                where state = 'new' and next_at <= now() order by next_at limit %s
                """,
                (AT_ONCE_MAX,),
            )
            return [detail_of(row) for row in await rows.fetchall()]

    async def settle(self, detail: Detail) -> None:
        """Brings one movement into the books, if that is possible by now."""
        try:
            if not await self._claim(detail):
                return
            await self._tell(detail)
            async with transaction(self._pool) as conn:
                await _bring_in(conn, detail)
        except Exception as error:  # noqa: BLE001 - One movement must not stop the others.
            log.error("bank movement %s: %s", detail.bank_serial, describe(error))

    async def _claim(self, detail: Detail) -> bool:
        """Whether it is new; the next try is later, whatever becomes of this one."""
        async with transaction(self._pool) as conn:
            updated = await conn.execute(
                f"""
                update bank_movement set attempts = attempts + 1,
                       next_at = now() + make_interval(
                           secs => (%(waits)s::float8[])[least(attempts, %(most)s) + 1])
                where {SAME} and state = 'new'
                """,
                _key(detail) | {"waits": list(RETRY_S), "most": len(RETRY_S) - 1},
            )
        return bool(updated.rowcount)

    async def _tell(self, detail: Detail) -> None:
        """Moves the payment on that the movement is about, if it has not ended."""
        async with transaction(self._pool) as conn:
            asked = await _asked(conn, detail.serial)
        if asked is None or asked.state in ("posted", "failed"):
            return
        if detail.reverses:
            outcome, code = Outcome.FAILED, BankCode.REVERSED
        elif asked.is_moved_by(detail):
            outcome, code = Outcome.SUCCESS, BankCode.SUCCESS
        else:
            return
        answer = BankAnswer(
            outcome, code, BANK_TEXTS[code], detail.bank_serial, detail.bank_day, detail.amount_fen
        )
        try:
            await self._payments.told(asked.unit_id, asked.payment_id, answer)
        except Exception as error:  # noqa: BLE001 - It stays collected; payments try again.
            log.error("payment %s: not posted: %s", asked.payment_id, describe(error))


def _key(detail: Detail) -> dict[str, object]:
    return {
        "serial": detail.bank_serial, "amount": detail.amount_fen, "account": detail.account_no,
    }  # fmt: skip


def detail_of(row: Sequence[object]) -> Detail:
    """A movement from the columns of ``DETAIL``."""
    serial, day, direction, *rest = row
    return Detail(serial, day, Direction(direction), *rest)  # type: ignore[arg-type]


async def _asked(conn: Connection, serial: str) -> Asked | None:
    if not serial.isascii() or not serial.isdecimal() or int(serial) >= 2**63:
        return None
    rows = await conn.execute(
        """
        select unit_id, payment_id, state, amount_fen, direction from payment
        where payment_id = %s
        """,
        (int(serial),),
    )
    row = await rows.fetchone()
    return Asked(*row) if row else None


async def _bring_in(conn: Connection, detail: Detail) -> None:
    """One transaction: the movement's end, and its posting if it needs one of its own."""
    rows = await conn.execute(
        f"select 1 from bank_movement where {SAME} and state = 'new' for update skip locked",
        _key(detail),
    )
    if await rows.fetchone() is None:
        return
    end = await (_take_back if detail.reverses else _end_of)(conn, detail)
    await settle_with(conn, detail, end)


async def settle_with(conn: Connection, detail: Detail, end: End) -> None:
    unit_id, txn_id = end.txn or (None, None)
    await conn.execute(
        f"""
        update bank_movement set state = %(state)s, note = %(note)s, unit_id = %(unit)s,
               txn_id = %(txn)s
        where {SAME}
        """,
        _key(detail) | {"state": end.state, "note": end.note, "unit": unit_id, "txn": txn_id},
    )


async def _end_of(conn: Connection, detail: Detail) -> End:
    asked = await _asked(conn, detail.serial)
    note = "我方没有该流水号" if detail.serial else ""
    if asked is not None:
        if asked.is_moved_by(detail):
            if asked.state == "posted":
                return End("settled", (asked.unit_id, asked.payment_id))
            if asked.state != "failed":
                return WAIT
            if await _is_taken_back(conn, detail.bank_serial):
                return End("paired", note="银行已冲正")
        note = "该笔已按失败处理" if asked.is_moved_by(detail) else "金额或方向与我方不符"
    if entered := await entered_for(conn, detail):
        return End("settled", entered)
    if detail.direction is Direction.OUT:
        return await _difference(conn, detail, CENTRE_CLERK, note or "银行支出，原因不明")
    found = await suspense.find(conn, detail.bank_serial)
    if found is not None and found[1] != "matched":
        return await _difference(conn, detail, CENTRE_CLERK, "同一银行流水号，金额或账号不同")
    return End("suspense", (units.CENTRE, await suspense.hold(conn, detail)), note)


async def _is_taken_back(conn: Connection, bank_serial: str) -> bool:
    rows = await conn.execute("select 1 from bank_movement where reverses = %s", (bank_serial,))
    return await rows.fetchone() is not None


async def _take_back(conn: Connection, detail: Detail) -> End:
    """The bank reverses an earlier movement by itself (银行冲正)."""
    rows = await conn.execute(
        "select state, unit_id, txn_id from bank_movement where bank_serial = %s",
        (detail.reverses,),
    )
    original = await rows.fetchone()
    if original is None or original[0] == "new":
        return WAIT
    state, unit_id, txn_id = original
    if state == "paired":
        return End("paired", note="银行已冲正")
    if state == "suspense":
        return await _return_held(conn, detail)
    clerk = CENTRE_CLERK if unit_id == units.CENTRE else Operator(unit_id, 0, "系统", "bank")
    if state == "difference":
        return await _difference(conn, detail, clerk, "银行冲正")
    end = await _undo(conn, detail, clerk, txn_id)
    if end is not WAIT:
        await _tell_unit(conn, detail, (unit_id, txn_id), end)
    return end


async def _undo(conn: Connection, detail: Detail, clerk: Operator, txn_id: int) -> End:
    """What was posted is reversed if that is still possible, else a difference."""
    if detail.direction is Direction.IN:
        return await _difference(conn, detail, clerk, "银行冲正")
    try:
        async with conn.transaction():
            taken = await reverse(
                conn, clerk, txn_id, "银行冲正", f"bank-{detail.bank_serial}", is_returned=True
            )
        return End("settled", (clerk.unit_id, taken.serial), "银行冲正")
    except Refused as refusal:
        if refusal.reason.code == "G02":
            return WAIT  # Something of the unit's is in flight; it will have ended by the next try.
        why = refusal.reason.text
    except CheckViolation:
        why = "款项已被使用"
    return await _difference(conn, detail, clerk, f"银行冲正，不能自动冲账：{why}")


async def _tell_unit(conn: Connection, detail: Detail, posted: tuple[int, int], end: End) -> None:
    if posted[0] != units.CENTRE:
        is_reversed = end.state == "settled"
        await tell_taken_back(conn, *posted, detail.bank_serial, detail.amount_fen, is_reversed)


async def _return_held(conn: Connection, detail: Detail) -> End:
    await units.lock(conn, units.CENTRE)
    found = await suspense.find(conn, detail.reverses)
    assert found is not None, "a movement in suspense is held there"
    receipt, state = found
    if state == "open":
        txn_id = await suspense.release(conn, receipt, "returned", "银行冲正")
        return End("settled", (units.CENTRE, txn_id), "银行冲正")
    end = await _difference(conn, detail, CENTRE_CLERK, "银行冲正已认领的暂收款")
    if owner := await suspense.owner(conn, detail.reverses):
        await _tell_unit(conn, detail, owner, end)
    return end


async def _difference(conn: Connection, detail: Detail, clerk: Operator, reason: str) -> End:
    """101 is what the bank has; the other side waits in 错账待处理 for finance."""
    await units.lock(conn, clerk.unit_id)
    return End(
        "difference", (clerk.unit_id, await book_difference(conn, detail, clerk, reason)), reason
    )


async def book_difference(
    conn: Connection, detail: Detail, clerk: Operator, reason: str, reverses: int | None = None
) -> int:
    """The posting of a difference, or the one in red that takes it back, under the unit's lock."""
    amount_fen = detail.amount_fen if reverses is None else -detail.amount_fen
    head = {
        "bank_serial": detail.bank_serial, "bank_day": detail.bank_day,
        "direction": detail.direction.value, "party": detail.holder, "amount": amount_fen,
        "reason": reason,
    }  # fmt: skip
    is_in = detail.direction is Direction.IN
    debit, credit = (Gl.DEPOSITS, Gl.ERRORS) if is_in else (Gl.ERRORS, Gl.DEPOSITS)
    idem = (
        f"difference-{detail.bank_serial}-{detail.amount_fen}-{detail.account_no}"
        if reverses is None
        else f"difference-end-{reverses}"
    )
    postings = [Posting(debit, credit, amount_fen)]
    return (await book(conn, clerk, DIFFERENCE, head, postings, idem, reverses))[0]


# What a voucher or cheque moved on account 101, and in which words it names the movement.
ENTERED = """
    select t.unit_id, t.txn_id
    from txn t join posting p on p.unit_id = t.unit_id and p.txn_id = t.txn_id
    where t.business in ('cheque', 'voucher')
      and t.total_fen in (%(amount)s, -%(amount)s) and '101' in (p.debit, p.credit)
      and case p.debit when '101' then p.amount_fen else -p.amount_fen end = %(moved)s
      and (t.head->>'drawer' = %(holder)s
           or position(nullif(t.head->>'cheque_no', '') in %(remark)s) > 0
           or position(%(serial)s in t.head->>'words') > 0
           or t.head->>'words' = nullif(%(remark)s, ''))
      and not exists (select from bank_movement m
                      where m.unit_id = t.unit_id and m.txn_id = t.txn_id)
      and not exists (select from txn r where r.unit_id = t.unit_id and r.reverses = t.txn_id)
    limit 2
"""


async def entered_for(conn: Connection, detail: Detail) -> tuple[int, int] | None:
    """The one cheque or voucher, entered by hand, that this movement can only be (unit, serial)."""
    is_in = detail.direction is Direction.IN
    values = _key(detail) | {
        "moved": detail.amount_fen if is_in else -detail.amount_fen,
        "holder": detail.holder, "remark": detail.remark,
    }  # fmt: skip
    found = await (await conn.execute(ENTERED, values)).fetchall()
    return (found[0][0], found[0][1]) if len(found) == 1 else None
