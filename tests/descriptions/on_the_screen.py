"""What was added by description alone, in the desktop: pages, columns, editors, files, manual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QTreeWidget

from hpf_desktop.manual.topics import topics
from hpf_desktop.mapping import find_mapping
from hpf_desktop.spreadsheet import read_document
from hpf_desktop.table_file import write_template
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.sheet.editors import OfferEdit
from server.business.businesses import business_of
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find, sign, type_text
from tests.ui.sheet.facts import codes_at, editor_of, number_of

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ACCOUNT = "100000000001"


@pytest.fixture
def window(qtbot: Any, desk: Desk) -> MainWindow:
    made = MainWindow(desk)
    qtbot.addWidget(made, before_close_func=lambda window: window.log_out(None))
    made.show()
    qtbot.waitUntil(lambda: desk.keys.is_present(desk.session.certificate.reader))
    return made


def opened(qtbot: Any, window: MainWindow, label: str) -> Any:
    """As an operator gets there: by the tree, with the keyboard."""
    tree = find(window, QTreeWidget, "navigation")
    (item,) = tree.findItems(label, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
    tree.setCurrentItem(item)
    qtbot.keyClick(tree, Qt.Key.Key_Return)
    return window.page()


def test_added_business_is_filled_checked_signed_and_submitted(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    page = opened(qtbot, window, "缴存信息核对")
    assert isinstance(page, BatchPage)
    sheet, model = page.sheet, page.sheet.model
    assert [column.field.label for column in model.columns][:8] == [
        "个人账号", "姓名", "证件号码", "单位月缴存额", "个人月缴存额", "月缴存额", "核对结果",
        "备注",
    ]  # fmt: skip
    qtbot.waitUntil(lambda: sheet.view.delegate.people is not None, timeout=LIMIT_MS)
    for key, typed, shown in (("account", ACCOUNT, ACCOUNT), ("result", "不符", "不符")):
        sheet.view.go_to(0, number_of(model, key))
        sheet.view.setFocus()
        qtbot.keyClick(sheet.view, Qt.Key.Key_F2)
        editor = editor_of(sheet)
        assert isinstance(editor, OfferEdit)
        type_text(editor, typed)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert model.text(0, number_of(model, key)) == shown
    assert model.text(0, number_of(model, "name")) == client.persons[int(ACCOUNT)].name
    assert codes_at(sheet, 0) == {"V01"}
    model.setData(model.index(0, number_of(model, "remark")), "少缴一个月")
    assert codes_at(sheet, 0) == set()

    type_text(find(page, QLineEdit, "checker"), "王会计")
    page.submit()
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_业务").text() == "缴存信息核对"
    qtbot.waitUntil(lambda: "已提交" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()
    ((content, _),) = client.submitted.values()
    assert content[0] == "confirmation"


def test_added_business_has_a_template_that_is_read_back(tmp_path: Path) -> None:
    business, path = business_of("confirmation"), tmp_path / "template.xlsx"
    write_template(path, business)
    document = read_document(path)
    assert [table.name for table in document.tables] == ["缴存信息核对"]
    assert list(find_mapping(document.tables[0], business).columns) == [
        "account", "result", "remark",
    ]  # fmt: skip


def test_added_query_shows_its_columns_and_totals_and_drills_down(
    qtbot: Any, window: MainWindow, client: FakeClient
) -> None:
    client.rows_of["openings"] = [
        {"_key": "2026-07", "month": "2026-07", "persons": 3, "last_day": "2026-07-20",
         "monthly_fen": 3_000_00, "balance_fen": 0},
        {"_key": "2026-06", "month": "2026-06", "persons": 2, "last_day": "2026-06-20",
         "monthly_fen": 2_000_00, "balance_fen": 500_00},
    ]  # fmt: skip
    client.rows_of["opening_persons"] = [
        {"_key": ACCOUNT, "account": int(ACCOUNT), "name": "张伟", "opened_day": "2026-07-20",
         "status": "02", "monthly_fen": 3_000_00}
    ]  # fmt: skip
    page = opened(qtbot, window, "历月开户查询")
    assert isinstance(page, QueryPage)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=LIMIT_MS)
    shown = [page.model.index(0, column).data() for column in range(5)]
    assert shown == ["2026-07", "3", "2026-07-20", "3,000.00", "0.00"]
    assert [page.totals.item(0, column).text() for column in (1, 3)] == ["5", "5,000.00"]
    page.table.setFocus()
    page.table.setCurrentIndex(page.model.index(0, 0))
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    below = window.page()
    assert below is not page and below.title.startswith("历月开户明细")
    qtbot.waitUntil(lambda: below.model.rowCount() == 1, timeout=LIMIT_MS)
    assert below.model.index(0, 3).data() == "封存"


def test_manual_tells_what_was_added() -> None:
    told = topics()
    business, query = told["confirmation"], told["openings"]
    assert (business.group, query.group) == ("归集业务", "员工信息查询")
    for said in ("核对年月", "核对结果", "相符、不符", "G02", "G10"):
        assert said in business.markdown(), said
    for said in ("最近开户日起", "开户人数", "合计", "历月开户明细"):
        assert said in query.markdown(), said
