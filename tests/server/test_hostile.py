"""What nobody should send, and what two people do at once: refused by name, and nothing is lost."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from server.db import transaction
from server.demo_people import person
from server.ledger.balance import books
from tests.factory import NEXT_MONTH
from tests.server.hall import Caller, Hall

pytestmark = pytest.mark.anyio
OPENING = "/api/businesses/account_opening"
SEALING = "/api/businesses/sealing"


def code_of(answer: Any) -> str:
    return str(answer.json()["code"])


def problems_of(answer: Any) -> list[tuple[int | None, str, str]]:
    return [(p["row"], p["key"], p["code"]) for p in answer.json()["problems"]]


async def accounts_of(caller: Caller) -> list[int]:
    rows = (await caller.call("GET", "/api/queries/roster")).json()["rows"]
    return [row["account"] for row in rows]


async def submit(
    caller: Caller, code: str, saved: Any, rows: list[Any], head: Any = None, **given: Any
) -> Any:
    """Submits what was saved; ``given`` takes the place of what a client would send."""
    idem = given.get("idem") or str(uuid.uuid4())
    only_passing = given.get("only_passing", False)
    body = {
        "version": saved["version"],
        "only_passing": only_passing,
        "approval": caller.approval(code, idem, rows, head or {}, only_passing),
    }
    path = f"/api/businesses/{code}/batches/{saved['batch_id']}/submit"
    return await caller.call("POST", path, json=body, headers={"Idempotency-Key": idem})


async def assert_books_agree(hall: Hall) -> None:
    async with transaction(hall.pool) as conn:
        assert (await books(conn)).disagreements == []


# --- What is typed or sent ---


@pytest.mark.parametrize(
    "amount",
    ["-1", "0", "0.00", "1e3", "NaN", "Infinity", "-0.01", "1.005", "99999999999999999999", "0x10",
     "１２．３４５", "1,23.00", "--1", "+-1", "1 2 3x", "٣٤", "∞", "½", "1\u00002"],
)  # fmt: skip
async def test_prepayment_of_no_proper_amount_is_refused_at_its_cell(
    caller: Caller, amount: str
) -> None:
    answer = await caller.do("prepayment", [], {"amount": amount})
    assert answer.status_code == 422, answer.text
    ((row, key, code),) = problems_of(answer)
    assert (row, key) == (None, "amount") and code in ("V02", "Y02")


@pytest.mark.parametrize(
    "until", ["0000-00", "1899-12", "2026-13", "3000-01", "-2026-07", "99999", "2999-12", "1900-01"]
)
async def test_remittance_until_no_due_month_is_refused_at_its_cell(
    caller: Caller, until: str
) -> None:
    await caller.do("account_opening", [person(1)])
    answer = await caller.do("remittance", [], {"until": until, "method": "settle"})
    assert answer.status_code == 422, answer.text
    assert [(key, code) for _, key, code in problems_of(answer)] in (
        [("until", "V03")], [("until", "H01")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "\u0000",
        "王\u0000",
        "‮王",
        "王" * 200,
        "{0}{name}",
        "%s%(x)s",
        "'; drop table unit; --",
        "<b>王</b>",
        "\ue000",
        "王\ufffe",
        "😀",
    ],
)
async def test_any_text_is_kept_as_typed_and_checked(caller: Caller, text: str) -> None:
    row = person(1) | {"name": text, "address": text}
    saved = await caller.save("account_opening", [row])
    path = f"{OPENING}/batches/{saved['batch_id']}"
    assert (await caller.call("GET", path)).json()["rows"] == [row]
    checked = await caller.call("POST", f"{OPENING}/check", json={"rows": [row]})
    assert checked.status_code == 200
    answer = await submit(caller, "account_opening", saved, [row])
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize(
    "body",
    [rb'{"rows":[{"name":"\ud800"}]}', b'{"rows":[{"name":"\xed\xa0\x80"}]}', b'{"rows":[{"name":1e400}]}',
     b'{"rows":' + b"[" * 100_000, b'{"rows":[{"name":"' + b"x" * 201 + b'"}]}', b'{"version":1,"rows":[]}',
     b"\xff\xfe{}", b"null", b'{"rows":null}'],
    ids=range(9),
)  # fmt: skip
async def test_body_that_is_no_batch_is_refused_before_anything_is_kept(
    caller: Caller, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await caller.call("POST", f"{OPENING}/batches", content=body, headers=headers)
    assert answer.status_code == 400 and code_of(answer) == "N03", answer.text
    assert (await caller.call("GET", f"{OPENING}/batches")).json() == {"batches": []}


@pytest.mark.parametrize(
    "path",
    ["/api/queries/roster?unit_id=1", "/api/queries/roster?name=%00", "/api/queries/roster?after=x",
     "/api/queries/roster?after=NaN", "/api/queries/roster?limit=0", "/api/queries/roster?limit=1001",
     "/api/queries/roster?after=1.5", "/api/queries/roster?limit=-1", "/api/queries/roster?account=1%20or%201=1",
     "/api/queries/roster?name=%ED%A0%80x%00", "/api/queries/payment_persons", "/api/queries/payment_persons?parent=99999999999999999999",
     "/api/queries/payments?from_day=2026-02-30", "/api/queries/roster?after=" + "9" * 5000],
)  # fmt: skip
async def test_query_that_cannot_be_read_is_refused(caller: Caller, path: str) -> None:
    answer = await caller.call("GET", path)
    assert answer.status_code == 400 and code_of(answer) == "N03", answer.text


@pytest.mark.parametrize("after", ["-1", "0", str(2**63), "9" * 30, str(-(2**63))])
async def test_cursor_of_ones_own_making_shows_only_ones_own(
    hall: Hall, caller: Caller, after: str
) -> None:
    other = await hall.enter("州第二中学")
    await other.do("account_opening", [person(n) for n in range(5)])
    for query in ("roster", "payments", "receipts", "payment_persons"):
        parent = "&parent=1" if query == "payment_persons" else ""
        answer = await caller.call("GET", f"/api/queries/{query}?after={after}{parent}")
        assert answer.status_code == 200 and answer.json()["rows"] == [], answer.text


@pytest.mark.parametrize(
    "number",
    [
        "²²²²-1",
        "2026-²",
        "2026-0",
        "2026--1",
        "2026",
        "-",
        "2026-9999999999",
        "0000-000000",
        "%00",
        "2026-1%00",
        "..%2f..%2fhealth",
        "٢٠٢٦-١",
    ],
)
async def test_receipt_by_no_number_is_not_found(caller: Caller, number: str) -> None:
    for method, path in (("GET", "pdf"), ("POST", "prints")):
        answer = await caller.call(
            method, f"/api/receipts/{number}/{path}", json={} if method == "POST" else None
        )
        assert answer.status_code == 404 and code_of(answer) == "N04", answer.text


@pytest.mark.parametrize("batch_id", ["0", "-1", "9" * 19, "9" * 25, "x", "²", "%00", "1%20"])
async def test_batch_by_no_id_is_not_found(caller: Caller, batch_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", "?version=1"), ("POST", "/submit")):
        answer = await caller.call(
            method, f"{OPENING}/batches/{batch_id}{path}", headers={"Idempotency-Key": "12345678"},
            json={"version": 1} if method == "POST" else None,
        )  # fmt: skip
        assert answer.status_code == 404 and code_of(answer) in ("G13", "N04"), answer.text


async def test_print_with_text_that_cannot_be_stored_is_refused(caller: Caller) -> None:
    number = (await caller.do("account_opening", [person(1)])).json()["receipt_no"]
    answer = await caller.call(
        "POST", f"/api/receipts/{number}/prints", json={"printer": "A\u0000"}
    )
    assert answer.status_code == 400 and code_of(answer) == "N03"
    made = (await caller.call("POST", f"/api/receipts/{number}/prints", json={})).json()
    outcome = {"outcome": "\u0000", "job": "\u0000"}
    answer = await caller.call("PUT", f"/api/prints/{made['print_id']}", json=outcome)
    assert answer.status_code == 400 and code_of(answer) == "N03"


@pytest.mark.parametrize("idem", ["", "short", "x" * 65, "é" * 10])
async def test_idempotency_key_of_another_form_is_refused_or_taken(
    caller: Caller, idem: str
) -> None:
    saved = await caller.save("account_opening", [person(1)])
    headers = {"Idempotency-Key": idem.encode("latin-1")}
    path = f"{OPENING}/batches/{saved['batch_id']}/submit"
    answer = await caller.call("POST", path, json={"version": 1}, headers=headers)
    assert answer.status_code in (400, 403) and code_of(answer) in ("N03", "L14"), answer.text


@pytest.mark.parametrize("algorithm", ["", "none", "\u0000", "x" * 5000, "RSA-PKCS1-SHA256"])
async def test_approval_of_another_algorithm_is_refused(caller: Caller, algorithm: str) -> None:
    saved = await caller.save("account_opening", [person(1)])
    path = f"{OPENING}/batches/{saved['batch_id']}/submit"
    approval = caller.approval("account_opening", "12345678", [person(1)], {})
    for signature in ("", "AA==", approval["signature"]):
        body = {"version": 1, "approval": {"algorithm": algorithm, "signature": signature}}
        answer = await caller.call("POST", path, json=body, headers={"Idempotency-Key": "12345678"})
        assert answer.status_code == 403 and code_of(answer) == "L14", answer.text


async def test_login_with_text_that_cannot_be_stored_is_refused(caller: Caller) -> None:
    body = {"challenge_id": "\u0000", "algorithm": "\u0000", "certificate": "AA==",
            "server_spki_sha256": "A" * 43 + "=", "signature": "AA=="}  # fmt: skip
    answer = await caller.call("POST", "/auth/login", json=body)
    assert 400 <= answer.status_code < 500, answer.text


# --- Another unit's ---


async def test_same_key_in_two_units_are_two_submissions(hall: Hall, caller: Caller) -> None:
    other = await hall.enter("州第二中学")
    for number, each in enumerate((caller, other)):
        rows = [person(number)]
        saved = await each.save("account_opening", rows)
        answer = await submit(each, "account_opening", saved, rows, idem="same-key-1")
        assert answer.json()["receipt_no"] == "2026-000001", answer.text
    await assert_books_agree(hall)


async def test_everything_of_another_unit_is_not_found(hall: Hall, caller: Caller) -> None:
    other = await hall.enter("州第二中学")
    number = (await other.do("account_opening", [person(n) for n in range(3)])).json()["receipt_no"]
    printed = (await other.call("POST", f"/api/receipts/{number}/prints", json={})).json()
    kept = await other.save("sealing", [{"account": str((await accounts_of(other))[0])}])
    path = f"{SEALING}/batches/{kept['batch_id']}"
    again = {"version": 1, "rows": []}
    for method, path, body in (
        ("GET", path, None), ("PUT", path, again), ("DELETE", f"{path}?version=1", None),
        ("GET", f"/api/receipts/{number}/pdf", None),
        ("POST", f"/api/receipts/{number}/prints", {}),
        ("PUT", f"/api/prints/{printed['print_id']}", {"outcome": "completed"}),
    ):  # fmt: skip
        answer = await caller.call(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await submit(caller, "sealing", kept, [])).status_code == 404
    opened = (await other.call("GET", f"{SEALING}/batches/{kept['batch_id']}")).json()
    assert opened["version"] == 1
    own = (await caller.do("account_opening", [person(9)])).json()["receipt_no"]
    marked = await caller.call("GET", f"/api/receipts/{own}/pdf?print_id={printed['print_id']}")
    assert marked.status_code == 404


async def test_check_tells_nothing_of_another_units_person(hall: Hall, caller: Caller) -> None:
    other = await hall.enter("州第二中学")
    await other.do("account_opening", [person(1)])
    (account,) = await accounts_of(other)
    for business in ("sealing", "unsealing"):
        rows = [
            {"account": str(account), "reason": "01"}
            if business == "sealing"
            else {"account": str(account)}
        ]
        answer = await caller.call("POST", f"/api/businesses/{business}/check", json={"rows": rows})
        assert [(p["row"], p["key"], p["code"]) for p in answer.json()["problems"]] == [
            (0, "account", "G03")
        ]
        assert person(1)["name"] not in answer.text


async def test_reprint_mark_belongs_to_its_receipt(caller: Caller) -> None:
    numbers = [
        (await caller.do("account_opening", [person(n)])).json()["receipt_no"] for n in (1, 2)
    ]
    for _ in range(2):
        printed = (await caller.call("POST", f"/api/receipts/{numbers[0]}/prints", json={})).json()
    crossed = await caller.call(
        "GET", f"/api/receipts/{numbers[1]}/pdf?print_id={printed['print_id']}"
    )
    assert crossed.status_code == 404, "the mark of one receipt on another"


# --- Two at once, and sessions that end ---


async def test_two_places_with_one_draft_keep_the_first_and_tell_the_second(
    hall: Hall, caller: Caller
) -> None:
    colleague = await hall.colleague(caller.unit_id)
    saved = await caller.save("account_opening", [person(1)])
    path = f"{OPENING}/batches/{saved['batch_id']}"
    bodies = [{"version": 1, "rows": [person(n)]} for n in (2, 3)]
    answers = await asyncio.gather(
        caller.call("PUT", path, json=bodies[0]), colleague.call("PUT", path, json=bodies[1])
    )
    assert sorted(a.status_code for a in answers) == [200, 409]
    assert [code_of(a) for a in answers if a.status_code == 409] == ["G08"]
    stale = await submit(caller, "account_opening", saved, [person(1)])
    assert code_of(stale) == "G08"


async def test_submitted_batch_can_be_neither_saved_nor_deleted(caller: Caller) -> None:
    saved = await caller.save("account_opening", [person(1)])
    await submit(caller, "account_opening", saved, [person(1)])
    path = f"{OPENING}/batches/{saved['batch_id']}"
    for method, where, body in (
        ("PUT", path, {"version": 1, "rows": []}), ("DELETE", f"{path}?version=1", None),
    ):  # fmt: skip
        answer = await caller.call(method, where, json=body)
        assert answer.status_code == 409 and code_of(answer) == "G11"


@pytest.mark.parametrize(
    ("change", "code"),
    [("last_seen_at = now() - interval '16 minutes'", "N01"), ("suspended_at = now()", "L11"),
     ("created_at = now() - interval '9 hours'", "N01"), ("ended_at = now()", "N01")],
)  # fmt: skip
async def test_session_ends_between_save_and_submit_the_draft_stays(
    caller: Caller, database: str, change: str, code: str
) -> None:
    saved = await caller.save("account_opening", [person(1)])
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"update session set {change}")  # type: ignore[arg-type]
    answer = await submit(caller, "account_opening", saved, [person(1)])
    assert answer.status_code == 401 and code_of(answer) == code
    caller.cookies.clear()
    await caller.log_in()
    answer = await submit(caller, "account_opening", saved, [person(1)])
    assert answer.json()["state"] == "posted"


async def test_draft_is_saved_while_a_colleagues_submission_holds_the_unit(
    hall: Hall, caller: Caller
) -> None:
    async with transaction(hall.pool) as conn:
        from server import units

        await units.lock(conn, caller.unit_id)
        saved = await asyncio.wait_for(caller.save("account_opening", [person(1)]), 3)
    assert saved["version"] == 1


# --- Businesses at their edges ---


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


async def test_remittance_pays_what_is_due_at_submission(hall: Hall, caller: Caller) -> None:
    months = {"month": str(NEXT_MONTH)}
    await caller.do("account_opening", [person(1) | months | {"base": "5000"}])
    head = {"until": str(NEXT_MONTH), "method": "settle"}
    saved = await caller.save("remittance", [], head)
    await caller.do("account_opening", [person(2) | months | {"base": "5000"}])
    answer = (await submit(caller, "remittance", saved, [], head)).json()
    assert (answer["state"], answer["amount_fen"]) == ("posted", 2400_00)
    await assert_books_agree(hall)


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


# --- The public page ---


@pytest.mark.parametrize(
    "code",
    [
        "'; drop table receipt; --",
        "<script>alert(1)</script>",
        "%00",
        "%ff%fe",
        "A" * 5000,
        "０" * 12,
        "{{7*7}}",
    ],
)
async def test_verification_of_any_text_shows_a_page_that_runs_nothing(
    caller: Caller, code: str
) -> None:
    answer = await caller.client.get(f"/v/{code}")
    assert answer.status_code in (200, 404), answer.text
    assert "<script" not in answer.text and "49" not in answer.text


async def test_verification_page_cannot_be_asked_without_end(caller: Caller) -> None:
    answers = [await caller.client.get("/v/AAAA-BBBB-CCCC") for _ in range(40)]
    assert answers[0].status_code == 200 and answers[-1].status_code == 429
    assert code_of(answers[-1]) == "N08"
