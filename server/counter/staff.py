"""The centre's staff: who they are, their one role, their passwords; who may log in, and when."""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from enum import StrEnum

from server import audit, passwords
from server.business.refusals import refused
from server.db import Connection, Pool, new_id, transaction
from server.login_limits import (
    PASSWORD_FREE_FAILURES,
    clear_failures,
    count_failure,
    take_turn,
    wait_left_s,
)


class Role(StrEnum):
    """岗位. One for each person, so that duties which must be apart are (domain 11.1)."""

    TELLER = "teller"
    FINANCE = "finance"
    APPROVER = "approver"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"


ROLES = {
    Role.TELLER.value: "柜员",
    Role.FINANCE.value: "财务",
    Role.APPROVER.value: "复核",
    Role.SUPERVISOR.value: "主管",
    Role.ADMIN.value: "系统管理",
    Role.AUDITOR.value: "审计",
}
EVERYBODY = frozenset(Role)
PASSWORD_LENGTHS = range(10, 129)
PASSWORD_CLASSES_MIN = 3
PASSWORD_LIFE_DAYS = 90
ONE_TIME_LENGTH = 14
# No letters that are read for others: it is read out or copied from paper once.
ONE_TIME_LETTERS = "abcdefghjkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"


def named(roles: frozenset[Role]) -> str:
    if roles == EVERYBODY:
        return "各岗位"
    return "、".join(text for code, text in ROLES.items() if code in roles)


@dataclass(frozen=True, slots=True)
class Staff:
    """One person at the counter; ``must_change`` lets them set a new password and nothing else."""

    staff_id: int
    name: str
    shown: str
    role: Role
    must_change: bool = False


MUST_CHANGE = (
    f"(must_change or password_at < now() - interval '{PASSWORD_LIFE_DAYS} days') as must_change"
)


async def find(conn: Connection, name: str) -> Staff:
    """Also one who is deactivated; raises T08."""
    rows = await conn.execute(
        f"select staff_id, name, shown, role, {MUST_CHANGE} from staff where name = %s", (name,)
    )
    return _staff(await rows.fetchone())


async def load(conn: Connection, staff_id: int) -> Staff:
    rows = await conn.execute(
        f"select staff_id, name, shown, role, {MUST_CHANGE} from staff where staff_id = %s",
        (staff_id,),
    )
    return _staff(await rows.fetchone())


def _staff(row: tuple[int, str, str, str, bool] | None) -> Staff:
    if row is None:
        raise refused("T08")
    staff_id, name, shown, role, must_change = row
    return Staff(staff_id, name, shown, Role(role), must_change)


async def add(conn: Connection, name: str, shown: str, role: Role, password: str = "") -> str:
    """The one-time password, which exists nowhere else; or ``password``, chosen by its owner."""
    first = password or _one_time()
    rows = await conn.execute(
        """
        insert into staff (staff_id, name, shown, role, password_hash, must_change)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (name) do nothing returning staff_id
        """,
        (new_id(), name, shown, role, await passwords.hash_password(first), not password),
    )
    if await rows.fetchone() is None:
        raise refused("T07")
    return first


async def reset_password(conn: Connection, name: str) -> str:
    """A new one-time password; who is logged in is logged out."""
    password = _one_time()
    await _set_password(conn, await find(conn, name), password, must_change=True)
    return password


async def change_password(conn: Connection, staff: Staff, old: str, new: str) -> None:
    """Raises T01 for a wrong old password and T03 for a weak new one; ends all sessions."""
    rows = await conn.execute(
        "select password_hash from staff where staff_id = %s for update", (staff.staff_id,)
    )
    row = await rows.fetchone()
    if row is None or not await passwords.fits(row[0], old):
        raise refused("T01")
    if why := "不能与原密码相同" if new == old else weakness(new, staff.name):
        raise refused("T03", why=why)
    await _set_password(conn, staff, new, must_change=False)


async def _set_password(conn: Connection, staff: Staff, password: str, must_change: bool) -> None:
    await conn.execute(
        "update staff set password_hash = %s, must_change = %s, password_at = now()"
        " where staff_id = %s",
        (await passwords.hash_password(password), must_change, staff.staff_id),
    )
    await clear_failures(conn, (_subject(staff.name),))
    await end_sessions(conn, staff.staff_id)


async def set_state(conn: Connection, name: str, state: str) -> None:
    """``active`` or ``inactive``; an inactive person's sessions stop at their next request."""
    staff = await find(conn, name)
    await conn.execute("update staff set state = %s where staff_id = %s", (state, staff.staff_id))
    await end_sessions(conn, staff.staff_id)


async def end_sessions(conn: Connection, staff_id: int) -> None:
    await conn.execute(
        "update staff_session set ended_at = now() where staff_id = %s and ended_at is null",
        (staff_id,),
    )


def weakness(password: str, name: str) -> str:
    """What is wrong with a password, in words; empty when nothing is."""
    if len(password) not in PASSWORD_LENGTHS:
        return f"应为 {PASSWORD_LENGTHS.start} 至 {PASSWORD_LENGTHS.stop - 1} 个字符"
    classes = (
        any(c in string.ascii_lowercase for c in password),
        any(c in string.ascii_uppercase for c in password),
        any(c in string.digits for c in password),
        any(not (c.isascii() and c.isalnum()) for c in password),
    )
    if sum(classes) < PASSWORD_CLASSES_MIN:
        return f"应含大写字母、小写字母、数字、符号中的 {PASSWORD_CLASSES_MIN} 类"
    if name.lower() in password.lower():
        return "不能包含用户名"
    if len(set(password)) < PASSWORD_LENGTHS.start // 2:
        return "重复的字符过多"
    return ""


def _one_time() -> str:
    """Random, of three classes."""
    letters = [secrets.choice(group) for group in ONE_TIME_LETTERS]
    everything = "".join(ONE_TIME_LETTERS)
    letters += [secrets.choice(everything) for _ in range(ONE_TIME_LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


async def prove(pool: Pool, name: str, password: str, address: str) -> Staff:
    """Whose name and password these are: else T01, or L08 while one has to wait.

    Each step has its own transaction: a failure must be counted, and leave its trace.
    """
    subjects = (_subject(address), _subject(name))
    async with transaction(pool) as conn:
        wait_s = await wait_left_s(conn, subjects[:1])
        wait_s = wait_s or await take_turn(conn, subjects[1], PASSWORD_FREE_FAILURES[1])
        rows = await conn.execute(
            "select staff_id, password_hash, state from staff where name = %s", (name,)
        )
        staff_id, password_hash, state = await rows.fetchone() or (None, None, "inactive")
    fits = wait_s == 0 and await passwords.fits(password_hash, password)
    if fits and state == "active":
        async with transaction(pool) as conn:
            await clear_failures(conn, subjects[1:])
            await _keep_strong(conn, staff_id, password_hash, password)
            return await load(conn, staff_id)
    code = "L08" if wait_s else "T01"
    async with transaction(pool) as conn:
        if not wait_s:
            await count_failure(conn, code, subjects[:1], PASSWORD_FREE_FAILURES[:1])
        await audit.record(conn, "counter:login", code, address, staff_id=staff_id)
    raise refused(code, seconds=wait_s)


async def _keep_strong(conn: Connection, staff_id: int, password_hash: str, password: str) -> None:
    """Hashes anew what was hashed with parameters that have been raised since."""
    if stronger := await passwords.hash_anew(password_hash, password):
        await conn.execute(
            "update staff set password_hash = %s where staff_id = %s and password_hash = %s",
            (stronger, staff_id, password_hash),
        )


def _subject(text: str) -> bytes:
    """Apart from the operators' subjects, which share the table."""
    return hashlib.sha256(b"counter:" + text.encode()).digest()
