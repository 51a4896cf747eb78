"""The demo's units with their staff and first payments, made through the doors of real ones."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from server import (
    access,
    batches,
    completion,
    drafts,
    passwords,
    payments,
    registration,
    submission,
    units,
)
from server.books.close import close_day
from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business
from server.business.month import Month
from server.business.remittance import REMITTANCE
from server.business.sealing import SEALING
from server.counter import staff
from server.counter.staff import Role
from server.db import Connection, Pool, new_id, transaction
from server.demo_people import id_number, person
from server.enrolment import Operator, bind_certificate, register_operator
from server.outside.bank import Bank
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from server.submission import Answer, Submit

CENTRE = "楚雄州住房公积金管理中心"
FIRST_DAY = datetime.date(2026, 6, 18)
TODAY = datetime.date(2026, 7, 20)
FIRST_MONTH = Month.of(2026, 6)
OPERATOR = Operator("李经办", "532301198512310024", "13987800001")
# The first unit's; the others are yet to be registered.
OPERATOR_PASSWORD = "Lan-hua-5-zhan"  # noqa: S105 - Printed as the staff's is.

STAFF = {
    "wang": ("王柜员", Role.TELLER),
    "qian": ("钱财务", Role.FINANCE),
    "zhao": ("赵复核", Role.APPROVER),
    "sun": ("孙主管", Role.SUPERVISOR),
    "li": ("李管理", Role.ADMIN),
    "zhou": ("周审计", Role.AUDITOR),
}
STAFF_PASSWORD = "Caiyun-2026-demo"  # noqa: S105 - The demo's own, printed wherever it is used.


@dataclass(frozen=True)
class DemoUnit:
    """A unit, the numbers of its people, how many of them are sealed, and its money at the bank."""

    name: str
    uscc: str
    branch: int
    people: range
    sealed: int
    deposit_fen: int
    operator: Operator


def _operator(name: str, sequence: int, phone: str) -> Operator:
    born = datetime.date(1990, 5, 12)
    return Operator(name, id_number("532301", born, sequence), phone)


UNITS = (
    DemoUnit("楚雄彩云科技有限公司", "91532300MA6NTEQT85", 5301, range(60), 6, 5_000_000_00,
             OPERATOR),
    DemoUnit("楚雄州第二中学", "12532300432100072Y", 5301, range(1000, 1120), 8, 9_000_000_00,
             _operator("杨经办", 36, "13987800002")),
    DemoUnit("姚安县供水站", "91440300708461136T", 5325, range(2000, 2012), 2, 300_000_00,
             _operator("罗经办", 45, "13987800003")),
)  # fmt: skip

REGISTERED = {
    "legal_person": "王建国", "nature": "05", "fund_source": "0", "trustee_bank": "105",
    "address": "楚雄市鹿城镇彝人古镇 1 号", "postcode": "675000", "pay_day": "10",
    "telephone": "0878-3123456",
}  # fmt: skip


async def seed(pool: Pool, bank: Bank, desk: SandboxBank, certificates: Sequence[bytes]) -> int:
    """Fills an empty database; does nothing to one that has its centre. Returns the first unit."""
    async with transaction(pool) as conn:
        await hire(conn)
        rows = await conn.execute(
            "select unit_id from unit where unit_id > 0 order by opened_day, unit_id limit 1"
        )
        if row := await rows.fetchone():
            return int(row[0])
        await units.open_centre(conn, CENTRE, FIRST_DAY)
    await asyncio.to_thread(desk.set_day, FIRST_DAY)
    first = 0
    for unit in UNITS:
        unit_id = await _make(pool, bank, desk, unit)
        first = first or unit_id
    async with transaction(pool) as conn:
        for der in certificates:
            await bind_certificate(conn, first, OPERATOR, der)
        operator_id = await register_operator(conn, first, OPERATOR)
        password_hash = await passwords.hash_password(OPERATOR_PASSWORD)
        await access.keep_first_password(conn, first, operator_id, password_hash)
        await close_day(conn, TODAY)
    await asyncio.to_thread(desk.set_day, TODAY)
    return first


async def hire(conn: Connection) -> None:
    """The demo's staff; nobody when there is somebody."""
    if await (await conn.execute("select 1 from staff limit 1")).fetchone():
        return
    for name, (shown, role) in STAFF.items():
        await staff.add(conn, name, shown, role, STAFF_PASSWORD)


async def _make(pool: Pool, bank: Bank, desk: SandboxBank, unit: DemoUnit) -> int:
    account_no = f"532301{unit.people.start:06d}"
    agreement = f"XY{account_no}"
    await asyncio.to_thread(_sign_at_bank, desk, unit, account_no, agreement)
    async with transaction(pool) as conn:
        opening = units.Opening(
            unit.name, unit.uscc, "532301", unit.branch, FIRST_MONTH.plus(-1), 1200, 1200
        )
        unit_id = await units.open_unit(conn, opening)
        await registration.register(conn, unit_id, REGISTERED)
        signed = units.SignedAccount(
            account_no, unit.name, "中国建设银行楚雄分行", "105", agreement
        )
        await units.sign_account(conn, unit_id, signed)
        await register_operator(conn, unit_id, unit.operator)
    rows = [person(n) | {"month": str(FIRST_MONTH)} for n in unit.people]
    await _submit(pool, unit_id, ACCOUNT_OPENING, {}, rows)
    paid = await _submit(
        pool, unit_id, REMITTANCE, {"until": str(FIRST_MONTH), "method": "settle"}, []
    )
    runner = payments.Payments(
        pool, bank, {payments.IN: completion.complete_paid}, _tell_nobody, payments.Pace(10)
    )
    await runner.start(unit_id, paid.serial, 30)
    async with transaction(pool) as conn:
        cursor = await conn.execute(
            "select acct_id from account where unit_id = %s order by acct_id limit %s",
            (unit_id, unit.sealed),
        )
        sealed = [{"account": str(row[0]), "reason": "01"} for row in await cursor.fetchall()]
    await _submit(pool, unit_id, SEALING, {}, sealed)
    return unit_id


def _sign_at_bank(desk: SandboxBank, unit: DemoUnit, account_no: str, agreement: str) -> None:
    desk.set_account(Account(account_no, unit.name, unit.deposit_fen))
    desk.sign(agreement, account_no)


async def _tell_nobody(
    conn: Connection, payment: payments.Payment, is_posted: bool, reason: str
) -> None:
    assert is_posted, "the demo's first remittance is paid"


async def _submit(
    pool: Pool, unit_id: int, business: Business, head: dict[str, str], rows: list[dict[str, str]]
) -> Answer:
    """What the counter would have entered; the counter signs nothing with a key."""

    async def approve(conn: Connection, digest: bytes) -> None:
        return None

    clerk = submission.Operator(unit_id, 0, "中心柜台", "counter")
    async with transaction(pool) as conn:
        batch_id, version = await drafts.save_new(conn, unit_id, 0, business.code, head, rows)
    order = Submit(business, batch_id, version, False, f"demo-{new_id()}")
    return await batches.submit(pool, clerk, order, approve)
