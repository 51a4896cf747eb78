"""Prints one PDF: looks first whether it can be, gives it to the queue, follows it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hpf_desktop.print.page import NotPdf, page_size
from hpf_desktop.print.printers import (
    JobState,
    PrintBackend,
    PrinterStatus,
    PrintOrder,
    PrintRefused,
)
from server.business.refusals import Problem, problem

# After the last news of the job: whoever fetches paper is back by then, and a matrix printer that
# tells no pages has done what one job holds.
QUIET_LIMIT_S = 600.0
CANCEL_LIMIT_S = 5.0
PAUSE_S = 0.3


@dataclass(frozen=True)
class Step:
    """Where a job stands, and what its printer says meanwhile. How many pages are out nobody tells:
    a queue counts what its filters passed on, long before it is paper."""

    printer: str
    state: JobState
    status: PrinterStatus

    @property
    def problem(self) -> Problem | None:
        """What keeps it from going on, or kept it from its end."""
        if self.state in ENDS:
            return problem(ENDS[self.state], printer=self.printer) if ENDS[self.state] else None
        if self.state is JobState.UNKNOWN and self.status is not PrinterStatus.UNKNOWN_PRINTER:
            return None  # On some systems every job that is printed is gone.
        if trouble := self.status.problem(self.printer):
            return trouble
        return problem("P17") if self.state is JobState.HELD else None

    @property
    def text(self) -> str:
        words = self.status.text if self.status is PrinterStatus.CONNECTING else self.state.value
        return f"{words}：{self.printer}"


ENDS = {
    JobState.COMPLETED: "",
    JobState.CANCELLED: "P11",
    JobState.ABORTED: "P10",
    JobState.WITHDRAWN: "P14",
}


@dataclass(frozen=True)
class Outcome:
    """How a printing ended. No job: it was refused, and nothing was sent."""

    state: JobState | None
    job_id: int | None
    problem: Problem | None
    printer: str = ""

    @property
    def text(self) -> str:
        """The words for the operator and for the print log."""
        if self.state is None:
            assert self.problem
            return self.problem.text
        return self.state.value

    @property
    def is_in_queue(self) -> bool:
        """It may still come, by itself."""
        return self.job_id is not None and self.state is not None and not self.state.is_final


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
    limit_s: float = QUIET_LIMIT_S,
    stopped: Callable[[], bool] = lambda: False,
    accepted: Callable[[int], None] = lambda job_id: None,
) -> Outcome:
    """Call it in a worker; it waits until `limit_s` have brought no news of the job.

    After the limit the job stays in its queue, and the outcome says so. `changed` may raise to stop
    the waiting; the job goes on. Once `stopped` says so it is taken out of the queue. `accepted` is
    called when the queue has the job and has not begun to print it.
    """
    trouble = preflight(backend, pdf, order)
    if trouble:
        return Outcome(None, None, trouble)
    try:
        job_id = backend.submit(pdf, order, accepted)
    except PrintRefused as refused:
        return Outcome(None, None, refused.status.problem(order.printer))
    return ended(follow(backend, order.printer, job_id, limit_s, stopped), job_id, changed)


def ended(
    steps: Iterator[Step], job_id: int, changed: Callable[[Step], None] = lambda step: None
) -> Outcome:
    """What the last of a job's steps comes to."""
    for step in steps:
        changed(step)
    trouble = step.problem
    if not step.state.is_final:
        trouble = trouble or problem("P16", printer=step.printer)
    return Outcome(step.state, job_id, trouble, step.printer)


def follow(
    backend: PrintBackend,
    printer: str,
    job_id: int,
    limit_s: float = QUIET_LIMIT_S,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Each change of a job, at least one, until its last or until nothing changes any more."""
    last = Step(printer, JobState.QUEUED, PrinterStatus.READY)
    yield last
    deadline, is_stopped, has_begun = time.monotonic() + limit_s, False, False
    while True:
        if stopped():
            backend.cancel(printer, job_id)
            if not is_stopped:
                deadline, is_stopped = time.monotonic() + CANCEL_LIMIT_S, True
        step = _look(backend, job_id, last)
        has_begun = has_begun or step.state is JobState.PRINTING
        if has_begun and step.state is JobState.WITHDRAWN:
            # A queue that is taken away with its printer forgets when its jobs began.
            step = replace(step, state=JobState.CANCELLED)
        if step != last:
            yield step
            last = step
            deadline = deadline if is_stopped else time.monotonic() + limit_s
        if step.state.is_final or time.monotonic() >= deadline:
            return
        time.sleep(PAUSE_S)


def _look(backend: PrintBackend, job_id: int, last: Step) -> Step:
    """A service that does not answer leaves the job where it was: it may come back with it."""
    printer = last.printer
    try:
        state = backend.job_state(printer, job_id)
    except PrintRefused as refused:
        return replace(last, status=refused.status)
    is_over = state.is_final and state is not JobState.UNKNOWN
    status = PrinterStatus.READY if is_over else backend.status(printer)
    return Step(printer, state, status)
