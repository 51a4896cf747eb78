"""Keeps the sheet checked: a few edited rows at once, many in the background, repeats over all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from hpf_desktop.tasks import Progress, Task, run
from hpf_desktop.ui.sheet.checking import Checked, Facts, check_rows, repeats
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.store import BLANK, UNCHECKED

AT_ONCE_MAX = 200  # At 30 us a row this stays far below what a person notices.
SLICE_ROWS = 2_000  # One slice is put into the sheet in the GUI thread, well within 50 ms.
# Python gives one thread the interpreter for 5 ms on end; the GUI thread, which asks for it many
# times in one repaint, would stand still. A worker that sleeps every millisecond leaves it room.
GIVE_WAY_S = 0.000_1
Done = Callable[[int, int], None]


class Checker(QObject):
    """A row's state says whether it waits for its check; such rows are looked for after a change.

    The background takes copies of one slice of rows at a time. What was edited meanwhile keeps its
    newer state; when rows moved meanwhile, the slice is dropped and taken again.
    """

    busy = Signal(str, object, object)
    failed = Signal(object)

    def __init__(self, model: SheetModel) -> None:
        super().__init__(model)
        self.model = model
        self.facts: Facts | None = None
        self.task: Task | None = None
        self._touched: set[int] = set()
        self._has_moved = False
        self._total = 0
        self._waiting: list[Done] = []
        model.edited.connect(self._edited)
        model.rows_moved.connect(self._rows_moved)

    def set_facts(self, facts: Facts) -> None:
        """New facts make every check out of date."""
        self.stop()
        self.facts = facts
        self.model.store.doubt_all()
        self.look()

    def when_checked(self, done: Done) -> None:
        """Calls ``done(errors, hints)`` once nothing waits any more."""
        self._waiting.append(done)
        self.look()

    def look(self) -> None:
        """Checks what waits: now when it is little, else slice by slice in the background."""
        if self.facts is None or self.task is not None:
            return
        rows = self.model.store.waiting_rows(SLICE_ROWS)
        if len(rows) > AT_ONCE_MAX:
            self._start_slice(self.facts, rows)
            return
        self._check_now(self.facts, rows)
        self._settle(rows)

    def stop(self) -> None:
        """Drops a run under way; its rows keep waiting, and so does nobody else."""
        self._waiting.clear()
        if self.task is not None:
            self.task.cancel()
            self._end_run()

    def _edited(self, rows: Sequence[int]) -> None:
        """Rows edited during a run are checked at once when they are few, else in their turn."""
        if self.task is None:
            self.look()
            return
        self._touched.update(rows)
        if self.facts is not None and len(rows) <= AT_ONCE_MAX:
            waiting = [row for row in rows if self.model.store.states[row] == UNCHECKED]
            self._check_now(self.facts, waiting)
            self.model.tell_rows(rows)

    def _rows_moved(self) -> None:
        self._has_moved = True

    def _check_now(self, facts: Facts, rows: Sequence[int]) -> None:
        store = self.model.store
        if rows:
            store.put_checked(check_rows(facts, store.columns, rows, store.texts_of(rows)))

    def _start_slice(self, facts: Facts, rows: list[int]) -> None:
        store = self.model.store
        texts, columns = store.texts_of(rows), store.columns
        self._touched, self._has_moved = set(), False
        waiting = store.states.count(UNCHECKED)
        self._total = max(self._total, waiting)
        self.busy.emit("校验", self._total - waiting, self._total)

        def work(progress: Progress) -> Checked:
            def give_way(done: int, total: int) -> None:
                progress(done, total)
                time.sleep(GIVE_WAY_S)

            return check_rows(facts, columns, rows, texts, give_way)

        self.task = run(work, self._slice_checked, self._slice_failed)

    def _slice_checked(self, checked: Checked) -> None:
        self.task = None
        if not self._has_moved:
            self.model.store.put_checked(checked, self._touched)
            self.model.tell_rows(checked.rows)
        if self.model.store.states.count(UNCHECKED) == 0:
            self._end_run()
        self.look()

    def _slice_failed(self, fault: BaseException) -> None:
        self._end_run()
        self.failed.emit(fault)

    def _end_run(self) -> None:
        self.task, self._total = None, 0
        self.busy.emit("", 0, 0)

    def _settle(self, rows: Sequence[int]) -> None:
        """Nothing waits: repeats are found over all rows, and whoever waited is told."""
        store, facts = self.model.store, self.facts
        assert facts is not None
        changed: set[int] = set()
        if store.repeats_stale:
            changed = store.faults.put_repeats(repeats(facts.business, store.keys))
            store.repeats_stale = False
            for row in changed:
                if store.states[row] != BLANK:
                    store.set_state(row)
        self.model.tell_rows({*rows, *changed})
        if self._total:
            self._end_run()
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(store.faults.errors, store.faults.hints)
