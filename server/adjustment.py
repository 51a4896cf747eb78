"""银行存款余额调节表: what bank and books have by a day, line by line, and why they differ."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from server.db import Connection

RECONCILE_LOCK = 5324


class Kind(StrEnum):
    MATCHED = "matched"
    BANK_ONLY = "bank_only"
    BOOK_ONLY = "book_only"
    AMOUNT = "amount"


KINDS = {
    Kind.MATCHED: "两清",
    Kind.BANK_ONLY: "银行有本地无",
    Kind.BOOK_ONLY: "本地有银行无",
    Kind.AMOUNT: "金额不符",
}


@dataclass(frozen=True)
class Line:
    """What each side has up to the day, in fen, money in positive; 0 where it has nothing."""

    kind: Kind
    bank_serial: str
    unit_id: int | None
    txn_id: int | None
    bank_fen: int
    book_fen: int
    note: str = ""


@dataclass(frozen=True)
class Adjustment:
    """银行存款余额调节表 of a day, with the lines that it comes from."""

    day: datetime.date
    opening_fen: int
    listed_fen: int
    closing_fen: int
    book_fen: int
    lines: Sequence[Line]

    @property
    def bank_in_fen(self) -> int:
        """加：银行已收，账上未收."""
        return sum(gap for gap in self._gaps(is_bank=True) if gap > 0)

    @property
    def bank_out_fen(self) -> int:
        """减：银行已付，账上未付."""
        return -sum(gap for gap in self._gaps(is_bank=True) if gap < 0)

    @property
    def book_in_fen(self) -> int:
        """加：账上已收，银行未收."""
        return -sum(gap for gap in self._gaps(is_bank=False) if gap < 0)

    @property
    def book_out_fen(self) -> int:
        """减：账上已付，银行未付."""
        return sum(gap for gap in self._gaps(is_bank=False) if gap > 0)

    def _gaps(self, is_bank: bool) -> Iterator[int]:
        for line in self.lines:
            if bool(line.bank_fen) is is_bank:
                yield line.bank_fen - line.book_fen

    @property
    def adjusted_book_fen(self) -> int:
        return self.book_fen + self.opening_fen + self.bank_in_fen - self.bank_out_fen

    @property
    def adjusted_bank_fen(self) -> int:
        return self.closing_fen + self.book_in_fen - self.book_out_fen

    @property
    def is_balanced(self) -> bool:
        """Whether the lines explain the difference, and the bank's own list its balance."""
        return self.adjusted_book_fen == self.adjusted_bank_fen


# What each posting moved on account 101, up to the day.
BOOKED = """
    select t.unit_id, t.txn_id, t.reverses, t.idem,
           sum(case when p.debit = '101' then p.amount_fen else -p.amount_fen end)::bigint as fen
    from txn t join posting p on p.unit_id = t.unit_id and p.txn_id = t.txn_id
    where t.biz_day <= %(day)s and '101' in (p.debit, p.credit)
    group by t.unit_id, t.txn_id
"""
# Listed movements of the day, and earlier ones that the books did not have by then.
BANK_SIDE = f"""
    with booked as ({BOOKED})
    select m.bank_serial, m.unit_id, m.txn_id, m.state, m.note,
           case m.direction when 'in' then m.amount_fen else -m.amount_fen end,
           coalesce(b.fen, 0), p.state, p.amount_fen <> m.amount_fen
    from bank_movement m
    left join booked b on b.unit_id = m.unit_id and b.txn_id = m.txn_id
    left join payment p on p.payment_id = case when m.serial ~ '^[0-9]{{1,18}}$|^[0-8][0-9]{{18}}$'
                                               then m.serial::bigint end
    where m.is_listed and m.bank_day <= %(day)s
      and (m.bank_day = %(day)s or b.txn_id is null)
      and not (m.state = 'paired' and m.bank_day < %(day)s and exists (
          select from bank_movement o
          where o.is_listed and o.bank_day < %(day)s
            and (o.reverses = m.bank_serial or o.bank_serial = nullif(m.reverses, ''))))
    order by m.bank_day, m.bank_serial
"""
# Postings that no listed movement stands behind; one and the other that took it back are nothing.
BOOK_SIDE = f"""
    with alone as (
        select b.* from ({BOOKED}) b
        where b.fen <> 0 and not exists (
            select from bank_movement m
            where m.unit_id = b.unit_id and m.txn_id = b.txn_id
              and m.is_listed and m.bank_day <= %(day)s))
    select a.unit_id, a.txn_id, a.fen, t.business, exists (
               select from bank_movement m where m.unit_id = a.unit_id and m.txn_id = a.txn_id)
    from alone a join txn t on t.unit_id = a.unit_id and t.txn_id = a.txn_id
    where not exists (select from alone o
                      where o.unit_id = a.unit_id and o.fen = -a.fen
                        and (o.reverses = a.txn_id or o.txn_id = a.reverses
                             or o.idem = 'withdraw-' || a.txn_id
                             or a.idem = 'withdraw-' || o.txn_id))
    order by a.unit_id, a.txn_id
"""


async def compare(conn: Connection, day: datetime.date, closing_fen: int) -> Adjustment:
    """Compares the listed movements with the books up to ``day``, and keeps the table."""
    await conn.execute("select pg_advisory_xact_lock(%s)", (RECONCILE_LOCK,))
    key = {"day": day}
    bank_side = await (await conn.execute(BANK_SIDE, key)).fetchall()
    lines = [_bank_line(*row) for row in bank_side]
    book_side = await (await conn.execute(BOOK_SIDE, key)).fetchall()
    lines += [
        Line(Kind.BOOK_ONLY, "", unit_id, txn_id, 0, fen, _unlisted(business, is_told))
        for unit_id, txn_id, fen, business, is_told in book_side
    ]
    sums = await conn.execute(
        f"""
        select (select coalesce(sum(fen), 0)::bigint from ({BOOKED}) b),
               (select coalesce(sum(case direction when 'in' then amount_fen
                                                   else -amount_fen end), 0)::bigint
                from bank_movement where is_listed and bank_day <= %(day)s),
               (select opening_fen from reconciliation where day <= %(day)s order by day limit 1)
        """,
        key,
    )
    book_fen, listed_fen, opening_fen = await sums.fetchone() or (0, 0, None)
    if opening_fen is None:
        opening_fen = closing_fen - listed_fen
    found = Adjustment(day, opening_fen, listed_fen, closing_fen, book_fen, lines)
    await _store(conn, found)
    return found


def _bank_line(
    serial: str,
    unit_id: int | None,
    txn_id: int | None,
    state: str,
    note: str,
    bank_fen: int,
    book_fen: int,
    payment_state: str | None,
    is_other_amount: bool | None,
) -> Line:
    kind = Kind.BANK_ONLY
    if is_other_amount or (book_fen and book_fen != bank_fen):
        kind = Kind.AMOUNT
    elif state == "paired" or (state == "settled" and book_fen):
        kind = Kind.MATCHED
    elif state == "suspense":
        note = note or "已挂暂收"
    elif state == "new" and payment_state == "collected":
        note = "银行已扣款而未入账，应缴金额可能已变，须人工处理"
    return Line(kind, serial, unit_id, txn_id, bank_fen, book_fen, note)


def _unlisted(business: str, is_told: bool) -> str:
    return "银行通知过，明细中没有" if is_told else f"银行没有该笔（{business}）"


async def _store(conn: Connection, found: Adjustment) -> None:
    await conn.execute(
        """
        insert into reconciliation (day, opening_fen, listed_fen, closing_fen, book_fen)
        values (%s, %s, %s, %s, %s)
        on conflict (day) do update
            set run_at = now(), listed_fen = excluded.listed_fen,
                closing_fen = excluded.closing_fen, book_fen = excluded.book_fen
        """,
        (found.day, found.opening_fen, found.listed_fen, found.closing_fen, found.book_fen),
    )
    await conn.execute("delete from reconciliation_line where day = %s", (found.day,))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into reconciliation_line
                (day, line, kind, bank_serial, unit_id, txn_id, bank_fen, book_fen, note)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    found.day, number, line.kind.value, line.bank_serial, line.unit_id,
                    line.txn_id, line.bank_fen, line.book_fen, line.note,
                )
                for number, line in enumerate(found.lines, 1)
            ],
        )  # fmt: skip


async def load(conn: Connection, day: datetime.date) -> Adjustment | None:
    """The day's table as it was last made."""
    rows = await conn.execute(
        "select opening_fen, listed_fen, closing_fen, book_fen from reconciliation where day = %s",
        (day,),
    )
    row = await rows.fetchone()
    if row is None:
        return None
    lines = await conn.execute(
        """
        select kind, bank_serial, unit_id, txn_id, bank_fen, book_fen, note
        from reconciliation_line where day = %s order by line
        """,
        (day,),
    )
    opening_fen, listed_fen, closing_fen, book_fen = row
    found = [Line(Kind(kind), *rest) for kind, *rest in await lines.fetchall()]
    return Adjustment(day, opening_fen, listed_fen, closing_fen, book_fen, found)


def shown(found: Adjustment) -> dict[str, object]:
    """The table and its open lines, for the command line."""
    return {
        "day": found.day.isoformat(),
        "银行存款日记账余额": found.book_fen,
        "银行期初余额": found.opening_fen,
        "加：银行已收账上未收": found.bank_in_fen,
        "减：银行已付账上未付": found.bank_out_fen,
        "调节后账面余额": found.adjusted_book_fen,
        "银行对账单余额": found.closing_fen,
        "加：账上已收银行未收": found.book_in_fen,
        "减：账上已付银行未付": found.book_out_fen,
        "调节后银行余额": found.adjusted_bank_fen,
        "balanced": found.is_balanced,
        "lines": [
            {
                "kind": KINDS[line.kind], "bank_serial": line.bank_serial, "unit": line.unit_id,
                "serial": None if line.txn_id is None else str(line.txn_id),
                "bank_fen": line.bank_fen, "book_fen": line.book_fen, "note": line.note,
            }
            for line in found.lines
        ],
    }  # fmt: skip
