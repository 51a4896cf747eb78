"""Rows as the server's queries give them, for pages under test."""

from __future__ import annotations

from typing import Any

from tests.fakes.client import DUE_FEN


def months() -> list[dict[str, Any]]:
    """July has one person more, one less and one changed; August is as July."""
    shapes = (
        ("2026-07", 12_290_600, 120_000, 80_000, 15_000, DUE_FEN, 35, 1, 1, 1),
        ("2026-08", DUE_FEN, 0, 0, 0, DUE_FEN, 35, 0, 0, 0),
        ("2026-09", DUE_FEN, 0, 0, 0, DUE_FEN, 35, 0, 0, 0),
    )
    keys = (
        "month", "before_fen", "added_fen", "removed_fen", "changed_fen", "due_fen",
        "persons", "added", "removed", "changed",
    )  # fmt: skip
    return [dict(zip(keys, shape, strict=True)) | {"_key": shape[0]} for shape in shapes]


def month_people() -> list[dict[str, Any]]:
    """Who stands behind July's equation."""
    shapes = (
        (100000000001, "赵子", "1", "03", None, 120_000, 120_000),
        (100000000002, "陶秀杰", "2", "05", 80_000, None, -80_000),
        (100000000003, "段雨玉", "3", "10", 90_000, 105_000, 15_000),
        (100000000004, "蒋霞", "0", None, 95_000, 95_000, 0),
    )
    keys = (
        "account", "name", "change", "event", "before_fen", "after_fen", "difference_fen",
    )  # fmt: skip
    return [
        dict(zip(keys, shape, strict=True)) | {"_key": str(shape[0]), "month": "2026-07"}
        for shape in shapes
    ]
