"""What the demo adds to the server: phones that one may look at, and operators to log in as."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from server.business.access import FACTS
from server.business.check import read_fields
from server.business.passwords import weakness
from server.db import Pool, transaction
from server.demo_phone import deliver
from server.demo_units import OPERATOR_PASSWORD, UNITS, DemoUnit
from server.outside.sms import Outbox, Template

CODE = {"purpose": "单位注册", "code": "012345", "minutes": "5"}


@pytest.mark.anyio
async def test_message_reaches_the_phone_once_and_leaves_no_secret(
    pool: Pool, tmp_path: Path
) -> None:
    async with transaction(pool) as conn:
        await Outbox(conn).send("13887800001", Template.CODE, CODE, "code-1")
    phone = tmp_path / "phone.txt"
    for _ in range(2):  # A demo that is started again tells nothing twice.
        with suppress(TimeoutError):
            await asyncio.wait_for(deliver(pool, phone), 1.5)
    assert phone.stat().st_mode & 0o777 == 0o600
    (line,) = phone.read_text("utf-8").splitlines()
    assert line.startswith("13887800001 ") and "012345" in line
    async with transaction(pool) as conn:
        rows = await conn.execute("select sms_outbox::text, state from sms_outbox")
        ((row, state),) = await rows.fetchall()
    assert state == "sent" and "012345" not in row


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.uscc)
def test_operator_of_a_demo_unit_can_register_it(unit: DemoUnit) -> None:
    who = unit.operator
    texts = {
        "unit": "530100000013", "uscc": unit.uscc, "name": who.name,
        "id_number": who.id_number, "phone": who.phone,
    }  # fmt: skip
    assert read_fields(FACTS, texts)["name"] == who.name
    assert weakness(OPERATOR_PASSWORD, (who.phone, who.id_number)) == ""
