"""A hand on a batch's sheet: rows pasted or typed, people looked up, all checked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTableView

from hpf_desktop import pinyin
from hpf_desktop.demo.hand import find, press_key, type_keys, until
from hpf_desktop.demo.summary import Refusal
from hpf_desktop.ui.batch_page import BatchPage
from server.business.facts import Person
from server.business.refusals import Level

LIMIT_S = 60.0


def paste(page: BatchPage, rows: Sequence[tuple[str, ...]]) -> None:
    """As from a spreadsheet: accounts, and what stands in the next typed columns."""
    sheet = page.sheet
    typed = [n for n in range(sheet.model.result_column) if sheet.model.is_tab_stop(n)]
    width = typed[len(rows[0]) - 1] + 1 if rows else 0
    lines = []
    for row in rows:
        cells = [""] * width
        for place, text in zip(typed, row, strict=False):
            cells[place] = text
        lines.append("\t".join(cells))
    QApplication.clipboard().setText("\n".join(lines))
    sheet.view.setFocus()
    sheet.view.setCurrentIndex(sheet.model.index(0, 0))
    sheet.commands["paste"].trigger()
    until(lambda: sheet.row_count == len(rows), "粘贴的行")
    _check_here(page)


def look_up(page: BatchPage, row: int, who: Person) -> None:
    """By the initials of the name; the list under the cell offers who is meant, and the arrow goes
    down to them."""
    view = page.sheet.view
    until(lambda: view.delegate.people is not None, "人员名单")
    view.setFocus()
    view.setCurrentIndex(page.sheet.model.index(row, 0))
    type_keys(pinyin.initials(who.name))
    offered = find(QTableView, "offer_table").model()
    offers = offered.offers  # type: ignore[attr-defined]
    for _ in range([offer.text for offer in offers].index(str(who.account)) + 1):
        press_key(Qt.Key.Key_Down)


def type_cells(*texts: str) -> None:
    """Each with Tab from the cell before it, which takes what its list offers."""
    for text in texts:
        press_key(Qt.Key.Key_Tab)
        type_keys(text)
    press_key(Qt.Key.Key_Tab)


def check(page: BatchPage) -> None:
    """Here, and then at the server."""
    _check_here(page)
    told: list[str] = []
    page.told.connect(told.append)
    page.sheet.commands["check"].trigger()
    until(
        lambda: any(text.startswith(("校验完毕", "校验通过")) for text in told),
        "服务器校验",
        LIMIT_S,
    )


def _check_here(page: BatchPage) -> None:
    checked: list[tuple[int, int]] = []
    page.sheet.check_all(lambda errors, hints: checked.append((errors, hints)))
    until(lambda: checked, "本机校验", LIMIT_S)


def refusals(page: BatchPage) -> list[Refusal]:
    """As the problem list shows them, without what is only a hint."""
    labels = {f.key: f.label for f in page.business.rows}
    page.sheet.problem_list.refresh()
    return [
        Refusal(p.row + 1 if p.row is not None else 0, labels.get(p.key, ""), p.code, p.text)
        for p in page.sheet.problem_list.model.problems
        if p.level is Level.ERROR
    ]
