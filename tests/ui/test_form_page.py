"""The form page: computed fields, problems beside their fields, and a payment that is followed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from hpf_desktop.ui import payment_panel, theme
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_view import ReceiptDialog
from server.business.back_payment import BACK_PAYMENT
from server.business.prepayment import PREPAYMENT
from server.business.refusals import refused
from server.business.remittance import REMITTANCE
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, choose, dialog, find, press, sign, type_text


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment_panel, "PAUSES_MS", (5, 10))


@pytest.fixture
def page(qtbot: Any, desk: Desk) -> FormPage:
    made = FormPage(desk, REMITTANCE)
    qtbot.addWidget(made)
    made.show()
    return made


def fill(qtbot: Any, page: FormPage, until: str, method: str = "settle") -> None:
    field = find(page, QLineEdit, "until")
    field.selectAll()
    type_text(field, until)
    box = find(page, QComboBox, "method")
    box.setCurrentIndex(box.findData(method))
    box.activated.emit(box.currentIndex())


def text(page: FormPage, key: str) -> str:
    return find(page, QLineEdit, key).text()


def test_amounts_are_computed_by_the_server_while_typing(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    fill(qtbot, page, "2026-08")
    qtbot.waitUntil(lambda: text(page, "due") == "246,912.00", timeout=LIMIT_MS)
    assert (text(page, "persons"), text(page, "from_prepayment")) == ("35", "0.00")
    assert client.calls.count("check") == 1, "keys typed quickly make one question"


def test_problem_stands_beside_its_field_in_words(qtbot: Any, page: FormPage) -> None:
    fill(qtbot, page, "2026-05")
    shown = find(page, QLabel, "until_problem")
    qtbot.waitUntil(lambda: "错误：终止年月应在" in shown.text(), timeout=LIMIT_MS)
    assert shown.isVisible()
    assert "终止年月应在" in find(page, QLineEdit, "until").accessibleDescription()
    fill(qtbot, page, "2026-07")
    qtbot.waitUntil(lambda: not shown.isVisible(), timeout=LIMIT_MS)


def test_text_that_no_server_could_read_is_told_at_once(qtbot: Any, page: FormPage) -> None:
    fill(qtbot, page, "下个月")
    assert "V03" not in page.bar.text
    assert "不是有效的年月" in find(page, QLabel, "until_problem").text()


def test_month_steps_with_the_arrow_keys(qtbot: Any, page: FormPage) -> None:
    field = find(page, QLineEdit, "until")
    qtbot.keyClicks(field, "2026-12")
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.text() == "2027-01"
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert field.text() == "2026-12"


def test_empty_form_is_not_scolded_before_it_is_submitted(qtbot: Any, page: FormPage) -> None:
    shown = find(page, QLabel, "until_problem")
    assert not shown.isVisible()
    press(qtbot, page, "submit_button")
    assert "终止年月不能为空" in shown.text()
    assert find(page, QLineEdit, "until").hasFocus() or page.focusWidget() is not None


def test_submission_asks_with_the_amount_and_ends_with_the_receipt(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    fill(qtbot, page, "2026-07", "prepayment")
    client.own_unit = replace(client.own_unit, prepayment_fen=10**9)
    page.desk.session.facts = client.facts()
    press(qtbot, page, "submit_button")
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_金额").text() == "123,456.00 元"
    qtbot.waitUntil(lambda: "汇缴成功" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()
    assert page.focusWidget() is find(page, QPushButton, "new_form")
    assert not find(page, QPushButton, "submit_button").isEnabled()
    press(qtbot, page, "new_form")
    assert find(page, QPushButton, "submit_button").isEnabled() and text(page, "until") == ""


def submit_paying(qtbot: Any, page: FormPage, client: FakeClient) -> str:
    client.bank = "paying"
    fill(qtbot, page, "2026-07")
    press(qtbot, page, "submit_button")
    sign(qtbot)
    qtbot.waitUntil(lambda: page.payment.is_following, timeout=LIMIT_MS)
    return page.payment.serial


def stages(page: FormPage) -> list[str]:
    return [find(page, QLabel, f"payment_stage_{n}").text()[0] for n in range(5)]


def words(page: FormPage) -> str:
    return find(page, QLabel, "payment_words").text()


def advice(page: FormPage) -> str:
    return find(page, QLabel, "payment_advice").text()


def test_payment_is_followed_to_its_receipt_and_never_submitted_twice(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    qtbot.waitUntil(lambda: "银行受理中，自" in words(page), timeout=LIMIT_MS)
    assert stages(page) == list("✓…○○○") and "请勿重复提交" in advice(page)
    assert not find(page, QPushButton, "submit_button").isEnabled()
    page.submit()
    assert len(client.submitted) == 1
    client.fault["payment"] = "N06"  # The network breaks meanwhile: it asks again.
    client.end_payment(serial, "posted")
    qtbot.waitUntil(lambda: "回单号 2026-000002" in page.bar.text, timeout=LIMIT_MS)
    assert stages(page) == list("✓✓✓✓✓")
    dialog(qtbot, ReceiptDialog).accept()
    assert page.focusWidget() is find(page, QPushButton, "new_form")


def test_payment_that_fails_says_why_and_opens_the_form_again(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    client.end_payment(serial, "failed")
    qtbot.waitUntil(lambda: "余额不足" in page.bar.text, timeout=LIMIT_MS)
    assert stages(page)[2] == "✕"
    assert find(page, QPushButton, "submit_button").isEnabled()
    assert text(page, "until") == "2026-07", "nothing typed is lost"
    page.desk.session.facts = client.facts()
    page.show_facts()
    asked = client.calls.count("check")
    qtbot.waitUntil(lambda: client.calls.count("check") > asked, timeout=LIMIT_MS)
    assert "余额不足" in page.bar.text, "new facts do not wipe the bank's reason away"


def test_payment_that_fails_is_submitted_again_in_the_same_document(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    client.bank = "failed"
    fill(qtbot, page, "2026-07")
    press(qtbot, page, "submit_button")
    sign(qtbot)
    qtbot.waitUntil(lambda: "余额不足" in page.bar.text, timeout=LIMIT_MS)
    client.bank = "posted"
    press(qtbot, page, "submit_button")
    sign(qtbot)
    qtbot.waitUntil(lambda: "汇缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert len(client.batches) == 1
    dialog(qtbot, ReceiptDialog).accept()


def test_payment_from_the_prepayment_account_shows_its_own_stages(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    client.own_unit = replace(client.own_unit, prepayment_fen=10**9)
    page.desk.session.facts = client.facts()
    fill(qtbot, page, "2026-07", "prepayment")
    press(qtbot, page, "submit_button")
    asked = sign(qtbot)
    assert "从单位预缴户转出 123,456.00 元" in find(asked, QLabel, "summary_付款").text()
    qtbot.waitUntil(lambda: "汇缴成功" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()
    shown = [find(page, QLabel, f"payment_stage_{n}") for n in range(5)]
    assert [s.text() for s in shown if s.isVisible()] == ["✓ 提交", "✓ 入账", "✓ 回单"]
    assert all(find(page, QLabel, f"payment_time_{n}").text() for n in range(3))
    assert "payment" not in client.calls, "no bank was asked"


def refuse(serial: str) -> None:
    raise refused("N06")


def test_network_that_is_away_is_told_since_when_and_what_to_do(
    qtbot: Any, page: FormPage, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = submit_paying(qtbot, page, client)
    qtbot.waitUntil(lambda: "银行受理中" in words(page), timeout=LIMIT_MS)
    seen: list[bool] = []
    page.network_seen.connect(seen.append)
    with monkeypatch.context() as broken:
        broken.setattr(client, "payment", refuse)
        qtbot.waitUntil(lambda: "查不到进度" in words(page), timeout=LIMIT_MS)
        broken.setattr(payment_panel, "PAUSES_MS", (60_000,))
        qtbot.wait(100)
    assert "请勿重复提交" in advice(page) and seen[-1] is False
    assert stages(page) == list("✓…○○○"), "what was known stays"
    client.end_payment(serial, "posted")
    page.show_facts()  # F5 asks at once, not after the pause.
    qtbot.waitUntil(lambda: "汇缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert seen[-1] is True
    dialog(qtbot, ReceiptDialog).accept()


def test_choice_that_is_not_open_is_not_in_the_list(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    box = find(page, QComboBox, "method")
    assert box.findData("mixed") < 0
    client.own_unit = replace(client.own_unit, remit_mixed=True)
    page.desk.session.facts = client.facts()
    page.show_facts()
    box.setCurrentIndex(box.findData("mixed"))
    assert page.form.texts() == {"method": "mixed"}
    client.own_unit = replace(client.own_unit, remit_mixed=False)
    page.desk.session.facts = client.facts()
    page.show_facts()
    assert box.findData("mixed") < 0 and page.form.texts() == {}


def test_unresolved_payment_is_shown_when_the_window_opens_again(
    qtbot: Any, page: FormPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    assert page.may_close()
    desk.session.facts = client.facts()
    again = FormPage(desk, REMITTANCE)
    qtbot.addWidget(again)
    again.show()
    assert again.payment.serial == serial
    qtbot.waitUntil(lambda: text(again, "until") == "2026-07", timeout=LIMIT_MS)
    assert not find(again, QPushButton, "submit_button").isEnabled()
    client.end_payment(serial, "posted")
    qtbot.waitUntil(lambda: "汇缴成功" in again.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()
    again.show_facts()  # Facts that still call it paying come late: it is not followed anew.
    assert not again.payment.is_following


def test_debit_that_failed_while_nobody_looked_is_told_at_the_next_opening(
    qtbot: Any, page: FormPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    page.close()
    client.end_payment(serial, "failed")
    desk.session.facts = client.facts()
    again = FormPage(desk, REMITTANCE)
    qtbot.addWidget(again)
    again.show()
    again.shown()
    qtbot.waitUntil(lambda: "余额不足" in again.bar.text, timeout=LIMIT_MS)
    assert stages(again) == list("✓✓✕○○") and serial in find(again, QLabel, "payment_serial").text()
    assert find(again, QPushButton, "submit_button").isEnabled()
    asked = client.calls.count("query")
    again.shown()
    assert client.calls.count("query") == asked, "only once"


def test_debit_that_was_posted_while_nobody_looked_needs_no_telling(
    qtbot: Any, page: FormPage, desk: Desk, client: FakeClient
) -> None:
    serial = submit_paying(qtbot, page, client)
    page.close()
    client.end_payment(serial, "posted")
    desk.session.facts = client.facts()
    again = FormPage(desk, REMITTANCE)
    qtbot.addWidget(again)
    again.show()
    again.shown()
    qtbot.waitUntil(lambda: "query" in client.calls, timeout=LIMIT_MS)
    qtbot.wait(50)
    assert not again.payment.isVisible() and not again.bar.text


def test_lost_answer_keeps_the_form_locked_until_it_is_known(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    client.loses_answer_of.add("submit")
    fill(qtbot, page, "2026-07")
    press(qtbot, page, "submit_button")
    sign(qtbot)
    qtbot.waitUntil(lambda: "W02" in page.bar.text, timeout=LIMIT_MS)
    assert not find(page, QPushButton, "submit_button").isEnabled()
    choose(qtbot, page, "再次确认结果")
    qtbot.waitUntil(lambda: "汇缴成功" in page.bar.text, timeout=LIMIT_MS)
    assert len(client.submitted) == 1
    dialog(qtbot, ReceiptDialog).accept()


def test_unit_without_a_signed_account_is_told_so(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    client.own_unit = replace(client.own_unit, signed_account="")
    desk.session.facts = client.facts()
    page = FormPage(desk, PREPAYMENT)
    qtbot.addWidget(page)
    page.show()
    type_text(find(page, QLineEdit, "amount"), "１，０００")
    shown = find(page, QLabel, "payer_problem")
    qtbot.waitUntil(lambda: "未签约" in shown.text(), timeout=LIMIT_MS)
    assert text(page, "payer") == "未签约"


def test_amount_is_shown_as_amounts_are_once_it_is_typed(qtbot: Any, desk: Desk) -> None:
    page = FormPage(desk, PREPAYMENT)
    qtbot.addWidget(page)
    field = find(page, QLineEdit, "amount")
    qtbot.keyClicks(field, "1234567.5")
    field.editingFinished.emit()
    assert field.text() == "1,234,567.50"


@pytest.mark.parametrize("zoom", [100, 150, 200])
@pytest.mark.parametrize("width", [1_900, 1_150, 700])
def test_fields_beside_each_other_never_overlap(
    qtbot: Any, desk: Desk, qapp: Any, zoom: int, width: int
) -> None:
    theme.apply(qapp, "light", zoom)
    try:
        form = FieldForm(BACK_PAYMENT.head, 4)
        qtbot.addWidget(form)
        form.show_computed({"payer": "中国建设银行楚雄分行 ****6789"})
        form.resize(width, 400)
        form.show()
        qtbot.waitExposed(form)
        shown = [form.editor(f.key) for f in form.fields]
        labels = [label for label in form.findChildren(QLabel) if label.buddy()]
        every = [w.geometry() for w in (*shown, *labels)]
        for number, place in enumerate(every):
            assert not any(place.intersects(other) for other in every[number + 1 :])
        payer = form.editor("payer")
        assert payer.width() > payer.fontMetrics().horizontalAdvance(payer.text())
    finally:
        theme.apply(qapp, "light", 100)
