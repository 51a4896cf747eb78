"""The sheet at 100,000 rows of 10 columns beside QTableWidget, with the same texts.

Each side runs in a process of its own, so that memory is its own;
`python -m tests.bench.sheet SIDE` prints one side's figures as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QTableView, QTableWidget, QTableWidgetItem

from server.business.base import Business, Field
from server.business.kinds import (
    BankCard,
    DocumentNumber,
    Money,
    MonthKind,
    PersonName,
    Phone,
    Text,
)

ROWS, PASTED_COLUMNS = 100_000, 6
FRAMES = 60
SIZE = (1380, 36 + 28 * 28)
SEARCHED = "秀芳"
NAMES = (
    "name",
    "id_number",
    "phone",
    "base",
    "month",
    "income",
    "card",
    "address",
    "post",
    "remark",
)
BENCH = Business(
    code="bench",
    label="比较",
    menu="",
    receipt="",
    std="",
    rows=(
        Field("name", "姓名", PersonName(), width=120),
        Field("id_number", "证件号码", DocumentNumber(), width=168),
        Field("phone", "手机号码", Phone()),
        Field("base", "缴存基数", Money()),
        Field("month", "起缴年月", MonthKind(), width=90),
        Field("income", "上年收入", Money()),
        Field("card", "个人银行卡", BankCard(), width=160),
        Field("address", "家庭住址", Text(120), width=160),
        Field("post", "岗位", Text(), width=90),
        Field("remark", "备注", Text(), width=110),
    ),
)
# What each figure is called, its unit, and how many times better than QTableWidget it has to be.
TARGETS = {
    "load": ("装入 10 万行", "ms", 50.0),
    "memory": ("10 万行的内存", "MB", 15.0),
    "paste": ("粘贴 10 万行 6 列", "ms", 15.0),
    "paste_read": ("粘贴并规范化金额、年月", "ms", 5.0),
    "undo": ("撤销该粘贴", "ms", 100.0),
    "sort_number": ("按金额排序", "ms", 12.0),
    "sort_text": ("按文字排序", "ms", 12.0),
    "filter": ("按姓名筛选", "ms", 60.0),
    "frame": ("重绘一屏", "ms", 1 / 1.2),
}
STALL_ROUNDS = 3
GUI_STALL_MS_MAX = 50.0


def make_columns() -> list[list[str]]:
    """Plausible texts, already as the kinds show them; no two ID numbers or amounts in step."""
    surnames, given = "张王李赵钱孙周吴郑冯", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
    show = Money().show
    months = [f"2026-{n:02d}" for n in range(1, 13)]
    posts = ["职员", "工人", "经理", "技术员"]
    every = range(ROWS)
    return [
        [surnames[n % 10] + given[n // 10 % 20] + given[n // 7 % 20] for n in every],
        [f"5323011990{n % 12 + 1:02d}{n % 28 + 1:02d}{n % 10000:04d}" for n in every],
        [f"139{n * 7919 % 10**8:08d}" for n in every],
        [show(200_000 + n * 7919 % 3_000_000) for n in every],
        [months[n % 12] for n in every],
        [show(3_000_000 + n * 104_729 % 30_000_000) for n in every],
        [card(n) for n in every],
        [f"示例路 {n % 997} 号" for n in every],
        [posts[n % 4] for n in every],
        [f"第 {n} 人" for n in every],
    ]


def card(serial: int) -> str:
    """With its check digit, but for one in thirty: a sheet has some errors, not only errors."""
    body = f"6222020200{serial:08d}"
    doubled = (sum(divmod(int(digit) * 2, 10)) for digit in body[-1::-2])
    total = sum(doubled) + sum(map(int, body[-2::-2]))
    return f"{body}{(-total + (serial % 30 == 0)) % 10}"


def pasted_text(columns: list[list[str]]) -> str:
    """The first columns as copied from a sheet."""
    return "\r\n".join(map("\t".join, zip(*columns[:PASTED_COLUMNS], strict=True)))


def raw_columns(columns: list[list[str]]) -> list[list[str]]:
    """As a spreadsheet has them: amounts without separators, months in words."""
    raw = [list(column) for column in columns[:PASTED_COLUMNS]]
    for number in (3, 5):
        raw[number] = [text.replace(",", "") for text in raw[number]]
    raw[4] = [f"{text[:4]}年{int(text[5:])}月" for text in raw[4]]
    return raw


def clocked(do: Callable[[], Any], times: int = 1) -> float:
    """Milliseconds, the median."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def frame_ms(*views: QTableView) -> float:
    def repaint() -> None:
        for view in views:
            view.viewport().repaint()

    repaint()
    return clocked(repaint, FRAMES)


# --- One side each --------------------------------------------------------------------------------


def measure_sheet(columns: list[list[str]]) -> dict[str, float]:
    from hpf_desktop.ui.sheet.arrange import matching_rows, sorted_rows
    from hpf_desktop.ui.sheet.colours import LIGHT
    from hpf_desktop.ui.sheet.edits import Spot, fit_text, paste
    from hpf_desktop.ui.sheet.model import SheetModel
    from hpf_desktop.ui.sheet.view import SheetView

    model = SheetModel(BENCH)
    view = SheetView(model, LIGHT)
    view.resize(*SIZE)
    view.show()
    QApplication.processEvents()
    found: dict[str, float] = {}
    by_key = dict(zip(NAMES, columns, strict=True))
    before = resident_mb()
    found["load"] = clocked(lambda: (model.load(by_key), QApplication.processEvents()))
    found["memory"] = resident_mb() - before
    found["frame"] = frame_ms(view)

    spot = Spot(range(1), 1, list(range(PASTED_COLUMNS)))

    def paste_text(text: str) -> tuple[float, float]:
        """In all, and what of it the GUI thread does."""
        ready: list[Any] = []
        reading = clocked(lambda: ready.append(fit_text(text, spot, model.columns)))
        writing = clocked(lambda: paste(model, ready[0], 0))
        return reading + writing, writing

    found["paste"], found["paste_gui"] = paste_text(pasted_text(columns))
    found["undo"] = clocked(model.steps.undo)
    found["paste_read"], _ = paste_text(pasted_text(raw_columns(columns)))
    model.steps.undo()

    def sort(column: int) -> None:
        model.set_view(sorted_rows(model.store, column, True, range(ROWS)))

    def search() -> None:
        model.set_view(matching_rows(model.store, SEARCHED))

    found["sort_number"] = clocked(lambda: sort(3), 3)
    found["sort_text"] = clocked(lambda: sort(0), 3)
    model.set_view(None)
    found["filter"] = clocked(search, 3)
    model.set_view(None)
    # The median: other programs make a timer wait as well.
    found["stall"] = statistics.median(measure_check_stall(model) for _ in range(STALL_ROUNDS))
    view.hide()
    return found


class Beat(QObject):
    """A timer whose longest silence is how long the GUI thread stood still."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.worst = time.perf_counter(), 0.0
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.struck)
        self.timer.start(1)

    def struck(self) -> None:
        now = time.perf_counter()
        self.worst, self.last = max(self.worst, (now - self.last) * 1000), now


def measure_check_stall(model: Any) -> float:
    """The GUI thread's longest silence while the whole sheet is checked in the background."""
    import datetime

    from hpf_desktop.ui.sheet.checker import Checker
    from hpf_desktop.ui.sheet.checking import Facts
    from server.business.facts import Unit, UnitStatus
    from server.business.month import Month

    day = datetime.date(2026, 7, 10)
    unit = Unit(1, "", UnitStatus.NORMAL, day, Month.of(2026, 6), 1200, 1200, 0, 10**9)
    for _ in range(20):
        QApplication.processEvents()  # What went before is not this one's doing.
    checker = Checker(model)
    done: list[int] = []
    beat, start = Beat(), time.perf_counter()
    checker.set_facts(Facts(BENCH, unit, {}, {}))
    checker.when_checked(lambda errors, hints: done.append(errors))
    while not done and time.perf_counter() - start < 60:
        QApplication.processEvents()
        time.sleep(0.0005)
    beat.timer.stop()
    checker.deleteLater()
    return beat.worst if done else float("inf")


def measure_widget(columns: list[list[str]]) -> dict[str, float]:
    table = QTableWidget()
    table.resize(*SIZE)
    table.verticalHeader().setDefaultSectionSize(28)
    table.show()
    QApplication.processEvents()
    found: dict[str, float] = {}
    before = resident_mb()
    found["load"] = clocked(lambda: (fill_widget(table, columns), QApplication.processEvents()))
    found["memory"] = resident_mb() - before
    for number, field in enumerate(BENCH.rows):
        table.setColumnWidth(number, field.width)
    found["frame"] = frame_ms(table)

    old = [[table.item(r, c).text() for r in range(ROWS)] for c in range(PASTED_COLUMNS)]
    kinds = [field.kind for field in BENCH.rows]

    def put(text: str, is_read: bool) -> None:
        for row, line in enumerate(text.split("\r\n")):
            for number, cell in enumerate(line.split("\t")):
                shown = kinds[number].show(kinds[number].parse(cell)) if is_read else cell
                table.setItem(row, number, QTableWidgetItem(shown))

    def undo() -> None:
        for number, texts in enumerate(old):
            for row, cell in enumerate(texts):
                table.item(row, number).setText(cell)

    text, raw = pasted_text(columns), pasted_text(raw_columns(columns))
    found["paste"] = clocked(lambda: put(text, False))
    found["undo"] = clocked(undo)
    found["paste_read"] = clocked(lambda: put(raw, True))
    undo()
    found["sort_text"] = clocked(lambda: table.sortItems(0))
    found["sort_number"] = clocked(lambda: table.sortItems(3))

    def search() -> None:
        for row in range(ROWS):
            table.setRowHidden(row, SEARCHED not in table.item(row, 0).text())

    found["filter"] = clocked(search)
    table.hide()
    return found


def fill_widget(table: QTableWidget, columns: list[list[str]]) -> None:
    table.setColumnCount(len(columns))
    table.setRowCount(len(columns[0]))
    for number, texts in enumerate(columns):
        for row, text in enumerate(texts):
            table.setItem(row, number, QTableWidgetItem(text))


# --- Both sides -----------------------------------------------------------------------------------


def run_side(side: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.sheet", side]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure() -> list[dict[str, Any]]:
    sheet, widget = run_side("sheet"), run_side("widget")
    results = []
    for key, (name, unit, target) in TARGETS.items():
        ratio = widget[key] / max(sheet[key], 0.001)
        results.append(
            {
                "name": f"明细表：{name}",
                "value": round(sheet[key], 2),
                "unit": unit,
                "reference": "QTableWidget",
                "reference_value": round(widget[key], 2),
                "ratio": round(ratio, 2),
                "target": f">= {target:.2f} 倍",
                "met": ratio >= target,
            }
        )
    for key, name in (("paste_gui", "大块粘贴时界面停顿"), ("stall", "后台全部校验时界面最长停顿")):
        results.append(
            {
                "name": f"明细表：{name}",
                "value": round(sheet[key], 2),
                "unit": "ms",
                "reference": "上限",
                "reference_value": GUI_STALL_MS_MAX,
                "ratio": round(sheet[key] / GUI_STALL_MS_MAX, 2),
                "target": "<= 1",
                "met": sheet[key] <= GUI_STALL_MS_MAX,
            }
        )
    return results


def main(side: str) -> None:
    app = QApplication.instance() or QApplication([])
    assert app is not None
    columns = make_columns()
    print(json.dumps(measure_sheet(columns) if side == "sheet" else measure_widget(columns)))


if __name__ == "__main__":
    main(sys.argv[1])
