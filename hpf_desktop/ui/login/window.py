"""The login window: by certificate key, or by password; whichever was used last comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.cert.problems import KeyProblem
from hpf_desktop.session import PinEntry, Session
from hpf_desktop.settings import LOGIN_WAYS
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.certificate import KeyPanel
from hpf_desktop.ui.login.door import Door
from hpf_desktop.ui.messages import MessageBar, WaitingBar
from hpf_desktop.ui.theme import Title, set_role
from server.business.refusals import Problem

if TYPE_CHECKING:
    from hpf_desktop.answers import Facts, Standing
    from hpf_desktop.client import Client
    from hpf_desktop.ui.login.password import PasswordPanel

CERTIFICATE, PASSWORD = LOGIN_WAYS
WAYS = {CERTIFICATE: "CA 证书登录", PASSWORD: "密码登录"}


@dataclass(frozen=True)
class Opened:
    """A session with what its windows need to begin."""

    session: Session
    standing: Standing
    facts: Facts
    entry: PinEntry | None = None  # None: by password


class LoginWindow(QWidget):
    """``opened`` carries what the main window begins with."""

    opened = Signal(object)
    closed = Signal()
    settings_asked = Signal()
    manual_asked = Signal(str)
    way_used = Signal(str)
    remembers_unit = Signal(bool)

    def __init__(
        self,
        keys: KeySignals,
        open_readers: Callable[[], Any],
        open_session: Callable[[], Session],
        server: str,
        way: str = CERTIFICATE,
        remembers: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("login_window")
        self.setWindowTitle("住房公积金单位网厅 · 登录")
        self._keys, self._open_session, self._remembers = keys, open_session, remembers
        self._door = Door(open_session)
        self._panel = KeyPanel(keys, open_readers, self._log_in, "确定")
        self._panel.succeeded.connect(self._succeeded)
        self._password: PasswordPanel | None = None
        self._ways = self._tabs()
        self._bar = MessageBar(self)
        self._waiting = WaitingBar(self)
        self._server = QLabel(objectName="server")
        set_role(self._server, "role", "muted")
        self.show_server(server)
        self._lay_out()
        self._ways.currentChanged.connect(self._way_chosen)
        self._ways.setCurrentIndex(list(WAYS).index(way) if way in WAYS else 0)
        for key, slot in (("F1", self._help), ("F5", self._look_again)):
            QShortcut(QKeySequence(key), self).activated.connect(slot)

    def _tabs(self) -> QTabWidget:
        tabs = QTabWidget(objectName="ways", documentMode=True)
        tabs.setAccessibleName("登录方式")
        for way, label in WAYS.items():
            page = QWidget(objectName=f"way_{way}")
            column = QVBoxLayout(page)
            column.setContentsMargins(20, 16, 20, 16)
            tabs.addTab(page, label)
        certificate = tabs.widget(0).layout()
        certificate.addWidget(QLabel("插入证书 Key，核对单位，输入密码后点“确定”。", wordWrap=True))
        certificate.addWidget(self._panel)
        certificate.addStretch()
        return tabs

    def _lay_out(self) -> None:
        settings = QPushButton("设置…", objectName="settings")
        settings.clicked.connect(self.settings_asked)
        manual = QPushButton("帮助 F1", objectName="help")
        manual.clicked.connect(self._help)
        examine = QPushButton("证书体检", objectName="examine")
        examine.clicked.connect(self._keys.examination_asked)
        card = QFrame(objectName="card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._ways)
        bottom = QHBoxLayout()
        bottom.addWidget(self._server, 1)
        bottom.addWidget(examine)
        bottom.addWidget(manual)
        bottom.addWidget(settings)
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 24, 28, 16)
        column.setSpacing(12)
        column.addWidget(Title("单位登录"))
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
        self._ways.setEnabled(False)
        self._waiting.begin(text, go_on, label)

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        super().closeEvent(event)
        self.closed.emit()

    def client(self) -> Client:
        """In a worker: the connection from before the login."""
        return self._door.session().client

    def show_server(self, server: str) -> None:
        self._door.hand_over()  # The next one is to that server.
        if self._password:
            self._password.look()
        self._server.setText(f"服务器 {server}")
        self._server.setTextFormat(Qt.TextFormat.PlainText)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self._take_up()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        self._panel.leave()
        self._ways.setEnabled(True)
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

    def _log_in_by_password(self, session: Session, texts: Mapping[str, str]) -> Opened:
        """In a worker."""
        standing = session.log_in_by_password(texts)
        return Opened(session, standing, session.client.facts())

    def _succeeded(self, opened: Opened) -> None:
        self.way_used.emit(list(WAYS)[self._ways.currentIndex()])
        self.opened.emit(opened)

    # --- The two ways ---

    def _way_chosen(self, number: int) -> None:
        if list(WAYS)[number] == PASSWORD and self._password is None:
            self._password = self._password_panel()
            self._ways.widget(number).layout().addWidget(self._password)
            self._ways.widget(number).layout().addStretch()
        if self.isVisible():
            self._take_up()

    def _password_panel(self) -> PasswordPanel:
        """Late: it brings the descriptions of every business."""
        from hpf_desktop.ui.login.password import PasswordPanel

        made = PasswordPanel(self._door, self._log_in_by_password, self._remembers)
        made.succeeded.connect(self._succeeded)
        made.remembers_unit.connect(self.remembers_unit)
        return made

    def _take_up(self) -> None:
        """Where the way that is shown begins."""
        if self._password and self._ways.currentIndex():
            self._panel.leave()
            self._password.take_focus()
        else:
            self._panel.look()

    def _look_again(self) -> None:
        if self._password and self._ways.currentIndex():
            self._password.look()
        else:
            self._panel.look()

    def _help(self) -> None:
        is_by_password = self._password and self._ways.currentIndex()
        self.manual_asked.emit("password_login" if is_by_password else "login")
