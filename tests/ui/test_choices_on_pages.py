"""Choices of the business day on pages: asked for anew when the server knows others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QComboBox

from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.fields import FieldForm
from hpf_desktop.ui.page import Desk
from server.business.sealing import SEALING
from tests.fakes.client import FakeClient, unit
from tests.ui.hand import LIMIT_MS, sign

ACCOUNT = "100000000000"
CHANGED = {"seal_reasons": {"01": "解除劳动合同", "10": "单位撤销"}}


def test_table_changed_since_the_facts_came_is_fetched_when_the_server_refuses(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    page = BatchPage(desk, SEALING)
    qtbot.addWidget(page)
    page.show()

    def reload() -> None:
        desk.session.facts = client.facts()
        page.show_facts()

    page.facts_changed.connect(reload)
    page.sheet.load([{"account": ACCOUNT, "reason": "02"}])
    client.own_unit = replace(client.own_unit, choices=CHANGED)
    page.submit()
    qtbot.waitUntil(lambda: "G14" in page.bar.text, timeout=LIMIT_MS)
    current = page.sheet.view.currentIndex()
    assert page.sheet.model.columns[current.column()].key == "reason"
    assert client.calls == ["check", "facts"]
    page.sheet.model.setData(current, "10")
    assert page.sheet.model.text(0, current.column()) == "单位撤销"
    page.submit()
    sign(qtbot)
    qtbot.waitUntil(lambda: "已提交" in page.bar.text, timeout=LIMIT_MS)
    (batch,) = client.batches.values()
    assert [row["reason"] for row in batch.rows] == ["单位撤销"]


def test_form_offers_the_choices_in_force_and_asks_anew_for_one_that_went(qtbot: Any) -> None:
    form = FieldForm([SEALING.field("reason")])
    qtbot.addWidget(form)
    box = form.editor("reason")
    assert isinstance(box, QComboBox)
    form.set_texts({"reason": "08"})
    form.offer(unit(choices=CHANGED))
    assert form.texts() == {}
    assert [box.itemText(n) for n in range(1, box.count())] == [*CHANGED["seal_reasons"].values()]
    form.set_texts({"reason": "单位撤销"})
    form.offer(unit(choices=CHANGED))
    assert form.texts() == {"reason": "10"}
    table = {"seal_reasons": {**CHANGED["seal_reasons"], "11": "其他情形"}}
    form.offer(unit(choices=table))
    assert form.texts() == {"reason": "10"} and box.count() == 4
