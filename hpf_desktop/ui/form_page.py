"""Any business without rows: a form whose computed fields the server fills while one types."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import Answer, CheckAnswer, PaymentProgress
from hpf_desktop.ui.business_page import BusinessPage
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.page import Desk, Menus, button
from hpf_desktop.ui.payment_panel import PaymentPanel
from hpf_desktop.ui.submission import Submission
from server.business.base import Business
from server.business.check import check_head
from server.business.refusals import Level, Problem

TYPED_PAUSE_MS = 350


class FormPage(BusinessPage):
    """While a payment of this business is unresolved there is nothing to submit with."""

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(desk, business, parent)
        self.setObjectName(f"form_{business.code}")
        self._check: tasks.Task | None = None
        self._is_done = False
        self._ended_serial = (
            ""  # the serial that was seen to end; older facts may still call it paying
        )
        self.form = FieldForm(business.head, 1, self)
        self.form.edited.connect(self._edited)
        self.payment = PaymentPanel(desk, self)
        self.payment.resolved.connect(self._resolved)
        self.payment.unreachable.connect(self.note)
        self._pause = QTimer(self, singleShot=True, interval=TYPED_PAUSE_MS)
        self._pause.timeout.connect(self._ask_server)
        self._lay_out()
        self._show_local()
        self._follow_unresolved()

    def _lay_out(self) -> None:
        self.submit_action = QAction("提交", self, objectName="submit")
        self.submit_action.setShortcut(QKeySequence("Ctrl+Return"))
        self.submit_action.triggered.connect(self.submit)
        self.addAction(self.submit_action)
        self.submit_button = button("提交", "submit_button", self.submit, is_primary=True)
        self.new_button = button("再办一笔", "new_form", self.start_over)
        self.new_button.hide()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.new_button)
        row.addWidget(self.submit_button)
        card = QFrame(objectName="card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(20, 16, 20, 16)
        inside.addWidget(self.form)
        inside.addLayout(row)
        middle = QHBoxLayout()
        middle.addWidget(card)
        middle.addStretch(1)
        self.column.addWidget(self.payment)
        self.column.addLayout(middle)
        self.column.addStretch(1)

    def menus(self) -> Menus:
        return [("文件(&F)", [self.submit_action])]

    def take_focus(self) -> None:
        self.form.focus_first()

    def shown(self) -> None:
        if not self._is_locked:
            self.form.focus_first()

    def show_facts(self) -> None:
        super().show_facts()
        if hasattr(self, "form") and not self._is_locked:
            self._edited()
            self._follow_unresolved()

    def may_close(self) -> bool:
        """A payment goes on without its window; it is shown again at the next opening."""
        self.payment.stop()
        return self._submission is None

    # --- While typing ---

    @property
    def _is_locked(self) -> bool:
        return self._is_done or self._submission is not None or self.payment.is_following

    def _edited(self) -> None:
        self.bar.clear()
        self._show_local()
        self._pause.start()

    def _show_local(self) -> None:
        """What can be said without the server, at once."""
        texts = self.form.texts()
        checked = check_head(self.business, self.desk.facts.unit, texts, None)
        fields = {f.key: f for f in self.business.head}
        self.form.show_computed(
            {key: fields[key].kind.show(value) for key, value in checked.head.items()}
        )
        self.form.put_problems(p for p in checked.problems if p.key in texts)

    def _ask_server(self) -> None:
        """The newest text counts: an older answer that comes late is dropped."""
        if self._check:
            self._check.cancel()
        client, code, texts = self.desk.session.client, self.business.code, self.form.texts()
        self._check = tasks.run(
            lambda _: client.check(code, texts, []), self._server_checked, self._check_failed
        )

    def _server_checked(self, checked: CheckAnswer) -> None:
        self.network_seen.emit(True)
        if self._is_locked:
            return
        texts = self.form.texts()
        self.form.show_computed(checked.head)
        # An empty field is no error before the operator presses 提交.
        self.form.put_problems(p for p in checked.problems if p.code != "V01" or p.key in texts)
        whole = next((p for p in checked.problems if not p.key), None)
        if whole:
            self.bar.show_problem(whole)

    def _check_failed(self, error: Exception) -> None:
        self.show_failure(error)

    # --- Submitting ---

    def submit(self) -> None:
        if self._is_locked:
            return
        self._pause.stop()
        self.bar.clear()
        checked = check_head(self.business, self.desk.facts.unit, self.form.texts(), None)
        if checked.errors:
            self._found(tuple(checked.problems))
            return
        sent = Submission(self.desk, self.business, self.form.texts(), [], self.saved, parent=self)
        self.form.put_problems(checked.problems)  # Hints stay.
        sent.computed.connect(self.form.show_computed)
        self._begin(sent)
        self._refresh()

    def _found(self, problems: tuple[Problem, ...]) -> None:
        self._end_submission()
        self.form.put_problems(problems)
        self.form.focus_problem()
        errors = [p for p in problems if p.level is Level.ERROR]
        whole = next((p for p in errors if not p.key), None)
        if whole or errors:
            self.bar.show_problem(whole or errors[0])

    def _refused(self, error: Exception) -> None:
        self.saved = None  # A form is quickly saved anew; its old version may be out of date.
        self.show_failure(error)
        self.facts_changed.emit()  # Somebody else's payment may be the reason.

    def _answered(self, answer: Answer) -> None:
        self._end_submission()
        self.network_seen.emit(True)
        if answer.state == "paying":
            self._follow(answer.serial)
        elif answer.state == "posted":
            self._posted(answer.receipt_no)
        else:
            self._failed_at_bank(answer.problem)

    # --- The payment ---

    def _follow_unresolved(self) -> None:
        serial = self.desk.facts.unit.paying.get(self.business.code)
        if serial and serial != self._ended_serial and not self.payment.is_following:
            self._follow(serial)

    def _follow(self, serial: str) -> None:
        self.payment.follow(serial)
        self._refresh()
        self.facts_changed.emit()

    def _resolved(self, payment: PaymentProgress) -> None:
        self._ended_serial = payment.serial
        if payment.state == "posted":
            self._posted(payment.receipt_no)
        else:
            self._failed_at_bank(payment.problem)

    def _posted(self, receipt_no: str | None) -> None:
        self._is_done = True
        self._refresh()
        self.facts_changed.emit()
        text = f"{self.business.label}成功，回单号 {receipt_no}"
        choices = []
        if receipt_no:
            choices = [("查看回单", lambda: self._show_receipt(receipt_no))]
            self._show_receipt(receipt_no)
        self.bar.tell(text, choices, "passed")
        self.told.emit(text)

    def _failed_at_bank(self, told: Problem | None) -> None:
        """Nothing was debited: the form is open again for another try."""
        self._refresh()
        self.facts_changed.emit()
        if told:
            self.bar.show_problem(told)

    def start_over(self) -> None:
        self._is_done = False
        self.saved = None
        self.payment.hide()
        self.bar.clear()
        self.form.set_texts({})
        self._refresh()
        self._edited()
        self.form.focus_first()

    def _ended(self) -> None:
        self._refresh()

    def _refresh(self) -> None:
        is_locked = self._is_locked
        self.form.lock(is_locked)
        self.submit_button.setEnabled(not is_locked)
        self.submit_action.setEnabled(not is_locked)
        self.new_button.setVisible(self._is_done)
