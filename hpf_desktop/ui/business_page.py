"""What batch pages and form pages have in common: one submission at a time, and its receipt."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from hpf_desktop.answers import Answer, Saved
from hpf_desktop.ui.page import Desk, Page
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.submission import Submission
from server.business.base import Business
from server.business.refusals import Problem


class BusinessPage(Page):
    """A subclass says what is locked, and what problems, refusals and answers mean to it."""

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        self.business = business
        self.saved: Saved | None = None  # the version at the server that this page knows
        self._submission: Submission | None = None
        super().__init__(desk, business.label, business.code, parent)

    # --- For subclasses ---

    def _found(self, problems: tuple[Problem, ...]) -> None:
        raise NotImplementedError

    def _refused(self, error: Exception) -> None:
        raise NotImplementedError

    def _answered(self, answer: Answer) -> None:
        raise NotImplementedError

    def _ended(self) -> None:
        """Nothing is under way any more."""
        raise NotImplementedError

    # --- The submission ---

    def _begin(self, sent: Submission) -> None:
        self._submission = sent
        sent.step.connect(self._step)
        sent.saved.connect(self._version_saved)
        sent.found.connect(self._found)
        sent.refused.connect(self._refused_somehow)
        sent.lost.connect(self._lost)
        sent.answered.connect(self._answered)
        sent.stopped.connect(self._stopped)
        sent.start()

    def _step(self, text: str) -> None:
        if text and self._submission:
            self.waiting.begin(text, self._submission.stop, "停止等待")
        else:
            self.waiting.end()

    def _version_saved(self, saved: Saved) -> None:
        self.saved = saved

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
        self._ended()

    def _show_receipt(self, receipt_no: str) -> None:
        code, title = self.business.code, self.business.receipt
        ReceiptDialog(self.desk, receipt_no, title, code, self).open()
