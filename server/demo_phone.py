"""The demo's phones: what the outbox sends is written into a file that one may look at."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.db import Pool, transaction
from server.outside.sms import Template, full_text

LOOK_EVERY_S = 0.5


async def deliver(pool: Pool, file: Path) -> None:
    """Runs until it is cancelled. The file is for this user alone: it holds codes."""
    file.touch(mode=0o600)
    while True:
        for line in await _sent(pool):
            with file.open("a", encoding="utf-8") as phone:
                phone.write(line + "\n")
        await asyncio.sleep(LOOK_EVERY_S)


async def _sent(pool: Pool) -> list[str]:
    """The waiting messages, each told once; what was secret is then gone from the database."""
    async with transaction(pool) as conn:
        rows = await conn.execute(
            "select message_id, phone, template, params from sms_outbox where state = 'waiting'"
            " order by created_at for update skip locked"
        )
        found = await rows.fetchall()
        await conn.execute(
            "update sms_outbox set state = 'sent', attempts = attempts + 1, params = '{}'"
            " where message_id = any(%s)",
            ([row[0] for row in found],),
        )
    return [f"{phone} {full_text(Template[name], params)}" for _, phone, name, params in found]
