"""The preview: the same bytes as a picture, by mouse, by keyboard and by ear."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox
from pytestqt.qtbot import QtBot

from hpf_desktop.print.page import shift
from hpf_desktop.print.preview import FIT_PAGE, Preview, draw
from server.receipts.pdf import render
from tests.print.conftest import make_pdf
from tests.receipts.samples import make_receipt


@pytest.fixture
def preview(qtbot: QtBot) -> Preview:
    widget = Preview()
    qtbot.addWidget(widget)
    widget.resize(900, 700)
    widget.show()
    return widget


def show(qtbot: QtBot, preview: Preview, pdf: bytes) -> None:
    preview.show_pdf(pdf, "2026-000123")
    qtbot.waitUntil(lambda: not preview.picture.pixmap().isNull())


def test_receipt_shown_has_its_text_for_screen_readers(qtbot: QtBot, preview: Preview) -> None:
    show(qtbot, preview, render(make_receipt(operator="王𬎆")))
    assert "王𬎆" in preview.picture.accessibleDescription()
    assert preview.where.text() == "第 1 页　共 1 页"
    assert "2026-000123" in preview.view.accessibleName()


def test_picture_shown_is_the_page_that_pdfium_prints(qtbot: QtBot, preview: Preview) -> None:
    pdf = render(make_receipt())
    preview.zoom.setCurrentText("100%")
    show(qtbot, preview, pdf)
    shown = preview.picture.pixmap().toImage()
    drawn = draw(pdf, 0, 96 / 72 * preview.devicePixelRatioF()).image
    assert shown.size() == drawn.size()
    reds = [
        shown.pixelColor(x, y)
        for x in range(0, shown.width(), 3)
        for y in range(0, shown.height(), 3)
    ]
    assert any(colour.red() > 180 and colour.green() < 90 for colour in reds)


def test_page_keys_walk_through_the_pages_and_stop_at_the_ends(
    qtbot: QtBot, preview: Preview
) -> None:
    show(qtbot, preview, make_pdf(595, 842, 3))
    preview.view.setFocus()
    walked = []
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        qtbot.keyClick(preview.view, key)
        walked.append(preview.page)
    assert walked == [1, 2, 2, 1]
    qtbot.keyClick(preview.view, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: "page 3" in preview.picture.accessibleDescription())
    assert not preview.forth.isEnabled()
    qtbot.keyClick(preview.view, Qt.Key.Key_Home)
    assert preview.page == 0


def test_zoom_changes_the_picture_and_whole_page_fits(qtbot: QtBot, preview: Preview) -> None:
    show(qtbot, preview, make_pdf(595, 842))
    preview.zoom.setCurrentText("150%")
    assert preview.picture.width() == (595 * 2)
    preview.zoom.setCurrentText(FIT_PAGE)
    assert preview.picture.height() <= preview.view.viewport().height()


def test_buttons_ask_only_when_there_is_something_to_print(qtbot: QtBot, preview: Preview) -> None:
    buttons = {
        preview.print_button: preview.print_requested,
        preview.save_button: preview.save_requested,
        preview.open_button: preview.open_requested,
    }
    assert not any(button.isEnabled() for button in buttons)
    show(qtbot, preview, make_pdf(595, 842))
    for button, asked in buttons.items():
        with qtbot.waitSignal(asked, timeout=1000):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    preview.clear()
    assert not any(button.isEnabled() for button in buttons)


def test_every_control_has_an_accessible_name(preview: Preview) -> None:
    controls = [*preview.findChildren(QAbstractButton), *preview.findChildren(QComboBox)]
    named = [widget for widget in controls if widget.parent() is preview]
    assert len(named) == 6
    assert all(widget.accessibleName() for widget in [*named, preview.view, preview.where])


def test_bytes_that_are_no_pdf_are_refused_with_words(qtbot: QtBot, preview: Preview) -> None:
    with qtbot.waitSignal(preview.refused, timeout=3000) as refused:
        preview.show_pdf(b"broken", "2026-000123")
    assert refused.args[0].code == "P13"
    assert preview.page_count == 0


def test_pages_drawn_in_several_threads_come_out_right() -> None:
    pdf = make_pdf(300, 300, 4)
    wrong: list[int] = []

    def work() -> None:
        for index in range(4):
            if f"page {index + 1}" not in draw(shift(pdf, 1, 1), index, 1.0).text:
                wrong.append(index)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)
