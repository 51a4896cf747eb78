"""The question before anything is submitted: this document? With a key, by its signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.cert.watch import KeyEvent
from hpf_desktop.session import Document, PinEntry, Session
from hpf_desktop.ui.key_watch import KeySignals, takes_away
from hpf_desktop.ui.login.certificate import KeyPanel
from hpf_desktop.ui.page import button
from hpf_desktop.ui.theme import Title


@dataclass(frozen=True)
class Summary:
    """What the operator is about to sign, in words."""

    business: str
    unit: str
    rows: int | None  # None: a form has no rows
    amount: str  # empty: no money moves
    source: str = ""  # from where the money comes, when there is a choice
    note: str = ""


class ApprovalDialog(QDialog):
    """``approved`` carries the Approval, or None where there is no key to sign with; closing the
    dialog any other way approves nothing."""

    approved = Signal(object)

    def __init__(
        self,
        keys: KeySignals,
        session: Session,
        document: Document,
        summary: Summary,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("approval_dialog")
        self.setWindowTitle(f"确认提交 · {summary.business}")
        self._session, self._document = session, document
        cancel = button("不提交", "do_not_submit", self.reject)
        self._panel = self._key_panel(keys, cancel) if session.needs_key else None
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(Title(f"提交 {summary.business}"))
        column.addLayout(_facts(summary))
        if self._panel:
            column.addWidget(self._panel)
        else:
            column.addLayout(self._buttons(cancel))
        column.addStretch()
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 64)

    def _key_panel(self, keys: KeySignals, cancel: QPushButton) -> KeyPanel:
        session = self._session
        panel = KeyPanel(
            keys, session.open_readers, self._approve, "签名并提交", only=session.certificate
        )
        panel.succeeded.connect(self._signed)
        panel.other_key_found.connect(self.reject)
        keys.happened.connect(self._key_event)
        panel.put_beside(cancel)
        return panel

    def _buttons(self, cancel: QPushButton) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(cancel)
        confirm = button("确认提交", "confirm", lambda: self._signed(None), is_primary=True)
        confirm.setDefault(True)
        confirm.setFocus()
        row.addWidget(confirm)
        return row

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        if self._panel:
            self._panel.look()

    def done(self, result: int) -> None:
        if self._panel:
            self._panel.leave()
        super().done(result)

    def _approve(self, entry: PinEntry) -> Any:
        return self._session.approve(entry, self._document)

    def _signed(self, approval: Any) -> None:
        self.accept()
        self.approved.emit(approval)

    def _key_event(self, event: KeyEvent) -> None:
        certificate = self._session.certificate
        if certificate and takes_away(event, certificate.reader):
            self.reject()


def _facts(summary: Summary) -> QFormLayout:
    form = QFormLayout()
    shown = {
        "业务": summary.business,
        "单位": summary.unit,
        "行数": "" if summary.rows is None else f"{summary.rows:,} 行",
        "金额": f"{summary.amount} 元" if summary.amount else "",
        "付款": summary.source,
        "说明": summary.note,
    }
    for label, text in shown.items():
        if text:
            form.addRow(label, QLabel(text, wordWrap=True, objectName=f"summary_{label}"))
    return form
