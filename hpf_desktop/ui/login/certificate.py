"""The certificate key at work: which certificate, its PIN, and what may be wrong with either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.cert.call import Call, Waiting
from hpf_desktop.cert.problems import Fault, KeyProblem, problem_of
from hpf_desktop.cert.watch import KeyEvent, KeyEventKind
from hpf_desktop.log import explain
from hpf_desktop.session import PinEntry
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.messages import WaitingBar
from hpf_desktop.ui.theme import set_role

PIN_CHARS_MAX = 16
PIN_CHARS_WIDE = 36
LOOK_AGAIN_MS = 1_500
WAITING = {
    Waiting.READING: "正在读取证书 Key…",
    Waiting.IN_USE: "证书 Key 正被其他程序占用，正在重试…",
    Waiting.VERIFYING: "正在验证密码…",
    Waiting.SIGNING: "正在签名…",
}
COLUMNS = ("经办人", "单位", "颁发机构", "有效期至", "说明")
WIDTHS_CHARS = (10, 30, 20, 12)
GONE = (Fault.REMOVED, Fault.REMOVED_BEFORE_PIN, Fault.SWAPPED)
Act = Callable[[PinEntry], Any]


class KeyPanel(QWidget):
    """Lists, asks for the PIN, and calls ``act`` in a worker, once for each press.

    ``act`` returns a KeyProblem or anything else, which ``succeeded`` then carries. With ``only``
    given, no other certificate will do, and ``other_key_found`` tells that another key is there.
    """

    succeeded = Signal(object)
    other_key_found = Signal()
    _waiting = Signal(object)

    def __init__(
        self,
        keys: KeySignals,
        open_readers: Callable[[], Any],
        act: Act,
        label: str = "确定",
        only: Any = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keys, self._open_readers, self._act, self._only = keys, open_readers, act, only
        self._call: Call | None = None
        self._task: tasks.Task | None = None
        self._certificates: tuple[Any, ...] = ()
        self._is_acting = self._is_blocked = False
        self._build(label)
        self._waiting.connect(self._key_is_busy)
        keys.happened.connect(self._key_event)

    # --- What it looks like ---

    def _build(self, label: str) -> None:
        self._message = QLabel(wordWrap=True, objectName="key_message")
        self._retry = QPushButton("重试", objectName="retry")
        self._retry.clicked.connect(self.look)
        self._examine = QPushButton("查找原因…", objectName="key_examine")
        self._examine.clicked.connect(self._keys.examination_asked)
        self._examine.hide()
        self._list = self._certificate_list()
        self._list.hide()
        self._chosen = QLabel(wordWrap=True, objectName="chosen_certificate")
        self._pin = QLineEdit(echoMode=QLineEdit.EchoMode.Password, objectName="pin")
        self._pin.setMaxLength(PIN_CHARS_MAX)
        self._pin.setAccessibleName("证书 Key 密码")
        self._pin.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._pin.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData)
        self._pin.setMaximumWidth(self._pin.fontMetrics().averageCharWidth() * PIN_CHARS_WIDE)
        self._pin.textChanged.connect(self._refresh)
        self._pin.returnPressed.connect(self.confirm)
        self._tries = QLabel(objectName="tries_left")
        self._last_try = QCheckBox("密码无误，使用最后一次机会", objectName="last_try")
        self._last_try.toggled.connect(self._refresh)
        self._last_try.hide()
        self._confirm = QPushButton(label, objectName="confirm")
        self._confirm.setProperty("primary", "true")
        self._confirm.setAutoDefault(True)
        self._confirm.clicked.connect(self.confirm)
        self._waiting_bar = WaitingBar(self)
        self._lay_out()
        self._refresh()

    def _certificate_list(self) -> QTreeWidget:
        made = QTreeWidget(objectName="certificate_list", rootIsDecorated=False)
        made.setAccessibleName("证书")
        made.setHeaderLabels(COLUMNS)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        char = made.fontMetrics().averageCharWidth()
        for column, chars in enumerate(WIDTHS_CHARS):
            made.setColumnWidth(column, chars * char)
        made.setFixedHeight(made.fontMetrics().height() * 7)
        made.itemSelectionChanged.connect(self._selection_changed)
        return made

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._message, 1)
        top.addWidget(self._retry)
        top.addWidget(self._examine)
        form = QFormLayout()
        form.addRow("单位", self._chosen)
        form.addRow("密码(&P)", self._pin)
        beside = QHBoxLayout()
        beside.addWidget(self._tries)
        beside.addWidget(self._last_try)
        beside.addStretch()
        form.addRow("", beside)
        self._buttons = QHBoxLayout()
        self._buttons.addWidget(self._waiting_bar, 1)
        self._buttons.addStretch()
        self._buttons.addWidget(self._confirm)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self._list)
        column.addLayout(form)
        column.addLayout(self._buttons)

    def put_beside(self, button: QPushButton) -> None:
        """Another way out, left of the confirming button."""
        self._buttons.insertWidget(self._buttons.count() - 1, button)

    # --- Looking ---

    def look(self) -> None:
        """Reads the keys that are there; call it once when the panel is shown."""
        state = self._keys.state
        standing = problem_standing(state) if state else None
        if state is None:
            self._tell("正在查找证书 Key…")
        elif standing:
            self._show_certificates(())
            self._say(standing)
        else:
            self._read()

    def _read(self) -> None:
        self._stop()
        call = self._new_call()
        self._tell("正在读取证书 Key…")
        self._waiting_bar.begin(WAITING[Waiting.READING], self._stop)
        open_readers = self._open_readers

        def read(_: tasks.Progress) -> Any:
            from hpf_desktop.cert.sign_in import list_certificates  # Late: brings cryptography.

            return list_certificates(open_readers, call)

        self._task = tasks.run(read, self._listed, self._failed)

    def leave(self) -> None:
        """No longer shown: nothing goes on behind the window."""
        self._stop()
        self._pin.clear()

    def _key_event(self, event: KeyEvent) -> None:
        if self._is_acting or not self.isVisible():
            return  # The act finds out by itself what happened to its key.
        if event.kind in (KeyEventKind.INSERTED, KeyEventKind.SWAPPED, KeyEventKind.REMOVED):
            self._pin.clear()
            self._read()
        elif event.fault:
            self._show_certificates(())
            self._say(problem_of(event.fault))

    def _listed(self, listing: Any) -> None:
        self._waiting_bar.end()
        certificates = listing.certificates
        if self._only is not None:
            same = [c for c in certificates if c.fingerprint == self._only.fingerprint]
            if certificates and not same:
                self.other_key_found.emit()
            certificates = tuple(same)
        self._show_certificates(certificates)
        if listing.problems:
            self._say(listing.problems[0])
        elif self._certificate() is None and certificates:
            self._tell("请选择证书")

    def _show_certificates(self, certificates: Sequence[Any]) -> None:
        self._certificates = tuple(certificates)
        self._is_blocked = False
        self._list.clear()
        for certificate in certificates:
            self._list.addTopLevelItem(_line(certificate))
        usable = [n for n, c in enumerate(certificates) if c.is_usable]
        self._list.setVisible(len(certificates) > 1 or (bool(certificates) and not usable))
        if len(usable) == 1:
            self._list.setCurrentItem(self._list.topLevelItem(usable[0]))
        self._refresh()

    def _certificate(self) -> Any:
        row = self._list.indexOfTopLevelItem(self._list.currentItem())
        chosen = self._certificates[row] if 0 <= row < len(self._certificates) else None
        return chosen if chosen is not None and chosen.is_usable else None

    def _selection_changed(self) -> None:
        certificate = self._certificate()
        self._tries.clear()
        self._last_try.setChecked(False)
        self._last_try.hide()
        self._is_blocked = False
        self._refresh()
        if certificate is None:
            return
        self._chosen.setText(f"{certificate.unit_name}　经办人 {certificate.holder}")
        self._tell("请输入证书 Key 密码")
        self._pin.setFocus(Qt.FocusReason.OtherFocusReason)
        call = self._new_call()
        open_readers = self._open_readers

        def read(_: tasks.Progress) -> Any:
            from hpf_desktop.cert.sign_in import pin_status

            return pin_status(open_readers, certificate, call)

        self._task = tasks.run(read, self._counted, self._failed)

    def _counted(self, status: Any) -> None:
        """What the key says of its PIN before anything is sent to it."""
        if isinstance(status, KeyProblem):
            self._say(status)
        elif status.is_blocked:
            self._say(problem_of(Fault.BLOCKED))
        elif status.tries_left is not None:
            self._show_tries(status.tries_left)

    def _show_tries(self, left: int) -> None:
        self._tries.setText(f"还可以输入 {left} 次")
        set_role(self._tries, "role", "hint" if left == 1 else "muted")
        self._last_try.setVisible(left == 1)
        if left == 1 and not self._is_acting:
            self._say(problem_of(Fault.LAST_TRY))
        self._refresh()

    # --- Acting ---

    def confirm(self) -> None:
        if not self._confirm.isEnabled():
            return
        entry = PinEntry(
            self._certificate(),
            bytearray(self._pin.text().encode()),
            self._new_call(),
            self._last_try.isChecked(),
        )
        self._pin.clear()
        self._is_acting = True
        self._tell("")
        self._refresh()
        self._waiting_bar.begin(WAITING[Waiting.READING], self._cancelled)
        act = self._act
        self._task = tasks.run(lambda _: act(entry), self._acted, self._failed, owner=self)

    def _acted(self, result: Any) -> None:
        self._end_act()
        if not isinstance(result, KeyProblem):
            self.succeeded.emit(result)
            return
        self._say(result)
        if result.tries_left is not None:
            self._show_tries(result.tries_left)
            self._say(result)
        if result.fault in GONE:
            self._show_certificates(())
            # Put back while the act was still failing: its event was not listened to.
            QTimer.singleShot(LOOK_AGAIN_MS, self, self._look_again)
        elif result.needs_pin_again:
            self._pin.setFocus(Qt.FocusReason.OtherFocusReason)

    def _look_again(self) -> None:
        is_idle = self.isVisible() and not self._is_acting and not self._certificates
        if is_idle and self._keys.state is KeyEventKind.INSERTED:
            self._read()

    def _failed(self, error: Exception) -> None:
        self._waiting_bar.end()
        self._end_act()
        problem = explain(error)
        self._tell(f"{problem.text}。{problem.next_step}（{problem.code}）", "error")

    def _cancelled(self) -> None:
        self._stop()
        self._end_act()
        self._say(problem_of(Fault.CANCELLED))

    def _end_act(self) -> None:
        self._is_acting = False
        self._waiting_bar.end()
        self._last_try.setChecked(False)
        self._refresh()

    def _stop(self) -> None:
        if self._call:
            self._call.cancel()
        if self._task:
            self._task.cancel()
        self._call = self._task = None
        self._waiting_bar.end()

    def _new_call(self) -> Call:
        self._stop()
        self._call = Call(waiting=self._waiting.emit)
        return self._call

    def _key_is_busy(self, waiting: Waiting) -> None:
        self._waiting_bar.say(WAITING[waiting])

    # --- Saying ---

    def _say(self, problem: KeyProblem) -> None:
        self._is_blocked = problem.fault is Fault.BLOCKED or self._is_blocked
        self._retry.setVisible(problem.fault in (Fault.IN_USE, Fault.UNREADABLE, Fault.TIMED_OUT))
        waits = problem.fault in (Fault.NO_KEY, Fault.NO_READER, Fault.CANCELLED)
        self._tell(
            f"{problem.text}。{problem.next_step}（{problem.code}）", "hint" if waits else "error"
        )
        self._refresh()

    def _tell(self, text: str, role: str = "") -> None:
        if not role:
            self._retry.hide()
        self._examine.setVisible(bool(role))
        self._message.setText(text)
        set_role(self._message, "role", role)

    def _refresh(self) -> None:
        certificate = self._certificate()
        may_type = certificate is not None and not self._is_acting and not self._is_blocked
        if certificate is None:
            self._chosen.setText("—")
        self._pin.setEnabled(may_type)
        self._list.setEnabled(not self._is_acting)
        # isHidden, not isVisible: the panel itself may not be on the screen yet.
        needs_tick = not self._last_try.isHidden() and not self._last_try.isChecked()
        self._confirm.setEnabled(may_type and bool(self._pin.text()) and not needs_tick)


def problem_standing(state: KeyEventKind) -> KeyProblem | None:
    """Why no key can be read now."""
    fault = KeyEvent(state).fault
    return problem_of(fault) if fault else None


def _line(certificate: Any) -> QTreeWidgetItem:
    until = certificate.not_after.astimezone().strftime("%Y-%m-%d")
    why = (
        f"{certificate.refusal.text}。{certificate.refusal.next_step}"
        if certificate.refusal
        else ""
    )
    texts = [
        certificate.holder,
        certificate.unit_name,
        certificate.issuer,
        until,
        why or "可以使用",
    ]
    line = QTreeWidgetItem(texts)
    if not certificate.is_usable:
        line.setFlags(Qt.ItemFlag.NoItemFlags)
    for column in range(len(COLUMNS)):
        line.setToolTip(column, why)
    return line
