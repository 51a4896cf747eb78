"""Laws over all businesses: what holds for every description, whatever is typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.business.amounts import Rounding
from server.business.base import METHODS, Business, Method, Rules, Spread
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES, business_of
from server.business.check import check_batch, check_row, parse_texts
from server.business.facts import (
    STATUSES,
    UNIT_STATUSES,
    Case,
    MonthRule,
    Past,
    PastMonth,
    Status,
    UnitStatus,
    Values,
)
from server.business.kinds import Choice
from server.business.month import Month
from server.business.parameters import BY_KEY, Codes
from server.business.parts import ANY_PAYMENT
from server.business.queries import QUERIES, query_of
from server.business.refusals import REFUSALS
from tests.business.samples import (
    DUE,
    HEADS,
    ID_FEMALE,
    ID_MALE,
    PAST,
    PERSONS,
    ROWS,
    SEALED,
    TEXT,
    UNIT,
    accounts,
    cells,
    known_to,
    other_of,
    rows_of,
    unit,
)

Texts = dict[str, str]
every_business = pytest.mark.parametrize("business", BUSINESSES, ids=lambda b: b.code)
# With those of the counter that are entered and checked like an operator's.
CHECKED = BUSINESSES + tuple(b for b in COUNTER_BUSINESSES if b.code in HEADS)
every_checked = pytest.mark.parametrize("business", CHECKED, ids=lambda b: b.code)
JUNE = Month.of(2026, 6)

UNITS = st.builds(
    unit,
    status=st.sampled_from(UnitStatus),
    paid_through=st.integers(-3, 3).map(Month.of(2026, 7).plus),
    unit_ratio=st.sampled_from([500, 1200]),
    prepayment_fen=st.sampled_from([0, 10**9]),
    remit_mixed=st.booleans(),
    rounding=st.sampled_from(Rounding),
    rules=st.sampled_from(
        [{}, {JUNE: MonthRule(1000, 700, 1690_00, 21000_00, Rounding.EACH_YUAN)}]
    ),
    signed_account=st.sampled_from(["", "****1234"]),
    paying=st.sets(st.sampled_from(ANY_PAYMENT)).map(
        lambda codes: {code: f"serial of {code}" for code in codes}
    ),
    choices=st.dictionaries(
        st.sampled_from(["seal_reasons", "back_payment_reasons"]),
        st.dictionaries(
            st.sampled_from(["01", "02", "10", "99"]), st.sampled_from(["其他", "新设的原因"]),
            min_size=1,
        ),
    ),
)  # fmt: skip
DUES = st.none() | st.dictionaries(
    st.just(Month.of(2026, 7)), st.sampled_from([DUE[Month.of(2026, 7)]])
)
CREDITED = st.builds(
    PastMonth, *[st.sampled_from([0, 100_00, 6000_00])] * 4, unit_fen=st.sampled_from([0, 50_00])
)
PASTS = st.just(PAST) | st.dictionaries(
    st.sampled_from(list(PERSONS)),
    st.builds(
        Past,
        st.dictionaries(st.integers(-3, 1).map(JUNE.plus), CREDITED),
        st.sampled_from([None, Month.of(2019, 8), JUNE]),
        st.sampled_from([frozenset(), frozenset({JUNE})]),
    ),
)


def typed(business: Business, head: bool) -> st.SearchStrategy[Texts]:
    """Any text in any cell, in cells that do not exist, or good texts: faults hide between them."""
    good = HEADS[business.code] if head else ROWS.get(business.code, {})
    fields = business.head if head else business.rows
    choices: dict[str, st.SearchStrategy[str]] = {}
    for spec in fields:
        options = TEXT
        if spec.key in good:
            options |= st.just(good[spec.key])
        if spec.key == "account":
            options |= accounts(PERSONS.values())
        if spec.key == "id_number":
            options |= st.sampled_from([ID_MALE, ID_FEMALE, "A123", "11010519491231002X"])
        if isinstance(spec.kind, Choice):
            options |= st.sampled_from([*spec.kind.options.values()])
        choices[spec.key] = options
    return st.fixed_dictionaries(
        {}, optional={**choices, "no_such_field": TEXT}
    ) | st.fixed_dictionaries({key: st.just(text) for key, text in good.items()})


@every_checked
@given(data=st.data())
def test_check_of_any_texts_names_only_known_places(
    business: Business, data: st.DataObject
) -> None:
    the_unit = data.draw(UNITS)
    business = business.in_force(the_unit)
    head = data.draw(typed(business, head=True))
    rows = data.draw(st.lists(typed(business, head=False), max_size=3)) if business.is_batch else []
    persons, due = known_to(business), data.draw(DUES)
    is_server, past = data.draw(st.sampled_from([(False, {}), (True, data.draw(PASTS))]))

    checked = check_batch(business, the_unit, head, rows, persons, due, is_server, {}, past)

    head_keys, row_keys = {f.key for f in business.head}, {f.key for f in business.rows}
    for problem in checked.problems:
        assert problem.code in REFUSALS
        assert problem.text
        assert problem.key in ({"", *head_keys} if problem.row is None else row_keys)
        assert problem.row is None or 0 <= problem.row < len(rows)
    numbers = [-1 if p.row is None else p.row for p in checked.problems]
    assert numbers == sorted(numbers)
    assert len(set(checked.problems)) == len(checked.problems), "one problem is told once"
    assert set(checked.head) <= head_keys
    is_credited = business.payment is not None and business.payment.spread is Spread.ROWS
    extra = {"lines"} if is_credited else set()
    assert all(set(row) <= row_keys | extra for row in checked.rows)
    for row in checked.rows:
        for spec in business.rows:
            if isinstance(spec.kind, Choice) and spec.key in row:
                assert row[spec.key] in spec.kind.options

    typed_head, _ = parse_texts(business.head, head, None)
    alone = [
        problem
        for number, texts in enumerate(rows)
        for problem in check_row(
            business, the_unit, typed_head, texts, number, persons, is_server, past
        )[1]
    ]
    together = [p for p in checked.problems if p.row is not None and p.code != "G07"]
    assert alone == together
    assert checked.bad_rows == {p.row for p in checked.errors if p.row is not None}


@every_checked
@given(data=st.data())
def test_derive_twice_is_once(business: Business, data: st.DataObject) -> None:
    the_unit, due = data.draw(UNITS), data.draw(DUES)
    head, _ = parse_texts(business.head, data.draw(typed(business, head=True)), None)
    head_case = Case(the_unit, head, due=due)
    _assert_derived_once(head_case, business.head_rules, head, "head")
    row, _ = parse_texts(business.rows, data.draw(typed(business, head=False)), 0)
    person = known_to(business).get(row.get(business.person_key))
    past = data.draw(PASTS).get(person.account) if person else None
    row_case = Case(the_unit, head, row, person, past=past)
    _assert_derived_once(row_case, business.row_rules, row, "row")


def _assert_derived_once(case: Case, rules: Rules, values: Values, part: str) -> None:
    derived = rules.derive(case)
    changed: dict[str, Any] = {part: {**derived, **values}}
    assert rules.derive(replace(case, **changed)) == derived


@every_checked
def test_business_passing_example_has_no_problem(business: Business) -> None:
    checked = check_batch(
        business, UNIT, HEADS[business.code], rows_of(business), known_to(business), DUE, True,
        past=PAST, other=other_of(business),
    )  # fmt: skip
    assert cells(checked) == []
    values = [(business.head, checked.head)] + [(business.rows, row) for row in checked.rows]
    for fields, found in values:
        for spec in fields:
            assert not (spec.typed and spec.required) or spec.key in found
            if spec.key in found:
                assert isinstance(spec.kind.show(found[spec.key]), str)


@every_business
def test_business_derived_texts_typed_back_pass_too(business: Business) -> None:
    """What a sheet shows in a blank is what it may send back."""
    first = check_batch(
        business, UNIT, HEADS[business.code], rows_of(business), known_to(business), DUE
    )
    head = {f.key: f.kind.show(first.head[f.key]) for f in business.head if f.key in first.head}
    rows = [
        {f.key: f.kind.show(row[f.key]) for f in business.rows if f.key in row}
        for row in first.rows
    ]
    again = check_batch(business, UNIT, head, rows, known_to(business), DUE)
    assert cells(again) == []
    assert (again.head, again.rows) == (first.head, first.rows)


@every_checked
def test_business_fields_have_one_key_and_one_label_each(business: Business) -> None:
    for names in ([f.key for f in business.fields], [f.label for f in business.fields]):
        assert len(names) == len(set(names))
        assert all(names)
    assert all(business.field(f.key) is f for f in business.fields)


@every_checked
def test_business_code_tables_read_code_and_label(business: Business) -> None:
    for spec in business.fields:
        if isinstance(spec.kind, Choice):
            options = spec.kind.options
            assert options
            assert len(set(options.values())) == len(options)
            assert not set(options) & set(options.values())
            for code, label in options.items():
                assert spec.kind.parse(code) == spec.kind.parse(label) == code


@every_checked
def test_dated_choices_have_the_defaults_of_their_parameter(business: Business) -> None:
    for spec in business.fields:
        if spec.choices_from:
            parameter = BY_KEY[spec.choices_from]
            assert isinstance(parameter.kind, Codes) and isinstance(spec.kind, Choice)
            assert [*parameter.defaults.values()] == [spec.kind.options]
            assert spec.in_force(UNIT) is spec
            table = {"10": "新设的原因"}
            dated = business.in_force(unit(choices={spec.choices_from: table})).field(spec.key)
            assert dated == replace(spec, kind=Choice(table))


@every_business
def test_business_refers_only_to_what_there_is(business: Business) -> None:
    head_keys, row_keys = {f.key for f in business.head}, {f.key for f in business.rows}
    assert business.head or business.rows
    assert business.person_key in (row_keys if business.is_batch else {"", *head_keys})
    assert {spec.sent_to for spec in business.codes} <= head_keys
    assert all(business.field(spec.sent_to).today for spec in business.codes)
    assert not business.daily_limit or business.daily_limit in BY_KEY
    assert UnitStatus.NORMAL in business.unit_statuses
    assert UnitStatus.CLOSED not in business.unit_statuses
    assert UnitStatus.SEALED not in business.unit_statuses
    assert {f.taken_code for f in business.fields} <= {"", *REFUSALS}
    # Who stands elsewhere is told where they stand.
    assert len(business.takes) != 1 or business.wrong_status in REFUSALS
    assert {business.preview, business.listed} <= {"", *(query.code for query in QUERIES)}
    if business.preview and not business.is_batch:
        summed = {f.key for f in query_of(business.preview).columns if f.summed}
        assert {f.sum_of for f in business.head} <= {"", *summed}
    if payment := business.payment:
        assert payment.amount in head_keys
        assert {payment.method, payment.until, payment.kind} <= {"", *head_keys}
        assert payment.spread in Spread
        kinds = business.field(payment.kind).kind if payment.kind else None
        is_persons = payment.spread is not Spread.PREPAYMENT
        assert set(payment.counts) == (
            set(kinds.options) if kinds else {""} if is_persons else set()
        )


@pytest.mark.parametrize(
    "business", [b for b in BUSINESSES if any(f.today for f in b.head)], ids=lambda b: b.code
)
@given(data=st.data())
def test_changes_are_what_differs_from_today(business: Business, data: st.DataObject) -> None:
    online = data.draw(st.frozensets(st.sampled_from([f.key for f in business.head])))
    the_unit = unit(registered_online=online)
    head = data.draw(typed(business, head=True))
    checked = check_batch(business, the_unit, head, [], known_to(business), None, True)
    assert set(checked.today) == {f.key for f in business.head if f.today}
    assert all(value == checked.head[key] for key, value in checked.changed.items())
    assert all(checked.head[key] != checked.today[key] for key in checked.changed)
    for spec in business.head:
        is_refused = "U02" in [p.code for p in checked.problems if p.key == spec.key]
        is_closed = spec.is_open is not None and not spec.is_open(the_unit)
        assert is_refused == (is_closed and spec.key in checked.head)


def test_batch_businesses_wait_for_any_payment_under_way() -> None:
    # Ruling 15.
    assert set(ANY_PAYMENT) == {business.code for business in BUSINESSES if business.payment}
    for business in BUSINESSES:
        if business.is_batch:
            assert business.blocked_by == ANY_PAYMENT


def test_business_codes_and_labels_differ() -> None:
    for names in ([b.code for b in BUSINESSES], [b.label for b in BUSINESSES]):
        assert len(names) == len(set(names))
    for business in BUSINESSES:
        assert business_of(business.code) is business
    with pytest.raises(KeyError):
        business_of("no_such_business")


def test_unsealing_takes_what_sealing_leaves_and_restores_the_amounts() -> None:
    sealing, unsealing = business_of("sealing"), business_of("unsealing")
    assert (sealing.takes, unsealing.takes) == ((unsealing.leaves,), (sealing.leaves,))
    assert (sealing.takes, sealing.leaves) == ((Status.NORMAL,), Status.SEALED)
    row = check_batch(unsealing, UNIT, {}, rows_of(unsealing), PERSONS).rows[0]
    assert (row["base"], row["unit_fen"], row["personal_fen"]) == (
        SEALED.base_fen,
        SEALED.unit_fen,
        SEALED.personal_fen,
    )


@pytest.mark.parametrize(
    ("labels", "members"),
    [(UNIT_STATUSES, UnitStatus), (STATUSES, Status), (METHODS, Method)],
    ids=["unit", "person", "method"],
)
def test_every_member_of_a_closed_set_has_a_label(
    labels: Mapping[str, str], members: type[UnitStatus] | type[Status] | type[Method]
) -> None:
    assert list(labels) == [member.value for member in members]
    assert len(set(labels.values())) == len(labels)


def test_queries_drill_to_queries_and_order_by_something() -> None:
    codes = [query.code for query in QUERIES]
    assert len(codes) == len(set(codes))
    for query in QUERIES:
        assert query.drill in {"", *codes}
        assert all(key in query.source for key in (*query.keys, query.drill_by))
        assert not query.drill or query.drill_by or len(query.keys) == 1
        assert query.unsorted <= {column.key for column in query.columns}
        assert "%(unit_id)s" in query.source, "an operator sees only their own unit"
        keys = [column.key for column in query.columns]
        assert len(keys) == len(set(keys))
        assert all(key in query.source for key in keys)
        for condition in query.filters:
            place = condition.where or query.source
            assert f"%({condition.field.key})s" in place
            assert condition.where or condition.field.required
