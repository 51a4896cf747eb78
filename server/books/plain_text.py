"""The journal as text for programs that are not ours: beancount and hledger, with what they must
find the balances to be."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Iterator
from typing import Protocol, TextIO

from server.books.balances import trial_balance
from server.books.journal import (
    Leaf,
    Voucher,
    journal,
    kept_balances,
    leaves,
    posted_balances,
)
from server.business.chart import CHART, Nature, first_level
from server.business.month import Month
from server.db import Connection
from server.ledger.entry import EPOCH

Day = datetime.date
ONE_DAY = datetime.timedelta(days=1)
ROOTS = {
    Nature.ASSET: "Assets",
    Nature.LIABILITY: "Liabilities",
    Nature.EQUITY: "Equity",
    Nature.INCOME: "Income",
    Nature.EXPENSE: "Expenses",
}


def account_name(leaf: Leaf) -> str:
    """One that both programs take: ``Liabilities:201-住房公积金:<unit>:<person>``."""
    top = first_level(leaf.gl)
    parts = [ROOTS[CHART[top].nature], f"{top}-{CHART[top].label}"]
    if leaf.gl != top:
        parts.append(f"{leaf.gl}-{CHART[leaf.gl].label.partition('—')[2]}")
    if leaf.unit_id is not None:
        parts.append(f"{leaf.unit_id:012d}")
    if leaf.account is not None:
        parts.append(f"{leaf.account:012d}")
    return ":".join(parts)


def yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d} CNY"


class PlainText(Protocol):
    """How one program writes it."""

    head: str

    def opened(self, name: str, day: Day) -> str: ...

    def voucher(self, day: Day, words: str, facts: dict[str, str]) -> str: ...

    def line(self, name: str, fen: int, month: Month | None) -> str: ...

    def checks(self, day: Day) -> str:
        """What stands before the balances at the end of ``day``."""

    def check(self, day: Day, name: str, fen: int, is_sum: bool) -> str: ...


class Beancount:
    """beancount 2 and 3. A balance is asserted at the beginning of the day after, to the fen."""

    head = '; {title}\noption "title" "{title}"\noption "operating_currency" "CNY"\n\n'

    def opened(self, name: str, day: Day) -> str:
        return f"{day} open {name} CNY\n"

    def voucher(self, day: Day, words: str, facts: dict[str, str]) -> str:
        return f'\n{day} * "{words}"\n' + "".join(f'  {k}: "{v}"\n' for k, v in facts.items())

    def line(self, name: str, fen: int, month: Month | None) -> str:
        return f"  {name}  {yuan(fen)}" + (f" ; {month}\n" if month else "\n")

    def checks(self, day: Day) -> str:
        return f"\n; {day} 日终余额\n"

    def check(self, day: Day, name: str, fen: int, is_sum: bool) -> str:
        amount = yuan(fen).removesuffix(" CNY")
        return f"{day + ONE_DAY} balance {name}  {amount} ~ 0.00 CNY\n"


class Hledger:
    """hledger; a balance is asserted by a posting of nothing, ``=*`` with the accounts below."""

    head = "; {title}\ncommodity 1000.00 CNY\n\n"

    def opened(self, name: str, day: Day) -> str:
        return f"account {name}\n"

    def voucher(self, day: Day, words: str, facts: dict[str, str]) -> str:
        tags = ", ".join(f"{key}:{value}" for key, value in facts.items())
        return f"\n{day} * {words}" + (f"  ; {tags}\n" if tags else "\n")

    def line(self, name: str, fen: int, month: Month | None) -> str:
        return f"    {name}  {yuan(fen)}" + (f"  ; month:{month}\n" if month else "\n")

    def checks(self, day: Day) -> str:
        return self.voucher(day, "日终余额", {})

    def check(self, day: Day, name: str, fen: int, is_sum: bool) -> str:
        return f"    {name}  0.00 CNY {'=*' if is_sum else '='} {yuan(fen)}\n"


FORMATS: dict[str, type[PlainText]] = {"beancount": Beancount, "hledger": Hledger}


async def write(
    conn: Connection, out: TextIO, form: PlainText, first: Day | None, last: Day
) -> None:
    """From ``first``, or else from the beginning, up to the end of ``last``."""
    out.write(form.head.format(title=f"住房公积金账簿 {first or '建账'} 至 {last}"))
    for gl in CHART:
        out.write(form.opened(account_name(Leaf(gl)), EPOCH))
    async for leaf, opened in leaves(conn, last):
        out.write(form.opened(account_name(leaf), opened))
    if first is not None:
        await _write_opening(conn, out, form, first - ONE_DAY)
    await _write_journal(conn, out, form, first or Day.min, last)
    for day in _month_ends(first or await _first_day(conn, last), last):
        await _write_ledger_checks(conn, out, form, day)
    await _write_leaf_checks(conn, out, form, last)


async def _write_opening(conn: Connection, out: TextIO, form: PlainText, day: Day) -> None:
    is_begun = False
    async for leaf, fen in posted_balances(conn, day):
        if fen:
            out.write("" if is_begun else form.voucher(day, "期初余额", {}))
            out.write(form.line(account_name(leaf), fen, None))
            is_begun = True


async def _write_journal(
    conn: Connection, out: TextIO, form: PlainText, first: Day, last: Day
) -> None:
    before: Voucher | None = None
    async for voucher, line in journal(conn, first, last):
        if voucher != before:
            out.write(form.voucher(voucher.day, voucher.label, dict(_facts(voucher))))
            before = voucher
        out.write(form.line(account_name(line.leaf), line.amount_fen, line.month))


def _facts(voucher: Voucher) -> Iterator[tuple[str, str]]:
    yield "unit", f"{voucher.unit_id:012d}"
    yield "serial", str(voucher.txn_id)
    if voucher.number:
        yield "receipt", voucher.number
    if voucher.reverses is not None:
        yield "reverses", str(voucher.reverses)


def _month_ends(first: Day, last: Day) -> Iterator[Day]:
    """The last day of each month from ``first`` on, and ``last``."""
    month = Month.of_day(first)
    while (end := month.plus(1).first_day - ONE_DAY) < last:
        yield end
        month = month.plus(1)
    yield last


async def _first_day(conn: Connection, default: Day) -> Day:
    row = await (await conn.execute("select min(biz_day) from txn")).fetchone()
    return row[0] if row and row[0] else default


async def _write_ledger_checks(conn: Connection, out: TextIO, form: PlainText, day: Day) -> None:
    """Each account of the chart, as the days' closing has it."""
    lines = (await trial_balance(conn, day, day)).lines
    if lines:
        out.write(form.checks(day))
    for line in lines:
        out.write(form.check(day, account_name(Leaf(line.gl)), line.closing_fen, is_sum=True))


async def _write_leaf_checks(conn: Connection, out: TextIO, form: PlainText, day: Day) -> None:
    """Each unit's and each person's balance: as it is kept, if ``day`` is not closed."""
    row = await (await conn.execute("select business_day from centre")).fetchone()
    is_now = row is not None and day >= row[0]
    found: AsyncIterator[tuple[Leaf, int]]
    found = kept_balances(conn) if is_now else posted_balances(conn, day)
    is_begun = False
    async for leaf, fen in found:
        out.write("" if is_begun else form.checks(day))
        is_sum = leaf.gl == "201" and leaf.account is None
        out.write(form.check(day, account_name(leaf), fen, is_sum))
        is_begun = True
