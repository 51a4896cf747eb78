"""The bank takes back what was posted: the unit's operators are told by short message, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server import suspense
from server.books.close import close_day
from server.db import Pool, transaction
from server.enrolment import Operator, register_operator, set_operator_state
from server.outside.bank_wire import Detail, Direction
from server.outside.sandbox_bank.scenarios import Fault
from tests.factory import DAY
from tests.server.bank_desk import BankDesk, open_desk

pytestmark = pytest.mark.anyio
LI = Operator("李经办", "532301198512310024", "13987800001")
WANG = Operator("王经办", "532301199001010016", "13987800002")
LEFT = Operator("已离职", "532301199001010024", "13987800003")
NO_MOBILE = Operator("座机", "532301199001010032", "08783121234")


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> AsyncIterator[BankDesk]:
    async with open_desk(pool, tmp_path) as opened:
        unit_id = opened.desk.unit_id
        async with transaction(pool) as conn:
            for operator in (LI, WANG, NO_MOBILE):
                await register_operator(conn, unit_id, operator)
            left = await register_operator(conn, unit_id, LEFT)
            await set_operator_state(conn, unit_id, left, "inactive")
        yield opened


async def told(desk: BankDesk) -> list[tuple[str, str, str]]:
    return await desk.desk.sql(
        "select phone, template, masked_text from sms_outbox order by phone, template"
    )


async def take_back(desk: BankDesk, serial: int) -> None:
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(*await desk.listed(), reversal, reversal)


async def test_red_entries_are_told_to_every_operator_once(desk: BankDesk) -> None:
    serial = await desk.prepay()
    await take_back(desk, serial)
    assert await desk.desk.sql("select count(*) from txn where reverses = %s", serial) == [(1,)]
    text = (
        f"【住房公积金】银行冲正了贵单位预缴的款项，金额1,234.56元，业务流水号{serial}，"
        "中心已于2026-07-20作冲正处理。请在网厅核对后重新办理。"
    )
    assert await told(desk) == [
        (LI.phone, "TAKEN_BACK", text), (WANG.phone, "TAKEN_BACK", text),
    ]  # fmt: skip
    await desk.reconcile()
    assert len(await told(desk)) == 2
    await desk.assert_books_and_bank_agree()


async def test_what_finance_has_to_look_at_is_told_so(desk: BankDesk) -> None:
    serial = await desk.prepay()
    async with transaction(desk.desk.pool) as conn:
        await close_day(conn, DAY.replace(day=21))
    await take_back(desk, serial)
    assert await desk.gl("21903") == 1234_56
    text = (
        f"【住房公积金】银行冲正了贵单位预缴的款项，金额1,234.56元，业务流水号{serial}，"
        "中心已于2026-07-21挂账核对。请勿重复缴款，并与中心联系。"
    )
    assert await told(desk) == [
        (LI.phone, "TAKEN_BACK_OPEN", text), (WANG.phone, "TAKEN_BACK_OPEN", text),
    ]  # fmt: skip


async def test_claimed_money_that_goes_back_is_told_to_the_unit_that_has_it(
    desk: BankDesk,
) -> None:
    detail = desk.sandbox.receive("62220001", "某出纳", 123_45, "公积金")
    await desk.tell(detail)
    async with transaction(desk.desk.pool) as conn:
        await suspense.claim(conn, desk.desk.operator, detail.bank_serial, "")
    assert await told(desk) == []
    await desk.tell(
        Detail("SX1", DAY, Direction.OUT, 123_45, detail.account_no, detail.holder, "银行冲正",
               reverses=detail.bank_serial)
    )  # fmt: skip
    assert {(phone, template) for phone, template, _ in await told(desk)} == {
        (LI.phone, "TAKEN_BACK_OPEN"), (WANG.phone, "TAKEN_BACK_OPEN"),
    }  # fmt: skip


async def test_what_was_never_posted_is_told_to_nobody_as_taken_back(desk: BankDesk) -> None:
    """The payment fails, of which its operator hears as of any failure."""
    desk.sandbox.add_fault(Fault("connection_dropped"))
    serial = await desk.prepay()
    reversal = desk.sandbox.reverse(str(serial))
    await desk.tell(reversal, (await desk.listed())[0], reversal)
    assert (await desk.payment(serial)).payment.state == "failed"
    nobodys = desk.sandbox.receive("62220001", "某出纳", 123_45, "公积金")
    await desk.tell(
        nobodys,
        Detail("SX1", DAY, Direction.OUT, 123_45, nobodys.account_no, nobodys.holder, "银行冲正",
               reverses=nobodys.bank_serial),
    )  # fmt: skip
    assert await told(desk) == []
