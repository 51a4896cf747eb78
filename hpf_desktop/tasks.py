"""Work off the GUI thread: the result, the failure and the progress come back on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QRunnable, QThreadPool, Signal
from shiboken6 import isValid

T = TypeVar("T")
Progress = Callable[[int, int], None]

WORKERS_MIN = 8  # Workers wait for keys and servers more than they compute.

_under_way: set[Task] = set()  # Qt does not keep a runnable's signals alive until they fired.


class Cancelled(Exception):
    """The operator stopped the work; raised inside it at its next report of progress."""


class Task(QObject):
    """One piece of work under way. ``progressed`` carries (done, total)."""

    progressed = Signal(object, object)  # object: an int signal has 32 bits.
    _finished = Signal(object)
    _broke = Signal(object)

    def __init__(
        self,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        owner: QObject | None,
    ) -> None:
        # Owned by Qt, not by Python: the last Python reference may go in a worker, and a QObject
        # that dies in another thread than its own takes the process with it.
        super().__init__(QCoreApplication.instance())
        self.is_cancelled = False
        self._done, self._failed, self._owner = done, failed, owner
        self._finished.connect(self._finished_in_worker)
        self._broke.connect(self._broke_in_worker)

    def cancel(self) -> None:
        """No answer comes any more; the work itself stops at its next report of progress."""
        self.is_cancelled = True

    def report(self, done: int, total: int) -> None:
        """What the work is given as its ``Progress``."""
        if self.is_cancelled:
            raise Cancelled
        self.progressed.emit(done, total)

    def _finished_in_worker(self, result: object) -> None:
        if self._is_wanted():
            self._done(result)

    def _broke_in_worker(self, error: Exception) -> None:
        if self._is_wanted() and not isinstance(error, Cancelled):
            self._failed(error)

    def _is_wanted(self) -> bool:
        """An answer for a window that is gone is dropped."""
        _under_way.discard(self)
        self.deleteLater()
        return not self.is_cancelled and (self._owner is None or isValid(self._owner))


class _Run(QRunnable):
    def __init__(self, task: Task, work: Callable[[Progress], Any]) -> None:
        super().__init__()
        self._task, self._work = task, work

    def run(self) -> None:
        try:
            result = self._work(self._task.report)
        except Exception as error:  # noqa: BLE001 - Told in the GUI thread, whatever it is.
            self._task._broke.emit(error)
        else:
            self._task._finished.emit(result)


def run(
    work: Callable[[Progress], T],
    done: Callable[[T], None],
    failed: Callable[[Exception], None],
    owner: QObject | None = None,
) -> Task:
    """Starts ``work`` in a worker; ``done`` or ``failed`` follows in the GUI thread.

    Neither is called once the task is cancelled or ``owner`` is destroyed. A bound method of a
    QObject has its object as owner; a lambda needs one given. Call from the GUI thread.
    """
    bound_to = getattr(done, "__self__", None)
    if owner is None and isinstance(bound_to, QObject):
        owner = bound_to
    task = Task(done, failed, owner)
    _under_way.add(task)
    pool = QThreadPool.globalInstance()
    pool.setMaxThreadCount(max(pool.maxThreadCount(), WORKERS_MIN))
    pool.start(_Run(task, work))
    return task


def finish_all(limit_ms: int = 3000) -> bool:
    """For closing the program: drops every answer and waits for the workers."""
    for task in list(_under_way):
        task.cancel()
    return QThreadPool.globalInstance().waitForDone(limit_ms)
