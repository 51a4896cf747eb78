"""证书体检 on the screen: a row for each check with its state in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.cert.call import Call
from hpf_desktop.cert.health import CHECKS, Case, Check, Finding, State, hopeless, perform, ready
from hpf_desktop.cert.health_report import first_trouble, report, verdict
from hpf_desktop.cert.watch import KeyEvent
from hpf_desktop.log import explain
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.page import button
from hpf_desktop.ui.sheet.colours import SheetColours
from hpf_desktop.ui.theme import Title, fit, icon, set_role

COLUMNS = ("检查项目", "状态", "说明", "下一步")
STATE, TEXT, STEP = 1, 2, 3
UNDER_WAY = "检查中…"
SETTLED_MS = 800  # A key that was just put in tells it by several events.
ICONS = {State.GOOD: "passed", State.NOTICE: "hint", State.FAULT: "error"}
ROLES = {State.GOOD: "passed", State.NOTICE: "hint", State.FAULT: "error", State.UNCHECKED: "muted"}
PROMISE = "体检不需要输入密码，也不会用掉密码的次数。"


class HealthPanel(QWidget):
    """Runs by itself when it is shown and when a key comes or goes; ``run`` is for F5."""

    told = Signal(str)

    def __init__(
        self,
        case: Case,
        keys: KeySignals,
        server: Callable[[], str],
        colours: SheetColours,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._case, self._server, self._colours = case, server, colours
        self._found: dict[str, Finding] = {}
        self._running: dict[str, tuple[Call, tasks.Task]] = {}
        self._at = datetime.now(UTC)
        self._fitting = QTimer(self, singleShot=True, interval=0)
        self._fitting.timeout.connect(self._fit_rows)
        self._build()
        self._settle = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._settle.timeout.connect(self._run_if_shown)
        keys.happened.connect(self._key_event)

    def _build(self) -> None:
        self._verdict = QLabel(wordWrap=True, objectName="health_verdict")
        self._rows = QTableWidget(len(CHECKS), len(COLUMNS), objectName="health_rows")
        self._rows.setAccessibleName("证书体检结果")
        self._rows.setHorizontalHeaderLabels(COLUMNS)
        self._rows.verticalHeader().hide()
        self._rows.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._rows.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._rows.setTabKeyNavigation(False)
        self._rows.setShowGrid(False)
        self._rows.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._rows.setAlternatingRowColors(True)
        header = self._rows.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (TEXT, STEP):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.sectionResized.connect(self._fit_later)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for row, check in enumerate(CHECKS):
            for column, text in enumerate((check.name, "", "", "")):
                self._rows.setItem(row, column, QTableWidgetItem(text))
        self._again = button("重新检查 F5", "health_again", self.run, is_primary=True)
        self._copy = button("复制报告", "health_copy", self.copy_report)
        self.below = QHBoxLayout()
        note = QLabel(PROMISE, wordWrap=True)
        set_role(note, "role", "muted")
        self.below.addWidget(note, 1)
        self.below.addWidget(self._copy)
        self.below.addWidget(self._again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._verdict)
        column.addWidget(self._rows, 1)
        column.addLayout(self.below)

    # --- Running ---

    def run(self) -> None:
        """From the beginning; what still runs of an earlier time is no longer waited for."""
        self.leave()
        self._found.clear()
        self._rows.clearSelection()
        self._at = datetime.now(UTC)
        self._go_on()

    def leave(self) -> None:
        """Nothing goes on behind a page that is gone."""
        for call, task in self._running.values():
            call.cancel()
            task.cancel()
        self._running.clear()

    def take_focus(self) -> None:
        self._rows.setFocus(Qt.FocusReason.OtherFocusReason)

    def _go_on(self) -> None:
        for check in ready(self._found, self._running):
            self._start(check)
        self._found |= hopeless(self._found)
        self._show()

    def _start(self, check: Check) -> None:
        call, case, known = Call(check.limit_s), self._case, dict(self._found)
        task = tasks.run(
            lambda _: perform(check, case, known, call),
            lambda finding: self._came(check, finding),
            lambda error: self._broke(check, error),
            owner=self,
        )
        self._running[check.code] = call, task

    def _came(self, check: Check, finding: Finding) -> None:
        self._running.pop(check.code, None)
        self._found[check.code] = finding
        self._go_on()
        if len(self._found) == len(CHECKS) and (code := first_trouble(self._found)):
            self._point_at(code)

    def _broke(self, check: Check, error: Exception) -> None:
        said = explain(error)
        self._came(check, Finding(State.FAULT, said.text, said.next_step, said.code))

    def _key_event(self, event: KeyEvent) -> None:
        self._settle.start()

    def _run_if_shown(self) -> None:
        if self.isVisible():
            self.run()

    # --- Showing ---

    def _point_at(self, code: str) -> None:
        """At a big zoom the row in question may be out of sight."""
        self._rows.setCurrentCell([check.code for check in CHECKS].index(code), 0)

    def set_colours(self, colours: SheetColours) -> None:
        self._colours = colours
        self._show()

    def _show(self) -> None:
        for row, check in enumerate(CHECKS):
            self._show_row(row, self._found.get(check.code))
        self._fit_later()
        said = verdict(self._found)
        code = f"（{said.code}）" if said.code else ""
        step = f"。{said.next_step}" if said.next_step else ""
        state = "" if said.state is State.UNCHECKED else f"{said.state}："
        self._verdict.setText(f"{state}{said.text}{step}{code}")
        set_role(self._verdict, "role", ROLES[said.state])

    def _show_row(self, row: int, told: Finding | None) -> None:
        cell = self._rows.item(row, STATE)
        if told is None:
            cell.setText(UNDER_WAY)
            cell.setIcon(icon("clock", self._colours.muted))
            texts = ("", "")
        else:
            cell.setText(told.state.value)
            colour = getattr(self._colours, ROLES[told.state])
            cell.setIcon(icon(ICONS.get(told.state, "unchecked"), colour))
            texts = (told.text + (f"（{told.code}）" if told.code else ""), told.next_step)
        for column, text in zip((TEXT, STEP), texts, strict=True):
            self._rows.item(row, column).setText(text)

    def _fit_later(self) -> None:
        """After all columns have their new widths."""
        self._fitting.start()

    def _fit_rows(self) -> None:
        self._rows.resizeRowsToContents()
        if self._rows.selectedItems():
            self._rows.scrollToItem(self._rows.currentItem())

    def copy_report(self) -> None:
        QApplication.clipboard().setText(report(self._found, self._at, self._server()))
        self.told.emit("报告已复制，可以粘贴到邮件或聊天中发给中心")


class HealthDialog(QDialog):
    """For whoever is not logged in, or has a dialog open that waits for the key."""

    def __init__(self, panel: HealthPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("health_dialog")
        self.setWindowTitle("证书体检")
        self.panel = panel
        self._told = QLabel(objectName="health_told")
        set_role(self._told, "role", "passed")
        self.panel.told.connect(self._told.setText)
        self.panel.below.addWidget(button("关闭", "health_close", self.reject))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 12)
        column.addWidget(Title("证书体检"))
        column.addWidget(self.panel, 1)
        column.addWidget(self._told)
        QShortcut(QKeySequence("F5"), self).activated.connect(self.panel.run)
        fit(self, 170, 38)

    def open(self) -> None:
        super().open()
        self.panel.run()
        self.panel.take_focus()

    def done(self, result: int) -> None:
        self.panel.leave()
        super().done(result)
