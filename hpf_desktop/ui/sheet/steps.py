"""Every change of the sheet as one step that can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from hpf_desktop.ui.sheet.store import Rows, Taken
from server.business.refusals import Problem

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.model import SheetModel

Pins = dict[int, tuple[Problem, ...]]


class Write(QUndoCommand):
    """New texts for some cells: the same source rows in each column of ``blocks``.

    ``grown`` blank rows are added at the end first, so that a long paste is still one step. What
    was pinned to the cells goes with the old texts; ``pins`` come with the new ones.
    """

    def __init__(
        self,
        model: SheetModel,
        title: str,
        rows: Rows,
        blocks: dict[int, list[str]],
        grown: int = 0,
        pins: Pins | None = None,
    ) -> None:
        super().__init__(title)
        self.model, self.rows, self.new = model, rows, blocks
        self.new_pins: Pins = pins or {}
        self.added = model.blank_rows(grown) if grown else None
        self.old: dict[int, list[str]] = {}
        self.old_pins: Pins = {}

    def redo(self) -> None:
        if self.added is not None:
            self.model.insert_rows(self.added)
        self.old = self.model.store.read(self.rows, self.new)
        self.old_pins = self.model.unpin(self.rows, self.new)
        self.model.write(self.rows, self.new, self.new_pins)

    def undo(self) -> None:
        self.model.unpin(self.rows, self.new)
        self.model.write(self.rows, self.old, self.old_pins)
        if self.added is not None:
            self.model.remove_rows(self.added.rows)


class Insert(QUndoCommand):
    """Rows that come in."""

    def __init__(self, model: SheetModel, title: str, taken: Taken) -> None:
        super().__init__(title)
        self.model, self.taken = model, taken

    def redo(self) -> None:
        self.model.insert_rows(self.taken)

    def undo(self) -> None:
        self.model.remove_rows(self.taken.rows)


class Remove(QUndoCommand):
    """Rows that go; ``rows`` ascending."""

    def __init__(self, model: SheetModel, title: str, rows: Rows) -> None:
        super().__init__(title)
        self.model, self.rows = model, rows
        self.taken: Taken | None = None

    def redo(self) -> None:
        self.taken = self.model.remove_rows(self.rows)

    def undo(self) -> None:
        assert self.taken is not None, "redo comes before undo"
        self.model.insert_rows(self.taken)
