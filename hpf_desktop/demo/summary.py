"""What the demo leaves behind in words: ``summary.json``, and the same readably."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Step:
    """One thing done at the window; ``pdf_file`` is the printed file beside the summary."""

    name: str
    seconds: float = 0.0
    rows: int = 0
    receipt_number: str = ""
    pdf_file: str = ""
    picture: str = ""


@dataclass
class Refusal:
    """One cell that was refused; ``row`` is the line of the sheet, counted from 1."""

    row: int
    column: str
    code: str
    text: str


@dataclass
class Summary:
    unit: dict[str, Any] = field(default_factory=dict)
    login: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    reconciliation: dict[str, Any] = field(default_factory=dict)
    failure: str = ""

    @property
    def is_good(self) -> bool:
        is_agreed = self.reconciliation.get("balanced") and not self.open_items
        return not self.failure and bool(self.ledger.get("balanced") and is_agreed)

    @property
    def open_items(self) -> list[dict[str, Any]]:
        """未达账项: what books and bank do not both have, to the fen."""
        lines = self.reconciliation.get("lines", [])
        return [line for line in lines if line["bank_fen"] != line["book_fen"]]

    def show(self) -> None:
        print()
        if self.unit:
            print(
                f"单位　{self.unit['name']}（{self.unit['account']}），"
                f"营业日 {self.unit['business_day']}"
            )
        if self.login:
            print(
                f"登录　{self.login['how']}，读卡器 {self.login['reader']}，"
                f"{self.login['certificate_subject']}"
            )
        print("步骤")
        for step in self.steps:
            rows = f"　{step.rows} 行" if step.rows else ""
            receipt = f"　回单 {step.receipt_number}" if step.receipt_number else ""
            pdf = f"　{step.pdf_file}" if step.pdf_file else ""
            print(f"  {step.seconds:6.1f} 秒　{step.name}{rows}{receipt}{pdf}")
        print(f"没有通过的单元格　{len(self.refused)} 处")
        for refusal in self.refused:
            print(f"  第 {refusal.row} 行　{refusal.column}　{refusal.code}　{refusal.text}")
        if self.ledger:
            balances = "　".join(
                f"{gl} {self.ledger[gl] / 100:,.2f}" for gl in ("101", "201", "219")
            )
            state = "平衡" if self.ledger["balanced"] else "不平衡"
            print(
                f"账目　{balances}　{state}　{self.ledger['txns']} 笔业务，"
                f"{self.ledger['entries']} 条分录"
            )
        if self.reconciliation:
            self._show_reconciliation()
        if self.failure:
            print(f"失败　{self.failure}")

    def _show_reconciliation(self) -> None:
        table = self.reconciliation
        ours, theirs = table["银行存款日记账余额"], table["银行对账单余额"]
        state = "相符" if table["balanced"] else "不符"
        print(
            f"对账　{table['day']}　账面 {ours / 100:,.2f}　银行 {theirs / 100:,.2f}　{state}，"
            f"未达账项 {len(self.open_items)} 笔"
        )
