"""The batch sheet, assembled: toolbar, find bar, grid, problem list, commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from hpf_desktop.drafts import Drafts, DraftSummary
from hpf_desktop.tasks import Task, run
from hpf_desktop.ui.sheet.callout import Callout
from hpf_desktop.ui.sheet.candidates import Ask, Candidates
from hpf_desktop.ui.sheet.checker import Checker
from hpf_desktop.ui.sheet.checking import Facts
from hpf_desktop.ui.sheet.colours import LIGHT, SheetColours
from hpf_desktop.ui.sheet.columns import leading_columns
from hpf_desktop.ui.sheet.commands import COMMANDS, MENUS, make_actions
from hpf_desktop.ui.sheet.files import Files
from hpf_desktop.ui.sheet.find import FindBar, find_all
from hpf_desktop.ui.sheet.keeper import DraftKeeper
from hpf_desktop.ui.sheet.lookup import PeopleIndex
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.problems import ProblemList
from hpf_desktop.ui.sheet.shape import keep_shape, restore_shape
from hpf_desktop.ui.sheet.store import BLANK
from hpf_desktop.ui.sheet.toolbar import Toolbar
from hpf_desktop.ui.sheet.transfer import Transfer
from hpf_desktop.ui.sheet.view import SheetView
from hpf_desktop.ui.sheet.wiring import Arrangement, Watch, connect_commands
from hpf_desktop.ui.theme import scaled
from server.business.base import Business
from server.business.facts import Person, Unit
from server.business.refusals import Level, Problem

NORMALISED_MAX = 5_000
SCALE = 1_000


class Sheet(QWidget):
    """What a batch page holds. It knows no business: the description says everything."""

    changed = Signal()
    status_changed = Signal(str)
    problem_counts_changed = Signal(int, int)
    busy_changed = Signal(str, object, object)
    told = Signal(str)
    refused = Signal(object)
    draft_saved = Signal(str)
    solve_asked = Signal(str, object)  # a business, and what its rows begin with
    imported = Signal(object)  # Problems of level hint: what a file held that was not taken

    def __init__(
        self,
        business: Business,
        colours: SheetColours = LIGHT,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("batch_sheet")
        self.model = SheetModel(business, self)
        self.view = SheetView(self.model, colours, self)
        self.checker = Checker(self.model)
        self.transfer = Transfer(self.view)
        self.files = Files(self.model, self)
        self.commands = make_actions(self)
        self.arrangement = Arrangement(self.model)
        self.toolbar = Toolbar(self.commands)
        self.find_bar = FindBar(self._find)
        self.problem_list = ProblemList(self.model, colours)
        self.callout = Callout(self.view)
        self.watch = Watch(self)
        self.keeper: DraftKeeper | None = None
        self.candidates: Candidates | None = None
        self._index_task: Task | None = None
        self._indexed: Mapping[int, Person] | None = None  # the people the lookup finds
        self._sent: list[int] = []
        self._answered: set[Problem] = set()
        self._is_unsaved = False
        self._column_scale = SCALE
        self._lay_out()
        self._connect()
        self.view.freeze(leading_columns(self.model.columns))
        self.set_colours(colours)
        self.load(())

    @property
    def business(self) -> Business:
        """With the choices in force, as far as the facts have told them."""
        return self.model.store.business

    # --- Rows ------------------------------------------------------------------------------------

    def load(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Replaces everything, forgets the steps and the problems of the whole batch."""
        texts = {}
        for column in (c for c in self.model.columns if c.is_typed):
            given = [row.get(column.key, "") for row in rows]
            # Many rows come from a sheet like this one, where they were made normal already.
            few = len(rows) <= NORMALISED_MAX
            texts[column.key] = column.normal_all(given) if few else given
        self.arrangement.clear()
        self._sent, self.problem_list.batch = [], []
        self.model.load(texts)
        self._is_unsaved = False
        self.view.go_to(0, 0)

    def bring(self, rows: Sequence[Mapping[str, str]]) -> int:
        """Appends, as one step, whoever is not here yet; how many that are."""
        key = self.business.person_key
        here = {row.get(key) for row in self.texts()}
        new = [row for row in rows if row.get(key) not in here]
        if new:
            end = len(self.model.store.states.rstrip(bytes([BLANK])))
            texts = [
                [c.normal(row.get(c.key, "")) if c.is_typed else "" for row in new]
                for c in self.model.columns
            ]
            self.model.insert_texts(end, texts, f"带入 {len(new)} 人")
            self.view.go_to(end, 0)
        return len(new)

    def texts(self) -> list[dict[str, str]]:
        """What the operator gave, without blank rows, in line order; so ``put_problems`` counts."""
        store = self.model.store
        lines = [row for row, state in enumerate(store.states) if state != BLANK]
        self._sent = [store.ids[row] for row in lines]
        columns = [(store.columns[c].key, store.typed[c]) for c in store.typed_columns()]
        return [{key: texts[row] for key, texts in columns if texts[row]} for row in lines]

    @property
    def row_count(self) -> int:
        return self.model.store.filled_rows

    @property
    def has_unsaved(self) -> bool:
        return self._is_unsaved

    def touch(self) -> None:
        """What belongs to the rows without standing in them was changed."""
        self._edited()
        if self.keeper is not None:
            self.keeper.touch()

    def mark_saved(self) -> None:
        self._is_unsaved = False

    # --- Checks and problems ---------------------------------------------------------------------

    def set_facts(
        self, unit: Unit, head_values: Mapping[str, Any], persons: Mapping[int, Person]
    ) -> None:
        self.model.show_as(self.business.in_force(unit))
        elsewhere: Mapping[Any, Person] = {}
        if self.candidates is not None:
            self.candidates.take_from(head_values.get(self.business.takes_from))
            elsewhere = self.candidates.persons
        self.checker.set_facts(Facts(self.business, unit, head_values, persons, elsewhere))
        takes = self.business.takes
        for grid in self.view.grids:
            grid.delegate.now = unit.month_now
        if persons is self._indexed:
            return
        self._indexed = persons
        people = list(persons.values())
        if self._index_task is not None:
            self._index_task.cancel()
        self._index_task = run(
            lambda _: PeopleIndex(people, takes), self._index_made, self._index_failed
        )

    def find_elsewhere(self, ask: Ask, failed: Callable[[Exception], None]) -> None:
        """``ask`` finds the persons of the unit that the head names."""
        self.candidates = Candidates(self.business, self.model, ask)
        self.candidates.failed.connect(failed)
        self.candidates.arrived.connect(self._candidates_came)
        for grid in self.view.grids:
            grid.delegate.candidates = self.candidates

    def _candidates_came(self) -> None:
        facts = self.checker.facts
        if facts is not None and self.candidates is not None:
            self.checker.set_facts(replace(facts, elsewhere=self.candidates.persons))

    def check_all(self, done: Callable[[int, int], None]) -> None:
        self.checker.when_checked(done)

    def counts(self) -> tuple[int, int]:
        """Errors and hints known now, those of the whole batch too."""
        faults, batch = self.model.store.faults, self.problem_list.batch
        errors = sum(p.level is Level.ERROR for p in batch)
        return faults.errors + errors, faults.hints + len(batch) - errors

    def put_problems(self, problems: Iterable[Problem]) -> None:
        """What the server answered, in the cells it names; it goes when a cell is edited."""
        store = self.model.store
        row_of = {row_id: row for row, row_id in enumerate(store.ids)}
        pins: dict[int, list[Problem]] = {}
        self.problem_list.batch = []
        for row in list(store.faults.pinned):
            # What the import said of a cell stays: no later check can know it.
            store.faults.pin(row, [p for p in store.faults.unpin(row) if p not in self._answered])
            pins[row] = []  # Its state is told anew, though it may gain nothing.
        self._answered = set()
        for problem in problems:
            if problem.row is None or not 0 <= problem.row < len(self._sent):
                self.problem_list.batch.append(problem)
                continue
            row = row_of.get(self._sent[problem.row])
            if row is not None and not store.faults.says(row, problem):
                pins.setdefault(row, []).append(problem)
                self._answered.add(problem)
        self.model.put_pins(pins)
        if self.problem_list.batch:
            self.commands["problem_list"].setChecked(True)

    def next_problem(self) -> bool:
        return self.watch.go_to_problem(1)

    def previous_problem(self) -> bool:
        return self.watch.go_to_problem(-1)

    def help_word(self) -> str:
        """Of the current cell: the code of its problem, or its column's label."""
        index, faults = self.view.currentIndex(), self.model.store.faults
        if not index.isValid() or index.column() == self.model.result_column:
            return ""
        here = faults.of_row(self.model.row_at(index.row()))
        codes = (p.code for p in here if faults.column(p) == index.column())
        return next(codes, self.model.columns[index.column()].field.label)

    # --- State -----------------------------------------------------------------------------------

    @property
    def is_locked(self) -> bool:
        return self.model.is_locked

    def lock(self) -> None:
        """Read only, but still to be looked at, searched and copied."""
        self._set_locked(True)

    def unlock(self) -> None:
        self._set_locked(False)

    def _set_locked(self, is_locked: bool) -> None:
        self.model.is_locked = is_locked
        for name, command in COMMANDS.items():
            if command.writes:
                self.commands[name].setEnabled(not is_locked)
        self.watch.show_steps()
        self.find_bar.replace_all.setEnabled(not is_locked)
        self.find_bar.replace_one.setEnabled(not is_locked)
        self.view.viewport().update()

    def set_colours(self, colours: SheetColours) -> None:
        self.model.set_colours(colours)
        self.view.set_colours(colours)
        self.problem_list.set_colours(colours)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """The columns keep their proportion to the letters; who made one wider keeps that too."""
        ratio, self._column_scale = scaled(SCALE) / self._column_scale, scaled(SCALE)
        if ratio != 1:
            for column in range(self.model.columnCount()):
                self.view.setColumnWidth(column, round(self.view.columnWidth(column) * ratio))

    def cancel(self) -> None:
        """Stops whatever runs; rows not checked yet keep waiting until the next change or F9."""
        self.transfer.cancel()
        self.files.cancel()
        self.checker.stop()

    # --- Commands --------------------------------------------------------------------------------

    def menus(self) -> list[tuple[str, list[QAction | None]]]:
        return [
            (title, [None if name is None else self.commands[name] for name in names])
            for title, names in MENUS
        ]

    def add_primary(self, action: QAction, *others: QAction) -> None:
        self.toolbar.add_primary(action, *others)

    def import_path(self, path: Path) -> None:
        self.files.import_path(path)

    # --- Columns and drafts ----------------------------------------------------------------------

    def keep_shape(self, settings: QSettings) -> None:
        """Restores the columns as they were left, and remembers what changes."""
        restore_shape(self.view, settings)
        for header in (self.view.horizontalHeader(),):
            header.sectionResized.connect(lambda *_: keep_shape(self.view, settings))
            header.sectionMoved.connect(lambda *_: keep_shape(self.view, settings))

    def keep_drafts(
        self, drafts: Drafts, unit_id: int, head: Callable[[], Mapping[str, str]]
    ) -> DraftSummary | None:
        """Returns what an earlier run left."""
        self.keeper = DraftKeeper(self.model, drafts, unit_id, head)
        self.keeper.saved.connect(self.draft_saved)
        self.keeper.failed.connect(self._draft_failed)
        return self.keeper.left()

    def save_draft(self, is_wanted: bool = False) -> None:
        """Now, in this thread: before the window closes. ``is_wanted`` even if no row changed."""
        if self.keeper is not None:
            self.keeper.is_wanted |= is_wanted
            self.keeper.save_now()

    def restore_draft(self) -> Mapping[str, str] | None:
        """Raises Refused S22 when the draft was made with another key."""
        if self.keeper is None:
            return None
        draft = self.keeper.drafts.load(self.business.code, self.keeper.unit_id)
        if draft is None:
            return None
        self.load(draft.rows)
        self._is_unsaved = bool(draft.rows)
        return draft.head

    def discard_draft(self) -> None:
        if self.keeper is not None:
            self.keeper.discard()

    # --- Inside ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        splitter = QSplitter(self)
        splitter.setObjectName("sheet_splitter")
        splitter.setOrientation(splitter.orientation().Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.view)
        splitter.addWidget(self.problem_list)
        splitter.setStretchFactor(0, 4)
        splitter.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.toolbar)
        layout.addWidget(self.find_bar)
        layout.addWidget(splitter, 1)
        self.setFocusProxy(self.view)

    def _connect(self) -> None:
        connect_commands(self)
        for part in (self.transfer, self.files, self.checker):
            part.busy.connect(self.busy_changed)
        for part in (self.transfer, self.files):
            part.told.connect(self.told)
            part.refused.connect(self.refused)
        self.files.imported.connect(self.imported)
        self.model.edited.connect(self._edited)
        self.model.rows_moved.connect(self._edited)

    def _edited(self) -> None:
        self._is_unsaved = True
        self.changed.emit()

    def _find(self, sought: Any, is_inside: bool) -> list[Any]:
        blocks = self.view.selected_blocks() if is_inside else None
        return find_all(self.model, sought, self.view.shown_columns(), blocks)

    def _index_made(self, index: PeopleIndex) -> None:
        self._index_task = None
        for grid in self.view.grids:
            grid.delegate.people = index

    def _index_failed(self, fault: Exception) -> None:
        self._index_task = None
        raise fault

    def _draft_failed(self, fault: Exception) -> None:
        reason = getattr(fault, "reason", None)
        if reason is None:
            raise fault
        self.draft_saved.emit(reason.text)
        self.refused.emit(reason)
