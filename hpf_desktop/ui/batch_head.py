"""The head of a batch: what is typed above the rows, and what the rows come to under it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.sheet.sheet import Sheet
from hpf_desktop.ui.sheet.sums import Sums
from server.business.base import Business
from server.business.check import check_head, parse_texts
from server.business.facts import Unit
from server.business.refusals import Problem

COLUMNS = 4  # The head of a sheet must leave the rows their room.


class BatchHead(FieldForm):
    """Follows the rows by itself, without the server; Tab and Enter lead from it to them."""

    def __init__(
        self, business: Business, unit: Unit, sheet: Sheet, parent: QWidget | None = None
    ) -> None:
        super().__init__(business.shown_head, COLUMNS, parent)
        self.setVisible(bool(business.shown_head))
        self.tells_missing = False  # An empty field is no error before the first submission.
        self._business, self._unit = business, unit
        self._sums: Mapping[str, int] = {}
        sums = Sums(sheet.model, [f.sum_of for f in business.head if f.sum_of])
        sums.changed.connect(self._summed)
        editors = [self.editor(field.key) for field in self.fields]
        for before, after in pairwise([*editors, sheet.view]):
            QWidget.setTabOrder(before, after)
        to_rows = QShortcut(QKeySequence("Return"), self, sheet.setFocus)
        to_rows.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def values(self, unit: Unit) -> dict[str, Any]:
        """What is typed, as far as it can be read."""
        return parse_texts(self._business.in_force(unit).head, self.texts(), None)[0]

    def show_facts(self, unit: Unit) -> list[Problem]:
        """Returns what a check of the head alone finds."""
        self._unit = unit
        self.offer(unit)
        return self._show()

    def _summed(self, sums: Mapping[str, int]) -> None:
        self._sums = sums
        self._show()

    def _show(self) -> list[Problem]:
        checked = check_head(self._business, self._unit, self.texts(), None, rows=[self._sums])
        kinds = {f.key: f.kind for f in self.fields}
        self.show_computed({key: kinds[key].show(v) for key, v in checked.head.items()})
        if not self.is_locked:  # What is being paid, or was, is not checked again.
            self.put_problems(p for p in checked.problems if p.code != "V01" or self.tells_missing)
        return checked.problems
