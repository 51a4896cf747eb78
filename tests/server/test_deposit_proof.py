"""单位缴存情况证明: every month of the range as the ledger has it, certified once and for good."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from server import queries
from server.books.close import close_day
from server.business.deposit_proof import DEPOSITS, PROOF_UNIT
from server.business.kinds import Money
from server.business.month import Month
from server.db import Pool, transaction
from server.demo_people import person
from tests.factory import (
    NEXT_MONTH,
    Desk,
    give_prepayment,
    open_handbook_people,
    open_unit,
    set_paid_through,
)
from tests.receipts.samples import text_of
from tests.server.hall import Caller, Hall, assert_books_agree, problems_of
from tests.server.test_registration import sql

pytestmark = pytest.mark.anyio
FIRST = Month.of(2026, 3)


async def deposits(desk: Desk, first: Month, last: Month) -> queries.Page:
    async with transaction(desk.pool) as conn:
        values = {"from_month": first, "until": last}
        return await queries.run(conn, DEPOSITS, desk.unit_id, values)


async def of_ledger(desk: Desk, first: Month, last: Month) -> list[Any]:
    """Month, unit part and whole of all that was deposited, straight from the entries."""
    return await desk.sql(
        """
        select e.month, sum(e.unit_fen)::bigint, sum(e.amount_fen)::bigint
        from entry e join txn t using (unit_id, txn_id)
        where e.unit_id = %s and e.month between %s and %s and t.business <> 'settlement'
        group by 1 order by 1
        """,
        desk.unit_id, int(first), int(last),
    )  # fmt: skip


async def test_every_month_is_what_the_ledger_has(pool: Pool) -> None:
    desk = await open_unit(pool)
    accounts = await open_handbook_people(desk, FIRST)
    await give_prepayment(desk, 500_000_00)
    await desk.remit(FIRST.plus(1))
    reversed_by_mistake = await desk.remit(FIRST.plus(2))
    await desk.reverse(reversed_by_mistake.serial)
    late = {"account": str(accounts[2]), "monthly": "300", "start": "2026-03", "end": "2026-03"}
    await desk.do("back_payment", [late], kind="正常全额补缴", method="prepayment")
    wrong = {"account": str(accounts[0]), "month": "2026-04", "amount": "200"}
    await desk.counter.do("correction", [wrong], reason="多缴")

    page = await deposits(desk, FIRST, FIRST.plus(3))
    assert [
        (Month(r["month"]), r["persons"], r["remitted_fen"], r["made_up_fen"], r["amount"])
        for r in page.rows
    ] == [
        (FIRST, 3, 2000_00, 300_00, 2300_00),
        (FIRST.plus(1), 2, 2000_00, 0, 2000_00),
        (FIRST.plus(2), 0, 0, 0, 0),
        (FIRST.plus(3), 0, 0, 0, 0),
    ]
    assert all(r["unit_fen"] + r["personal_fen"] == r["amount"] for r in page.rows)
    assert all(r["remitted_fen"] + r["made_up_fen"] == r["amount"] for r in page.rows)
    ledger = [row for row in await of_ledger(desk, FIRST, FIRST.plus(3)) if row[2]]
    assert [(r["month"], r["unit_fen"], r["amount"]) for r in page.rows if r["amount"]] == ledger
    assert page.totals["amount"] == sum(amount for _, _, amount in ledger)
    assert page.totals["paid"] == 2
    assert [bool(r["paid_days"]) for r in page.rows] == [True, True, False, False]
    (balance,) = (await desk.sql("select members_fen from unit where unit_id = %s", desk.unit_id))[
        0
    ]
    assert page.totals["amount"] == balance, "before any interest the deposits are the balance"


async def test_who_is_in_two_payments_of_a_month_counts_once(pool: Pool) -> None:
    desk = await open_unit(pool)
    accounts = await open_handbook_people(desk, FIRST)
    await give_prepayment(desk, 500_000_00)
    await desk.remit(FIRST)
    for kind, account, fen in (
        ("正常差额补缴", accounts[0], "200"),
        ("正常差额补缴", accounts[0], "100"),
        ("正常全额补缴", accounts[2], "300"),
    ):
        row = {"account": str(account), "monthly": fen, "start": "2026-03", "end": "2026-03"}
        await desk.do("back_payment", [row], kind=kind, method="prepayment")
    (row,) = (await deposits(desk, FIRST, FIRST)).rows
    paid = await desk.sql(
        "select count(distinct acct_id) from entry where unit_id = %s and amount_fen > 0",
        desk.unit_id,
    )
    assert row["persons"] == paid[0][0] == 3
    assert (row["remitted_fen"], row["made_up_fen"]) == (2000_00, 600_00)
    assert [(row["month"], row["unit_fen"], row["amount"])] == await of_ledger(desk, FIRST, FIRST)


async def test_month_paid_on_two_days_names_both(pool: Pool) -> None:
    desk = await open_unit(pool)
    accounts = await open_handbook_people(desk, FIRST)
    await give_prepayment(desk, 500_000_00)
    await desk.remit(FIRST)
    async with transaction(pool) as conn:
        await close_day(conn, datetime.date(2026, 7, 21))
    late = {"account": str(accounts[2]), "monthly": "300", "start": "2026-03"}
    await desk.do("back_payment", [late], kind="正常全额补缴", method="prepayment")
    (row,) = (await deposits(desk, FIRST, FIRST)).rows
    assert row["paid_days"] == "2026-07-20 至 2026-07-21"


async def owed(desk: Desk) -> str:
    async with transaction(desk.pool) as conn:
        return str((await queries.run(conn, PROOF_UNIT, desk.unit_id, {})).rows[0]["owed"])


async def test_months_that_are_over_and_not_deferred_are_owed(pool: Pool) -> None:
    desk = await open_unit(pool)
    for through, expected in (
        (Month.of(2026, 7), "无欠缴"),
        (Month.of(2026, 6), "无欠缴"),
        (Month.of(2026, 5), "2026-06"),
        (Month.of(2025, 11), "2025-12 至 2026-06（7 个月）"),
    ):
        await set_paid_through(desk, through)
        assert await owed(desk) == expected
    async with pool.connection() as conn:
        await conn.execute("set role none")
        await conn.execute(
            "insert into deferral values (%s, %s, %s, '2026-01-05')",
            (desk.unit_id, int(Month.of(2025, 12)), int(Month.of(2026, 5))),
        )
        await conn.execute("reset role")
    assert await owed(desk) == "2026-06"


async def paid_unit(
    hall: Hall, name: str = "楚雄彩云科技有限公司", first: int = 0
) -> tuple[Caller, Desk]:
    caller = await hall.enter(name)
    opened = await caller.do("account_opening", [person(first + n) for n in range(3)])
    assert opened.json()["state"] == "posted", opened.text
    desk = hall.desks[caller.unit_id]
    await desk.enter_cheque("500000", f"3010882{first}")
    head = {"until": str(NEXT_MONTH), "method": "prepayment"}
    assert (await caller.do("remittance", [], head)).json()["state"] == "posted"
    return caller, desk


def proof_head(until: Month = NEXT_MONTH, **more: str) -> dict[str, str]:
    return {"from_month": str(NEXT_MONTH), "until": str(until)} | more


async def pdf_of(caller: Caller, number: str) -> bytes:
    return bytes((await caller.call("GET", f"/api/receipts/{number}/pdf")).content)


async def test_journey_certificate_is_numbered_signed_verifiable_and_stays_as_it_was(
    hall: Hall, tmp_path: Path
) -> None:
    caller, desk = await paid_unit(hall)
    answer = await caller.do("deposit_proof", [], proof_head(purpose="投标"))
    assert answer.json()["state"] == "posted", answer.text
    number = answer.json()["receipt_no"]
    (listed,) = (
        await caller.call("GET", "/api/queries/receipts", params={"kind": "deposit_proof"})
    ).json()["rows"]
    assert (listed["receipt_no"], listed["title"]) == (number, "单位缴存情况证明")
    (row,) = (await deposits(desk, NEXT_MONTH, NEXT_MONTH)).rows

    # What is undone before the first look changes nothing of what was certified.
    (paid,) = await sql(
        hall, "select txn_id from txn where unit_id = %s and business = 'remittance'",
        desk.unit_id,
    )  # fmt: skip
    await desk.reverse(paid[0])
    pdf = await pdf_of(caller, number)
    text = re.sub(r"[\s　]+", " ", text_of(pdf, tmp_path, "-layout"))
    show = Money().show
    for words in (
        "单位缴存情况证明", f"编号 {number}", "楚雄彩云科技有限公司", str(caller.unit_id),
        "91532300MA6NTEQT85", "投标", "特此证明", "2026 年 7 月 20 日", "出具日期", "合计 1 个月",
        f"证明编号 {number}", show(row["amount"]), show(row["unit_fen"]), "无欠缴", "缴至年月",
        "正常缴存人数", "个人账户余额合计",
    ):  # fmt: skip
        assert words in text, (words, text)
    assert "单位经办人（签字）" not in text
    assert await pdf_of(caller, number) == pdf
    assert "/ByteRange" in pdf.decode("latin-1"), "it is signed"

    (code,) = (await sql(hall, "select code from receipt where business = 'deposit_proof'"))[0]
    page = (await caller.client.get(f"/v/{code}?tail={str(caller.unit_id)[-4:]}")).text
    assert "单位缴存情况证明" in page
    assert number in page
    assert "人数" not in page
    await assert_books_agree(hall)

    refused = await caller.do("deposit_proof", [], proof_head())
    assert problems_of(refused) == [(None, "until", "R05")], "by now nothing is deposited"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({"until": "2027-01"}, [(None, "until", "R01")]),
        ({"from_month": "2026-05"}, [(None, "from_month", "R02")]),
        ({"until": "2026-05"}, [(None, "until", "R03")]),
        ({"from_month": "", "until": ""}, [(None, "from_month", "V01"), (None, "until", "V01")]),
    ],
)
async def test_range_that_cannot_be_certified_is_refused_and_takes_no_number(
    hall: Hall, head: dict[str, str], expected: list[Any]
) -> None:
    caller, _ = await paid_unit(hall)
    answer = await caller.do(
        "deposit_proof", [], {k: v for k, v in (proof_head() | head).items() if v}
    )
    assert answer.status_code == 422
    assert problems_of(answer) == expected
    assert await sql(hall, "select 1 from receipt where business = 'deposit_proof'") == []


async def test_certificate_shows_nothing_of_another_unit(hall: Hall, tmp_path: Path) -> None:
    caller, _ = await paid_unit(hall)
    other, _ = await paid_unit(hall, "州第二中学", 10)
    first, second = [
        (await it.do("deposit_proof", [], proof_head())).json()["receipt_no"]
        for it in (caller, other)
    ]
    assert first == second == "2026-000004", "numbers are each unit's own"
    one = text_of(await pdf_of(caller, first), tmp_path)
    assert "州第二中学" not in one
    assert str(other.unit_id) not in one
