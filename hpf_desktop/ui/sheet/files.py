"""The sheet's dealings with files: import with a preview, template, error report, export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from hpf_desktop import spreadsheet, table_file
from hpf_desktop.mapping import Extract, Mapping, extract, find_mapping
from hpf_desktop.tasks import Cancelled, Progress, Task, run
from hpf_desktop.ui.sheet.columns import Column, fen_of
from hpf_desktop.ui.sheet.import_dialog import ImportDialog
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.store import BLANK
from server.business.base import Business
from server.business.businesses import BUSINESSES
from server.business.refusals import Problem, Refused, problem

OPEN_FILTER = "电子表格 (*.xlsx *.xlsm *.xls *.ods *.csv *.tsv *.txt)"
SAVE_FILTER = "Excel 工作簿 (*.xlsx)"


class Files(QObject):
    """One piece of work at a time, in a worker; what goes wrong is told as a Problem."""

    busy = Signal(str, object, object)
    told = Signal(str)
    refused = Signal(object)
    imported = Signal(object)  # the Problems about what was left out

    def __init__(self, model: SheetModel, window: QWidget) -> None:
        super().__init__(window)
        self.model, self.window = model, window
        self.task: Task | None = None
        self.dialog: ImportDialog | None = None

    @property
    def business(self) -> Business:
        return self.model.store.business

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None
            self.busy.emit("", 0, 0)
            self.told.emit("已取消")

    # --- Import ----------------------------------------------------------------------------------

    def ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window, "导入", "", OPEN_FILTER)
        if path:
            self.import_path(Path(path))

    def import_path(self, path: Path) -> None:
        business = self.business

        def work(progress: Progress) -> tuple[spreadsheet.Document, list[Mapping]]:
            document = spreadsheet.read_document(path, progress)
            return document, [find_mapping(table, business) for table in document.tables]

        self._run("读取文件", work, lambda got: self._document_read(*got))

    def _document_read(self, document: spreadsheet.Document, found: list[Mapping]) -> None:
        if document.template and document.template[0] != self.business.code:
            labels = {b.code: b.label for b in BUSINESSES}
            found = labels.get(document.template[0], document.template[0])
            self.refused.emit(problem("S16", found=found))
            return
        has_rows = self.model.store.filled_rows > 0
        self.dialog = ImportDialog(document, self.business, found, has_rows, self.window)
        self.dialog.agreed.connect(self.take)
        self.dialog.finished.connect(self.dialog.deleteLater)
        self.dialog.open()

    def take(self, table: spreadsheet.Table, mapping: Mapping, is_replacing: bool) -> None:
        """What the preview's 导入 does."""
        columns, business = self.model.columns, self.business

        def work(progress: Progress) -> tuple[Extract, list[list[str]]]:
            taken = extract(table, mapping, business)
            texts = []
            for number, column in enumerate(columns):
                progress(number, len(columns))
                given = taken.texts.get(column.key)
                blank = [""] * len(taken.lines)
                texts.append(blank if given is None else column.normal_all(given))
            return taken, texts

        self._run("导入", work, lambda got: self._put(*got, is_replacing))

    def _put(self, taken: Extract, texts: list[list[str]], is_replacing: bool) -> None:
        """One step, whether it replaces or adds."""
        store, model = self.model.store, self.model
        end = 0 if is_replacing else len(store.states.rstrip(bytes([BLANK])))
        pins = {row + end: _moved(found, end) for row, found in taken.pins.items()}
        model.steps.beginMacro("导入")
        if is_replacing and len(store):
            model.remove(range(len(store)), "导入")
        model.insert_texts(end, texts, "导入", pins)
        if is_replacing:
            model.insert_blank(len(store), 20, "导入")
        model.steps.endMacro()
        words = [f"导入 {len(taken.lines):,} 行", *(problem.text for problem in taken.told)]
        self.told.emit("；".join(words))
        self.imported.emit(taken.told)

    # --- Writing ---------------------------------------------------------------------------------

    def ask_template(self) -> None:
        if path := self._ask_path("下载模板", f"{self.business.label}模板.xlsx"):
            self.write_template(path)

    def write_template(self, path: Path) -> None:
        business = self.business
        self._run(
            "下载模板",
            lambda _: table_file.write_template(path, business),
            lambda _: self.told.emit(f"模板已保存到 {path}"),
        )

    def ask_report(self) -> None:
        if path := self._ask_path("导出错误说明", f"{self.business.label}错误说明.xlsx"):
            self.write_report(path)

    def write_report(self, path: Path) -> None:
        store, business = self.model.store, self.business
        lines = [row for row, state in enumerate(store.states) if state != BLANK]
        place = {row: number for number, row in enumerate(lines)}
        columns = {store.columns[c].key: list(store.typed[c]) for c in store.typed_columns()}
        faults = [
            Problem(p.code, p.text, p.next_step, p.key, place[p.row], p.level)
            for p in store.faults
            if p.row in place
        ]

        def work(progress: Progress) -> int:
            rows = [{key: texts[row] for key, texts in columns.items()} for row in lines]
            return table_file.write_error_report(path, business, rows, faults, progress)

        self._run("导出错误说明", work, lambda n: self.told.emit(f"{n:,} 行有问题，已存到 {path}"))

    def ask_export(self) -> None:
        if path := self._ask_path("导出当前明细", f"{self.business.label}明细.xlsx"):
            self.write_shown(path)

    def write_shown(self, path: Path) -> None:
        """The rows as they are shown: sorted, filtered, with what was computed."""
        store, model = self.model.store, self.model
        rows = model.rows_at(range(model.rowCount()))
        lines = [row for row in rows if store.states[row] != BLANK]
        fields = [column.field for column in store.columns]
        typed, filled = [list(c) for c in store.typed], [list(c) for c in store.filled]

        def work(progress: Progress) -> int:
            def shown(row: int) -> dict[str, object]:
                pairs = zip(store.columns, typed, filled, strict=True)
                return {c.key: _value(c, t[row] or f[row]) for c, t, f in pairs}

            return table_file.write_table(path, fields, map(shown, lines), progress)

        self._run("导出", work, lambda n: self.told.emit(f"{n:,} 行已存到 {path}"))

    def _ask_path(self, title: str, name: str) -> Path | None:
        path, _ = QFileDialog.getSaveFileName(self.window, title, name, SAVE_FILTER)
        return Path(path).with_suffix(".xlsx") if path else None

    def _run(
        self, what: str, work: Callable[[Progress], object], done: Callable[..., None]
    ) -> None:
        if self.task is not None:
            return

        def finished(outcome: object) -> None:
            self.task = None
            self.busy.emit("", 0, 0)
            done(outcome)

        self.busy.emit(what, 0, 0)
        self.task = run(work, finished, self._failed, self)
        self.task.progressed.connect(lambda done, total: self.busy.emit(what, done, total))

    def _failed(self, fault: Exception) -> None:
        self.task = None
        self.busy.emit("", 0, 0)
        if isinstance(fault, Refused):
            self.refused.emit(fault.reason)
        elif not isinstance(fault, Cancelled):
            raise fault


def _moved(found: Sequence[Problem], by: int) -> tuple[Problem, ...]:
    return tuple(
        Problem(p.code, p.text, p.next_step, p.key, (p.row or 0) + by, p.level) for p in found
    )


def _value(column: Column, text: str) -> object:
    """Amounts as integers of fen, so that they are written as numbers."""
    fen = fen_of(text) if column.is_money else None
    return text if fen is None else fen
