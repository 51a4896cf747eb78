"""Shows a file before it is imported: which worksheet, header row, and column for each field."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.labels import typed_fields
from hpf_desktop.mapping import (
    Mapping,
    doubts_of,
    header_labels,
    large_units,
    mapping_at,
    missing_labels,
)
from hpf_desktop.spreadsheet import Document, Table
from hpf_desktop.table_file import template_version
from hpf_desktop.ui.proportion import Proportion
from hpf_desktop.ui.theme import fit
from server.business.base import Business
from server.business.refusals import Problem, problem

PREVIEW_ROWS = 12
PREVIEW_COLUMNS = 40
CHARS_AND_LINES = (130, 32)
NOT_IMPORTED = "（不导入）"


class ImportDialog(QDialog):
    """``agreed`` carries the table, its mapping, and whether the rows replace what is there."""

    agreed = Signal(object, object, bool)

    def __init__(
        self,
        document: Document,
        business: Business,
        found: Sequence[Mapping],
        has_rows: bool,
        parent: QWidget | None = None,
    ) -> None:
        """``found`` is the mapping of each of the document's tables."""
        super().__init__(parent)
        self.document, self.business, self.found = document, business, found
        self.mapping = Mapping(None)
        self.setObjectName("import_dialog")
        self.setWindowTitle(f"导入：{document.name}")
        self.sheet_box = QComboBox()
        self.sheet_box.setObjectName("import_sheet")
        self.sheet_box.addItems([table.name for table in document.tables])
        self.header_row = QSpinBox()
        self.header_row.setObjectName("import_header_row")
        self.header_row.setSpecialValueText("未找到")
        self.boxes: dict[str, QComboBox] = {}
        self.labels = QStringListModel(self)  # One for all boxes: filling each takes as long.
        self.form = QFormLayout()
        self.preview = _preview_table()
        self.notice = QLabel()
        self.notice.setObjectName("import_notice")
        self.notice.setWordWrap(True)
        self.append, self.replace = QRadioButton("追加到末尾(&A)"), QRadioButton("替换现有明细(&R)")
        self.buttons = QDialogButtonBox()
        self._lay_out(has_rows)
        self.sheet_box.setCurrentIndex(self._best_sheet())
        self._connect()
        self._sheet_chosen()

    @property
    def table(self) -> Table:
        return self.document.tables[self.sheet_box.currentIndex()]

    def accept(self) -> None:
        super().accept()
        self.agreed.emit(self.table, self.mapping, self.replace.isChecked())

    def _best_sheet(self) -> int:
        """The worksheet whose header names the most fields."""
        counts = [len(mapping.columns) for mapping in self.found]
        return counts.index(max(counts))

    def _lay_out(self, has_rows: bool) -> None:
        top = QFormLayout()
        top.addRow("工作表(&S)", self.sheet_box)
        top.addRow("表头所在行(&H)", self.header_row)
        for spec in typed_fields(self.business):
            box = QComboBox()
            box.setModel(self.labels)
            box.setObjectName(f"import_{spec.key}")
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(14)
            self.boxes[spec.key] = box
            self.form.addRow(f"{spec.label}{' *' if spec.required else ''}", box)
        fields = QWidget()
        fields.setLayout(self.form)
        scroll = QScrollArea()
        scroll.setObjectName("import_fields")
        scroll.setWidgetResizable(True)
        scroll.setWidget(fields)
        bar = scroll.verticalScrollBar().sizeHint().width()
        scroll.setMinimumWidth(fields.sizeHint().width() + bar + 2 * scroll.frameWidth())
        left = QVBoxLayout()
        left.addLayout(top)
        left.addWidget(QLabel("栏目对应文件中的列："))
        left.addWidget(scroll, 1)
        right = QVBoxLayout()
        right.addWidget(QLabel("文件内容："))
        right.addWidget(self.preview, 1)
        right.addWidget(self.notice)
        halves = QHBoxLayout()
        halves.addLayout(left, 0)
        halves.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(halves, 1)
        layout.addLayout(self._bottom(has_rows))
        fit(self, *CHARS_AND_LINES)

    def _bottom(self, has_rows: bool) -> QHBoxLayout:
        self.append.setObjectName("import_append")
        self.replace.setObjectName("import_replace")
        group = QButtonGroup(self)
        group.addButton(self.append)
        group.addButton(self.replace)
        self.append.setChecked(has_rows)
        self.replace.setChecked(not has_rows)
        ok = self.buttons.addButton("导入(&I)", QDialogButtonBox.ButtonRole.AcceptRole)
        ok.setObjectName("import_ok")
        ok.setDefault(True)
        cancel = self.buttons.addButton("取消", QDialogButtonBox.ButtonRole.RejectRole)
        cancel.setObjectName("import_cancel")
        self.ok = ok
        bottom = QHBoxLayout()
        bottom.addWidget(self.append)
        bottom.addWidget(self.replace)
        bottom.addStretch(1)
        bottom.addWidget(self.buttons)
        return bottom

    def _connect(self) -> None:
        self.sheet_box.currentIndexChanged.connect(self._sheet_chosen)
        self.header_row.valueChanged.connect(self._header_chosen)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        for key, box in self.boxes.items():
            box.activated.connect(lambda _, key=key: self._column_chosen(key))

    def _sheet_chosen(self) -> None:
        self.mapping = self.found[self.sheet_box.currentIndex()]
        self.header_row.blockSignals(True)
        self.header_row.setRange(0, min(len(self.table.rows), 1000))
        self.header_row.setValue(0 if self.mapping.header is None else self.mapping.header + 1)
        self.header_row.blockSignals(False)
        self._show()

    def _header_chosen(self, row: int) -> None:
        chosen = Mapping(None)
        if row:
            chosen = mapping_at(self.table, row - 1, self.business, is_chosen=True)
        self.mapping = chosen
        self._show()

    def _column_chosen(self, key: str) -> None:
        chosen = self.boxes[key].currentIndex()
        self.mapping = self.mapping.with_column(key, chosen - 1 if chosen > 0 else None)
        self._show()

    def _show(self) -> None:
        labels = self._column_labels()
        self.labels.setStringList([NOT_IMPORTED, *labels])
        for key, box in self.boxes.items():
            column = self.mapping.columns.get(key)
            box.setCurrentIndex(0 if column is None else column + 1)
        self._show_preview(labels)
        self._show_notice()
        self.ok.setEnabled(bool(self.mapping.columns) and self.mapping.header is not None)

    def _column_labels(self) -> list[str]:
        cells = header_labels(self.table, self.mapping)
        width = max((len(row) for row in self.table.rows[:200]), default=0)
        padded = [*cells, *[""] * (width - len(cells))]
        return [cell.strip() or f"第 {n} 列" for n, cell in enumerate(padded, start=1)]

    def _show_preview(self, labels: list[str]) -> None:
        start = 0 if self.mapping.header is None else self.mapping.header + 1
        rows = self.table.rows[start : start + PREVIEW_ROWS]
        self.preview.clear()
        self.preview.setRowCount(len(rows))
        self.preview.setColumnCount(min(len(labels), PREVIEW_COLUMNS))
        self.preview.setHorizontalHeaderLabels(labels[:PREVIEW_COLUMNS])
        self.preview.setVerticalHeaderLabels([str(start + n + 1) for n in range(len(rows))])
        taken = set(self.mapping.columns.values())
        muted = self.palette().placeholderText()
        for number, row in enumerate(rows):
            for column, text in enumerate(row[:PREVIEW_COLUMNS]):
                item = QTableWidgetItem(text)
                if column not in taken:
                    item.setForeground(muted)
                self.preview.setItem(number, column, item)
        self.preview.resizeColumnsToContents()

    def _show_notice(self) -> None:
        self.notice.setText("\n".join(f"{p.text}。{p.next_step}" for p in self.told()))

    def told(self) -> list[Problem]:
        """What the operator should know before 导入."""
        told = []
        if self.mapping.header is None:
            told.append(problem("S09"))
        if missing := missing_labels(self.mapping, self.business):
            told.append(problem("S14", labels="、".join(missing)))
        told += doubts_of(self.table, self.mapping, self.business)
        told += large_units(self.table, self.mapping, self.business)
        if others := self._other_sheets():
            told.append(problem("S29", sheets="、".join(others)))
        template = self.document.template
        if template and template != (self.business.code, template_version(self.business)):
            told.append(problem("S15"))
        return told

    def _other_sheets(self) -> list[str]:
        """Those with a list of their own, and those that were not read at all."""
        tables = zip(self.document.tables, self.found, strict=True)
        lists = [t.name for t, found in tables if found.header is not None and t is not self.table]
        return [*lists, *self.document.unread]


def _preview_table() -> QTableWidget:
    table = QTableWidget()
    table.setObjectName("import_preview")
    table.setAccessibleName("文件内容预览")
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    Proportion(table)
    return table
