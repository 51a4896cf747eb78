"""The colours of the sheet, light and dark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SheetColours:
    """Each as ``#rrggbb``. A cell's trouble has a background, and a corner in its own colour."""

    text: str
    muted: str  # values the system filled in, hints about what to type
    cell: str
    computed: str  # background of columns that are not typed
    header: str
    header_text: str
    grid: str
    window: str
    button: str
    border: str
    hover: str
    accent: str
    on_accent: str
    selection: str
    error_cell: str
    error: str
    hint_cell: str
    hint: str
    passed: str


LIGHT = SheetColours(
    text="#1f2329",
    muted="#626a76",
    cell="#ffffff",
    computed="#f6f7f9",
    header="#f1f3f5",
    header_text="#1f2329",
    grid="#e4e6ea",
    window="#f4f5f7",
    button="#ffffff",
    border="#d5d9df",
    hover="#eef3fc",
    accent="#1d5fd1",
    on_accent="#ffffff",
    selection="#e5edfc",
    error_cell="#fdeee9",
    error="#d1330d",
    hint_cell="#fff6dd",
    hint="#9e6300",
    passed="#2b7a36",
)
DARK = SheetColours(
    text="#e6e8eb",
    muted="#9aa1ac",
    cell="#1f2125",
    computed="#262931",
    header="#282b30",
    header_text="#e6e8eb",
    grid="#373b42",
    window="#1b1c1f",
    button="#2a2d32",
    border="#43474f",
    hover="#333a47",
    accent="#6ba4ff",
    on_accent="#0d1626",
    selection="#27364f",
    error_cell="#45251d",
    error="#ff8a66",
    hint_cell="#3d3419",
    hint="#f5c451",
    passed="#86c98a",
)
