"""Logging without personal data: of an exception only its type, its place and its SQLSTATE."""

from __future__ import annotations

import logging
import traceback


def describe(error: BaseException) -> str:
    """Where an exception arose, without its words: a database's words may quote an ID number."""
    state = getattr(error, "sqlstate", None)
    name = f"{type(error).__name__}{f' ({state})' if state else ''}"
    return name + "\n" + "".join(traceback.format_tb(error.__traceback__))


def configure() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
