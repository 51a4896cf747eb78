"""A unit's first year at the real window, by keyboard and accessibility tree: from a spreadsheet
of its people to their interest, and at the end what the screen says is what the ledger says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pypdfium2
import pytest
import python_calamine
import xlsxwriter

from hpf_desktop.demo import services
from server import demo_ca, units
from server.business.month import Month
from server.db import open_pool, transaction
from server.demo_people import id_number, person
from server.enrolment import Operator, bind_certificate
from tests.journeys.desk_work import (
    Line,
    ask_books,
    code_to,
    counter,
    fen_in,
    fen_of,
    fill_in_file,
    find_person,
    lines_of,
    money,
    run_server,
    submit,
    total_of,
    until_lines,
)
from tests.journeys.stranger import Node, Stranger, ask_bank, office, with_key

pytestmark = pytest.mark.slow
UNIT_NAME, USCC, BANK_NO = "牟定县彝和食品有限公司", "91532331MA7K3QW5XQ", "5323230099887766"
CLERK = Operator("鲁经办", "532323199204080029", "13808789911")
# Numbers as text, text as numbers, a unit behind one: as offices write them.
BASES: dict[str, tuple[object, int]] = {
    "段明珠": (5200, 5200_00), "李雁": ("6,350.00", 6350_00), "杞光荣": (7100.5, 7100_50),
    "普成": ("12800", 12800_00), "白玉芳": (3980, 3980_00), "起云山": (4444.44, 4444_44),
    "罗正茂": ("8000元", 8000_00), "者米·阿花": (9150, 9150_00), "沐春和": (2600, 2600_00),
    "鲁学文": (15000, 15000_00), "周燕子": (6000, 6000_00), "和丽军": (5555, 5555_00),
}  # fmt: skip
RATIO, RATIO_LATER = 8, 10  # per cent
MONTHLY_TYPED, BASE_OF_IT_FEN = ("段明珠", "1500"), 9375_00
BASE_TYPED, BASE_TYPED_FEN = ("杞光荣", "9000"), 9000_00
MOVED = person(1003)  # sealed in the demo's second unit
MOVED_BASE_FEN = 5000_00
BROUGHT_SINCE, PAID = date(2026, 6, 18), date(2026, 7, 20)
FIRST_YEAR, SECOND_YEAR = date(2026, 7, 1), date(2027, 7, 1)  # when each one's interest is in
NEW_PHONE = ("起云山", "15108780077")
PRINTING_S = 60.0
STATEMENT = ("上年结转余额", "当年缴存额", "当年提取额", "利息额", "本息合计")


@dataclass
class Work:
    """Who sits where, and the printer beside them."""

    user: Stranger
    server: services.Server
    unit_id: int
    folder: Path
    printed: Path


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """A unit that the counter has just opened, its clerk's key in the reader, the client open."""
    (tmp_path / "office").mkdir()
    with office(tmp_path / "office") as server:
        ca = demo_ca.DemoCa(server.ca.parents[2])
        key = demo_ca.issue_operator(ca, "yihe", demo_ca.Holder(UNIT_NAME, USCC, CLERK.name))
        unit_id = asyncio.run(open_unit(server, key.der))
        account = {"account_no": BANK_NO, "holder": UNIT_NAME, "balance_fen": 900_000_00}
        ask_bank(server, "POST", "accounts", account)
        ask_bank(server, "POST", "agreements", {"agreement": "XY-YIHE", "account_no": BANK_NO})
        with with_key(server, key, tmp_path) as user:
            yield Work(user, server, unit_id, tmp_path, tmp_path / "office" / "printed")


async def open_unit(server: services.Server, certificate: bytes) -> int:
    """What the counter does before the clerk can: opens, signs the account, binds the key."""
    opening = units.Opening(
        UNIT_NAME, USCC, "532323", 5323, Month.of(2026, 6), RATIO * 100, RATIO * 100
    )
    signed = units.SignedAccount(BANK_NO, UNIT_NAME, "中国建设银行牟定支行", "105", "XY-YIHE")
    async with open_pool(server.database, 1) as pool, transaction(pool) as conn:
        unit_id = await units.open_unit(conn, opening)
        await units.sign_account(conn, unit_id, signed)
        await bind_certificate(conn, unit_id, CLERK, certificate)
    return unit_id


def test_first_year_of_a_unit_ends_with_the_screen_and_the_ledger_equal(work: Work) -> None:
    user = work.user
    user.log_in()
    open_accounts(work)
    due_fen = sum(2 * share(base_fen, RATIO) for _, base_fen in BASES.values())
    remit(work, due_fen)
    change_bases(work)
    later = {name: base_fen for name, (_, base_fen) in BASES.items()}
    later |= {MONTHLY_TYPED[0]: BASE_OF_IT_FEN, BASE_TYPED[0]: BASE_TYPED_FEN}
    raise_ratio(work, sum(2 * share(base_fen, RATIO_LATER) for base_fen in later.values()))
    brought_fen = transfer_in(work)
    change_phone(work)
    look_into_the_payment(work, due_fen)
    reprint(work)
    interest_fen = earn_interest(work, brought_fen)
    later |= {MOVED["name"]: MOVED_BASE_FEN}
    monthly_fen = sum(2 * share(base_fen, RATIO_LATER) for base_fen in later.values())
    agree(work, len(later), monthly_fen, due_fen + brought_fen + interest_fen)


def interest(amount_fen: int, since: date, until: date) -> int:
    """At 1.5 % of a year of 360 days, half a fen upwards; ``until`` itself bears none."""
    return (amount_fen * (until - since).days + 12_000) // 24_000


def share(base_fen: int, percent: int) -> int:
    """Of one payer, to the yuan, a half upwards."""
    return (base_fen * percent + 5000) // 10000 * 100


# --- The businesses ---


def open_accounts(work: Work) -> None:
    """个人账户设立 from a file with a title above its header and a total below its people."""
    user, roster = work.user, work.folder / "new-people.xlsx"
    write_roster(roster)
    user.key("ctrl+i")
    fill_in_file(user, roster)
    user.node("import_dialog")
    user.key("alt+i")
    user.words(f"共 {len(BASES)} 行　　错误 0")
    user.key("F9")
    user.words("校验通过")
    submit(user)
    user.words(f"已提交 {len(BASES)} 行")


def write_roster(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("花名册")
        sheet.merge_range(0, 0, 0, 5, f"{UNIT_NAME} 2026 年 7 月在职人员")
        for column, head in enumerate(("序号", "员工姓名", "身份证号", "联系电话", "工资基数")):
            sheet.write(1, column, head)
        for number, (name, (base, _)) in enumerate(BASES.items()):
            sheet.write_row(
                number + 2, 0,
                (number + 1, name, whole_id(number), 15908783100 + number, base),
            )  # fmt: skip
        sheet.write(len(BASES) + 2, 0, "合计")
        sheet.write(len(BASES) + 2, 4, sum(fen for _, fen in BASES.values()) / 100)


def whole_id(number: int) -> str:
    month, day = number * 5 % 12 + 1, number * 7 % 27 + 1
    return id_number(
        "532331", Month.of(1979 + number, month).first_day.replace(day=day), 500 + number * 7
    )


def remit(work: Work, due_fen: int) -> None:
    """汇缴 of the first month, in real time: the sums before, and the bank's money after."""
    user = work.user
    user.go("汇缴")
    user.has_focus("until")
    user.type("2026-07")
    user.key("Tab", "Down")
    user.until(lambda _: user.node("due")["text"] == money(due_fen), "what is due")
    submit(user)
    user.words("汇缴成功")
    accounts = ask_bank(work.server, "GET", "accounts")
    left = next(one["balance_fen"] for one in accounts if one["account_no"] == BANK_NO)
    assert left == 900_000_00 - due_fen


def change_bases(work: Work) -> None:
    """缴存基数变更: the monthly amount typed for one, the base for the other."""
    user = work.user
    user.go("缴存基数变更")
    user.has_focus("sheet")
    find_person(user, 0, "dmz", MONTHLY_TYPED[0])
    user.type(MONTHLY_TYPED[1])
    user.key("Tab")
    user.cell_says(0, "缴存基数", money(BASE_OF_IT_FEN))
    user.key("ctrl+Home", "Down")
    find_person(user, 1, "qgr", BASE_TYPED[0])
    user.key("Right")
    user.type(BASE_TYPED[1])
    user.key("Tab")
    user.cell_says(1, "月缴存额", money(2 * share(BASE_TYPED_FEN, RATIO)))
    submit(user)


def raise_ratio(work: Work, monthly_fen: int) -> None:
    """单位比例变更: too high is refused beside the field; else the dry run tells the effect."""
    user = work.user
    user.go("单位比例变更")
    user.has_focus("unit_ratio")
    user.type("13")
    assert "5% 至 12%" in user.words("错误：单位比例应在")
    user.key("ctrl+a")
    user.type(str(RATIO_LATER))
    user.until(
        lambda nodes: any(money(monthly_fen) in n["name"] for n in nodes),
        f"{money(monthly_fen)} in the dry run", cells=True,
    )  # fmt: skip
    user.key("Tab", "Tab", "Tab")
    user.has_focus("reason")
    user.key("Down", "Down")
    submit(user)


def transfer_in(work: Work) -> int:
    """个人转移 by the whole ID number, whose owner is masked until they are here. What comes."""
    user = work.user
    (second,) = ask_books(
        work.server, "select unit_id from unit where name = %s", "楚雄州第二中学"
    )[0]
    user.go("个人转移")
    user.has_focus("from_unit")
    user.type(str(second))
    user.key("Return")
    user.has_focus("sheet")
    user.type(MOVED["id_number"])
    user.key("Tab")
    masked = "*" * (len(MOVED["name"]) - 1) + MOVED["name"][-1]
    user.cell_says(0, "姓名", masked)
    account = int(user.cell(0, "个人账号")["name"])
    statement = "select balance_fen from account where unit_id = %s and acct_id = %s"
    ((brought_fen,),) = ask_books(work.server, statement, second, account)
    user.key("ctrl+Home", *["Right"] * 5)
    user.type(str(MOVED_BASE_FEN // 100))
    user.key("Tab")
    user.cell_says(0, "月缴存额", money(2 * share(MOVED_BASE_FEN, RATIO_LATER)))
    submit(user)
    return int(brought_fen)


def change_phone(work: Work) -> None:
    """预留手机号变更 with the code that came to the new phone."""
    user, (name, phone) = work.user, NEW_PHONE
    user.go("预留手机号变更")
    user.has_focus("account")
    user.type("qys")
    user.key("Down", "Return")
    user.until(lambda _: user.node("name")["text"] == name, name)
    user.key("Tab", "Tab", "Tab")
    user.has_focus("phone")
    user.type(phone)
    user.key("Tab", "Tab", "space")
    user.has_focus("code")
    found = user.until(lambda _: code_to(work.server, phone), "the short message")
    user.type(found)
    submit(user)


# --- Queries and prints ---


def look_into_the_payment(work: Work, due_fen: int) -> None:
    """单位缴存明细查询 to the people of the payment; sorted, exported, printed."""
    user = work.user
    user.go("单位缴存明细查询")
    assert until_lines(user, 1)[0]["金额"] == money(due_fen)
    user.key("Return")
    user.words("缴存人员明细 ")
    assert total_of(until_lines(user, len(BASES)), "合计") == due_fen
    user.key("End", "alt+Down")
    amounts = sorted((2 * share(fen, RATIO) for _, fen in BASES.values()), reverse=True)
    wanted = [money(fen) for fen in amounts]
    user.until(
        lambda nodes: [one.get("余额") for one in lines_of(nodes)] == wanted, "the largest first",
        within="rows", cells=True,
    )  # fmt: skip
    export = work.folder / "people.xlsx"
    user.key("ctrl+e")
    fill_in_file(user, export)
    user.words(f"已导出 {len(BASES)} 行")
    told = python_calamine.CalamineWorkbook.from_path(export).get_sheet_by_index(0).to_python()
    assert [money(fen_in(row[6])) for row in told[5:-1]] == wanted
    assert fen_in(told[-1][5]) == due_fen
    user.key("ctrl+p")
    user.has_focus("打印")
    assert money(due_fen) in print_it(work)
    user.key("Escape")
    user.until(lambda nodes: not any(n["id"] == "document_view" for n in nodes), "the list again")


def reprint(work: Work) -> None:
    """凭证重打 of the newest receipt: it says 补打, and is counted."""
    user = work.user
    user.go("凭证重打")
    first = until_lines(user, 6)[0]
    assert first["打印次数"] == "0"
    user.until(lambda nodes: any(first["回单号"] in n["name"] for n in nodes), "its preview")
    user.until(lambda nodes: any(is_ready(n) for n in nodes), "its preview's print button")
    assert first["回单号"] in print_it(work, "ctrl+p")
    user.until(lambda nodes: lines_of(nodes)[0]["打印次数"] == "1", "the count",
               within="rows", cells=True)  # fmt: skip


def is_ready(node: Node) -> bool:
    return node["name"] == "打印" and "enabled" in node["states"]


def print_it(work: Work, key: str = "space") -> str:
    """The words on the paper that comes out."""
    before = set(work.printed.glob("job-*.pdf"))
    work.user.key(key)
    (paper,) = work.user.until(
        lambda _: set(work.printed.glob("job-*.pdf")) - before, "paper", PRINTING_S
    )
    with pypdfium2.PdfDocument(paper) as pdf:
        return "".join(page.get_textpage().get_text_range() for page in pdf)


def earn_interest(work: Work, brought_fen: int) -> int:
    """年终结息 of two years at the counter; 单位结息对账单 of the second one, to a person's year in
    it. All that the unit's people have earned."""
    user, server = work.user, work.server
    counter(server, "qian", "settle-interest", year=str(FIRST_YEAR.year))
    counter(server, "li", "set-day", day=str(SECOND_YEAR))
    counter(server, "qian", "settle-interest", year=str(SECOND_YEAR.year))
    first_fen = interest(brought_fen, BROUGHT_SINCE, FIRST_YEAR)
    paid = {name: 2 * share(base_fen, RATIO) for name, (_, base_fen) in BASES.items()}
    earned = {name: interest(fen, PAID, SECOND_YEAR) for name, fen in paid.items()}
    earned[MOVED["name"]] = interest(brought_fen + first_fen, FIRST_YEAR, SECOND_YEAR)
    opened = {MOVED["name"]: brought_fen + first_fen}

    user.go("单位结息对账单查询")
    until_lines(user, len(earned) + 1)  # Who was moved brought the first year along.
    user.tab_to("year")  # From the rows, past their totals.
    user.type(str(SECOND_YEAR.year))
    user.key("Return")
    shown = until_lines(user, len(earned))
    user.picture("interest")
    said = {line["姓名"]: tuple(fen_of(line[column]) for column in STATEMENT) for line in shown}
    assert said == {
        name: (
            opened.get(name, 0), paid.get(name, 0), 0, fen,
            opened.get(name, 0) + paid.get(name, 0) + fen,
        )
        for name, fen in earned.items()
    }  # fmt: skip
    totals = [n["name"] for n in user.look(within="totals", cells=True)]
    assert money(sum(earned.values())) in totals
    statement = "select total_fen from txn where unit_id = %s and idem = %s"
    posted = ask_books(server, statement, work.unit_id, f"settlement-{SECOND_YEAR.year}")
    assert posted == [(sum(earned.values()),)]
    see_a_persons_year(work, next(line for line in shown if line["姓名"] in BASES))
    return first_fen + sum(earned.values())


def see_a_persons_year(work: Work, line: Line) -> None:
    """What was paid and what it earned, each with the balance after it."""
    user, columns = work.user, ("业务类型", "金额", "余额")
    user.tab_to("name")
    user.type(line["姓名"])
    user.key("Return")
    assert until_lines(user, 1) == [line]
    user.press("明细")
    user.words("结息年度明细 ")
    lines = [tuple(one[column] for column in columns) for one in until_lines(user, 2)]
    user.picture("interest-year")
    assert lines == [
        ("汇缴", line["当年缴存额"], line["当年缴存额"]),
        ("年终结息", line["利息额"], line["本息合计"]),
    ]
    user.key("Escape")
    user.words("单位结息对账单查询")


def agree(work: Work, persons: int, monthly_fen: int, balance_fen: int) -> None:
    """单位下人员明细查询, what we worked out ourselves, and the ledger: one and the same."""
    user = work.user
    user.go("单位下人员明细查询")
    shown = until_lines(user, persons)
    assert total_of(shown, "月缴存额") == monthly_fen
    assert total_of(shown, "余额") == balance_fen
    totals = [n["name"] for n in user.look(within="totals", cells=True)]
    assert money(monthly_fen) in totals and money(balance_fen) in totals
    statement = (
        "select count(*), sum(unit_fen + personal_fen)::bigint, sum(balance_fen)::bigint"
        " from account where unit_id = %s"
    )
    assert ask_books(work.server, statement, work.unit_id) == [(persons, monthly_fen, balance_fen)]
    run_server(work.server, "check-books")
