"""Every place the tree leads to, made from the businesses and queries under the manual's menus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hpf_desktop.ui.batch_page import BatchPage
from hpf_desktop.ui.form_page import FormPage
from hpf_desktop.ui.page import Desk, Page
from hpf_desktop.ui.query_page import QueryPage
from hpf_desktop.ui.receipts_page import ReceiptsPage
from server.business.base import Business
from server.business.businesses import BUSINESSES
from server.business.queries import QUERIES, query_of
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
    kind = ReceiptsPage if query.is_receipts else QueryPage
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
    found = [_business_place(b) for b in BUSINESSES]
    found += [_query_place(q) for q in QUERIES if q.menu]
    known = {menu: number for number, menu in enumerate(MENUS)}
    found.sort(key=lambda place: known.get(place.menu, len(known)))
    return {place.code: place for place in found}


PLACES = _places()
FIRST_PAGE = next(iter(PLACES))
