"""Copy, cut and paste: small blocks at once, large ones through a worker."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QObject, Signal
from PySide6.QtGui import QGuiApplication

from hpf_desktop.tasks import Progress, Task, run
from hpf_desktop.ui.sheet import edits
from hpf_desktop.ui.sheet.clipboard import TooMuch, html_of_rows, text_of_page, text_of_rows
from hpf_desktop.ui.sheet.view import SheetView
from server.business.refusals import problem

AT_ONCE_CHARS = 200_000
AT_ONCE_CELLS = 20_000


class Transfer(QObject):
    """Between the clipboard and the sheet's selection."""

    busy = Signal(str, object, object)
    told = Signal(str)
    refused = Signal(object)

    def __init__(self, view: SheetView) -> None:
        super().__init__(view)
        self.view, self.model = view, view.sheet
        self.task: Task | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self._end()
            self.told.emit("已取消")

    def copy(self) -> None:
        blocks = self.view.selected_blocks()
        count = sum(len(places) * len(columns) for places, columns in blocks)
        if not count or self.task is not None:
            return
        rows, is_text = edits.cells_of(self.model, blocks)

        def work(progress: Progress) -> tuple[str, str]:
            block = list(rows)
            return text_of_rows(block), html_of_rows(block, is_text)

        if count <= AT_ONCE_CELLS:
            self._put_on_clipboard(work(lambda done, total: None))
        else:
            self.busy.emit("复制", 0, 0)
            self.task = run(work, self._copied, self._failed)

    def cut(self) -> None:
        """What was copied is cleared; computed cells stay."""
        self.copy()
        edits.clear(self.model, self.view.selected_blocks())

    def paste(self) -> None:
        copied = QGuiApplication.clipboard().mimeData()
        text = copied.text() or (text_of_page(copied.html()) if copied.hasHtml() else "")
        blocks = self.view.selected_blocks()
        if not text or not blocks or self.task is not None or self.model.is_locked:
            return
        places, columns = blocks[0]
        shown = self.view.shown_columns()
        spot = edits.Spot(places, len(columns), shown[shown.index(columns[0]) :])
        model_columns = self.model.columns

        def work(progress: Progress) -> edits.Pasted:
            return edits.fit_text(text, spot, model_columns)

        if len(text) <= AT_ONCE_CHARS:
            try:
                self._write(work(lambda done, total: None), spot)
            except TooMuch as fault:
                self._failed(fault)
            return
        self.busy.emit("粘贴", 0, 0)
        self.task = run(work, lambda got: self._pasted(got, spot), self._failed, self)

    def _copied(self, forms: tuple[str, str]) -> None:
        self._end()
        self._put_on_clipboard(forms)

    def _put_on_clipboard(self, forms: tuple[str, str]) -> None:
        text, html = forms
        mime = QMimeData()
        mime.setText(text)
        mime.setHtml(html)
        QGuiApplication.clipboard().setMimeData(mime)

    def _pasted(self, pasted: edits.Pasted, spot: edits.Spot) -> None:
        self._end()
        self._write(pasted, spot)

    def _write(self, pasted: edits.Pasted, spot: edits.Spot) -> None:
        if self.model.is_locked:
            return
        top = spot.places[0]
        edits.paste(self.model, pasted, top)
        width = len(pasted.texts) + pasted.read_only
        self.view.select_block(range(top, top + pasted.height), spot.columns[:width])
        words = [f"粘贴 {pasted.height:,} 行"] if pasted.texts else ["没有可以填写的单元格"]
        if pasted.has_labels:
            words.append("没有粘贴表头")
        if pasted.read_only:
            words.append(f"跳过 {pasted.read_only} 个只读列")
        if pasted.beyond:
            words.append(f"右侧超出 {pasted.beyond} 列，没有粘贴")
        self.told.emit("；".join(words))

    def _failed(self, fault: Exception) -> None:
        self._end()
        if not isinstance(fault, TooMuch):
            raise fault
        self.refused.emit(problem("S20"))

    def _end(self) -> None:
        self.task = None
        self.busy.emit("", 0, 0)
