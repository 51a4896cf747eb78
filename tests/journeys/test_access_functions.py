"""The way in by password at the real window: a unit is registered, the clerk's successor does not
know the password and sets another one, and changes it; by keyboard and accessibility tree."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from hpf_desktop.demo import services
from server import units
from server.business.access import CAPTCHA_LENGTH, CAPTCHA_LETTERS
from server.business.month import Month
from server.db import open_pool, transaction
from server.demo_people import id_number
from server.enrolment import Operator, register_operator
from tests.journeys.desk_work import ask_books, code_to
from tests.journeys.stranger import Stranger, office, stranger

pytestmark = pytest.mark.slow
UNIT_NAME, USCC = "南华县菌山野生菌贸易有限公司", "91532324MA6P7H2Y64"
CLERK = Operator("起美兰", id_number("532324", date(1985, 11, 3), 28), "13658780031")
SUCCESSOR = Operator("普文光", id_number("532324", date(1997, 2, 19), 73), "15987816642")
BROTHERS_ID = id_number("532324", date(1997, 2, 19), 75)
FORGOTTEN, CHOSEN, CHANGED = "Songrong#88-nanhua", "Ganba-jun_2027", "Jizong*gou-41"
WEAK = "abc1234567"
PICTURE = "图片验证码的图片，按回车键换一张"
ON_ITS_WAY = "信息与中心登记一致的，验证码已发到经办人手机"


@dataclass(frozen=True)
class Hall:
    """The centre, and the unit that it has just opened."""

    server: services.Server
    unit_id: int


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    (tmp_path / "office").mkdir()
    with office(tmp_path / "office") as server:
        yield Hall(server, asyncio.run(open_unit(server)))


async def open_unit(server: services.Server) -> int:
    """What the counter knows of the unit before anybody there has a password."""
    opening = units.Opening(UNIT_NAME, USCC, "532324", 5324, Month.of(2026, 6), 1000, 1000)
    async with open_pool(server.database, 1) as pool, transaction(pool) as conn:
        unit_id = await units.open_unit(conn, opening)
        for operator in (CLERK, SUCCESSOR):
            await register_operator(conn, unit_id, operator)
    return unit_id


def test_forgotten_password_is_reset_in_the_window_and_opens_the_unit_no_more(
    hall: Hall, tmp_path: Path
) -> None:
    with stranger(hall.server, tmp_path / "clerk", theme="light") as clerk:
        register(hall, clerk)
        log_in(hall, clerk, FORGOTTEN)
        assert clerk.node("status_operator")["name"] == f"经办人：{CLERK.name}"
    with stranger(hall.server, tmp_path / "successor", theme="dark", zoom=150) as successor:
        reset(hall, successor)
        assert "单位账号或密码不正确" in refused_entry(hall, successor, FORGOTTEN)
        log_in(hall, successor, CHOSEN)
        assert successor.node("status_operator")["name"] == f"经办人：{SUCCESSOR.name}"
        change(hall, successor)
    audited = "select action, outcome from audit where unit_id = %s order by at, audit_id"
    assert ask_books(hall.server, audited, hall.unit_id) == [
        ("code:register", "ok"), ("register", "ok"), ("login", "ok"),
        ("code:reset", "ok"), ("reset", "L23"), ("reset", "L23"), ("reset", "ok"),
        ("login", "L17"), ("login", "ok"), ("change", "ok"), ("login", "ok"),
    ]  # fmt: skip


def register(hall: Hall, user: Stranger) -> None:
    """单位注册 from the login window; the policy is told while the password is typed."""
    open_dialog(hall, user, "register")
    user.picture("register")
    code = ask_code(hall, user, "register", CLERK)
    user.type(code)
    user.tab_to("password")
    user.type(WEAK)
    assert met(user) == [True, True, True, False]
    user.picture("register-weak")
    user.key("ctrl+a")
    user.type(FORGOTTEN)
    assert met(user) == [True] * 4
    user.tab_to("again")
    user.type(FORGOTTEN)
    user.key("Return")
    user.words("单位注册成功")


def reset(hall: Hall, user: Stranger) -> None:
    """密码重置: a wrong code and wrong facts get one and the same answer."""
    open_dialog(hall, user, "reset")
    user.picture("reset")
    code = ask_code(hall, user, "reset", SUCCESSOR)
    user.picture("reset-code-sent")
    user.type(f"{(int(code) + 1) % 10**6:06d}")
    for field in ("password", "again"):
        user.tab_to(field)
        user.type(CHOSEN)
    of_wrong_code = refused_reset(user)
    user.has_focus("code")
    user.picture("reset-refused")
    retype(user, "id_number", BROTHERS_ID)
    retype(user, "code", code)
    assert refused_reset(user) == of_wrong_code
    retype(user, "id_number", SUCCESSOR.id_number)
    retype(user, "code", code)
    user.key("Return")
    user.words("密码已重置")
    user.picture("reset-done")


def refused_reset(user: Stranger) -> str:
    """All that is answered to 提交, wherever on the form it stands."""
    user.key("Return")
    return user.words("单位信息与中心登记的不一致，或短信验证码不正确")


def change(hall: Hall, user: Stranger) -> None:
    """密码修改 in the main window ends this login, too; the lock opens to the new password."""
    user.go("密码修改")
    for field, text in (("old", CHOSEN), ("new", CHANGED), ("again", CHANGED)):
        user.tab_to(field)
        user.type(text)
    user.picture("change")
    user.key("Return")
    user.words("密码已修改")
    user.picture("locked")
    user.tab_to("password")
    user.type(CHANGED)
    enter_picture(hall, user, "lock_page")
    user.until(lambda nodes: not [n for n in nodes if n["id"] == "lock_page"], "the window again")


# --- Hands and eyes ---


def open_dialog(hall: Hall, user: Stranger, purpose: str) -> None:
    """From the login window's other way in; the unit's account is typed there already."""
    user.node("ways")
    user.key("ctrl+Tab")
    user.has_focus("unit")
    user.type(str(hall.unit_id))
    user.picture("password-login")
    user.tab_to({"register": "register", "reset": "forgotten"}[purpose])
    user.key("space")
    user.node(f"{purpose}_dialog")
    user.has_focus("uscc")


def ask_code(hall: Hall, user: Stranger, purpose: str, who: Operator) -> str:
    """The facts as the centre has them, the picture, and what comes to the phone for them."""
    for field, text in (
        ("uscc", USCC), ("name", who.name), ("id_number", who.id_number), ("phone", who.phone),
    ):  # fmt: skip
        user.has_focus(field)
        user.type(text)
        user.key("Tab")
    enter_picture(hall, user, f"{purpose}_dialog")
    user.words(ON_ITS_WAY)
    user.has_focus("code")
    return user.until(lambda _: code_to(hall.server, who.phone), "the short message")


def enter_picture(hall: Hall, user: Stranger, within: str) -> None:
    user.tab_to("captcha")
    user.type(read_picture(hall, user, within))
    user.key("Return")


def read_picture(hall: Hall, user: Stranger, within: str) -> str:
    """What an eye reads in the picture that is shown: the letters which the server takes for it."""
    user.until(lambda nodes: any(n["name"] == PICTURE for n in nodes), "a picture", within=within)
    ((salt, digest),) = ask_books(
        hall.server,
        "select salt, answer_sha256 from captcha where not is_spent and expires_at > now()",
    )
    tried = map("".join, itertools.product(CAPTCHA_LETTERS, repeat=CAPTCHA_LENGTH))
    return next(t for t in tried if hashlib.sha256(salt + t.encode()).digest() == digest)


def log_in(hall: Hall, user: Stranger, password: str) -> None:
    user.tab_to("password")
    user.type(password)
    enter_picture(hall, user, "way_password")
    user.node("navigation")


def refused_entry(hall: Hall, user: Stranger, password: str) -> str:
    user.tab_to("password")
    user.type(password)
    enter_picture(hall, user, "way_password")
    said = user.words("不正确")
    user.picture("login-refused")
    return said


def retype(user: Stranger, field: str, text: str) -> None:
    user.tab_to(field)
    user.key("ctrl+a")
    user.type(text)


def met(user: Stranger) -> list[bool]:
    """Of each rule that a password is held to, whether it is said to hold."""
    rules = [n["name"] for n in user.look() if n["id"].startswith("policy_")]
    return [not rule.endswith("未满足") for rule in rules[:-1]]
