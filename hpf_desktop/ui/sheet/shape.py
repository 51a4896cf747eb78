"""Remembers how wide, in what order and how far hidden the columns are, by their keys."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QSettings

from hpf_desktop.ui.sheet.view import SheetView

SCHEMA = 1
WIDTH_MIN, WIDTH_MAX = 36, 1_000
RESULT_KEY = "__result__"


def keep_shape(view: SheetView, settings: QSettings) -> None:
    """By key, not as Qt's bytes: those come out wrong once a business gains a column."""
    keys = _keys(view)
    header = view.horizontalHeader()
    shape = {
        "schema": SCHEMA,
        "widths": {
            key: view.columnWidth(n) for n, key in enumerate(keys) if not view.isColumnHidden(n)
        },
        "order": [keys[header.logicalIndex(visual)] for visual in range(header.count())],
        "hidden": [key for n, key in enumerate(keys) if view.isColumnHidden(n)],
        "frozen": view.frozen_count,
    }
    settings.setValue(_place(view), json.dumps(shape, ensure_ascii=False))


def restore_shape(view: SheetView, settings: QSettings) -> None:
    """What no longer fits the columns is left out; a text from elsewhere changes nothing."""
    try:
        shape: dict[str, Any] = json.loads(str(settings.value(_place(view), "")))
    except ValueError:
        return
    if not isinstance(shape, dict) or shape.get("schema") != SCHEMA:
        return
    keys = _keys(view)
    number = {key: n for n, key in enumerate(keys)}
    for key, width in shape.get("widths", {}).items():
        if key in number:
            view.setColumnWidth(number[key], max(WIDTH_MIN, min(int(width), WIDTH_MAX)))
    header = view.horizontalHeader()
    known = [key for key in shape.get("order", []) if key in number]
    if len(known) == len(keys):
        for visual, key in enumerate(known):
            header.moveSection(header.visualIndex(number[key]), visual)
    view.hide_columns([number[key] for key in shape.get("hidden", []) if key in number])
    frozen = shape.get("frozen", 0)
    view.freeze(frozen if isinstance(frozen, int) and 0 <= frozen < len(keys) else 0)


def _keys(view: SheetView) -> list[str]:
    return [column.key for column in view.sheet.columns] + [RESULT_KEY]


def _place(view: SheetView) -> str:
    return f"sheet/{view.sheet.store.business.code}"
