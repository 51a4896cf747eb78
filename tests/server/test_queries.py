"""Laws over all queries: whose rows, in which order, page after page, and what they come to."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from server import interest, parameters, queries
from server.books.close import close_day
from server.business.kinds import Money, MonthKind
from server.business.queries import QUERIES
from server.business.query import DICTIONARY, PARENT, Query
from server.business.refusals import Refused
from server.business.roster_queries import ROSTER, SEAL_CHANGES
from server.db import Pool, new_id, transaction
from server.demo_people import person
from server.receipts import lists
from tests import asked
from tests.factory import DAY, NEXT_MONTH, Desk, give_prepayment, open_unit
from tests.receipts.samples import text_of
from tests.server.hall import Caller, Hall

pytestmark = pytest.mark.anyio
REASONS = "01 终止劳动关系；02 调出待转移；03 退休待销户；04 死亡；05 停薪留职或长假；06 服兵役；07 单位停缴；08 出国出境；09 重复开户待并户；99 其他"  # noqa: E501

# What has rows once ``busy_unit`` has settled a year.
ALWAYS = (
    "roster", "payments", "payment_persons", "payment_progress", "payment_steps", "seal_changes",
    "remittance_months", "remittance_changes", "interest_statements", "interest_year", "receipts",
)  # fmt: skip


async def busy_unit(pool: Pool, first: int = 0, name: str = "楚雄彩云科技有限公司") -> Desk:
    """People who came, left, came back and were paid for: something for every query to show."""
    desk = await open_unit(pool, name, account_no=f"5323010000{first:03d}")
    await desk.open_people(range(first, first + 9))
    await give_prepayment(desk, 900_000_00)
    accounts = await desk.accounts()
    sealed = [
        {"account": str(a), "reason": r} for a, r in zip(accounts, ("01", "05"), strict=False)
    ]
    await desk.do("sealing", sealed)
    await desk.remit(NEXT_MONTH)
    await desk.do("unsealing", [{"account": str(accounts[0])}])
    serial = new_id()
    await desk.sql(
        """
        insert into payment (unit_id, payment_id, business, batch_id, idem, operator_id, login_kind,
                             amount_fen, account_no, state)
        values (%s, %s, 'prepayment', 7, 'seven', 1, 'certificate', 5, '', 'failed')
        """,
        desk.unit_id, serial,
    )  # fmt: skip
    await desk.sql("insert into payment_step values (%s, %s, 1, 'pending')", desk.unit_id, serial)
    await desk.sql("insert into payment_step values (%s, %s, 2, 'failed')", desk.unit_id, serial)
    return desk


async def settle(pool: Pool) -> None:
    """A year later everybody has a statement of interest."""
    async with transaction(pool) as conn:
        await close_day(conn, datetime.date(2027, 7, 5))
    for year in (2026, 2027):
        await interest.settle_year(pool, year, "王主任")


async def rows_of(desk: Desk, query: Query, values: dict[str, Any], **asked: Any) -> queries.Page:
    async with transaction(desk.pool) as conn:
        return await queries.run(conn, query, desk.unit_id, values, **asked)


async def values_of(desk: Desk, query: Query) -> dict[str, Any] | None:
    async with transaction(desk.pool) as conn:
        return await asked.values_of(conn, query, desk.unit_id)


async def everything(desk: Desk) -> dict[str, Any]:
    """All that a unit's operator can be shown, page, export and totals."""
    found: dict[str, Any] = {}
    for query in QUERIES:
        values = await values_of(desk, query)
        if values is None:
            continue
        page = await rows_of(desk, query, values)
        async with transaction(desk.pool) as conn:
            exported = [r async for r in queries.all_rows(conn, query, desk.unit_id, values)]
        assert exported == page.rows
        found[query.code] = (page.rows, page.count, page.totals)
    return found


async def test_no_query_shows_anything_of_another_unit(pool: Pool) -> None:
    desk = await busy_unit(pool)
    before = await everything(desk)
    other = await busy_unit(pool, 100, "州第二中学")
    assert await everything(desk) == before
    await settle(pool)
    shown = await everything(desk)
    assert all(shown[code][1] for code in ALWAYS)
    own = set(await desk.accounts())
    for query in QUERIES:
        values = await values_of(other, query)
        page = await rows_of(desk, query, values) if values else None
        if page and is_own(query):
            assert page.count == 0, query.code
        elif page:
            assert {row["account"] for row in page.rows if "account" in row} <= own, query.code


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.code)
async def test_pages_follow_each_other_under_every_sort(pool: Pool, query: Query) -> None:
    desk = await busy_unit(pool)
    if "interest" in query.code:
        await settle(pool)
    values = await values_of(desk, query)
    if values is None:
        assert query.code not in ALWAYS
        pytest.skip("nothing opens it here")
    natural = (await rows_of(desk, query, values)).rows
    sorts = [queries.Sort(c, down) for c in query.sortable for down in (False, True)]
    for sort in (None, *sorts):
        whole = await rows_of(desk, query, values, sort=sort)
        paged, after = list[dict[str, Any]](), None
        while after is not None or not paged:
            page = await rows_of(desk, query, values, sort=sort, after=after, limit=2)
            if after is None:
                assert (page.count, page.totals) == (whole.count, whole.totals)
            paged += page.rows
            after = page.after
            if after is None:
                break
        assert paged == whole.rows
        if sort and not isinstance(natural[0][sort.column.key] if natural else None, str):
            assert paged == in_order(natural, sort)


def in_order(natural: list[dict[str, Any]], sort: queries.Sort) -> list[dict[str, Any]]:
    """Stable over the query's own order; what has no value comes last."""
    key = sort.column.key
    valued = [row for row in natural if row[key] is not None]
    # Reversed twice: from the greatest on, equals still stand in the query's order.
    valued = valued[::-1] if sort.is_descending else valued
    valued.sort(key=lambda row: row[key])
    valued = valued[::-1] if sort.is_descending else valued
    return valued + [row for row in natural if row[key] is None]


async def test_names_stand_as_in_a_dictionary_and_rare_ones_before(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(7))
    names = ["周平", "𬎆晓龙", "安然", "Maria", "李\ue000", "李明", "阿依·买买提"]
    for account, name in zip(await desk.accounts(), names, strict=True):
        await desk.sql("update account set name = %s where acct_id = %s", name, account)
    sort = queries.parse_sort(ROSTER, "name")
    rows = (await rows_of(desk, ROSTER, {}, sort=sort)).rows
    assert [row["name"] for row in rows] == [
        "Maria", "𬎆晓龙", "阿依·买买提", "安然", "李\ue000", "李明", "周平",
    ]  # fmt: skip


async def test_rows_added_meanwhile_neither_repeat_nor_hide_others(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(10))
    for text in ("", "name", "-name", "base", "-balance_fen"):
        sort = queries.parse_sort(ROSTER, text)
        known = [row["account"] for row in (await rows_of(desk, ROSTER, {}, sort=sort)).rows]
        seen, after = list[int](), None
        fresh = iter(range(len(known) * 10, len(known) * 10 + 1000, 2))
        for turn in range(100):
            page = await rows_of(desk, ROSTER, {}, sort=sort, after=after, limit=3)
            seen += [row["account"] for row in page.rows]
            if turn < 3:
                first = next(fresh)
                await desk.open_people(range(first, first + 2))
            after = page.after
            if after is None:
                break
        assert [account for account in seen if account in known] == known
        assert len(seen) == len(set(seen))


async def test_totals_are_those_of_the_ledger(pool: Pool) -> None:
    desk = await busy_unit(pool)
    await busy_unit(pool, 100, "州第二中学")
    shown = await everything(desk)
    (members,) = await desk.sql("select members_fen from unit where unit_id = %s", desk.unit_id)
    assert shown["roster"][2]["balance_fen"] == members[0] > 0
    paid = await desk.sql(
        """
        select sum(p.amount_fen)::bigint
        from posting p join txn t using (unit_id, txn_id) join receipt r using (unit_id, txn_id)
        where unit_id = %s and t.business = 'remittance' and p.credit = '201'
        """,
        desk.unit_id,
    )
    assert shown["payments"][2]["amount"] == paid[0][0] == members[0]
    newest = shown["payments"][0][0]
    credited = await desk.sql(
        "select sum(unit_fen)::bigint, sum(amount_fen)::bigint from entry"
        " where unit_id = %s and txn_id = %s",
        desk.unit_id, newest["serial"],
    )  # fmt: skip
    totals = shown["payment_persons"][2]
    assert (totals["unit_fen"], totals["amount"]) == credited[0]
    assert totals["personal_fen"] == totals["amount"] - totals["unit_fen"]
    assert newest["amount"] == totals["amount"]


async def test_totals_of_a_page_are_those_of_the_whole(pool: Pool) -> None:
    """Small results are added up here, large ones by the database: both must come to the same."""
    desk = await busy_unit(pool)
    for query in QUERIES:
        values = await values_of(desk, query)
        if values is not None:
            whole = await rows_of(desk, query, values)
            first = await rows_of(desk, query, values, limit=1)
            assert (whole.count, whole.totals) == (first.count, first.totals), query.code


@pytest.mark.parametrize("after", ["x", "", "1,2", "1:", "1:2", "9" * 30, "1'--", "\x00", ":", ","])
async def test_cursor_that_is_none_is_refused(pool: Pool, after: str) -> None:
    desk = await busy_unit(pool)
    with pytest.raises(Refused) as refused:
        await rows_of(desk, ROSTER, {}, after=after)
    assert refused.value.reason.code == "N03"


@pytest.mark.parametrize("text", ["unit_id", "-", "name desc", "name;", "--name", "1"])
def test_sort_by_what_is_no_column_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        queries.parse_sort(ROSTER, text)
    assert refused.value.reason.code == "N03"


def is_own(query: Query) -> bool:
    """Opened by what only one unit has; a month is nobody's own."""
    parent = next((f.field.kind for f in query.filters if f.field.key == PARENT), None)
    return parent is not None and not isinstance(parent, MonthKind)


RANGES = [q for q in QUERIES if any(f.since == "from_day" for f in q.filters)]


@pytest.mark.parametrize("query", RANGES, ids=lambda query: query.code)
def test_range_that_ends_before_it_begins_is_refused_at_its_end(query: Query) -> None:
    with pytest.raises(Refused) as refused:
        queries.parse_filters(query, {"from_day": "2026-07-02", "to_day": "2026-07-01"})
    assert [(p.code, p.key) for p in refused.value.problems] == [("E21", "to_day")]


async def test_every_character_has_its_place(pool: Pool) -> None:
    desk = await open_unit(pool)
    every = "".join(chr(n) for n in range(1, 0x110000) if not 0xD800 <= n < 0xE000)
    (size,) = await desk.sql(f"select length({DICTIONARY.format('%s::text')})", every)
    assert size[0] > len(every)


# --- 单位封存启封查询 ---


async def test_sealing_and_unsealing_are_listed_with_their_reasons(pool: Pool) -> None:
    desk = await busy_unit(pool)
    page = await rows_of(desk, SEAL_CHANGES, {})
    told = [(row["kind"], row["reason"], row["month"]) for row in page.rows]
    assert told[0] == ("04", None, NEXT_MONTH.plus(1))
    assert sorted(told[1:]) == [
        ("05", "停薪留职或长假", NEXT_MONTH), ("05", "终止劳动关系", NEXT_MONTH),
    ]  # fmt: skip
    assert all(row["receipt_no"] and row["biz_day"] == DAY for row in page.rows)
    accounts = await desk.accounts()
    assert (await rows_of(desk, SEAL_CHANGES, {"kind": "05"})).count == 2
    assert (await rows_of(desk, SEAL_CHANGES, {"account": accounts[0]})).count == 2
    assert (await rows_of(desk, SEAL_CHANGES, {"to_day": DAY - datetime.timedelta(1)})).count == 0
    assert (await rows_of(desk, SEAL_CHANGES, {"from_day": DAY, "to_day": DAY})).count == 3


async def test_reason_bears_the_name_it_had_on_the_day(pool: Pool) -> None:
    desk = await open_unit(pool)
    await desk.open_people(range(3))
    accounts = await desk.accounts()
    renamed = REASONS.replace("终止劳动关系", "解除或终止劳动合同")
    later = DAY + datetime.timedelta(1)
    async with transaction(pool) as conn:
        await parameters.set_parameter(conn, "seal_reasons", renamed, later, "张主任")
    await desk.do("sealing", [{"account": str(accounts[0]), "reason": "01"}])
    await desk.sql("update centre set business_day = %s", later)
    rows = [
        {"account": str(a), "reason": r} for a, r in zip(accounts[1:], ("01", "99"), strict=True)
    ]
    await desk.do("sealing", rows)
    page = await rows_of(desk, SEAL_CHANGES, {})
    names = {row["account"]: row["reason"] for row in page.rows}
    assert names == dict(zip(accounts, ("终止劳动关系", "解除或终止劳动合同", "其他"), strict=True))


# --- On paper ---


async def test_list_on_paper_has_every_row_its_total_and_who_asked(
    hall: Hall, caller: Caller, tmp_path: Path
) -> None:
    await caller.do("account_opening", [person(n) for n in range(120)])
    rows = (await caller.call("GET", "/api/queries/roster?limit=1000&sort=-base")).json()["rows"]
    answer = await caller.call("GET", "/api/queries/roster/pdf?sort=-base&status=01")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    words = text_of(answer.content, tmp_path, "-layout")
    places = [words.index(str(row["account"])) for row in rows]
    assert places == sorted(places) and len(places) == 120
    total = sum(row["monthly_fen"] for row in rows)
    for said in (
        "单位下人员明细查询", "楚雄彩云科技有限公司", str(caller.unit_id), "李经办", "状态 正常",
        Money().show(total), "本页小计", "不作业务凭证",
    ):  # fmt: skip
        assert said in words, said
    assert re.search(r"合计\s+120 行", words)
    assert "验证码" not in words and "编号" not in words
    assert size_of(answer.content) == pytest.approx((841.89, 595.276))
    assert await desk_prints(hall, caller) == 0


async def desk_prints(hall: Hall, caller: Caller) -> int:
    """A list is no receipt: nobody counts it."""
    return int((await hall.desks[caller.unit_id].sql("select count(*) from print"))[0][0])


def size_of(pdf: bytes) -> tuple[float, float]:
    with pypdfium2.PdfDocument(pdf) as document:
        return document.get_page_size(0)


async def test_too_many_rows_are_not_put_on_paper(
    hall: Hall, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.do("account_opening", [person(n) for n in range(3)])
    monkeypatch.setattr(lists, "ROWS_MAX", 2)
    answer = await caller.call("GET", "/api/queries/roster/pdf")
    assert (answer.status_code, answer.json()["code"]) == (422, "N16")
    one = await caller.call("GET", "/api/queries/roster/pdf?status=02")
    assert one.status_code == 200, one.text


async def test_paper_of_what_another_units_row_opens_is_empty(hall: Hall, caller: Caller) -> None:
    other = await hall.enter("州第二中学")
    await other.do("account_opening", [person(0)])
    answer = await caller.call("GET", "/api/queries/roster/pdf")
    assert answer.status_code == 200
    with pypdfium2.PdfDocument(answer.content) as document:
        words = document[0].get_textpage().get_text_bounded()
    assert "合计　0 行" in words and person(0)["name"] not in words
