"""单位注册 and 密码重置: the unit's facts, a code by short message, and a new password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from hpf_desktop.ui.login.access_form import AccessForm, Texts
from hpf_desktop.ui.login.asked import Asked
from hpf_desktop.ui.page import button
from hpf_desktop.ui.secret_editors import PasswordEdit
from hpf_desktop.ui.theme import Title, fit
from server.business.access import PASSWORD, PURPOSES, REGISTRATION, RESET, UNIT

if TYPE_CHECKING:
    from hpf_desktop.client import Client

FIELDS = {"register": REGISTRATION, "reset": RESET}
NOTES = {
    "register": "请按在中心登记的内容填写。验证码发到登记的经办人手机。",
    "reset": "请按在中心登记的内容填写，再设新的密码。重置后原有的登录都会退出。",
}
DONE = {
    "register": "单位注册成功，请用单位账号和密码登录",
    "reset": "密码已重置，原有的登录都已退出，请用新密码登录",
}


class AccessDialog(QDialog):
    """``done_for`` carries the unit's account and what to say of it."""

    done_for = Signal(str, str)

    def __init__(
        self, purpose: str, client_of: Callable[[], Client], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(f"{purpose}_dialog")
        self.setWindowTitle(PURPOSES[purpose])
        self._purpose = purpose
        label = "密码" if purpose == "register" else "新密码"
        fields = [replace(f, label=label) if f is PASSWORD else f for f in FIELDS[purpose]]
        asked = Asked(fields, chosen=PASSWORD.key, purpose=purpose)
        self.form = AccessForm(asked, self._act, "提交", client_of)
        self.form.succeeded.connect(self._succeeded)
        self._client_of = client_of
        self.form.put_beside_button(button("取消", "cancel", self.reject))
        self._lay_out()

    def _lay_out(self) -> None:
        inside = QWidget(objectName="page")
        column = QVBoxLayout(inside)
        column.addWidget(Title(PURPOSES[self._purpose]))
        column.addWidget(QLabel(NOTES[self._purpose], wordWrap=True))
        column.addWidget(self.form)
        column.addStretch()
        self._holder = QScrollArea(widgetResizable=True)
        self._holder.setFrameShape(QFrame.Shape.NoFrame)
        self._holder.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._holder.setWidget(inside)
        buttons = self.form.take_buttons()
        buttons.setContentsMargins(column.contentsMargins())
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 8, 8, 8)
        outer.addWidget(self._holder)
        outer.addLayout(buttons)
        self.form.form.edited.connect(self._keep_policy_in_sight)
        fit(self, 56, 40)

    def _keep_policy_in_sight(self) -> None:
        """While a password is typed, on a screen too small for all."""
        if isinstance(self.focusWidget(), PasswordEdit) and self.form.policy:
            self._holder.ensureWidgetVisible(self.form.policy)

    def fill(self, texts: Texts) -> None:
        self.form.fill(texts)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self.form.take_focus()

    def _act(self, texts: Texts) -> str:
        client = self._client_of()
        (client.register if self._purpose == "register" else client.reset_password)(texts)
        return texts[UNIT.key]

    def _succeeded(self, unit: Any) -> None:
        self.accept()
        self.done_for.emit(unit, DONE[self._purpose])
