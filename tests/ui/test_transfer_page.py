"""个人转移 on the desktop: nobody is asked for by a part; refusals lead to what solves them."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton

from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.sheet.editors import OfferEdit
from server.business.account_opening import ACCOUNT_OPENING
from server.business.facts import Person, Status
from server.business.month import Month
from server.business.transfer import TRANSFER
from tests.fakes.client import OTHER_UNIT, FakeClient
from tests.ui.hand import LIMIT_MS, find
from tests.ui.sheet.facts import editor_of, number_of

Key = Qt.Key
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
ID_NUMBER, ACCOUNT = "532301199003070012", "532300000041"


@pytest.fixture
def client() -> FakeClient:
    made = FakeClient()
    made.elsewhere[ID_NUMBER] = Person(
        int(ACCOUNT), OTHER_UNIT, "杨晓丽", Status.SEALED, base_fen=5_000_00,
        balance_fen=987_654_00, until_month=Month.of(2026, 6), id_tail="5323**********0012",
    )  # fmt: skip
    return made


def shown(qtbot: Any, desk: Desk, business: Any) -> BatchPage:
    made = BatchPage(desk, business)
    qtbot.addWidget(made)
    made.resize(1200, 700)
    made.show()
    return made


@pytest.fixture
def page(qtbot: Any, desk: Desk) -> BatchPage:
    return shown(qtbot, desk, TRANSFER)


def name_unit(page: BatchPage, unit_id: int = OTHER_UNIT) -> None:
    page.head.set_texts({"from_unit": str(unit_id)})
    page._facts_are_new()


def type_person(qtbot: Any, page: BatchPage, typed: str) -> OfferEdit:
    sheet = page.sheet
    sheet.view.go_to(0, number_of(sheet.model, "person"))
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Key.Key_F2)
    editor = editor_of(sheet)
    qtbot.keyClicks(editor, typed)
    assert isinstance(editor, OfferEdit)
    return editor


def text(page: BatchPage, key: str, row: int = 0) -> str:
    return str(page.sheet.model.text(row, number_of(page.sheet.model, key)))


@pytest.mark.parametrize("part", ["5323", ID_NUMBER[:17], ACCOUNT[:11], "杨"])
def test_part_of_a_number_is_never_asked_for(
    qtbot: Any, page: BatchPage, client: FakeClient, part: str
) -> None:
    name_unit(page)
    editor = type_person(qtbot, page, part if part.isascii() else "")
    qtbot.wait(400)
    assert not editor.list.isVisible() and client.looks == []


@pytest.mark.parametrize("whole", [ID_NUMBER, ACCOUNT])
def test_whole_number_offers_one_covered_candidate_and_is_asked_for_once(
    qtbot: Any, page: BatchPage, client: FakeClient, whole: str
) -> None:
    name_unit(page)
    editor = type_person(qtbot, page, whole)
    qtbot.waitUntil(editor.list.isVisible, timeout=LIMIT_MS)
    (offer,) = editor.list.model.offers
    assert offer.columns == (ACCOUNT, "*丽", "尾号 0012", "封存")
    qtbot.keyClick(editor, Key.Key_Down)
    qtbot.keyClick(editor, Key.Key_Return)
    qtbot.waitUntil(lambda: text(page, "name") == "*丽", timeout=LIMIT_MS)
    assert page.sheet.texts() == [{"person": ACCOUNT}]
    assert client.looks.count((OTHER_UNIT, whole)) == 1
    assert "987" not in str([text(page, c.key) for c in page.sheet.model.columns])


def test_pasted_numbers_are_looked_up_together(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    name_unit(page)
    page.sheet.load([{"person": ID_NUMBER, "base": "6000"}, {"person": "532301198512310024"}])
    qtbot.waitUntil(lambda: text(page, "name") == "*丽", timeout=LIMIT_MS)
    assert client.looks == [(OTHER_UNIT, ID_NUMBER, "532301198512310024")]
    assert text(page, "name", 1) == "" and text(page, "account") == ACCOUNT


def test_without_the_other_unit_nobody_is_asked_for_and_another_one_forgets(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    page.sheet.load([{"person": ID_NUMBER}])
    qtbot.wait(400)
    assert client.looks == []
    name_unit(page)
    qtbot.waitUntil(lambda: text(page, "name") == "*丽", timeout=LIMIT_MS)
    name_unit(page, 530100000030)
    qtbot.waitUntil(lambda: len(client.looks) == 2, timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: text(page, "name") == "", timeout=LIMIT_MS)


def test_what_is_known_only_when_it_is_done_has_no_place_on_the_page(page: BatchPage) -> None:
    keys = {column.key for column in page.sheet.model.columns}
    assert {"person", "month", "base"} <= keys and not {"amount", "through"} & keys
    assert [field.key for field in page.head.fields] == ["from_unit"]


def opening_with_refusals(qtbot: Any, desk: Desk) -> BatchPage:
    """Two rows: one sealed in another unit, one sealed here; the server said so."""
    client: Any = desk.session.client
    client.elsewhere["532301198512310024"] = Person(
        100000000007, desk.facts.unit.unit_id, "彭强懿", Status.SEALED
    )
    made = shown(qtbot, desk, ACCOUNT_OPENING)
    row = {"id_type": "01", "phone": "13987812345", "base": "6000.00", "month": "2026-07"}
    made.sheet.load([
        row | {"name": "杨晓丽", "id_number": ID_NUMBER},
        row | {"name": "彭强懿", "id_number": "532301198512310024", "phone": "13987812346"},
    ])  # fmt: skip
    made.check_at_server()
    qtbot.waitUntil(lambda: made.sheet.counts()[0] == 2, timeout=LIMIT_MS)
    return made


def test_refusal_in_the_cell_leads_to_the_business_that_solves_it(qtbot: Any, desk: Desk) -> None:
    opened: list[Any] = []
    desk.open_business = lambda code, rows: opened.append((code, rows))
    page = opening_with_refusals(qtbot, desk)
    page.sheet.view.go_to(0, number_of(page.sheet.model, "id_number"))
    page.sheet.view.setFocus()
    qtbot.waitUntil(lambda: "Ctrl+G 去办理个人转移" in page.sheet.callout.text(), timeout=LIMIT_MS)
    page.sheet.commands["solve"].trigger()
    page.sheet.view.go_to(1, number_of(page.sheet.model, "id_number"))
    assert page.sheet.commands["solve"].text() == "去办理个人启封"
    page.sheet.commands["solve"].trigger()
    assert opened == [
        ("transfer", [{"person": ID_NUMBER, "base": "6,000.00"}]),
        ("unsealing", [{"account": "100000000007", "base": "6,000.00"}]),
    ]
    page.sheet.view.go_to(2, 0)
    assert not page.sheet.commands["solve"].isEnabled()


def test_problem_list_offers_each_step_for_all_its_persons(qtbot: Any, desk: Desk) -> None:
    opened: list[Any] = []
    desk.open_business = lambda code, rows: opened.append((code, rows))
    page = opening_with_refusals(qtbot, desk)
    page.sheet.commands["problem_list"].setChecked(True)
    step = find(page.sheet.problem_list, QToolButton, "problem_solve_transfer")
    assert step.text() == "去办理个人转移"
    step.click()
    assert opened == [("transfer", [{"person": ID_NUMBER, "base": "6,000.00"}])]


def test_nobody_is_carried_to_a_page_whose_batch_is_under_way(
    qtbot: Any, page: BatchPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchPage, "_is_locked", property(lambda _: True))
    with qtbot.waitSignal(page.told) as told:
        page.bring([{"person": ID_NUMBER}])
    assert "W20" in told.args[0] and page.sheet.texts() == []


def test_carried_persons_stand_in_the_grid_once(qtbot: Any, page: BatchPage) -> None:
    carried = [{"person": ID_NUMBER, "base": "6,000.00"}]
    page.bring(carried)
    page.bring(carried)
    assert page.sheet.texts() == carried
    assert not page.head.texts().get("from_unit"), "no unit is told to another"


def test_new_batch_shows_nothing_of_the_one_before(qtbot: Any, desk: Desk) -> None:
    """A unit that stands grey in the empty field would look as if it were assumed."""
    page = shown(qtbot, desk, TRANSFER)
    unit = page.head.editor("from_unit")
    page.head.set_texts({"from_unit": str(OTHER_UNIT)})
    page.head.edited.emit()
    page.start_over()
    assert str(OTHER_UNIT) not in unit.placeholderText()


def test_tab_leads_from_the_head_to_the_rows(qtbot: Any, desk: Desk) -> None:
    page = shown(qtbot, desk, TRANSFER)
    assert page.head.editor("from_unit").nextInFocusChain() is page.sheet.view


def result(page: BatchPage, row: int = 0) -> str:
    return str(page.sheet.model.result(row))


def test_row_passes_only_once_its_person_is_known(
    qtbot: Any, page: BatchPage, client: FakeClient
) -> None:
    row = {"month": "2026-07", "base": "6000"}
    page.sheet.load([row | {"person": ID_NUMBER}, row | {"person": "532301198512310024"}])
    assert [result(page, n) for n in (0, 1)] == ["待校验", "待校验"]
    name_unit(page)
    qtbot.waitUntil(lambda: text(page, "name") == "*丽", timeout=LIMIT_MS)
    assert [result(page, n) for n in (0, 1)] == ["通过", "待校验"], "nobody was found by the other"
    page.head.set_texts({})
    page._facts_are_new()
    assert result(page) == "待校验", "without the unit the person is nobody again"
