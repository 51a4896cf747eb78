"""The batch page: from filled rows to the receipt, and back to the cells when refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QTreeWidget

from hpf_desktop.answers import Saved
from hpf_desktop.drafts import Drafts
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.receipt_view import ReceiptDialog
from hpf_desktop.ui.unfinished import UnfinishedDialog
from server.business.account_opening import ACCOUNT_OPENING
from server.business.refusals import Level
from server.business.sealing import SEALING
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, choose, dialog, find, press, sign
from tests.ui.test_receipts_page import small_pdf

NORMAL = [str(100000000000 + n) for n in range(7)]  # number 7 is sealed


def rows(*accounts: str, month: str = "2026-07") -> list[dict[str, str]]:
    return [{"account": a, "reason": "01", "month": month} for a in accounts]


@pytest.fixture
def page(qtbot: Any, desk: Desk) -> BatchPage:
    made = BatchPage(desk, SEALING)
    qtbot.addWidget(made)
    made.show()
    return made


def posted(qtbot: Any, page: BatchPage) -> None:
    qtbot.waitUntil(lambda: "已提交" in page.bar.text, timeout=LIMIT_MS)


def test_submission_checks_saves_signs_posts_and_shows_the_receipt(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(*NORMAL[:3]))
    page.submit()
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_业务").text() == "个人封存"
    assert find(asked, QLabel, "summary_行数").text() == "3 行"
    posted(qtbot, page)
    assert client.calls[:3] == ["check", "save_new", "submit"]
    (content, answer), *others = client.submitted.values()
    assert not others and content[3].signature, "signed with the key"
    assert page.sheet.is_locked and not page.submit_action.isEnabled()
    shown = dialog(qtbot, ReceiptDialog)
    assert answer.receipt_no in shown.windowTitle()
    shown.accept()


def test_problem_found_here_stops_the_submission_at_its_cell(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(*NORMAL[:2]) + rows(NORMAL[2], month="2026-05"))
    page.submit()
    qtbot.waitUntil(lambda: "G14" in page.bar.text, timeout=LIMIT_MS)
    current = page.sheet.view.currentIndex()
    assert (current.row(), page.sheet.model.columns[current.column()].key) == (2, "month")
    assert client.calls == []
    assert not page.sheet.is_locked


def test_problem_that_only_the_server_knows_goes_back_to_its_cell(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(*NORMAL[:3]))
    client.persons = {k: p for k, p in client.persons.items() if str(k) != NORMAL[1]}
    page.submit()
    qtbot.waitUntil(lambda: "G14" in page.bar.text, timeout=LIMIT_MS)
    current = page.sheet.view.currentIndex()
    assert (current.row(), page.sheet.model.columns[current.column()].key) == (1, "account")
    assert client.calls == ["check"], "nothing is saved, no PIN is asked"


def test_only_passing_rows_leave_the_others_in_a_batch_of_their_own(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(*NORMAL[:3]) + rows("100000000007"))
    page.submit()
    choose(qtbot, page, "只提交通过的行")
    asked = sign(qtbot)
    assert find(asked, QLabel, "summary_行数").text() == "3 行"
    assert "1 行留在" in find(asked, QLabel, "summary_说明").text()
    posted(qtbot, page)
    dialog(qtbot, ReceiptDialog).accept()
    choose(qtbot, page, "处理没有通过的行")
    qtbot.waitUntil(lambda: page.sheet.row_count == 1, timeout=LIMIT_MS)
    assert page.sheet.texts()[0]["account"] == "100000000007"
    assert not page.sheet.is_locked


def test_lost_answer_is_asked_for_again_and_nothing_is_submitted_twice(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    client.loses_answer_of.add("submit")
    page.sheet.load(rows(*NORMAL[:2]))
    page.submit()
    sign(qtbot)
    qtbot.waitUntil(lambda: "W02" in page.bar.text, timeout=LIMIT_MS)
    assert page.sheet.is_locked
    page.submit()  # Does nothing: the first one is not over.
    choose(qtbot, page, "再次确认结果")
    posted(qtbot, page)
    assert len(client.submitted) == 1
    dialog(qtbot, ReceiptDialog).accept()


def test_closing_the_approval_submits_nothing_and_leaves_the_sheet_open(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(NORMAL[0]))
    page.submit()
    from hpf_desktop.ui.login.approve import ApprovalDialog

    asked = dialog(qtbot, ApprovalDialog)
    press(qtbot, asked, "do_not_submit")
    qtbot.waitUntil(lambda: not page.sheet.is_locked, timeout=LIMIT_MS)
    assert "submit" not in client.calls
    page.submit()
    sign(qtbot)
    posted(qtbot, page)
    dialog(qtbot, ReceiptDialog).accept()


def test_what_was_posted_is_not_checked_against_its_own_effect(
    qtbot: Any, page: BatchPage, desk: Desk, client: FakeClient
) -> None:
    page.sheet.load(rows(NORMAL[0]))
    page.submit()
    sign(qtbot)
    posted(qtbot, page)
    dialog(qtbot, ReceiptDialog).accept()
    person = client.persons[int(NORMAL[0])]
    client.persons[int(NORMAL[0])] = replace(person, status="02")
    desk.session.facts = client.facts()
    page.show_facts()
    done: list[tuple[int, int]] = []
    page.sheet.check_all(lambda errors, hints: done.append((errors, hints)))
    qtbot.waitUntil(lambda: bool(done))
    assert done == [(0, 0)]


def test_version_of_somebody_else_is_told_with_a_choice(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load(rows(NORMAL[0]))
    page.save()
    qtbot.waitUntil(lambda: page.saved is not None, timeout=LIMIT_MS)
    batch_id = page.saved.batch_id
    client.save_again("sealing", Saved(batch_id, 1), {}, rows(NORMAL[4], NORMAL[5]))
    page.save()
    qtbot.waitUntil(lambda: "G08" in page.bar.text, timeout=LIMIT_MS)
    choose(qtbot, page, "打开对方保存的")
    qtbot.waitUntil(lambda: page.sheet.row_count == 2, timeout=LIMIT_MS)
    assert page.saved == Saved(batch_id, 2)


def test_saved_batch_is_opened_again_from_the_list(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    client.save_new("sealing", {}, rows(*NORMAL[:4]))
    page.ask_batch()
    listed = dialog(qtbot, UnfinishedDialog)
    lines = find(listed, QTreeWidget, "unfinished_list")
    qtbot.waitUntil(lambda: lines.topLevelItemCount() == 1, timeout=LIMIT_MS)
    assert lines.topLevelItem(0).text(2) == "4"
    press(qtbot, listed, "open")
    qtbot.waitUntil(lambda: page.sheet.row_count == 4, timeout=LIMIT_MS)
    assert page.saved == Saved("7001", 1)


def test_check_command_asks_the_server_too(qtbot: Any, page: BatchPage, client: FakeClient) -> None:
    page.sheet.load(rows(*NORMAL[:2]))
    with qtbot.waitSignal(page.told, timeout=LIMIT_MS, check_params_cb=lambda t: t == "校验通过"):
        page.sheet.commands["check"].trigger()
    assert client.calls == ["check"]


def test_network_failure_keeps_everything_and_says_what_to_do(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    client.fault["save_new"] = "N06"
    page.sheet.load(rows(NORMAL[0]))
    seen: list[bool] = []
    page.network_seen.connect(seen.append)
    page.save()
    qtbot.waitUntil(lambda: "N06" in page.bar.text, timeout=LIMIT_MS)
    assert seen == [False]
    assert page.sheet.row_count == 1 and not page.sheet.is_locked


@pytest.mark.parametrize("code", ["N01", "L11"])
def test_ended_session_asks_for_the_key_instead_of_explaining(
    qtbot: Any, page: BatchPage, client: FakeClient, code: str
) -> None:
    client.fault["save_new"] = code
    page.sheet.load(rows(NORMAL[0]))
    with qtbot.waitSignal(page.key_needed, timeout=LIMIT_MS) as told:
        page.save()
    assert told.args[0].code == code
    assert page.sheet.row_count == 1


def test_unsaved_rows_are_restored_when_the_page_opens_again(
    qtbot: Any, desk: Desk, tmp_path: Path
) -> None:
    desk.drafts = Drafts.open(tmp_path / "drafts.db", bytes(32))
    first = BatchPage(desk, SEALING)
    qtbot.addWidget(first)
    first.saved = Saved("7009", 3)
    first.sheet.load(rows(*NORMAL[:2]))
    first.sheet._edited()
    first.sheet.save_draft()
    assert first.may_close()
    second = BatchPage(desk, SEALING)
    qtbot.addWidget(second)
    second.show()
    assert "2 行" in second.bar.text and second.sheet.is_locked
    choose(qtbot, second, "恢复")
    assert [row["account"] for row in second.sheet.texts()] == NORMAL[:2]
    assert second.saved == Saved("7009", 3)
    desk.drafts.close()


def test_draft_that_was_submitted_is_no_longer_told_of(
    qtbot: Any, desk: Desk, tmp_path: Path
) -> None:
    desk.drafts = Drafts.open(tmp_path / "drafts.db", bytes(32))
    page = BatchPage(desk, SEALING)
    qtbot.addWidget(page)
    page.show()
    told: list[str] = []
    page.draft_told.connect(told.append)
    page.sheet.load(rows(NORMAL[0]))
    page.sheet._edited()
    page.submit()
    sign(qtbot)
    posted(qtbot, page)
    assert told[-1] == ""
    dialog(qtbot, ReceiptDialog).accept()
    desk.drafts.close()


def test_receipt_offers_printing_first(qtbot: Any, desk: Desk, client: FakeClient) -> None:
    client.pdf = small_pdf()
    shown = ReceiptDialog(desk, "2026-000001", "单位汇缴回单", "remittance")
    shown.show()
    qtbot.waitExposed(shown)
    shown.activateWindow()
    prints = shown.view.preview.print_button
    qtbot.waitUntil(prints.isEnabled, timeout=LIMIT_MS)
    assert shown.focusWidget() is prints
    assert prints.isDefault() and prints.property("primary") == "true"
    shown.accept()


def test_every_sheet_business_opens_without_an_error(qtbot: Any, desk: Desk) -> None:
    page = BatchPage(desk, ACCOUNT_OPENING)
    qtbot.addWidget(page)
    page.show()
    done: list[tuple[int, int]] = []
    page.sheet.check_all(lambda errors, hints: done.append((errors, hints)))
    qtbot.waitUntil(lambda: bool(done))
    assert done == [(0, 0)]
    assert Level.ERROR.value not in (page.bar.property("level") or "")
