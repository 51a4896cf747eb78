"""Described fields that prove who one is: password, picture and code, and what is wrong with them.

Logging in, unlocking, registering, resetting and changing a password are each one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.login.asked import AGAIN, Asked
from hpf_desktop.ui.login.policy import Policy
from hpf_desktop.ui.messages import MessageBar, WaitingBar, announce
from hpf_desktop.ui.page import button
from hpf_desktop.ui.secret_editors import (
    BROKEN,
    LOADING,
    PASSWORD_EDITOR,
    PICTURE_EDITOR,
    STALE,
    PasswordCell,
    PictureCell,
)
from hpf_desktop.ui.theme import set_role
from server.business.access import ASK_CODE, CAPTCHA, CODE, PURPOSE
from server.business.base import Field
from server.business.check import read_fields
from server.business.passwords import weakness
from server.business.refusals import Problem, Refused, problem

if TYPE_CHECKING:
    from hpf_desktop.answers import Captcha
    from hpf_desktop.client import Client

Texts = Mapping[str, str]
CODE_ON_ITS_WAY = (
    "信息与中心登记一致的，验证码已发到经办人手机；没有收到的，请到中心柜台核对经办人登记"
)
NEW_PICTURE = "图片已更新，请按新的图片输入"


class AccessForm(QWidget):
    """``act`` gets the texts in a worker; ``succeeded`` carries what it returns."""

    succeeded = Signal(object)
    refused = Signal(object)  # Problem: what the window may want to know

    def __init__(
        self,
        asked: Asked,
        act: Callable[[Texts], Any],
        label: str,
        client_of: Callable[[], Client],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._asked, self._act, self._client_of = asked, act, client_of
        self._label, self._left_s = label, 0
        self._is_busy = self._is_drawing = False
        shown = asked.on_screen
        # No stars where nothing may be left out.
        self.form = FieldForm([replace(field, required=False) for field in shown], parent=self)
        self._secret_keys = [f.key for f in shown if f.kind.editor == PASSWORD_EDITOR]
        has_picture = any(f.kind.editor == PICTURE_EDITOR for f in shown)
        cell = self.form.cell(CAPTCHA.key) if has_picture else None
        self._picture = cell if isinstance(cell, PictureCell) else None
        self.policy = Policy(self) if asked.chosen else None
        self._bar, self._waiting = MessageBar(self), WaitingBar(self)
        self._wait = QLabel(objectName="wait", wordWrap=True)
        self._button = button(label, "enter", self.submit, is_primary=True)
        self._second = QTimer(self, interval=1_000)
        self._second.timeout.connect(self._count)
        self._lay_out()
        self._connect()
        self._show_policy()

    def _lay_out(self) -> None:
        self._row = QHBoxLayout()
        self._row.addStretch(1)
        self._row.addWidget(self._button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._bar, self.form, self.policy, self._wait, self._waiting):
            if widget is not None:
                self._column.addWidget(widget)
        self._column.addLayout(self._row)
        set_role(self._wait, "role", "error")
        self._wait.hide()

    def _connect(self) -> None:
        self.form.edited.connect(self._edited)
        self.form.code_asked.connect(self._ask_code)
        self._bar.answered.connect(self.take_focus)
        for field in self.form.fields:
            editor = self.form.editor(field.key)
            if isinstance(editor, QLineEdit):
                editor.returnPressed.connect(lambda key=field.key: self._entered(key))
        if self._picture:
            self._picture.asked.connect(self.renew)
            self._picture.expired.connect(self._picture_expired)

    # --- For whoever shows it ---

    def put_above_button(self, widget: QWidget) -> None:
        self._column.insertWidget(self._column.count() - 1, widget)
        last = self._picture.button if self._picture else self.form
        QWidget.setTabOrder(last, widget)
        QWidget.setTabOrder(widget, self._button)

    def put_beside_button(self, *others: QPushButton) -> None:
        """At its left, and after it for whoever goes by Tab."""
        before = self._button
        for number, other in enumerate(others):
            self._row.insertWidget(number, other)
            QWidget.setTabOrder(before, other)
            before = other

    def take_buttons(self) -> QHBoxLayout:
        """For a window that keeps them in sight while the fields scroll."""
        self._column.removeItem(self._row)
        self._row.setParent(None)
        return self._row

    def fill(self, texts: Texts) -> None:
        for key, text in texts.items():
            self.form.editor(key).setText(text)

    def text(self, key: str) -> str:
        return self.form.editor(key).text()

    def take_focus(self) -> None:
        """To the first field that has to be typed."""
        editors = [self.form.editor(field.key) for field in self.form.fields]
        first = next((e for e in editors if not e.text()), editors[0])
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def tell(self, text: str, level: str = "note") -> None:
        self._bar.tell(text, level=level)

    def say(self, why: Problem) -> None:
        self._bar.show_problem(why)

    def wipe(self) -> None:
        """Nothing secret stays in a field that nobody looks at."""
        for key in (*self._secret_keys, CAPTCHA.key, CODE.key):
            self._empty(key)
        self._show_policy()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._renew_if_gone()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        if not event.spontaneous():
            self.wipe()
            self._bar.clear()
            self.form.put_problems(())
        super().hideEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        is_looked_at = event.type() == QEvent.Type.ActivationChange and self.isActiveWindow()
        if is_looked_at and self.isVisible() and not self._left_s:
            self._renew_if_gone()

    # --- The picture ---

    def renew(self) -> None:
        """Another picture: the one before is void, and so is what was typed for it."""
        if self._picture is None or self._is_drawing:
            return
        self._is_drawing = True
        self._empty(CAPTCHA.key)
        self._picture.say(LOADING)
        client_of = self._client_of
        tasks.run(lambda _: client_of().captcha(), self._drawn, self._not_drawn, owner=self)

    def _renew_if_gone(self) -> None:
        if self._picture and not self._picture.has_picture:
            self.renew()

    def _drawn(self, captcha: Captcha) -> None:
        self._is_drawing = False
        assert self._picture is not None
        self._picture.show_picture(captcha.png, captcha.expires_in_s)

    def _not_drawn(self, error: Exception) -> None:
        self._is_drawing = False
        assert self._picture is not None
        self._picture.say(BROKEN)
        self._tell_failure(error)

    def _picture_expired(self) -> None:
        """By itself only before somebody's eyes: else the next look at the window renews it."""
        if self.isVisible() and self.isActiveWindow():
            self.renew()
            self.tell(NEW_PICTURE)

    # --- The code ---

    def _ask_code(self) -> None:
        texts = self._texts()
        needed = [field for field in ASK_CODE if field is not PURPOSE]
        if self._is_busy or not self._may_be_sent(needed, texts, ()):
            return
        told = {f.key: texts[f.key] for f in needed} | {PURPOSE.key: self._asked.purpose}
        client_of = self._client_of
        self._begin("正在获取验证码…", lambda _: client_of().ask_access_code(told), self._code_sent)

    def _code_sent(self, again_in_s: int) -> None:
        self._end()
        self.renew()  # The picture was for this one code.
        self.tell(CODE_ON_ITS_WAY)
        self.form.wait_for_code(CODE.key, again_in_s)

    # --- The act ---

    def _entered(self, key: str) -> None:
        if key == CAPTCHA.key and self._asked.purpose:
            self._ask_code()
        else:
            self.submit()

    def submit(self) -> None:
        if self._is_busy or self._left_s:
            return
        texts = self._texts()
        if not self._may_be_sent(self._asked.fields, texts, self._of_choice(texts)):
            return
        sent = {field.key: texts[field.key] for field in self._asked.fields}
        act = self._act
        self._begin("正在与服务器核对…", lambda _: act(sent), self._acted)

    def _may_be_sent(
        self, fields: Sequence[Field], texts: Texts, of_choice: Sequence[Problem]
    ) -> bool:
        """Else says, each at its field, why not."""
        self._bar.clear()
        problems = list(of_choice)
        try:
            read_fields(fields, texts)
        except Refused as unread:
            problems = [*unread.problems, *problems]
        self.form.put_problems(problems)
        self.form.focus_problem()
        return not problems

    def _of_choice(self, texts: Texts) -> list[Problem]:
        """What is wrong with a new password, or with its repetition."""
        key = self._asked.chosen
        if not key or not texts.get(key):
            return []
        why = weakness(texts[key], self._own(texts))
        weak = [problem("L22", key, why=why)] if why else []
        is_same = texts.get(AGAIN.key) == texts[key]
        return weak + ([] if is_same else [problem("L27", AGAIN.key)])

    def _begin(self, text: str, work: Callable[[Any], Any], done: Callable[[Any], None]) -> None:
        self._is_busy = True
        self.form.lock(True)
        self._refresh()
        self._waiting.begin(text)
        tasks.run(work, done, self._failed, owner=self)

    def _end(self) -> None:
        self._is_busy = False
        self.form.lock(False)
        self._waiting.end()
        self._refresh()

    def _acted(self, result: Any) -> None:
        self._end()
        self.wipe()
        if self._picture:
            self._picture.say(STALE)  # Used up; the next look at this form brings another.
        self.succeeded.emit(result)

    def _failed(self, error: Exception) -> None:
        self._end()
        emptied = self._empty_after(explain(error).code)
        if self._picture:
            self.renew()  # A try used it up, whatever came of it.
        self._show_policy()
        self._tell_failure(error)
        if emptied:  # The picture is empty, too, but only another code needs it.
            self.form.editor(emptied).setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.take_focus()

    def _empty_after(self, code: str) -> str:
        """What has to be typed anew; its first key. To log in that is all but the unit."""
        if not self._asked.chosen:
            self.wipe()
            return ""
        emptied = CODE.key if code == "L23" else self._asked.place_of(code)
        self._empty(emptied)
        if emptied == self._asked.chosen:
            self._empty(AGAIN.key)
        return emptied

    def _tell_failure(self, error: Exception) -> None:
        reason = explain(error)
        shown = [field.key for field in self.form.fields]
        place = self._asked.place_of(reason.code)
        at_fields = [p for p in getattr(error, "problems", ()) if p.key in shown]
        at_fields += [replace(reason, key=place)] if place else []
        self.form.put_problems(at_fields)
        wait_s = getattr(error, "wait_s", 0)
        if place == CODE.key and wait_s:
            self.form.wait_for_code(CODE.key, wait_s)
        elif wait_s:
            self._wait_for(wait_s, reason)
        elif not at_fields:
            self._bar.show_problem(reason)
        self.refused.emit(reason)

    # --- The wait after too many tries ---

    def _wait_for(self, seconds: int, reason: Problem) -> None:
        self._left_s = seconds
        self._wait.setProperty("why", f"{reason.text}（{reason.code}）")
        self._second.start()
        self._show_wait()
        announce(self._wait, self._wait.text())

    def _count(self) -> None:
        self._left_s -= 1
        self._show_wait()
        if self._left_s <= 0:
            self._left_s = 0
            self._second.stop()
            self._renew_if_gone()

    def _show_wait(self) -> None:
        left = max(self._left_s, 0)
        why = self._wait.property("why")
        self._wait.setText(f"{why}，还要等 {left} 秒" if left else "可以再试了")
        set_role(self._wait, "role", "error" if left else "passed")
        self._wait.show()
        self._refresh()

    def _refresh(self) -> None:
        self._button.setEnabled(not self._is_busy and self._left_s <= 0)
        self._button.setText(f"{self._label}（{self._left_s} 秒）" if self._left_s else self._label)

    # --- What stands in the fields ---

    def _texts(self) -> dict[str, str]:
        return self.form.texts() | self.form.codes()

    def _own(self, texts: Texts) -> list[str]:
        typed = (texts.get(key, "") for key in ("unit", "phone", "id_number"))
        return [text for text in (*self._asked.own, *typed) if text]

    def _edited(self) -> None:
        """What was wrong is gone; what was told may still be read."""
        if self._bar.property("level") == "error":
            self._bar.clear()
        self.form.put_problems(())
        if not self._left_s:
            self._wait.hide()
        self._show_policy()

    def _show_policy(self) -> None:
        if self.policy:
            texts = self._texts()
            chosen, again = texts.get(self._asked.chosen, ""), texts.get(AGAIN.key, "")
            self.policy.judge(chosen, again, self._own(texts))
            editor = self.form.editor(self._asked.chosen)
            editor.setAccessibleDescription(self.policy.missing)

    def _empty(self, key: str) -> None:
        if key not in {field.key for field in self.form.fields}:
            return
        cell = self.form.cell(key)
        if isinstance(cell, PasswordCell):
            cell.wipe()
        else:
            self.form.editor(key).setText("")
