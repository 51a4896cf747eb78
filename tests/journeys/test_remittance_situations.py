"""汇缴 as the manual tells it: one payment; the fiscal unit's cheque; two parts both prepaid."""

from __future__ import annotations

from typing import Any

import pytest

from server.business.month import Month
from server.db import transaction
from server.demo_people import person
from tests.counter.doors import Api, hire_all
from tests.factory import DAY, set_paid_through
from tests.server.hall import Caller, Hall, assert_books_agree

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
JULY = Month.of_day(DAY)
FEBRUARY, MARCH, APRIL, MAY, JUNE = (JULY.plus(n) for n in range(-5, 0))
MONEY_FEN = 10_000_000_00


async def enter(hall: Hall, name: str) -> Caller:
    """An operator whose unit has paid through January."""
    caller = await hall.enter(name, MONEY_FEN)
    await set_paid_through(hall.desks[caller.unit_id], FEBRUARY.plus(-1))
    return caller


async def do(caller: Caller, code: str, rows: list[Any], **head: str) -> Any:
    """What is done at once, or when the bank has paid while the operator looks on."""
    answer = await caller.do(code, rows, head)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "posted"
    return answer.json()


async def open_people(caller: Caller, *starts: Month) -> list[str]:
    """Each with a base of 5000: 1200 a month. Their accounts, in this order."""
    rows = [
        person(caller.unit_id % 997 * 10 + n) | {"base": "5000.00", "month": str(month)}
        for n, month in enumerate(starts)
    ]
    await do(caller, "account_opening", rows)
    roster = (await caller.call("GET", "/api/queries/roster")).json()["rows"]
    return sorted(str(row["account"]) for row in roster)


async def see(caller: Caller, until: Month, method: str) -> dict[str, str]:
    """What the form shows before 提交; nothing may be wrong with it."""
    head = {"until": str(until), "method": method}
    answer = await caller.call("POST", "/api/businesses/remittance/check", json={"head": head})
    shown = answer.json()
    assert shown["problems"] == [], shown
    return dict(shown["head"])


async def refusals(caller: Caller, until: Month, method: str) -> list[tuple[str, str]]:
    answer = await caller.do("remittance", [], {"until": str(until), "method": method})
    assert answer.status_code == 422, answer.text
    return [(p["code"], p["text"]) for p in answer.json()["problems"]]


async def paid(caller: Caller) -> list[dict[str, Any]]:
    """The unit's payments, newest first, each with its receipt's document."""
    rows = (await caller.call("GET", "/api/queries/payments")).json()["rows"]
    for row in rows:
        pdf = await caller.call("GET", f"/api/receipts/{row['receipt_no']}/pdf")
        assert pdf.content.startswith(b"%PDF")
    return list(rows)


async def assert_all_paid(hall: Hall, caller: Caller, amount_fen: int) -> None:
    """Paid through July, all of it credited to the people; nothing prepaid is left."""
    desk = hall.desks[caller.unit_id]
    assert await desk.sql(
        "select paid_through, prepayment_fen, reserved_fen, members_fen, status from unit"
        " where unit_id = %s",
        caller.unit_id,
    ) == [(int(JULY), 0, 0, amount_fen, "01")]
    await assert_books_agree(hall)


async def test_one_payment_for_six_months_with_a_changing_roster(hall: Hall) -> None:
    """甲 from February; 乙 to March and again from June at another base; 丙 from April."""
    caller = await enter(hall, "一笔缴存的单位")
    first, second, third = await open_people(caller, FEBRUARY, FEBRUARY, APRIL)
    sealed = {"account": second, "reason": "05", "month": str(APRIL)}
    await do(caller, "sealing", [sealed])
    await do(caller, "unsealing", [{"account": second, "month": str(JUNE), "base": "10000"}])
    due_fen = 2 * 2400_00 + 2 * 2400_00 + 2 * (2 * 1200_00 + 2400_00)
    shown = await see(caller, JULY, "实时结算")
    assert (shown["from_month"], shown["due"], shown["paid"]) == (
        str(FEBRUARY), f"{due_fen / 100:,.2f}", f"{due_fen / 100:,.2f}",
    )  # fmt: skip
    answer = await do(caller, "remittance", [], until=str(JULY), method="settle")
    assert answer["amount_fen"] == due_fen
    timeline = (await caller.call("GET", f"/api/payments/{answer['serial']}")).json()
    assert [step["state"] for step in timeline["timeline"]] == [
        "pending", "sent", "collected", "posted",
    ]  # fmt: skip
    (row,) = await paid(caller)
    assert (row["from_month"], row["until_month"]) == (str(FEBRUARY), str(JULY))
    months = await hall.desks[caller.unit_id].sql(
        "select acct_id::text, array_agg(month::int order by month), sum(amount_fen)::bigint"
        " from entry where unit_id = %s group by 1 order by 1",
        caller.unit_id,
    )
    all_months = [int(FEBRUARY.plus(n)) for n in range(6)]
    assert months == [
        (first, all_months, 6 * 1200_00),
        (second, [int(m) for m in (FEBRUARY, MARCH, JUNE, JULY)], 2 * 1200_00 + 2 * 2400_00),
        (third, all_months[2:], 4 * 1200_00),
    ]
    ((code, text),) = await refusals(caller, JULY, "实时结算")
    assert (code, str(JULY) in text) == ("H01A", True)
    await assert_all_paid(hall, caller, due_fen)


async def test_fiscal_unit_prepays_one_part_and_finance_enters_the_cheque(hall: Hall) -> None:
    """The personal part comes from the bank, the unit's by a cheque that two of the centre enter
    and approve; only then is there enough for 预缴转出."""
    async with transaction(hall.pool) as conn:
        await hire_all(conn)
    caller, counter = await enter(hall, "财政预算单位"), Api(hall.pool, hall.client)
    await open_people(caller, FEBRUARY, FEBRUARY)
    due_fen = 6 * 2400_00
    await do(caller, "prepayment", [], amount=f"{due_fen // 200}")
    ((code, text),) = await refusals(caller, JULY, "预缴转出")
    assert (code, "还差 7,200.00 元" in text) == ("H06", True)

    cheque = {
        "unit": str(caller.unit_id), "cheque_no": "30904421", "drawer": "楚雄州财政局",
        "received_day": str(DAY), "amount": f"{due_fen // 200}",
    }  # fmt: skip
    entered = await counter.do("finance1", "cheque", **cheque)
    assert entered.state == "pending", entered
    assert [code for code, _ in await refusals(caller, JULY, "预缴转出")] == ["H06"]
    approved = await counter.do("approver1", "approve", number=entered.number)
    assert approved.state == "done", approved

    shown = await see(caller, JULY, "预缴转出")
    assert (shown["paid"], shown["from_prepayment"], shown["balance"]) == (
        "0.00", "14,400.00", "14,400.00",
    )  # fmt: skip
    await do(caller, "remittance", [], until=str(JULY), method="prepayment")
    assert [row["kind"] for row in await paid(caller)] == [
        "remittance", "cheque", "prepayment",
    ]  # fmt: skip
    await assert_all_paid(hall, caller, due_fen)


async def test_two_parts_both_prepaid_are_transferred_together(hall: Hall) -> None:
    caller = await enter(hall, "两笔分存的单位")
    await open_people(caller, FEBRUARY, MAY)
    due_fen = 6 * 1200_00 + 3 * 1200_00
    for part in ("3,600.00", "7,200.00"):
        ((code, _),) = await refusals(caller, JULY, "预缴转出")
        assert code == "H06"
        await do(caller, "prepayment", [], amount=part)
    answer = await do(caller, "remittance", [], until=str(JULY), method="prepayment")
    assert answer["amount_fen"] == due_fen
    assert [(row["kind"], row["amount"]) for row in await paid(caller)] == [
        ("remittance", due_fen), ("prepayment", 7200_00), ("prepayment", 3600_00),
    ]  # fmt: skip
    await assert_all_paid(hall, caller, due_fen)
