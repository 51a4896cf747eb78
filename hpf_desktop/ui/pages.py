"""Every place the tree leads to, made from the businesses and queries under the manual's menus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hpf_desktop.ui import health_page, password_page
from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.health_page import HealthPage
from hpf_desktop.ui.page import Desk, Page
from hpf_desktop.ui.password_page import PasswordPage
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.receipts_page import ReceiptsPage
from hpf_desktop.ui.record_page import RecordPage
from server.business.base import Business
from server.business.queries import in_manual_order, query_of
from server.business.query import Query

MENUS = ("归集业务", "缴存业务", "员工信息查询", "公积金查询")


@dataclass(frozen=True)
class Place:
    code: str
    label: str
    menu: str
    make: Callable[[Desk], Page]


def _business_place(business: Business) -> Place:
    kind = BatchPage if business.is_batch else FormPage
    return Place(business.code, business.label, business.menu, lambda desk: kind(desk, business))


def _query_place(query: Query) -> Place:
    has_record = query.as_record or query.record
    kind = ReceiptsPage if query.is_receipts else RecordPage if has_record else QueryPage
    return Place(query.code, query.label, query.menu, lambda desk: kind(desk, query))


def query_place(code: str, parent_key: str, suffix: str, filters: Mapping[str, str]) -> Place:
    """A query about one row of another."""
    query = query_of(code)
    return Place(
        code,
        query.label,
        query.menu,
        lambda desk: QueryPage(desk, query, parent_key, suffix, filters),
    )


def _places() -> dict[str, Place]:
    found = [
        _business_place(described) if isinstance(described, Business) else _query_place(described)
        for described in in_manual_order()
    ]
    known = {menu: number for number, menu in enumerate(MENUS)}
    found.append(Place(password_page.CODE, password_page.LABEL, password_page.MENU, PasswordPage))
    found.append(Place(health_page.CODE, health_page.LABEL, health_page.MENU, HealthPage))
    found.sort(key=lambda place: known.get(place.menu, len(known)))
    return {place.code: place for place in found}


PLACES = _places()
FIRST_PAGE = next(iter(PLACES))
