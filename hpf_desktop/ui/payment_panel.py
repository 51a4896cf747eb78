"""How far a debit has come, followed until it is resolved: 提交 → 银行受理 → 扣款 → 入账 → 回单."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import PaymentProgress
from hpf_desktop.log import explain
from hpf_desktop.ui.messages import sentence
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.theme import set_role
from server.business.kinds import Money
from server.business.refusals import problem

STAGES = ("提交", "银行受理", "扣款", "入账", "回单")
# How many stages are behind it in each state, and the words of the one it stands at.
REACHED = {"pending": 1, "sent": 2, "unknown": 2, "collected": 3, "posted": 5, "failed": 2}
PAUSES_MS = (500, 1_000, 2_000, 3_000, 5_000, 8_000, 13_000, 20_000, 30_000)
DONE, NOW, AHEAD, BROKEN = "✓", "…", "○", "✕"


class PaymentPanel(QFrame):
    """Asks the server again and again, ever more slowly; a broken network does not stop it."""

    resolved = Signal(object)  # PaymentProgress: posted or failed
    unreachable = Signal(object)  # Problem

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._desk = desk
        self.serial = ""
        self._asked = 0
        self._task: tasks.Task | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._ask)
        self._what = QLabel(objectName="payment_serial", wordWrap=True)
        self._stages = [QLabel(objectName=f"payment_stage_{n}") for n in range(len(STAGES))]
        self._times = [QLabel(objectName=f"payment_time_{n}") for n in range(len(STAGES))]
        self._words = QLabel(objectName="payment_words", wordWrap=True)
        grid = QGridLayout()
        for number, (stage, when) in enumerate(zip(self._stages, self._times, strict=True)):
            set_role(when, "role", "muted")
            grid.addWidget(stage, 0, number)
            grid.addWidget(when, 1, number)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.addWidget(self._what)
        column.addLayout(grid)
        column.addWidget(self._words)
        self.hide()

    @property
    def is_following(self) -> bool:
        return bool(self.serial)

    def follow(self, serial: str) -> None:
        """Until it is resolved, whatever happens in between."""
        self.serial, self._asked = serial, 0
        self._what.setText(f"业务流水号 {serial}")
        self._draw("pending", {})
        self._words.setText(sentence(problem("B11")))
        self.show()
        self._ask()

    def stop(self) -> None:
        self._timer.stop()
        if self._task:
            self._task.cancel()
        self.serial = ""

    def _ask(self) -> None:
        client, serial = self._desk.session.client, self.serial
        self._task = tasks.run(
            lambda _: client.payment(serial), self._seen, self._failed, owner=self
        )

    def _ask_later(self) -> None:
        self._timer.start(PAUSES_MS[min(self._asked, len(PAUSES_MS) - 1)])
        self._asked += 1

    def _failed(self, error: Exception) -> None:
        self.unreachable.emit(explain(error))
        self._ask_later()

    def _seen(self, payment: PaymentProgress) -> None:
        amount = Money().show(payment.amount_fen)
        self._what.setText(f"业务流水号 {payment.serial}　金额 {amount} 元")
        self._draw(payment.state, {step.state: step.at for step in payment.timeline})
        last = payment.timeline[-1].text if payment.timeline else ""
        self._words.setText(sentence(payment.problem) if payment.problem else last)
        if not payment.is_resolved:
            self._ask_later()
            return
        self.serial = ""
        self.resolved.emit(payment)

    def _draw(self, state: str, times: dict[str, str]) -> None:
        reached, is_failed = REACHED.get(state, 1), state == "failed"
        stage_times = [times.get(s, "")[11:] for s in ("pending", "sent", "collected", "posted")]
        stage_times.append(times.get("posted", "")[11:])
        for number, (stage, when) in enumerate(zip(self._stages, self._times, strict=True)):
            mark, role = (DONE, "passed") if number < reached else (AHEAD, "muted")
            if number == reached:
                mark, role = (BROKEN, "error") if is_failed else (NOW, "hint")
            stage.setText(f"{mark} {STAGES[number]}")
            set_role(stage, "role", role)
            when.setText(stage_times[number])
