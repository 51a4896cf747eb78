"""A printing system in memory: its state, and how its jobs end, are set by the test."""

from __future__ import annotations

from collections.abc import Callable

from hpf_desktop.print.printers import JobState, Printer, PrinterStatus, PrintOrder, PrintRefused


class FakeBackend:
    def __init__(self) -> None:
        self.state = PrinterStatus.READY
        self.ends_as = JobState.COMPLETED
        self.runs = True
        self.jobs: list[tuple[bytes, PrintOrder]] = []
        self.cancelled: list[int] = []

    def printers(self) -> list[Printer]:
        if not self.runs:
            raise PrintRefused(PrinterStatus.SERVICE_UNAVAILABLE)
        return [
            Printer("dot", "针式打印机", False, ("上纸盒", "下纸盒")),
            Printer("laser", "激光打印机", True),
        ]

    def status(self, printer: str) -> PrinterStatus:
        known = {p.name for p in self.printers()}
        return self.state if printer in known else PrinterStatus.UNKNOWN_PRINTER

    def submit(
        self, pdf: bytes, order: PrintOrder, accepted: Callable[[int], None] = lambda _: None
    ) -> int:
        accepted(len(self.jobs) + 1)
        self.jobs.append((pdf, order))
        return len(self.jobs)

    def job_state(self, printer: str, job_id: int) -> JobState:
        return JobState.CANCELLED if job_id in self.cancelled else self.ends_as

    def cancel(self, printer: str, job_id: int) -> None:
        self.cancelled.append(job_id)
