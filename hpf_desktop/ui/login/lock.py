"""What stands in the window's place while it is locked: nothing of the work can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from hpf_desktop.cert.problems import KeyProblem
from hpf_desktop.session import PinEntry, Session
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.access_form import AccessForm, Texts
from hpf_desktop.ui.login.asked import Asked
from hpf_desktop.ui.login.certificate import KeyPanel
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.theme import Title
from server.business.access import LOGIN, UNIT
from server.business.refusals import Problem

if TYPE_CHECKING:
    from hpf_desktop.answers import Facts, Standing


class LockPage(QWidget):
    """Goes on by what the session was opened with: the same certificate's PIN, or the password.

    With another key the session is over.
    """

    reopened = Signal(object)  # (Standing, Facts)
    other_key_found = Signal()
    log_out_asked = Signal()

    def __init__(self, keys: KeySignals, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lock_page")
        self._session = session
        self._why = QLabel(wordWrap=True, objectName="lock_reason")
        self._leave = QPushButton("退出登录", objectName="lock_log_out")
        self._leave.clicked.connect(self.log_out_asked)
        self._panel = self._key_panel(keys) if session.needs_key else None
        self._form = None if self._panel else self._password_form()
        card = QFrame(objectName="card")
        card.setMinimumWidth(self.fontMetrics().averageCharWidth() * 48)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(24, 20, 24, 20)
        inside.setSpacing(12)
        inside.addWidget(Title("窗口已锁定"))
        inside.addWidget(self._why)
        inside.addWidget(self._panel or self._form)
        # Merely aligned, the card would be only as high as with the whole width of the page.
        middle = QHBoxLayout()
        middle.addStretch()
        middle.addWidget(card)
        middle.addStretch()
        outer = QVBoxLayout(self)
        outer.addStretch()
        outer.addLayout(middle)
        outer.addStretch()

    def _key_panel(self, keys: KeySignals) -> KeyPanel:
        session = self._session
        panel = KeyPanel(keys, session.open_readers, self._reopen, "解锁", only=session.certificate)
        panel.succeeded.connect(self.reopened)
        panel.other_key_found.connect(self.other_key_found)
        panel.put_beside(self._leave)
        return panel

    def _password_form(self) -> AccessForm:
        session = self._session
        asked = Asked([field for field in LOGIN if field is not UNIT])
        form = AccessForm(asked, self._reopen_by_password, "解锁", lambda: session.client)
        form.succeeded.connect(self.reopened)
        form.put_beside_button(self._leave)
        return form

    def lock(self, why: Problem) -> None:
        self._why.setText(sentence(why) + "　已录入的内容还在。")

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        if self._panel:
            self._panel.look()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        if self._panel:
            self._panel.leave()
        super().hideEvent(event)

    def take_focus(self) -> None:
        """Not to a button: who goes on typing must not log out by it. A PIN's field takes it when
        there is a key; until then nobody has it."""
        if self._form:
            self._form.take_focus()
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _reopen_by_password(self, texts: Texts) -> tuple[Standing, Facts]:
        unit = str(self._session.facts.unit.unit_id) if self._session.facts else ""
        standing = self._session.log_in_by_password(texts | {UNIT.key: unit})
        return standing, self._session.client.facts()

    def _reopen(self, entry: PinEntry) -> Any:
        standing = self._session.reopen(entry)
        if isinstance(standing, KeyProblem):
            return standing
        return standing, self._session.client.facts()
