"""Any business with rows: fill the sheet, save, submit, and hold the receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from hpf_desktop.answers import Answer, Batch, CheckAnswer, PaymentProgress, Saved
from hpf_desktop.log import explain
from hpf_desktop.ui.batch_head import BatchHead
from hpf_desktop.ui.business_page import BusinessPage
from hpf_desktop.ui.messages import Choice, sentence
from hpf_desktop.ui.page import Desk, Menus, button
from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.sheet.sheet import Sheet
from hpf_desktop.ui.submission import Submission
from hpf_desktop.ui.unfinished import UnfinishedDialog
from server.business.base import Business
from server.business.refusals import Level, Problem, Refused, problem

# Kept in the local draft beside the head: which saved batch the rows belong to.
DRAFT_BATCH, DRAFT_VERSION = "_batch_id", "_version"


class BatchPage(BusinessPage):
    """While its rows are being paid another batch may be prepared in their place."""

    def __init__(self, desk: Desk, business: Business, parent: QWidget | None = None) -> None:
        super().__init__(desk, business, parent)
        self.setObjectName(f"batch_{business.code}")
        self._sheet_is_busy = False
        self._is_asking = False  # whether the rows of an earlier run are wanted
        self._left_batch_id: str | None = None
        self.sheet = Sheet(business, desk.colours, self)
        self.head = BatchHead(business, desk.facts.unit, self.sheet, self)
        self._make_actions()
        self._make_top()
        self.column.addWidget(self.head)
        self.column.addWidget(self.sheet, 1)
        self._connect()
        self._facts_are_new()
        self._begin_drafts()
        self._follow_unresolved()

    # --- Building ---

    def _make_actions(self) -> None:
        make = self.command
        self.only_passing_action = make("只提交通过的行", "submit_passing", self.submit_passing)
        self.save_action = make("保存", "save", self.save, "Ctrl+S")
        self.open_action = make("打开业务单…", "open_batch", self.ask_batch, "Ctrl+O")
        self.new_action = make("新建业务单", "new_batch", self.ask_new, "Ctrl+N")

    def _make_top(self) -> None:
        self.top.addWidget(button("打开业务单…", "open_batch_button", self.ask_batch))
        self.top.addWidget(button("新建业务单", "new_batch_button", self.ask_new))
        self.save_button = button("保存", "save_button", self.save)
        self.top.addWidget(self.save_button)
        self.sheet.add_primary(self.submit_action, self.only_passing_action)

    def _connect(self) -> None:
        sheet = self.sheet
        sheet.status_changed.connect(self.counted)
        sheet.told.connect(self.told)
        sheet.draft_saved.connect(self.draft_told)
        sheet.refused.connect(self.bar.show_problem)
        sheet.busy_changed.connect(self._sheet_busy)
        if self.business.takes_from:
            ask = partial(self.desk.session.client.candidates, self.business.code)
            sheet.find_elsewhere(ask, self.show_failure)
        sheet.solve_asked.connect(self.desk.open_business)
        self.head.edited.connect(self._facts_are_new)
        self.head.edited.connect(sheet.touch)
        sheet.commands["check"].triggered.connect(lambda _=False: self.check_at_server())

    def take_focus(self) -> None:
        """A head that is still empty comes before its rows."""
        if self.business.head and not self._is_locked and not self.head.texts():
            self.head.focus_first()
        else:
            self.sheet.setFocus(Qt.FocusReason.OtherFocusReason)

    def menus(self) -> Menus:
        own = [self.new_action, self.open_action, self.save_action, None]
        own += [self.submit_action, self.only_passing_action]
        return [("文件(&F)", own), *self.sheet.menus()]

    # --- Facts and drafts ---

    def _facts_are_new(self) -> None:
        facts = self.desk.facts
        self.sheet.set_facts(facts.unit, self.head.values(facts.unit), facts.persons)
        problems = self.head.show_facts(facts.unit)
        if not self._pays_this:
            self._tell_whole(problems)

    def _show_computed(self, shown: Mapping[str, str]) -> None:
        self.head.show_computed(shown)

    def set_colours(self, colours: SheetColours) -> None:
        self.sheet.set_colours(colours)

    def _begin_drafts(self) -> None:
        drafts, unit_id = self.desk.drafts, self.desk.facts.unit.unit_id
        if drafts is None:
            self.setProperty("draft", "没有本地草稿")
            return
        left = self.sheet.keep_drafts(drafts, unit_id, self._draft_head)
        if left:
            self._is_asking = True
            self._refresh()
            when = left.saved_at.astimezone().strftime("%Y-%m-%d %H:%M")
            self.bar.ask(
                f"上次没有办完：{left.row_count} 行，保存于 {when}。要接着办吗？",
                [("恢复", self._restore), ("放弃", self._forget_draft)],
            )

    def _draft_head(self) -> Mapping[str, str]:
        texts = self.head.texts()
        if self.saved:
            texts |= {DRAFT_BATCH: self.saved.batch_id, DRAFT_VERSION: str(self.saved.version)}
        return texts

    def _restore(self) -> None:
        self._is_asking = False
        self._refresh()
        try:
            head = dict(self.sheet.restore_draft() or {})
        except Refused as unreadable:
            self.show_failure(unreadable)
            return
        batch_id, version = head.pop(DRAFT_BATCH, ""), head.pop(DRAFT_VERSION, "")
        if batch_id and version.isdigit():
            self.saved = Saved(batch_id, int(version))
        self.head.set_texts(head)
        self._facts_are_new()
        self.told.emit(f"已恢复 {self.sheet.row_count} 行")

    def _forget_draft(self) -> None:
        self._is_asking = False
        self._refresh()
        self._drop_draft()

    def _drop_draft(self) -> None:
        """The status bar must not go on telling of a draft that is gone."""
        if self.desk.drafts is not None:
            self.sheet.discard_draft()
            self.draft_told.emit("")

    # --- Saving and opening ---

    def save(self) -> None:
        if self.sheet.is_locked:
            return
        client, code, saved = self.desk.session.client, self.business.code, self.saved
        head, rows = self.head.texts(), self.sheet.texts()

        def work(_: Any) -> Saved:
            if saved is None:
                return client.save_new(code, head, rows)
            return client.save_again(code, saved, head, rows)

        self.work("正在保存…", work, self._saved, self._save_failed)

    def _saved(self, saved: Saved) -> None:
        self.saved = saved
        self.sheet.mark_saved()
        self._drop_draft()
        self.told.emit(f"已保存到服务器：业务单 {saved.batch_id}，第 {saved.version} 版")

    def _save_failed(self, error: Exception) -> None:
        told = explain(error)
        if told.code == "G08" and self.saved:
            batch_id = self.saved.batch_id
            theirs = ("打开对方保存的", lambda: self.open_batch(batch_id))
            self.bar.show_problem(told, [theirs, ("另存为新业务单", self._save_as_new)])
            return
        self.show_failure(error)

    def _save_as_new(self) -> None:
        self.saved = None
        self.save()

    def ask_batch(self) -> None:
        if not self._may_replace():
            return
        dialog = UnfinishedDialog(self.desk, self.business, self)
        dialog.chosen.connect(self.open_batch)
        dialog.key_needed.connect(self.key_needed)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def open_batch(self, batch_id: str) -> None:
        self._read(batch_id, self._loaded)

    def _read(self, batch_id: str, done: Callable[[Batch], None]) -> None:
        client, code = self.desk.session.client, self.business.code
        self.work("正在打开业务单…", lambda _: client.load(code, batch_id), done)

    def _loaded(self, batch: Batch) -> None:
        self._clear()
        self._pays_this = batch.state == "paying"
        self._is_done = batch.state == "posted"
        self._fill(batch)
        self.told.emit(f"已打开业务单 {batch.batch_id}：{len(batch.rows)} 行")
        if self._is_done:
            self.bar.show_problem(problem("G11"))
        elif self._pays_this:
            self.facts_changed.emit()  # They tell which payment is to be followed.
        else:
            self.sheet.check_all(lambda errors, hints: self.check_at_server())

    def _fill(self, batch: Batch) -> None:
        self.saved = Saved(batch.batch_id, batch.version)
        self.head.set_texts(batch.head)
        self._facts_are_new()
        self.sheet.load(batch.rows)
        if self._is_locked:
            self._drop_draft()
        self._refresh()

    def ask_new(self) -> None:
        if self._may_replace():
            self.start_over()

    def start_over(self) -> None:
        self._clear()
        self.head.set_texts({})
        self._facts_are_new()
        self.sheet.load([])

    def bring(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Persons whom another business sent here; nobody twice."""
        if self._is_done and not self._pays_this:
            self.start_over()
        if self._is_locked:
            self.told.emit(sentence(problem("W20")))
            return
        self.told.emit(f"已带入 {self.sheet.bring(rows)} 人")

    def _clear(self) -> None:
        self.saved = self._submission = self._left_batch_id = None
        self._is_asking = False
        self._is_done = self._pays_this = self.head.tells_missing = False
        if not self.payment.is_following:
            self.payment.hide()
        self._refresh()
        self.bar.clear()

    def _may_replace(self) -> bool:
        """Whether what stands in the sheet may give way; asks when it is nowhere else."""
        if self.sheet.is_locked or not self.sheet.has_unsaved or not self.sheet.row_count:
            return self._submission is None
        box = QMessageBox.StandardButton
        chosen = QMessageBox.question(
            self, self.title, f"有 {self.sheet.row_count} 行还没有保存到服务器，要放弃吗？",
            box.Discard | box.Cancel, box.Cancel,
        )  # fmt: skip
        return chosen == box.Discard

    def may_close(self) -> bool:
        """The local draft keeps what is unsaved; only without one is there something to ask."""
        self.keep()
        return (self.desk.drafts is not None and not self._is_locked) or self._may_replace()

    def keep(self) -> None:
        if self.desk.drafts is not None and not self._is_locked and self.sheet.has_unsaved:
            self.sheet.save_draft()

    # --- Checking ---

    def check_at_server(self) -> None:
        """What only the server can know, to its cells: who has an account elsewhere, for one."""
        if self.sheet.is_locked or not self.sheet.row_count:
            return
        client, code = self.desk.session.client, self.business.code
        head, rows = self.head.texts(), self.sheet.texts()
        self.work(
            "正在与服务器核对…", lambda _: client.check(code, head, rows), self._server_checked
        )

    def _server_checked(self, checked: CheckAnswer) -> None:
        self._look_for_choices(checked.problems)
        self.sheet.put_problems(checked.problems)
        self._show_computed(checked.head)
        self.head.put_problems(p for p in checked.problems if p.row is None)
        errors, hints = self.sheet.counts()
        self.told.emit(f"校验完毕：错误 {errors}　提示 {hints}" if errors + hints else "校验通过")

    # --- Submitting ---

    def submit(self) -> None:
        self._check_then(self._submit_all)

    def submit_passing(self) -> None:
        """Rows with errors stay behind in a batch of their own."""
        self._check_then(lambda errors: self._send(only_passing=True))

    def _check_then(self, go_on: Any) -> None:
        if self.sheet.is_locked or self._submission:
            return
        self.bar.clear()
        self.sheet.save_draft()
        self.sheet.check_all(lambda errors, hints: go_on(errors))

    def _submit_all(self, errors: int) -> None:
        if not errors:
            self._send(only_passing=False)
            return
        self.sheet.next_problem()
        self.bar.show_problem(
            problem("G14", count=errors), [("只提交通过的行", self.submit_passing)]
        )

    def _send(self, only_passing: bool) -> None:
        rows = self.sheet.texts()
        if not rows:
            self.bar.show_problem(problem("G10"))
            return
        head = self.head.texts()
        sent = Submission(self.desk, self.business, head, rows, self.saved, only_passing, self)
        self._begin(sent)

    def _version_saved(self, saved: Saved) -> None:
        super()._version_saved(saved)
        self.sheet.mark_saved()
        if self.business.payment:
            self.sheet.save_draft(is_wanted=True)  # Whoever restores it must not pay it again.

    def _put_problems(self, problems: tuple[Problem, ...]) -> None:
        """Back to the cells and fields they speak of."""
        self.head.tells_missing = True
        self.sheet.put_problems(problems)
        self.head.put_problems(p for p in problems if p.row is None)
        if not self.sheet.next_problem():
            self.head.focus_problem()
        errors = [p for p in problems if p.level is Level.ERROR]
        whole = [p for p in errors if p.row is None and not p.key]
        in_head = [p for p in errors if p.row is None] if len(errors) == 1 else []
        told = [*whole, *in_head, problem("G14", count=len(errors))]
        self.bar.show_problem(told[0])

    def _refused(self, error: Exception) -> None:
        self._save_failed(error)

    def _answered(self, answer: Answer) -> None:
        self._left_batch_id = answer.left_batch_id
        self._drop_draft()
        super()._answered(answer)

    def _further_choices(self) -> list[Choice]:
        choices: list[Choice] = [("新建业务单", self.start_over)]
        if left := self._left_batch_id:
            choices.insert(0, ("处理没有通过的行", lambda: self.open_batch(left)))
        return choices

    # --- Its payment ---

    @property
    def _has_content(self) -> bool:
        return self._is_asking or bool(self.sheet.row_count)

    def _resolved(self, payment: PaymentProgress) -> None:
        is_refused_here = self._pays_this and payment.state == "failed"
        super()._resolved(payment)
        if is_refused_here and self._left_batch_id and self.saved:
            # The rows that did not pass have gone to a batch of their own.
            self._read(self.saved.batch_id, self._fill)

    # --- What is locked ---

    @property
    def _is_locked(self) -> bool:
        return super()._is_locked or self._is_asking

    def _refresh(self) -> None:
        is_locked = self._is_locked
        (self.sheet.lock if is_locked else self.sheet.unlock)()
        self.head.lock(is_locked)
        for action in (self.submit_action, self.only_passing_action, self.save_action):
            action.setEnabled(not is_locked)
        self.save_button.setEnabled(not is_locked)

    def _sheet_busy(self, what: str, done: int, total: int) -> None:
        if not what:
            self._sheet_is_busy = False
            self.waiting.end()
            return
        if not self._sheet_is_busy:
            self._sheet_is_busy = True
            self.waiting.begin(f"正在{what}…", self.sheet.cancel)
        self.waiting.progressed(done, total)
