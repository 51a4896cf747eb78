"""One document on its way to the ledger: check, save, sign, submit; batches and forms share it.

It is the one file between page and client because two kinds of page submit, and because what was
submitted must outlive a lost answer: the same key is sent again, never a second document.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from PySide6.QtCore import QObject, Signal

from hpf_desktop import tasks
from hpf_desktop.answers import Approval, CheckAnswer, Saved
from hpf_desktop.log import explain
from hpf_desktop.session import Document
from hpf_desktop.ui.login.approve import ApprovalDialog, Summary
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.payment_words import sources
from server.business.base import Business
from server.business.refusals import Level, Problem, problem

Texts = Mapping[str, str]

# Nobody knows whether the submission arrived: only the same key may be sent again.
LOST = ("N06", "N07", "N09", "N12")


class Submission(QObject):
    """Exactly one of ``answered``, ``found``, ``refused``, ``lost`` and ``stopped`` ends a step.

    After ``lost`` the owner keeps the submission and calls ``again`` until an answer comes.
    """

    step = Signal(str)  # what is waited for
    computed = Signal(object)  # the head as the server computes it
    saved = Signal(object)  # Saved
    found = Signal(object)  # tuple of problems: the server's check refuses, nothing was submitted
    refused = Signal(object)  # Exception
    lost = Signal(object)  # Problem
    answered = Signal(object)  # Answer
    stopped = Signal()

    def __init__(
        self,
        desk: Desk,
        business: Business,
        head: Texts,
        rows: Sequence[Texts],
        saved: Saved | None,
        only_passing: bool = False,
        parent: QObject | None = None,
        codes: Texts = MappingProxyType({}),
    ) -> None:
        """``codes`` go beside the document: neither saved nor signed, and forgotten with this."""
        super().__init__(parent)
        self._desk, self._business, self._saved = desk, business, saved
        self._document = Document(business.code, head, rows, only_passing, str(uuid.uuid4()))
        self._codes = codes
        self._approval: Approval | None = None
        self._is_approved = False
        self._task: tasks.Task | None = None
        self._dialog: ApprovalDialog | None = None

    def start(self) -> None:
        self.step.emit("正在校验并保存…")
        self._task = tasks.run(self._check_and_save, self._checked, self.refused.emit, owner=self)

    def again(self) -> None:
        """After ``lost``: the first answer comes back, however often it is asked for."""
        assert self._saved is not None
        client, code, document = self._desk.session.client, self._business.code, self._document
        saved, approval, codes = self._saved, self._approval, self._codes
        self.step.emit("正在提交…")
        self._task = tasks.run(
            lambda _: client.submit(
                code,
                saved,
                document.only_passing,
                approval,
                document.key,
                document.amount_fen,
                codes,
            ),
            self.answered.emit,
            self._submit_failed,
            owner=self,
        )

    def stop(self) -> None:
        """Before the approval nothing has happened; after it the answer is just not awaited."""
        if self._task:
            self._task.cancel()
        if self._is_approved:
            self.lost.emit(problem("W02"))
        else:
            self.stopped.emit()

    def _check_and_save(self, progress: tasks.Progress) -> tuple[CheckAnswer, Saved | None]:
        """In a worker. What the check refuses is not saved, and no PIN is asked for it."""
        client, code, document = self._desk.session.client, self._business.code, self._document
        checked = client.check(code, document.head, document.rows)
        bad = _bad_rows(checked.problems)
        if self._business.payment and document.only_passing and 0 < len(bad) < len(document.rows):
            # What is signed is what the passing rows alone come to.
            passing = [row for number, row in enumerate(document.rows) if number not in bad]
            alone = client.check(code, document.head, passing)
            whole = [p for p in alone.problems if p.row is None]
            in_rows = [p for p in checked.problems if p.row is not None]
            checked = CheckAnswer(alone.head, (*whole, *in_rows))
        if _refuses(checked.problems, document):
            return checked, None
        progress(1, 2)
        if self._saved is None:
            return checked, client.save_new(code, document.head, document.rows)
        return checked, client.save_again(code, self._saved, document.head, document.rows)

    def _checked(self, result: tuple[CheckAnswer, Saved | None]) -> None:
        checked, saved = result
        if saved is None:
            self.found.emit(checked.problems)
            return
        self._saved = saved
        self._document = replace(self._document, amount_fen=self._amount_fen(checked))
        self.computed.emit(checked.head)
        self.saved.emit(saved)
        self.step.emit("")
        self._ask(self._summary(checked))

    def _amount_fen(self, checked: CheckAnswer) -> int | None:
        """What is about to be shown and signed; the server refuses any other amount."""
        payment = self._business.payment
        if payment is None:
            return None
        return self._business.field(payment.amount).kind.read(checked.head.get(payment.amount, ""))

    def _ask(self, summary: Summary) -> None:
        desk = self._desk
        parent = self.parent()
        self._dialog = ApprovalDialog(desk.keys, desk.session, self._document, summary, parent)
        self._dialog.approved.connect(self._approved)
        self._dialog.rejected.connect(self.stopped)
        self._dialog.finished.connect(self._dialog.deleteLater)
        self._dialog.open()

    def _approved(self, approval: Approval | None) -> None:
        self._approval, self._is_approved = approval, True
        self.again()

    def _submit_failed(self, error: Exception) -> None:
        told = explain(error)
        if told.code in LOST:
            self.lost.emit(problem("W02"))
        else:
            self.refused.emit(error)

    def _summary(self, checked: CheckAnswer) -> Summary:
        payment, rows = self._business.payment, self._document.rows
        bad = len(_bad_rows(checked.problems))
        note = f"只提交通过的行；{bad} 行留在新的业务单中" if bad else self._changes()
        return Summary(
            self._business.label,
            self._desk.facts.unit.name,
            len(rows) - bad if self._business.is_batch else None,
            checked.head.get(payment.amount, "") if payment else "",
            sources(checked.head) if payment else "",
            note,
        )

    def _changes(self) -> str:
        """Which of today's values are typed anew."""
        typed = self._document.head
        labels = [f.label for f in self._business.head if f.today and f.key in typed]
        return f"变更：{'、'.join(labels)}" if labels else ""


def _bad_rows(problems: Sequence[Problem]) -> set[int]:
    return {p.row for p in problems if p.level is Level.ERROR and p.row is not None}


def _refuses(problems: Sequence[Problem], document: Document) -> bool:
    errors = [p for p in problems if p.level is Level.ERROR]
    if not document.only_passing:
        return bool(errors)
    is_whole = any(p.row is None for p in errors)
    return is_whole or len(_bad_rows(problems)) == len(document.rows)
