"""Password login: what a refusal tells, how long it makes one wait, and how secrets are kept."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from argon2 import Type, extract_parameters

from server import access, passwords
from server.access import Caller
from server.business.identity import with_account_check
from server.business.refusals import Refused
from server.captcha import open_captcha
from server.db import Pool, transaction
from server.login_limits import FREE_FROM_ANYWHERE, take_turn
from tests.factory import open_unit
from tests.server.hall import code_of
from tests.server.visitor import NEW_PASSWORD, OPERATOR, PASSWORD, SLOW, Visitor

pytestmark = pytest.mark.anyio
NOBODYS_UNIT = str(with_account_check(53010000099))


async def test_unknown_unit_and_wrong_password_get_the_same_answer_for_the_same_work(
    member: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    unregistered = (await open_unit(member.pool, "州第二中学", account_no="532302")).unit_id
    looked_at: list[str] = []
    fits = passwords._fits

    def count(password_hash: str, password: str) -> bool:
        looked_at.append(password_hash)
        return fits(password_hash, password)

    monkeypatch.setattr(passwords, "_fits", count)
    refusals = [
        await member.log_in("Wrong-1-pass-word", unit=unit)
        for unit in (str(member.unit_id), NOBODYS_UNIT, str(unregistered))
    ]
    assert [a.status_code for a in refusals] == [401] * 3
    assert len({a.text for a in refusals}) == 1 and code_of(refusals[0]) == "L17"
    assert len(looked_at) == 3
    shapes = {h.rsplit("$", 2)[0] for h in looked_at}
    assert len(shapes) == 1, "all are reckoned with the same parameters"
    units = await member.sql("select unit_id from audit where outcome = 'L17' order by at")
    assert units == [(member.unit_id,), (0,), (unregistered,)]


@pytest.mark.parametrize("is_known", [True, False])
async def test_waits_grow_with_the_failures_of_a_unit_known_or_not(
    member: Visitor, is_known: bool
) -> None:
    unit = str(member.unit_id) if is_known else NOBODYS_UNIT
    found = []
    for nth in range(8):
        answer = await member.elsewhere().log_in("Wrong-1-pass-word", unit=unit)
        assert code_of(answer) == "L17"
        if nth < 4:
            continue
        waiting = await member.elsewhere().log_in(PASSWORD, unit=unit)
        assert code_of(waiting) == "L08" and waiting.status_code == 429
        found.append(int("".join(c for c in waiting.json()["next_step"] if c.isdigit())))
        await member.sql("update login_failure set blocked_until = '-infinity'")
    for wait, at_most in zip(found, (5, 10, 20, 40), strict=True):
        assert at_most - 1 <= wait <= at_most
    if is_known:
        assert (await member.log_in()).status_code == 201
        assert code_of(await member.elsewhere().log_in("Wrong-1-pass-word")) == "L17"
        assert (await member.log_in()).status_code == 201, "the failures were forgotten"


async def test_wrong_tries_at_once_get_no_further_than_one_after_the_other(
    member: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = [member.elsewhere() for _ in range(12)]
    captchas = [await each.look() for each in visitors]
    found = await asyncio.gather(
        *(v.log_in("Wrong-1-pass-word", captcha=c) for v, c in zip(visitors, captchas, strict=True))
    )
    assert sorted(code_of(a) for a in found) == ["L08"] * 7 + ["L17"] * 5


async def test_turns_taken_at_once_are_as_many_as_one_after_the_other(pool: Pool) -> None:
    ready = asyncio.Barrier(8)

    async def take() -> int:
        async with transaction(pool) as conn:
            await ready.wait()
            return await take_turn(conn, b"somebody", 5)

    waits = await asyncio.gather(*(take() for _ in range(8)))
    assert sorted(wait > 0 for wait in waits) == [False] * 5 + [True] * 3


async def test_address_that_failed_often_waits_for_every_unit(member: Visitor) -> None:
    for nth in range(20):
        unit = str(with_account_check(53010000100 + nth))
        await member.sql("delete from captcha")
        assert code_of(await member.log_in("Wrong-1-pass-word", unit=unit)) == "L17"
    await member.sql("delete from captcha")
    assert code_of(await member.log_in()) == "L08"


async def test_failed_registrations_wait_and_leave_the_login_alone(member: Visitor) -> None:
    found = [code_of(await member.register("000000", name="张经力")) for _ in range(6)]
    assert found == ["L23"] * 5 + ["L08"]
    assert (await member.log_in()).status_code == 201


# --- From many places ---


async def log_in_from(member: Visitor, address: str, password: str = PASSWORD) -> str:
    """``ok`` or the refusal's code, at another computer with an address of its own."""
    browser = secrets.token_urlsafe(8)
    await open_captcha(member.pool, browser, address)
    texts = {"unit": str(member.unit_id), "password": password, "captcha": member.answers[-1]}
    try:
        await access.log_in(member.pool, texts, Caller(address, browser))
    except Refused as refusal:
        return refusal.reason.code
    return "ok"


async def test_stranger_cannot_keep_a_unit_out_from_one_address(member: Visitor) -> None:
    found = [await log_in_from(member, "203.0.113.1", "Wrong-1-pass-word") for _ in range(6)]
    assert found == ["L17"] * 5 + ["L08"]
    assert await log_in_from(member, "198.51.100.7") == "ok", "which it never came from before"


async def test_unit_guessed_from_many_addresses_waits_but_for_where_it_works(
    member: Visitor,
) -> None:
    assert await log_in_from(member, "198.51.100.7") == "ok"
    found = [
        await log_in_from(member, f"203.0.113.{nth // 4}", "Wrong-1-pass-word")
        for nth in range(FREE_FROM_ANYWHERE + 1)
    ]
    assert found == ["L17"] * FREE_FROM_ANYWHERE + ["L08"]
    assert await log_in_from(member, "198.51.100.8") == "L08", "nobody's address"
    for _ in range(2):
        assert await log_in_from(member, "198.51.100.7", "Wrong-1-pass-word") == "L17"
    assert await log_in_from(member, "198.51.100.7") == "ok"
    await member.sql("update login_failure set blocked_until = now() + interval '1 h'"
                     " where failures > 9")  # fmt: skip
    assert await log_in_from(member, "198.51.100.8") == "ok", "its own login freed the unit"


async def test_registration_tried_elsewhere_makes_nobody_wait_here(member: Visitor) -> None:
    other = Caller("203.0.113.1")
    for code in ["L23"] * 5 + ["L08"]:
        texts = member.facts | {"code": "000000", "password": NEW_PASSWORD}
        with pytest.raises(Refused) as refusal:
            await access.reset(member.pool, texts, other)
        assert refusal.value.reason.code == code
    await member.pass_minute()
    await member.ask_code("reset")
    assert (await member.reset(await member.read_code())).status_code == 204


# --- How it is kept ---


async def test_password_is_stored_as_argon2id_and_hashed_anew_when_that_grows(
    member: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", SLOW)
    for _ in range(2):  # The first login finds the quick hash of the tests.
        assert (await member.log_in()).status_code == 201
        ((kept,),) = await member.sql("select password_hash from unit_password")
        found = extract_parameters(kept)
        # OWASP's least for Argon2id.
        assert found.type is Type.ID and found.memory_cost >= 19 * 1024 and found.time_cost >= 2


async def test_no_secret_reaches_log_audit_or_answer(
    member: Visitor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(0)
    captcha_answer = await member.look()
    told = [
        await member.log_in("Wrong-1-pass-word", captcha=captcha_answer),
        await member.register("123456", name="张经力"),
        await member.register("123456", "weak"),
        await member.log_in(),
        await member.call("POST", "/auth/password/change", {"old": PASSWORD, "new": "weak"}),
    ]
    await member.pass_minute()
    told.append(await member.ask_code("reset"))
    code = await member.read_code()
    told.append(await member.reset(code))

    async def fail(*_: Any) -> None:
        raise RuntimeError(PASSWORD)

    monkeypatch.setattr("server.access._prove", fail)
    told.append(await member.log_in())
    assert code_of(told[-1]) == "N05"
    rows = await member.sql("select string_agg(audit::text, ' ') from audit")
    everything = caplog.text + rows[0][0] + "".join(answer.text for answer in told)
    private = (PASSWORD, NEW_PASSWORD, "Wrong-1-pass-word", code, captcha_answer, "123456",
               OPERATOR.phone, OPERATOR.id_number)  # fmt: skip
    assert [secret for secret in private if secret in everything] == []
    assert OPERATOR.name not in caplog.text + rows[0][0]
