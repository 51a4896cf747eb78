"""What was added by description alone, at the running server: routes, posting, receipt, rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.demo_people import person
from tests.receipts.samples import text_of
from tests.server.hall import Caller, Hall, assert_books_agree, problems_of

pytestmark = pytest.mark.anyio
HEAD = {"month": "2026-05", "checker": "王会计"}
PEOPLE = 3


async def roster(caller: Caller) -> list[dict[str, Any]]:
    answer = await caller.do("account_opening", [person(n) for n in range(PEOPLE)])
    assert answer.json()["state"] == "posted"
    people = (await caller.call("GET", "/api/people")).json()
    return [dict(zip(people["columns"], row, strict=True)) for row in people["rows"]]


async def asked(caller: Caller, query: str) -> Any:
    answer = await caller.call("GET", f"/api/queries/{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_openapi_tells_the_added_fields_and_routes(caller: Caller) -> None:
    document = (await caller.client.get("/schema/openapi.json")).json()
    schemas = document["components"]["schemas"]
    row = next(s for name, s in schemas.items() if name.endswith("ConfirmationRow"))
    head = next(s for name, s in schemas.items() if name.endswith("ConfirmationHead"))
    assert {k: v["title"] for k, v in row["properties"].items()} == {
        "account": "个人账号", "result": "核对结果", "remark": "备注",
    }  # fmt: skip
    assert set(head["properties"]) == {"month", "checker"}
    for path in ("openings", "openings/pdf", "opening_persons", "opening_persons/pdf"):
        assert f"/api/queries/{path}" in document["paths"]


async def test_added_checks_refuse_at_the_cell_and_post_nothing(hall: Hall, caller: Caller) -> None:
    accounts = [str(p["account"]) for p in await roster(caller)]
    rows = [{"account": a, "result": "不符"} for a in accounts[:2]] + [{"account": accounts[0]}]
    body = {"head": HEAD | {"month": "2026-06"}, "rows": rows}
    answer = await caller.call("POST", "/api/businesses/confirmation/check", json=body)
    expected = [
        (None, "month", "V05"), (0, "remark", "V01"), (1, "remark", "V01"), (2, "result", "V01"),
        (2, "account", "G07"),
    ]  # fmt: skip
    assert sorted(problems_of(answer), key=str) == sorted(expected, key=str)
    refused = await caller.do("confirmation", rows, body["head"])
    assert refused.status_code == 422 and refused.json()["code"] == "G14"
    desk = hall.desks[caller.unit_id]
    assert await desk.sql("select count(*) from txn where business = 'confirmation'") == [(0,)]


async def test_added_business_is_posted_with_a_receipt_that_is_printed_again(
    hall: Hall, caller: Caller, tmp_path: Path
) -> None:
    people = await roster(caller)
    rows = [
        {"account": str(people[0]["account"]), "result": "相符"},
        {"account": str(people[1]["account"]), "result": "2", "remark": "少缴一个月"},
    ]
    answer = (await caller.do("confirmation", rows, HEAD)).json()
    assert (answer["state"], answer["rows"], answer["amount_fen"]) == ("posted", 2, 0)

    desk = hall.desks[caller.unit_id]
    ((serial, head, count),) = await desk.sql(
        "select txn_id, head, rows from txn where unit_id = %s and business = 'confirmation'",
        caller.unit_id,
    )
    assert (str(serial), count) == (answer["serial"], 2)
    assert head["checker"] == "王会计"

    number = answer["receipt_no"]
    paper = await caller.call("GET", f"/api/receipts/{number}/pdf")
    words = text_of(paper.content, tmp_path, "-layout")
    total_fen = sum(p["unit_fen"] + p["personal_fen"] for p in people[:2])
    for said in (
        "缴存信息核对回单", number, answer["serial"], "核对人", "王会计", "2026-05",
        str(people[1]["account"]), people[1]["name"], "相符", "不符", "少缴一个月",
        f"{total_fen // 100:,}.00",
    ):  # fmt: skip
        assert said in words, said

    for nth in (0, 1):
        assert (await caller.print(number))["nth"] == nth
    (line,) = (await asked(caller, "receipts?kind=缴存信息核对"))["rows"]
    assert (line["kind"], line["title"], line["receipt_no"], line["persons"], line["prints"]) == (
        "confirmation", "缴存信息核对回单", number, 2, 2,
    )  # fmt: skip
    await assert_books_agree(hall)


async def test_added_query_filters_totals_and_opens_its_rows(
    hall: Hall, caller: Caller, tmp_path: Path
) -> None:
    people = await roster(caller)
    await (await hall.enter("州第二中学")).do("account_opening", [person(n) for n in range(50, 55)])
    monthly_fen = sum(p["unit_fen"] + p["personal_fen"] for p in people)
    page = await asked(caller, "openings")
    (line,) = page["rows"]
    assert (line["month"], line["persons"], line["last_day"]) == ("2026-07", PEOPLE, "2026-07-20")
    assert page["totals"] == {"persons": PEOPLE, "monthly_fen": monthly_fen, "balance_fen": 0}
    assert (await asked(caller, "openings?month=2026-06"))["rows"] == []
    assert len((await asked(caller, "openings?from_day=2026-07-01&sort=-persons"))["rows"]) == 1

    opened = await asked(caller, f"opening_persons?parent={line['_key']}")
    assert [row["account"] for row in opened["rows"]] == sorted(p["account"] for p in people)
    assert opened["totals"] == {"monthly_fen": monthly_fen}
    paper = await caller.call("GET", "/api/queries/openings/pdf")
    words = text_of(paper.content, tmp_path, "-layout")
    assert "历月开户查询" in words and f"{monthly_fen // 100:,}.00" in words
