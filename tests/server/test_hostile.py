"""What nobody should send, and what two people do at once: refused by name, and nothing is lost."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg import sql

from server import drafts, units
from server.db import transaction
from server.demo_people import person
from tests.server.hall import Caller, Hall, assert_books_agree, code_of, problems_of, submit

pytestmark = pytest.mark.anyio
OPENING = "/api/businesses/account_opening"
SEALING = "/api/businesses/sealing"


async def accounts_of(caller: Caller) -> list[int]:
    rows = (await caller.call("GET", "/api/queries/roster")).json()["rows"]
    return [row["account"] for row in rows]


# --- What is typed or sent. One application serves all cases of a test: it takes long to start ---

NO_AMOUNTS = (
    "-1", "0", "0.00", "1e3", "NaN", "Infinity", "-0.01", "1.005", "99999999999999999999", "0x10",
    "１２．３４５", "1,23.00", "--1", "+-1", "1 2 3x", "٣٤", "∞", "½", "1\x002",
)  # fmt: skip
NO_DUE_MONTHS = (
    "0000-00", "1899-12", "2026-13", "3000-01", "-2026-07", "99999", "2999-12", "1900-01",
)  # fmt: skip
ODD_TEXTS = (
    "\x00", "王\x00", "\u202e王", "王" * 200, "{0}{name}", "%s%(x)s", "'; drop table unit; --",
    "<b>王</b>", "\ue000", "王\ufffe", "😀",
)  # fmt: skip
NO_BATCHES = (
    rb'{"rows":[{"name":"\ud800"}]}',
    b'{"rows":[{"name":"\xed\xa0\x80"}]}',
    b'{"rows":[{"name":1e400}]}',
    b'{"rows":' + b"[" * 100_000,
    b'{"rows":[{"name":"' + b"x" * 201 + b'"}]}',
    b'{"version":1,"rows":[]}',
    b"\xff\xfe{}",
    b"null",
    b'{"rows":null}',
)
NO_QUERIES = (
    "roster?unit_id=1", "roster?name=%00", "roster?name=%ED%A0%80x%00", "roster?after=x",
    "roster?after=NaN", "roster?after=1.5", "roster?after=" + "9" * 5000, "roster?limit=0",
    "roster?limit=1001", "roster?limit=-1", "roster?account=1%20or%201=1", "payment_persons",
    "payment_persons?parent=99999999999999999999", "payments?from_day=2026-02-30",
)  # fmt: skip
NO_RECEIPTS = (
    "²²²²-1", "2026-²", "2026-0", "2026--1", "2026", "-", "2026-9999999999", "0000-000000", "%00",
    "2026-1%00", "..%2f..%2fhealth", "٢٠٢٦-١",
)  # fmt: skip


async def test_prepayment_of_no_proper_amount_is_refused_at_its_cell(caller: Caller) -> None:
    for amount in NO_AMOUNTS:
        answer = await caller.do("prepayment", [], {"amount": amount})
        assert answer.status_code == 422, (amount, answer.text)
        ((row, key, code),) = problems_of(answer)
        assert (row, key) == (None, "amount") and code in ("V02", "Y02"), amount


async def test_remittance_until_no_due_month_is_refused_at_its_cell(caller: Caller) -> None:
    await caller.do("account_opening", [person(1)])
    for until in NO_DUE_MONTHS:
        answer = await caller.do("remittance", [], {"until": until, "method": "settle"})
        assert answer.status_code == 422, (until, answer.text)
        assert problems_of(answer) in ([(None, "until", "V03")], [(None, "until", "H01")]), until


async def test_any_text_is_kept_as_typed_and_checked(caller: Caller) -> None:
    for number, text in enumerate(ODD_TEXTS):
        row = person(number) | {"name": text, "address": text}
        saved = await caller.save("account_opening", [row])
        opened = await caller.call("GET", f"{OPENING}/batches/{saved['batch_id']}")
        assert opened.json()["rows"] == [row]
        checked = await caller.call("POST", f"{OPENING}/check", json={"rows": [row]})
        assert checked.status_code == 200, (text, checked.text)
        answer = await submit(caller, "account_opening", saved, [row])
        assert answer.status_code in (200, 422), (text, answer.text)


async def test_body_that_is_no_batch_is_refused_before_anything_is_kept(caller: Caller) -> None:
    headers = {"Content-Type": "application/json"}
    for body in NO_BATCHES:
        answer = await caller.call("POST", f"{OPENING}/batches", content=body, headers=headers)
        assert answer.status_code == 400 and code_of(answer) == "N03", (body[:40], answer.text)
    assert (await caller.call("GET", f"{OPENING}/batches")).json() == {"batches": []}


async def test_query_that_cannot_be_read_is_refused(caller: Caller) -> None:
    for query in NO_QUERIES:
        answer = await caller.call("GET", f"/api/queries/{query}")
        assert answer.status_code == 400 and code_of(answer) == "N03", (query[:60], answer.text)


async def test_cursor_of_ones_own_making_shows_only_ones_own(hall: Hall, caller: Caller) -> None:
    other = await hall.enter("州第二中学")
    await other.do("account_opening", [person(n) for n in range(5)])
    odd = ("-1", "0", str(2**63), "9" * 30, str(-(2**63)), "0,0", "2026,0:1", "0:0", "x", "")
    for after in odd:
        for query in ("roster?", "roster?sort=name&", "receipts?", "payment_persons?parent=1&"):
            answer = await caller.call("GET", f"/api/queries/{query}after={after}")
            if answer.status_code == 400:
                assert code_of(answer) == "N03"
            else:
                assert answer.status_code == 200 and answer.json()["rows"] == [], answer.text


async def test_receipt_by_no_number_is_not_found(caller: Caller) -> None:
    for number in NO_RECEIPTS:
        for method, path, body in (("GET", "pdf", None), ("POST", "prints", {})):
            answer = await caller.call(method, f"/api/receipts/{number}/{path}", json=body)
            assert answer.status_code == 404 and code_of(answer) == "N04", (number, answer.text)


async def test_batch_by_no_id_is_not_found(caller: Caller) -> None:
    headers = {"Idempotency-Key": "12345678"}
    for batch_id in ("0", "-1", "9" * 19, "9" * 25, "x", "²", "%00", "1%20"):
        path = f"{OPENING}/batches/{batch_id}"
        for method, where, body in (
            ("GET", path, None),
            ("DELETE", f"{path}?version=1", None),
            ("POST", f"{path}/submit", {"version": 1}),
        ):
            answer = await caller.call(method, where, headers=headers, json=body)
            assert answer.status_code == 404 and code_of(answer) == "G13", (where, answer.text)


async def test_print_with_text_that_cannot_be_stored_is_refused(caller: Caller) -> None:
    number = (await caller.do("account_opening", [person(1)])).json()["receipt_no"]
    for body in (
        {"receipts": [number], "printer": "A\u0000"}, {"receipts": []}, {"receipts": [number] * 2},
        {"receipts": [f"2026-{n:06d}" for n in range(201)]},
    ):  # fmt: skip
        answer = await caller.call("POST", "/api/prints", json=body)
        assert answer.status_code == 400 and code_of(answer) == "N03"
    made = await caller.print(number)
    outcome = {"print_ids": [made["print_id"]], "outcome": "\u0000", "job": "\u0000"}
    answer = await caller.call("PUT", "/api/prints", json=outcome)
    assert answer.status_code == 400 and code_of(answer) == "N03"


async def test_idempotency_key_of_another_form_is_refused(caller: Caller) -> None:
    saved = await caller.save("account_opening", [person(1)])
    path = f"{OPENING}/batches/{saved['batch_id']}/submit"
    for idem, code in (("", "N03"), ("short", "N03"), ("x" * 65, "N03"), ("é" * 10, "L14")):
        headers = {"Idempotency-Key": idem.encode("latin-1")}
        answer = await caller.call("POST", path, json={"version": 1}, headers=headers)
        assert code_of(answer) == code, (idem, answer.text)


async def test_approval_of_another_algorithm_is_refused(caller: Caller) -> None:
    saved = await caller.save("account_opening", [person(1)])
    path = f"{OPENING}/batches/{saved['batch_id']}/submit"
    right = caller.approval("account_opening", "12345678", [person(1)], {})
    for algorithm in ("", "none", "\x00", "x" * 5000, "RSA-PKCS1-SHA256"):
        for signature in ("", "AA==", right["signature"]):
            body = {"version": 1, "approval": {"algorithm": algorithm, "signature": signature}}
            headers = {"Idempotency-Key": "12345678"}
            answer = await caller.call("POST", path, json=body, headers=headers)
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
    printed = await other.print(number)
    kept = await other.save("sealing", [{"account": str((await accounts_of(other))[0])}])
    batch = f"{SEALING}/batches/{kept['batch_id']}"
    again = {"version": 1, "rows": []}
    for method, path, body in (
        ("GET", batch, None), ("PUT", batch, again), ("DELETE", f"{batch}?version=1", None),
        ("GET", f"/api/receipts/{number}/pdf", None),
        ("POST", "/api/prints", {"receipts": [number]}),
    ):  # fmt: skip
        answer = await caller.call(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await submit(caller, "sealing", kept, [])).status_code == 404
    for print_id in (printed["print_id"], "1"):  # Somebody else's, and nobody's.
        body = {"print_ids": [print_id], "job": "2"}
        assert code_of(await caller.call("PUT", "/api/prints", json=body)) == "P19"
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
        printed = await caller.print(numbers[0])
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
        owner.execute(sql.SQL("update session set ") + sql.SQL(change))
    answer = await submit(caller, "account_opening", saved, [person(1)])
    assert answer.status_code == 401 and code_of(answer) == code
    caller.cookies.clear()
    await caller.log_in()
    answer = await submit(caller, "account_opening", saved, [person(1)])
    assert answer.json()["state"] == "posted"


async def test_draft_is_saved_and_opened_while_a_colleagues_submission_goes_on(
    hall: Hall, caller: Caller
) -> None:
    first = await caller.save("account_opening", [person(1)])
    async with transaction(hall.pool) as conn:
        await units.lock(conn, caller.unit_id)
        await drafts.load(conn, caller.unit_id, "account_opening", int(first["batch_id"]), 1)
        work = (
            caller.save("account_opening", [person(2)]),
            caller.call("GET", f"{OPENING}/batches/{first['batch_id']}"),
            caller.call("GET", f"{OPENING}/batches"),
        )
        saved, opened, _ = await asyncio.wait_for(asyncio.gather(*work), 5)
    assert saved["version"] == 1 and opened.json()["rows"] == [person(1)]


async def test_failed_submission_of_a_batch_since_deleted_still_gets_its_first_answer(
    hall: Hall, caller: Caller
) -> None:
    head = {"amount": "99999999.00"}  # More than the account holds.
    saved = await caller.save("prepayment", [], head)
    first = await submit(caller, "prepayment", saved, [], head, idem="same-key-1")
    assert first.json()["state"] == "failed", first.text
    path = f"/api/businesses/prepayment/batches/{saved['batch_id']}?version=1"
    assert (await caller.call("DELETE", path)).status_code == 204
    again = await submit(caller, "prepayment", saved, [], head, idem="same-key-1")
    assert again.json() == first.json()


# --- The public page ---


NO_CODES = (
    "'; drop table receipt; --", "<script>alert(1)</script>", "%00", "%ff%fe", "A" * 5000,
    "０" * 12, "{{7*7}}",
)  # fmt: skip


async def test_verification_of_any_text_shows_a_page_that_runs_nothing(caller: Caller) -> None:
    for code in NO_CODES:
        answer = await caller.client.get(f"/v/{code}")
        assert answer.status_code in (200, 404), (code, answer.text)
        assert "<script" not in answer.text and "49" not in answer.text


async def test_verification_page_cannot_be_asked_without_end(caller: Caller) -> None:
    answers = [await caller.client.get("/v/AAAA-BBBB-CCCC") for _ in range(40)]
    assert answers[0].status_code == 200 and answers[-1].status_code == 429
    assert code_of(answers[-1]) == "N08"
