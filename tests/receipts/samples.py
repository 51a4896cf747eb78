"""A receipt with every troublesome name, and the reader's tools that look at it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from server.receipts.layout import Column, Paper, ReceiptData

LONG_NAME = "阿卜杜热合曼·阿卜杜克热木·买买提尼亚孜·图尔荪江艾"
RARE_NAMES = (
    "王𬎆", "㛃妮", "䶮", "欧阳𫖮", "李𨱇", "刘𣲘", "阿依·买买提", "ꀀꌠ", "𠀀生", LONG_NAME,
)  # fmt: skip
COLUMNS = (
    Column("序号", 4, "center"),
    Column("个人账号", 10),
    Column("姓名", 9),
    Column("单位", 8, "right", summed=True),
    Column("合计", 9, "right", summed=True),
)


def make_receipt(count: int = 0, paper: Paper = Paper.A4, **changes: object) -> ReceiptData:
    lines = tuple(
        (str(at + 1), f"{532_800_000_000 + at}", RARE_NAMES[at % 10], f"{at + 1:,}.50", "1,000.00")
        for at in range(count)
    )
    fields: dict[str, object] = {
        "centre": "云南省滇东住房公积金管理中心",
        "title": "单位汇缴回单",
        "number": "2026-000123",
        "serial": "20260715100000123",
        "unit_name": "云南滇东科技有限公司",
        "unit_account": "532800012345",
        "issued": "2026-07-15 10:22:33",
        "operator": "李经办",
        "login": "证书登录",
        "code": "7K4M-9QXT-2B6D",
        "url": "https://gjj.example.cn/v/7K4M-9QXT-2B6D",
        "seal": "云南省滇东住房公积金管理中心业务专用章",
        "facts": (("汇缴起止年月", "2026-07 至 2026-07"), ("缴款方式", "实时结算")),
        "amount_fen": 123_456_789_01,
        "columns": COLUMNS if count else (),
        "rows": lines,
        "paper": paper,
    }
    return ReceiptData(**(fields | changes))  # type: ignore[arg-type]


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def text_of(pdf: bytes, folder: Path, *options: str) -> str:
    file = folder / "receipt.pdf"
    file.write_bytes(pdf)
    return run("pdftotext", *options, file, "-")
