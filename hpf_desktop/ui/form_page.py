"""Any business without rows: a form whose computed fields the server fills while one types."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import Batch, CheckAnswer, Saved
from hpf_desktop.ui.business_page import BusinessPage
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.page import Desk, Menus, button
from hpf_desktop.ui.person_offers import PersonOffers
from hpf_desktop.ui.preview_panel import PreviewPanel
from hpf_desktop.ui.submission import Submission
from server.business.base import Business, Field
from server.business.check import Checked, check_head
from server.business.refusals import Level, Problem

TYPED_PAUSE_MS = 350
MANY_FIELDS = 8  # Two of them in a row leave room for what stands below.


class FormPage(BusinessPage):
    """While a payment of this business is unresolved there is nothing to submit with."""

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(desk, business, parent)
        self.setObjectName(f"form_{business.code}")
        self._check: tasks.Task | None = None
        fields = business.shown_head
        is_wide = len(fields) >= MANY_FIELDS and not any(f.today for f in fields)
        self.form = FieldForm(fields, 2 if is_wide else 1, self)
        self.form.edited.connect(self._edited)
        self.form.code_asked.connect(self._ask_code)
        self.preview = PreviewPanel(desk, business, self) if business.preview else None
        if self.preview:
            self.preview.failed.connect(self.note)
        self._pause = QTimer(self, singleShot=True, interval=TYPED_PAUSE_MS)
        self._pause.timeout.connect(self._ask_server)
        self._lay_out()
        self.form.offer(desk.facts.unit)
        self._people = self._person_offers()
        self._show_local()
        self._follow_unresolved()

    def _person_offers(self) -> PersonOffers | None:
        if not self.business.person_key:
            return None
        editor, facts = self.form.editor(self.business.person_key), lambda: self.desk.facts.persons
        offers = PersonOffers(editor, facts, self.business.takes)
        editor.editingFinished.connect(offers.settle)
        editor.editingFinished.connect(self._show_local)
        return offers

    def _is_seeking(self) -> bool:
        """A part of a name is no wrong account yet."""
        editor = self.form.editor(self.business.person_key) if self.business.person_key else None
        return editor is not None and editor.hasFocus()

    def _lay_out(self) -> None:
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
        self.column.addLayout(middle)
        if self.preview:
            self.column.addWidget(self.preview)
        self.column.addStretch(1)

    def menus(self) -> Menus:
        return [("文件(&F)", [self.submit_action])]

    def take_focus(self) -> None:
        self.form.focus_first()

    def shown(self) -> None:
        super().shown()
        if not self._is_locked:
            self.form.focus_first()

    def may_close(self) -> bool:
        """A payment goes on without its window; it is shown again at the next opening."""
        return self._submission is None

    @property
    def _is_locked(self) -> bool:
        return super()._is_locked or self.payment.is_following

    @property
    def _has_content(self) -> bool:
        return bool(self.form.texts())

    def _fill(self, batch: Batch) -> None:
        self.saved = Saved(batch.batch_id, batch.version)
        self.form.set_texts(batch.head)
        self._show_local()

    # --- While typing ---

    def _facts_are_new(self) -> None:
        """What the bank said of the last try stays in the bar until something is typed."""
        self.form.offer(self.desk.facts.unit)
        self._show_local()
        self._pause.start()

    def _edited(self) -> None:
        self.bar.clear()
        self._show_local()
        if self.preview:
            self.preview.clear()
        self._pause.start()

    def _check_local(self) -> Checked:
        facts = self.desk.facts
        return check_head(
            self.business, facts.unit, self.form.texts(), None, persons=facts.persons
        )  # fmt: skip

    def _show_local(self) -> None:
        """What can be said without the server, at once."""
        texts, checked = self.form.texts(), self._check_local()
        self.form.show_today(checked.today)
        kinds = {f.key: f.kind for f in self.form.fields}
        self.form.show_computed({key: kinds[key].show(v) for key, v in checked.head.items()})
        left_out = self.business.person_key if self._is_seeking() else ""
        self.form.put_problems(p for p in checked.problems if p.key in texts and p.key != left_out)

    def _ask_server(self) -> None:
        """The newest text counts: an older answer that comes late is dropped."""
        if self._check:
            self._check.cancel()
        client, code, texts = self.desk.session.client, self.business.code, self.form.texts()
        self._check = tasks.run(
            lambda _: client.check(code, texts, []), self._server_checked, self.show_failure
        )
        if self.preview and not self._is_locked:
            self.preview.ask(texts)

    def _server_checked(self, checked: CheckAnswer) -> None:
        self.network_seen.emit(True)
        if self._is_locked:
            return
        texts = self.form.texts()
        self._show_computed(checked.head)
        # An empty field is no error before the operator presses 提交.
        left_out = self.business.person_key if self._is_seeking() else ""
        self.form.put_problems(
            p for p in checked.problems if p.key != left_out and (p.code != "V01" or p.key in texts)
        )
        self._tell_whole(checked.problems)

    def _show_computed(self, shown: Mapping[str, str]) -> None:
        self.form.show_computed(shown)
        if self.preview:
            self.preview.show_sources(shown)

    # --- Codes ---

    def _ask_code(self, field: Field) -> None:
        """To the phone as it stands in the form; it may be changed before the code comes."""
        client, code = self.desk.session.client, self.business.code
        phone = self.form.texts()[field.sent_to]

        def sent(again_in_s: int) -> None:
            if self.form.texts().get(field.sent_to) == phone:
                self.form.wait_for_code(field.key, again_in_s)
                shown = self.business.field(field.sent_to).kind.mask(phone)
                self.bar.tell(f"短信验证码已发到 {shown}，请在几分钟内填写")

        self.bar.clear()
        self.work("正在获取验证码…", lambda _: client.send_code(code, phone), sent)

    # --- Submitting ---

    def submit(self) -> None:
        if self._is_locked:
            return
        self._pause.stop()
        self.bar.clear()
        checked = self._check_local()
        checked.problems += self.form.code_problems(checked.changed)
        if checked.errors:
            self._found(tuple(checked.problems))
            return
        sent = Submission(
            self.desk, self.business, self.form.texts(), [], self.saved, parent=self,
            codes=self.form.codes(),
        )  # fmt: skip
        self.form.put_problems(checked.problems)  # Hints stay.
        self._begin(sent)

    def _put_problems(self, problems: tuple[Problem, ...]) -> None:
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

    def _posted(self, receipt_no: str | None, rows: int = 0, is_here: bool = True) -> None:
        """Nothing is left to type in; the next step has the focus."""
        super()._posted(receipt_no, rows, is_here)
        if is_here and self.isVisible():
            self.new_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def start_over(self) -> None:
        self._is_done = False
        self.saved = None
        self.payment.hide()
        self.bar.clear()
        self.form.set_texts({})
        self._refresh()
        self._facts_are_new()
        self.form.focus_first()

    def _refresh(self) -> None:
        is_locked = self._is_locked
        self.form.lock(is_locked)
        self.submit_button.setEnabled(not is_locked)
        self.submit_action.setEnabled(not is_locked)
        self.new_button.setVisible(self._is_done)
        if self.preview and (self._is_done or self.payment.is_following):
            self.preview.clear()
