"""Printing receipts, one or many: counted at the server, merged into jobs, followed to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING

from hpf_desktop import tasks
from hpf_desktop.print.job import Outcome, Step, ended, follow, print_pdf
from hpf_desktop.print.page import merge
from hpf_desktop.print.printers import JobState, PrintBackend, PrintRefused
from hpf_desktop.settings import Printing
from hpf_desktop.ui.document_view import default_printer, order_of
from server.business.refusals import Problem, Refused, problem

if TYPE_CHECKING:
    from hpf_desktop.answers import Print
    from hpf_desktop.client import Client

JOB_RECEIPTS_MAX = 100  # After a jam no more than these were counted and may have to come again.


@dataclass(frozen=True)
class Receipt:
    """One that is to be printed; ``form`` is its business, for which a printer is set."""

    number: str
    form: str


@dataclass(frozen=True)
class Printed:
    """How far it came: the first ``sent`` of ``receipts`` went to a queue; how the last job ended,
    the place at which that job begins, and as what it was counted."""

    receipts: tuple[Receipt, ...]
    sent: int
    job_at: int
    outcome: Outcome
    made: tuple[str, ...] = ()

    @property
    def begin(self) -> int:
        """Where one would go on: at the first that was not sent; of a job only the paper tells."""
        is_clear = self.outcome.problem is None or self.outcome.state is None
        return self.sent if is_clear and self.sent < len(self.receipts) else self.job_at

    @property
    def is_whole(self) -> bool:
        return self.sent == len(self.receipts) and self.outcome.problem is None


@dataclass(frozen=True)
class Job:
    """One job's end; nothing was printed where ``made`` is empty."""

    outcome: Outcome
    made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Printer:
    """Where to, with whom it is counted, who is told of each step, and how it is stopped."""

    backend: PrintBackend
    client: Client
    printing_of: Callable[[str], Printing]
    progress: tasks.Progress
    stop: Event
    changed: Callable[[Step], None] = lambda step: None

    def print(
        self,
        receipts: Sequence[Receipt],
        one_by_one: bool = False,
        before: Printed | None = None,
    ) -> Printed:
        """In a worker. Job after job, the next when the last has ended, so that the sheets come in
        order; until one meets trouble or ``stop`` is set. What is left of ``before`` leaves the
        queue first: else it would come as well."""
        sent = job_at = 0
        job = Job(Outcome(None, None, problem("P14")))
        if before and (trouble := self._withdraw(before)):
            return Printed(tuple(receipts), 0, 0, Outcome(None, None, trouble))
        # The system's default may change between two jobs: all go where the first one went.
        printing_of = cache(partial(self._resolved, self._default()))
        for part, printing in self._jobs(
            receipts, 1 if one_by_one else JOB_RECEIPTS_MAX, printing_of
        ):
            job_at = sent
            job = self._print_job(part, printing, partial(self._fetched, sent, len(receipts)))
            sent += len(part) if job.made else 0
            if job.outcome.problem:
                break
        return Printed(tuple(receipts), sent, job_at, job.outcome, job.made)

    def _withdraw(self, before: Printed) -> Problem | None:
        """Why one must not go on: the job came after all, or nobody can take it out."""
        was = before.outcome
        if not was.is_in_queue or was.job_id is None:
            return None
        steps = follow(self.backend, was.printer, was.job_id, stopped=lambda: True)
        outcome = ended(steps, was.job_id)
        self._settle(before.made, outcome)
        if outcome.state is JobState.COMPLETED:
            return problem("P18")
        return outcome.problem if outcome.is_in_queue else None

    def _fetched(self, before: int, total: int, count: int) -> None:
        self.progress(before + count, total)

    def _default(self) -> str:
        try:
            return default_printer(self.backend)
        except PrintRefused:
            return ""  # Asked once more, and told, where a job needs it.

    def _resolved(self, default: str, form: str) -> Printing:
        printing = self.printing_of(form)
        return printing if printing.printer else replace(printing, printer=default)

    def _jobs(
        self, receipts: Sequence[Receipt], size: int, printing_of: Callable[[str], Printing]
    ) -> Iterator[tuple[Sequence[Receipt], Printing]]:
        """One job goes to one printer, paper and tray: forms that differ in these take turns."""
        for printing, found in groupby(receipts, lambda it: printing_of(it.form)):
            alike = tuple(found)
            for first in range(0, len(alike), size):
                yield alike[first : first + size], printing

    def _print_job(
        self, job: Sequence[Receipt], printing: Printing, fetched: Callable[[int], None]
    ) -> Job:
        """Counted when the queue has it and before it can begin: what does not come so far, is
        not counted, wherever it ends."""
        first, count = job[0].number, len(job)
        try:
            order = order_of(
                self.backend, first if count == 1 else f"{first} 等 {count} 张", printing
            )
        except PrintRefused as refused:
            return Job(Outcome(None, None, refused.status.problem("")))
        if trouble := self._trouble(order.printer):
            return Job(Outcome(None, None, trouble))
        made = self.client.reserve_prints([it.number for it in job], order.printer)
        pdfs = list(self._fetch(made, fetched))
        if len(pdfs) < count:
            return Job(Outcome(None, None, problem("P14")))
        ids = tuple(it.print_id for it in made)
        self.progress(0, 0)  # How long a printer takes nobody knows.
        outcome = print_pdf(
            self.backend, merge(pdfs), order, self.changed,
            stopped=self.stop.is_set, accepted=partial(self._count, ids),
        )  # fmt: skip
        is_counted = self._settle(ids, outcome)
        return Job(outcome, ids if is_counted else ())

    def _count(self, ids: Sequence[str], job_id: int) -> None:
        try:
            self.client.count_prints(ids, str(job_id))
        except Refused:
            # Whether it was counted nobody knows where the answer was lost; printed it is not.
            self._take_back(ids)
            raise

    def _settle(self, ids: Sequence[str], outcome: Outcome) -> bool:
        """Whether it counts. A job that never began is not on paper; any other may be."""
        if outcome.state in (None, JobState.WITHDRAWN):
            self._take_back(ids)
            return False
        if not outcome.is_in_queue:
            with suppress(Refused):  # It is on paper, whatever becomes of this line in the log.
                self.client.count_prints(ids, str(outcome.job_id), outcome.text)
        return True

    def _trouble(self, printer: str) -> Problem | None:
        if self.stop.is_set():
            return problem("P14")
        return self.backend.status(printer).problem(printer) if printer else problem("P12")

    def _fetch(self, made: Sequence[Print], fetched: Callable[[int], None]) -> Iterator[bytes]:
        """The stored bytes, of a reprint with its mark; ends early when stopped."""
        for number, it in enumerate(made, 1):
            if self.stop.is_set():
                return
            yield self.client.receipt_pdf(it.receipt_no, it.print_id if it.mark else "")
            fetched(number)

    def _take_back(self, ids: Sequence[str]) -> None:
        # Where that fails, too, one printing too many is counted, and none too few.
        with suppress(Refused):
            self.client.take_back_prints(ids)


def save_merged(client: Client, receipts: Sequence[Receipt], progress: tasks.Progress) -> bytes:
    """In a worker. The stored documents one after the other; nothing is counted."""
    pdfs = []
    for number, receipt in enumerate(receipts, 1):
        pdfs.append(client.receipt_pdf(receipt.number))
        progress(number, len(receipts))
    return merge(pdfs)
