"""One receipt: its stored bytes, whose printings the server counts."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from PySide6.QtWidgets import QWidget

from hpf_desktop import tasks
from hpf_desktop.print.job import Outcome
from hpf_desktop.print.system import system_backend
from hpf_desktop.settings import Printing
from hpf_desktop.ui.document_view import DocumentDialog, DocumentView
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_printing import Printer, Receipt


class ReceiptView(DocumentView):
    """Its document's name is the receipt's number."""

    what = "receipt"
    nothing = "选择一张回单以预览"

    @property
    def receipt_no(self) -> str:
        return self.name

    def show_receipt(self, receipt_no: str, title: str, form: str) -> None:
        """``form`` is the business's code: printers are set for each."""
        if receipt_no == self.name and self._pdf:
            return
        self.clear()
        self.name, self._form = receipt_no, form
        self._title.setText(f"{title}　回单号 {receipt_no}")
        client = self._desk.session.client
        self.run("正在读取回单…", lambda _: client.receipt_pdf(receipt_no), self.put_pdf)

    def printing(self, printing: Printing, stop: Event) -> Callable[[tasks.Progress], Outcome]:
        """Counted by the server; a reprint bears its number."""
        client, receipt = self._desk.session.client, Receipt(self.name, self._form)
        told = self.steps.came.emit

        def work(progress: tasks.Progress) -> Outcome:
            printer = Printer(system_backend(), client, lambda _: printing, progress, stop, told)
            return printer.print([receipt]).outcome

        return work


class ReceiptDialog(DocumentDialog):
    """Comes by itself after a business was posted."""

    def __init__(
        self, desk: Desk, receipt_no: str, title: str, form: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(ReceiptView(desk), f"{title} {receipt_no}", parent)
        self.view.show_receipt(receipt_no, title, form)
