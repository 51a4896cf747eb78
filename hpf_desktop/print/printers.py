"""What printing means on any system: printers, their states, orders and jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol

from server.business.refusals import Problem, problem


class PrinterStatus(Enum):
    """What a printer says of itself; the code is the catalogue's, empty where nothing is wrong."""

    READY = ("", "就绪")
    PRINTING = ("", "正在打印")
    CONNECTING = ("", "正在连接打印机")
    PAPER_OUT = ("P01", "缺纸")
    JAMMED = ("P02", "卡纸")
    COVER_OPEN = ("P03", "机盖打开")
    OFFLINE = ("P04", "未连接")
    STOPPED = ("P05", "已停止")
    REJECTING = ("P06", "不接收作业")
    UNKNOWN_PRINTER = ("P07", "找不到打印机")
    SERVICE_UNAVAILABLE = ("P08", "打印服务没有运行")
    NEEDS_ATTENTION = ("P09", "需要人工处理")

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text

    def problem(self, printer: str) -> Problem | None:
        return problem(self.code, printer=printer) if self.code else None


class JobState(Enum):
    """How far a job came; the words claim no more than what the system knows."""

    QUEUED = "已送打印队列"
    PRINTING = "正在打印"
    HELD = "已暂停"
    COMPLETED = "打印完成"
    CANCELLED = "已取消"
    ABORTED = "打印失败"
    WITHDRAWN = "没有开始打印就已取消"
    UNKNOWN = "已离开打印队列，请核对纸张"

    @property
    def is_final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.PRINTING, JobState.HELD)


class Duplex(StrEnum):
    """Sent with every order, because many drivers begin with both sides."""

    ONE_SIDED = "one-sided"
    LONG_EDGE = "two-sided-long-edge"
    SHORT_EDGE = "two-sided-short-edge"


@dataclass(frozen=True)
class Printer:
    name: str
    label: str
    is_default: bool
    trays: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintOrder:
    """How one PDF is put on paper. Offsets are millimetres to the right and down."""

    printer: str
    title: str  # The receipt number: the queue is no place for names.
    media: str = ""  # A form's name on this printer; empty is the size of the PDF's first page.
    tray: str = ""
    offset_mm: tuple[float, float] = (0.0, 0.0)
    copies: int = 1
    duplex: Duplex = Duplex.ONE_SIDED

    def __post_init__(self) -> None:
        assert 1 <= self.copies <= COPIES_MAX
        assert all(abs(offset) <= OFFSET_MAX_MM for offset in self.offset_mm)


COPIES_MAX = 99
OFFSET_MAX_MM = 20.0


class PrintRefused(Exception):
    """The system did not take the order; the printer's state says why."""

    def __init__(self, status: PrinterStatus) -> None:
        super().__init__(status.name)
        self.status = status


class PrintBackend(Protocol):
    """One system's printing. Every call may wait for the system: use it off the GUI thread."""

    def printers(self) -> list[Printer]:
        """Raises PrintRefused with SERVICE_UNAVAILABLE."""
        ...

    def status(self, printer: str) -> PrinterStatus: ...

    def submit(self, pdf: bytes, order: PrintOrder, accepted: Callable[[int], None] = ...) -> int:
        """Gives the job to the queue and returns its number there. Raises PrintRefused when it is
        sure that nothing is printed. ``accepted`` is called with the number before anything can
        be printed; whatever it raises is raised again, and nothing is printed."""
        ...

    def job_state(self, printer: str, job_id: int) -> JobState:
        """Raises PrintRefused where the service does not answer: then nobody knows."""
        ...

    def cancel(self, printer: str, job_id: int) -> None:
        """Takes what is not printed yet out of the queue; a job that has left it is no matter."""
        ...
