"""A unit, its people and rows for the sheet's tests."""

from __future__ import annotations

import datetime

from PySide6.QtWidgets import QLineEdit

from hpf_desktop.ui.sheet.checking import Facts
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.sheet import Sheet
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business
from server.business.facts import Person, Status, Unit, UnitStatus
from server.business.month import Month

UNIT = Unit(
    unit_id=7,
    name="测试单位",
    status=UnitStatus.NORMAL,
    business_day=datetime.date(2026, 7, 10),
    paid_through=Month.of(2026, 6),
    unit_ratio=1200,
    personal_ratio=1200,
    base_low_fen=200_000,
    base_high_fen=4_000_000,
)


def id_number(serial: int) -> str:
    """A valid resident ID number of a grown person, another for each serial."""
    day = datetime.date(1980, 1, 1) + datetime.timedelta(days=serial // 500 % 5000)
    body = f"532301{day:%Y%m%d}{serial % 500:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(w * int(c) for w, c in zip(weights, body, strict=True)) % 11]


def opening_row(serial: int = 0, **other: str) -> dict[str, str]:
    """A row of 个人账户设立 that passes."""
    row = {
        "name": "张三",
        "id_type": "身份证",
        "id_number": id_number(serial),
        "phone": "13987812345",
        "base": "8,000.00",
        "month": "2026-07",
    }
    return {**row, **other}


def people(count: int = 4) -> dict[int, Person]:
    names = ("曾小贤", "阿依·买买提", "单田芳", "张䶮")
    found = {}
    for n in range(count):
        account = 100_000_000_001 + n
        status = Status.SEALED if n % 4 == 3 else Status.NORMAL
        found[account] = Person(
            account, UNIT.unit_id, names[n % 4], status, 500_000, 60_000, 60_000,
            id_tail=f"5323**********{n:04d}",
        )  # fmt: skip
    return found


def facts(business: Business = ACCOUNT_OPENING) -> Facts:
    return Facts(business, UNIT, {}, people())


def texts_of(model: SheetModel) -> list[list[str]]:
    return [list(column) for column in model.store.typed]


def number_of(model: SheetModel, key: str) -> int:
    return model.store.faults.column_of[key]


def codes_at(sheet: Sheet, row: int) -> set[str]:
    return {problem.code for problem in sheet.model.store.faults.of_row(row)}


def editor_of(sheet: Sheet) -> QLineEdit:
    """The cell editor that is open."""
    for grid in sheet.view.grids:
        for edit in grid.viewport().findChildren(QLineEdit):
            if edit.objectName().startswith("cell_editor_") and edit.isVisible():
                return edit
    raise AssertionError("no editor is open")
