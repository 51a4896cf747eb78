"""The books as a spreadsheet for an accountant: 科目余额表, and every voucher line below it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from server.books.balances import Balance, TrialBalance, trial_balance
from server.books.journal import journal
from server.business.chart import CHART
from server.db import Connection

Day = datetime.date
SHEET_ROWS_MAX = 1_048_576
MONEY = "#,##0.00;[Red]-#,##0.00;"
BALANCES = (
    ("科目编码", 12), ("科目名称", 30), ("期初借方", 18), ("期初贷方", 18), ("本期借方", 18),
    ("本期贷方", 18), ("期末借方", 18), ("期末贷方", 18),
)  # fmt: skip
VOUCHERS = (
    ("日期", 12), ("单位账号", 15), ("凭证号", 14), ("业务流水号", 22), ("业务", 24),
    ("被冲正流水号", 22), ("科目编码", 10), ("科目名称", 28), ("个人账号", 15), ("所属年月", 10),
    ("借方", 16), ("贷方", 16),
)  # fmt: skip


async def write(conn: Connection, out: Path, first: Day | None, last: Day) -> None:
    """From ``first``, or else from the beginning, up to the end of ``last``. Rows go to the disk as
    they come; vouchers that fill a sheet go on in the next."""
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        sheets = _Sheets(book)
        sheets.write_balances(await trial_balance(conn, first or Day.min, last))
        await sheets.write_vouchers(conn, first or Day.min, last)


class _Sheets:
    """The sheets with their formats; each is written from its top to its bottom."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF7", "border": 1, "align": "center"}
        )
        self._money = book.add_format({"num_format": MONEY})
        self._sum = book.add_format({"num_format": MONEY, "bold": True, "top": 1})
        self._bold = book.add_format({"num_format": MONEY, "bold": True})
        self._day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})

    def _add(self, name: str, columns: Sequence[tuple[str, int]]) -> Any:
        sheet = self._book.add_worksheet(name)
        for column, (label, width) in enumerate(columns):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, label, self._head)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        return sheet

    def write_balances(self, table: TrialBalance) -> None:
        sheet = self._add("科目余额表", BALANCES)
        row = 0
        for row, line in enumerate(table.lines, 1):
            form = self._bold if line.is_subtotal else self._money
            indent = "" if line.is_subtotal or len(line.gl) == 3 else "　"
            sheet.write_string(row, 0, line.gl, form)
            sheet.write_string(row, 1, indent + line.label, form)
            for column, fen in enumerate(_sides(line), 2):
                sheet.write_number(row, column, _yuan(fen), form)
        leaves = [line for line in table.lines if not line.is_subtotal]
        sheet.write_string(row + 1, 0, "合计", self._sum)
        sheet.write_blank(row + 1, 1, None, self._sum)
        for column, sums in enumerate(zip(*map(_sides, leaves), strict=True), 2):
            sheet.write_number(row + 1, column, _yuan(sum(sums)), self._sum)

    async def write_vouchers(self, conn: Connection, first: Day, last: Day) -> None:
        sheet, row, number = self._add("记账凭证", VOUCHERS), 0, 1
        async for voucher, line in journal(conn, first, last):
            row += 1
            if row == SHEET_ROWS_MAX:
                number, row = number + 1, 1
                sheet = self._add(f"记账凭证{number}", VOUCHERS)
            sheet.write_datetime(row, 0, voucher.day, self._day)
            texts = (
                f"{voucher.unit_id:012d}", voucher.number, str(voucher.txn_id),
                voucher.label, str(voucher.reverses or ""), line.leaf.gl,
                CHART[line.leaf.gl].label, str(line.leaf.account or ""), str(line.month or ""),
            )  # fmt: skip
            for column, text in enumerate(texts, 1):
                sheet.write_string(row, column, text)
            sheet.write_number(row, 10, _yuan(line.dr_fen), self._money)
            sheet.write_number(row, 11, _yuan(line.cr_fen), self._money)


def _sides(line: Balance) -> tuple[int, ...]:
    """Opening, turnover and closing, each as debit and credit."""
    opening, closing = line.opening_fen, line.closing_fen
    return (
        max(opening, 0), max(-opening, 0), line.dr_fen, line.cr_fen, max(closing, 0),
        max(-closing, 0),
    )  # fmt: skip


def _yuan(fen: int) -> Decimal:
    return Decimal(fen) / 100
