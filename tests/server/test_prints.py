"""凭证重打 over every business: each yields a receipt that can be printed again, and is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server import units
from server.business.base import Business
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES
from server.business.check import Checked, check_batch
from server.business.queries import RECEIPTS
from server.db import Pool, new_id, transaction
from server.demo_people import person
from server.ledger.entry import Transaction
from server.receipts import issue, prints
from server.receipts.overlay import mark_reprint
from server.receipts.pdf import render
from tests.business.samples import DUE, HEADS, PAST, UNIT, known_to, other_of, rows_of
from tests.factory import open_unit
from tests.receipts.samples import text_of
from tests.server.hall import Caller, Hall, code_of

pytestmark = pytest.mark.anyio
EVERY = BUSINESSES + COUNTER_BUSINESSES


def checked_of(business: Business) -> Checked:
    """Of what operators and the counter type; what only machines do has no typed document."""
    if business.code not in HEADS:
        return Checked({}, [{}] if business.is_batch else [])
    return check_batch(
        business, UNIT, HEADS[business.code], rows_of(business), known_to(business), DUE, True,
        past=PAST, other=other_of(business),
    )  # fmt: skip


async def press() -> issue.Press:
    async def draw(receipt: Any) -> bytes:
        return render(receipt)

    return issue.Press(draw, "https://testserver.local", draw)


@pytest.mark.parametrize("business", EVERY, ids=lambda b: b.code)
async def test_every_business_has_a_receipt_that_is_printed_again(
    pool: Pool, business: Business, tmp_path: Path
) -> None:
    desk = await open_unit(pool)
    async with transaction(pool) as conn:
        await units.lock(conn, desk.unit_id)
        unit = await units.facts(conn, desk.unit_id)
        checked = checked_of(business)
        txn = Transaction(
            desk.unit_id, new_id(), business.code, unit.business_day, 1, "certificate",
            f"law-{business.code}", len(checked.rows), 0, {},
        )  # fmt: skip
        number = await issue.post_with_receipt(conn, "李经办", business, unit, txn, checked, None)
    async with transaction(pool) as conn:
        pdf = await issue.stored_pdf(conn, await press(), desk.unit_id, *issue.parse_number(number))
        made = []
        for job in ("1", "2", "3"):
            (it,) = await prints.reserve(
                conn, desk.unit_id, (1, "李经办"), [number], "PDF", [new_id()]
            )
            await prints.count(conn, desk.unit_id, [it.print_id], job, "")
            made.append(it)
    text = text_of(mark_reprint(pdf, made[2].mark), tmp_path)
    assert business.receipt in text
    assert number in text
    assert str(desk.unit_id) in text
    assert [p.nth for p in made] == [0, 1, 2]
    assert made[0].mark == ""
    assert "第2次补打" in text
    assert business.code in RECEIPTS.filters[2].field.kind.options, "one may search for it"


async def reserve(caller: Caller, *numbers: str) -> Any:
    return await caller.call("POST", "/api/prints", json={"receipts": numbers, "printer": "PDF"})


async def count(caller: Caller, made: list[dict[str, Any]], outcome: str = "") -> Any:
    body = {"print_ids": [p["print_id"] for p in made], "outcome": outcome, "job": "7"}
    return await caller.call("PUT", "/api/prints", json=body)


async def record(caller: Caller, *numbers: str) -> Any:
    """As a client does whose queue takes every job."""
    answer = await reserve(caller, *numbers)
    if answer.status_code == 201:
        assert (await count(caller, answer.json()["prints"])).status_code == 204
    return answer


async def counted(caller: Caller, **filters: str) -> dict[str, int]:
    answer = await caller.call("GET", "/api/queries/receipts", params=filters)
    return {row["receipt_no"]: row["prints"] for row in answer.json()["rows"]}


async def receipts_of(caller: Caller, count: int) -> list[str]:
    return [
        (await caller.do("account_opening", [person(n)])).json()["receipt_no"] for n in range(count)
    ]


async def test_many_are_counted_together_all_or_none(caller: Caller) -> None:
    one, two, three = await receipts_of(caller, 3)
    made = (await record(caller, three, one)).json()["prints"]
    assert [(p["receipt_no"], p["nth"], p["mark"]) for p in made] == [(three, 0, ""), (one, 0, "")]
    again = (await record(caller, one, two)).json()["prints"]
    assert [p["nth"] for p in again] == [1, 0]
    assert "第1次补打" in again[0]["mark"]
    refused = await record(caller, two, "2026-000099")
    assert (refused.status_code, code_of(refused)) == (404, "N04")
    assert await counted(caller) == {one: 2, two: 1, three: 1}
    assert await counted(caller, printed="0") == {}
    assert (await count(caller, made, "打印完成")).status_code == 204
    assert (await count(caller, made, "打印完成")).status_code == 204, "said again"
    assert await counted(caller) == {one: 2, two: 1, three: 1}


async def test_unprinted_receipts_are_found_by_themselves(caller: Caller) -> None:
    one, two = await receipts_of(caller, 2)
    await record(caller, one)
    assert await counted(caller, printed="0") == {two: 0}
    assert await counted(caller, printed="1") == {one: 1}


async def test_what_never_reached_the_queue_is_taken_back_once_and_by_its_operator(
    hall: Hall, caller: Caller
) -> None:
    (number,) = await receipts_of(caller, 1)
    colleague = await hall.colleague(caller.unit_id)
    stranger = await hall.enter("州第二中学")

    async def take_back(who: Caller, *made: dict[str, Any]) -> None:
        body = {"print_ids": [p["print_id"] for p in made]}
        answer = await who.call("POST", "/api/prints/not-printed", json=body)
        assert answer.status_code == 204, answer.text

    (first,) = (await record(caller, number)).json()["prints"]
    await take_back(colleague, first)
    await take_back(stranger, first)
    assert await counted(caller) == {number: 1}
    await take_back(caller, first)
    await take_back(caller, first)
    assert await counted(caller) == {number: 0}

    (original,) = (await record(caller, number)).json()["prints"]
    assert original["nth"] == 0, "the next is the original"
    (second,) = (await record(colleague, number)).json()["prints"]
    await take_back(caller, original)
    assert await counted(caller) == {number: 2}, "the later paper says that there was one before"
    await count(colleague, [second], "打印完成")
    await take_back(colleague, second)
    assert await counted(caller) == {number: 2}, "what was printed stays counted"


async def test_client_that_dies_before_its_queue_has_the_job_has_counted_nothing(
    hall: Hall, caller: Caller
) -> None:
    (number,) = await receipts_of(caller, 1)
    (lost,) = (await reserve(caller, number)).json()["prints"]
    assert await counted(caller) == {number: 0}
    assert await counted(caller, printed="0") == {number: 0}
    (again,) = (await record(caller, number)).json()["prints"]
    assert (again["nth"], again["mark"]) == (0, ""), "the first paper is the original"
    assert await counted(caller) == {number: 1}
    late = await count(caller, [lost])
    assert (late.status_code, code_of(late)) == (409, "P19"), "the same number never comes twice"


async def test_of_two_who_print_at_once_the_slower_is_refused_and_may_come_again(
    hall: Hall, caller: Caller
) -> None:
    one, two = await receipts_of(caller, 2)
    colleague = await hall.colleague(caller.unit_id)
    slow = (await reserve(caller, one, two)).json()["prints"]
    quick = (await reserve(colleague, two)).json()["prints"]
    assert (await count(colleague, quick)).status_code == 204
    assert code_of(await count(caller, slow)) == "P19"
    assert await counted(caller) == {one: 0, two: 1}, "all or none"
    made = (await record(caller, one, two)).json()["prints"]
    assert [p["nth"] for p in made] == [0, 1]
