"""Background work: answers in the GUI thread, once, and only to whoever still wants them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QWidget
from shiboken6 import delete

from hpf_desktop import tasks


def fail(error: Exception) -> None:
    raise AssertionError("not expected to fail") from error


def test_result_comes_in_the_gui_thread_and_work_runs_elsewhere(qtbot: Any) -> None:
    threads: list[Any] = []
    tasks.run(
        lambda _: QThread.currentThread() is qtbot_thread(),
        lambda is_gui: threads.append((is_gui, QThread.currentThread() is qtbot_thread())),
        fail,
    )
    qtbot.waitUntil(lambda: bool(threads))
    assert threads == [(False, True)]


def qtbot_thread() -> QThread:
    from PySide6.QtWidgets import QApplication

    return QApplication.instance().thread()


def test_failure_comes_as_the_exception_itself(qtbot: Any) -> None:
    errors: list[Exception] = []

    def work(_: tasks.Progress) -> None:
        raise ZeroDivisionError

    tasks.run(work, lambda _: pytest.fail("no result expected"), errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], ZeroDivisionError)


def test_cancelled_work_gives_no_answer_and_stops_at_its_next_progress(qtbot: Any) -> None:
    begun, go_on, stopped = threading.Event(), threading.Event(), threading.Event()
    answers: list[object] = []

    def work(progress: tasks.Progress) -> None:
        begun.set()
        assert go_on.wait(5)
        try:
            progress(1, 2)
        except tasks.Cancelled:
            stopped.set()
            raise

    task = tasks.run(work, answers.append, answers.append)
    assert begun.wait(5)
    task.cancel()
    go_on.set()
    assert stopped.wait(5)
    assert tasks.finish_all()
    qtbot.waitUntil(lambda: task not in tasks._under_way)
    assert answers == []


def test_answer_for_a_destroyed_owner_is_dropped(qtbot: Any) -> None:
    go_on, answers, other = threading.Event(), [], []

    class Owner(QObject):
        def answered(self, result: object) -> None:
            answers.append(result)

    owner, widget = Owner(), QWidget()
    tasks.run(lambda _: go_on.wait(5), owner.answered, fail)
    tasks.run(lambda _: go_on.wait(5), answers.append, fail, owner=widget)
    delete(owner)
    delete(widget)
    go_on.set()
    tasks.run(lambda _: None, other.append, fail)
    qtbot.waitUntil(lambda: bool(other) and not tasks._under_way)
    assert answers == []


def test_progress_carries_numbers_beyond_32_bits(qtbot: Any) -> None:
    seen: list[tuple[int, int]] = []
    go_on = threading.Event()

    def work(progress: tasks.Progress) -> int:
        assert go_on.wait(5)
        progress(3_000_000_000, 6_000_000_000)
        return 1

    done: list[int] = []
    task = tasks.run(work, done.append, fail)
    task.progressed.connect(lambda at, total: seen.append((at, total)))
    go_on.set()
    qtbot.waitUntil(lambda: bool(done))
    assert seen == [(3_000_000_000, 6_000_000_000)]


def test_what_waits_long_does_not_keep_others_waiting(qtbot: Any) -> None:
    go_on, answers = threading.Event(), []
    for _ in range(tasks.WORKERS_MIN - 1):
        tasks.run(lambda _: go_on.wait(5), lambda _: None, fail)
    tasks.run(lambda _: "quick", answers.append, fail)
    qtbot.waitUntil(lambda: answers == ["quick"], timeout=2_000)
    go_on.set()
    assert tasks.finish_all()


def test_finish_all_drops_answers(qtbot: Any) -> None:
    go_on, answers = threading.Event(), []
    tasks.run(lambda _: go_on.wait(5), answers.append, answers.append)
    go_on.set()
    assert tasks.finish_all(3_000)
    flushed: list[None] = []
    tasks.run(lambda _: None, flushed.append, fail)
    qtbot.waitUntil(lambda: bool(flushed))
    assert answers == []


def test_task_cancelled_thousands_of_times_does_not_end_the_process(qtbot: Any) -> None:
    """The last reference to a cancelled task used to go in a worker, which killed the process."""
    answers: list[int] = []
    for number in range(2000):
        task = tasks.run(lambda _, n=number: n, answers.append, fail)
        if number % 3:
            task.cancel()
        del task
    qtbot.waitUntil(lambda: len(answers) == len(range(0, 2000, 3)), timeout=20_000)
