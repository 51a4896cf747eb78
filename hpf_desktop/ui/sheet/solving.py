"""The business that solves a refusal: offered beside the error, and the persons go along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from server.business.businesses import BUSINESSES
from server.business.refusals import REFUSALS, Problem

if TYPE_CHECKING:
    from hpf_desktop.ui.sheet.sheet import Sheet

LABELS = {business.code: business.label for business in BUSINESSES}
Carried = list[Mapping[str, str]]


def steps_for(problems: Iterable[Problem]) -> dict[str, Carried]:
    """By the code of the business: with what its rows begin, each person once."""
    found: dict[str, Carried] = {}
    for problem in problems:
        code = REFUSALS[problem.code].solved_by if problem.code in REFUSALS else ""
        if code in LABELS and problem.carries:
            carried = found.setdefault(code, [])
            if problem.carries not in carried:
                carried.append(problem.carries)
    return found


def words_for(code: str, persons: int = 1) -> str:
    return f"去办理{LABELS[code]}" + (f"（{persons} 人）" if persons > 1 else "")


def steps_here(sheet: Sheet) -> dict[str, Carried]:
    """Of the row where the cursor is."""
    model, index = sheet.model, sheet.view.currentIndex()
    if not index.isValid() or index.row() >= model.rowCount():
        return {}
    return steps_for(model.store.faults.of_row(model.row_at(index.row())))


def show_step(sheet: Sheet) -> str:
    """The command names the first step of the row; returns what the note under the cell adds."""
    steps, command = steps_here(sheet), sheet.commands["solve"]
    code = next(iter(steps), "")
    command.setEnabled(bool(code))
    command.setText(words_for(code) if code else "去办理相应的业务")
    return f"{command.shortcut().toString()} {command.text()}" if code else ""


def take_step(sheet: Sheet) -> None:
    """To the business that solves the current row's problem."""
    for code, carried in steps_here(sheet).items():
        sheet.solve_asked.emit(code, carried)
        return
