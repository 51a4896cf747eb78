"""Drafts kept by the sheet itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from hpf_desktop.drafts import Drafts
from hpf_desktop.ui.sheet.keeper import IDLE_MS
from hpf_desktop.ui.sheet.sheet import Sheet
from tests.ui.sheet.conftest import MakeSheet
from tests.ui.sheet.facts import opening_row


@pytest.fixture
def drafts(tmp_path: Path) -> Iterator[Drafts]:
    box = Drafts.open(tmp_path / "drafts.db", bytes(32))
    yield box
    box.close()


def keeping(make_sheet: MakeSheet, drafts: Drafts, rows: list[dict[str, str]]) -> Sheet:
    sheet = make_sheet(rows=rows)
    sheet.keep_drafts(drafts, 7, lambda: {"note": "头"})
    return sheet


def type_in(sheet: Sheet, row: int, text: str) -> None:
    assert sheet.model.setData(sheet.model.index(row, 0), text)


def test_draft_is_saved_some_seconds_after_the_last_change(
    make_sheet: MakeSheet, drafts: Drafts, qtbot: QtBot
) -> None:
    sheet = keeping(make_sheet, drafts, [opening_row(0)])
    assert sheet.keeper is not None
    type_in(sheet, 0, "李四")
    assert sheet.keeper.timer.interval() == IDLE_MS == 5_000
    assert sheet.keeper.timer.isActive()
    with qtbot.waitSignal(sheet.draft_saved, timeout=5_000) as said:
        sheet.keeper.timer.setInterval(1)
    assert said.args[0].startswith("草稿已自动保存 ")
    saved = drafts.load(sheet.business.code, 7)
    assert saved is not None
    assert saved.rows == [opening_row(0, name="李四")]
    assert saved.head == {"note": "头"}


def test_only_changed_rows_are_written_again(make_sheet: MakeSheet, drafts: Drafts) -> None:
    sheet = keeping(make_sheet, drafts, [opening_row(n) for n in range(50)])
    type_in(sheet, 0, "李四")
    sheet.save_draft()
    before = drafts._connection.total_changes
    type_in(sheet, 7, "王五")
    sheet.model.remove(range(3, 5))
    sheet.save_draft()
    assert drafts._connection.total_changes - before <= 4  # one row, two gone, the draft itself
    saved = drafts.load(sheet.business.code, 7)
    assert saved is not None and saved.rows == sheet.texts()


def test_draft_is_restored_into_another_window_and_kept_on(
    make_sheet: MakeSheet, drafts: Drafts
) -> None:
    first = keeping(make_sheet, drafts, [opening_row(0), opening_row(1)])
    type_in(first, 1, "李四")
    first.model.insert_blank(1, 1)
    first.save_draft()
    second = keeping(make_sheet, drafts, [])
    assert second.restore_draft() == {"note": "头"}
    assert second.texts() == first.texts()
    assert second.has_unsaved
    type_in(second, 0, "王五")
    second.model.remove(range(1, 3))
    second.save_draft()
    third = keeping(make_sheet, drafts, [])
    third.restore_draft()
    assert [row["name"] for row in third.texts()] == ["王五"]


def test_sheet_without_a_draft_restores_nothing(make_sheet: MakeSheet, drafts: Drafts) -> None:
    sheet = make_sheet()
    assert sheet.restore_draft() is None
    sheet.keep_drafts(drafts, 7, dict)
    assert sheet.restore_draft() is None


def test_discarded_draft_is_gone_and_the_next_change_saves_all_rows(
    make_sheet: MakeSheet, drafts: Drafts
) -> None:
    sheet = keeping(make_sheet, drafts, [opening_row(0), opening_row(1)])
    type_in(sheet, 0, "李四")
    sheet.save_draft()
    sheet.discard_draft()
    assert drafts.list() == []
    type_in(sheet, 0, "王五")
    sheet.save_draft()
    saved = drafts.load(sheet.business.code, 7)
    assert saved is not None and saved.rows == sheet.texts()


def test_failed_save_is_told_and_tried_again(make_sheet: MakeSheet, drafts: Drafts) -> None:
    sheet = keeping(make_sheet, drafts, [opening_row(0)])
    type_in(sheet, 0, "李四")
    said: list[str] = []
    sheet.draft_saved.connect(said.append)
    drafts._connection.execute("PRAGMA query_only = ON")
    sheet.save_draft()
    assert said == ["本机草稿无法保存"]
    drafts._connection.execute("PRAGMA query_only = OFF")
    sheet.save_draft()
    saved = drafts.load(sheet.business.code, 7)
    assert saved is not None and saved.rows == sheet.texts()
