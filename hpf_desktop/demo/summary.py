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
    failure: str = ""

    @property
    def is_good(self) -> bool:
        return not self.failure and bool(self.ledger.get("balanced"))

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
        if self.failure:
            print(f"失败　{self.failure}")
