"""Forms that change what is registered: today at the left, locked fields, codes, a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from hpf_desktop.ui import theme
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.sheet.editors import OfferList
from server.business.phone_change import PHONE_CHANGE
from server.business.registration import REGISTRATION
from tests.fakes.client import CODE, FakeClient
from tests.ui.hand import LIMIT_MS, dialog, find, press, sign, type_text

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
NEW_PHONE = "13987812345"


@pytest.fixture
def page(qtbot: Any, desk: Desk) -> FormPage:
    return opened(qtbot, desk, REGISTRATION)


@pytest.fixture
def phone_page(qtbot: Any, desk: Desk) -> FormPage:
    return opened(qtbot, desk, PHONE_CHANGE)


def opened(qtbot: Any, desk: Desk, business: Any) -> FormPage:
    made = FormPage(desk, business)
    qtbot.addWidget(made)
    made.resize(1_150, 820)
    made.show()
    return made


def offers_of(person: QLineEdit) -> OfferList:
    return find(person, OfferList, "offers")


def line(page: FormPage, key: str) -> QLineEdit:
    return find(page, QLineEdit, key)


def today(page: FormPage, key: str) -> str:
    return find(page, QLabel, f"{key}_today").text()


def finish(qtbot: Any, page: FormPage) -> None:
    qtbot.waitUntil(lambda: "成功，回单号" in page.bar.text, timeout=LIMIT_MS)
    dialog(qtbot, ReceiptDialog).accept()


def test_today_stands_left_and_in_the_accessible_name(page: FormPage) -> None:
    assert today(page, "address") == "现为 楚雄市鹿城镇彝人古镇 1 号"
    assert today(page, "nature") == "现为 城镇私营及其他城镇企业"
    assert today(page, "email") == "现为 （空）"
    assert today(page, "agent_phone") == "现为 139****0001"
    assert line(page, "postcode").accessibleName() == "邮政编码，现为 675000"
    for key in ("address", "pay_day"):
        label, editor = find(page, QLabel, f"{key}_today"), line(page, key)
        assert label.mapTo(page, label.rect().topRight()).x() < editor.mapTo(page, editor.pos()).x()


def test_what_only_the_counter_changes_is_shown_and_locked(page: FormPage) -> None:
    name, nature = line(page, "name"), find(page, QComboBox, "nature")
    assert name.isReadOnly() and name.placeholderText() == "仅中心柜台可以变更"
    assert not nature.isEnabled() and nature.placeholderText() == "仅中心柜台可以变更"
    assert nature.accessibleName().endswith("现为 城镇私营及其他城镇企业，仅中心柜台可以变更")
    type_text(line(page, "legal_person"), "王芳")
    assert page.form.texts() == {}


def test_centre_that_opens_a_field_opens_it_in_the_form(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    client.own_unit = replace(client.own_unit, registered_online=frozenset({"nature"}))
    page.desk.session.facts = client.facts()
    page.show_facts()
    nature = find(page, QComboBox, "nature")
    assert nature.isEnabled() and nature.currentText() == "不变更"
    assert line(page, "address").isReadOnly()
    nature.setCurrentIndex(nature.findData("02"))
    assert page.form.texts() == {"nature": "02"}


def test_change_is_signed_with_its_items_and_ends_with_the_receipt(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    type_text(line(page, "address"), "开发区永安路 8 号")
    type_text(line(page, "pay_day"), "１５日")
    press(qtbot, page, "submit_button")
    asked = sign(qtbot)
    words = " ".join(label.text() for label in asked.findChildren(QLabel))
    assert "变更：单位地址、发薪日" in words
    finish(qtbot, page)
    assert today(page, "address") == "现为 楚雄市鹿城镇彝人古镇 1 号", "old and new, side by side"
    (batch,) = client.batches.values()
    assert batch.head == {"address": "开发区永安路 8 号", "pay_day": "１５日"}


def test_nothing_changed_is_told_in_words(qtbot: Any, page: FormPage) -> None:
    type_text(line(page, "postcode"), "675000")
    press(qtbot, page, "submit_button")
    assert "没有变更任何内容" in page.bar.text


def test_code_is_sent_to_the_phone_typed_and_waits(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    send = find(page, QPushButton, "code_send")
    assert not send.isEnabled() and line(page, "code").isReadOnly()
    type_text(line(page, "agent_phone"), NEW_PHONE[:-1])
    assert not send.isEnabled()
    type_text(line(page, "agent_phone"), NEW_PHONE[-1])
    press(qtbot, page, "submit_button")
    assert "短信验证码不能为空" in find(page, QLabel, "code_problem").text()
    press(qtbot, page, "code_send")
    qtbot.waitUntil(lambda: "60 秒" in send.text(), timeout=LIMIT_MS)
    assert client.codes == [("registration", NEW_PHONE)] and not send.isEnabled()
    qtbot.waitUntil(lambda: "59 秒" in send.text(), timeout=LIMIT_MS)
    type_text(line(page, "code"), CODE)
    line(page, "agent_phone").setFocus()
    type_text(line(page, "agent_phone"), "0")
    assert line(page, "code").text() == "", "a code belongs to its phone"
    assert send.text() == "获取验证码"


def test_wrong_code_goes_back_to_its_field_and_the_right_one_passes(
    qtbot: Any, page: FormPage, client: FakeClient
) -> None:
    type_text(line(page, "agent_phone"), NEW_PHONE)
    press(qtbot, page, "code_send")
    qtbot.waitUntil(lambda: client.codes != [], timeout=LIMIT_MS)
    type_text(line(page, "code"), "000000")
    press(qtbot, page, "submit_button")
    sign(qtbot)
    told = find(page, QLabel, "code_problem")
    qtbot.waitUntil(lambda: "短信验证码不正确" in told.text(), timeout=LIMIT_MS)
    line(page, "code").clear()
    type_text(line(page, "code"), CODE)
    press(qtbot, page, "submit_button")
    sign(qtbot)
    finish(qtbot, page)
    kept = [batch.head for batch in client.batches.values()]
    assert kept == [{"agent_phone": NEW_PHONE}], "the code is not among what is saved"


def test_code_that_cannot_be_sent_says_why(qtbot: Any, page: FormPage, client: FakeClient) -> None:
    type_text(line(page, "agent_phone"), NEW_PHONE)
    client.fault["send_code"] = "N06"
    press(qtbot, page, "code_send")
    qtbot.waitUntil(lambda: "连接不上服务器" in page.bar.text, timeout=LIMIT_MS)
    assert find(page, QPushButton, "code_send").isEnabled()


def test_person_is_found_by_pinyin_and_their_phone_changed(
    qtbot: Any, phone_page: FormPage, client: FakeClient
) -> None:
    page, person = phone_page, line(phone_page, "account")
    assert today(page, "phone") == ""
    person.setFocus()
    qtbot.keyClicks(person, "aymm")
    qtbot.waitUntil(offers_of(person).isVisible, timeout=LIMIT_MS)
    qtbot.keyClick(person, Qt.Key.Key_Down)
    qtbot.keyClick(person, Qt.Key.Key_Return)
    assert person.text() == "100000000005"
    assert line(page, "name").text() == "阿依·买买提"
    assert today(page, "phone") == "现为 138****0005"
    type_text(line(page, "phone"), NEW_PHONE)
    press(qtbot, page, "code_send")
    qtbot.waitUntil(lambda: client.codes == [("phone_change", NEW_PHONE)], timeout=LIMIT_MS)
    type_text(line(page, "code"), CODE)
    press(qtbot, page, "submit_button")
    sign(qtbot)
    finish(qtbot, page)
    press(qtbot, page, "new_form")
    assert person.text() == line(page, "code").text() == "" and today(page, "phone") == ""


def test_text_that_means_one_person_alone_becomes_that_person(
    qtbot: Any, phone_page: FormPage
) -> None:
    person = line(phone_page, "account")
    person.setFocus()
    qtbot.keyClicks(person, "0006")
    qtbot.waitUntil(offers_of(person).isVisible, timeout=LIMIT_MS)
    line(phone_page, "phone").setFocus()
    assert person.text() == "100000000006" and not offers_of(person).isVisible()
    assert line(phone_page, "name").text() == "许建"


def test_person_who_is_not_there_is_told(qtbot: Any, phone_page: FormPage) -> None:
    person = line(phone_page, "account")
    person.setFocus()
    qtbot.keyClicks(person, "999999999999")
    line(phone_page, "phone").setFocus()
    told = find(phone_page, QLabel, "account_problem")
    qtbot.waitUntil(lambda: "该账号不在本单位" in told.text(), timeout=LIMIT_MS)


@pytest.mark.parametrize("zoom", [100, 150, 200])
def test_nothing_overlaps_at_any_zoom(qtbot: Any, desk: Desk, qapp: Any, zoom: int) -> None:
    theme.apply(qapp, "light", zoom)
    try:
        page = opened(qtbot, desk, REGISTRATION)
        qtbot.waitExposed(page)
        form = page.form
        shown = [w for w in form.children() if getattr(w, "isVisible", bool)() and w.height()]
        every = [w.geometry() for w in shown if w.objectName() != "" or isinstance(w, QLabel)]
        for number, place in enumerate(every):
            assert not any(place.intersects(other) for other in every[number + 1 :])
    finally:
        theme.apply(qapp, "light", 100)
