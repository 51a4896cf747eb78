"""Shows each step of a print job while it is waited for: how far it is, and what holds it up."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from hpf_desktop.print.job import Step
from hpf_desktop.ui.messages import MessageBar, WaitingBar, sentence


class PrintSteps(QObject):
    """The worker emits ``came``; the bars of its page show it."""

    came = Signal(object)  # Step

    def __init__(self, bar: MessageBar, waiting: WaitingBar, parent: QObject) -> None:
        super().__init__(parent)
        self._bar, self._waiting, self._said = bar, waiting, ""
        self.came.connect(self._show)

    def _show(self, step: Step) -> None:
        self._waiting.say(step.text)
        trouble = None if step.state.is_final else step.problem
        said = sentence(trouble) if trouble else ""
        if said == self._said:
            return
        if trouble:
            self._bar.show_problem(trouble)
        else:
            self._bar.clear()
        self._said = said
