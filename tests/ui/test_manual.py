"""The manual's window by keyboard: pages, links, search, and F1 from wherever one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QListWidget, QTreeWidget, QWidget

from hpf_desktop.manual.topics import topics
from hpf_desktop.ui import theme
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.help_place import TOPICS, help_in_dialogs, place_of
from hpf_desktop.ui.manual import Manual
from hpf_desktop.ui.manual_view import ManualView
from hpf_desktop.ui.page import Desk
from server.business.businesses import business_of
from server.business.refusals import problem
from tests.ui.hand import find

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def manual(qtbot: Any) -> Manual:
    made = Manual()
    qtbot.addWidget(made)
    return made


def text_of(manual: Manual) -> str:
    return find(manual, ManualView, "manual_text").toPlainText()


def marked(manual: Manual) -> str:
    marks = find(manual, ManualView, "manual_text").extraSelections()
    return str(marks[0].cursor.selectedText()) if marks else ""


def test_opens_at_a_topic_and_follows_links(manual: Manual) -> None:
    manual.open_topic("prepayment")
    assert "预缴户" in text_of(manual)
    find(manual, ManualView, "manual_text").anchorClicked.emit(QUrl("remittance"))
    assert "终止年月" in text_of(manual)
    find(manual, QAction, "manual_back").trigger()
    assert text_of(manual).startswith("预缴")
    manual.open_topic("no such topic")
    assert "新手入门" in text_of(manual)


def test_first_page_begins_at_its_top(qtbot: Any, qapp: QApplication) -> None:
    theme.apply(qapp, "light", 150)
    try:
        opened = Manual()
        qtbot.addWidget(opened)
        opened.open_topic("sealing")
        bar = find(opened, ManualView, "manual_text").verticalScrollBar()
        assert bar.maximum() > 0 and bar.value() == 0
    finally:
        theme.apply(qapp, "light", 100)


def test_every_page_is_read_and_dressed(manual: Manual) -> None:
    for code, topic in topics().items():
        manual.open_topic(code)
        assert text_of(manual).splitlines()[0] == topic.markdown().splitlines()[0].strip("# ")


def test_goes_to_a_field_to_a_code_and_to_a_code_of_elsewhere(manual: Manual) -> None:
    manual.open_topic("sealing#封存年月")
    assert text_of(manual).startswith("个人封存") and marked(manual) == "封存年月"
    manual.open_topic("sealing#F02")
    assert text_of(manual).startswith("个人封存") and marked(manual) == "F02"
    manual.open_topic("sealing#N06")
    assert text_of(manual).startswith("错误代码") and marked(manual) == "N06"


def test_search_shows_hits_as_one_types_opens_by_enter_and_goes_back_by_esc(
    manual: Manual,
) -> None:
    manual.open_topic("index")
    box, hits = find(manual, QLineEdit, "manual_search"), find_any(manual, "manual_hits")
    box.setFocus()
    QTest.keyClicks(box, "k03b")
    assert hits.isVisible() and hits.count() >= 2
    titles = [hits.item(n).text().splitlines()[0] for n in range(hits.count())]
    assert {"个人账户设立", "错误代码"} <= set(titles)
    while not hits.currentItem().text().startswith("错误代码"):
        QTest.keyClick(box, Qt.Key.Key_Down)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert text_of(manual).startswith("错误代码") and marked(manual) == "K03B"
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert find(manual, QTreeWidget, "manual_topics").isVisible() and box.text() == ""
    QTest.keyClick(manual, Qt.Key.Key_Escape)
    assert not manual.isVisible()


def find_any(manual: Manual, name: str) -> QListWidget:
    return manual.findChild(QListWidget, name)


def test_letters_and_colours_follow_the_program(manual: Manual, qapp: QApplication) -> None:
    manual.open_topic("sealing")
    view = find(manual, ManualView, "manual_text")
    try:
        theme.apply(qapp, "dark", 150)
        assert view.document().defaultFont().pointSizeF() == pytest.approx(15.0)
        assert view.toPlainText().startswith("个人封存")
    finally:
        theme.apply(qapp, "light", 100)


def test_export_writes_a_pdf_with_contents(manual: Manual, qtbot: Any, tmp_path: Path) -> None:
    from pypdfium2 import PdfDocument

    manual.export_to(tmp_path / "m.pdf")
    qtbot.waitUntil(lambda: "已导出" in manual._bar.text, timeout=60_000)
    with PdfDocument(tmp_path / "m.pdf") as pdf:
        first = pdf[0].get_textpage().get_text_range()
        outline = [item.get_title() for item in pdf.get_toc() if item.level == 1]
        assert "操作手册" in first and "新手入门" in first
        assert len(pdf) > 30
        pages = [page.get_textpage().get_text_range() for page in pdf]
        [guide] = [text for text in pages if "从插入证书 Key 到打印出" in text]
        assert "插回后输入密码继续" in guide, "one sheet of paper"
    titles = [topic.title for topic in topics().values()]
    assert outline == titles


# --- F1 ---


def test_help_goes_to_the_problem_of_a_field_or_to_the_field(desk: Desk, qtbot: Any) -> None:
    page = FormPage(desk, business_of("prepayment"))
    qtbot.addWidget(page)
    page.show()
    amount = page.form.editor("amount")
    amount.setFocus()
    assert place_of(page.topic, page, amount) == "prepayment#预缴金额"
    page.form.put_problems([problem("Y02", "amount", limit="1")])
    assert place_of(page.topic, page, amount) == "prepayment#Y02"


def test_help_goes_to_what_the_page_says(desk: Desk, qtbot: Any) -> None:
    page = FormPage(desk, business_of("prepayment"))
    qtbot.addWidget(page)
    page.show()
    amount = page.form.editor("amount")
    amount.setFocus()
    page.bar.show_problem(problem("N06"))
    assert place_of(page.topic, page, amount) == "prepayment#N06"
    page.bar.tell("办理中")
    assert place_of(page.topic, page, amount) == "prepayment#预缴金额"


def test_help_goes_to_the_problem_of_a_cell_or_to_its_column(desk: Desk, qtbot: Any) -> None:
    page = BatchPage(desk, business_of("account_opening"))
    qtbot.addWidget(page)
    page.show()
    page.sheet.load([{"name": "张3", "id_number": "1"}])
    checked: list[object] = []
    page.sheet.check_all(lambda errors, hints: checked.append(errors))
    qtbot.waitUntil(lambda: bool(checked), timeout=5_000)
    keys = [column.key for column in page.sheet.model.columns]
    for key, word in (("name", "K11"), ("id_type", "证件类型")):
        index = page.sheet.model.index(0, keys.index(key))
        page.sheet.view.setCurrentIndex(index)
        assert place_of(page.topic, page, page.sheet.view) == f"account_opening#{word}"


class Focus(QObject):
    """The application's, without those whom earlier windows left listening to it."""

    focusChanged = Signal(QWidget, QWidget)  # noqa: N815 - Qt's name for it.


def test_a_dialog_has_its_own_help(qtbot: Any) -> None:
    asked: list[str] = []
    focus = Focus()
    help_in_dialogs(focus, asked.append)
    dialog = QDialog(objectName="settings_dialog")
    qtbot.addWidget(dialog)
    field = QLineEdit(dialog)
    focus.focusChanged.emit(None, field)
    dialog.show()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClick(field, Qt.Key.Key_F1)
    assert asked == ["settings"]


def test_dialogs_lead_to_pages() -> None:
    assert set(TOPICS.values()) <= topics().keys()
