"""What holds for every action at the counter: names, roles, fields, route, help, kinds."""

from __future__ import annotations

import argparse
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.__main__ import _parser
from server.business.counter_kinds import (
    BankAccountNumber,
    Certificate,
    Code,
    ResidentId,
    Secret,
    UnitAccount,
    Uscc,
)
from server.business.identity import with_account_check
from server.business.kinds import Choice, Invalid, Kind
from server.business.refusals import REFUSALS
from server.counter.action import Action
from server.counter.actions import ACTIONS
from server.counter.for_decisions import DECIDERS
from server.counter.perform import digest_of
from server.counter.staff import ROLES, Role
from tests.counter.doors import Api

every_action = pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.code)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
KINDS = list({f.kind: f.kind for a in ACTIONS for f in a.fields})


@every_action
def test_action_says_what_it_is_and_who_may(action: Action) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", action.code)
    assert CHINESE.search(action.label) and CHINESE.search(action.menu)
    assert action.roles and action.approved_by <= DECIDERS
    assert all(CHINESE.search(f.label) and f.typed for f in action.fields)
    keys = [f.key for f in action.fields]
    assert len(set(keys)) == len(keys)
    has_secret = any(isinstance(f.kind, Secret) for f in action.fields)
    assert not (has_secret and action.is_keyed), "what is keyed is remembered"


def test_actions_have_codes_and_labels_of_their_own() -> None:
    assert len({a.code for a in ACTIONS}) == len({a.label for a in ACTIONS}) == len(ACTIONS)
    assert set(ROLES) == {role.value for role in Role}


def test_auditor_may_only_look() -> None:
    may = {a.code for a in ACTIONS if Role.AUDITOR in a.roles}
    assert {a.code for a in ACTIONS if a.code in may and a.is_keyed} == set()


def help_of(code: str) -> str:
    verbs = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    counter = verbs.choices["counter"]
    each = next(a for a in counter._actions if isinstance(a, argparse._SubParsersAction))
    return str(each.choices[code].format_help())


@every_action
def test_action_has_help_in_chinese_with_every_field(action: Action) -> None:
    shown = help_of(action.code)
    assert shown.startswith("用法：") and action.label in shown
    assert not re.search(r"\b(usage|options|show this help|positional arguments):?\b", shown)
    for spec in action.fields:
        option = f"--{spec.key.replace('_', '-')} "
        # A secret on the command line would stay in the shell's history.
        assert (option in shown) is not isinstance(spec.kind, Secret)


@pytest.mark.anyio
async def test_every_action_has_its_route_with_its_fields(api: Api) -> None:
    document = (await api.client.get("/schema/openapi.json")).json()
    for action in ACTIONS:
        route = document["paths"][f"/counter/actions/{action.code}"]["post"]
        assert action.label in route["summary"]
        reference = route["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
        titles = {key: value["title"] for key, value in schema.get("properties", {}).items()}
        assert titles == {f.key: f.label for f in action.fields}
        headers = {p["name"] for p in route.get("parameters", []) if p["in"] == "header"}
        assert ("Idempotency-Key" in headers) is action.is_keyed


def values_of(kind: Kind) -> st.SearchStrategy[object] | None:
    if isinstance(kind, UnitAccount):
        return st.integers(10**10, 10**11 - 1).map(with_account_check)
    if isinstance(kind, Uscc):
        return st.sampled_from(["91110000600037341L", "91532300MA6NTEQT85", "12532300432100072Y"])
    if isinstance(kind, ResidentId):
        return st.sampled_from(["11010519491231002X", "532322200002290037"])
    if isinstance(kind, Code):
        return st.from_regex(re.compile(kind.pattern, re.ASCII), fullmatch=True)
    if isinstance(kind, BankAccountNumber):
        return st.from_regex("[0-9]{9,32}", fullmatch=True)
    if isinstance(kind, Certificate):
        return st.binary(min_size=1, max_size=100)
    return st.text("aB3 ", min_size=1, max_size=128) if isinstance(kind, Secret) else None


OWN = [kind for kind in KINDS if values_of(kind) is not None]


@pytest.mark.parametrize("kind", OWN, ids=repr)
@given(data=st.data())
def test_kind_shown_value_reads_back(kind: Kind, data: st.DataObject) -> None:
    strategy = values_of(kind)
    assert strategy is not None
    value = data.draw(strategy)
    assert kind.parse(kind.show(value)) == value
    assert type(value) is kind.python
    assert len(kind.show(value)) <= max(200, kind.length_max)


@pytest.mark.parametrize("kind", OWN, ids=repr)
@given(text=st.text(max_size=40) | st.text("0123456789-", max_size=20))
def test_kind_any_text_is_read_or_invalid(kind: Kind, text: str) -> None:
    try:
        value = kind.parse(text)
    except Invalid as invalid:
        fault = invalid
    else:
        assert kind.parse(kind.show(value)) == value
        return
    assert str(fault) == fault.code
    assert REFUSALS[fault.code].text.format(**{"label": "", **fault.facts})


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (UnitAccount(), "530100000014", "V20"),
        (UnitAccount(), "53010000001", "V20"),
        (Uscc(), "91532300MA6NTEQT86", "V21"),
        (Uscc(), "91532300MA6NTESQ85", "V21"),
        (ResidentId(), "532301199003070013", "K01"),
        (ResidentId(), "532301900307001", "K01"),
        (BankAccountNumber(), "12345678", "V22"),
        (Certificate(), "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----", "V23"),
        (Certificate(), "四", "V23"),
        (Secret(), "x" * 129, "V06"),
    ],
)
def test_kind_refuses_what_is_mistyped(kind: Kind, text: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        kind.parse(text)
    assert refusal.value.code == code


def test_unit_account_of_any_one_wrong_digit_is_refused() -> None:
    right = str(with_account_check(53010000001))
    assert UnitAccount().parse(f" {right[:4]} {right[4:]}") == int(right)
    for place in range(12):
        for digit in "0123456789":
            typed = right[:place] + digit + right[place + 1 :]
            if typed != right:
                with pytest.raises(Invalid):
                    UnitAccount().parse(typed)


def test_secrets_are_never_shown_where_others_look() -> None:
    assert "Rain" not in Secret().mask("Rain-over-7-hills")
    assert BankAccountNumber().mask("5323010000001") == "****0001"


def test_digest_is_of_what_is_filled() -> None:
    assert digest_of("x", {"a": "1", "b": ""}) == digest_of("x", {"a": "1"})
    assert digest_of("x", {"a": "1"}) != digest_of("y", {"a": "1"})
    assert digest_of("x", {"a": "1"}) != digest_of("x", {"b": "1"})


def test_choices_of_the_counter_are_read_by_code_or_label() -> None:
    for kind in KINDS:
        if isinstance(kind, Choice):
            assert all(kind.parse(label) == code for code, label in kind.options.items())
