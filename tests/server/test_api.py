"""The HTTP interface: authorised against the session's unit, exact about what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.business.businesses import BUSINESSES
from server.business.queries import QUERIES
from server.db import Pool, transaction
from server.demo_people import person
from tests.factory import NEXT_MONTH, open_unit
from tests.server.hall import Caller

pytestmark = pytest.mark.anyio
UNIT_NAME = "楚雄彩云科技有限公司"


async def test_batch_saved_submitted_and_its_receipt_fetched(
    caller: Caller, tmp_path: Path
) -> None:
    answer = await caller.do("account_opening", [person(n) for n in range(3)])
    assert answer.status_code == 200, answer.text
    posted = answer.json()
    assert posted["state"] == "posted" and posted["receipt_no"] == "2026-000001"
    path = f"/api/receipts/{posted['receipt_no']}/pdf"
    first, again = await caller.call("GET", path), await caller.call("GET", path)
    assert first.content == again.content and first.content.startswith(b"%PDF")
    file = tmp_path / "receipt.pdf"
    file.write_bytes(first.content)
    shown = subprocess.run(
        ["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True
    )
    assert "单位下个人开户回单" in shown.stdout and person(0)["name"] in shown.stdout
    assert person(0)["id_number"] not in shown.stdout  # Masked on paper.


async def test_remittance_through_bank_is_posted_with_timeline(caller: Caller) -> None:
    await caller.do("account_opening", [person(n) | {"month": str(NEXT_MONTH)} for n in range(5)])
    head = {"until": str(NEXT_MONTH), "method": "settle"}
    checked = (
        await caller.call("POST", "/api/businesses/remittance/check", json={"head": head})
    ).json()
    assert checked["problems"] == [] and checked["head"]["persons"] == "5"
    answer = (await caller.do("remittance", [], head)).json()
    assert answer["state"] == "posted", answer
    progress = (await caller.call("GET", f"/api/payments/{answer['serial']}")).json()
    assert [s["state"] for s in progress["timeline"]] == ["pending", "sent", "collected", "posted"]
    assert progress["receipt_no"] == answer["receipt_no"]
    rows = (await caller.call("GET", "/api/queries/payments")).json()["rows"]
    assert rows[0]["amount"] == answer["amount_fen"] and rows[0]["kind"] == "remittance"
    drilled = await caller.call("GET", f"/api/queries/payment_persons?parent={rows[0]['_key']}")
    assert sum(r["amount"] for r in drilled.json()["rows"]) == answer["amount_fen"]


async def test_reprint_is_counted_and_marked(caller: Caller) -> None:
    number = (await caller.do("account_opening", [person(1)])).json()["receipt_no"]
    prints = [await caller.print(number) for _ in range(3)]
    assert [p["nth"] for p in prints] == [0, 1, 2]
    assert (
        prints[0]["mark"] == ""
        and "第2次补打" in prints[2]["mark"]
        and "李经办" in prints[2]["mark"]
    )
    original = (await caller.call("GET", f"/api/receipts/{number}/pdf")).content
    marked = await caller.call(
        "GET", f"/api/receipts/{number}/pdf?print_id={prints[2]['print_id']}"
    )
    assert marked.content != original
    body = {"print_ids": [prints[2]["print_id"]], "job": "1", "outcome": "completed"}
    done = await caller.call("PUT", "/api/prints", json=body)
    assert done.status_code == 204


async def test_verification_page_confirms_a_code_and_hides_names_without_the_second_factor(
    caller: Caller, pool: Pool
) -> None:
    await caller.do("account_opening", [person(1)])
    async with transaction(pool) as conn:
        (code,) = await (await conn.execute("select code from receipt")).fetchone() or ("",)
    page = (await caller.client.get(f"/v/{code}")).text
    assert "真实" in page and UNIT_NAME not in page
    tail = str(caller.unit_id)[-4:]
    assert UNIT_NAME in (await caller.client.get(f"/v/{code}?tail={tail}")).text
    assert "没有查到" in (await caller.client.get("/v/AAAA-BBBB-CCCC")).text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/unit"), ("GET", "/api/people"), ("GET", "/api/queries/roster"),
     ("GET", "/api/receipts/2026-000001/pdf"), ("POST", "/api/businesses/sealing/batches"),
     ("GET", "/api/payments/1"), ("POST", "/api/prints"), ("POST", "/api/prints/not-printed")],
)  # fmt: skip
async def test_call_without_session_is_refused(caller: Caller, method: str, path: str) -> None:
    stranger = replace(caller, cookies={})
    answer = await stranger.call(method, path, json={} if method == "POST" else None)
    assert answer.status_code in (400, 401)
    assert answer.json()["code"] in ("N01", "N03")


# What anybody may call: to see whether the server is there, to verify a receipt, to log in, and
# what the bank and the centre's staff call with keys and sessions of their own.
PUBLIC = re.compile(
    r"/health|/v/.*|/bank/.*|/counter/.*|/auth/(challenge|captcha|examine|login|resume|suspend|logout)"
    r"|/auth/password/(login|code|register|reset)"
)


async def test_every_route_that_is_not_public_refuses_a_call_without_session(
    caller: Caller,
) -> None:
    stranger = replace(caller, cookies={})
    document = (await caller.client.get("/schema/openapi.json")).json()
    asked = 0
    for path, methods in document["paths"].items():
        if PUBLIC.fullmatch(path):
            continue
        for method in methods:
            where = re.sub(r"\{[^}]*\}", "1", path.replace("{number}", "2026-000001"))
            headers = {"Idempotency-Key": "12345678"}
            body = filled(document, methods[method])
            answer = await stranger.call(method.upper(), where, json=body, headers=headers)
            assert answer.json()["code"] in ("N01", "N03"), (method, path, answer.text)
            assert answer.status_code in (400, 401)
            asked += answer.json()["code"] == "N01"
    assert asked > 40, "most of them look at the session and not only at the body"


def filled(document: Any, route: Any) -> Any:
    """A body with what the route's schema requires, so that it is not refused for its form."""
    if "requestBody" not in route:
        return None
    schema = route["requestBody"]["content"]["application/json"]["schema"]
    return example(document, schema)


def example(document: Any, schema: Any) -> Any:
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].split("/")[-1]])
    if "oneOf" in schema:
        return example(document, schema["oneOf"][0])
    if schema.get("type") == "object":
        wanted = schema.get("required", [])
        return {key: example(document, schema["properties"][key]) for key in wanted}
    return {"string": "12345678", "integer": 1, "boolean": False, "array": []}.get(
        schema.get("type"), ""
    )


async def test_call_with_another_units_ids_finds_nothing(caller: Caller, pool: Pool) -> None:
    other = await open_unit(pool, "州第二中学", account_no="532302")
    posted = await other.open_people(range(10))
    rows = await other.sql("select batch_id from batch where unit_id = %s", other.unit_id)
    for method, path in (
        ("GET", f"/api/businesses/account_opening/batches/{rows[0][0]}"),
        ("GET", f"/api/receipts/{posted.receipt_no}/pdf"),
        ("POST", "/api/prints"),
        ("GET", f"/api/payments/{posted.serial}"),
    ):
        body = {"receipts": [posted.receipt_no]} if method == "POST" else None
        answer = await caller.call(method, path, json=body)
        assert answer.status_code == 404, (path, answer.text)
    assert (await caller.call("GET", "/api/queries/roster")).json()["count"] == 0
    drilled = await caller.call("GET", f"/api/queries/payment_persons?parent={posted.serial}")
    assert drilled.json()["rows"] == []


async def test_body_with_unknown_field_is_refused_by_name(caller: Caller) -> None:
    path = "/api/businesses/sealing/batches"
    answer = await caller.call("POST", path, json={"head": {}, "rows": [{"acount": "1"}]})
    assert answer.status_code == 400 and answer.json()["code"] == "N03"
    assert "acount" in answer.json()["text"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"rows": 5}', b"\xff\xfe", b'{"head": {"month": 3}}']
)
async def test_body_that_is_no_batch_is_refused(caller: Caller, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await caller.call(
        "POST", "/api/businesses/sealing/batches", content=body, headers=headers
    )
    assert answer.status_code == 400 and answer.json()["code"] == "N03", answer.text


async def test_body_over_the_limit_is_refused(caller: Caller) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await caller.call(
        "POST",
        "/api/businesses/sealing/batches",
        content=b" " * (65 * 1024 * 1024),
        headers=headers,
    )
    assert answer.status_code == 413 and answer.json()["code"] == "N02"


async def test_submit_without_or_with_foreign_approval_is_refused(caller: Caller) -> None:
    saved = await caller.save("account_opening", [person(1)])
    path = f"/api/businesses/account_opening/batches/{saved['batch_id']}/submit"
    headers = {"Idempotency-Key": "some-key-1"}
    other = caller.approval("account_opening", "some-key-1", [person(2)], {}, False)
    for approval in (None, other):
        answer = await caller.call(
            "POST", path, json={"version": 1, "approval": approval}, headers=headers
        )
        assert answer.json()["code"] == "L14"
    assert (await caller.call("GET", "/api/queries/roster")).json()["count"] == 0


async def test_refusal_names_row_and_cell(caller: Caller) -> None:
    rows: list[Any] = [person(1), person(2) | {"base": "5"}]
    answer = await caller.do("account_opening", rows)
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert (problem["row"], problem["key"], problem["code"]) == (1, "base", "K08")


async def test_unit_and_people_are_ones_own(caller: Caller) -> None:
    await caller.do("account_opening", [person(n) for n in range(2)])
    unit = (await caller.call("GET", "/api/unit")).json()
    assert unit["unit"]["name"] == UNIT_NAME and unit["operator"]["login_kind"] == "certificate"
    people = (await caller.call("GET", "/api/people")).json()
    assert len(people["rows"]) == 2 and person(0)["id_number"] not in str(people)


async def test_openapi_names_every_business_and_query(caller: Caller) -> None:
    document = (await caller.client.get("/schema/openapi.json")).json()
    for business in BUSINESSES:
        assert f"/api/businesses/{business.code}/batches/{{batch_id}}/submit" in document["paths"]
    for query in QUERIES:
        assert f"/api/queries/{query.code}" in document["paths"]
    schemas = document["components"]["schemas"]
    row = next(s for name, s in schemas.items() if name.endswith("SealingRow"))
    assert set(row["properties"]) == {
        "account", "name", "id_tail", "reason", "month", "remark"
    }  # fmt: skip


async def test_failure_inside_answers_with_a_report_number_and_logs_no_data(
    caller: Caller, pool: Pool, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("alter table event rename to event_gone")
    answer = await caller.do("account_opening", [person(1)])
    assert answer.status_code == 500 and answer.json()["code"] == "N05"
    assert person(1)["id_number"] not in caplog.text and person(1)["name"] not in caplog.text


async def test_private_answers_are_not_stored_and_pages_cannot_be_framed(caller: Caller) -> None:
    answer = await caller.client.get("/health")
    assert answer.json().keys() == {"status", "time", "version", "interface"}
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert os.environ.get("HPF_DATABASE_URL") is None  # Tests never use a database by accident.
