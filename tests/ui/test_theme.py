"""The look: letters that have every name, colours one can read, lengths that follow the zoom."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QFont, QFontInfo, QRawFont
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QPushButton

from hpf_desktop.ui import theme
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.sheet.colours import DARK, LIGHT, SheetColours
from server.business.refusals import problem

READ = [("text", "window"), ("text", "cell"), ("text", "computed"), ("header_text", "header"),
        ("error", "cell"), ("hint", "cell"), ("passed", "cell"), ("on_accent", "accent"),
        ("text", "error_cell"), ("text", "hint_cell"), ("text", "selection"),
        ("accent", "selection"), ("muted", "cell"), ("muted", "computed"), ("muted", "window"),
        ("muted", "selection")]  # fmt: skip


@pytest.fixture(autouse=True)
def as_before(qapp: QApplication) -> Any:
    yield
    theme.apply(qapp, "light", 100)


def luminance(colour: str) -> float:
    parts = [channel / 255 for channel in QColor(colour).getRgb()[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), READ)
def test_words_stand_out_from_what_is_behind_them(
    colours: SheetColours, ink: str, paper: str
) -> None:
    light, dark = sorted(
        (luminance(getattr(colours, ink)), luminance(getattr(colours, paper))), reverse=True
    )
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_letters_have_the_rare_characters_of_names(qapp: QApplication) -> None:
    assert QFontInfo(QApplication.font()).family() in theme.FAMILIES
    drawn = [QRawFont.fromFont(QFont(family)) for family in theme.FAMILIES[1:]]
    for name in "王·髙䶮𬭎㛃龑":
        assert any(font.supportsCharacter(ord(name)) for font in drawn), name


@pytest.mark.parametrize("zoom", [100, 150, 200])
def test_everything_grows_with_the_zoom(qtbot: Any, qapp: QApplication, zoom: int) -> None:
    theme.apply(qapp, "light", 100)
    button, heading = QPushButton("提交"), theme.Title("汇缴")
    for widget in (button, heading):
        qtbot.addWidget(widget)
        widget.show()
    before = button.sizeHint().height(), heading.sizeHint().height()
    theme.apply(qapp, "light", zoom)
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    assert button.sizeHint().height() == pytest.approx(before[0] * zoom / 100, rel=0.12)
    assert heading.sizeHint().height() == pytest.approx(before[1] * zoom / 100, rel=0.12)
    assert theme.scaled(100) == zoom


def test_qts_own_words_are_chinese(qtbot: Any) -> None:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    qtbot.addWidget(box)
    assert box.button(QDialogButtonBox.StandardButton.Cancel).text() == "取消"


@pytest.mark.parametrize("name", sorted(p.stem for p in (theme.RESOURCES / "icons").glob("*.svg")))
def test_every_icon_draws(qapp: QApplication, name: str) -> None:
    assert not theme.icon(name, "#123456").pixmap(20).toImage().isNull()


def test_message_says_level_words_next_step_and_code(qtbot: Any) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    bar.show_problem(problem("N06"))
    assert bar.text.startswith("错误：连接不上服务器。请检查网络") and bar.text.endswith("（N06）")
    bar.show_problem(problem("K07"))
    assert bar.text.startswith("提示：")
    taken: list[str] = []
    bar.ask("要接着办吗？", [("恢复", lambda: taken.append("恢复"))])
    bar.findChild(QPushButton, "message_choice_0").click()
    assert taken == ["恢复"] and bar.isHidden()


def test_waiting_shows_itself_only_after_half_a_second(qtbot: Any) -> None:
    bar = WaitingBar()
    qtbot.addWidget(bar)
    bar.begin("正在查询…")
    assert bar.isHidden()
    bar.end()
    stopped: list[None] = []
    bar.begin("正在查询…", lambda: stopped.append(None))
    qtbot.waitUntil(bar.isVisible, timeout=2_000)
    bar.findChild(QPushButton, "waiting_cancel").click()
    assert len(stopped) == 1 and bar.isHidden()


def test_qt_binding_takes_no_references_of_its_own(qtbot: Any) -> None:
    """PySide6 6.12 on Python 3.11 loses one None for each call, and dies of it in the end."""
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(1_000):
        label.setText("x")
    assert sys.getrefcount(None) > before - 100
