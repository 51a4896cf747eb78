"""证书体检 as a page of the main window."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from hpf_desktop.cert.health import Case
from hpf_desktop.ui.health_panel import HealthPanel
from hpf_desktop.ui.page import Desk, Page
from hpf_desktop.ui.sheet.colours import SheetColours

CODE, LABEL, MENU = "certificate_health", "证书体检", "归集业务"


class HealthPage(Page):
    """Checks with the session's own connection; nothing of the session is asked."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(desk, LABEL, CODE, parent)
        self.setObjectName(f"page_{CODE}")
        session = desk.session
        case = Case(session.open_readers, lambda: session.client)
        self.panel = HealthPanel(case, desk.keys, lambda: session.client.audience, desk.colours)
        self.panel.told.connect(self.told)
        self.column.addWidget(self.panel, 1)
        self._is_new = True

    def take_focus(self) -> None:
        self.panel.take_focus()

    def shown(self) -> None:
        """Checked once by itself; what was found then stays until F5."""
        if self._is_new:
            self._is_new = False
            self.panel.run()

    def renew(self) -> None:
        self.panel.run()

    def may_close(self) -> bool:
        self.panel.leave()
        return True

    def keep(self) -> None:
        self.panel.leave()

    def set_colours(self, colours: SheetColours) -> None:
        self.panel.set_colours(colours)
