"""What one unit's operator learns of another's people over HTTPS, and what that leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from server.demo_people import person
from tests.factory import NEXT_MONTH
from tests.server.hall import Caller, Hall, code_of, problems_of

pytestmark = pytest.mark.anyio
JULY = "2026-07"


async def enter_with_people(hall: Hall) -> tuple[Caller, Caller, list[str]]:
    """Two callers; the first one's unit has two people, of whom the first is sealed."""
    old, new = await hall.enter("转出单位甲"), await hall.enter("转入单位乙")
    desk = hall.desks[old.unit_id]
    await desk.open_people(range(1, 3))
    await desk.enter_cheque("100000")
    await desk.remit(NEXT_MONTH)
    accounts = [str(account) for account in await desk.accounts()]
    await desk.do("sealing", [{"account": accounts[0], "reason": "02", "month": JULY}])
    return old, new, accounts


async def look(caller: Caller, unit_id: int, *sought: str) -> Any:
    body = {"from_unit": str(unit_id), "sought": list(sought)}
    return await caller.call("POST", "/api/businesses/transfer/candidates", json=body)


async def check(caller: Caller, unit_id: int, *people: str) -> Any:
    rows = [{"person": who, "month": JULY, "base": "6000"} for who in people]
    body = {"head": {"from_unit": str(unit_id)}, "rows": rows}
    return await caller.call("POST", "/api/businesses/transfer/check", json=body)


async def test_candidate_by_whole_number_is_covered(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    who = person(1)
    for sought in (accounts[0], who["id_number"]):
        answer = await look(new, old.unit_id, sought)
        (found,) = answer.json()["candidates"]
        assert found == {
            "sought": sought, "account": int(accounts[0]), "status": "02",
            "name": "*" * (len(who["name"]) - 1) + who["name"][-1],
            "id_tail": who["id_number"][-4:],
        }  # fmt: skip


async def test_only_sealed_people_of_that_unit_are_candidates(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    ours = person(30) | {"month": JULY}
    await hall.desks[new.unit_id].do("account_opening", [ours])
    asked = (accounts[1], accounts[0][:11], person(1)["name"], "12", ours["id_number"])
    assert (await look(new, old.unit_id, *asked)).json() == {"candidates": []}


async def test_unknown_unit_own_unit_and_unknown_person_answer_alike(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    answers = [
        await look(new, unit_id, accounts[1])
        for unit_id in (old.unit_id, 530199999993, 0, new.unit_id)
    ]
    assert {(a.status_code, a.text) for a in answers} == {(200, '{"candidates":[]}')}


async def test_nothing_that_the_other_unit_knows_is_in_any_answer(hall: Hall) -> None:
    """Before the transfer: no name, number, balance or base of the other unit's people."""
    old, new, accounts = await enter_with_people(hall)
    who = person(1)
    answers = [
        await look(new, old.unit_id, accounts[0]),
        await check(new, old.unit_id, accounts[0], accounts[1], "532301199003070012"),
        await new.do("transfer", [{"person": accounts[1], "month": JULY, "base": "6000"}],
                     {"from_unit": str(old.unit_id)}),
        await new.call("GET", "/api/people"),
        await new.call("GET", "/api/queries/roster"),
        await new.call("GET", "/api/queries/transfers"),
    ]  # fmt: skip
    secrets = [person(n)[key] for n in (1, 2) for key in ("name", "id_number", "phone")]
    secrets += ["转出单位甲", who["base"], "120000", "1,200.00"]
    for answer in answers:
        assert not [secret for secret in secrets if secret in answer.text], answer.request.url


async def test_each_look_is_in_the_audit_trail_without_a_number(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    await look(new, old.unit_id, accounts[0])
    await check(new, old.unit_id, *accounts)
    await new.do("transfer", [{"person": accounts[1], "month": JULY, "base": "6000"}],
                 {"from_unit": str(old.unit_id)})  # fmt: skip
    trail = await hall.desks[new.unit_id].sql(
        "select detail, operator_id is not null, session_ref is not null from audit"
        " where unit_id = %s and action = 'transfer.look' order by audit_id", new.unit_id,
    )  # fmt: skip
    assert [row[0] for row in trail] == [
        {"from_unit": old.unit_id, "sought": count} for count in (1, 2, 1)
    ]
    assert all(row[1] and row[2] for row in trail)


async def test_looks_of_a_day_are_limited_to_so_many_people(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    desk = hall.desks[new.unit_id]
    await desk.sql(
        "insert into parameter (key, from_day, value, set_by) values"
        " ('transfer_looks_per_day', '2026-01-01', '2', '王主任')"
    )
    for _ in range(3):
        assert (await look(new, old.unit_id, *accounts)).status_code == 200, "the same two"
    for answer in (
        await look(new, old.unit_id, "532301199003070012"),
        await check(new, old.unit_id, "532301199003070012"),
        await new.do("transfer", [{"person": "532301199003070012", "month": JULY, "base": "6000"}],
                     {"from_unit": str(old.unit_id)}),
    ):  # fmt: skip
        assert (answer.status_code, code_of(answer)) == (429, "Z07")
    assert (await look(old, new.unit_id, "532301199003070012")).status_code == 200, "of each unit"


async def test_loose_search_is_open_only_where_the_centre_says_so(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    asked = (accounts[0][-4:], person(1)["name"][:1], person(1)["id_number"][-4:], "1")
    assert (await look(new, old.unit_id, *asked)).json() == {"candidates": []}
    await hall.desks[new.unit_id].sql(
        "insert into parameter (key, from_day, value, set_by) values"
        " ('transfer_lookup_exact', '2026-01-01', 'false', '王主任')"
    )
    found = (await look(new, old.unit_id, *asked)).json()["candidates"]
    assert {it["account"] for it in found} == {int(accounts[0])} and len(found) >= 2
    assert all(it["name"].startswith("*") for it in found)


async def test_refused_opening_carries_the_person_to_the_business_that_helps(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    row = person(1) | {"month": JULY}
    refusal = await refusal_of(new, row)
    assert (refusal["code"], refusal["carries"]["person"]) == ("K04A", row["id_number"])
    assert accounts[0] not in str(refusal), "nor is the account's number told"
    refusal = await refusal_of(old, row)
    assert (refusal["code"], refusal["carries"]["account"]) == ("K03B", accounts[0])


async def refusal_of(caller: Caller, row: dict[str, str]) -> dict[str, Any]:
    answer = await caller.call(
        "POST", "/api/businesses/account_opening/check", json={"rows": [row]}
    )
    (error,) = [p for p in answer.json()["problems"] if p["level"] == "error"]
    return dict(error)


async def test_transfer_over_https_from_look_to_receipt(hall: Hall) -> None:
    old, new, accounts = await enter_with_people(hall)
    rows = [{"person": accounts[0], "month": JULY, "base": "6000"}]
    answer = await new.do("transfer", rows, {"from_unit": str(old.unit_id)})
    assert answer.status_code == 200, answer.text
    assert problems_of(await check(new, old.unit_id, accounts[0])) == [(0, "person", "Z02A")]
    number = answer.json()["receipt_no"]
    assert (await new.call("GET", f"/api/receipts/{number}/pdf")).content.startswith(b"%PDF")
