"""Queries of one row are read as labels and values, alone or above the history of their changes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QTableView

from hpf_desktop.ui import theme
from hpf_desktop.ui.page import Desk
from hpf_desktop.ui.record_page import RecordPage
from server.business.query import Query
from server.business.unit_queries import REGISTRATION_CHANGES, REGISTRATION_RECORD, UNIT_RECORD
from tests.fakes.client import FakeClient
from tests.ui.hand import LIMIT_MS, find

RECORD: dict[str, Any] = {
    "_key": "532300000123", "unit": "532300000123", "name": "楚雄示例科技有限公司",
    "uscc": "91532300MA6NTEQT85", "status": "01", "opened_day": "2026-06-18", "county": "532301",
    "unit_ratio": 1200, "personal_ratio": 1200, "paid_through": "2026-06", "persons": 1_035,
    "sealed": 5, "monthly": 12_345_600, "members_fen": 98_765_432, "prepayment_fen": 5_000_000,
    "reserved_fen": 0, "signed_account": "建设银行 ****6789", "legal_person": "王建国",
    "nature": "05", "fund_source": "0", "trustee_bank": "105", "pay_day": "10",
    "address": "楚雄市鹿城镇彝人古镇 1 号二楼东侧 203 室（州政务服务中心旁）", "postcode": "675000",
    "email": None, "telephone": "0878-3123456",
    "operators": "李经办　139****0001；王经办　138****0002",
    "operator_telephones": None,
}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {
        "_key": "2,pay_day", "biz_day": "2026-07-15", "item": "pay_day", "before": None,
        "after": "每月10日", "operator": "李经办", "serial": "4120000000000000002",
    },
    {
        "_key": "1,address", "biz_day": "2026-07-14", "item": "address", "before": "旧址",
        "after": "楚雄市鹿城镇彝人古镇 1 号", "operator": "王经办", "serial": "4120000000000000001",
    },
]  # fmt: skip


def opened(qtbot: Any, desk: Desk, client: FakeClient, query: Query) -> RecordPage:
    client.rows_of = {
        UNIT_RECORD.code: [RECORD], REGISTRATION_RECORD.code: [RECORD],
        REGISTRATION_CHANGES.code: CHANGES,
    }  # fmt: skip
    page = RecordPage(desk, query)
    qtbot.addWidget(page)
    page.resize(1_150, 800)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: value(page, "name") == RECORD["name"], timeout=LIMIT_MS)
    return page


def value(page: RecordPage, key: str) -> str:
    return find(page, QLabel, f"{key}_value").text()


def test_unit_is_read_as_labels_and_values(qtbot: Any, desk: Desk, client: FakeClient) -> None:
    page = opened(qtbot, desk, client, UNIT_RECORD)
    assert not find(page, QTableView, "rows").isVisible()
    for key, shown in (
        ("status", "正常"), ("unit_ratio", "12%"), ("persons", "1,035"), ("email", "—"),
        ("monthly", "123,456.00"), ("nature", "城镇私营及其他城镇企业"), ("pay_day", "每月10日"),
    ):  # fmt: skip
        assert value(page, key) == shown
    name = find(page, QLabel, "persons_value").accessibleName()
    assert name == "正常缴存人数：1,035"


def test_registration_stands_above_the_history_of_its_changes(
    qtbot: Any, desk: Desk, client: FakeClient
) -> None:
    page = opened(qtbot, desk, client, REGISTRATION_CHANGES)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=LIMIT_MS)
    assert find(page, QLabel, "row_count").text() == "共 2 行"
    shown = [page.model.index(1, column).data() for column in range(4)]
    assert shown == ["2026-07-14", "单位地址", "旧址", "楚雄市鹿城镇彝人古镇 1 号"]
    assert find(page, QTableView, "rows").height() > 200


@pytest.mark.parametrize("width", [1_150, 600])
@pytest.mark.parametrize("zoom", [100, 200])
def test_values_never_overlap(
    qtbot: Any, desk: Desk, client: FakeClient, qapp: Any, zoom: int, width: int
) -> None:
    theme.apply(qapp, "light", zoom)
    try:
        page = opened(qtbot, desk, client, UNIT_RECORD)
        page.resize(width, 1_600)
        qtbot.waitExposed(page)
        qtbot.wait(20)
        every = [w.geometry() for w in page.record.findChildren(QLabel)]
        for number, place in enumerate(every):
            assert not any(place.intersects(other) for other in every[number + 1 :])
    finally:
        theme.apply(qapp, "light", 100)
