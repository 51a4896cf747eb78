"""Sessions opened by password: what ends them, and what keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from server import access
from server.access import Caller
from server.business.refusals import Refused
from server.captcha import open_captcha
from server.db import transaction
from server.sessions import session_of
from tests.server.hall import Hall, code_of
from tests.server.visitor import COLLEAGUE, NEW_PASSWORD, OPERATOR, PASSWORD, Visitor

pytestmark = pytest.mark.anyio


async def test_reset_gives_a_new_password_and_ends_the_sessions(member: Visitor) -> None:
    await member.log_in()
    other = member.elsewhere()
    await member.pass_minute()
    await other.ask_code("reset")
    assert (await other.reset(await other.read_code())).status_code == 204
    assert not await member.is_in()
    assert code_of(await member.log_in()) == "L17"
    assert (await member.log_in(NEW_PASSWORD)).status_code == 201
    assert await member.audited("reset") == ["ok"]


async def test_reset_frees_a_unit_that_has_to_wait(member: Visitor) -> None:
    for _ in range(5):
        await member.log_in("Wrong-1-pass-word")
    assert code_of(await member.log_in()) == "L08"
    await member.pass_minute()
    await member.ask_code("reset")
    assert (await member.reset(await member.read_code())).status_code == 204
    assert (await member.log_in(NEW_PASSWORD)).status_code == 201


async def test_reset_by_a_colleague_makes_them_the_one_who_logs_in(member: Visitor) -> None:
    await member.log_in()
    await member.enrol(COLLEAGUE)
    colleague = replace(member, who=COLLEAGUE, cookies={})
    await colleague.ask_code("reset")
    assert (await colleague.reset(await colleague.read_code())).status_code == 204
    assert not await member.is_in()
    assert (await colleague.log_in(NEW_PASSWORD)).json()["operator_name"] == COLLEAGUE.name


async def test_change_ends_every_session_and_the_old_password(hall: Hall, member: Visitor) -> None:
    with_key = await hall.colleague(member.unit_id)
    other = member.elsewhere()
    for each in (member, other):
        assert (await each.log_in()).status_code == 201
    body = {"old": PASSWORD, "new": NEW_PASSWORD}
    answer = await member.call("POST", "/auth/password/change", body)
    assert answer.status_code == 204, answer.text
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert not await other.is_in()
    kept = await with_key.call("GET", "/auth/session")
    assert kept.status_code == 200, "another operator's certificate session goes on"
    assert code_of(await member.log_in()) == "L17"
    assert (await member.log_in(NEW_PASSWORD)).status_code == 201
    assert await member.audited("change") == ["ok"]


@pytest.mark.parametrize(("late", "code"), [("log_in", "L17"), ("change", "L26")])
async def test_old_password_proved_before_a_change_opens_nothing_after_it(
    member: Visitor, monkeypatch: pytest.MonkeyPatch, late: str, code: str
) -> None:
    """Who is held up between the proof and the session finds the password changed."""
    await member.log_in()
    async with transaction(member.pool) as conn:
        session = await session_of(conn, member.cookies["__Host-session"])
    caller = Caller("203.0.113.1", "browser")
    await open_captcha(member.pool, caller.browser, caller.address)
    typed = {"unit": str(member.unit_id), "password": PASSWORD, "captcha": member.answers[-1]}
    changed = {"old": PASSWORD, "new": NEW_PASSWORD}
    prove = access._prove

    async def prove_and_be_held_up(*given: Any) -> Any:
        account = await prove(*given)
        monkeypatch.setattr(access, "_prove", prove)
        await access.change(member.pool, session, changed, caller)
        return account

    monkeypatch.setattr(access, "_prove", prove_and_be_held_up)
    another = changed | {"new": "Lan-4-se-tian"}
    with pytest.raises(Refused) as refusal:
        await (
            access.log_in(member.pool, typed, caller)
            if late == "log_in"
            else access.change(member.pool, session, another, caller)
        )
    assert refusal.value.reason.code == code
    assert await member.sql("select count(*) from session where ended_at is null") == [(0,)]
    assert (await member.log_in(NEW_PASSWORD)).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"old": "Wrong-1-pass-word", "new": NEW_PASSWORD}, "L26"),
        ({"old": PASSWORD, "new": PASSWORD}, "L22"),
        ({"old": PASSWORD, "new": "short-1"}, "L22"),
        ({"old": PASSWORD, "new": f"Abx-{OPERATOR.id_number[-6:]}-Yz"}, "L22"),
        ({"old": "", "new": NEW_PASSWORD}, "G14"),
    ],
)
async def test_change_is_refused_and_the_session_goes_on(
    member: Visitor, body: dict[str, str], code: str
) -> None:
    await member.log_in()
    assert code_of(await member.call("POST", "/auth/password/change", body)) == code
    assert await member.is_in()
    assert (await member.elsewhere().log_in()).status_code == 201


async def test_old_password_guessed_in_a_session_makes_it_wait(member: Visitor) -> None:
    await member.log_in()
    found = [
        code_of(await member.call(
            "POST", "/auth/password/change", {"old": f"Wrong-{n}", "new": NEW_PASSWORD}
        ))
        for n in range(6)
    ]  # fmt: skip
    assert found == ["L26"] * 5 + ["L08"]


async def test_change_without_a_password_says_to_register(hall: Hall, visitor: Visitor) -> None:
    with_key = await hall.colleague(visitor.unit_id)
    body = {"old": PASSWORD, "new": NEW_PASSWORD}
    assert code_of(await with_key.call("POST", "/auth/password/change", json=body)) == "L25"


async def test_log_out_everywhere_ends_all_sessions_of_the_operator_and_no_others(
    hall: Hall, member: Visitor
) -> None:
    with_key = await hall.colleague(member.unit_id)
    sessions = [member.elsewhere() for _ in range(3)]
    for each in sessions:
        await each.log_in()
    answer = await sessions[0].call("POST", "/auth/logout-everywhere", {})
    assert answer.status_code == 204
    assert [await each.is_in() for each in sessions] == [False] * 3
    assert (await with_key.call("GET", "/auth/session")).status_code == 200
    assert await member.audited("logout-everywhere") == ["ok"]
    assert (await with_key.call("POST", "/auth/suspend")).status_code == 204
    ended = await with_key.call("POST", "/auth/logout-everywhere")
    assert ended.status_code == 204, "also one whose key was pulled"
    assert code_of(await with_key.call("POST", "/auth/logout-everywhere")) == "N01"


async def test_session_is_kept_by_asking_for_it_and_not_by_looking(member: Visitor) -> None:
    await member.log_in()
    await member.sql("update session set last_seen_at = now() - interval '800 s'")
    assert (await member.call("GET", "/auth/session")).json()["idle_left_s"] <= 100
    assert (await member.call("POST", "/auth/keep", {})).json()["idle_left_s"] >= 890
    await member.sql("update session set last_seen_at = now() - interval '901 s'")
    assert code_of(await member.call("POST", "/auth/keep", {})) == "N01"


@pytest.mark.parametrize(
    "change",
    [
        "update session set last_seen_at = now() - interval '901 s'",
        "update session set created_at = now() - interval '28801 s'",
    ],
)
async def test_password_session_ends_as_a_certificates_does(member: Visitor, change: str) -> None:
    await member.log_in()
    await member.sql(change)
    assert not await member.is_in()


async def test_password_session_has_no_key_to_be_pulled(member: Visitor) -> None:
    await member.log_in()
    assert (await member.call("POST", "/auth/suspend", {})).status_code == 204
    assert (await member.call("GET", "/api/unit")).status_code == 200
