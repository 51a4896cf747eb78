"""Settings: server, look, and for each form its printer, paper, tray and offset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.settings import (
    OFFSET_MAX_MM,
    PAPERS,
    THEMES,
    ZOOM_MAX,
    ZOOM_MIN,
    ZOOM_STEP,
    Printing,
    Settings,
)
from hpf_desktop.ui.messages import MessageBar
from hpf_desktop.ui.page import button
from hpf_desktop.wire import origin_of
from server.business.businesses import BUSINESSES
from server.business.refusals import Refused, problem


class SettingsDialog(QDialog):
    """``changed`` carries the new settings; nothing changes before 确定."""

    changed = Signal(object)

    def __init__(
        self, chosen: Settings, is_logged_in: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settings_dialog")
        self.setWindowTitle("设置")
        self._chosen = chosen
        self._forms = dict(chosen.printing)
        self._form = ""
        self._printers: list[Any] = []
        self._bar = MessageBar(self)
        tabs = QTabWidget(objectName="settings_tabs")
        tabs.setAccessibleName("设置的内容")
        tabs.addTab(self._printing_tab(), "打印")
        tabs.addTab(self._look_tab(), "外观")
        tabs.addTab(self._server_tab(is_logged_in), "服务器")
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(button("取消", "cancel", self.reject))
        self._ok = button("确定", "ok", self._take, is_primary=True)
        self._ok.setDefault(True)
        row.addWidget(self._ok)
        column = QVBoxLayout(self)
        column.addWidget(self._bar)
        column.addWidget(tabs)
        column.addLayout(row)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 60)
        self._tabs = tabs
        if not is_logged_in:
            tabs.setCurrentIndex(2)
        self._show_form()
        self._read_printers()

    # --- Printing ---

    def _printing_tab(self) -> QWidget:
        tab = QWidget()
        form = QFormLayout(tab)
        self._form_box = QComboBox(objectName="form")
        for business in BUSINESSES:
            self._form_box.addItem(business.receipt, business.code)
        self._printer_box = QComboBox(objectName="printer")
        self._paper_box = QComboBox(objectName="paper", editable=True)
        self._paper_box.lineEdit().setAccessibleName("纸张")
        for key, label in PAPERS.items():
            self._paper_box.addItem(label, key)
        self._tray_box = QComboBox(objectName="tray")
        self._right = self._offset("right_mm", "向右偏移")
        self._down = self._offset("down_mm", "向下偏移")
        form.addRow("单据(&F)", self._form_box)
        form.addRow("打印机(&P)", self._printer_box)
        form.addRow("纸张(&S)", self._paper_box)
        form.addRow("纸盒(&T)", self._tray_box)
        form.addRow("向右偏移(&R)", self._right)
        form.addRow("向下偏移(&D)", self._down)
        row = QHBoxLayout()
        row.addWidget(button("用于全部单据", "for_all_forms", self._use_for_all))
        row.addWidget(button("打印校准页", "calibrate", self._calibrate))
        row.addStretch()
        form.addRow("", row)
        self._form_box.currentIndexChanged.connect(self._form_chosen)
        self._printer_box.currentIndexChanged.connect(self._show_trays)
        return tab

    def _offset(self, name: str, label: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox(objectName=name, decimals=1, singleStep=0.1, suffix=" 毫米")
        box.setRange(-OFFSET_MAX_MM, OFFSET_MAX_MM)
        box.setAccessibleName(label)
        return box

    def _read_printers(self) -> None:
        def work(_: tasks.Progress) -> list[Any]:
            from hpf_desktop.print.printers import PrintRefused
            from hpf_desktop.print.system import system_backend

            try:
                return system_backend().printers()
            except PrintRefused as refused:
                raise Refused(problem(refused.status.code, printer="")) from None

        tasks.run(work, self._printers_came, self._no_printers, owner=self)

    def _printers_came(self, printers: list[Any]) -> None:
        self._keep_form()
        self._printers = printers
        self._show_form()

    def _no_printers(self, error: Exception) -> None:
        self._bar.show_problem(explain(error))

    def _form_chosen(self) -> None:
        self._keep_form()
        self._show_form()

    def _show_form(self) -> None:
        self._form = self._form_box.currentData()
        kept = self._forms.get(self._form, Printing())
        self._printer_box.blockSignals(True)
        self._printer_box.clear()
        self._printer_box.addItem("系统默认打印机", "")
        for printer in self._printers:
            self._printer_box.addItem(printer.label or printer.name, printer.name)
        self._choose(self._printer_box, kept.printer, f"{kept.printer}（现在找不到）")
        self._printer_box.blockSignals(False)
        self._choose(self._paper_box, kept.paper, kept.paper)
        self._show_trays(kept=kept.tray)
        self._right.setValue(kept.right_mm)
        self._down.setValue(kept.down_mm)

    def _show_trays(self, _: int = 0, kept: str = "") -> None:
        name = self._printer_box.currentData()
        trays = next((p.trays for p in self._printers if p.name == name), ())
        self._tray_box.clear()
        self._tray_box.addItem("自动", "")
        for tray in trays:
            self._tray_box.addItem(tray, tray)
        self._choose(self._tray_box, kept, kept)

    @staticmethod
    def _choose(box: QComboBox, value: str, label: str) -> None:
        """What was set stays choosable, even when the system no longer offers it."""
        if box.findData(value) < 0:
            box.addItem(label, value)
        box.setCurrentIndex(box.findData(value))

    def _keep_form(self) -> None:
        if not self._form:
            return
        typed = self._paper_box.currentText().strip()
        number = self._paper_box.findText(typed)
        self._forms[self._form] = Printing(
            self._printer_box.currentData() or "",
            self._paper_box.itemData(number) if number >= 0 else typed,
            self._tray_box.currentData() or "",
            round(self._right.value(), 1),
            round(self._down.value(), 1),
        )

    def _use_for_all(self) -> None:
        self._keep_form()
        self._forms = {b.code: self._forms[self._form] for b in BUSINESSES}
        self._bar.tell("已用于全部单据，点“确定”后生效")

    def _calibrate(self) -> None:
        """Printed with the offsets that stand here, so that what is left over can be measured."""
        self._keep_form()
        kept, offered = self._forms[self._form], self._printers
        default = next((p.name for p in offered if p.is_default), "")

        def work(_: tasks.Progress) -> Any:
            from hpf_desktop.print.job import print_pdf
            from hpf_desktop.print.page import PAPERS, calibration_page
            from hpf_desktop.print.printers import PrintOrder
            from hpf_desktop.print.system import system_backend

            printer, offset_mm = kept.printer or default, (kept.right_mm, kept.down_mm)
            paper = PAPERS.get(kept.paper, PAPERS["A4"])
            page = calibration_page(paper, printer, offset_mm)
            order = PrintOrder(printer, "打印校准页", kept.paper, kept.tray, offset_mm)
            return print_pdf(system_backend(), page, order)

        self._bar.tell("正在打印校准页…")
        tasks.run(work, self._calibrated, self._no_printers, owner=self)

    def _calibrated(self, outcome: Any) -> None:
        if outcome.problem:
            self._bar.show_problem(outcome.problem)
        else:
            self._bar.tell(f"校准页：{outcome.text}")

    # --- Look and server ---

    def _look_tab(self) -> QWidget:
        tab = QWidget()
        form = QFormLayout(tab)
        self._theme = QComboBox(objectName="theme")
        for theme, label in THEMES.items():
            self._theme.addItem(label, theme)
        self._theme.setCurrentIndex(self._theme.findData(self._chosen.theme))
        self._zoom = QSpinBox(objectName="zoom", suffix=" %", singleStep=ZOOM_STEP)
        self._zoom.setRange(ZOOM_MIN, ZOOM_MAX)
        self._zoom.setValue(self._chosen.zoom)
        self._zoom.setAccessibleName("缩放")
        form.addRow("主题(&M)", self._theme)
        form.addRow("缩放(&Z)", self._zoom)
        return tab

    def _server_tab(self, is_logged_in: bool) -> QWidget:
        tab = QWidget()
        form = QFormLayout(tab)
        self._server = QLineEdit(self._chosen.server, objectName="server_address")
        self._server.setPlaceholderText("https://")
        self._ca_file = QLineEdit(self._chosen.ca_file, objectName="ca_file")
        self._ca_file.setPlaceholderText("留空：使用系统信任的证书")
        browse = button("选择…", "choose_ca_file", self._choose_ca_file)
        row = QHBoxLayout()
        row.addWidget(self._ca_file, 1)
        row.addWidget(browse)
        self._proxy = QCheckBox("通过系统的代理服务器连接", objectName="uses_proxy")
        self._proxy.setChecked(self._chosen.uses_proxy)
        form.addRow("服务器地址(&A)", self._server)
        label = QLabel("证书文件(&C)")
        label.setBuddy(self._ca_file)
        form.addRow(label, row)
        form.addRow("", self._proxy)
        for widget in (self._server, self._ca_file, browse, self._proxy):
            widget.setEnabled(not is_logged_in)
        if is_logged_in:
            self._server.setToolTip("退出登录后可以修改")
        return tab

    def _choose_ca_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "选择证书文件", self._ca_file.text(), "证书 (*.pem *.crt *.cer);;所有文件 (*)"
        )
        if path:
            self._ca_file.setText(path)

    def _take(self) -> None:
        self._keep_form()
        ca_file = self._ca_file.text().strip()
        try:
            server = origin_of(self._server.text())
        except Refused as wrong:
            self._bar.show_problem(wrong.reason)
            self._tabs.setCurrentIndex(2)
            self._server.setFocus()
            return
        if ca_file and not Path(ca_file).is_file():
            self._bar.show_problem(problem("N11"))
            self._tabs.setCurrentIndex(2)
            return
        self.accept()
        self.changed.emit(
            replace(
                self._chosen,
                server=server,
                ca_file=ca_file,
                uses_proxy=self._proxy.isChecked(),
                theme=self._theme.currentData(),
                zoom=self._zoom.value(),
                printing=MappingProxyType(self._forms),
            )
        )
