"""What a query is: one description that the page, the route, the export and the tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.business.base import Field
from server.business.kinds import Day


@dataclass(frozen=True)
class Filter:
    """One search field and the SQL condition it puts on; an empty field puts on none."""

    field: Field
    where: str


@dataclass(frozen=True)
class Term:
    """One part of the equation that a row states: its sign, its column, the column that counts its
    people, and the search fields by which the drill-down shows just these."""

    sign: str
    key: str
    count: str = ""
    shows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """Rows of one unit.

    ``source`` is a SELECT that names the columns by key and holds ``unit_id = %(unit_id)s``;
    ``order`` is the unique whole-number column by which pages follow each other, newest first when
    ``newest_first``. ``drill`` names the query that a row opens, given the row's ``order`` value as
    ``parent``. A query with no menu is reached by drill-down alone. ``equation`` says how the
    columns of a row come to each other.
    """

    code: str
    label: str
    menu: str
    filters: tuple[Filter, ...]
    columns: tuple[Field, ...]
    source: str
    order: str
    newest_first: bool = False
    drill: str = ""
    is_receipts: bool = False
    equation: tuple[Term, ...] = ()


def date_filters(column: str, label: str) -> tuple[Filter, Filter]:
    return (
        Filter(Field("from_day", f"{label}起", Day(), required=False), f"{column} >= %(from_day)s"),
        Filter(Field("to_day", f"{label}止", Day(), required=False), f"{column} <= %(to_day)s"),
    )
