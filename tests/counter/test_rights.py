"""Who may do what: roles, two people, own keys; refused at both doors and by the database."""

from __future__ import annotations

import asyncio
import uuid

import psycopg
import pytest

from server.business.refusals import REFUSALS
from server.counter.actions import ACTIONS
from server.counter.for_decisions import DECIDERS
from server.counter.staff import Role
from server.db import transaction
from tests.counter.doors import NAMES, Api, Door, hire, sql
from tests.counter.test_every_action import ACCOUNT, PERSON, UNIT, open_unit

pytestmark = pytest.mark.anyio
SETTING = {"key": "remit_ahead_months", "value": "2", "from_day": "2026-07-20"}


async def test_role_that_may_not_is_refused_whatever_it_sends(api: Api) -> None:
    for action in ACTIONS:
        for role in Role:
            if role not in action.roles:
                reply = await api.do(NAMES[role], action.code)
                assert reply.refusal == "T04", (action.code, role)
    assert await sql(api, "select count(*) from deed") == [(0,)]
    refused = await sql(api, "select count(*) from audit where outcome = 'T04'")
    assert refused == [(sum(len(set(Role) - a.roles) for a in ACTIONS),)]


async def test_role_that_may_not_is_refused_on_the_command_line(door: Door) -> None:
    assert (await door.do("auditor1", "day-end")).refusal == "T04"
    assert (await door.do("teller1", "set-parameter", **SETTING)).refusal == "T04"
    assert (await door.do("finance1", "open-unit", **UNIT)).refusal == "T04"


async def test_session_actions_are_what_the_role_may(api: Api) -> None:
    for role, name in NAMES.items():
        view = (await api.log_in(name)).json()
        assert view["actions"] == [a.code for a in ACTIONS if role in a.roles]
        assert view["role"] == role.value and 890 <= view["idle_left_s"] <= 900


@pytest.mark.parametrize("texts", [{}, {"unit": "1", "account_no": "x"}, {"unit": " "}])
async def test_fields_are_refused_one_by_one(api: Api, texts: dict[str, str]) -> None:
    await api.log_in("teller1")
    answer = await api.send("teller1", "choose-account", "", texts)
    told = answer.json()
    assert answer.status_code == 422 and told["code"] == "G14"
    assert [p["key"] for p in told["problems"]] == ["unit", "account_no"]
    unknown = await api.send("teller1", "choose-account", "", {"unti": "1"})
    assert unknown.json()["code"] == "N03"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"unit_ratio": "4.99%"}, "T10"),
        ({"personal_ratio": "12.01%"}, "T10"),
        ({"personal_ratio": "10.5%"}, "M10"),
        ({"first_month": "2028-01"}, "T10"),
        ({"uscc": "91532300MA6NTEQT86"}, "V21"),
        ({"branch": "0301"}, "V22"),
        ({"county": "云南"}, "V22"),
        ({"name": ""}, "V01"),
        ({"name": "某\x01某", "uscc": "1"}, "V14 V21"),
    ],
)
async def test_unit_is_not_opened_with(api: Api, changes: dict[str, str], refusal: str) -> None:
    assert (await api.do("teller1", "open-unit", **(UNIT | changes))).refusal == refusal
    assert await sql(api, "select count(*) from unit where unit_id <> 0") == [(0,)]


async def test_unit_is_opened_once(door: Door) -> None:
    unit = await open_unit(door)
    again = await door.do("teller1", "open-unit", **UNIT)
    assert again.refusal == "T09" and unit in again.text
    next_one = await open_unit(door, uscc="12532300432100072Y")
    assert int(next_one) // 10 == int(unit) // 10 + 1


async def test_units_opened_at_once_get_numbers_of_their_own(api: Api) -> None:
    codes = ("91110000600037341L", "91440300708461136T", "91532300MA6NTEQT85", "12532300432100072Y")
    await api.log_in("teller1")
    replies = await asyncio.gather(*(api.do("teller1", "open-unit", **(UNIT | {"uscc": c}))
                                     for c in codes for _ in range(2)))  # fmt: skip
    opened = [r.row["unit"] for r in replies if not r.refusal]
    assert len(set(opened)) == len(opened) == 4
    assert [r.refusal for r in replies if r.refusal] == ["T09"] * 4


async def test_bank_account_is_signed_once_and_again_after_it_was_cancelled(door: Door) -> None:
    unit = await open_unit(door)
    await door.do("teller1", "sign-account", unit=unit, **ACCOUNT)
    assert (await door.do("teller1", "sign-account", unit=unit, **ACCOUNT)).refusal == "T11"
    number = {"unit": unit, "account_no": ACCOUNT["account_no"]}
    assert (await door.do("teller1", "cancel-account", **number)).rows == []
    assert (await door.do("teller1", "cancel-account", **number)).refusal == "T12"
    assert (await door.do("teller1", "choose-account", **number)).refusal == "T12"
    renewed = ACCOUNT | {"agreement": "XY-2"}
    signed = (await door.do("teller1", "sign-account", unit=unit, **renewed)).row
    assert (signed["agreement"], signed["use"]) == ("XY-2", "默认")


async def test_bank_account_with_a_debit_in_flight_is_not_cancelled(door: Door) -> None:
    unit = await open_unit(door)
    await door.do("teller1", "sign-account", unit=unit, **ACCOUNT)
    await sql(
        door, "insert into payment (unit_id, payment_id, business, batch_id, idem, operator_id,"
        " login_kind, amount_fen, account_no, state)"
        " values (%s, 1, 'remittance', 1, 'x', 1, 'counter', 1, '5323010000001', 'unknown')", unit,
    )  # fmt: skip
    number = {"unit": unit, "account_no": ACCOUNT["account_no"]}
    assert (await door.do("teller1", "cancel-account", **number)).refusal == "T13"


@pytest.mark.parametrize("code", ["show-unit", "list-accounts", "list-operators"])
async def test_unit_that_is_not_there_is_told(door: Door, code: str) -> None:
    assert (await door.do("teller1", code, unit="530100000013")).refusal == "N04"


async def test_operators_of_another_unit_are_not_touched(door: Door) -> None:
    unit, other = await open_unit(door), await open_unit(door, uscc="12532300432100072Y")
    operator = (await door.do("teller1", "register-operator", unit=unit, **PERSON)).row["operator"]
    again = await door.do("teller1", "register-operator", unit=unit, **PERSON)
    assert again.row["operator"] == operator
    wrong = {"unit": other, "operator": operator}
    assert (await door.do("teller1", "stop-operator", **wrong)).refusal == "T14"
    assert (await door.do("teller1", "revoke-certificate", unit=unit, binding="7")).refusal == "N04"


async def test_business_day_goes_forward_and_in_production_one_by_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await api.do("admin1", "set-day", day="2026-07-20")).refusal == "T16"
    api.client.app.state.is_production = True
    assert (await api.do("admin1", "set-day", day="2026-07-21")).refusal == "T15"
    assert (await api.do("finance1", "day-end")).row == {"day": "2026-07-21"}


async def test_production_is_known_on_the_command_line(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPF_PRODUCTION", "1")
    if not isinstance(door, Api):  # The server read its environment when it started.
        assert (await door.do("admin1", "set-day", day="2026-07-21")).refusal == "T15"


async def test_own_entry_cannot_be_approved_nor_rejected(door: Door) -> None:
    number = (await door.do("supervisor1", "set-parameter", **SETTING)).number
    assert (await door.do("supervisor1", "approve", number=number)).refusal == "T05"
    own = await door.do("supervisor1", "reject", number=number, reason="自退")
    assert own.refusal == "T05"
    assert await sql(door, "select state from deed where action = 'set-parameter'") == [
        ("pending",)
    ]


async def test_own_entry_cannot_be_approved_by_sql_either(api: Api, database: str) -> None:
    number = (await api.do("supervisor1", "set-parameter", **SETTING)).number
    for statement in (
        "update deed set state = 'approved', decided_by = entered_by where deed_id = %s",
        "update deed set state = 'approved' where deed_id = %s",
    ):
        with psycopg.connect(database) as owner, pytest.raises(psycopg.errors.CheckViolation):
            owner.execute(statement, (number,))
    for statement in (
        "update deed set texts = '{}'",
        "update deed set entered_by = 1",
        "update deed set action = 'x'",
        "delete from deed",
        "update audit set outcome = 'ok'",
        "delete from audit",
        "delete from audit_chain",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await sql(api, statement)


async def test_second_person_must_have_the_role(door: Door) -> None:
    number = (await door.do("supervisor1", "set-parameter", **SETTING)).number
    async with transaction(door.pool) as conn:
        await hire(conn, "supervisor2", Role.SUPERVISOR)
    for role in set(Role) - DECIDERS:
        assert (await door.do(NAMES[role], "approve", number=number)).refusal == "T04"
    # Parameters are approved by 复核 alone.
    assert (await door.do("supervisor2", "approve", number=number)).refusal == "T04"
    assert (await door.do("approver1", "approve", number="999")).refusal == "N04"
    assert (await door.do("approver1", "approve", number=number)).state == "done"


async def test_entry_is_refused_at_once_when_it_could_not_be_approved(door: Door) -> None:
    wrong = SETTING | {"value": "四"}
    assert (await door.do("supervisor1", "set-parameter", **wrong)).refusal == "V02"
    beyond = SETTING | {"key": "makeup_max_months", "value": "0"}
    assert (await door.do("supervisor1", "set-parameter", **beyond)).refusal == "M03"
    assert await sql(door, "select count(*) from deed") == [(0,)]
    assert (await door.do("supervisor1", "set-parameter", **SETTING)).state == "pending"
    assert await sql(door, "select count(*) from parameter") == [(0,)]


async def test_entry_that_no_longer_holds_stays_pending_until_it_is_rejected(door: Door) -> None:
    new = {"name": "wang", "shown": "王柜员", "role": "柜员"}
    numbers = [(await door.do("admin1", "add-staff", **new)).number for _ in range(2)]
    assert (await door.do("supervisor1", "approve", number=numbers[0])).state == "done"
    assert (await door.do("supervisor1", "approve", number=numbers[1])).refusal == "T07"
    waiting = (await door.do("supervisor1", "pending")).rows
    assert [r["number"] for r in waiting] == [numbers[1]]
    done = await door.do("supervisor1", "reject", number=numbers[1], reason="重复")
    assert done.state == "done"


async def test_entry_is_done_once_however_many_approve_it_at_once(api: Api) -> None:
    number = (await api.do("supervisor1", "set-parameter", **SETTING)).number
    async with transaction(api.pool) as conn:
        for n in range(2, 5):
            await hire(conn, f"approver{n}", Role.APPROVER)
    names = [f"approver{n}" for n in range(1, 5)]
    for name in names:
        await api.log_in(name)
    replies = await asyncio.gather(*(api.do(n, "approve", number=number) for n in names))
    assert sorted(r.refusal for r in replies) == ["", "T06", "T06", "T06"]
    assert await sql(api, "select count(*) from parameter") == [(1,)]


async def test_same_key_gets_the_first_answer_and_does_nothing_again(door: Door) -> None:
    key = str(uuid.uuid4())
    first = await door.do("teller1", "open-unit", key, **UNIT)
    again = await door.do("teller1", "open-unit", key, **UNIT)
    assert first == again and first.state == "done"
    other = UNIT | {"name": "另一家"}
    assert (await door.do("teller1", "open-unit", key, **other)).refusal == "G12"
    assert await sql(door, "select count(*) from unit where unit_id <> 0") == [(1,)]
    async with transaction(door.pool) as conn:
        await hire(conn, "teller2", Role.TELLER)
    # Another person's key is another key.
    assert (await door.do("teller2", "open-unit", key, **UNIT)).refusal == "T09"


async def test_same_key_at_once_is_done_once(api: Api) -> None:
    await api.log_in("finance1")
    replies = await asyncio.gather(*(api.do("finance1", "day-end", "day-end-1") for _ in range(6)))
    assert {r.row["day"] for r in replies} == {"2026-07-21"}


async def test_entered_again_under_its_key_tells_what_became_of_it(door: Door) -> None:
    new = {"name": "wang", "shown": "王柜员", "role": "柜员"}
    first = await door.do("admin1", "add-staff", "add-wang", **new)
    approved = await door.do("supervisor1", "approve", "ok-wang-1", number=first.number)
    assert len(approved.row["password"]) >= 10
    told = await door.do("admin1", "add-staff", "add-wang", **new)
    assert (told.state, told.number) == ("approved", first.number)
    again = await door.do("supervisor1", "approve", "ok-wang-1", number=first.number)
    # A password is told once, and kept nowhere.
    assert {told.row["password"], again.row["password"]} == {"••••••"}
    kept = await sql(door, "select texts::text, result::text from deed")
    assert approved.row["password"] not in str(kept)


async def test_failure_inside_leaves_a_trace_and_nothing_else(api: Api, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("alter table bank_account rename to bank_account_gone")
    unit = await open_unit(api)
    failed = await api.do("teller1", "sign-account", unit=unit, **ACCOUNT)
    assert failed.refusal == "N05" and ACCOUNT["holder"] not in failed.text
    traces = await sql(api, "select unit_id, outcome from audit where action = %s",
                       "counter:sign-account")  # fmt: skip
    assert traces == [(int(unit), "N05")]
    assert await sql(api, "select count(*) from deed where action = 'sign-account'") == [(0,)]


def test_refusals_of_the_counter_have_fitting_statuses() -> None:
    assert {REFUSALS[c].status for c in ("T02", "T04", "T05", "T15")} == {403}
