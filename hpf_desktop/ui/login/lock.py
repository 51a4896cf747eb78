"""What stands in the window's place while the key is away: nothing of the work can be seen."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from hpf_desktop.cert.problems import KeyProblem
from hpf_desktop.session import PinEntry, Session
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.certificate import KeyPanel
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.theme import Title
from server.business.refusals import Problem


class LockPage(QWidget):
    """Goes on by the same certificate's PIN; with another key the session is over."""

    reopened = Signal(object)  # (Standing, Facts)
    other_key_found = Signal()
    log_out_asked = Signal()

    def __init__(self, keys: KeySignals, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lock_page")
        self._session = session
        self._why = QLabel(wordWrap=True, objectName="lock_reason")
        self._panel = KeyPanel(
            keys, session.open_readers, self._reopen, "解锁", only=session.certificate
        )
        self._panel.succeeded.connect(self.reopened)
        self._panel.other_key_found.connect(self.other_key_found)
        leave = QPushButton("退出登录", objectName="lock_log_out")
        leave.clicked.connect(self.log_out_asked)
        self._panel.put_beside(leave)
        card = QFrame(objectName="card")
        card.setMinimumWidth(self.fontMetrics().averageCharWidth() * 48)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(24, 20, 24, 20)
        inside.setSpacing(12)
        inside.addWidget(Title("窗口已锁定"))
        inside.addWidget(self._why)
        inside.addWidget(self._panel)
        outer = QVBoxLayout(self)
        outer.addStretch()
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch()

    def lock(self, why: Problem) -> None:
        self._why.setText(sentence(why) + "　已录入的内容还在。")

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self._panel.look()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        self._panel.leave()
        super().hideEvent(event)

    def _reopen(self, entry: PinEntry) -> Any:
        standing = self._session.reopen(entry)
        if isinstance(standing, KeyProblem):
            return standing
        return standing, self._session.client.facts()
