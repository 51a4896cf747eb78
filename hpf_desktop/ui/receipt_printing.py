"""Printing receipts, one or many: counted at the server, merged into jobs, followed to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING

from hpf_desktop import tasks
from hpf_desktop.print.job import Outcome
from hpf_desktop.print.page import merge
from hpf_desktop.print.printers import PrintBackend, PrintRefused
from hpf_desktop.settings import Printing
from hpf_desktop.ui.document_view import follow_job, order_of
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
    and the place at which that job begins."""

    receipts: tuple[Receipt, ...]
    sent: int
    job_at: int
    outcome: Outcome

    @property
    def is_whole(self) -> bool:
        return self.sent == len(self.receipts) and self.outcome.problem is None


@dataclass(frozen=True)
class Printer:
    """Where to, with whom it is counted, and how it is stopped."""

    backend: PrintBackend
    client: Client
    printing_of: Callable[[str], Printing]
    progress: tasks.Progress
    stop: Event

    def print(self, receipts: Sequence[Receipt], one_by_one: bool = False) -> Printed:
        """In a worker. Job after job, the next when the last has ended, so that the sheets come in
        order; until one meets trouble or ``stop`` is set."""
        sent = job_at = 0
        outcome = Outcome(None, None, problem("P14"))
        for job, printing in self._jobs(receipts, 1 if one_by_one else JOB_RECEIPTS_MAX):
            job_at = sent
            fetched = partial(self._fetched, sent, len(receipts))
            outcome = self._print_job(job, printing, fetched)
            sent += 0 if outcome.state is None else len(job)
            if outcome.problem:
                break
        return Printed(tuple(receipts), sent, job_at, outcome)

    def _fetched(self, before: int, total: int, count: int) -> None:
        self.progress(before + count, total)

    def _jobs(
        self, receipts: Sequence[Receipt], size: int
    ) -> Iterator[tuple[Sequence[Receipt], Printing]]:
        """One job goes to one printer, paper and tray: forms that differ in these take turns."""
        for printing, found in groupby(receipts, lambda it: self.printing_of(it.form)):
            alike = tuple(found)
            for first in range(0, len(alike), size):
                yield alike[first : first + size], printing

    def _print_job(
        self, job: Sequence[Receipt], printing: Printing, fetched: Callable[[int], None]
    ) -> Outcome:
        """What cannot be printed now is not counted; what did not reach the queue is taken back."""
        first, count = job[0].number, len(job)
        try:
            order = order_of(
                self.backend, first if count == 1 else f"{first} 等 {count} 张", printing
            )
        except PrintRefused as refused:
            return Outcome(None, None, refused.status.problem(""))
        if trouble := self._trouble(order.printer):
            return Outcome(None, None, trouble)
        made = self.client.record_prints([it.number for it in job], order.printer)
        try:
            pdfs = list(self._fetch(made, fetched))
        except BaseException:
            self._take_back(made)
            raise
        if len(pdfs) < count:
            self._take_back(made)
            return Outcome(None, None, problem("P14"))
        outcome = follow_job(self.backend, merge(pdfs), order, self.progress, self.stop.is_set)
        if outcome.state is None:
            self._take_back(made)
        else:
            job_id = "" if outcome.job_id is None else str(outcome.job_id)
            # It is on paper, whatever becomes of this line in the log.
            with suppress(Refused):
                ids = [it.print_id for it in made]
                self.client.record_outcome(ids, outcome.text, job_id)
        return outcome

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

    def _take_back(self, made: Sequence[Print]) -> None:
        # Where that fails, too, one printing too many is counted, and none too few.
        with suppress(Refused):
            self.client.take_back_prints([it.print_id for it in made])


def save_merged(client: Client, receipts: Sequence[Receipt], progress: tasks.Progress) -> bytes:
    """In a worker. The stored documents one after the other; nothing is counted."""
    pdfs = []
    for number, receipt in enumerate(receipts, 1):
        pdfs.append(client.receipt_pdf(receipt.number))
        progress(number, len(receipts))
    return merge(pdfs)
