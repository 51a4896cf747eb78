"""The rules of a new password, each with its state while it is typed."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from hpf_desktop.ui.theme import set_role
from server.business.passwords import RULES

SAME = "两次输入一致"
# A sign for the eye, a word for the ear; never the colour alone.
STATES = {
    None: ("○", "", "muted"),
    True: ("✓", "已满足", "passed"),
    False: ("✗", "未满足", "error"),
}


class Policy(QWidget):
    """One line for each rule."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("policy")
        self.missing = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(QLabel("密码要求", self))
        self._lines = {label: QLabel(self) for label in (*(r.label for r in RULES), SAME)}
        for number, line in enumerate(self._lines.values()):
            line.setObjectName(f"policy_{number}")
            line.setWordWrap(True)
            column.addWidget(line)
        self.judge("", "", ())

    def judge(self, password: str, again: str, own: Collection[str]) -> None:
        """Nothing is called wrong before anything is typed."""
        states = {r.label: r.holds(password, own) if password else None for r in RULES}
        states[SAME] = password == again if again else None
        for label, state in states.items():
            sign, word, role = STATES[state]
            line = self._lines[label]
            line.setText(f"{sign} {label}")
            line.setAccessibleName(f"{label}：{word}" if word else label)
            set_role(line, "role", role)
        missing = [r.label for r in RULES if states[r.label] is False]
        self.missing = f"还未满足：{'；'.join(missing)}" if missing else ""
