"""What batch pages and form pages have in common: one submission at a time, its payment followed
to the end, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import Answer, Batch, PaymentProgress, Saved
from hpf_desktop.answers import Page as Rows
from hpf_desktop.log import explain
from hpf_desktop.ui import payment_words
from hpf_desktop.ui.messages import Choice, sentence
from hpf_desktop.ui.page import Desk, Page
from hpf_desktop.ui.payment_panel import PaymentPanel
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.submission import Submission
from server.business.base import Business
from server.business.payment_queries import PAYMENT_PROGRESS
from server.business.refusals import Problem


class BusinessPage(Page):
    """A subclass says what is locked, and where problems and computed values are shown."""

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(desk, business.label, business.code, parent)
        self.business = business
        self.saved: Saved | None = None  # the version at the server that this page knows
        self._submission: Submission | None = None
        self._is_done = False
        self._pays_this = False  # the document on the page is being paid
        self._asks_bank = True
        self._begun_at = ""
        self._whole: Problem | None = None
        self._has_looked_back = False
        # The serial that was seen to end; older facts may still call it paying.
        self._ended_serial = ""
        self.submit_action = self.command("提交", "submit", self.submit, "Ctrl+Return")
        self.payment = PaymentPanel(desk, self)
        self.payment.resolved.connect(self._resolved)
        self.payment.heard.connect(self._heard)
        self.column.addWidget(self.payment)

    # --- For subclasses ---

    def submit(self) -> None:
        raise NotImplementedError

    def start_over(self) -> None:
        """A new document; what was submitted is over."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Shows what is locked now."""
        raise NotImplementedError

    def _facts_are_new(self) -> None:
        """Checks what stands on the page against them; it is not locked."""
        raise NotImplementedError

    def _show_computed(self, shown: Mapping[str, str]) -> None:
        """The head as the server computes it."""
        raise NotImplementedError

    def _put_problems(self, problems: tuple[Problem, ...]) -> None:
        """To their places; the first that is not done well has the focus."""
        raise NotImplementedError

    def _refused(self, error: Exception) -> None:
        raise NotImplementedError

    def _further_choices(self) -> list[Choice]:
        """What one may do once it is posted, besides looking at the receipt."""
        return []

    def _fill(self, batch: Batch) -> None:
        """Puts what is saved at the server on the page."""
        raise NotImplementedError

    @property
    def _has_content(self) -> bool:
        """Whether something stands here that must not give way unasked."""
        raise NotImplementedError

    # --- Facts ---

    @property
    def _is_locked(self) -> bool:
        return self._is_done or self._submission is not None or self._pays_this

    def show_facts(self) -> None:
        super().show_facts()
        is_old = self._ended_serial in self.desk.facts.unit.paying.values()
        if not self._is_locked and not is_old:
            self._facts_are_new()
        self._follow_unresolved()
        self.payment.look_again()

    def _tell_whole(self, problems: Sequence[Problem]) -> None:
        """What the check says of the whole; it goes when it is no longer so."""
        before, self._whole = self._whole, next((p for p in problems if not p.key), None)
        if self._whole:
            self.bar.show_problem(self._whole)
        elif before and sentence(before) in self.bar.text:
            self.bar.clear()

    def _follow_unresolved(self) -> None:
        """A payment that this page did not begin, or in an earlier run; with what it pays, unless
        something else stands here."""
        serial = self.desk.facts.unit.paying.get(self.business.code)
        is_known = self.payment.is_following or serial == self._ended_serial
        if not serial or is_known or self._submission is not None:
            return
        if not self._pays_this and not self._has_content:
            self._pays_this = True
            self._tell_whole(())  # What stands in the way of another one is this one.
            client, code = self.desk.session.client, self.business.code
            self.work("正在打开业务单…", lambda _: client.paying(code), self._paying_loaded)
        self._follow(serial)

    def _paying_loaded(self, batch: Batch | None) -> None:
        if batch is not None and not self._has_content:
            self._fill(batch)

    def shown(self) -> None:
        """The first time, what became of a debit that ended while nobody looked."""
        if self.business.payment is None or self._has_looked_back:
            return
        self._has_looked_back = True
        client, filters = self.desk.session.client, {"kind": self.business.code}
        tasks.run(
            lambda _: client.query(PAYMENT_PROGRESS.code, filters, None, 1),
            self._looked_back,
            lambda error: self.note(explain(error)),
            owner=self,
        )

    def _looked_back(self, found: Rows) -> None:
        """A success shows in the books; a failure would show nowhere."""
        last = found.rows[0] if found.rows else None
        is_busy = self._is_locked or self.payment.is_following or self._ended_serial
        if last is None or is_busy or last["state"] != "failed":
            return
        if payment_words.is_recent(last["begun_at"]):
            self._follow(last["serial"])

    # --- The submission ---

    def _begin(self, sent: Submission) -> None:
        self._submission = sent
        self._begun_at = f"{payment_words.now():%H:%M:%S}"
        sent.step.connect(self._step)
        sent.computed.connect(self._computed)
        sent.saved.connect(self._version_saved)
        sent.found.connect(self._found)
        sent.refused.connect(self._refused_somehow)
        sent.lost.connect(self._lost)
        sent.answered.connect(self._answered)
        sent.stopped.connect(self._stopped)
        self._refresh()
        sent.start()

    def _step(self, text: str) -> None:
        if text and self._submission:
            self.waiting.begin(text, self._submission.stop, "停止等待")
        else:
            self.waiting.end()

    def _computed(self, shown: Mapping[str, str]) -> None:
        self._asks_bank = payment_words.asks_the_bank(shown)
        self._show_computed(shown)

    def _version_saved(self, saved: Saved) -> None:
        self.saved = saved

    def _found(self, problems: tuple[Problem, ...]) -> None:
        """The check refuses, here or at the server; nothing was submitted."""
        self._end_submission()
        self._put_problems(problems)
        self._look_for_choices(problems)

    def _look_for_choices(self, problems: Sequence[Problem]) -> None:
        """A table may have changed since the facts came: what it offers now is asked for."""
        if any(problem.code == "V05" for problem in problems):
            self.facts_changed.emit()

    def _refused_somehow(self, error: Exception) -> None:
        """With places, it goes back to its cells and fields."""
        problems = tuple(getattr(error, "problems", ()))
        if problems:
            self._found(problems)
            return
        self._end_submission()
        self._refused(error)

    def _lost(self, told: Problem) -> None:
        """Locked until the answer is known: nothing may be submitted a second time."""
        self.waiting.end()
        self.network_seen.emit(False)
        sent = self._submission
        if sent:
            text = f"{told.text}。{told.next_step}（{told.code}）"
            self.bar.ask(text, [("再次确认结果", sent.again)])

    def _stopped(self) -> None:
        self._end_submission()
        self.told.emit("没有提交")

    def _end_submission(self) -> None:
        self.waiting.end()
        self._submission = None
        self._refresh()

    def _answered(self, answer: Answer) -> None:
        """Of a debit only its payment tells the outcome, with the times of its stages."""
        self._end_submission()
        self.network_seen.emit(True)
        if self.business.payment and self._asks_bank:
            self._pays_this = True
            self._follow(answer.serial)
            self.facts_changed.emit()
            return
        if self.business.payment:
            self.payment.show_transfer(answer.serial, answer.receipt_no, self._begun_at)
        self._posted(answer.receipt_no, answer.rows)

    # --- The payment ---

    def _follow(self, serial: str) -> None:
        self.payment.follow(serial)
        self._refresh()

    def _heard(self, told: Problem | None) -> None:
        if told is None:
            self.network_seen.emit(True)
        else:
            self.note(told)

    def _resolved(self, payment: PaymentProgress) -> None:
        self._ended_serial = payment.serial
        was_here, self._pays_this = self._pays_this, False
        if payment.state == "posted":
            self._posted(payment.receipt_no, is_here=was_here)
            return
        self._refresh()
        self.facts_changed.emit()
        if payment.problem:
            self.bar.show_problem(payment.problem)

    def _posted(self, receipt_no: str | None, rows: int = 0, is_here: bool = True) -> None:
        self._is_done = self._is_done or is_here
        self._refresh()
        self.facts_changed.emit()
        is_rows = self.business.is_batch and self.business.payment is None
        done = f"已提交 {rows:,} 行" if is_rows else f"{self.business.label}成功"
        text = f"{done}，回单号 {receipt_no}"
        choices = self._further_choices() if is_here else []
        if receipt_no:
            choices.insert(0, ("查看回单", lambda: self._show_receipt(receipt_no)))
        self.bar.tell(text, choices, "passed")
        self.told.emit(text)
        if receipt_no and is_here and self.isVisible():
            self._show_receipt(receipt_no)  # Whoever works on something else is not interrupted.

    def _show_receipt(self, receipt_no: str) -> None:
        code, title = self.business.code, self.business.receipt
        ReceiptDialog(self.desk, receipt_no, title, code, self).open()
