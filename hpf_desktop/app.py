"""Wires the desktop together: which server, which keys, which windows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from hpf_desktop import log, settings, tasks
from hpf_desktop.session import Session
from hpf_desktop.settings import Settings
from hpf_desktop.ui import theme
from hpf_desktop.ui.crash import CrashReporter
from hpf_desktop.ui.help_place import help_in_dialogs
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.login.window import LoginWindow, Opened
from server.business.refusals import Problem, Refused, problem

if TYPE_CHECKING:
    from hpf_desktop.cert.token import CardReaders
    from hpf_desktop.client import Client
    from hpf_desktop.ui.main_window import MainWindow
    from hpf_desktop.ui.manual import Manual
    from hpf_desktop.ui.settings_page import SettingsDialog

OpenReaders = Callable[[], "CardReaders"]
MakeClient = Callable[[Settings], "Client"]
CLOSE_LIMIT_MS = 3_000
SAVE_PAUSE_MS = 300
KEYRING_LIMIT_MS = 60_000
WAITS_FOR_KEYRING = "已登录。正在打开本机草稿，系统密钥环可能要求输入它的密码…"
PIV_AUTHENTICATION = 0x9A  # the slot of the virtual key


def make_client(chosen: Settings) -> Client:
    """Late: the HTTP library costs a tenth of the start."""
    from hpf_desktop.client import Client

    ca_file = Path(chosen.ca_file) if chosen.ca_file else None
    return Client(chosen.server, ca_file, chosen.uses_proxy)


class Desktop(QObject):
    """The program while it runs: the login window, or one main window."""

    def __init__(
        self,
        app: QApplication,
        chosen: Settings,
        open_readers: OpenReaders,
        client_of: MakeClient = make_client,
        pauses_drafts: bool = False,
    ) -> None:
        super().__init__()
        self._app, self.settings = app, chosen
        self._open_readers, self._client_of = open_readers, client_of
        self._keeps_drafts = not pauses_drafts
        self._drafts: Any = None
        self._manual: Manual | None = None
        self._settings_dialog: SettingsDialog | None = None
        # A moment of quiet first: each save writes the whole file.
        self._save_timer = QTimer(self, singleShot=True, interval=SAVE_PAUSE_MS)
        self._save_timer.timeout.connect(self._save_settings)
        self.window: MainWindow | None = None
        self.colours = theme.apply(app, chosen.theme, chosen.zoom)
        app.styleHints().colorSchemeChanged.connect(self._look_changed)
        self.keys = KeySignals(open_readers, self)
        self.login = LoginWindow(
            self.keys, open_readers, self._open_session, chosen.server, chosen.login_way,
            chosen.remembers_unit,
        )  # fmt: skip
        self.login.opened.connect(self._opened)
        self.login.way_used.connect(lambda way: self._remember(login_way=way))
        self.login.remembers_unit.connect(lambda does: self._remember(remembers_unit=does))
        self.login.settings_asked.connect(self.open_settings)
        self.login.manual_asked.connect(self.open_manual)
        self.keys.examination_asked.connect(self.open_health)
        help_in_dialogs(app, self.open_manual)

    def start(self) -> None:
        self.login.show()
        QTimer.singleShot(0, self.keys.start)

    def close(self) -> None:
        if self._save_timer.isActive():
            with suppress(Refused):
                settings.save(self.settings, settings.settings_file())
        self.keys.stop()
        tasks.finish_all(CLOSE_LIMIT_MS)
        if self._drafts is not None:
            self._drafts.close()
            self._drafts = None

    # --- In and out ---

    def _open_session(self) -> Session:
        """In a worker."""
        return Session(self._client_of(self.settings), self._open_readers)

    def _opened(self, opened: Opened) -> None:
        session = opened.session
        session.certificate = opened.entry.certificate if opened.entry else None
        session.standing, session.facts = opened.standing, opened.facts
        if self._keeps_drafts and self._drafts is None:
            self._await_drafts(session)
            return
        self._show_main(session, self._drafts)

    def _await_drafts(self, session: Session) -> None:
        """The keyring may ask the operator for a password of its own, and may never be answered."""
        limit = QTimer(self, singleShot=True, interval=KEYRING_LIMIT_MS)

        def go_on(drafts: Any, why_none: Problem | None = None) -> None:
            task.cancel()
            limit.stop()
            limit.deleteLater()
            self._show_main(session, drafts, why_none)

        task = tasks.run(
            lambda _: _open_drafts(),
            go_on,
            lambda error: go_on(None, log.explain(error)),
            owner=self,
        )
        limit.timeout.connect(lambda: go_on(None, problem("S21")))
        limit.start()
        self.login.wait(WAITS_FOR_KEYRING, lambda: go_on(None, problem("S21")), "不用草稿，继续")

    def _show_main(self, session: Session, drafts: Any, why_none: Problem | None = None) -> None:
        from hpf_desktop.ui.main_window import MainWindow
        from hpf_desktop.ui.page import Desk

        self._drafts = drafts
        desk = Desk(session, self.keys, self.settings, self.colours, drafts)
        window = MainWindow(desk)
        window.logged_out.connect(self._logged_out)
        window.closed.connect(self._app.quit)
        window.settings_asked.connect(self.open_settings)
        window.manual_asked.connect(self.open_manual)
        window.theme_asked.connect(lambda name: self.change(replace(self.settings, theme=name)))
        window.zoom_asked.connect(lambda zoom: self.change(replace(self.settings, zoom=zoom)))
        window.status.show_zoom(self.settings.zoom)
        if why_none:
            window.status.tell(f"{why_none.text}。{why_none.next_step}")
        self.window = window
        self.login.hide()
        window.show()
        self._warn_of_expiry(window)

    def _warn_of_expiry(self, window: MainWindow) -> None:
        """Once a day for each of the thresholds; a password has no certificate that could end."""
        from hpf_desktop.cert import expiry
        from hpf_desktop.ui import health_page

        certificate, now = window.desk.session.certificate, datetime.now(UTC)
        said = expiry.warning(certificate.not_after, now) if certificate else None
        if said is None:
            return
        told = self.settings.expiry_told
        told = expiry.remember(told, certificate.fingerprint, certificate.not_after, now)
        if told != self.settings.expiry_told:
            check = health_page.LABEL, lambda: window.go_to(health_page.CODE)
            window.notice.show_problem(said, [check])
            self._remember(expiry_told=told)

    def _logged_out(self, why: Problem | None) -> None:
        window, self.window = self.window, None
        if window is not None:
            window.hide()
            window.deleteLater()
        self.login.show()
        if why:
            self.login.say(why)

    # --- Settings, look, help ---

    def change(self, chosen: Settings) -> None:
        """Takes effect at once, and is remembered."""
        is_new_look = (chosen.theme, chosen.zoom) != (self.settings.theme, self.settings.zoom)
        if self._connection(chosen) != self._connection(self.settings):
            self.login.show_server(chosen.server)
        self.settings = chosen
        if self.window is not None:
            self.window.desk.settings = chosen
        if is_new_look:
            self._look_changed()
        self._save_timer.start()

    @staticmethod
    def _connection(chosen: Settings) -> tuple[str, str, bool]:
        return chosen.server, chosen.ca_file, chosen.uses_proxy

    def _remember(self, **members: Any) -> None:
        if (chosen := replace(self.settings, **members)) != self.settings:
            self.change(chosen)

    def _save_settings(self) -> None:
        chosen = self.settings
        tasks.run(
            lambda _: settings.save(chosen, settings.settings_file()),
            lambda _: None,
            self._not_saved,
            owner=self,
        )

    def _not_saved(self, error: Exception) -> None:
        told = log.explain(error)
        if self.window is not None:
            self.window.status.tell(f"{told.text}。{told.next_step}")

    def _look_changed(self) -> None:
        self.colours = theme.apply(self._app, self.settings.theme, self.settings.zoom)
        if self.window is not None:
            self.window.set_colours(self.colours)
            self.window.status.show_zoom(self.settings.zoom)

    def open_settings(self) -> None:
        from hpf_desktop.ui.settings_page import SettingsDialog

        parent = self.window or self.login
        dialog = SettingsDialog(self.settings, is_logged_in=self.window is not None, parent=parent)
        dialog.changed.connect(self.change)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def open_health(self) -> None:
        """Over whatever waits for the key; inside the window it is a page, too."""
        from hpf_desktop.cert.health import Case
        from hpf_desktop.ui.health_panel import HealthDialog, HealthPanel

        parent = QApplication.activeModalWidget() or self.window or self.login
        if isinstance(parent, HealthDialog):
            return
        case = Case(self._open_readers, self._client)
        panel = HealthPanel(case, self.keys, lambda: self.settings.server, self.colours)
        dialog = HealthDialog(panel, parent)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _client(self) -> Client:
        """In a worker: the session's own connection, or the one from before it."""
        window = self.window
        return window.desk.session.client if window else self.login.client()

    def open_manual(self, topic: str) -> None:
        from hpf_desktop.ui.manual import Manual

        if self._manual is None:
            self._manual = Manual()
        self._manual.open_topic(topic)


def _open_drafts() -> Any:
    """In a worker: the keyring may ask the operator, and takes its time."""
    from hpf_desktop.drafts import Drafts, draft_key

    return Drafts.open(settings.folder() / "drafts.db", draft_key())


def readers_of(files: Sequence[str], pin: str) -> OpenReaders:
    """The computer's card readers; or, named by its files, a virtual key inside this process."""
    if not files:
        from hpf_desktop.cert.pcsc import PcscReaders

        return PcscReaders
    from hpf_desktop.cert.virtual_key.card import PivCard
    from hpf_desktop.cert.virtual_key.files import load_credential
    from hpf_desktop.cert.virtual_key.in_process import InProcessReaders

    slot = InProcessReaders()
    slot.insert(PivCard({PIV_AUTHENTICATION: load_credential([Path(f) for f in files])}, pin))
    return slot.open


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hpf_desktop", description="住房公积金单位网厅（桌面端）")
    parser.add_argument("--server", help="https://host:port")
    parser.add_argument("--ca", help="服务器证书的 CA 文件")
    parser.add_argument(
        "--virtual-key-in-process",
        nargs="+",
        default=[],
        metavar="FILE",
        help="演示用：私钥和证书文件（或一个 PKCS#12 文件）代替证书 Key",
    )
    parser.add_argument("--virtual-key-pin", default="123456", help="演示用 Key 的密码")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parsed(sys.argv[1:] if argv is None else argv)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("hpf_desktop")
    app.setQuitOnLastWindowClosed(False)
    theme.prepare(app)
    CrashReporter(app).install()
    chosen = settings.load(settings.settings_file())
    named = {"server": options.server, "ca_file": options.ca}
    chosen = replace(chosen, **{name: value for name, value in named.items() if value})
    desktop = Desktop(
        app, chosen, readers_of(options.virtual_key_in_process, options.virtual_key_pin)
    )
    desktop.login.closed.connect(app.quit)
    desktop.start()
    QTimer.singleShot(0, lambda: log.open_log(settings.folder()))
    try:
        return app.exec()
    finally:
        desktop.close()
        log.close_log()
