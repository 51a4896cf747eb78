"""个人转移 on a real PostgreSQL: money and history go along, and both units' books stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from server import queries
from server.business.month import Month
from server.business.queries import query_of
from server.business.refusals import Refused
from server.db import Pool, transaction
from server.demo_people import person
from server.submission import Answer
from tests.factory import (
    DAY,
    NEXT_MONTH,
    PAID_THROUGH,
    Desk,
    assert_books_agree,
    open_unit,
    set_paid_through,
)

pytestmark = pytest.mark.anyio
MAY, JUNE, JULY, AUGUST = PAID_THROUGH, NEXT_MONTH, NEXT_MONTH.plus(1), NEXT_MONTH.plus(2)
FULL = "1"


async def unit_with_people(pool: Pool, name: str, numbers: range, sealed: int = 1) -> Desk:
    """People with June paid, 1200 each; the first of them are sealed from July on."""
    desk = await open_unit(pool, name, account_no=f"532301{numbers.start:07d}")
    rows = [person(n) | {"base": "5000.00", "month": str(JUNE)} for n in numbers]
    await desk.do("account_opening", rows)
    await desk.enter_cheque("100000", f"ZP{numbers.start}")
    await desk.remit(JUNE)
    await seal(desk, *(await desk.accounts())[:sealed])
    return desk


async def seal(desk: Desk, *accounts: int, month: Month = JULY) -> None:
    rows = [{"account": str(a), "reason": "02", "month": str(month)} for a in accounts]
    if rows:
        await desk.do("sealing", rows)


def pull(desk: Desk, giver: Desk, *people: Any, month: Month = JULY) -> Any:
    rows = [{"person": str(who), "month": str(month), "base": "6000"} for who in people]
    return desk.do("transfer", rows, from_unit=str(giver.unit_id))


@pytest.fixture
async def old(pool: Pool) -> Desk:
    return await unit_with_people(pool, "转出单位", range(1, 4))


@pytest.fixture
async def new(pool: Pool) -> Desk:
    return await unit_with_people(pool, "转入单位", range(11, 13), sealed=0)


async def rows_of(desk: Desk, code: str, **texts: str) -> list[dict[str, Any]]:
    query = query_of(code)
    async with transaction(desk.pool) as conn:
        values = queries.parse_filters(query, texts)
        return (await queries.run(conn, query, desk.unit_id, values)).rows


async def account_at(desk: Desk, account: int) -> tuple[Any, ...]:
    (row,) = await desk.sql(
        """
        select status, balance_fen, base_fen, unit_fen + personal_fen, paid_through, from_month
        from account where unit_id = %s and acct_id = %s
        """,
        desk.unit_id, account,
    )  # fmt: skip
    return tuple(row)


async def test_sealed_person_comes_with_the_balance_and_both_books_stand(
    pool: Pool, old: Desk, new: Desk
) -> None:
    account = (await old.accounts())[0]
    await pull(new, old, account)
    assert await account_at(new, account) == ("01", 1200_00, 6000_00, 1440_00, JUNE, JULY)
    assert (await account_at(old, account))[:2] == ("99", 0)
    postings = await new.sql(
        "select unit_id, debit, credit, amount_fen from posting"
        " where '21904' in (debit, credit) order by debit"
    )
    assert postings == [
        (old.unit_id, "201", "21904", 1200_00), (new.unit_id, "21904", "201", 1200_00),
    ]  # fmt: skip
    await assert_books_agree(pool)


async def test_each_half_has_its_place_in_its_units_chain_and_its_receipt(
    old: Desk, new: Desk
) -> None:
    account = (await old.accounts())[0]
    answer = await pull(new, old, account)
    found = await new.sql(
        """
        select t.unit_id, t.business, r.title, r.amount_fen, r.content->'facts', r.content->'rows',
               r.content->>'operator', c.txn_id is not null
        from txn t join receipt r using (unit_id, txn_id) join chain c using (unit_id, txn_id)
        where t.business like 'transfer%%' order by t.business
        """
    )
    took, gave = found
    assert took[:4] == (new.unit_id, "transfer", "个人转移回单", 1200_00)
    assert took[4] == [["转出单位账号", str(old.unit_id)], ["转出单位名称", "转出单位"]]
    name = person(1)["name"]
    assert took[5][0][:2] == [str(account), name]
    assert took[5][0][-2:] == ["1,200.00", str(JUNE)]
    assert gave[:4] == (old.unit_id, "transfer_out", "个人转出回单", 1200_00)
    assert gave[4][:2] == [["转入单位账号", str(new.unit_id)], ["转入单位名称", "转入单位"]]
    assert gave[4][2] == ["转入业务流水号", str(answer.serial)]
    assert gave[6] == "转入单位经办人", "the old unit does not learn who it was"
    assert took[7] and gave[7]


async def test_both_units_see_the_transfer_and_only_one_has_the_person(
    old: Desk, new: Desk
) -> None:
    account, other = (await old.accounts())[:2]
    await pull(new, old, account)
    for desk, direction in ((new, "transfer"), (old, "transfer_out")):
        (line,) = await rows_of(desk, "transfers")
        assert (line["direction"], line["account"], line["amount"]) == (direction, account, 1200_00)
        assert (line["from_name"], line["to_name"]) == ("转出单位", "转入单位")
        assert (line["from_unit"], line["to_unit"]) == (str(old.unit_id), str(new.unit_id))
        assert await rows_of(desk, "transfers", direction="转出" if desk is new else "转入") == []
    assert account in [row["account"] for row in await rows_of(new, "roster")]
    left = await rows_of(old, "roster")
    assert account not in [row["account"] for row in left] and other in [r["account"] for r in left]


REFUSALS = [
    ("Z01A", "from_unit", {"from_unit": "530199999993"}, ["Z02A"]),
    ("Z02B", "person", {"who": 1}, []),
    ("Z02A", "person", {"who": "532301199003070012"}, []),
    ("Z03", "month", {"month": JUNE}, []),
    ("K08", "base", {"base": "1"}, []),
]


@pytest.mark.parametrize(("code", "key", "change", "also"), REFUSALS)
async def test_refusal_stands_at_its_cell(
    old: Desk, new: Desk, code: str, key: str, change: dict[str, Any], also: Sequence[str]
) -> None:
    accounts = await old.accounts()
    who = change.get("who", 0)
    row = {
        "person": str(accounts[who]) if isinstance(who, int) else who,
        "month": str(change.get("month", JULY)), "base": change.get("base", "6000"),
    }  # fmt: skip
    unit = change.get("from_unit", str(old.unit_id))
    found = await new.refused(new.do("transfer", [row], from_unit=unit))
    place = None if key == "from_unit" else 0
    assert (place, key, code) in found
    assert sorted(c for _, _, c in found) == sorted([code, *also])


async def test_own_unit_frozen_and_twice_are_refused(old: Desk, new: Desk) -> None:
    account = (await old.accounts())[0]
    assert (None, "from_unit", "Z01B") in await old.refused(pull(old, old, account))
    number = person(1)["id_number"]
    assert await new.refused(pull(new, old, account, number)) == [(1, "person", "G07")]
    await old.sql("update account set is_frozen = true where acct_id = %s", account)
    assert await new.refused(pull(new, old, account)) == [(0, "person", "Z04")]


async def test_months_that_the_old_unit_owes_come_first(pool: Pool, old: Desk, new: Desk) -> None:
    account = (await old.accounts())[1]
    await seal(old, account, month=AUGUST)
    assert await new.refused(pull(new, old, account, month=AUGUST)) == [(0, "person", "Z06")]
    await old.remit(JULY)
    await pull(new, old, account, month=AUGUST)
    assert (await account_at(new, account))[:2] == ("01", 2400_00)
    await assert_books_agree(pool)


async def test_payment_under_way_in_either_unit_blocks(old: Desk, new: Desk) -> None:
    account = (await old.accounts())[0]
    paying = (
        "insert into payment (unit_id, payment_id, business, idem, operator_id, login_kind,"
        " amount_fen, account_no, state) values (%s, 5, 'remittance', 'x', 1, '', 1, '', 'unknown')"
    )
    await old.sql(paying, old.unit_id)
    assert await new.refused(pull(new, old, account)) == [(None, "from_unit", "Z05")]
    await old.sql("update payment set state = 'failed'")
    await new.sql(paying, new.unit_id)
    assert await new.refused(pull(new, old, account)) == [(None, "", "G02")]


async def test_paid_months_go_along_for_back_payments_and_stay_for_corrections(
    pool: Pool, old: Desk, new: Desk
) -> None:
    account = (await old.accounts())[0]
    await set_paid_through(new, JULY)
    await pull(new, old, account, month=AUGUST)
    again = {"account": str(account), "monthly": "100", "start": str(JUNE), "end": str(JUNE)}
    head = {"kind": FULL, "method": "prepayment"}
    assert await new.refused(new.do("back_payment", [again], **head)) == [(0, "start", "B02")]
    july = again | {"start": str(JULY), "end": str(JULY)}
    await new.do("back_payment", [july], **head)
    taken = {"account": str(account), "month": str(JUNE), "amount": "100"}
    found = await new.refused(new.counter.do("correction", [taken], reason="多缴"))
    assert found == [(0, "amount", "E02")]
    assert await old.refused(old.do("back_payment", [again], **head)) == [(0, "account", "G03")]
    await assert_books_agree(pool)


async def test_what_came_before_the_transfer_cannot_be_taken_back_any_more(
    pool: Pool, old: Desk, new: Desk
) -> None:
    accounts = await old.accounts()
    ((june,),) = await old.sql(
        "select txn_id from txn where unit_id = %s and business = 'remittance'", old.unit_id
    )
    await old.remit(JULY)
    await seal(old, accounts[1], month=AUGUST)
    answer = await pull(new, old, accounts[0], accounts[1], month=AUGUST)
    assert await old.refused(old.reverse(june)) == [(None, "", "E06")]
    assert await new.refused(new.reverse(answer.serial)) == [(None, "", "E08")]
    ((out,),) = await old.sql("select txn_id from txn where business = 'transfer_out'")
    assert await old.refused(old.reverse(out)) == [(None, "", "E08")]
    await assert_books_agree(pool)


async def test_paid_through_month_survives_a_reversal_in_the_new_unit(
    pool: Pool, old: Desk, new: Desk
) -> None:
    account = (await old.accounts())[0]
    await pull(new, old, account)
    paid = await new.remit(JULY)
    assert (await account_at(new, account))[4] == JULY
    await new.reverse(paid.serial)
    assert (await account_at(new, account))[4] == JUNE, "as it came"
    await assert_books_agree(pool)


async def test_remittance_that_concerns_others_can_still_be_reversed(old: Desk, new: Desk) -> None:
    await set_paid_through(old, JUNE)
    paid = await new.remit(JULY)
    await pull(new, old, (await old.accounts())[0], month=AUGUST)
    await new.reverse(paid.serial)


async def test_person_goes_back_and_forth_on_one_day(pool: Pool, old: Desk, new: Desk) -> None:
    account = (await old.accounts())[0]
    months = [JULY.plus(n) for n in range(5)]
    for giver, taker, month in zip((old, new) * 2, (new, old) * 2, months, strict=False):
        await pull(taker, giver, account, month=month)
        if month < months[3]:
            await seal(taker, account, month=month)
    stays = await old.sql(
        "select unit_id, nth, in_unit from stay where acct_id = %s order by 1, 2", account
    )
    ways = [old.unit_id, new.unit_id, old.unit_id, new.unit_id]
    assert [s for s in stays if s[0] == old.unit_id] == [
        (old.unit_id, n, unit) for n, unit in enumerate(ways, 1)
    ]
    assert (await account_at(old, account))[:2] == ("01", 1200_00)
    await assert_books_agree(pool)


async def test_without_a_balance_the_history_alone_goes(pool: Pool, old: Desk, new: Desk) -> None:
    await old.do("account_opening", [person(5) | {"month": str(AUGUST)}])
    account = (await old.accounts())[-1]
    await seal(old, account, month=AUGUST)
    await pull(new, old, person(5)["id_number"], month=AUGUST)
    assert (await account_at(new, account))[:2] == ("01", 0)
    (line,) = await rows_of(old, "transfers")
    assert line["amount"] == 0
    await assert_books_agree(pool)


async def test_normal_person_is_taken_where_the_centre_allows_it(
    pool: Pool, old: Desk, new: Desk
) -> None:
    await old.sql(
        "insert into parameter (key, from_day, value, set_by) values"
        " ('transfer_requires_sealed', %s, 'false', '王主任')", DAY,
    )  # fmt: skip
    account = (await old.accounts())[1]
    assert await new.refused(pull(new, old, account, month=AUGUST)) == [(0, "person", "Z06")]
    await pull(new, old, account)
    await old.remit(JULY)
    assert (await account_at(old, account))[:2] == ("99", 0), "due in July in one unit only"
    await assert_books_agree(pool)


@pytest.mark.slow
async def test_a_hundred_thousand_people_are_taken_in_one_batch(pool: Pool) -> None:
    """No statement may take longer than the database lets it, whatever it knows of the tables."""
    one = await open_unit(pool, "转出单位")
    new = await open_unit(pool, "转入单位", account_no="5323010000777")
    await one.sql(
        """
        with opened as (
            insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month,
                                 until_month, base_fen, unit_fen, personal_fen, opened_day)
            select %s, 600000000000 + n, '职工', '', '', '02', %s, %s, 500000, 60000, 60000, %s
            from generate_series(1, 100000) n returning unit_id, acct_id, name)
        insert into person (unit_id, acct_id, id_number, id_type, name, phone)
        select unit_id, acct_id, 'P' || acct_id, '03', name, '13900000000' from opened
        """,
        one.unit_id, int(JUNE), int(JUNE), DAY,
    )  # fmt: skip
    rows = [
        {"person": f"{'P' * (n % 2)}{600000000000 + n}", "month": str(JUNE), "base": "6000"}
        for n in range(1, 100_001)
    ]
    answer = await new.do("transfer", rows, from_unit=str(one.unit_id))
    assert (answer.state, answer.rows) == ("posted", 100_000)
    counted = "select status, count(*) from account where unit_id = %s group by 1"
    assert await one.sql(counted, one.unit_id) == [("99", 100_000)]
    assert await new.sql(counted, new.unit_id) == [("01", 100_000)]


async def test_transfer_waits_while_interest_is_being_settled(old: Desk, new: Desk) -> None:
    await old.sql(
        "insert into settlement (year, method, includes_settlement_day, is_segmented, prior_rate,"
        " current_rate, started_by) values (2026, 'DAILY_360', true, false, 1500, 1500, 'x')"
    )
    assert await new.refused(pull(new, old, (await old.accounts())[0])) == [(None, "", "Z09")]


# --- At once, on real locks ---


async def done_or_refused(work: Any) -> str:
    try:
        await work
    except Refused as refusal:
        problems = refusal.problems or [refusal.reason]
        return problems[0].code
    return "done"


async def test_two_units_take_from_each_other_at_once(pool: Pool) -> None:
    one = await unit_with_people(pool, "甲单位", range(1, 9), sealed=8)
    two = await unit_with_people(pool, "乙单位", range(21, 29), sealed=8)
    ours, theirs = await one.accounts(), await two.accounts()
    moves = [pull(two, one, account) for account in ours]
    moves += [pull(one, two, account) for account in theirs]
    answers = await asyncio.wait_for(asyncio.gather(*moves), 60)
    assert len({answer.serial for answer in answers if isinstance(answer, Answer)}) == 16
    live = "select acct_id from account where unit_id = %s and status = '01' order by 1"
    assert [row[0] for row in await one.sql(live, one.unit_id)] == theirs
    assert [row[0] for row in await one.sql(live, two.unit_id)] == ours
    await assert_books_agree(pool)


async def test_one_person_is_taken_once_whoever_asks(pool: Pool, old: Desk, new: Desk) -> None:
    third = await open_unit(pool, "第三单位", account_no="5323010000777")
    account = (await old.accounts())[0]
    answers = await asyncio.gather(
        *(done_or_refused(pull(taker, old, account)) for taker in (new, third, new, third))
    )
    assert sorted(answers) == ["Z02A", "Z02A", "Z02A", "done"]
    await assert_books_agree(pool)


async def test_transfer_against_the_same_persons_other_business(
    pool: Pool, old: Desk, new: Desk
) -> None:
    account = (await old.accounts())[0]
    back = {"account": str(account), "month": str(JULY)}
    born = person(1) | {"month": str(JULY)}
    answers = await asyncio.gather(
        done_or_refused(pull(new, old, account)),
        done_or_refused(old.do("unsealing", [back])),
        done_or_refused(new.do("account_opening", [born])),
        done_or_refused(old.remit(JULY)),
        done_or_refused(new.remit(JULY)),
    )
    taken, unsealed, opened, *_ = answers
    assert (taken == "done") != (unsealed == "done"), answers
    assert opened in ("K03A", "K04A", "K04B")
    await assert_books_agree(pool)
