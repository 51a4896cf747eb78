"""Submitting batches and forms against a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from server import units
from server.business.account_opening import ACCOUNT_OPENING
from server.business.month import Month
from server.business.refusals import Refused
from server.business.sealing import SEALING
from server.db import Pool, open_pool, transaction
from server.demo_people import person
from server.ledger.balance import books
from tests.factory import NEXT_MONTH, give_prepayment, open_unit

pytestmark = pytest.mark.anyio


async def test_opening_good_rows_opens_accounts_with_receipt(pool: Pool) -> None:
    desk = await open_unit(pool)
    answer = await desk.open_people(range(3))
    assert (answer.state, answer.receipt_no, answer.rows) == ("posted", "2026-000001", 3)
    rows = await desk.sql("select status, unit_fen, personal_fen, from_month from account")
    assert len(rows) == 3 and all(row[0] == "01" and row[1] == row[2] > 0 for row in rows)
    assert {row[3] for row in rows} == {int(NEXT_MONTH)}


async def test_opening_one_bad_row_posts_nothing_and_names_the_cell(pool: Pool) -> None:
    desk = await open_unit(pool)
    rows = [
        person(1),
        person(2) | {"base": "1.00"},
        person(3) | {"id_number": "532301199003070013"},
    ]
    with pytest.raises(Refused) as refused:
        await desk.do("account_opening", rows)
    assert refused.value.reason.code == "G14"
    found = {(p.row, p.key, p.code) for p in refused.value.problems}
    assert found == {(1, "base", "K08"), (2, "id_number", "K01")}
    assert await desk.accounts() == []
    assert await desk.sql("select count(*) from txn") == [(0,)]


async def test_opening_only_passing_posts_good_rows_and_keeps_the_rest(pool: Pool) -> None:
    desk = await open_unit(pool)
    rows = [person(1), person(2) | {"base": "1.00"}, person(3)]
    answer = await desk.do("account_opening", rows, only_passing=True)
    assert (answer.state, answer.rows) == ("posted", 2)
    left = await desk.sql("select state, rows from batch where batch_id = %s", answer.left_batch_id)
    assert left == [("saved", [rows[1]])]


async def test_opening_registered_elsewhere_says_which_way_leads_on(pool: Pool) -> None:
    desk, other = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
    await other.open_people(range(2))
    sealed, normal = await other.accounts()
    await other.do("sealing", [{"account": str(sealed), "reason": "02"}])
    await desk.open_people(range(5, 6))
    rows = [person(0), person(1) | {"name": "另一人"}, person(5)]
    with pytest.raises(Refused) as refused:
        await desk.do("account_opening", rows)
    found = {(p.row, p.code) for p in refused.value.problems if p.level == "error"}
    assert found == {(0, "K04A"), (1, "K04B"), (1, "K06"), (2, "K03A")}
    assert normal


async def test_opening_known_phone_is_only_a_hint(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(1))
    answer = await desk.do("account_opening", [person(9) | {"phone": person(0)["phone"]}])
    assert answer.state == "posted"


async def test_submit_same_key_twice_gives_first_answer_and_posts_once(pool: Pool) -> None:
    desk = await open_unit(pool)
    batch_id = await desk.save(ACCOUNT_OPENING, {}, [person(1)])
    first = await desk.submit(ACCOUNT_OPENING, batch_id, "same-key-1")
    assert await desk.submit(ACCOUNT_OPENING, batch_id, "same-key-1") == first
    assert await desk.sql("select count(*) from txn") == [(1,)]


async def test_submit_same_key_other_content_is_refused(pool: Pool) -> None:
    desk = await open_unit(pool)
    first = await desk.save(ACCOUNT_OPENING, {}, [person(1)])
    other = await desk.save(ACCOUNT_OPENING, {}, [person(2)])
    await desk.submit(ACCOUNT_OPENING, first, "same-key-1")
    with pytest.raises(Refused, match="G12"):
        await desk.submit(ACCOUNT_OPENING, other, "same-key-1")


async def test_submit_twenty_at_once_with_one_key_posts_once(pool: Pool) -> None:
    desk = await open_unit(pool)
    batch_id = await desk.save(ACCOUNT_OPENING, {}, [person(n) for n in range(20)])
    answers = await asyncio.gather(
        *(desk.submit(ACCOUNT_OPENING, batch_id, "same-key-1") for _ in range(20))
    )
    assert len(set(answers)) == 1
    assert await desk.sql("select count(*) from account") == [(20,)]


async def test_submit_two_keys_at_once_posts_one_and_refuses_the_other(pool: Pool) -> None:
    desk = await open_unit(pool)
    batch_id = await desk.save(ACCOUNT_OPENING, {}, [person(1)])
    results = await asyncio.gather(
        desk.submit(ACCOUNT_OPENING, batch_id, "first-key"),
        desk.submit(ACCOUNT_OPENING, batch_id, "second-key"),
        return_exceptions=True,
    )
    codes = sorted(r.reason.code if isinstance(r, Refused) else r.state for r in results)  # type: ignore[union-attr]
    assert codes == ["G11", "posted"]


async def test_two_units_open_the_same_person_at_once_only_one_does(pool: Pool) -> None:
    one, two = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
    results = await asyncio.gather(
        one.open_people(range(200)), two.open_people(range(200)), return_exceptions=True
    )
    assert sorted(isinstance(r, Refused) for r in results) == [False, True]
    assert await one.sql("select count(*) from person") == [(200,)]


async def test_ten_submissions_of_a_unit_in_line_leave_the_connections_to_others(
    database: str,
) -> None:
    """They wait before they take a connection: of three, one is left for another unit."""
    async with open_pool(database, 3) as pool:
        one, two = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
        saved = [await one.save(ACCOUNT_OPENING, {}, [person(n)]) for n in range(10)]
        async with transaction(pool) as conn:
            await units.lock(conn, one.unit_id)
            line = [
                asyncio.create_task(one.submit(ACCOUNT_OPENING, batch_id)) for batch_id in saved
            ]
            await asyncio.sleep(0.2)
            answer = await asyncio.wait_for(two.open_people(range(20, 21)), 5)
            assert answer.state == "posted"
            assert not any(task.done() for task in line)
        answers = await asyncio.gather(*line)
    assert {a.state for a in answers} == {"posted"}


async def test_saved_version_is_stale_is_refused(pool: Pool) -> None:
    desk = await open_unit(pool)
    batch_id = await desk.save(ACCOUNT_OPENING, {}, [person(1)])
    with pytest.raises(Refused, match="G08"):
        await desk.submit(ACCOUNT_OPENING, batch_id, version=2)


async def test_batch_of_another_unit_is_not_found(pool: Pool) -> None:
    one, two = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
    batch_id = await one.save(ACCOUNT_OPENING, {}, [person(1)])
    with pytest.raises(Refused, match="G13"):
        await two.submit(ACCOUNT_OPENING, batch_id)


async def test_sealing_another_units_person_is_refused_at_the_account(pool: Pool) -> None:
    one, two = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
    await two.open_people(range(1))
    (account,) = await two.accounts()
    with pytest.raises(Refused) as refused:
        await one.do("sealing", [{"account": str(account), "reason": "01"}])
    assert [(p.row, p.key, p.code) for p in refused.value.problems] == [(0, "account", "G03")]


async def test_sealing_then_unsealing_restores_the_roster(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(2))
    first, _ = await desk.accounts()

    async def due(month: Month) -> int:
        async with transaction(pool) as conn:
            return (await units.due(conn, desk.unit_id, month, month))[month].persons

    await desk.do(
        "sealing", [{"account": str(first), "reason": "01", "month": str(NEXT_MONTH.plus(1))}]
    )
    assert [await due(NEXT_MONTH.plus(n)) for n in range(4)] == [2, 1, 1, 1]
    await desk.do("unsealing", [{"account": str(first), "month": str(NEXT_MONTH.plus(2))}])
    assert [await due(NEXT_MONTH.plus(n)) for n in range(4)] == [2, 1, 2, 2]


async def test_remittance_vector_of_the_handbook(pool: Pool) -> None:
    """Domain 4.11: 甲 1200 from month 1, 乙 800 sealed in month 2, 丙 1000 from month 2.

    The months come to 2000, 2200 and 2200.
    """
    desk = await open_unit(pool)
    people = [
        person(1) | {"base": "5000.00"},
        person(2) | {"base": "3333.33"},
        person(3) | {"base": "4166.67"},
    ]
    months = [NEXT_MONTH, NEXT_MONTH, NEXT_MONTH.plus(1)]
    rows = [p | {"month": str(m)} for p, m in zip(people, months, strict=True)]
    await desk.do("account_opening", rows)
    _, second, _ = await desk.accounts()
    await desk.do(
        "sealing", [{"account": str(second), "reason": "01", "month": str(NEXT_MONTH.plus(1))}]
    )
    async with transaction(pool) as conn:
        due = await units.due(conn, desk.unit_id, NEXT_MONTH, NEXT_MONTH.plus(2))
    assert [d.amount_fen for d in due.values()] == [2000_00, 2200_00, 2200_00]


async def test_remittance_from_prepayment_short_is_refused_with_the_difference(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(3))
    await give_prepayment(desk, 100_00)
    with pytest.raises(Refused) as refused:
        await desk.do("remittance", until=str(NEXT_MONTH), method="prepayment")
    (problem,) = refused.value.problems
    assert (problem.code, problem.key) == ("H06", "method") and "100.00" in problem.text


async def test_remittance_from_prepayment_credits_each_month_and_advances(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(40))
    await give_prepayment(desk, 1_000_000_00)
    until = NEXT_MONTH.plus(1)
    answer = await desk.do("remittance", until=str(until), method="prepayment")
    entries = await desk.sql(
        "select acct_id, month, amount_fen, balance_fen from entry order by 1, 2"
    )
    assert len(entries) == 80 and sum(e[2] for e in entries) == answer.amount_fen
    assert all(b[3] == a[3] + b[2] for a, b in zip(entries[::2], entries[1::2], strict=True))
    (unit,) = await desk.sql(
        "select paid_through, members_fen, prepayment_fen, status from unit where unit_id > 0"
    )
    assert unit == (int(until), answer.amount_fen, 1_000_000_00 - answer.amount_fen, "01")
    async with transaction(pool) as conn:
        found = [d for d in (await books(conn)).disagreements if "回单" not in d]
    assert found == []


async def test_remittance_again_for_the_same_month_is_refused(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(2))
    await give_prepayment(desk, 1_000_000_00)
    await desk.do("remittance", until=str(NEXT_MONTH), method="prepayment")
    with pytest.raises(Refused) as refused:
        await desk.do("remittance", until=str(NEXT_MONTH), method="prepayment")
    assert [p.code for p in refused.value.problems] == ["H01"]


async def test_remittance_unsigned_unit_is_told_the_way_to_sign(pool: Pool) -> None:
    desk = await open_unit(pool, signed=False)
    await desk.open_people(range(2))
    with pytest.raises(Refused) as refused:
        await desk.do("remittance", until=str(NEXT_MONTH), method="settle")
    assert [p.code for p in refused.value.problems] == ["H05"]
    with pytest.raises(Refused) as refused:
        await desk.do("prepayment", amount="10.00")
    assert [p.code for p in refused.value.problems] == ["Y01"]


async def test_sealing_while_a_payment_is_in_flight_waits(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(2))
    paying = await desk.do("remittance", until=str(NEXT_MONTH), method="settle")
    assert paying.state == "paying"
    (account, _) = await desk.accounts()
    with pytest.raises(Refused) as refused:
        await desk.do("sealing", [{"account": str(account), "reason": "01"}])
    assert [p.code for p in refused.value.problems] == ["G02"]


async def test_receipt_numbers_have_no_gap_after_refusals(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(2))
    account = (await desk.accounts())[0]
    for reason in ("01", "77", "", "01"):
        try:
            await desk.do(SEALING.code, [{"account": str(account), "reason": reason}])
        except Refused:
            continue
        await desk.do("unsealing", [{"account": str(account)}])
    numbers = await desk.sql("select number from receipt order by number")
    assert numbers == [(n,) for n in range(1, 6)]


async def test_name_and_id_number_that_are_given_must_be_the_persons(pool: Pool) -> None:
    """The receipt says what is registered, however the list wrote it."""
    desk, other = await open_unit(pool), await open_unit(pool, "州第二中学", account_no="532302")
    await desk.do("account_opening", [person(1) | {"name": "阿依·买买提"}, person(2)])
    await other.open_people(range(5, 6))
    (first, second), (taken,) = await desk.accounts(), await other.accounts()
    wrong = [{"account": str(first), "reason": "01", "id_tail": person(2)["id_number"]},
             {"account": str(second), "reason": "01", "name": "阿依买买提"}]  # fmt: skip
    with pytest.raises(Refused) as refused:
        await desk.do("sealing", wrong)
    found = [(p.row, p.key, p.code) for p in refused.value.problems]
    assert found == [(0, "id_tail", "G16"), (1, "name", "G16")]
    right = {"name": "阿依买买提", "id_tail": person(1)["id_number"].lower()}
    await desk.do("sealing", [{"account": str(first), "reason": "01", **right}])
    (receipt,) = await desk.sql("select content::text from receipt where business = 'sealing'")
    assert "阿依·买买提" in receipt[0] and "阿依买买提" not in receipt[0]
    assert person(1)["id_number"] not in receipt[0]
    await other.do("sealing", [{"account": str(taken), "reason": "02"}])
    moved = {"person": str(taken), "base": "5000", "name": "别的人"}
    with pytest.raises(Refused) as refused:
        await desk.do("transfer", [moved], from_unit=str(other.unit_id))
    (problem,) = refused.value.problems
    assert (problem.key, problem.code) == ("name", "G16")
    assert person(5)["name"] not in problem.text
    answer = await desk.do(
        "transfer", [moved | {"name": person(5)["name"]}], from_unit=str(other.unit_id)
    )
    assert answer.state == "posted"
