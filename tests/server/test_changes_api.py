"""缴存基数变更 and 单位比例变更 as a client meets them over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from server.business.facts import Unit
from server.business.month import Month
from server.demo_people import person
from tests.factory import NEXT_MONTH
from tests.server.hall import Caller, Hall, assert_books_agree, problems_of

pytestmark = pytest.mark.anyio
LATER = NEXT_MONTH.plus(1)
HEAD = {"unit_ratio": "11%", "reason": "02", "month": str(LATER)}


async def entered(hall: Hall) -> Caller:
    """A unit at 10 % with two people, on 5000 and 6210."""
    caller = await hall.enter("楚雄彩云科技有限公司")
    desk = hall.desks[caller.unit_id]
    await desk.sql("update unit set unit_ratio = 1000, personal_ratio = 1000 where unit_id > 0")
    await desk.sql("update unit_ratio set unit_ratio = 1000, personal_ratio = 1000")
    await caller.do("account_opening", [person(1) | {"base": "5000"}, person(2) | {"base": "6210"}])
    return caller


async def get(caller: Caller, path: str, **query: str) -> Any:
    return await caller.call("GET", path, params=query)


async def test_check_computes_the_effect_and_changes_nothing(hall: Hall) -> None:
    caller = await entered(hall)
    path = "/api/businesses/ratio_change/check"
    answer = (await caller.call("POST", path, json={"head": HEAD, "rows": []})).json()
    assert answer["problems"] == []
    shown = ("persons", "monthly_before", "monthly_after", "personal_ratio")
    assert [answer["head"][key] for key in shown] == ["2", "2,242.00", "2,466.00", "11%"]
    # While the head is unfinished there is nothing to compute.
    typed = {"head": {"reason": "02"}, "rows": []}
    assert "persons" not in (await caller.call("POST", path, json=typed)).json()["head"]
    told = (await get(caller, "/api/unit")).json()["unit"]
    unit = msgspec.convert(told, Unit, dec_hook=lambda _, text: Month.parse(text))
    assert [(it.from_month, it.unit_ratio) for it in unit.ratios] == [(NEXT_MONTH, 1000)]


async def test_preview_opens_to_each_person_and_needs_its_ratios(hall: Hall) -> None:
    caller = await entered(hall)
    asked = {"unit_ratio": "11%", "personal_ratio": "11%"}
    effect = (await get(caller, "/api/queries/ratio_effect", month=str(LATER), **asked)).json()
    (row,) = effect["rows"]
    assert (row["_key"], row["changed_fen"], row["outside"]) == (str(LATER), 224_00, 0)
    people = (
        await get(caller, "/api/queries/ratio_effect_persons", parent=row["_key"], **asked)
    ).json()
    assert [it["after_fen"] for it in people["rows"]] == [1100_00, 1366_00]
    assert (await get(caller, "/api/queries/ratio_effect", month=str(LATER))).status_code == 400


async def test_submitted_changes_are_told_by_their_queries(hall: Hall) -> None:
    caller = await entered(hall)
    answer = await caller.do("ratio_change", [], HEAD)
    assert answer.status_code == 200, answer.text
    again = await caller.do("ratio_change", [], HEAD | {"unit_ratio": "12%"})
    assert problems_of(again) == [(None, "month", "J14")]
    (change,) = (await get(caller, "/api/queries/ratio_changes")).json()["rows"]
    assert (change["unit_before"], change["unit_ratio"], change["month"]) == (
        1000,
        1100,
        str(LATER),
    )
    assert change["operator"] == "李经办"
    people = await get(caller, "/api/queries/ratio_change_persons", parent=change["_key"])
    assert people.json()["totals"]["monthly_fen"] == 2466_00
    account = people.json()["rows"][0]["account"]
    row = {"account": str(account), "monthly_fen": "2200"}
    assert (await caller.do("base_change", [row])).status_code == 200
    (told,) = (await get(caller, "/api/queries/base_changes", account=str(account))).json()["rows"]
    assert (told["base_before_fen"], told["base_fen"]) == (5000_00, 10000_00)
    assert told["month"] == str(LATER)
    await assert_books_agree(hall)
