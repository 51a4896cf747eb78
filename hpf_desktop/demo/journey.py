"""The main job, played through the real window: log in, open, seal, unseal, pay, make up, print."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QTreeWidget,
    QWidget,
)

from hpf_desktop import log, settings
from hpf_desktop.app import Desktop
from hpf_desktop.cert.pcsc import PcscReaders
from hpf_desktop.demo import grid, services, tour
from hpf_desktop.demo.hand import (
    Sight,
    choose,
    find,
    picture,
    press,
    sight,
    type_into,
    until,
    write_sights,
)
from hpf_desktop.demo.services import PIN, say
from hpf_desktop.demo.summary import Step, Summary
from hpf_desktop.ui import theme
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.main_window import MainWindow

PRINT_LIMIT_S = 60.0
PREPAID = "50,000.00"
SEALED_AND_UNSEALED = 3
MADE_UP = 3  # people, one month each
MADE_UP_ROW, MADE_UP_TOTAL = ("800", "2026-05"), "2,400.00"


def play(
    server: services.Server,
    key: subprocess.Popen[str],
    printed: Path,
    roster: Path,
    out: Path,
) -> Summary:
    """Never raises for what goes wrong at the window: the summary says it, with a picture."""
    shutil.rmtree(out / "pictures", ignore_errors=True)
    shutil.rmtree(out / "receipts", ignore_errors=True)
    (out / "receipts").mkdir(parents=True)
    log.open_log(settings.folder())
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    theme.prepare(app)
    chosen = replace(settings.Settings(), server=server.url, ca_file=str(server.ca), theme="light")
    desktop = Desktop(app, chosen, PcscReaders)
    play = Play(desktop, server, key, printed, out)
    try:
        play.all(roster)
    except Exception as error:  # noqa: BLE001 - Whatever it is, the summary tells it.
        play.summary.failure = f"{play.doing}：{type(error).__name__}：{error}"
        picture(out / "pictures" / "failed.png")
    finally:
        write_sights(out / "pictures", play.seen)
        desktop.close()
        log.close_log()
    return play.summary


class Play:
    """The operator at the window. Each step is timed, pictured and told."""

    def __init__(
        self,
        desktop: Desktop,
        server: services.Server,
        key: subprocess.Popen[str],
        printed: Path,
        out: Path,
    ) -> None:
        self.desktop, self.server, self.key = desktop, server, key
        self.printed, self.out = printed, out
        self.summary = Summary()
        self.doing = ""
        self.seen: dict[str, Sight] = {}

    def all(self, roster: Path) -> None:
        self.log_in()
        self.open_accounts(roster)
        self.seal()
        self.unseal()
        self.prepay()
        self.remit()
        self.make_up()
        self.pull_the_key()
        self.look_up()
        self.reprint()
        tour.see_other_businesses(self)
        self.see_the_dark_look()
        self.summary.ledger = self.server.books()
        self.server.end_day()
        self.summary.reconciliation = self.server.reconcile()

    @property
    def window(self) -> MainWindow:
        assert self.desktop.window is not None, "logged in"
        return self.desktop.window

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        self.doing = name
        step = Step(name)
        start = time.monotonic()
        yield step
        step.seconds = round(time.monotonic() - start, 1)
        step.picture = self.picture(name)
        self.summary.steps.append(step)
        receipt = f"，回单 {step.receipt_number}" if step.receipt_number else ""
        say(f"{step.seconds:5.1f} 秒　{name}{receipt}")

    def picture(self, name: str) -> str:
        number = len(list((self.out / "pictures").glob("*.png"))) + 1
        file = f"pictures/{number:02d}-{name}.png"
        picture(self.out / file)
        self.seen[Path(file).stem] = sight()
        return file

    # --- In ---

    def log_in(self) -> None:
        with self.step("证书登录"):
            self.desktop.start()
            tour.see_password_login(self)
            pin = find(QLineEdit, "pin")
            until(pin.isEnabled, "读出证书")
            self.picture("登录窗口")
            type_into(pin, PIN)
            QTest.keyClick(pin, Qt.Key.Key_Return)
            until(lambda: self.desktop.window and self.desktop.window.isVisible(), "主窗口")
        session, unit = self.window.desk.session, self.window.desk.facts.unit
        certificate = session.certificate
        assert certificate is not None, "logged in with a certificate"
        subject = f"O={certificate.unit_name}, OU={certificate.unit_code}, CN={certificate.holder}"
        self.summary.login = {
            "how": "证书登录（PIV，PC/SC）",
            "reader": certificate.reader,
            "certificate_subject": subject,
        }
        self.summary.unit = {
            "name": unit.name,
            "account": str(unit.unit_id),
            "business_day": unit.business_day.isoformat(),
        }

    def go(self, label: str) -> QWidget:
        """To a function, through the tree, by keyboard."""
        tree = find(QTreeWidget, "navigation")
        found = tree.findItems(label, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
        assert found, f"功能列表中没有 {label}"
        tree.setFocus()
        tree.setCurrentItem(found[0])
        QTest.keyClick(tree, Qt.Key.Key_Return)
        page = self.window.page()
        assert page is not None and page.title == label, f"{label} 没有打开"
        return page

    # --- Batches ---

    def open_accounts(self, roster: Path) -> None:
        with self.step("导入开户名单") as step:
            page = self.go("个人账户设立")
            assert isinstance(page, BatchPage), "a business with rows"
            page.sheet.import_path(roster)
            dialog = find(QDialog, "import_dialog")
            self.picture("导入预览")
            press(find(QPushButton, "import_ok", dialog))
            until(lambda: page.sheet.row_count > 0, "导入的行", 60)
            step.rows = page.sheet.row_count
        with self.step("校验"):
            grid.check(page)
            page.sheet.commands["problem_list"].setChecked(True)
            self.summary.refused = grid.refusals(page)
            page.sheet.next_problem()
        good = step.rows - len({r.row for r in self.summary.refused})
        with self.step("提交通过的行（个人账户设立）") as step:
            page.only_passing_action.trigger()
            step.rows = good
            self._sign()
            self._receipt(step)

    def _sign(self) -> None:
        """The approval dialog: what is signed is read, the PIN typed."""
        dialog = find(QDialog, "approval_dialog")
        pin = find(QLineEdit, "pin", dialog)
        until(pin.isEnabled, "签名窗口读出证书")
        type_into(pin, PIN)
        QTest.keyClick(pin, Qt.Key.Key_Return)

    def _receipt(self, step: Step) -> None:
        """The receipt that comes by itself: looked at, and printed once."""
        dialog = find(QDialog, "receipt_dialog")
        view = dialog.view  # type: ignore[attr-defined]
        until(view.preview.isEnabled, "回单预览")
        step.receipt_number = view.receipt_no
        self.picture(f"回单-{step.receipt_number}")
        step.pdf_file = self._print(view, step.receipt_number)
        press(find(QPushButton, "close_receipt", dialog))

    def _print(self, view: QWidget, name: str) -> str:
        """Sends it to the real queue and waits for the file that the printer makes of it."""
        before = set(self.printed.glob("job-*.pdf"))
        outcomes: list[object] = []
        view.printed.connect(lambda it, _: outcomes.append(it))  # type: ignore[attr-defined]
        view.preview.print_requested.emit()  # type: ignore[attr-defined]
        words = find(QLabel, "receipt_title", view)
        until(lambda: outcomes or _bar_text(view), "打印结果", PRINT_LIMIT_S)
        assert outcomes, f"{words.text()} 没有打印：{_bar_text(view)}"
        new = until(
            lambda: set(self.printed.glob("job-*.pdf")) - before, "打印出的文件", PRINT_LIMIT_S
        )
        file = f"receipts/{name}.pdf"
        shutil.copyfile(next(iter(new)), self.out / file)
        return file

    def seal(self) -> None:
        with self.step("个人封存") as step:
            page = self.go("个人封存")
            assert isinstance(page, BatchPage), "a business with rows"
            people = [p for p in self.window.desk.facts.persons.values() if p.status == "01"]
            grid.paste(
                page, [(str(p.account), "01 终止劳动关系") for p in people[:SEALED_AND_UNSEALED]]
            )
            step.rows = page.sheet.row_count
            self.picture("个人封存-录入")
            page.submit_action.trigger()
            self._sign()
            self._receipt(step)

    def unseal(self) -> None:
        with self.step("个人启封") as step:
            page = self.go("个人启封")
            assert isinstance(page, BatchPage), "a business with rows"
            people = [p for p in self.window.desk.facts.persons.values() if p.status == "02"]
            grid.paste(page, [(str(p.account),) for p in people[:SEALED_AND_UNSEALED]])
            step.rows = page.sheet.row_count
            page.submit_action.trigger()
            self._sign()
            self._receipt(step)

    # --- Money ---

    def prepay(self) -> None:
        with self.step("预缴") as step:
            page = self.go("预缴")
            assert isinstance(page, FormPage), "a business without rows"
            type_into(find(QLineEdit, "amount", page), PREPAID)
            type_into(find(QLineEdit, "remark", page), "七月部分资金")
            press(find(QPushButton, "submit_button", page))
            self._sign()
            self._receipt(step)

    def remit(self) -> None:
        with self.step("汇缴") as step:
            page = self.go("汇缴")
            assert isinstance(page, FormPage), "a business without rows"
            unit = self.window.desk.facts.unit
            type_into(find(QLineEdit, "until", page), str(unit.next_month))
            choose(find(QComboBox, "method", page), "实时结算")
            until(lambda: find(QLineEdit, "due", page).text(), "应缴金额")
            self.picture("汇缴-应缴")
            press(find(QPushButton, "submit_button", page))
            self._sign()
            self._receipt(step)
            step.rows = int(find(QLineEdit, "persons", page).text().replace(",", "") or 0)

    def make_up(self) -> None:
        """补缴: the head by its choices, people by the initials of their names, the rest typed."""
        with self.step("补缴") as step:
            page = self.go("补缴")
            assert isinstance(page, BatchPage), "a business with rows"
            choose(find(QComboBox, "kind", page), "正常全额补缴")
            choose(find(QComboBox, "method", page), "实时结算")
            normal = [p for p in self.window.desk.facts.persons.values() if p.status == "01"]
            for row, who in enumerate(normal[:MADE_UP]):
                grid.look_up(page, row, who)
                if row == 0:
                    self.picture("补缴-按拼音查人")
                grid.type_cells(*MADE_UP_ROW)
            until(lambda: find(QLineEdit, "amount", page).text() == MADE_UP_TOTAL, "补缴金额")
            step.rows = page.sheet.row_count
            self.picture("补缴-录入")
            page.submit_action.trigger()
            self._sign()
            self._receipt(step)
            stages = [find(QLabel, f"payment_stage_{n}", page).text() for n in range(5)]
            assert all(text.startswith("✓") for text in stages), stages

    # --- The key, queries, prints ---

    def pull_the_key(self) -> None:
        with self.step("拔出 Key 即锁定，插回输入密码解锁"):
            services.tell_key(self.key, "pull")
            until(lambda: self.window.is_locked, "窗口锁定")
            self.picture("拔出 Key")
            services.tell_key(self.key, "insert")
            pin = find(QLineEdit, "pin", self.window)
            until(pin.isEnabled, "重新读出证书")
            type_into(pin, PIN)
            QTest.keyClick(pin, Qt.Key.Key_Return)
            until(lambda: not self.window.is_locked, "解锁")

    def look_up(self) -> None:
        self._query("单位下人员明细查询")
        self._query("单位缴存明细查询")

    def _query(self, label: str) -> None:
        with self.step(label) as step:
            page = self.go(label)
            table = find(QTableView, "rows", page)
            until(lambda: table.model().rowCount() > 0, "查询结果")
            until(find(QLabel, "row_count", page).text, "合计")
            step.rows = table.model().rowCount()

    def reprint(self) -> None:
        with self.step("凭证重打") as step:
            page = self.go("凭证重打")
            table = find(QTableView, "rows", page)
            until(lambda: table.model().rowCount() > 0, "回单列表")
            table.setFocus()
            table.setCurrentIndex(table.model().index(0, 0))
            view = page.receipt  # type: ignore[attr-defined]
            until(view.preview.isEnabled, "回单预览")
            step.receipt_number = view.receipt_no
            step.pdf_file = self._print(view, f"{step.receipt_number}-第1次补打")

    def see_the_dark_look(self) -> None:
        with self.step("深色主题"):
            self.desktop.change(replace(self.desktop.settings, theme="dark"))
            self.go("个人账户设立")


def _bar_text(view: QWidget) -> str:
    """What the message bar says, if it says anything."""
    labels = view.findChildren(QLabel, "message_text")
    return next((label.text() for label in labels if label.isVisible()), "")
