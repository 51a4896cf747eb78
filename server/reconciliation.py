"""对账: a bank day's movements against the books, and the balance adjustment table of that day.

Fetching tells the same movements as the notices did, or should have; each is brought in once. What
remains different is listed, and must explain the difference of the two balances to the fen.
"""

from __future__ import annotations

import datetime

from server import adjustment, suspense, units
from server.adjustment import Adjustment
from server.bank_notices import (
    DETAIL,
    End,
    Movements,
    book_difference,
    detail_of,
    entered_for,
    record,
    settle_with,
)
from server.business.bank import DIFFERENCE
from server.business.chart import Gl
from server.business.refusals import Refused, refused
from server.db import Connection, Pool, transaction
from server.ledger.entry import Posting
from server.outside.bank import Bank, Outcome
from server.outside.bank_wire import Detail
from server.reversal import reverse
from server.submission import Operator
from server.suspense import CENTRE_CLERK, book

ONE_DAY = datetime.timedelta(days=1)


async def reconcile(pool: Pool, bank: Bank, movements: Movements, day: datetime.date) -> Adjustment:
    """Fetches what is not fetched yet up to ``day``, brings it in, and compares; safe to repeat."""
    async with transaction(pool) as conn:
        days = await _days(conn, day)
    closing_fen = 0
    for one in days:
        details, closing_fen = await _fetch(bank, one)
        if details:
            async with transaction(pool) as conn:
                await record(conn, details, is_listed=True)
    async with transaction(pool) as conn:
        await _reopen_bounced(conn)
        waiting = await _waiting(conn)
    for detail in waiting:
        await movements.settle(detail)
    async with transaction(pool) as conn:
        await _match_entered(conn)
        return await adjustment.compare(conn, day, closing_fen)


async def _days(conn: Connection, day: datetime.date) -> list[datetime.date]:
    """The days to fetch: from the one last reconciled, which may not have been over then, or from
    the first that either side knows anything of, to ``day``; B13 before the first."""
    rows = await conn.execute("select min(day), max(day) from reconciliation")
    first, last = await rows.fetchone() or (None, None)
    if first is not None and day < first:
        raise refused("B13", first=first)
    start = min(last or await _first_day(conn) or day, day)
    return [start + ONE_DAY * n for n in range((day - start).days + 1)]


async def _first_day(conn: Connection) -> datetime.date | None:
    rows = await conn.execute(
        """
        select least((select min(bank_day) from bank_movement),
                     (select min(t.biz_day)
                      from txn t join posting p on p.unit_id = t.unit_id and p.txn_id = t.txn_id
                      where '101' in (p.debit, p.credit)))
        """
    )
    row = await rows.fetchone()
    return row[0] if row else None


async def _fetch(bank: Bank, day: datetime.date) -> tuple[list[Detail], int]:
    """All of a day's movements and the balance at its end; B12 unless every page can be read."""
    details: list[Detail] = []
    after = ""
    while True:
        page = await bank.details(day, after)
        if page.outcome is not Outcome.SUCCESS:
            raise refused("B12", day=day, reason=page.text)
        details += page.details
        if not page.after:
            return details, page.closing_fen
        after = page.after


async def _waiting(conn: Connection) -> list[Detail]:
    rows = await conn.execute(
        f"select {DETAIL} from bank_movement where state = 'new' order by bank_day, bank_serial"
    )
    return [detail_of(row) for row in await rows.fetchall()]


async def _reopen_bounced(conn: Connection) -> None:
    """A cheque was taken back at the counter, and its money is still at the bank: whose is it?"""
    await conn.execute(
        """
        update bank_movement m set state = 'new', unit_id = null, txn_id = null, note = ''
        from txn r
        where m.state = 'settled' and m.serial = '' and m.reverses = ''
          and r.unit_id = m.unit_id and r.reverses = m.txn_id
          and not exists (select from bank_movement o
                          where o.unit_id = r.unit_id and o.txn_id = r.txn_id)
        """
    )


async def _match_entered(conn: Connection) -> None:
    """Money was held in 暂收 or in 错账待处理, and somebody has entered what it is since."""
    await units.lock(conn, units.CENTRE)
    rows = await conn.execute(
        f"""
        select state, txn_id, {DETAIL} from bank_movement m
        where unit_id = %s and reverses = '' and (state = 'difference' or exists (
            select from suspense s where s.txn_id = m.txn_id and s.state = 'open'))
        order by bank_day, bank_serial
        """,
        (units.CENTRE,),
    )
    for state, txn_id, *told in await rows.fetchall():
        detail = detail_of(told)
        entered = await entered_for(conn, detail)
        if entered is None:
            continue
        if state == "suspense":
            held = await suspense.find(conn, detail.bank_serial)
            assert held is not None, "the movement is held there"
            await suspense.release(conn, held[0], "matched", "已由柜台入账", entered)
        else:
            await book_difference(conn, detail, CENTRE_CLERK, "已由财务入账", reverses=txn_id)
        await settle_with(conn, detail, End("settled", entered))


async def withdraw(conn: Connection, operator: Operator, txn_id: int) -> int:
    """差错处理：takes out of the books, once, what the latest reconciliation did not find at the
    bank; the serial of what took it out. What cannot be reversed any more goes to 21903."""
    unit_id, idem = operator.unit_id, f"withdraw-{txn_id}"
    await units.lock(conn, unit_id)
    rows = await conn.execute(
        """
        select (select txn_id from txn where unit_id = %(unit)s and idem = %(idem)s), sum(book_fen)
        from reconciliation_line
        where kind = 'book_only' and unit_id = %(unit)s and txn_id = %(txn)s
          and day = (select max(day) from reconciliation)
        """,
        {"unit": unit_id, "txn": txn_id, "idem": idem},
    )
    done, book_fen = await rows.fetchone() or (None, None)
    if done is not None:
        return int(done)
    if not book_fen:
        raise refused("B15")
    try:
        async with conn.transaction():
            taken = await reverse(conn, operator, txn_id, "银行没有该笔", idem, is_returned=True)
            return taken.serial
    except Refused as refusal:
        head = {"amount": -int(book_fen), "reason": f"银行没有该笔：{refusal.reason.text}"}
    posting = Posting(Gl.DEPOSITS, Gl.ERRORS, -int(book_fen))
    return (await book(conn, operator, DIFFERENCE, head, [posting], idem))[0]
