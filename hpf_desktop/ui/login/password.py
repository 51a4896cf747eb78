"""The way in by password: the unit's account, its password, and the letters of a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from hpf_desktop import remembered, tasks
from hpf_desktop.log import explain
from hpf_desktop.session import Session
from hpf_desktop.ui.login.access_dialog import AccessDialog
from hpf_desktop.ui.login.access_form import AccessForm, Texts
from hpf_desktop.ui.login.asked import Asked
from hpf_desktop.ui.login.door import Door
from hpf_desktop.ui.page import button
from hpf_desktop.ui.theme import set_role
from server.business.access import LOGIN, UNIT

LogIn = Callable[[Session, Texts], Any]


class PasswordPanel(QWidget):
    """``log_in`` is called in a worker; ``remembers_unit`` tells that the box was ticked or not."""

    succeeded = Signal(object)
    remembers_unit = Signal(bool)

    def __init__(
        self, door: Door, log_in: LogIn, remembers: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._door, self._log_in, self._forgets = door, log_in, remembers
        self.form = AccessForm(Asked(LOGIN), self._act, "登录", lambda: door.session().client)
        self.form.succeeded.connect(self._logged_in)
        self._remembers = QCheckBox("记住单位账号", objectName="remember_unit", checked=remembers)
        self._remembers.toggled.connect(self._ticked)
        self._no_keyring = QLabel(objectName="no_keyring", wordWrap=True)
        set_role(self._no_keyring, "role", "hint")
        self._no_keyring.hide()
        register = button("单位注册…", "register", lambda: self._open("register"))
        forgotten = button("忘记密码…", "forgotten", lambda: self._open("reset"))
        self.form.put_above_button(self._remembers)
        self.form.put_above_button(self._no_keyring)
        self.form.put_beside_button(register, forgotten)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        if remembers:
            self._with_keyring(lambda: remembered.read(remembered.UNIT), self._recalled)

    def take_focus(self) -> None:
        self.form.take_focus()

    def look(self) -> None:
        self.form.renew()

    def leave(self) -> None:
        """Another server, or nobody here any more."""
        self.form.wipe()

    # --- Logging in ---

    def _act(self, texts: Texts) -> Any:
        return self._log_in(self._door.session(), texts)

    def _logged_in(self, opened: Any) -> None:
        self._door.hand_over()
        unit = str(opened.standing.unit_id) if self._remembers.isChecked() else ""
        if unit or self._forgets:
            self._with_keyring(lambda: remembered.keep(remembered.UNIT, unit), lambda _: None)
        self._forgets = bool(unit)
        self.succeeded.emit(opened)

    def _open(self, purpose: str) -> None:
        dialog = AccessDialog(purpose, lambda: self._door.session().client, self.window())
        dialog.fill({UNIT.key: self.form.text(UNIT.key)})
        dialog.done_for.connect(self._may_log_in)
        dialog.finished.connect(lambda _: self.form.renew())  # The dialog's pictures voided ours.
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _may_log_in(self, unit: str, told: str) -> None:
        self.form.fill({UNIT.key: unit})
        self.form.tell(told, "passed")
        self.form.take_focus()

    # --- The keyring ---

    def _recalled(self, unit: str | None) -> None:
        if unit and not self.form.text(UNIT.key):
            self.form.fill({UNIT.key: unit})
            self.form.take_focus()

    def _ticked(self, is_ticked: bool) -> None:
        """At once, and not after the login, when nobody reads it any more."""
        self._no_keyring.hide()
        self.remembers_unit.emit(is_ticked)
        if is_ticked:
            self._with_keyring(lambda: remembered.read(remembered.UNIT), lambda _: None)

    def _with_keyring(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        tasks.run(lambda _: work(), done, self._without_keyring, owner=self)

    def _without_keyring(self, error: Exception) -> None:
        told = explain(error)
        self._remembers.setChecked(False)
        self._no_keyring.setText(f"{told.text}。{told.next_step}")
        self._no_keyring.show()
