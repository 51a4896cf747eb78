"""Captchas: a picture of letters for one browser, for one use, for two minutes."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
import math
import secrets
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from server.business.access import CAPTCHA_LENGTH, CAPTCHA_LETTERS
from server.business.refusals import refused
from server.db import Connection, Pool, transaction

LIFE_S = 120
PICTURES_MAX = 30  # for one address at a time, which may be a whole office behind one router
SALT_BYTES = 16
FONT = Path(__file__).resolve().parents[1] / "resources" / "fonts" / "HPFSansSC-Bold.ttf"
# Twice the size at which it is shown, for screens with small dots.
WIDTH, HEIGHT = 240, 88
PAPER = (255, 255, 255)
INKS = ((28, 62, 120), (120, 40, 40), (24, 92, 60), (92, 48, 120))
DICE = secrets.SystemRandom()


async def open_captcha(pool: Pool, browser: str, address: str) -> bytes:
    """The PNG of a new one, in place of this browser's earlier one."""
    answer = "".join(secrets.choice(CAPTCHA_LETTERS) for _ in range(CAPTCHA_LENGTH))
    salt = secrets.token_bytes(SALT_BYTES)
    async with transaction(pool) as conn:
        # Two requests of one address count one after the other.
        await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", (address,))
        await _insist_on_limit(conn, address)
        await conn.execute(
            "update captcha set is_spent = true where browser_sha256 = %s and not is_spent",
            (_digest(browser),),
        )
        await conn.execute(
            "insert into captcha (browser_sha256, address, salt, answer_sha256, expires_at)"
            " values (%s, %s, %s, %s, now() + make_interval(secs => %s))",
            (_digest(browser), address, salt, _answer_digest(salt, answer), LIFE_S),
        )
    return await asyncio.to_thread(draw, answer)


async def spend(pool: Pool, browser: str, answer: str) -> None:
    """Right or wrong, this browser's captcha is gone; raises L18 when there was none, or another.

    Committed by itself, whatever becomes of the request.
    """
    async with transaction(pool) as conn:
        found = await conn.execute(
            "update captcha set is_spent = true where browser_sha256 = %s and not is_spent"
            " and expires_at > now() returning salt, answer_sha256",
            (_digest(browser),),
        )
        row = await found.fetchone()
    if row is None or not secrets.compare_digest(row[1], _answer_digest(row[0], answer)):
        raise refused("L18")


async def forget_old_captchas(conn: Connection) -> None:
    """For the worker: the table holds only what still counts."""
    await conn.execute("delete from captcha where expires_at <= now()")


async def _insist_on_limit(conn: Connection, address: str) -> None:
    found = await conn.execute(
        "select count(*), ceil(extract(epoch from min(expires_at) - now()))"
        " from captcha where address = %s and expires_at > now()",
        (address,),
    )
    count, free_in_s = await found.fetchone() or (0, 0)
    if count >= PICTURES_MAX:
        raise refused("L08", seconds=int(free_in_s))


def _digest(browser: str) -> bytes:
    return hashlib.sha256(browser.encode()).digest()


def _answer_digest(salt: bytes, answer: str) -> bytes:
    return hashlib.sha256(salt + answer.upper().encode()).digest()


def draw(answer: str) -> bytes:
    """The letters turned, bent and crossed by lines; never the same picture twice."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    step = (WIDTH - 24) / len(answer)
    for nth, letter in enumerate(answer):
        ink = DICE.choice(INKS)
        turned = _letter(letter).rotate(DICE.uniform(-24, 24), Image.Resampling.BICUBIC)
        place = (int(12 + step * (nth + 0.5) - turned.width / 2), DICE.randint(-6, 6))
        picture.paste(ink, place, turned)
    pen = ImageDraw.Draw(picture)
    for _ in range(3):
        pen.line(_wave(), fill=DICE.choice(INKS), width=DICE.choice((2, 3)), joint="curve")
    file = io.BytesIO()
    _bend(picture).save(file, "PNG")
    return file.getvalue()


def _letter(letter: str) -> Image.Image:
    """A mask of one letter, a little larger or smaller than the last."""
    mask = Image.new("L", (HEIGHT, HEIGHT))
    middle = (HEIGHT / 2, HEIGHT / 2)
    ImageDraw.Draw(mask).text(middle, letter, 255, _font(DICE.randint(54, 66)), "mm")
    return mask


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def _wave() -> list[tuple[float, float]]:
    """A line from the left edge to the right."""
    middle, height = DICE.uniform(0.3, 0.7) * HEIGHT, DICE.uniform(8, 24)
    start, turns = DICE.uniform(0, math.tau), DICE.uniform(0.8, 2)
    return [
        (x, middle + height * math.sin(start + turns * math.tau * x / WIDTH))
        for x in range(0, WIDTH + 1, 4)
    ]


def _bend(picture: Image.Image) -> Image.Image:
    """Each column moved up or down along a wave."""
    bent = Image.new("RGB", picture.size, PAPER)
    start, turns, height = DICE.uniform(0, math.tau), DICE.uniform(1, 2), DICE.uniform(3, 6)
    for x in range(WIDTH):
        shift = round(height * math.sin(start + turns * math.tau * x / WIDTH))
        bent.paste(picture.crop((x, 0, x + 1, HEIGHT)), (x, shift))
    return bent
