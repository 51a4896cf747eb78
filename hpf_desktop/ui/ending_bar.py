"""Tells above all pages that the session is about to end, and takes nobody's focus."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from hpf_desktop.ui.messages import announce
from hpf_desktop.ui.page import button
from hpf_desktop.ui.theme import set_role

IDLE = "已有一会儿没有操作，{left}后需要重新输入密码。按任意键继续工作。"
ABSOLUTE = "本次登录将到时限，{left}后需要重新输入密码。已录入的内容会保留。"


class EndingBar(QFrame):
    """``go_on_asked`` and ``read`` are the answers to the two kinds of end."""

    go_on_asked = Signal()
    read = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        set_role(self, "level", "hint")
        self._text = QLabel(wordWrap=True, objectName="ending_text")
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._go_on = button("继续工作", "go_on", self.go_on_asked.emit, is_primary=True)
        self._read = button("知道了", "ending_read", self.read.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 8, 6)
        row.addWidget(self._text, 1)
        row.addWidget(self._go_on)
        row.addWidget(self._read)
        self.hide()

    def warn(self, left: str, can_go_on: bool) -> None:
        self._text.setText("提示：" + (IDLE if can_go_on else ABSOLUTE).format(left=left))
        self._go_on.setVisible(can_go_on)
        self._read.setVisible(not can_go_on)
        if self.isHidden():
            self.show()
            QApplication.alert(self.window())  # The window may lie behind another program's.
            announce(self, self._text.text())
