"""Access by password over HTTP: units register, get new passwords, and each refused way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.business.identity import with_account_check
from server.db import transaction
from server.enrolment import set_operator_state
from tests.factory import person
from tests.server.hall import code_of
from tests.server.visitor import COLLEAGUE, NEW_PASSWORD, OPERATOR, PASSWORD, USCC, Visitor

pytestmark = pytest.mark.anyio
NOBODYS_UNIT = str(with_account_check(53010000099))


async def test_operator_registers_logs_in_and_submits(visitor: Visitor) -> None:
    await visitor.be_registered()
    answer = await visitor.log_in()
    assert answer.status_code == 201, answer.text
    view = answer.json()
    assert (view["unit_id"], view["operator_name"]) == (visitor.unit_id, OPERATOR.name)
    assert (view["login_kind"], view["certificate_id"]) == ("password", None)
    assert 890 <= view["idle_left_s"] <= 900 and 28_790 <= view["absolute_left_s"] <= 28_800
    opening = "/api/businesses/account_opening/batches"
    saved = (await visitor.call("POST", opening, {"rows": [person(1)]})).json()
    done = await visitor.client.post(
        f"{opening}/{saved['batch_id']}/submit", json={"version": saved["version"]},
        headers={"Idempotency-Key": "12345678",
                 "Cookie": f"__Host-session={visitor.cookies['__Host-session']}"},
    )  # fmt: skip
    assert done.json()["state"] == "posted", done.text
    rows = await visitor.sql("select distinct login_kind from txn where business <> 'opening'")
    assert rows == [("password",)]
    for action in ("code:register", "register", "login"):
        assert await visitor.audited(action) == ["ok"]


async def test_session_cookie_is_kept_from_scripts_and_other_sites(member: Visitor) -> None:
    cookie = (await member.log_in()).headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"))


async def test_facts_are_read_as_typed(visitor: Visitor) -> None:
    typed = {
        "unit": f" {visitor.unit_id} ", "uscc": USCC.lower(), "phone": "139 8781 0001",
        "name": "张 经办".replace(" ", ""), "id_number": OPERATOR.id_number.lower(),
    }  # fmt: skip
    await visitor.ask_code(**typed)
    assert (await visitor.register(await visitor.read_code(), **typed)).status_code == 204


WRONG_FACTS = (
    {"unit": NOBODYS_UNIT},
    {"uscc": "91110000600037341L"},
    {"name": "张经力"},
    {"id_number": COLLEAGUE.id_number},
    {"phone": "13987810009"},
)


@pytest.mark.parametrize("wrong", WRONG_FACTS, ids=lambda wrong: next(iter(wrong)))
@pytest.mark.parametrize("purpose", ["register", "reset"])
async def test_wrong_fact_gets_the_same_answers_and_no_message(
    visitor: Visitor, wrong: dict[str, str], purpose: str
) -> None:
    told = await visitor.elsewhere().ask_code(purpose, **wrong)
    assert await visitor.sql("select count(*) from sms_outbox") == [(0,)]
    again = await visitor.elsewhere().ask_code(purpose, **wrong)
    proper = await visitor.ask_code(purpose)
    proper_again = await visitor.ask_code(purpose)
    assert (told.status_code, told.json()) == (proper.status_code, proper.json())
    assert code_of(again) == code_of(proper_again) == "L20"
    assert 0 < int(again.headers["Retry-After"]) <= 60
    use = visitor.register if purpose == "register" else visitor.reset
    right = await visitor.read_code()
    refusals = [
        await use(right, **wrong), await use(f"{(int(right) + 1) % 10**6:06d}"),
    ]  # fmt: skip
    assert [r.status_code for r in refusals] == [422, 422]
    assert refusals[0].json() == refusals[1].json()
    assert code_of(refusals[0]) == "L23" and "柜台" in refusals[0].json()["next_step"]
    assert await visitor.audited(purpose) == ["L23", "L23"]
    assert await visitor.sql("select count(*) from unit_password") == [(0,)]


async def test_code_that_nobody_was_sent_opens_nothing_though_guessed(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sms_codes.secrets.randbelow", lambda limit: 123456)
    await visitor.ask_code(name="张经力")
    assert code_of(await visitor.register("123456", name="张经力")) == "L23"
    assert await visitor.sql("select count(*) from unit_password") == [(0,)]


async def test_stopped_operator_gets_no_code(visitor: Visitor) -> None:
    operator_id = await visitor.enrol(OPERATOR)
    async with transaction(visitor.pool) as conn:
        await set_operator_state(conn, visitor.unit_id, operator_id, "inactive")
    assert (await visitor.ask_code()).status_code == 200
    assert await visitor.read_code() == ""


async def test_code_for_registration_works_once_and_for_nothing_else(visitor: Visitor) -> None:
    await visitor.ask_code()
    code = await visitor.read_code()
    assert code_of(await visitor.reset(code)) == "L23"
    assert (await visitor.register(code)).status_code == 204
    assert code_of(await visitor.register(code)) == "L23"
    assert code_of(await visitor.reset(code)) == "L23"


async def test_weak_password_is_refused_before_the_code_is_used(visitor: Visitor) -> None:
    await visitor.ask_code()
    code = await visitor.read_code()
    weak = await visitor.register(code, f"Abx-{OPERATOR.phone}")
    assert code_of(weak) == "L22" and "手机号码" in weak.json()["text"]
    assert (await visitor.register(code)).status_code == 204


async def test_registered_unit_is_not_registered_again(member: Visitor) -> None:
    await member.pass_minute()
    await member.ask_code()
    assert code_of(await member.register(await member.read_code(), NEW_PASSWORD)) == "L24"
    assert (await member.log_in()).status_code == 201


async def test_unit_not_registered_cannot_reset(visitor: Visitor) -> None:
    await visitor.ask_code("reset")
    assert code_of(await visitor.reset(await visitor.read_code())) == "L25"


async def test_registration_pressed_five_times_at_once_is_done_once(visitor: Visitor) -> None:
    await visitor.ask_code()
    code = await visitor.read_code()
    found = await asyncio.gather(*(visitor.elsewhere().register(code) for _ in range(5)))
    assert sorted(a.status_code for a in found) == [204, 422, 422, 422, 422]


async def test_two_operators_registering_at_once_make_one_registration(visitor: Visitor) -> None:
    await visitor.enrol(COLLEAGUE)
    other = replace(visitor, who=COLLEAGUE, cookies={})
    for each in (visitor, other):
        await each.ask_code()
    codes = [await each.read_code() for each in (visitor, other)]
    found = await asyncio.gather(visitor.register(codes[0]), other.register(codes[1]))
    assert sorted(a.status_code for a in found) == [204, 409]
    assert [code_of(a) for a in found if a.status_code == 409] == ["L24"]


async def test_successor_registers_once_the_operator_is_stopped(member: Visitor) -> None:
    operator_id = await member.enrol(OPERATOR)
    await member.enrol(COLLEAGUE)
    await member.log_in()
    async with transaction(member.pool) as conn:
        await set_operator_state(conn, member.unit_id, operator_id, "inactive")
    assert not await member.is_in()
    assert code_of(await member.log_in()) == "L07"
    successor = replace(member, who=COLLEAGUE, cookies={})
    await successor.ask_code()
    code = await successor.read_code()
    assert (await successor.register(code, NEW_PASSWORD)).status_code == 204
    assert (await successor.log_in(NEW_PASSWORD)).json()["operator_name"] == COLLEAGUE.name
    assert code_of(await member.log_in()) == "L17"


# --- The interface ---


@pytest.mark.parametrize(
    ("path", "key", "text", "code"),
    [
        ("login", "unit", "530100000019", "V20"), ("login", "captcha", "1", "V22"),
        ("code", "uscc", "1", "V21"), ("code", "id_number", "1", "K01"),
        ("code", "phone", "1", "V07"), ("code", "purpose", "phone_change", "V05"),
        ("register", "code", "12345", "V22"), ("reset", "name", "3", "K11"),
        ("register", "password", "", "V01"),
    ],
)  # fmt: skip
async def test_field_that_cannot_be_is_named(
    visitor: Visitor, path: str, key: str, text: str, code: str
) -> None:
    body = visitor.facts | {"code": "000000", "password": PASSWORD}
    if path == "code":
        body = visitor.facts | {"purpose": "register", "captcha": "AAAA"}
    if path == "login":
        body = {"unit": str(visitor.unit_id), "password": PASSWORD, "captcha": "AAAA"}
    answer = await visitor.call("POST", f"/auth/password/{path}", body | {key: text})
    assert code_of(answer) == "G14"
    assert [(p["key"], p["code"]) for p in answer.json()["problems"]] == [(key, code)]


async def test_openapi_tells_the_fields(visitor: Visitor) -> None:
    document = (await visitor.client.get("/schema/openapi.json")).json()
    for path, body in (
        ("login", "PasswordLogin"), ("code", "AskCode"), ("register", "Registration"),
        ("reset", "PasswordReset"), ("change", "PasswordChange"),
    ):  # fmt: skip
        assert "post" in document["paths"][f"/auth/password/{path}"]
        assert any(name.endswith(body) for name in document["components"]["schemas"])
