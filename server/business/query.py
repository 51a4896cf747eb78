"""What a query is: one description that the page, the route, the export and the tests read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.business.base import Field
from server.business.kinds import Account, Day, Text
from server.business.refusals import Problem, problem

# The database has no collation of its own for Chinese: in this encoding the common characters
# stand by their sound, as in a dictionary.
DICTIONARY = "convert_to({}, 'GB18030')"
# Accounts with their place among the names. What may be null is computed where it is looked up, for
# each person once and not for each of their rows.
NAMED = f"(select *, coalesce({DICTIONARY.format('name')}, '') as name_order from account)"
RECEIPT_NO = "r.year || '-' || lpad(r.number::text, 6, '0') as receipt_no"  # of receipt r
PARENT = "parent"  # the search field that a drill-down fills


@dataclass(frozen=True)
class Filter:
    """One search field and the SQL condition it puts on; an empty field puts on none. What the
    source itself takes has no condition.

    ``since`` is the key of the field that this one may not be before: the two are a range.
    """

    field: Field
    where: str = ""
    since: str = ""


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
    ``order`` is the column, or by commas the columns, by whose unique values pages follow each
    other, newest first when ``newest_first``; an index that begins with ``unit_id`` and goes on
    with them makes every page cost the same. ``drill`` names the query that a row opens, given as
    ``parent`` the row's ``drill_by``, or its ``order`` where that is one column, under a title that
    ends with the columns ``titled_by``. A query with no menu is reached by drill-down alone.
    ``equation`` says how the columns of a row come to each other. One may sort by every column
    except those of ``unsorted``, which are too dear to compute for every row of a large unit.
    ``facts`` are those of ``Unit`` that the source takes beside the filters; a required filter is
    always there, so that the source may take it, too. A query ``as_record`` has one row, shown as
    labels and values; ``record`` names such a query, shown above the rows of this one. Where an
    index finds a row by its key, ``found_by_key`` lets a page compute for every row nothing but
    keys and what they are sorted by; what the source only looks up is then joined to the left, and
    costs sums and sorts nothing. ``sorted_as`` names what of the source stands for a column when
    sorted by it. ``when_empty`` is what an empty answer means, and what to do next.
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
    drill_by: str = ""
    titled_by: tuple[str, ...] = ()
    unsorted: frozenset[str] = frozenset()
    is_receipts: bool = False
    as_record: bool = False
    record: str = ""
    equation: tuple[Term, ...] = ()
    facts: tuple[str, ...] = ()
    found_by_key: bool = False
    sorted_as: Mapping[str, str] = field(default_factory=dict)
    when_empty: str = "没有符合条件的记录"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of ``order``."""
        return tuple(key.strip() for key in self.order.split(","))

    @property
    def sortable(self) -> tuple[Field, ...]:
        return tuple(column for column in self.columns if column.key not in self.unsorted)


BY_NAME = Filter(Field("name", "姓名", Text(50), required=False), "strpos(name, %(name)s) > 0")
BY_ACCOUNT = Filter(
    Field("account", "个人账号", Account(), required=False), "account = %(account)s"
)
PERSON_FILTERS = (BY_NAME, BY_ACCOUNT)


def date_filters(column: str, label: str) -> tuple[Filter, Filter]:
    return (
        Filter(Field("from_day", f"{label}起", Day(), required=False), f"{column} >= %(from_day)s"),
        Filter(
            Field("to_day", f"{label}止", Day(), required=False),
            f"{column} <= %(to_day)s",
            since="from_day",
        ),
    )


def check_ranges(query: Query, values: Mapping[str, Any]) -> Iterator[Problem]:
    """At the end of each range that ends before it begins (E21)."""
    for end in query.filters:
        first, last = values.get(end.since), values.get(end.field.key)
        if first is not None and last is not None and last < first:
            yield problem("E21", end.field.key, first=first, last=last)
