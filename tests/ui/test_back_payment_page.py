"""补缴 on the batch page: typed by keyboard, summed while typing, paid, and followed to its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit

from hpf_desktop.drafts import Drafts
from hpf_desktop.ui import payment_panel
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.main_window import MainWindow
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.unfinished import UnfinishedDialog
from server.business.back_payment import BACK_PAYMENT
from server.business.refusals import problem
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, choose, dialog, find, press, sign

NORMAL, SEALED = "100000000000", "100000000007"


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment_panel, "PAUSES_MS", (5, 10))


@pytest.fixture
def page(qtbot: Any, desk: Desk) -> BatchPage:
    return opened(qtbot, desk)


def opened(qtbot: Any, desk: Desk) -> BatchPage:
    made = BatchPage(desk, BACK_PAYMENT)
    qtbot.addWidget(made)
    made.resize(1_150, 620)
    made.show()
    return made


def row(account: str = NORMAL, monthly: str = "500.00", **more: str) -> dict[str, str]:
    return {"account": account, "monthly": monthly, "start": "2026-01", "end": "2026-06"} | more


def fill(page: BatchPage, *rows: dict[str, str], method: str = "settle") -> None:
    page.head.set_texts({"kind": "1", "method": method})
    page.head.edited.emit()
    page.sheet.load(rows)


def shown(page: BatchPage, key: str) -> str:
    return find(page, QLineEdit, key).text()


def marks(page: BatchPage) -> str:
    return "".join(find(page, QLabel, f"payment_stage_{n}").text()[0] for n in range(5))


def submit_paying(qtbot: Any, page: BatchPage, client: FakeClient) -> str:
    client.bank = "paying"
    fill(page, row(), row(SEALED))
    page.submit()
    sign(qtbot)
    qtbot.waitUntil(lambda: page.payment.is_following, timeout=LIMIT_MS)
    return page.payment.serial


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_whole_document_is_typed_by_keyboard(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.activateWindow()
    qtbot.waitUntil(lambda: page.sheet.view.delegate.people is not None, timeout=LIMIT_MS)
    page.take_focus()
    kind, method = find(page, QComboBox, "kind"), find(page, QComboBox, "method")
    assert kind.hasFocus()
    qtbot.keyClick(kind, Qt.Key.Key_Down)
    kind.activated.emit(kind.currentIndex())
    qtbot.keyClick(kind, Qt.Key.Key_Tab)
    assert method.hasFocus()
    qtbot.keyClick(method, Qt.Key.Key_Down)
    method.activated.emit(method.currentIndex())
    qtbot.keyClick(method, Qt.Key.Key_Return)
    view = page.sheet.view
    assert view.hasFocus()
    for text in (SEALED, "500", "2026-05", "2026-06"):
        for key in text:
            qtbot.keyClick(QApplication.focusWidget(), key)  # The first opens the cell's editor.
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: shown(page, "amount") == "1,000.00", timeout=LIMIT_MS)
    assert page.sheet.texts() == [
        {"account": SEALED, "monthly": "500.00", "start": "2026-05", "end": "2026-06"}
    ]
    assert page.sheet.counts() == (0, 0), "who is sealed may be paid for, too"
    client.bank = "posted"
    page.submit_action.trigger()
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_金额").text() == "1,000.00 元"
    assert "扣款 1,000.00 元" in find(asked, QLabel, "summary_付款").text()
    qtbot.waitUntil(lambda: "补缴成功" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()


def test_lookup_offers_normal_and_sealed_people_alike(qtbot: Any, page: BatchPage) -> None:
    delegate = page.sheet.view.delegate
    qtbot.waitUntil(lambda: delegate.people is not None, timeout=LIMIT_MS)
    from hpf_desktop.ui.sheet.editors import people_offers

    offers = {offer.text: offer.is_apt for offer in people_offers(delegate.people)("1000")}
    assert offers[NORMAL] and offers[SEALED]


def test_head_is_the_sum_of_the_rows_while_they_change(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    fill(page, row(), row(SEALED, "100.00"))
    qtbot.waitUntil(lambda: shown(page, "amount") == "3,600.00", timeout=LIMIT_MS)
    assert (shown(page, "paid"), shown(page, "from_prepayment")) == ("3,600.00", "0.00")
    page.sheet.model.remove(range(1, 2))
    qtbot.waitUntil(lambda: shown(page, "amount") == "3,000.00", timeout=LIMIT_MS)
    box = find(page, QComboBox, "method")
    box.setCurrentIndex(box.findData("prepayment"))
    box.activated.emit(box.currentIndex())
    assert (shown(page, "paid"), shown(page, "from_prepayment")) == ("0.00", "3,000.00")
    page.sheet.model.steps.undo()
    qtbot.waitUntil(lambda: shown(page, "from_prepayment") == "3,600.00", timeout=LIMIT_MS)
    assert client.calls == [], "all of it without the server"


def test_prepayment_that_does_not_suffice_is_told_beside_the_method(
    qtbot: Any, page: BatchPage
) -> None:
    fill(page, row(monthly="9000.00"), method="prepayment")
    told = find(page, QLabel, "method_problem")
    qtbot.waitUntil(lambda: "还差 4,000.00 元" in told.text(), timeout=LIMIT_MS)
    fill(page, row(monthly="1000.00"), method="prepayment")
    qtbot.waitUntil(lambda: not told.isVisible(), timeout=LIMIT_MS)


def test_head_is_not_scolded_before_it_is_submitted(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load([row()])
    told = find(page, QLabel, "kind_problem")
    assert not told.isVisible()
    page.submit()
    qtbot.waitUntil(told.isVisible, timeout=LIMIT_MS)
    assert "补缴类型不能为空" in told.text() and "save_new" not in client.calls
    assert page.focusWidget() is find(page, QComboBox, "kind")


def test_payment_is_followed_with_its_stages_to_the_receipt(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    words = find(page, QLabel, "payment_words")
    qtbot.waitUntil(lambda: "银行受理中，自" in words.text(), timeout=LIMIT_MS)
    assert marks(page) == "✓…○○○" and page.sheet.is_locked
    page.submit()
    page.save()
    assert len(client.submitted) == 1 and "save_again" not in client.calls
    client.end_payment(serial, "posted")
    qtbot.waitUntil(lambda: "补缴成功，回单号 2026-000002" in page.bar.text, timeout=LIMIT_MS)
    assert marks(page) == "✓✓✓✓✓" and page.sheet.is_locked
    dialog(qtbot, ReceiptDialog).accept()
    choose(qtbot, page, "新建业务单")
    assert page.sheet.row_count == 0 and not page.sheet.is_locked
    assert not page.payment.isVisible() and page.head.texts() == {}


def test_payment_that_fails_opens_the_page_again_with_reason_and_rows(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    before = page.sheet.texts()
    client.end_payment(serial, "failed")
    qtbot.waitUntil(lambda: "余额不足" in page.bar.text, timeout=LIMIT_MS)
    assert "请核对签约账户后重新提交" in page.bar.text and marks(page) == "✓✓✕○○"
    assert page.sheet.texts() == before and page.head.texts() == {"kind": "1", "method": "settle"}
    assert not page.sheet.is_locked and page.submit_action.isEnabled()
    client.bank = "posted"
    page.submit()
    sign(qtbot)
    qtbot.waitUntil(lambda: "补缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert len(client.batches) == 1, "the same batch was paid"
    dialog(qtbot, ReceiptDialog).accept()


def test_restart_while_paying_shows_rows_and_payment_again(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    assert page.may_close()
    page.close()
    desk.session.facts = client.facts()
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    again = window.page()
    assert again.title == "补缴", "what is under way is the first thing to see"
    qtbot.waitUntil(lambda: again.sheet.row_count == 2, timeout=LIMIT_MS)
    assert again.payment.serial == serial and again.sheet.is_locked
    assert again.head.texts() == {"kind": "1", "method": "settle"}
    assert not again.bar.text, "it does not stand in its own way"
    qtbot.waitUntil(lambda: shown(again, "amount") == "6,000.00", timeout=LIMIT_MS)
    assert shown(again, "paid") == "6,000.00"
    client.end_payment(serial, "failed")
    qtbot.waitUntil(lambda: "余额不足" in again.bar.text, timeout=LIMIT_MS)
    assert not again.sheet.is_locked and again.sheet.row_count == 2
    assert again.saved and again.saved.batch_id == "7001"


def test_locked_window_asks_nothing_and_goes_on_when_it_is_open_again(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    asked: list[str] = []
    page.key_needed.connect(lambda told: asked.append(told.code))
    client.fault["payment"] = "L11"
    qtbot.waitUntil(lambda: asked == ["L11"], timeout=LIMIT_MS)
    calls = client.calls.count("payment")
    qtbot.wait(100)
    assert client.calls.count("payment") == calls
    assert "请勿重复提交" in find(page, QLabel, "payment_advice").text()
    client.end_payment(serial, "posted")
    desk.session.facts = client.facts()
    page.show_facts()
    qtbot.waitUntil(lambda: "补缴成功" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()


def test_lock_page_keeps_its_reason_when_a_poll_is_refused(qtbot: Any, desk: Desk) -> None:
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    window.lock(problem("W07"))
    window.lock(problem("L11"))
    assert "经办人锁定" in find(window.lock_page, QLabel, "lock_reason").text()


def test_another_batch_may_be_prepared_while_one_is_paid(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    page.ask_new()
    assert not page.sheet.is_locked and page.payment.is_following
    fill(page, row(monthly="700.00"))
    desk.session.facts = client.facts()
    page.show_facts()
    assert not page.sheet.is_locked and page.sheet.row_count == 1
    assert serial in page.bar.text, "it says why this one must wait"
    client.end_payment(serial, "posted")
    qtbot.waitUntil(lambda: "补缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert page.sheet.texts()[0]["monthly"] == "700.00" and not page.sheet.is_locked
    assert not [w for w in QApplication.topLevelWidgets() if isinstance(w, ReceiptDialog)]


def test_batch_that_is_being_paid_is_opened_from_the_list_locked(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    page.ask_new()
    page.ask_batch()
    listed = dialog(qtbot, UnfinishedDialog)
    press(qtbot, listed, "open")
    qtbot.waitUntil(lambda: page.sheet.row_count == 2, timeout=LIMIT_MS)
    assert page.sheet.is_locked
    client.end_payment(serial, "posted")
    qtbot.waitUntil(lambda: "补缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert page.sheet.is_locked
    dialog(qtbot, ReceiptDialog).accept()


def test_payment_of_a_colleague_is_shown_above_rows_that_stay(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    submit_paying(qtbot, page, client)
    other = opened(qtbot, desk)
    fill(other, row(monthly="300.00"))
    desk.session.facts = client.facts()
    other.show_facts()
    assert other.payment.is_following and not other.sheet.is_locked
    assert other.sheet.texts()[0]["monthly"] == "300.00"


def test_only_passing_rows_are_signed_and_paid_for(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    client.bank = "paying"
    fill(page, row(), row(SEALED, "100.00", start="2026-08"))
    page.submit()
    choose(qtbot, page, "只提交通过的行")
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_金额").text() == "3,000.00 元"
    assert find(asked, QLabel, "summary_行数").text() == "1 行"
    qtbot.waitUntil(lambda: page.payment.is_following, timeout=LIMIT_MS)
    client.end_payment(page.payment.serial, "failed")
    qtbot.waitUntil(lambda: "余额不足" in page.bar.text, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: page.sheet.row_count == 1, timeout=LIMIT_MS)
    assert "余额不足" in page.bar.text, "the row that stayed behind has a batch of its own"


def test_draft_of_what_was_sent_knows_its_batch(
    qtbot: Any, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    """The program is killed before the answer: restored rows must not become a second payment."""
    desk.drafts = Drafts.open(tmp_path / "drafts.db", bytes(32))
    page = opened(qtbot, desk)
    fill(page, row())
    page.sheet.touch()
    client.loses_answer_of.add("submit")
    page.submit()
    sign(qtbot)
    qtbot.waitUntil(lambda: "W02" in page.bar.text, timeout=LIMIT_MS)
    again = opened(qtbot, desk)
    choose(qtbot, again, "恢复")
    assert again.saved and again.saved.batch_id == "7001"
    again.submit()
    qtbot.waitUntil(lambda: "G11" in again.bar.text, timeout=LIMIT_MS)
    assert len(client.submitted) == 1
    desk.drafts.close()


def test_head_leaves_the_rows_their_room_on_a_small_screen(qtbot: Any, page: BatchPage) -> None:
    """What a window of 1366 x 768 leaves a page."""
    qtbot.waitExposed(page)
    line = page.fontMetrics().height()
    assert page.head.height() < 6 * line
    assert page.sheet.view.viewport().height() > 0.5 * page.height()


def test_choice_that_is_not_open_is_not_in_the_head(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    box = find(page, QComboBox, "method")
    assert box.findData("mixed") < 0
    client.own_unit = replace(client.own_unit, remit_mixed=True)
    desk.session.facts = client.facts()
    page.show_facts()
    fill(page, row(monthly="10000.00"), method="mixed")
    qtbot.waitUntil(lambda: shown(page, "paid") == "10,000.00", timeout=LIMIT_MS)
    assert shown(page, "from_prepayment") == "50,000.00"
