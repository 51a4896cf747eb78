"""Logging in at the counter: passwords, waits, sessions that end, the first administrator."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from argon2 import Type, extract_parameters

from server import passwords
from server.counter import sessions, staff
from server.counter.staff import Role, weakness
from server.db import Pool, transaction
from server.demo_units import STAFF, STAFF_PASSWORD
from server.demo_units import hire as hire_for_demo
from server.login_limits import forget_old_failures
from server.passwords import HASHER
from tests.counter.doors import Api, Door, sql

pytestmark = pytest.mark.anyio


def code_of(answer: Any) -> str:
    return str(answer.json()["code"])


async def test_login_tells_who_one_is_and_sets_a_guarded_cookie(api: Api) -> None:
    answer = await api.log_in("teller1")
    view = answer.json()
    assert (view["name"], view["shown"], view["role"]) == ("teller1", "柜员1", "teller")
    cookie = answer.headers["set-cookie"]
    for part in ("__Host-counter=", "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    session = await api.call("GET", "/counter/session", "teller1")
    assert session.json()["name"] == "teller1"
    stored = await sql(api, "select token_sha256 from staff_session")
    assert api.cookies["teller1"].encode() not in bytes(stored[0][0])


@pytest.mark.parametrize("name", ["nobody", "teller1", "stopped", "teller1' or '1'='1", ""])
async def test_login_wrong_name_or_password_is_one_and_the_same_refusal(
    api: Api, name: str
) -> None:
    answer = await api.log_in(name, "Wrong-pass-word-1")
    assert answer.status_code == (401 if name else 400)
    assert code_of(answer) == ("T01" if name else "N03")


async def test_login_of_a_stopped_person_is_refused_and_their_session_ends(api: Api) -> None:
    assert (await api.do("teller1", "show-day")).state == "done"
    assert (await api.do("admin1", "stop-staff", name="teller1")).state == "done"
    assert code_of(await api.send("teller1", "show-day", "", {})) == "N01"
    assert code_of(await api.log_in("teller1")) == "T01"
    assert (await api.do("admin1", "stop-staff", name="nobody")).refusal == "T08"


async def test_login_failures_make_everybody_wait_longer_and_longer(door: Door) -> None:
    refusals = [(await door.do("teller1", "show-day", _password=f"Wrong-{n}")).refusal
                for n in range(7)]  # fmt: skip
    assert refusals == ["T01"] * 5 + ["L08"] * 2
    # The right password does not help meanwhile, and somebody else is not kept waiting.
    waiting = await door.do("teller1", "show-day")
    assert waiting.refusal == "L08" and "秒后再试" in waiting.text
    assert (await door.do("finance1", "show-day")).state == "done"
    waits = "select ceil(extract(epoch from max(blocked_until) - max(last_at))) from login_failure"
    assert await sql(door, waits) == [(5,)]
    await sql(door, "update login_failure set blocked_until = now() - interval '1 s'")
    assert (await door.do("teller1", "show-day", _password="Wrong")).refusal == "T01"
    assert await sql(door, waits) == [(10,)]
    await sql(door, "update login_failure set blocked_until = now() - interval '1 s'")
    assert (await door.do("teller1", "show-day")).state == "done"
    assert await sql(door, "select failures from login_failure order by failures") == [(6,)]


async def test_login_failures_are_traced_without_the_name(api: Api) -> None:
    for name in ("nobody-here", "teller1"):
        await api.log_in(name, "Wrong-pass-word-1")
    traced = await sql(
        api, "select outcome, staff_id is null, detail::text from audit order by audit_id"
    )
    assert traced == [("T01", True, "{}"), ("T01", False, "{}")]


async def test_login_failures_are_forgotten_like_the_operators(api: Api) -> None:
    await api.log_in("teller1", "Wrong-pass-word-1")
    await sql(api, "update login_failure set last_at = now() - interval '2 h'")
    async with transaction(api.pool) as conn:
        await forget_old_failures(conn)
    assert await sql(api, "select count(*) from login_failure") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        "update staff_session set last_seen_at = now() - interval '901 s'",
        "update staff_session set created_at = now() - interval '28801 s'",
        "update staff_session set ended_at = now()",
    ],
)
async def test_session_ends_when_idle_too_old_or_ended(api: Api, change: str) -> None:
    await api.log_in("teller1")
    await sql(api, change)
    assert code_of(await api.send("teller1", "show-day", "", {})) == "N01"
    assert code_of(await api.call("GET", "/counter/session", "teller1")) == "N01"


async def test_session_lives_by_being_used_and_not_by_being_looked_at(api: Api) -> None:
    await api.log_in("teller1")
    await sql(api, "update staff_session set last_seen_at = now() - interval '800 s'")
    looked = (await api.call("GET", "/counter/session", "teller1")).json()
    assert 95 <= looked["idle_left_s"] <= 100
    assert (await api.send("teller1", "show-day", "", {})).status_code == 200
    looked = (await api.call("GET", "/counter/session", "teller1")).json()
    assert looked["idle_left_s"] >= 895


async def test_session_ends_with_logging_out(api: Api) -> None:
    await api.log_in("teller1")
    token = api.cookies["teller1"]
    assert (await api.call("POST", "/counter/logout", "teller1")).status_code == 204
    api.cookies["teller1"] = token
    assert code_of(await api.send("teller1", "show-day", "", {})) == "N01"
    assert ("counter:logout",) in await sql(api, "select action from audit")


@pytest.mark.parametrize("path", ["/counter/session", "/api/unit", "/auth/session"])
async def test_sessions_of_staff_and_of_operators_are_no_use_to_each_other(
    api: Api, path: str
) -> None:
    await api.log_in("supervisor1")
    token = api.cookies["supervisor1"]
    api.client.cookies.clear()
    headers = {"Cookie": f"__Host-session={token}"}
    assert code_of(await api.client.get(path, headers=headers)) == "N01"


async def test_one_time_password_lets_one_do_nothing_but_change_it(api: Api, pool: Pool) -> None:
    async with transaction(pool) as conn:
        first = await staff.add(conn, "wang", "王柜员", Role.TELLER)
    assert weakness(first, "wang") == ""
    view = (await api.log_in("wang", first)).json()
    assert view["must_change"] and view["actions"] == ["change-password"]
    assert (await api.do("wang", "show-day")).refusal == "T02"
    for new, refusal in ((first, "T03"), ("short-1A", "T03")):
        weak = await api.do("wang", "change-password", old=first, new=new, again=new)
        assert weak.refusal == refusal
    typo = await api.do("wang", "change-password", old=first, new="Aa-12345678", again="Aa-1234567")
    assert typo.refusal == "T03"
    wrong = await api.do(
        "wang", "change-password", old="x", new="Clouds-of-9-hues", again="Clouds-of-9-hues"
    )
    assert wrong.refusal == "T01"
    good = {"old": first, "new": "Clouds-of-9-hues", "again": "Clouds-of-9-hues"}
    assert (await api.do("wang", "change-password", **good)).state == "done"
    view = (await api.log_in("wang", "Clouds-of-9-hues")).json()
    assert not view["must_change"] and "open-unit" in view["actions"]


async def test_password_that_is_too_old_must_be_changed(door: Door) -> None:
    await sql(door, "update staff set password_at = now() - interval '91 days'")
    assert (await door.do("teller1", "show-day")).refusal == "T02"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Aa-45678", "10 至 128"),
        ("A" * 100 + "b-1" * 10, "10 至 128"),
        ("abcdefghij", "3 类"),
        ("abcdefgh12", "3 类"),
        ("Teller1-is-in", "用户名"),
        ("Aa1Aa1Aa1Aa1", "重复"),
        ("Clouds-of-9-hues", ""),
        ("楚雄的彩云Abc123456", ""),
    ],
)
def test_password_is_weak_when(password: str, why: str) -> None:
    found = weakness(password, "teller1")
    assert why in found and bool(found) is bool(why)


async def test_password_is_stored_as_argon2id_and_hashed_anew_when_that_grows(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", HASHER)
    for _ in range(2):  # The first login found the quick hash of the tests.
        assert (await api.log_in("teller1")).status_code == 200
        ((kept,),) = await sql(api, "select password_hash from staff where name = 'teller1'")
        found = extract_parameters(kept)
        # OWASP's least for Argon2id.
        assert found.type is Type.ID and found.memory_cost >= 19 * 1024 and found.time_cost >= 2
    assert code_of(await api.log_in("teller1", "Wrong-pass-word-1")) == "T01"


async def test_passwords_of_one_person_are_not_anothers(pool: Pool) -> None:
    async with transaction(pool) as conn:
        one, two = [await staff.add(conn, name, name, Role.TELLER) for name in ("wang", "zhao")]
    assert one != two
    assert (await staff.prove(pool, "wang", one, "")).name == "wang"
    token = await sessions.log_in(pool, "zhao", two, "")
    async with transaction(pool) as conn:
        assert (await sessions.staff_of(conn, token)).name == "zhao"


async def test_demo_staff_are_one_of_each_role_and_log_in(pool: Pool) -> None:
    for _ in range(2):  # A demo that goes on where it stopped hires nobody again.
        async with transaction(pool) as conn:
            await hire_for_demo(conn)
    for name, (shown, role) in STAFF.items():
        who = await staff.prove(pool, name, STAFF_PASSWORD, "")
        assert (who.shown, who.role, who.must_change) == (shown, role, False)
        assert weakness(STAFF_PASSWORD, name) == ""
    assert {role for _, role in STAFF.values()} == set(Role)


@pytest.mark.slow
def test_first_administrator_comes_from_the_console(database: str) -> None:
    """The whole program, as typed at the server: the one-time password, then nothing without a
    new one."""

    def typed(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "server", *words], capture_output=True, text=True, timeout=60,
            env={**os.environ, "HPF_DATABASE_URL": database, **more}, check=False,
        )  # fmt: skip

    added = typed("add-staff", "admin", "--shown", "系统管理员", "--role", "admin")
    assert added.returncode == 0, added.stderr
    password = added.stdout.split()[1].split("（")[0]
    again = typed("add-staff", "admin", "--shown", "系统管理员", "--role", "admin")
    assert again.returncode == 1 and "T07" in again.stderr
    wrong = typed("add-staff", "1", "--shown", "某", "--role", "boss")
    assert wrong.returncode == 1 and {"V22", "V05"} <= set(wrong.stderr.split())
    refused = typed("counter", "--staff", "admin", "list-staff", HPF_STAFF_PASSWORD=password)
    assert refused.returncode == 1 and refused.stderr.startswith("T02 须先修改密码")
    helped = typed("counter", "--help")
    assert "单位开户" in helped.stdout and "usage" not in helped.stdout
