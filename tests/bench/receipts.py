"""Speed of receipts: the 10,000-row list beside Qt's own PDF writer, over the same rows."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QRectF, Qt
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QPageSize,
    QPainter,
    QPdfWriter,
    QPen,
)
from PySide6.QtWidgets import QApplication

from server.receipts.fonts import FILES, REGULAR, load
from server.receipts.layout import Column, ReceiptData
from server.receipts.pdf import render

ROWS = 10_000
ROWS_PER_PAGE = 48
ROUNDS = 3
RECEIPT_MS_MAX = 30.0

COLUMNS = (
    Column("序号", 4, "center"),
    Column("个人账号", 10),
    Column("姓名", 8),
    Column("证件号码", 13),
    Column("缴存基数", 8, "right"),
    Column("单位", 8, "right", summed=True),
    Column("个人", 8, "right", summed=True),
    Column("合计", 9, "right", summed=True),
    Column("缴至年月", 7, "center"),
    Column("状态", 5, "center"),
)


def make_rows(count: int) -> tuple[tuple[str, ...], ...]:
    surnames, given = "张王李赵钱孙周吴郑冯", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平"
    return tuple(
        (
            str(at + 1),
            f"{532_800_000_000 + at}",
            surnames[at % 10] + given[at // 10 % 20] + given[at // 7 % 20],
            f"5323**********{at % 10_000:04d}",
            f"{2_020 + at % 24_000:,}.00",
            f"{242 + at % 2_800:,}.00",
            f"{242 + at % 2_800:,}.00",
            f"{484 + at % 2_800 * 2:,}.00",
            "2026-07",
            "正常",
        )
        for at in range(count)
    )


def make_receipt(rows: int) -> ReceiptData:
    return ReceiptData(
        centre="云南省滇东住房公积金管理中心",
        title="单位汇缴回单",
        number="2026-000123",
        serial="20260715100000123",
        unit_name="云南滇东科技有限公司",
        unit_account="532800012345",
        issued="2026-07-15 10:22:33",
        operator="李经办",
        login="证书登录",
        code="7K4M-9QXT-2B6D",
        url="https://gjj.example.cn/v/7K4M-9QXT-2B6D",
        seal="云南省滇东住房公积金管理中心业务专用章",
        amount_fen=123_456_789_01,
        columns=COLUMNS if rows else (),
        rows=make_rows(rows),
    )


def write_with_qt(rows: tuple[tuple[str, ...], ...]) -> bytes:
    """The same list, as plainly as Qt draws it: text and grid, no head, no sums."""
    output = QBuffer()
    output.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(output)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setResolution(72)
    font = QFont(QFontDatabase.applicationFontFamilies(0)[0])
    font.setPointSizeF(9)
    painter = QPainter(writer)
    painter.setFont(font)
    painter.setPen(QPen(Qt.GlobalColor.black, 0.5))
    for first in range(0, len(rows), ROWS_PER_PAGE):
        if first:
            writer.newPage()
        _paint_page(painter, rows[first : first + ROWS_PER_PAGE])
    painter.end()
    return output.data().data()


def _paint_page(painter: QPainter, rows: tuple[tuple[str, ...], ...]) -> None:
    middle = Qt.AlignmentFlag.AlignVCenter
    sides = {
        "left": Qt.AlignmentFlag.AlignLeft | middle,
        "center": Qt.AlignmentFlag.AlignCenter,
        "right": Qt.AlignmentFlag.AlignRight | middle,
    }
    flags = [sides[column.align] for column in COLUMNS]
    weight = sum(column.width_weight for column in COLUMNS)
    widths = [511 * column.width_weight / weight for column in COLUMNS]
    for index, row in enumerate([[column.label for column in COLUMNS], *rows]):
        x, y = 42.0, 50.0 + index * 15
        for text, wide, flag in zip(row, widths, flags, strict=True):
            box = QRectF(x, y, wide, 15)
            painter.drawRect(box)
            painter.drawText(box.adjusted(3, 0, -3, 0), flag, text)
            x += wide


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure() -> list[dict[str, object]]:
    application = QApplication.instance() or QApplication([])  # Fonts live as long as it does.
    QFontDatabase.addApplicationFont(str(FILES[REGULAR]))
    load()
    listed, single, rows = make_receipt(ROWS), make_receipt(0), make_rows(ROWS)
    render(single)
    # Taken in turns, so that another load on the machine meets both alike.
    pairs = [
        (_seconds(lambda: render(listed)), _seconds(lambda: write_with_qt(rows)))
        for _ in range(ROUNDS)
    ]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    receipt_ms = statistics.median(_seconds(lambda: render(single)) for _ in range(20)) * 1000
    del application
    return [
        {
            "name": f"receipt list of {ROWS} rows to PDF",
            "value": round(ours, 3),
            "unit": "s",
            "reference": "QPdfWriter, same rows",
            "reference_value": round(theirs, 3),
            "ratio": round(ours / theirs, 2),
            "target": 1.0,
            "met": ours <= theirs,
        },
        {
            "name": "one receipt to PDF, fonts loaded",
            "value": round(receipt_ms, 1),
            "unit": "ms",
            "reference": "limit",
            "reference_value": RECEIPT_MS_MAX,
            "ratio": round(receipt_ms / RECEIPT_MS_MAX, 2),
            "target": 1.0,
            "met": receipt_ms <= RECEIPT_MS_MAX,
        },
    ]


if __name__ == "__main__":
    for figure in measure():
        print(figure)
