"""The books of a year: reports against plain reckoning, and every way they can be wrong found."""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import psycopg
import pytest

from server.books import command
from server.books.balances import trial_balance
from server.books.statements import ledger_statement, person_statement
from server.business.chart import Gl
from server.db import Connection, Pool, open_pool, transaction
from server.ledger.balance import books, disagreements
from tests.ledger.year import YEAR

pytestmark = pytest.mark.anyio
Day = datetime.date
NEW_YEAR = Day(YEAR + 1, 1, 4)


@pytest.fixture
async def played(year: str) -> AsyncIterator[Pool]:
    async with open_pool(year, 2) as pool:
        yield pool


def postings(url: str) -> list[tuple[Day, str, str, int]]:
    """Day, debit, credit and amount of all there are."""
    with psycopg.connect(url) as conn:
        return conn.execute(
            "select t.biz_day, p.debit, p.credit, p.amount_fen from posting p"
            " join txn t using (unit_id, txn_id)"
        ).fetchall()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (Day(YEAR, 1, 1), Day(YEAR, 12, 31)),
        (Day(YEAR, 4, 1), Day(YEAR, 4, 30)),
        (Day(YEAR, 7, 5), NEW_YEAR),
        (NEW_YEAR, NEW_YEAR),
    ],
)
async def test_trial_balance_is_what_the_postings_come_to(
    played: Pool, year: str, first: Day, last: Day
) -> None:
    opening, dr, cr = (defaultdict(int) for _ in range(3))
    for day, debit, credit, fen in postings(year):
        for gl, sign, side in ((debit, 1, dr), (credit, -1, cr)):
            for account in {gl, gl[:3]}:
                if day < first:
                    opening[account] += sign * fen
                elif day <= last:
                    side[account] += fen
    async with transaction(played) as conn:
        table = await trial_balance(conn, first, last)
    assert {line.gl: (line.opening_fen, line.dr_fen, line.cr_fen) for line in table.lines} == {
        gl: (opening[gl], dr[gl], cr[gl]) for gl in {*opening, *dr, *cr}
    }
    assert table.total[0] == table.total[1]
    assert sum(line.closing_fen for line in table.lines if not line.is_subtotal) == 0


async def test_year_end_leaves_income_and_expense_at_nothing(played: Pool, year: str) -> None:
    async with transaction(played) as conn:
        before = await trial_balance(conn, Day(YEAR, 1, 1), Day(YEAR, 11, 30))
        after = await trial_balance(conn, Day(YEAR, 12, 1), Day(YEAR, 12, 31))
    assert any(line.closing_fen for line in before.lines if line.gl in ("401", "411"))
    closing = {line.gl: line.closing_fen for line in after.lines}
    assert {gl: fen for gl, fen in closing.items() if gl[:3] in ("401", "411") and fen} == {}
    income = sum(fen for _, _, credit, fen in postings(year) if credit[:3] == "401")
    expense = sum(
        fen for _, debit, credit, fen in postings(year)
        if debit[:3] == "411" and credit != "311"
    )  # fmt: skip
    assert closing["311"] == expense - income != 0


@pytest.mark.parametrize("gl", [Gl.DEPOSITS, Gl.PREPAYMENT, Gl.MEMBERS, Gl.CLEARING])
async def test_ledger_statement_runs_from_opening_to_closing(played: Pool, gl: Gl) -> None:
    first, last = Day(YEAR, 3, 1), Day(YEAR, 10, 31)
    async with transaction(played) as conn:
        lines = [line async for line in ledger_statement(conn, gl, first, last)]
        table = await trial_balance(conn, first, last)
    (account,) = [line for line in table.lines if line.gl == gl]
    moved = [line for line in lines if line.txn_id]
    assert lines[0].balance_fen == account.opening_fen
    assert lines[-1].balance_fen == account.closing_fen
    assert sum(line.dr_fen for line in moved) == account.dr_fen
    assert sum(line.cr_fen for line in moved) == account.cr_fen
    for one, following in zip([lines[0], *moved], moved, strict=False):
        change = following.dr_fen - following.cr_fen
        assert following.balance_fen == one.balance_fen + change
    months = [line for line in lines if line.label == "本月合计"]
    assert [line.day.month for line in months] == sorted({line.day.month for line in moved})
    assert sum(line.dr_fen for line in months) == account.dr_fen
    days = [line for line in lines if line.label == "本日合计"]
    assert bool(days) == (gl is Gl.DEPOSITS)
    assert sum(line.dr_fen for line in days) in (0, account.dr_fen)


async def test_unit_statements_of_the_prepayment_account_sum_up_to_it(played: Pool) -> None:
    first, last = Day(YEAR, 6, 1), NEW_YEAR
    async with transaction(played) as conn:
        units = await (await conn.execute("select unit_id, prepayment_fen from unit")).fetchall()
        for unit_id, prepayment_fen in units:
            lines = [
                line async for line in ledger_statement(conn, Gl.PREPAYMENT, first, last, unit_id)
            ]
            assert lines[-1].balance_fen == -prepayment_fen


async def test_person_statement_ends_at_the_balance_of_each_account(played: Pool) -> None:
    seen: set[str] = set()
    async with transaction(played) as conn:
        rows = await conn.execute("select unit_id, acct_id, balance_fen from account")
        for unit_id, account, balance_fen in await rows.fetchall():
            lines = await person_statement(conn, unit_id, account, Day.min, NEW_YEAR)
            assert lines[-1].balance_fen == -balance_fen
            half = await person_statement(conn, unit_id, account, Day(YEAR, 7, 1), NEW_YEAR)
            before = [line for line in lines if line.day < Day(YEAR, 7, 1)]
            assert half[0].balance_fen == before[-1].balance_fen
            seen |= {line.label for line in lines}
    assert {"汇缴", "冲正", "错缴更正", "补缴—不定额补缴", "年终结息"} <= seen


async def test_books_of_a_year_agree(played: Pool) -> None:
    async with transaction(played) as conn:
        assert (await books(conn)).disagreements == []


SPOILED = {
    "update entry set amount_fen = amount_fen + 1 where month % 12 = 3": "个人余额不等于分录合计",
    "update entry set biz_day = biz_day + 1 where month % 12 = 3": "分录的营业日与业务不同",
    "update entry set acct_id = acct_id + 5000000 where month % 12 = 3": "分录没有对应的个人账户",
    "update entry set unit_id = 99 where month % 12 = 3": "分录没有对应的业务",
    "update entry set balance_fen = balance_fen - 1 where month % 12 = 3": "分录与摘要不符",
    "update account set balance_fen = balance_fen + 1"
    " where status = '01'": "② 个人余额合计不等于 201 余额",
    "update account set balance_fen = balance_fen + 2"
    " where status = '01'": "⑤ 单位个人余额合计不等于 201",
    "update account set moment = moment + 1 where status = '01'": "个人积数不等于分录合计",
    "update account set opening_fen = opening_fen + 1"
    " where status = '01'": "结息后余额与对账单不符",
    "update unit set members_fen = members_fen + 1": "② 单位 201 余额不等于科目发生额",
    "update unit set prepayment_fen = prepayment_fen + 1": "③ 单位预缴余额不等于科目 21901",
    "update unit set deposits_fen = deposits_fen + 1": "单位余额不等于科目 101 发生额",
    "update unit set reserved_fen = 1 where prepayment_fen > 0": "预缴占用不等于在途缴款",
    "update posting set amount_fen = amount_fen + 1": "① 凭证不等于业务金额",
    "update posting set credit = '21903' where credit = '21901'": "错账待处理 21903 没有来由",
    "update posting set credit = '101' where credit = '21904'": "单位间往来没有结清",
    "update suspense set amount_fen = 2 where state = 'open'": "暂收款合计不等于 21902 余额",
    "update gl_day set dr_fen = dr_fen + 1": "日结借方不等于凭证",
    "update gl_day set balance_fen = balance_fen + 1": "日结余额不等于凭证",
    "delete from gl_day where gl = '201'": "日结贷方不等于凭证",
    "update txn set biz_day = biz_day - 20 where business = 'cheque'": "日结借方不等于凭证",
    "update txn set biz_day = '2099-01-01' where business = 'voucher'": "业务记在以后的营业日",
    "update txn set reverses = (select min(txn_id) from txn o where o.unit_id = txn.unit_id)"
    " where business = 'remittance' and txn_id = (select max(txn_id) from txn o"
    " where o.unit_id = txn.unit_id and business = 'remittance')": "冲正与原分录不符",
    "update posting p set debit = '21902' from txn t where t.reverses is not null"
    " and t.txn_id = p.txn_id": "冲正与原凭证不符",
    "update txn_part set persons = persons + 1": "月份人数不等于分录",
    "update txn_part set paying = paying + 1": "月份缴存人数不等于分录",
    "update txn_part set unit_fen = unit_fen + 1": "月份单位部分不等于分录",
    "update txn_part set amount_fen = amount_fen + 1": "月份合计不等于分录",
    "delete from txn_part": "分录与摘要不符",
    "update chain set hash = '\\x00' where position = 3": "账务链断裂",
    "update unit set chain_hash = '\\x00'": "账务链不完整",
    "update txn set head = '{}' where business = 'cheque'": "账务链断裂",
    "update receipt set number = number + 50 where number = 2": "回单号不连续",
    "update unit set receipt_count = receipt_count + 1": "回单计数与回单不符",
    "insert into account (unit_id, acct_id, name, id_mask, phone_mask, status, from_month,"
    " base_fen, unit_fen, personal_fen, opened_day)"
    " values (7, 7, '', '', '', '01', 0, 0, 0, 0, '2026-01-01')": "个人账户没有单位",
    "update account set moment = moment + 1 where arrived > 0": "转入账户积数不等于历次分录合计",
    "update account set opening_fen = 1 where arrived > 0": "转入账户上年结转与对账单不符",
    "update stay set upto_position = 2": "转入账户余额不等于历次分录合计",
    "update account set status = '01' where status = '99'": "个人账户同时属于几个单位",
    "update person set unit_id = 7": "人员不在账户所属单位",
    "update txn set idem = 'x' where business = 'transfer_out'": "转出没有对应的转入",
    "update entry set amount_fen = 1 from txn t where t.business = 'transfer'"
    " and t.txn_id = entry.txn_id": "转移两方金额不一致",
    "insert into segment values (7, 9, 7, 7, 1, 0, 0, 0)": "缴存区间没有个人账户",
    "insert into segment select unit_id, from_month + 1, acct_id, 7, from_month, 0, 0, 0"
    " from account where from_month < until_month": "缴存区间重叠",
}


@pytest.mark.parametrize("change", SPOILED, ids=SPOILED.values())
async def test_books_that_somebody_spoiled_say_how(played: Pool, year: str, change: str) -> None:
    with psycopg.connect(year, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")  # Foreign keys would save us.
        assert owner.execute(change).rowcount > 0
    async with transaction(played) as conn:
        found = {finding.name for finding in await disagreements(conn)}
    assert any(name.startswith(SPOILED[change]) for name in found), found


def asked(url: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        env=os.environ | {"HPF_DATABASE_URL": url}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_check_books_tells_the_rows_in_question(year: str) -> None:
    code, text = asked(year, "check-books")
    assert (code, "不符　" in text) == (0, False), text
    assert "尚无，101 未与银行核对" in text
    with psycopg.connect(year, autocommit=True) as owner:
        row = owner.execute(
            "update account set balance_fen = balance_fen + 1 where acct_id ="
            " (select min(acct_id) from account) returning unit_id, acct_id, balance_fen"
        ).fetchone()
    assert row
    code, text = asked(year, "check-books")
    assert code == 1
    words = f"单位 {row[0]}，个人账号 {row[1]}，应为 {row[2] - 1}，实为 {row[2]}"
    assert f"个人余额不等于分录合计：{words}" in text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("update reconciliation set closing_fen = closing_fen + 1", "不等于银行余额"),
        ("update reconciliation_line set bank_fen = bank_fen + 1", "不等于银行余额"),
        ("update posting set amount_fen = amount_fen + 1 where debit = '101'", "对账后有变"),
    ],
)
async def test_bank_balance_that_does_not_agree_is_found(
    played: Pool, year: str, change: str, word: str
) -> None:
    with psycopg.connect(year, autocommit=True) as owner:
        owner.execute(
            """
            insert into reconciliation (day, opening_fen, listed_fen, closing_fen, book_fen)
            select '2026-11-30', 1000, 0, sum(dr_fen - cr_fen) + 1500, sum(dr_fen - cr_fen)
            from voucher_line v join txn t using (unit_id, txn_id)
            where gl = '101' and biz_day <= '2026-11-30'
            """
        )
        owner.execute(
            "insert into reconciliation_line values"
            " ('2026-11-30', 1, 'bank_only', 'B1', null, null, 500, 0, '')"
        )
    async with transaction(played) as conn:
        assert [f for f in await disagreements(conn) if "④" in f.name] == []
    with psycopg.connect(year, autocommit=True) as owner:
        owner.execute(change)
    async with transaction(played) as conn:
        found = [f.name for f in await disagreements(conn) if "④" in f.name]
    assert any(word in name for name in found), found


def test_statements_on_the_command_line_are_those_of_the_books(year: str) -> None:
    code, text = asked(
        year, "ledger-statement", "101", "--from", "2026-03-01", "--to", "2026-04-30"
    )
    assert code == 0
    assert "银行存款日记账　101 住房公积金存款　2026-03-01 至 2026-04-30" in text
    words = "期初余额", "本日合计", "支票入预缴户", "财务凭证—归集手续费"
    assert [word for word in words if word not in text] == []
    assert text.count("本月合计") == 2
    with psycopg.connect(year) as conn:
        unit, account, fen = conn.execute(
            "select unit_id, acct_id, balance_fen from account order by 2 limit 1"
        ).fetchone() or (0, 0, 0)
    code, text = asked(year, "account-statement", str(unit), str(account))
    assert code == 0
    assert text.splitlines()[-1].endswith(f"贷 {fen / 100:18,.2f}")
    code, text = asked(year, "account-statement", str(unit), "532300000000")
    assert (code, "G03" in text or "不在本单位" in text) == (1, True)
    code, text = asked(year, "trial-balance", "--from", "2026-05-01", "--to", "2026-04-01")
    assert (code, "起始日期" in text) == (1, True)


def test_reports_cannot_write(year: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def write(conn: Connection, arguments: argparse.Namespace) -> int:
        await conn.execute("update centre set name = ''")
        return 0

    monkeypatch.setenv("HPF_DATABASE_URL", year)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        command._reading(write, argparse.Namespace())
