"""Tells the centre what moved on its account, again and again until it acknowledges."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time

import httpx
import msgspec

from server.outside.bank_wire import SERIAL_HEADER, SIGNATURE_HEADER, TIME_HEADER, sign_notice
from server.outside.sandbox_bank.books import Books
from server.outside.sandbox_bank.statement import Notice, NoticeTarget

LOOK_EVERY_S = 0.1
LIMIT_S = 10.0


class Messenger:
    """One task of the bank's; what it has to tell and has told is in the books."""

    def __init__(self, books: Books, key: bytes) -> None:
        self._books, self._key = books, key
        self._target: NoticeTarget | None = None
        self._client: httpx.AsyncClient | None = None

    async def run(self) -> None:
        """Settles and tells what is due, until cancelled."""
        try:
            while True:
                self._books.settle_due()
                try:
                    await self._tell_due()
                except (OSError, ValueError, httpx.InvalidURL) as error:
                    print(f"sandbox_bank: 通知地址不可用：{error}", file=sys.stderr, flush=True)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await self._connect(None)

    async def _tell_due(self) -> None:
        target = self._books.statement.target()
        if target != self._target:
            await self._connect(target)
        if self._client is None or target is None:
            return
        due = self._books.statement.due_notices()
        await asyncio.gather(*(self._tell(self._client, target.url, notice) for notice in due))

    async def _connect(self, target: NoticeTarget | None) -> None:
        """Connections to the centre's new address; none are kept to the old one."""
        if self._client is not None:
            await self._client.aclose()
        self._client, self._target = None, target
        if target is not None:
            tls = ssl.create_default_context(cafile=target.ca_file or None)
            self._client = httpx.AsyncClient(timeout=LIMIT_S, verify=tls, trust_env=False)

    async def _tell(self, client: httpx.AsyncClient, url: str, notice: Notice) -> None:
        serial, moment = notice.detail.bank_serial, str(time.time_ns())
        body = msgspec.json.encode(notice.detail)
        headers = {
            "content-type": "application/json",
            TIME_HEADER: moment,
            SERIAL_HEADER: serial,
            SIGNATURE_HEADER: sign_notice(self._key, moment, serial, body),
        }
        try:
            async with asyncio.timeout(LIMIT_S):
                answer = await client.post(url, content=body, headers=headers)
            is_acknowledged = answer.status_code == httpx.codes.OK
        except (httpx.HTTPError, TimeoutError, OSError):
            is_acknowledged = False
        self._books.statement.tried(notice.number, is_acknowledged=is_acknowledged)
