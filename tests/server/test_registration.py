"""What is registered of a unit and its people: shown, changed, proved by codes, remembered."""

from __future__ import annotations

import asyncio
import re
import uuid
from itertools import pairwise
from typing import Any

import pytest

from server import parameters
from server.db import transaction
from server.demo_people import person
from tests.factory import DAY
from tests.server.hall import Caller, Hall, assert_books_agree, code_of, problems_of

pytestmark = pytest.mark.anyio

OWN_PHONE, NEW_PHONE = "13987800001", "13987812345"
ADDRESS = {"address": "楚雄市鹿城镇彝人古镇 1 号", "postcode": "６７５０００"}


async def ask_code(hall: Hall, caller: Caller, business: str, phone: str) -> str:
    """The code as its reader would type it, out of the outbox."""
    answer = await caller.call(
        "POST", "/api/sms-codes", json={"business": business, "phone": phone}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["again_in_s"] > 0
    rows = await sql(
        hall, "select params ->> 'code' from sms_outbox where phone = %s and template = 'CODE'"
        " order by created_at desc limit 1", phone,
    )  # fmt: skip
    return str(rows[0][0])


async def sql(hall: Hall, statement: str, *values: Any) -> list[Any]:
    async with transaction(hall.pool) as conn:
        cursor = await conn.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


async def do(caller: Caller, business: str, head: dict[str, str], **codes: str) -> Any:
    """Saves and submits a form, with codes beside it."""
    saved, idem = await caller.save(business, [], head), str(uuid.uuid4())
    body = {
        "version": saved["version"],
        "approval": caller.approval(business, idem, [], head),
        "codes": codes,
    }
    path = f"/api/businesses/{business}/batches/{saved['batch_id']}/submit"
    return await caller.call("POST", path, json=body, headers={"Idempotency-Key": idem})


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def rows_of(caller: Caller, query: str, **filters: str) -> list[dict[str, Any]]:
    answer = await caller.call("GET", f"/api/queries/{query}", params=filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


async def open_people(caller: Caller, count: int = 2) -> list[str]:
    answer = await caller.do("account_opening", [person(n) for n in range(count)])
    assert answer.json()["state"] == "posted", answer.text
    people = (await caller.call("GET", "/api/people")).json()
    return [str(row[people["columns"].index("account")]) for row in people["rows"]]


async def test_journey_registration_is_changed_and_shows_everywhere(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    other = await hall.enter("州第二中学")
    facts = (await caller.call("GET", "/api/unit")).json()["unit"]
    assert facts["registration"]["address"] == ""
    assert facts["registration"]["agent_phone"] == "139****0001", "the client never has it whole"

    answer = await do(caller, "registration", ADDRESS | {"pay_day": "10日"})
    assert answer.json()["state"] == "posted", answer.text
    again = await do(caller, "registration", ADDRESS | {"telephone": "（0878）3123456 转 8"})
    assert again.json()["receipt_no"] == "2026-000002"

    record = (await rows_of(caller, "unit_record"))[0]
    assert (record["address"], record["postcode"]) == (ADDRESS["address"], "675000")
    assert (record["telephone"], record["pay_day"]) == ("0878-3123456-8", "10")
    assert record["operators"] == "李经办　139****0001"
    changes = await rows_of(caller, "registration_changes")
    assert {(c["item"], c["before"], c["after"]) for c in changes} == {
        ("telephone", None, "0878-3123456-8"),
        ("address", None, ADDRESS["address"]),
        ("postcode", None, "675000"),
        ("pay_day", None, "每月10日"),
    }, "what was typed as it was is no change"
    assert {(c["operator"], c["biz_day"]) for c in changes} == {("李经办", str(DAY))}
    assert len(await rows_of(caller, "registration_changes", item="address")) == 1
    assert await rows_of(caller, "registration_changes", from_day="2026-07-21") == []

    receipts = await sql(hall, "select content -> 'facts' from receipt order by number")
    facts_of = [dict(row[0]) for row in receipts]
    assert facts_of[0]["发薪日"] == "（空） → 每月10日"
    assert facts_of[1] == {"单位联系电话": "（空） → 0878-3123456-8"}

    assert await rows_of(other, "registration_changes") == []
    assert (await rows_of(other, "unit_record"))[0]["address"] is None
    audited = await sql(hall, "select unit_id, outcome from audit where action = 'registration'")
    assert audited == [(caller.unit_id, "ok")] * 2
    await assert_books_agree(hall)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({}, [(None, "", "U01")]),
        ({"nature": "国有企业"}, [(None, "nature", "U02")]),
        ({"legal_person": "王芳", "address": "新址"}, [(None, "legal_person", "U02")]),
        ({"email": "hr＠example"}, [(None, "email", "V22")]),
        ({"postcode": "67500"}, [(None, "postcode", "V22")]),
        ({"pay_day": "32"}, [(None, "pay_day", "V22")]),
        ({"telephone": "12345"}, [(None, "telephone", "V22")]),
        ({"agent_phone": "12345678901"}, [(None, "agent_phone", "V07")]),
        ({"agent_phone": OWN_PHONE}, [(None, "", "U01")]),
        ({"agent_phone": NEW_PHONE}, [(None, "code", "V01")]),
    ],
)
async def test_registration_refuses_at_the_field(
    hall: Hall, head: dict[str, str], expected: list[Any]
) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    answer = await do(caller, "registration", head)
    assert answer.status_code == 422
    assert problems_of(answer) == expected
    assert await sql(hall, "select count(*) from registration_change") == [(0,)]
    assert await sql(hall, "select count(*) from txn") == [(0,)]


async def test_same_values_again_are_no_change(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    await do(caller, "registration", ADDRESS)
    assert problems_of(await do(caller, "registration", ADDRESS)) == [(None, "", "U01")]


async def test_parameter_says_what_operators_may_change(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    async with transaction(hall.pool) as conn:
        await parameters.set_parameter(
            conn, "registration_online", "单位性质、电子信箱", DAY, "王主任"
        )
    answer = await do(caller, "registration", {"nature": "国有企业"})
    assert answer.json()["state"] == "posted", answer.text
    changes = await rows_of(caller, "registration_changes")
    assert [(c["item"], c["after"]) for c in changes] == [("nature", "国有企业")], "told in words"
    assert problems_of(await do(caller, "registration", ADDRESS)) == [
        (None, "address", "U02"), (None, "postcode", "U02"),
    ]  # fmt: skip


async def test_own_phone_is_changed_by_the_code_that_reached_it(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    colleague = await hall.colleague(caller.unit_id)
    code = await ask_code(hall, caller, "registration", NEW_PHONE)
    head = {"agent_phone": NEW_PHONE, "agent_telephone": "0878-3123456"}
    wrong = await do(caller, "registration", head, code=other_than(code))
    assert problems_of(wrong) == [(None, "code", "L19")]
    answer = await do(caller, "registration", head, code=code)
    assert answer.json()["state"] == "posted", answer.text

    phones = await sql(hall, "select phone, telephone from operator order by operator_id")
    assert phones == [(NEW_PHONE, "0878-3123456"), (OWN_PHONE, "")], "a colleague's stay"
    assert colleague
    spent = await do(caller, "registration", {"agent_phone": "13987899999"}, code=code)
    assert problems_of(spent) == [(None, "code", "L19")]
    told = await sql(
        hall, "select phone, masked_text from sms_outbox where template = 'PHONE_CHANGED'"
    )
    assert [row[0] for row in told] == [OWN_PHONE] and "尾号2345" in told[0][1]
    changes = await rows_of(caller, "registration_changes", item="agent_phone")
    assert [(c["before"], c["after"]) for c in changes] == [("139****0001", "139****2345")]
    kept = await sql(hall, "select before, after from registration_change"
                           " where item = 'agent_phone'")  # fmt: skip
    assert kept == [(OWN_PHONE, NEW_PHONE)]


async def test_code_and_phone_stay_out_of_what_is_kept(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    account = (await open_people(caller))[0]
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    refused = await caller.call(
        "POST", "/api/businesses/phone_change/batches",
        json={"head": {"account": account, "phone": NEW_PHONE, "code": code}, "rows": []},
    )  # fmt: skip
    assert refused.status_code == 400, "a code has no place in what is saved"
    answer = await do(caller, "phone_change", {"account": account, "phone": NEW_PHONE}, code=code)
    assert answer.json()["state"] == "posted", answer.text
    kept = await sql(
        hall,
        """
        select to_jsonb(t)::text from batch t where business = 'phone_change'
        union all select to_jsonb(t)::text from txn t where business = 'phone_change'
        union all select to_jsonb(t)::text from receipt t where business = 'phone_change'
        union all select to_jsonb(t)::text from submission t
        union all select to_jsonb(t)::text from audit t
        """,
    )
    assert len(kept) > 4
    for (text,) in kept:
        assert NEW_PHONE not in text
        assert not re.search(rf'"{code}"', text)


async def test_journey_person_gets_a_new_phone_and_the_old_one_is_told(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    first, second = await open_people(caller)
    old = person(0)["phone"]
    head = {"account": first, "phone": NEW_PHONE}
    checked = (
        await caller.call(
            "POST", "/api/businesses/phone_change/check", json={"head": head, "rows": []}
        )
    ).json()
    assert checked["problems"] == [] and checked["head"]["name"] == person(0)["name"]
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    answer = await do(caller, "phone_change", head, code=code)
    assert answer.json()["state"] == "posted", answer.text

    people = await sql(
        hall, "select a.acct_id::text, p.phone, a.phone_mask from account a"
        " join person p using (unit_id, acct_id) order by 1",
    )  # fmt: skip
    other = person(1)["phone"]
    assert people == [
        (first, NEW_PHONE, "139****2345"), (second, other, f"{other[:3]}****{other[-4:]}"),
    ]  # fmt: skip
    facts = dict((await sql(hall, "select content -> 'facts' from receipt"
                                  " where business = 'phone_change'"))[0][0])  # fmt: skip
    assert facts["新手机号码"] == f"{old[:3]}****{old[-4:]} → 139****2345"
    told = await sql(hall, "select phone from sms_outbox where template = 'PHONE_CHANGED'")
    assert told == [(old,)]
    assert await rows_of(caller, "registration_changes") == [], "the unit's own is as it was"
    again = await do(caller, "phone_change", head, code=code)
    assert problems_of(again) == [(None, "phone", "U03")]
    await assert_books_agree(hall)


async def test_person_of_another_unit_is_not_there(hall: Hall) -> None:
    caller, other = await hall.enter("楚雄彩云科技有限公司"), await hall.enter("州第二中学")
    account = (await open_people(other))[0]
    head = {"account": account, "phone": NEW_PHONE}
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    answer = await do(caller, "phone_change", head, code=code)
    assert problems_of(answer) == [(None, "account", "G03")]
    assert person(0)["phone"] not in answer.text
    stolen = await do(other, "phone_change", head, code=code)
    assert problems_of(stolen) == [(None, "code", "L19")], "a code is one unit's"


async def test_known_phone_is_only_a_hint(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    first, _ = await open_people(caller)
    head = {"account": first, "phone": person(1)["phone"]}
    answer = await caller.call(
        "POST", "/api/businesses/phone_change/check", json={"head": head, "rows": []}
    )
    assert problems_of(answer) == [(None, "phone", "K07")]
    assert answer.json()["problems"][0]["level"] == "hint"


async def test_daily_limit_of_a_unit_holds(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    first, second = await open_people(caller)
    async with transaction(hall.pool) as conn:
        await parameters.set_parameter(conn, "phone_changes_per_day", "1", DAY, "王主任")
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    await do(caller, "phone_change", {"account": first, "phone": NEW_PHONE}, code=code)
    phone = "13987812346"
    code = await ask_code(hall, caller, "phone_change", phone)
    answer = await do(caller, "phone_change", {"account": second, "phone": phone}, code=code)
    assert problems_of(answer) == [(None, "", "U04")]


async def test_two_submissions_with_one_code_change_once(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    first, second = await open_people(caller)
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    answers = await asyncio.gather(
        do(caller, "phone_change", {"account": first, "phone": NEW_PHONE}, code=code),
        do(caller, "phone_change", {"account": second, "phone": NEW_PHONE}, code=code),
    )
    states = sorted(a.json().get("state", "refused") for a in answers)
    assert states == ["posted", "refused"]
    assert await sql(hall, "select count(*) from person where phone = %s", NEW_PHONE) == [(1,)]
    assert await sql(hall, "select count(*) from registration_change") == [(1,)]


async def test_same_submission_again_gets_the_first_answer_without_the_code(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    account = (await open_people(caller))[0]
    head, idem = {"account": account, "phone": NEW_PHONE}, str(uuid.uuid4())
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    saved = await caller.save("phone_change", [], head)
    body = {
        "version": saved["version"],
        "approval": caller.approval("phone_change", idem, [], head),
        "codes": {"code": code},
    }
    path = f"/api/businesses/phone_change/batches/{saved['batch_id']}/submit"
    headers = {"Idempotency-Key": idem}
    first = await caller.call("POST", path, json=body, headers=headers)
    again = await caller.call("POST", path, json=body, headers=headers)
    assert first.json() == again.json() and first.json()["state"] == "posted"


async def test_two_changes_at_once_leave_a_whole_history(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    colleague = await hall.colleague(caller.unit_id)
    await asyncio.gather(*(
        do(who, "registration", {"address": f"彝人古镇 {number} 号"})
        for number, who in enumerate([caller, colleague] * 3)
    ))  # fmt: skip
    changes = await rows_of(caller, "registration_changes")
    assert len(changes) == 6
    told = [(c["before"], c["after"]) for c in reversed(changes)]
    assert told[0][0] is None
    assert all(after == before for (_, after), (before, _) in pairwise(told))
    record = (await rows_of(caller, "unit_record"))[0]
    assert record["address"] == changes[0]["after"]


async def test_code_is_asked_for_only_where_a_business_has_one(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    for business, phone, code in (
        ("sealing", NEW_PHONE, "N03"), ("phone_change", "1398781234", "V07"),
    ):  # fmt: skip
        body = {"business": business, "phone": phone}
        assert code_of(await caller.call("POST", "/api/sms-codes", json=body)) == code
    caller.cookies.clear()
    body = {"business": "phone_change", "phone": NEW_PHONE}
    assert code_of(await caller.call("POST", "/api/sms-codes", json=body)) == "N01"
    assert await sql(hall, "select count(*) from sms_outbox") == [(0,)]


async def test_wrong_code_leaves_the_person_and_counts(hall: Hall) -> None:
    caller = await hall.enter("楚雄彩云科技有限公司")
    account = (await open_people(caller))[0]
    code = await ask_code(hall, caller, "phone_change", NEW_PHONE)
    head = {"account": account, "phone": NEW_PHONE}
    wrong = other_than(code)
    for _ in range(5):
        assert problems_of(await do(caller, "phone_change", head, code=wrong)) == [
            (None, "code", "L19")
        ]
    last = await do(caller, "phone_change", head, code=code)
    assert problems_of(last) == [(None, "code", "L19")], "five wrong tries use it up"
    assert await sql(hall, "select count(*) from registration_change") == [(0,)]
