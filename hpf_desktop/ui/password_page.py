"""密码修改: the old password and a new one; it ends every login of the operator, this one too."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop.ui.login.access_form import AccessForm, Texts
from hpf_desktop.ui.login.asked import Asked
from hpf_desktop.ui.page import Desk, Page
from server.business.access import CHANGE, NEW
from server.business.refusals import problem

CODE, LABEL, MENU = "password_change", "密码修改", "归集业务"
NOTE = "修改后，本人在所有电脑上的登录都会退出，包括这一个；请用新密码重新登录。"


class PasswordPage(Page):
    """For whoever logged in by certificate, too: it is the unit's password."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(desk, LABEL, CODE, parent)
        self.setObjectName(f"page_{CODE}")
        session = desk.session
        asked = Asked(CHANGE, chosen=NEW.key, own=(str(desk.facts.unit.unit_id),))
        self.form = AccessForm(asked, self._act, "提交", lambda: session.client)
        self.form.succeeded.connect(self._changed)
        self.form.refused.connect(self.note)
        card = QFrame(objectName="card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(20, 16, 20, 16)
        inside.addWidget(QLabel(NOTE, wordWrap=True))
        inside.addWidget(self.form)
        middle = QHBoxLayout()
        middle.addWidget(card)
        middle.addStretch(1)
        self.column.addLayout(middle)
        self.column.addStretch(1)

    def take_focus(self) -> None:
        self.form.take_focus()

    def shown(self) -> None:
        self.form.take_focus()

    def _act(self, texts: Texts) -> None:
        self.desk.session.client.change_password(texts)

    def _changed(self, _: Any) -> None:
        """What stands on the other pages stays there until the new password is typed."""
        self.key_needed.emit(problem("W10"))
