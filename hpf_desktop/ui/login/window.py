"""The login window: insert the key, see the unit, type the PIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from hpf_desktop.cert.problems import KeyProblem
from hpf_desktop.session import PinEntry, Session
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.certificate import KeyPanel
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.theme import Title, set_role
from server.business.refusals import Problem

if TYPE_CHECKING:
    from hpf_desktop.answers import Facts, Standing


@dataclass(frozen=True)
class Opened:
    """A session with what its windows need to begin."""

    session: Session
    standing: Standing
    facts: Facts
    entry: PinEntry


class LoginWindow(QWidget):
    """``opened`` carries what the main window begins with."""

    opened = Signal(object)
    closed = Signal()
    settings_asked = Signal()
    manual_asked = Signal(str)

    def __init__(
        self,
        keys: KeySignals,
        open_readers: Callable[[], Any],
        open_session: Callable[[], Session],
        server: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("login_window")
        self.setWindowTitle("住房公积金单位网厅 · 登录")
        self._open_session = open_session
        self._panel = KeyPanel(keys, open_readers, self._log_in, "确定")
        self._panel.succeeded.connect(self.opened)
        self._bar = MessageBar(self)
        self._waiting = WaitingBar(self)
        self._server = QLabel(objectName="server")
        set_role(self._server, "role", "muted")
        self.show_server(server)
        self._lay_out()
        for key, slot in (("F1", self._help), ("F5", self._panel.look)):
            QShortcut(QKeySequence(key), self).activated.connect(slot)

    def _lay_out(self) -> None:
        settings = QPushButton("设置…", objectName="settings")
        settings.clicked.connect(self.settings_asked)
        manual = QPushButton("帮助 F1", objectName="help")
        manual.clicked.connect(self._help)
        card = QFrame(objectName="card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(20, 16, 20, 16)
        inside.addWidget(self._panel)
        bottom = QHBoxLayout()
        bottom.addWidget(self._server, 1)
        bottom.addWidget(manual)
        bottom.addWidget(settings)
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 24, 28, 16)
        column.setSpacing(12)
        column.addWidget(Title("单位证书登录"))
        column.addWidget(QLabel("插入证书 Key，核对单位，输入密码后点“确定”。", wordWrap=True))
        column.addWidget(self._bar)
        column.addWidget(self._waiting)
        column.addWidget(card)
        column.addStretch()
        column.addLayout(bottom)
        char = self.fontMetrics().averageCharWidth()
        self.setMinimumWidth(char * 68)

    def say(self, why: Problem) -> None:
        """Why the operator is here again."""
        self._bar.show_problem(why)

    def wait(self, text: str, go_on: Callable[[], None], label: str) -> None:
        """Logged in, but not there yet; ``go_on`` is for who does not want to wait."""
        self._panel.setEnabled(False)
        self._waiting.begin(text, go_on, label)

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        super().closeEvent(event)
        self.closed.emit()

    def show_server(self, server: str) -> None:
        self._server.setText(f"服务器 {server}")
        self._server.setTextFormat(Qt.TextFormat.PlainText)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self._panel.look()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        self._panel.leave()
        self._panel.setEnabled(True)
        self._waiting.end()
        self._bar.clear()
        super().hideEvent(event)

    def _log_in(self, entry: PinEntry) -> Opened | KeyProblem:
        """In a worker: the PIN, the session, and the unit's facts."""
        session = self._open_session()
        standing = session.log_in(entry)
        if isinstance(standing, KeyProblem):
            return standing
        return Opened(session, standing, session.client.facts(), entry)

    def _help(self) -> None:
        self.manual_asked.emit("login")
