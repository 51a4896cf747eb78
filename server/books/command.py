"""The books on the command line: checked, reported and exported; nothing here writes to them."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from server.books import plain_text, workbook
from server.books.balances import TrialBalance, period, trial_balance
from server.books.statements import Movement, ledger_statement, person_statement
from server.business.chart import CHART, Gl
from server.business.kinds import Money
from server.db import Connection, open_pool, transaction
from server.ledger.balance import Finding, disagreements

T = TypeVar("T")
Day = datetime.date
WORKBOOK = "xlsx"
# One snapshot that nothing can be written in; a report over all units may take its time.
READ_ONLY = (
    "set transaction isolation level repeatable read, read only",
    "set local statement_timeout = '10min'",
    "set local work_mem = '128MB'",
)


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``check-books``, ``trial-balance``, ``ledger-statement``, ``account-statement`` and
    ``export-books``."""

    def verb(name: str, text: str, work: Callable[..., Awaitable[int]]) -> argparse.ArgumentParser:
        parser = verbs.add_parser(name, help=text, description=text)
        parser.set_defaults(run=lambda arguments: _reading(work, arguments))
        return parser

    verb("check-books", "核对账目：逐项检查，列出不符的行（不符时返回非零）", _check)
    trial = verb("trial-balance", "科目余额表（不给起止日期时为本月至今）", _trial_balance)
    ledger = verb("ledger-statement", "科目明细账；101 即银行存款日记账", _ledger_statement)
    ledger.add_argument("gl", metavar="科目", choices=[gl.value for gl in Gl])
    ledger.add_argument("--unit", metavar="单位账号", type=int)
    person = verb("account-statement", "个人明细账", _person_statement)
    person.add_argument("unit", metavar="单位账号", type=int)
    person.add_argument("account", metavar="个人账号", type=int)
    export = verb("export-books", "导出全部凭证，供其他程序核对", _export)
    export.add_argument("--format", choices=[*plain_text.FORMATS, WORKBOOK], required=True)
    export.add_argument("--out", metavar="文件", type=Path, required=True)
    for parser in (trial, ledger, person, export):
        parser.add_argument("--from", dest="first", metavar="日期", type=Day.fromisoformat)
        parser.add_argument("--to", dest="last", metavar="日期", type=Day.fromisoformat)


def _reading(work: Callable[..., Awaitable[T]], arguments: argparse.Namespace) -> T:
    async def run() -> T:
        pool = open_pool(os.environ["HPF_DATABASE_URL"], 1)
        await pool.open(wait=True, timeout=10)
        try:
            async with transaction(pool) as conn:
                for setting in READ_ONLY:
                    await conn.execute(setting)
                return await work(conn, arguments)
        finally:
            await pool.close()

    return asyncio.run(run())


async def _check(conn: Connection, arguments: argparse.Namespace) -> int:
    start = time.monotonic()

    def tell(name: str, found: list[Finding]) -> None:
        print(f"{'不符' if found else '相符'}　{name}", flush=True)
        for finding in found:
            print(f"　　　{finding.text}")

    found = await disagreements(conn, tell)
    rows = await conn.execute(
        "select (select count(*) from txn), (select count(*) from entry),"
        " (select max(day) from reconciliation)"
    )
    txns, entries, reconciled = await rows.fetchone() or (0, 0, None)
    print(f"④ 最近一次银行对账：{reconciled or '尚无，101 未与银行核对'}")
    state = f"有 {len(found)} 处不符" if found else "相符"
    print(f"{txns} 笔业务，{entries} 条分录，{state}（{time.monotonic() - start:.1f} 秒）")
    return 1 if found else 0


async def _trial_balance(conn: Connection, arguments: argparse.Namespace) -> int:
    table = await trial_balance(conn, *await period(conn, arguments.first, arguments.last))
    _print_all(_trial_rows(table), (-8, -30, 3, 20, 20, 20, 3, 20))
    return 0


def _trial_rows(table: TrialBalance) -> Iterable[Sequence[str]]:
    yield (f"科目余额表　{table.first} 至 {table.last}",)
    yield "科目", "名称", "", "期初余额", "本期借方", "本期贷方", "", "期末余额"
    for line in table.lines:
        opening, closing = _balance(line.opening_fen), _balance(line.closing_fen)
        yield line.gl, line.label, *opening, _money(line.dr_fen), _money(line.cr_fen), *closing
    leaves = [line for line in table.lines if not line.is_subtotal]
    opening_fens = _by_side(line.opening_fen for line in leaves)
    closing_fens = _by_side(line.closing_fen for line in leaves)
    turnovers = [(_money(table.total[0]), ""), ("", _money(table.total[1]))]
    for n, side in enumerate("借贷"):
        before, after = _money(opening_fens[n]), _money(closing_fens[n])
        yield f"{side}方合计", "", side, before, *turnovers[n], side, after


def _by_side(balances_fen: Iterable[int]) -> tuple[int, int]:
    """The sum of the debit balances and that of the credit balances."""
    found = list(balances_fen)
    return sum(fen for fen in found if fen > 0), -sum(fen for fen in found if fen < 0)


async def _ledger_statement(conn: Connection, arguments: argparse.Namespace) -> int:
    first, last = await period(conn, arguments.first, arguments.last)
    gl = Gl(arguments.gl)
    title = "银行存款日记账" if gl is Gl.DEPOSITS else "明细账"
    print(f"{title}　{gl} {CHART[gl].label}　{first} 至 {last}")
    widths = (-11, -28, -13, -12, -20, 18, 18, 3, 18)
    heads = "日期", "业务", "单位账号", "凭证号", "流水号", "借方", "贷方", "", "余额"
    _print_all([heads], widths)
    async for line in ledger_statement(conn, gl, first, last, arguments.unit):
        unit = "" if line.unit_id is None else f"{line.unit_id:012d}"
        serial = str(line.txn_id or "")
        texts = str(line.day), line.label, unit, line.voucher_no, serial, *_sides(line)
        _print_all([texts], widths)
    return 0


async def _person_statement(conn: Connection, arguments: argparse.Namespace) -> int:
    first, last = await period(conn, arguments.first or Day.min, arguments.last)
    print(f"个人明细账　单位 {arguments.unit}　个人账号 {arguments.account}")
    widths = (-11, -22, -9, -12, 18, 18, 3, 18)
    _print_all([("日期", "业务", "年月", "凭证号", "支出", "收入", "", "余额")], widths)
    for line in await person_statement(conn, arguments.unit, arguments.account, first, last):
        day = "" if line.day == Day.min else str(line.day)
        texts = day, line.label, str(line.month or ""), line.voucher_no, *_sides(line)
        _print_all([texts], widths)
    return 0


async def _export(conn: Connection, arguments: argparse.Namespace) -> int:
    """Whole or not at all: the file appears when it is complete."""
    out: Path = arguments.out
    row = await (await conn.execute("select business_day from centre")).fetchone()
    assert row is not None, "the centre has been opened"
    last = min(arguments.last or row[0], row[0])
    part = out.with_name(f"{out.name}.part")
    try:
        if arguments.format == WORKBOOK:
            await workbook.write(conn, part, arguments.first, last)
        else:
            with part.open("w", encoding="utf-8") as file:
                form = plain_text.FORMATS[arguments.format]()
                await plain_text.write(conn, file, form, arguments.first, last)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    print(f"已导出 {out}")
    return 0


def _sides(line: Movement) -> tuple[str, str, str, str]:
    return _money(line.dr_fen), _money(line.cr_fen), *_balance(line.balance_fen)


def _money(fen: int) -> str:
    return Money().show(fen) if fen else ""


def _balance(fen: int) -> tuple[str, str]:
    """The side and the amount, as account books have them."""
    return ("借" if fen > 0 else "贷" if fen < 0 else "平"), Money().show(abs(fen))


def _print_all(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    """In columns: amounts to the right, a negative width for texts to the left."""
    for row in rows:
        cells = [_pad(text, width) for text, width in zip(row, widths, strict=False)]
        print(" ".join(cells).rstrip())


def _pad(text: str, width: int) -> str:
    """A Chinese character is two columns wide."""
    blanks = " " * (abs(width) - sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text))
    return text + blanks if width < 0 else blanks + text
