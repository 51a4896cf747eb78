"""Prints one PDF: looks first whether it can be, gives it to the queue, follows it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hpf_desktop.print.page import NotPdf, page_size
from hpf_desktop.print.printers import (
    JobState,
    PrintBackend,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)
from server.business.refusals import Problem, problem

FOLLOW_LIMIT_S = 60.0
PAUSE_S = 0.3


@dataclass(frozen=True)
class Step:
    """Where a job stands, and what its printer says meanwhile."""

    state: JobState
    status: PrinterStatus


@dataclass(frozen=True)
class Outcome:
    """How a printing ended. No job: it was refused, and nothing was sent."""

    state: JobState | None
    job_id: int | None
    problem: Problem | None

    @property
    def text(self) -> str:
        """The words for the operator and for the print log."""
        if self.state is None:
            assert self.problem
            return self.problem.text
        return self.state.value


def preflight(backend: PrintBackend, pdf: bytes, order: PrintOrder) -> Problem | None:
    """Why this order would not be printed now; nothing is sent."""
    if not order.printer:
        return problem("P12")
    try:
        page_size(pdf)
    except NotPdf:
        return problem("P13")
    return backend.status(order.printer).problem(order.printer)


def print_pdf(
    backend: PrintBackend,
    pdf: bytes,
    order: PrintOrder,
    changed: Callable[[Step], None] = lambda step: None,
    limit_s: float = FOLLOW_LIMIT_S,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Waits for the printer for at most `limit_s`: call it in a worker.

    After the limit the job stays in its queue, and the outcome says so. `changed` may raise to stop
    the waiting; the job goes on. Once `stopped` says so it is taken out of the queue.
    """
    trouble = preflight(backend, pdf, order)
    if trouble:
        return Outcome(None, None, trouble)
    try:
        job_id = backend.submit(pdf, order)
    except PrintRefused as refused:
        return Outcome(None, None, refused.status.problem(order.printer))
    step = Step(JobState.QUEUED, PrinterStatus.READY)
    for step in follow(backend, order.printer, job_id, limit_s, stopped):
        changed(step)
    return Outcome(step.state, job_id, _trouble(step, order.printer))


def follow(
    backend: PrintBackend,
    printer: str,
    job_id: int,
    limit_s: float = FOLLOW_LIMIT_S,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Each change of a job, until its last or until the limit."""
    deadline = time.monotonic() + limit_s
    last, is_cancelled = None, False
    while True:
        if stopped() and not is_cancelled:
            backend.cancel(printer, job_id)
            is_cancelled = True
        state = backend.job_state(printer, job_id)
        step = Step(state, PrinterStatus.READY if state.is_final else backend.status(printer))
        if step != last:
            yield step
            last = step
        if state.is_final or time.monotonic() >= deadline:
            return
        time.sleep(PAUSE_S)


def _trouble(step: Step, printer: str) -> Problem | None:
    if step.state is JobState.ABORTED:
        return problem("P10")
    if step.state is JobState.CANCELLED:
        return problem("P11")
    return step.status.problem(printer)
