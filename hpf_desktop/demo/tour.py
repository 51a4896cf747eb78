"""Pages that the main job does not pass, opened for the manual's pictures; nothing is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QTabWidget

from hpf_desktop.demo import grid
from hpf_desktop.demo.hand import find, press, rest, type_into, until
from hpf_desktop.ui.batch_page import BatchPage

if TYPE_CHECKING:
    from hpf_desktop.demo.journey import Play

PEOPLE = 3
NEW_MONTHLY = "1800"
SETTLED_MS = 1_200  # What a page asks the server as one types has come.


def see_password_login(play: Play) -> None:
    """Before the login: the other way in, and the registration."""
    ways = find(QTabWidget, "ways")
    ways.setCurrentIndex(1)
    register = find(QPushButton, "register")
    rest(SETTLED_MS)
    play.picture("密码登录")
    press(register)
    dialog = find(QDialog, "register_dialog")
    rest(SETTLED_MS)
    play.picture("单位注册")
    dialog.reject()
    ways.setCurrentIndex(0)


def see_other_businesses(play: Play) -> None:
    """Filled in as far as a picture needs it."""
    with play.step("翻看其他业务"):
        _see_base_change(play)
        play.go("个人转移")
        play.picture("个人转移-录入")
        _see_ratio_change(play)
        play.go("单位缴存登记信息变更")
        rest(SETTLED_MS)
        play.picture("单位缴存登记信息变更-录入")
        _see_settings(play)


def _see_base_change(play: Play) -> None:
    page = play.go("缴存基数变更")
    assert isinstance(page, BatchPage), "a business with rows"
    people = [p for p in play.window.desk.facts.persons.values() if p.status == "01"]
    grid.paste(page, [(str(p.account), NEW_MONTHLY) for p in people[:PEOPLE]])
    play.picture("缴存基数变更-录入")


def _see_ratio_change(play: Play) -> None:
    """At the highest ratio the lowest step down is refused; then that is what the picture shows."""
    page = play.go("单位比例变更")
    unit = play.window.desk.facts.unit
    new = unit.ratio_max if unit.unit_ratio < unit.ratio_max else unit.unit_ratio - unit.ratio_step
    type_into(find(QLineEdit, "unit_ratio", page), f"{new // 100}%")
    rest(SETTLED_MS)
    play.picture("单位比例变更-试算")


def _see_settings(play: Play) -> None:
    QTest.keyClick(play.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = find(QDialog, "settings_dialog")
    rest(SETTLED_MS)
    play.picture("设置")
    dialog.reject()
    until(lambda: not dialog.isVisible(), "设置已关闭")
