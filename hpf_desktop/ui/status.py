"""The status bar: rows and selection, the last thing said, draft, network, day, operator."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from hpf_desktop.answers import Facts
from hpf_desktop.ui.theme import Elided, set_role

TOLD_MS = 8_000


class StatusBar(QStatusBar):
    """What it says is text in labels, so that a screen reader and a test can read it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status_bar")
        self._counts = Elided(objectName="status_counts")
        self._draft = QLabel(objectName="status_draft")
        self._network = QLabel(objectName="status_network")
        self._day = QLabel(objectName="status_day")
        self._operator = QLabel(objectName="status_operator")
        self._zoom = QLabel(objectName="status_zoom")
        self.addWidget(self._counts, 1)
        for label in (self._draft, self._network, self._day, self._operator, self._zoom):
            self.addPermanentWidget(label)
        self.show_network(True)

    def tell(self, text: str) -> None:
        self.showMessage(text, TOLD_MS)

    def show_counts(self, text: str) -> None:
        self._counts.setText(text)

    def show_draft(self, text: str) -> None:
        self._draft.setText(text)

    def show_network(self, is_up: bool) -> None:
        self._network.setText("网络：正常" if is_up else "网络：中断")
        set_role(self._network, "role", "" if is_up else "error")

    def show_facts(self, facts: Facts) -> None:
        self._day.setText(f"营业日：{facts.unit.business_day}")
        self._operator.setText(f"经办人：{facts.operator_name}")

    def show_zoom(self, zoom: int) -> None:
        self._zoom.setText(f"{zoom}%")

    def hide_work(self, is_hidden: bool) -> None:
        """While locked nothing of the work stays in sight."""
        self.clearMessage()
        for label in (self._counts, self._draft):
            label.setVisible(not is_hidden)
