"""Codes by short message: their limits at the boundaries, and what outlives a refused request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server import parameters, sms_codes, units
from server.business.refusals import Refused
from server.db import Pool, transaction
from tests.factory import DAY
from tests.server.hall import Caller

pytestmark = pytest.mark.anyio
PHONE, UNIT = "13887800001", 532301000016


@pytest.fixture(autouse=True)
async def centre(pool: Pool) -> None:
    async with transaction(pool) as conn:
        await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)


async def send(
    pool: Pool, phone: str = PHONE, purpose: str = "phone_change", unit_id: int = UNIT
) -> str:
    """The code as the phone gets it."""
    async with transaction(pool) as conn:
        await sms_codes.send(conn, purpose, unit_id, phone)
    rows = await sql(
        pool,
        "select params->>'code' from sms_outbox where phone = %s order by created_at desc limit 1",
        phone,
    )
    return str(rows[0][0])


async def consume(
    pool: Pool, code: str, phone: str = PHONE, purpose: str = "phone_change", unit_id: int = UNIT
) -> str:
    """``ok`` or the code of the refusal."""
    try:
        async with transaction(pool) as conn:
            await sms_codes.consume(conn, purpose, unit_id, phone, code)
    except Refused as refusal:
        return refusal.reason.code
    return "ok"


async def sql(pool: Pool, statement: Any, *values: Any) -> list[Any]:
    async with transaction(pool) as conn:
        found = await conn.execute(statement, values)
        return await found.fetchall() if found.description else []


async def age(pool: Pool, seconds: float) -> None:
    """As if what is there had been asked for so much earlier."""
    await sql(
        pool,
        "update sms_code set asked_at = asked_at - make_interval(secs => %s),"
        " expires_at = expires_at - make_interval(secs => %s)",
        seconds, seconds,
    )  # fmt: skip


async def set_parameters(pool: Pool, **values: int) -> None:
    async with transaction(pool) as conn:
        for key, value in values.items():
            await parameters.set_parameter(conn, key, str(value), DAY, "王主任")


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**6:06d}"


async def test_code_is_six_digits_kept_only_in_its_message(pool: Pool) -> None:
    code = await send(pool)
    assert len(code) == 6 and code.isdigit()
    rows = await sql(pool, "select sms_code::text, masked_text from sms_code, sms_outbox")
    assert code not in rows[0][0] and PHONE not in rows[0][0]
    assert code not in rows[0][1] and "预留手机号变更" in rows[0][1]
    assert await consume(pool, code) == "ok"


async def test_code_works_once(pool: Pool) -> None:
    code = await send(pool)
    assert [await consume(pool, code) for _ in range(2)] == ["ok", "L19"]


async def test_code_taken_ten_times_at_once_lets_one_through(pool: Pool) -> None:
    code = await send(pool)
    found = await asyncio.gather(*(consume(pool, code) for _ in range(10)))
    assert sorted(found) == ["L19"] * 9 + ["ok"]


async def test_code_of_a_request_that_is_rolled_back_may_be_used_again(pool: Pool) -> None:
    code = await send(pool)

    async def fail_afterwards() -> None:
        async with transaction(pool) as conn:
            await sms_codes.consume(conn, "phone_change", UNIT, PHONE, code)
            raise ZeroDivisionError

    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            await fail_afterwards()
    assert await consume(pool, code) == "ok"


@pytest.mark.parametrize(
    "other", [{"phone": "13887800002"}, {"purpose": "registration"}, {"unit_id": UNIT + 1}]
)
async def test_code_is_bound_to_phone_purpose_and_unit(pool: Pool, other: dict[str, Any]) -> None:
    code = await send(pool)
    assert await consume(pool, code, **other) == "L19"
    assert await consume(pool, code) == "ok"


@pytest.mark.parametrize(("age_s", "outcome"), [(298, "ok"), (300, "L19")])
async def test_code_lives_five_minutes(pool: Pool, age_s: float, outcome: str) -> None:
    code = await send(pool)
    await age(pool, age_s)
    assert await consume(pool, code) == outcome


async def test_later_code_replaces_the_earlier(pool: Pool) -> None:
    first = await send(pool)
    await age(pool, 60)
    second = await send(pool)
    assert first != second, "one in a million"
    assert [await consume(pool, code) for code in (first, second)] == ["L19", "ok"]


@pytest.mark.parametrize(("tries", "outcome"), [(4, "ok"), (5, "L19")])
async def test_code_is_void_after_five_wrong_tries(pool: Pool, tries: int, outcome: str) -> None:
    code = await send(pool)
    assert {await consume(pool, wrong(code)) for _ in range(tries)} == {"L19"}
    assert await consume(pool, code) == outcome


async def test_wrong_tries_at_once_are_all_counted(pool: Pool) -> None:
    code = await send(pool)
    await asyncio.gather(*(consume(pool, wrong(code, n)) for n in range(1, 9)))
    assert await sql(pool, "select wrong_tries from sms_code") == [(5,)]


@pytest.mark.parametrize(("age_s", "outcome"), [(57, "L20"), (60, "sent")])
async def test_next_code_may_be_asked_for_after_a_minute(
    pool: Pool, age_s: float, outcome: str
) -> None:
    await send(pool)
    await age(pool, age_s)
    # The number's limit, whatever for.
    asking = send(pool, purpose="registration", unit_id=UNIT + 1)
    if outcome == "sent":
        await asking
        return
    with pytest.raises(Refused) as refusal:
        await asking
    assert refusal.value.reason.code == outcome
    assert any(f"{left} 秒" in refusal.value.reason.next_step for left in (2, 3))


async def test_codes_asked_for_at_once_send_one(pool: Pool) -> None:
    found = await asyncio.gather(*(send(pool) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(f, Refused) and f.reason.code == "L20" for f in found) == 4
    assert await sql(pool, "select count(*) from sms_outbox") == [(1,)]


async def test_number_gets_ten_codes_a_day(pool: Pool) -> None:
    await set_parameters(pool, sms_interval_s=1)  # Ten fit into a day that has just begun.
    for _ in range(10):
        await send(pool)
        await sql(pool, "update sms_code set asked_at = date_trunc('day', now())")
    with pytest.raises(Refused) as refusal:
        await send(pool)
    assert refusal.value.reason.code == "L21"
    await send(pool, phone="13887800002")
    await sql(pool, "update sms_code set asked_at = date_trunc('day', now()) - interval '1 ms'")
    await send(pool)


async def test_unit_gets_so_many_codes_a_day_for_whatever_phones(pool: Pool) -> None:
    await set_parameters(pool, sms_unit_day_max=3)

    async def ask(nth: int, unit_id: int = UNIT) -> str:
        try:
            async with transaction(pool) as conn:
                await sms_codes.send_within(conn, "phone_change", unit_id, f"138878000{nth:02d}")
        except Refused as refusal:
            return refusal.reason.code
        return "sent"

    async with transaction(pool) as conn:
        await sms_codes.withhold(conn, "reset", UNIT, "facts that a stranger typed")
    found = await asyncio.gather(*(ask(nth) for nth in range(6)))
    assert sorted(found) == ["L28"] * 3 + ["sent"] * 3
    assert await ask(10, UNIT + 1) == "sent"
    await sql(pool, "update sms_code set asked_at = date_trunc('day', now()) - interval '1 ms'")
    assert await ask(11) == "sent"


async def test_code_asked_for_in_a_session_is_audited_without_the_phone(caller: Caller) -> None:
    body = {"business": "phone_change", "phone": PHONE}
    assert (await caller.call("POST", "/api/sms-codes", json=body)).status_code == 200
    async with transaction(caller.client.app.state.pool) as conn:
        found = await conn.execute(
            "select unit_id, outcome, operator_id is not null, audit::text from audit"
            " where action = 'code:phone_change'"
        )
        ((unit_id, outcome, has_operator, row),) = await found.fetchall()
    assert (unit_id, outcome, has_operator) == (caller.unit_id, "ok", True)
    assert PHONE not in row


async def test_code_withheld_has_the_same_limits_and_no_message(pool: Pool) -> None:
    async with transaction(pool) as conn:
        assert await sms_codes.withhold(conn, "register", UNIT, "facts") == 60
    with pytest.raises(Refused) as refusal:
        async with transaction(pool) as conn:
            await sms_codes.withhold(conn, "reset", UNIT, "facts")
    assert refusal.value.reason.code == "L20"
    assert await sql(pool, "select count(*) from sms_outbox") == [(0,)]


async def test_limits_are_the_centres_parameters(pool: Pool) -> None:
    await set_parameters(pool, sms_ttl_s=60, sms_interval_s=5, sms_wrong_max=1)
    async with transaction(pool) as conn:
        assert await sms_codes.send(conn, "phone_change", UNIT, PHONE) == 5
    await age(pool, 5)
    code = await send(pool)
    message = await sql(pool, "select params->>'minutes' from sms_outbox limit 1")
    assert message == [("1",)]
    assert [await consume(pool, c) for c in (wrong(code), code)] == ["L19", "L19"]


async def test_old_codes_are_forgotten_once_no_limit_looks_at_them(pool: Pool) -> None:
    await send(pool)
    for days, left in ((1, 1), (1, 0)):
        await age(pool, days * 86_400)
        async with transaction(pool) as conn:
            await sms_codes.forget_old_codes(conn)
        assert await sql(pool, "select count(*) from sms_code") == [(left,)]
