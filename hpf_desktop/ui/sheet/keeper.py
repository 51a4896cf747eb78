"""Keeps a draft of the sheet: seconds after the last change, the changed rows, in a worker."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping

from PySide6.QtCore import QDateTime, QObject, QTimer, Signal

from hpf_desktop.drafts import Drafts, DraftSummary
from hpf_desktop.tasks import Progress, Task, run
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.store import BLANK, Store
from server.business.refusals import Refused

IDLE_MS = 5_000
Head = Callable[[], Mapping[str, str]]


class DraftKeeper(QObject):
    """One save at a time; what changes during one waits for the next."""

    saved = Signal(str)
    failed = Signal(object)

    def __init__(self, model: SheetModel, drafts: Drafts, unit_id: int, head: Head) -> None:
        super().__init__(model)
        self.model, self.drafts, self.unit_id, self.head = model, drafts, unit_id, head
        self.task: Task | None = None
        self.is_wanted = False
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(IDLE_MS)
        self.timer.timeout.connect(self.save)
        model.edited.connect(self.touch)
        model.rows_moved.connect(self.touch)

    def left(self) -> DraftSummary | None:
        """What an earlier run did not finish."""
        ours = (self.model.store.business.code, self.unit_id)
        drafts = self.drafts.list()
        return next(
            (d for d in drafts if (d.business_code, d.unit_id) == ours and d.row_count), None
        )

    def touch(self) -> None:
        """Something changed: the wait begins anew."""
        self.is_wanted = True
        self.timer.start()

    def save(self) -> None:
        if not self.is_wanted or self.task is not None:
            return
        work, ids = self._work()
        self.task = run(
            work, lambda _: self._done(ids), lambda fault: self._broke(ids, fault), self
        )

    def save_now(self) -> None:
        """In this thread, for closing. An unfinished save is simply done again."""
        if not self.is_wanted:
            return
        if self.task is not None:
            self.task.cancel()
            self.model.written.append(self.model.store.ids[:])
        work, ids = self._work()
        try:
            work(lambda done, total: None)
        except Refused as fault:
            self._broke(ids, fault)
        else:
            self._done(ids)

    def discard(self) -> None:
        self.timer.stop()
        self.is_wanted = False
        self.drafts.discard(self.model.store.business.code, self.unit_id)
        self.model.written = [self.model.store.ids[:]]

    def _work(self) -> tuple[Callable[[Progress], None], set[int]]:
        """Copies in the GUI thread, all else in the worker."""
        store, drafts, unit_id = self.model.store, self.drafts, self.unit_id
        ids: set[int] = set().union(*self.model.written)
        self.model.written = []
        self.is_wanted = False
        count = last_filled(store) + 1
        order, head = store.ids[:count], dict(self.head())
        typed = store.typed_columns()
        columns = {store.columns[c].key: store.typed[c][:count] for c in typed}
        code = store.business.code

        def work(progress: Progress) -> None:
            changed = {
                row_id: {key: texts[row] for key, texts in columns.items() if texts[row]}
                for row, row_id in enumerate(order)
                if row_id in ids
            }
            drafts.save(code, unit_id, head, changed, order)

        return work, ids

    def _done(self, ids: set[int]) -> None:
        self.task = None
        self.saved.emit(f"草稿已自动保存 {QDateTime.currentDateTime().toString('HH:mm:ss')}")
        if self.is_wanted and not self.timer.isActive():
            self.timer.start()

    def _broke(self, ids: set[int], fault: Exception) -> None:
        """The rows are still unsaved; the next change tries again."""
        self.task = None
        self.model.written.append(array("q", ids))
        self.is_wanted = True
        self.failed.emit(fault)


def last_filled(store: Store) -> int:
    """The last row with anything in it; -1 when there is none."""
    return len(store.states.rstrip(bytes([BLANK]))) - 1
