"""A limit for calls into a print service, whose libraries know none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from hpf_desktop.print.printers import PrinterStatus, PrintRefused

T = TypeVar("T")

CALL_LIMIT_S = 5.0


def within_limit(call: Callable[[], T], limit_s: float = CALL_LIMIT_S) -> T:
    """Raises PrintRefused when no answer came; the call itself cannot be stopped, and is left."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - Raised again where it is waited for.
            answer.set_exception(error)

    Thread(target=work, name="print-call", daemon=True).start()
    try:
        return answer.result(limit_s)
    except TimeoutError:
        raise PrintRefused(PrinterStatus.SERVICE_UNAVAILABLE) from None
