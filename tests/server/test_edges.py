"""Businesses at their edges, over HTTP: all or none pass, exact amounts, zero, a new year."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from server.business.kinds import Money
from server.demo_people import person
from tests.factory import NEXT_MONTH
from tests.server.hall import Caller, Hall, assert_books_agree, code_of, problems_of, submit

pytestmark = pytest.mark.anyio
OPENING = "/api/businesses/account_opening"


@pytest.mark.parametrize(("bad", "state"), [((0, 1, 2), None), ((), "posted"), ((1,), "posted")])
async def test_only_passing_rows(caller: Caller, bad: tuple[int, ...], state: str | None) -> None:
    rows: list[Any] = [person(n) | ({"base": "1"} if n in bad else {}) for n in range(3)]
    answer = await caller.do("account_opening", rows, only_passing=True)
    if state is None:
        assert code_of(answer) == "G15" and len(problems_of(answer)) == 3
    else:
        assert (answer.json()["state"], answer.json()["rows"]) == (state, 3 - len(bad))
    left = (await caller.call("GET", f"{OPENING}/batches")).json()["batches"]
    assert [b["row_count"] for b in left] == ([len(bad)] if bad else [])


async def test_remittance_that_has_changed_since_it_was_shown_is_refused_with_both_amounts(
    hall: Hall, caller: Caller
) -> None:
    """The operator signed an amount; a colleague then opened somebody. No other amount is paid."""
    await caller.do("account_opening", [person(1) | {"month": str(NEXT_MONTH)}])
    head = {"until": str(NEXT_MONTH), "method": "settle"}
    path = "/api/businesses/remittance/check"
    shown = (await caller.call("POST", path, json={"head": head})).json()["head"]["due"]
    seen_fen = Money().parse(shown)
    saved = await caller.save("remittance", [], head)
    await caller.do("account_opening", [person(2) | {"month": str(NEXT_MONTH)}])
    answer = await submit(caller, "remittance", saved, [], head, amount_fen=seen_fen)
    assert answer.status_code == 422
    (changed,) = answer.json()["problems"]
    assert (changed["code"], changed["key"]) == ("H13", "due") and shown in changed["text"]
    forged = await submit(
        caller, "remittance", saved, [], head, amount_fen=seen_fen, sent_fen=seen_fen + 1
    )
    assert code_of(forged) == "L14"  # The amount is part of what is signed.
    assert await hall.desks[caller.unit_id].sql("select count(*) from payment") == [(0,)]
    now_fen = Money().parse(
        (await caller.call("POST", path, json={"head": head})).json()["head"]["due"]
    )
    paid = await submit(caller, "remittance", saved, [], head, amount_fen=now_fen)
    assert paid.json()["state"] == "posted" and paid.json()["amount_fen"] == now_fen > seen_fen


async def test_remittance_from_exactly_what_was_prepaid(hall: Hall, caller: Caller) -> None:
    await caller.do("account_opening", [person(1) | {"month": str(NEXT_MONTH), "base": "5000"}])
    await caller.do("prepayment", [], {"amount": "1199.99"})
    head = {"until": str(NEXT_MONTH), "method": "prepayment"}
    short = await caller.do("remittance", [], head)
    assert problems_of(short) == [(None, "method", "H06")] and "0.01" in short.text
    await caller.do("prepayment", [], {"amount": "0.01"})
    answer = (await caller.do("remittance", [], head)).json()
    assert (answer["state"], answer["amount_fen"]) == ("posted", 1200_00)
    unit = (await caller.call("GET", "/api/unit")).json()["unit"]
    assert unit["prepayment_fen"] == 0
    await assert_books_agree(hall)


async def test_zero_base_people_are_opened_and_remitted_beside_others(
    hall: Hall, caller: Caller, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "insert into parameter values ('base_lower_fen', '', '2000-01-01', '0', 'test')"
        )
    months = {"month": str(NEXT_MONTH)}
    await caller.do("account_opening", [person(1) | months | {"base": "0"}])
    head = {"until": str(NEXT_MONTH), "method": "settle"}
    assert problems_of(await caller.do("remittance", [], head)) == [(None, "until", "H03")]
    await caller.do("account_opening", [person(2) | months | {"base": "5000"}])
    answer = (await caller.do("remittance", [], head)).json()
    assert (answer["state"], answer["amount_fen"]) == ("posted", 1200_00)
    await assert_books_agree(hall)


async def test_receipts_begin_again_at_one_in_a_new_year(
    hall: Hall, caller: Caller, database: str
) -> None:
    numbers = [
        (await caller.do("account_opening", [person(n)])).json()["receipt_no"] for n in (1, 2)
    ]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("update centre set business_day = '2027-01-04'")
    numbers += [
        (await caller.do("account_opening", [person(n)])).json()["receipt_no"] for n in (3, 4)
    ]
    assert numbers == ["2026-000001", "2026-000002", "2027-000001", "2027-000002"]
    await assert_books_agree(hall)
