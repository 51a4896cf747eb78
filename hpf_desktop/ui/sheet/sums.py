"""The sums of some columns over all rows, kept up to date while rows change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from PySide6.QtCore import QObject, QTimer, Signal

from hpf_desktop.tasks import Progress, Task, run
from hpf_desktop.ui.sheet.checker import GIVE_WAY_S
from hpf_desktop.ui.sheet.columns import fen_of
from hpf_desktop.ui.sheet.model import SheetModel

SETTLE_MS = 40  # Checks of many rows come in slices.
AT_ONCE_MAX = 1_000
BITE_ROWS = 200
Texts = tuple[list[str], list[str]]  # as typed, and as filled in where nothing was typed


class Sums(QObject):
    """Few rows are added up at once, many in a worker from copies of their columns."""

    changed = Signal(object)  # fen by column key

    def __init__(self, model: SheetModel, keys: Sequence[str]) -> None:
        super().__init__(model)
        self._model = model
        places = {column.key: number for number, column in enumerate(model.columns)}
        self._places = {key: places[key] for key in keys}
        self._told: dict[str, int] = {}
        self._task: Task | None = None
        self._is_stale = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._add_up)
        if keys:
            model.marked.connect(self._settle.start)

    def _add_up(self) -> None:
        """What changes while it counts is counted after it."""
        if self._task is not None:
            self._is_stale = True
            return
        self._is_stale = False
        store = self._model.store
        columns = {
            key: (store.typed[place], store.filled[place]) for key, place in self._places.items()
        }
        if store.filled_rows <= AT_ONCE_MAX:
            self._tell({key: sum_of(texts) for key, texts in columns.items()})
            return
        copies = {key: (typed[:], filled[:]) for key, (typed, filled) in columns.items()}

        def work(progress: Progress) -> dict[str, int]:
            return {key: sum_of(texts, progress) for key, texts in copies.items()}

        self._task = run(work, self._added_up, self._failed, owner=self)

    def _added_up(self, sums: dict[str, int]) -> None:
        self._task = None
        self._tell(sums)
        if self._is_stale:
            self._settle.start()

    def _tell(self, sums: dict[str, int]) -> None:
        if sums != self._told:
            self._told = sums
            self.changed.emit(sums)

    def _failed(self, fault: Exception) -> None:
        self._task = None
        raise fault


def sum_of(texts: Texts, progress: Progress | None = None) -> int:
    """What cannot be read counts nothing. In a worker it leaves the window room between bites."""
    total, pairs = 0, zip(*texts, strict=True)
    while bite := list(islice(pairs, BITE_ROWS)):
        total += sum(fen_of(typed or filled) or 0 for typed, filled in bite)
        if progress is not None:
            progress(0, 0)
            time.sleep(GIVE_WAY_S)
    return total
