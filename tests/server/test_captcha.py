"""Captchas: one use, one browser, two minutes, and so many for an address."""

from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import replace

import pytest
from PIL import Image

from server import captcha
from server.db import transaction
from tests.server.hall import code_of
from tests.server.visitor import Visitor

pytestmark = pytest.mark.anyio


async def test_captcha_is_a_picture_that_differs_each_time(visitor: Visitor) -> None:
    answer = await visitor.call("POST", "/auth/captcha", {})
    assert answer.headers["cache-control"] == "no-store"
    pictures = {captcha.draw("AAAA") for _ in range(5)}
    assert len(pictures) == 5
    with Image.open(io.BytesIO(pictures.pop())) as picture:
        assert (picture.format, picture.size) == ("PNG", (240, 88))
        assert len(picture.getcolors(65536) or []) > 20


async def test_captcha_works_once_right_or_wrong(member: Visitor) -> None:
    answer = await member.look()
    assert (await member.log_in(captcha=answer.lower())).status_code == 201
    assert code_of(await member.log_in(captcha=answer)) == "L18"
    answer = await member.look()
    assert code_of(await member.log_in(captcha="0000")) == "L18"
    assert code_of(await member.log_in(captcha=answer)) == "L18"
    assert await member.audited("login") == ["ok", "L18", "L18", "L18"]


async def test_captcha_used_ten_times_at_once_lets_one_through(member: Visitor) -> None:
    answer = await member.look()
    found = await asyncio.gather(
        *(replace(member, cookies=dict(member.cookies)).log_in(captcha=answer) for _ in range(10))
    )
    assert sorted(a.status_code for a in found) == [201] + [422] * 9


async def test_captcha_of_another_browser_is_refused(member: Visitor) -> None:
    answer = await member.look()
    other = member.elsewhere()
    await other.look()
    assert code_of(await other.log_in(captcha=answer)) == "L18"
    assert code_of(await member.elsewhere().log_in(captcha=answer)) == "L18"


async def test_captcha_renewed_or_old_is_refused(member: Visitor) -> None:
    first, second = await member.look(), await member.look()
    assert first != second, "one in 160,000"
    assert code_of(await member.log_in(captcha=first)) == "L18"
    answer = await member.look()
    await member.sql("update captcha set expires_at = expires_at - interval '120 s'")
    assert code_of(await member.log_in(captcha=answer)) == "L18"


async def test_captcha_is_not_kept_readable(visitor: Visitor) -> None:
    answer = await visitor.look()
    ((row, salt, kept),) = await visitor.sql(
        "select captcha::text, salt, answer_sha256 from captcha"
    )
    assert answer not in row and visitor.cookies["__Host-prelogin"] not in row
    assert hashlib.sha256(salt + answer.encode()).digest() == kept


async def test_address_gets_so_many_captchas_at_a_time(visitor: Visitor) -> None:
    for _ in range(captcha.PICTURES_MAX):
        await visitor.elsewhere().look()
    refusal = await visitor.call("POST", "/auth/captcha", {})
    assert code_of(refusal) == "L08" and refusal.status_code == 429
    await visitor.sql("update captcha set expires_at = now()")
    await visitor.look()
    async with transaction(visitor.pool) as conn:
        await captcha.forget_old_captchas(conn)
    assert await visitor.sql("select count(*) from captcha") == [(1,)]


async def test_code_needs_a_captcha(visitor: Visitor) -> None:
    assert code_of(await visitor.ask_code(captcha="0000")) == "L18"
    assert await visitor.sql("select count(*) from sms_code") == [(0,)]
