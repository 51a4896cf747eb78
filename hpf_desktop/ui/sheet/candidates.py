"""Persons of another unit: asked for by whole numbers, shown covered, forgotten with the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from hpf_desktop import tasks
from hpf_desktop.ui.sheet.editors import Offer
from hpf_desktop.ui.sheet.model import SheetModel
from server.business.base import Business
from server.business.facts import STATUSES, Person
from server.business.identity import with_account_check
from server.business.kinds import DocumentNumber, trimmed
from server.business.transfer import is_account

ASKED_AT_ONCE_MAX = 200
WAIT_MS = 250  # After the last key or change: whoever pastes a hundred rows asks once.
RESIDENT_ID_LENGTH = 18
# Asks the server: the other unit's number, what is sought, and who was found by it.
Ask = Callable[[int, Sequence[str]], dict[str, Person]]


class Candidates(QObject):
    """Nothing is asked for a part of a number, and nothing twice."""

    arrived = Signal()
    failed = Signal(object)

    def __init__(self, business: Business, model: SheetModel, ask: Ask) -> None:
        super().__init__(model)
        self.business, self.model, self.ask = business, model, ask
        self.kind: DocumentNumber = business.field(business.person_key).kind  # type: ignore[assignment]
        self.unit_id: int | None = None
        self._found: dict[str, Person | None] = {}  # by what was sought; None is nobody
        self._wanted: dict[str, None] = {}
        self._typed = ""  # in the editor, and only while it stands there whole
        self._task: tasks.Task | None = None
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._timer.timeout.connect(self._ask)
        model.edited.connect(lambda *_: self.look_at_rows())
        model.rows_moved.connect(self.look_at_rows)

    def take_from(self, unit_id: int | None) -> None:
        """Another unit's people are others."""
        if unit_id == self.unit_id:
            return
        self.unit_id, self._wanted = unit_id, {}
        self._found.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.look_at_rows()

    @property
    def persons(self) -> dict[Any, Person]:
        """As a check finds them: by the value of what was typed."""
        return {
            self.kind.read(text): person
            for text, person in self._found.items()
            if person is not None
        }

    def offers(self, query: str) -> list[Offer]:
        """Of a whole number, once its answer is here."""
        text = trimmed(query)
        self._typed = text if self.is_whole(text) else ""
        person = self._found.get(text)
        if self._typed and text not in self._found:
            self._timer.start()
        if person is None:
            return []
        words = (str(person.account), person.name, f"尾号 {person.id_tail}")
        return [Offer(words[0], (*words, STATUSES[person.status]))]

    def is_whole(self, text: str) -> bool:
        """An account number with its check digit, or as many characters as a resident ID has;
        other documents are asked for when their cell is left."""
        value = self.kind.read(text) or ""
        if is_account(value):
            return with_account_check(int(value) // 10) == int(value)
        return len(value) == RESIDENT_ID_LENGTH

    def look_at_rows(self) -> None:
        """Whoever stands in the sheet and is not known yet."""
        column = self.model.store.faults.column_of[self.business.person_key]
        texts = (trimmed(text) for text in self.model.store.typed[column] if text)
        self._want(text for text in texts if self.kind.read(text) is not None)

    def _want(self, texts: Iterable[str]) -> None:
        if self.unit_id is None:
            return
        self._wanted |= dict.fromkeys(text for text in texts if text not in self._found)
        if self._wanted and self._task is None:
            self._timer.start()

    def _ask(self) -> None:
        unit_id = self.unit_id
        wanted = [self._typed, *self._wanted] if self._typed else [*self._wanted]
        sought = [text for text in wanted if text not in self._found][:ASKED_AT_ONCE_MAX]
        if unit_id is None or not sought or self._task is not None:
            return
        self._task = tasks.run(
            lambda _: self.ask(unit_id, sought),
            lambda found: self._came(sought, found),
            self._broke,
            owner=self,
        )

    def _came(self, sought: Sequence[str], found: dict[str, Person]) -> None:
        self._task = None
        self._found |= {text: found.get(text) for text in sought}
        for text in sought:
            self._wanted.pop(text, None)
        self.arrived.emit()
        if self._wanted:
            self._timer.start()

    def _broke(self, error: Exception) -> None:
        """Asked again when something is typed again, not by itself."""
        self._task, self._typed, self._wanted = None, "", {}
        self.failed.emit(error)
