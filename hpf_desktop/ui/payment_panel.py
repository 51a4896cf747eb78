"""How far a payment has come, followed to its end: 提交 → 银行受理 → 扣款 → 入账 → 回单."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from hpf_desktop import tasks
from hpf_desktop.answers import PaymentProgress
from hpf_desktop.log import explain
from hpf_desktop.ui import payment_words
from hpf_desktop.ui.page import NEEDS_KEY, Desk
from hpf_desktop.ui.payment_words import DEBIT_STAGES, NOTHING_TO_DO, ROLES, Reading
from hpf_desktop.ui.theme import set_role
from server.business.kinds import Money

PAUSES_MS = (500, 1_000, 2_000, 3_000, 5_000, 8_000, 13_000, 20_000, 30_000)


class PaymentPanel(QFrame):
    """Asks the server again and again, ever more slowly; a broken network does not stop it.

    Without the key nobody may ask: it waits, and goes on at ``look_again``.
    """

    resolved = Signal(object)  # PaymentProgress: posted or failed
    heard = Signal(object)  # None after an answer, or the Problem that came instead

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._desk = desk
        self.serial = ""
        self._asked = 0
        self._silent_since = ""
        self._task: tasks.Task | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._ask)
        self._what = QLabel(objectName="payment_serial", wordWrap=True)
        count = range(len(DEBIT_STAGES))
        self._stages = [QLabel(objectName=f"payment_stage_{n}") for n in count]
        self._times = [QLabel(objectName=f"payment_time_{n}") for n in count]
        self._now = QLabel(objectName="payment_words", wordWrap=True)
        self._do = QLabel(objectName="payment_advice", wordWrap=True)
        self._lay_out()
        self.hide()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setVerticalSpacing(0)
        for number, (stage, when) in enumerate(zip(self._stages, self._times, strict=True)):
            set_role(when, "role", "muted")
            grid.addWidget(stage, 0, number)
            grid.addWidget(when, 1, number)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(4)
        column.addWidget(self._what)
        column.addLayout(grid)
        column.addWidget(self._now)
        column.addWidget(self._do)

    @property
    def is_following(self) -> bool:
        return bool(self.serial)

    def follow(self, serial: str) -> None:
        """Until it is resolved, whatever happens in between."""
        self.serial, self._asked, self._silent_since = serial, 0, ""
        begun = PaymentProgress(serial, "", 0, "pending", None, ())
        self._what.setText(f"业务流水号 {serial}")
        self._show(payment_words.read(begun, payment_words.now()))
        self.show()
        self._ask()

    def look_again(self) -> None:
        """Now, not after the pause: the window was unlocked, or the operator asked."""
        if self.is_following and self._task is None:
            self._asked = 0
            self._ask()

    def show_transfer(self, serial: str, receipt_no: str | None, begun: str) -> None:
        """Paid from the prepayment account, where nothing is waited for."""
        self._what.setText(f"业务流水号 {serial}")
        self._show(payment_words.transferred(receipt_no, begun, f"{payment_words.now():%H:%M:%S}"))
        self.show()

    def _ask(self) -> None:
        self._timer.stop()
        client, serial = self._desk.session.client, self.serial
        self._task = tasks.run(
            lambda _: client.payment(serial), self._seen, self._failed, owner=self
        )

    def _ask_later(self) -> None:
        self._timer.start(PAUSES_MS[min(self._asked, len(PAUSES_MS) - 1)])
        self._asked += 1

    def _failed(self, error: Exception) -> None:
        self._task = None
        told = explain(error)
        self._silent_since = self._silent_since or f"{payment_words.now():%H:%M:%S}"
        now, do = payment_words.unreachable(told, self._silent_since)
        self._now.setText(now)
        self._do.setText(do)
        if told.code not in NEEDS_KEY:
            self._ask_later()
        self.heard.emit(told)

    def _seen(self, payment: PaymentProgress) -> None:
        self._task, self._silent_since = None, ""
        amount = Money().show(payment.amount_fen)
        self._what.setText(f"业务流水号 {payment.serial}　扣款金额 {amount} 元")
        self._show(payment_words.read(payment, payment_words.now()))
        self.heard.emit(None)
        if not payment.is_resolved:
            self._ask_later()
            return
        self.serial = ""
        self.resolved.emit(payment)

    def _show(self, reading: Reading) -> None:
        for number, (label, when) in enumerate(zip(self._stages, self._times, strict=True)):
            stage = reading.stages[number] if number < len(reading.stages) else None
            label.setVisible(stage is not None)
            when.setVisible(stage is not None)
            if stage is not None:
                label.setText(f"{stage.mark} {stage.label}")
                set_role(label, "role", ROLES[stage.mark])
                when.setText(stage.at)
        self._now.setText(reading.now)
        self._do.setText(reading.do)
        set_role(self._do, "role", "muted" if reading.do == NOTHING_TO_DO else "")
