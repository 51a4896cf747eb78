"""The program's own log: what broke and where, never whose data it was."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

from hpf_desktop.settings import private_folder
from server.business.refusals import Problem, Refused, problem

FILE_MAX_BYTES = 1_000_000
FILES_KEPT = 3
FRAMES_MAX = 12

log = logging.getLogger("hpf_desktop")


def open_log(folder: Path) -> None:
    """A program whose log cannot be written works on without it."""
    from logging.handlers import RotatingFileHandler  # Late: it brings the network modules.

    try:
        file = private_folder(folder) / "hpf_desktop.log"
        handler = RotatingFileHandler(file, "a", FILE_MAX_BYTES, FILES_KEPT, "utf-8")
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def close_log() -> None:
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


def explain(error: BaseException) -> Problem:
    """What a person is told. Anything but a refusal is logged under a number to read out."""
    if isinstance(error, Refused):
        return error.reason
    report = os.urandom(4).hex().upper()
    log.error("report %s: %s", report, describe(error))
    return problem("W01", report=report)


def describe(error: BaseException) -> str:
    """Types and places. Not the words: an exception's text may quote what an operator typed."""
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < 4:
        names.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return " < ".join(names) + " at " + " > ".join(places)
