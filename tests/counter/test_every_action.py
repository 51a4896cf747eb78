"""Every action of the counter done through both doors, and what it left behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server import demo_ca, suspense
from server.business.kinds import Money
from server.counter.actions import ACTIONS
from server.db import transaction
from server.ledger.balance import books
from server.outside.bank_wire import Detail, Direction
from tests import factory
from tests.counter.doors import PASSWORD, Door, Reply, sql
from tests.factory import DAY

pytestmark = pytest.mark.anyio
UNIT = {
    "name": "楚雄彩云科技有限公司", "uscc": "91532300MA6NTEQT85", "county": "532301",
    "branch": "5301", "first_month": "2026-07", "unit_ratio": "12%", "personal_ratio": "12%",
}  # fmt: skip
ACCOUNT = {
    "account_no": "5323-0100-00001", "holder": "楚雄彩云科技有限公司",
    "bank_name": "中国建设银行楚雄分行", "bank_code": "105", "agreement": "XY5323010000001",
}  # fmt: skip
OPENED_AT = "彝人古镇 1 号"
PERSON = {"name": "李经办", "id_number": "532301198512310024", "phone": "13987800001"}


async def open_unit(door: Door, **changes: str) -> str:
    opened = await door.do("teller1", "open-unit", **(UNIT | changes))
    assert opened.state == "done", opened
    return opened.row["unit"]


async def two_people(door: Door, first: str, code: str, **texts: str) -> Reply:
    """Entered by one, approved by whoever may."""
    entered = await door.do(first, code, **texts)
    assert (entered.state, entered.rows) == ("pending", []), entered
    second = "supervisor1" if first == "admin1" else "approver1"
    return await door.do(second, "approve", number=entered.number)


async def do_units(door: Door, ca: demo_ca.DemoCa) -> None:
    unit = await open_unit(door, address=OPENED_AT)
    shown = (await door.do("auditor1", "show-unit", unit=unit)).row
    assert shown["name"] == UNIT["name"] and shown["status"] == "开户"
    assert (shown["paid_through"], shown["unit_ratio"]) == ("2026-06", "12%")
    await do_registration(door, unit)
    first = await door.do("teller1", "sign-account", unit=unit, **ACCOUNT)
    assert first.row["account_no"] == "5323010000001" and first.row["use"] == "默认"
    other = ACCOUNT | {"account_no": "5323010000002"}
    both = await door.do("teller1", "sign-account", unit=unit, **other)
    assert [r.get("use") for r in both.rows] == ["默认", ""]
    chosen = await door.do("teller1", "choose-account", unit=unit, account_no="5323010000002")
    assert chosen.rows[0] == both.rows[1] | {"use": "默认"}
    left = await door.do("teller1", "cancel-account", unit=unit, account_no="5323010000002")
    assert left.row == both.rows[0]
    assert (await door.do("finance1", "list-accounts", unit=unit)).rows == left.rows
    await do_operators(door, ca, unit)


async def do_registration(door: Door, unit: str) -> None:
    registered = "select nature, address, telephone from registration where unit_id = %s"
    changes = {"nature": "国有企业", "address": "永安路 8 号", "telephone": "08783123456"}
    done = await door.do("teller1", "change-registration", unit=unit, **changes)
    assert done.row["unit"] == unit and done.row["receipt_no"]
    assert await sql(door, registered, int(unit)) == [("02", "永安路 8 号", "0878-3123456")]
    history = "select item, before, after from registration_change where unit_id = %s order by item"
    assert await sql(door, history, int(unit)) == [
        ("address", OPENED_AT, "永安路 8 号"), ("nature", "", "02"),
        ("telephone", "", "0878-3123456"),
    ]  # fmt: skip
    again = await door.do("teller1", "change-registration", unit=unit, **changes)
    assert again.refusal == "U01", "nothing is another now"


async def do_operators(door: Door, ca: demo_ca.DemoCa, unit: str) -> None:
    operator = (await door.do("teller1", "register-operator", unit=unit, **PERSON)).row["operator"]
    pem = ca.operator("p256").certificate_file.read_text()
    bound = await door.do(
        "teller1", "bind-certificate", unit=unit, operator=operator, certificate=pem
    )
    binding = bound.row["binding"]
    assert await sql(door, "select der from certificate where certificate_id = %s", binding) == [
        (ca.operator("p256").der,)
    ]
    stopped = (await door.do("teller1", "stop-operator", unit=unit, operator=operator)).row
    assert stopped["state"] == "停用" and stopped["phone_mask"] == "139****0001"
    restored = (await door.do("teller1", "restore-operator", unit=unit, operator=operator)).row
    assert (restored["state"], restored["bound"]) == ("在用", "已绑定")
    moved = {"unit": unit, "operator": operator, "phone": "13987800009"}
    changed = (await door.do("teller1", "change-operator-phone", **moved)).row
    assert changed == restored | {"phone_mask": "139****0009"}
    revoked = (await door.do("teller1", "revoke-certificate", unit=unit, binding=binding)).row
    assert revoked["bound"] == "已解除"
    assert (await door.do("teller1", "list-operators", unit=unit)).row == revoked


async def do_centre(door: Door, ca: demo_ca.DemoCa) -> None:
    assert (await door.do("teller1", "show-day")).row == {"day": "2026-07-20"}
    assert (await door.do("finance1", "day-end")).row == {"day": "2026-07-21"}
    assert (await door.do("admin1", "set-day", day="2026-08-01")).row == {"day": "2026-08-01"}
    setting = {"key": "remit_ahead_months", "value": "2", "from_day": "2026-08-01"}
    done = await two_people(door, "supervisor1", "set-parameter", **setting)
    assert done.row["key"] == "可提前汇缴月数" and done.row["state"] == "已复核"
    listed = (await door.do("teller1", "list-parameters")).rows
    assert [r["value"] for r in listed if r["key"] == "可提前汇缴月数"] == ["2 个月"]
    history = (await door.do("auditor1", "parameter-history", key="remit_ahead_months")).rows
    assert [(r["value"], r.get("set_by", "")) for r in history] == [
        ("0 个月", ""), ("2 个月", "supervisor1"),
    ]  # fmt: skip


async def do_staff(door: Door, ca: demo_ca.DemoCa) -> None:
    new = {"name": "wang", "shown": "王柜员", "role": "柜员"}
    added = await two_people(door, "admin1", "add-staff", **new)
    first = added.row["password"]
    assert (await door.do("wang", "show-day", _password=first)).refusal == "T02"
    own = {"old": first, "new": "Clouds-of-9-hues", "again": "Clouds-of-9-hues"}
    assert (await door.do("wang", "change-password", _password=first, **own)).state == "done"
    assert (await door.do("wang", "show-day", _password=first)).refusal in ("N01", "T01")
    assert (await door.do("wang", "show-day", _password=own["new"])).state == "done"
    reset = await two_people(door, "admin1", "reset-password", name="wang")
    assert (await door.do("wang", "show-day", _password=own["new"])).refusal in ("N01", "T01")
    assert (await door.do("wang", "show-day", _password=reset.row["password"])).refusal == "T02"
    assert (await door.do("admin1", "stop-staff", name="wang")).state == "done"
    stopped = await door.do("wang", "show-day", _password=reset.row["password"])
    assert stopped.refusal in ("N01", "T01")
    assert (await two_people(door, "admin1", "restore-staff", name="wang")).state == "done"
    listed = (await door.do("auditor1", "list-staff")).rows
    assert {"name": "wang", "shown": "王柜员", "role": "柜员", "state": "在用"} in listed
    trail = (await door.do("auditor1", "trail", since="2020-01-01", name="wang")).rows
    assert {r["shown"] for r in trail} == {"王柜员"} and len(trail) >= 5
    assert {"修改密码", "当前营业日"} < {r["action"] for r in trail}
    assert {"成功", "T02"} <= {r["outcome"] for r in trail}
    checked = (await door.do("auditor1", "check-trail")).row
    assert checked["verdict"] == "完整" and int(checked["length"]) > 10


async def do_decisions(door: Door, ca: demo_ca.DemoCa) -> None:
    setting = {"key": "remit_ahead_months", "value": "2", "from_day": "2026-07-20"}
    number = (await door.do("supervisor1", "set-parameter", **setting)).number
    (waiting,) = (await door.do("approver1", "pending")).rows
    assert (waiting["number"], waiting["entered_by"]) == (number, "主管1")
    assert waiting["content"] == "参数：可提前汇缴月数；参数值：2；生效日期：2026-07-20"
    rejected = await door.do("approver1", "reject", number=number, reason="文号不符")
    assert rejected.row["state"] == "已退回"
    assert (await door.do("approver1", "pending")).rows == []
    assert (await door.do("approver1", "approve", number=number)).refusal == "T06"
    assert await sql(door, "select count(*) from parameter") == [(0,)]
    own = (await door.do("supervisor1", "own-deeds", since="2020-01-01")).row
    assert (own["number"], own["label"]) == (number, "设置参数")
    assert (own["state"], own["decided_by"], own["reason"]) == ("已退回", "复核1", "文号不符")


CHEQUE = {
    "cheque_no": "30904421", "drawer": "楚雄州财政局", "received_day": "2026-07-17",
    "amount": "50,000.00",
}  # fmt: skip


async def paying_unit(door: Door) -> factory.Desk:
    """With three people of whom nothing is paid yet."""
    desk = await factory.open_unit(door.pool)
    await desk.open_people(range(3))
    return desk


async def put_cheque(door: Door, unit: str, **changes: str) -> str:
    """Its serial."""
    done = await two_people(door, "finance1", "cheque", unit=unit, **(CHEQUE | changes))
    assert done.row["state"] == "已复核" and done.row["unit"] == unit
    return done.row["serial"]


async def balances(door: Door, unit: str) -> tuple[str, str]:
    shown = (await door.do("finance1", "show-unit", unit=unit)).row
    return shown["prepayment"], shown["status"]


async def do_money(door: Door, ca: demo_ca.DemoCa) -> None:
    desk = await paying_unit(door)
    unit = str(desk.unit_id)
    await put_cheque(door, unit)
    receipts = await sql(door, "select business, title, content from receipt order by number")
    title, content = next(r[1:] for r in receipts if r[0] == "cheque")
    assert (title, content["operator"], content["login"]) == ("单位预缴回单", "财务1", "中心柜台")
    taken_back = await put_cheque(door, unit, cheque_no="30904422", amount="1")
    assert (await balances(door, unit))[0] == "50,001.00"
    reversal = {"unit": unit, "reverses": taken_back, "reason": "出票有误"}
    assert (await two_people(door, "finance1", "reverse", **reversal)).row["receipt_no"]
    assert (await door.do("finance1", "reverse", **reversal)).refusal == "E07"
    bounced = {"unit": unit, "serial": await put_cheque(door, unit, cheque_no="3", amount="7")}
    assert (await door.do("finance1", "withdraw", **bounced)).refusal == "B15"
    await sql(door, "insert into reconciliation (day, opening_fen, listed_fen, closing_fen,"
              " book_fen) values ('2026-07-19', 0, 0, 0, 700)")  # fmt: skip
    await sql(door, "insert into reconciliation_line select '2026-07-19', 1, 'book_only', '',"
              " unit_id, txn_id, 0, 700, '' from txn where total_fen = 700")  # fmt: skip
    assert (await two_people(door, "finance1", "withdraw", **bounced)).row["unit"] == unit
    assert (await balances(door, unit))[0] == "50,000.00"
    paid = await desk.do("remittance", until=str(factory.NEXT_MONTH), method="prepayment")
    before = (await balances(door, unit))[0]
    account = str((await desk.accounts())[0])
    wrong = {"unit": unit, "account": account, "month": "2026-06", "amount": "10", "reason": "多缴"}
    assert paid.state == "posted"
    assert (await two_people(door, "teller1", "correct", **wrong)).row["receipt_no"]
    after = (await balances(door, unit))[0]
    assert Money().parse(after) - Money().parse(before) == 10_00
    assert (await door.do("teller1", "correct", **wrong)).refusal == "E04"
    await assert_books_agree(door)


async def do_suspense(door: Door, ca: demo_ca.DemoCa) -> None:
    desk = await paying_unit(door)
    unit = str(desk.unit_id)
    detail = Detail("S1", DAY, Direction.IN, 123_45, "6200000009", "某出纳", "公积金", "", "")
    async with transaction(door.pool) as conn:
        await suspense.hold(conn, detail)
    held = (await door.do("finance1", "list-suspense")).row
    assert (held["bank_serial"], held["amount_fen"]) == ("S1", "123.45")
    claimed = await two_people(door, "finance1", "claim", unit=unit, bank_serial="S1", remark="补")
    assert claimed.row["unit"] == unit and claimed.row["receipt_no"]
    assert (await balances(door, unit))[0] == "123.45"
    assert (await door.do("finance1", "list-suspense")).rows == []
    assert (await door.do("finance1", "claim", unit=unit, bank_serial="S1")).refusal == "E14"
    await assert_books_agree(door)


async def do_deferral(door: Door, ca: demo_ca.DemoCa) -> None:
    desk = await paying_unit(door)
    unit = str(desk.unit_id)
    months = {"first_month": "2026-06", "last_month": "2026-09"}
    await two_people(door, "teller1", "defer", unit=unit, **months)
    assert (await balances(door, unit))[1] == "缓缴"
    await two_people(door, "teller1", "end-deferral", unit=unit, last_month="2026-07")
    assert (await balances(door, unit))[1] == "开户"
    assert (await door.do("teller1", "end-deferral", unit=unit)).refusal == "E12"


async def do_interest(door: Door, ca: demo_ca.DemoCa) -> None:
    desk = await paying_unit(door)
    unit = str(desk.unit_id)
    await put_cheque(door, unit)
    await desk.do("remittance", until=str(factory.NEXT_MONTH), method="prepayment")
    assert (await door.do("finance1", "settle-interest", year="2027")).refusal == "M07"
    await door.do("admin1", "set-day", day="2027-07-01")
    seen = (await door.do("auditor1", "preview-interest", year="2027")).row
    done = (await door.do("finance1", "settle-interest", year="2027")).row
    assert seen["unit"] == unit and seen["accounts"] == done["accounts"] == "3"
    assert seen["interest_fen"] == done["interest_fen"] != "0.00"
    # Ruling 22: again, the first result.
    assert (await door.do("finance1", "settle-interest", year="2027")).row == done
    await assert_books_agree(door)


async def do_books(door: Door, ca: demo_ca.DemoCa) -> None:
    earned = {"kind": "deposit_interest", "amount": "8,000.00", "words": "二季度存款利息"}
    done = (await two_people(door, "finance1", "voucher", **earned)).row
    assert done["voucher_no"] and done["serial"]
    assert (await door.do("finance1", "voucher", **earned | {"amount": "0"})).refusal == "E20"
    found = (await door.do("auditor1", "show-balances", first="2026-07-01")).rows
    assert {r["gl"]: r["closing_fen"] for r in found} == {
        "101": "8,000.00", "401": "-8,000.00", "40101": "-8,000.00",
    }  # fmt: skip
    assert (await door.do("finance1", "show-reconciliation", day="2026-07-20")).refusal == "N04"
    await sql(door, "insert into reconciliation (day, opening_fen, listed_fen, closing_fen,"
              " book_fen) values ('2026-07-20', 0, 800500, 800500, 800000)")  # fmt: skip
    await sql(door, "insert into reconciliation_line values"
              " ('2026-07-20', 1, 'bank_only', 'S7', null, null, 500, 0, '未认')")  # fmt: skip
    before, after, gap = (
        await door.do("auditor1", "show-reconciliation", day="2026-07-20")
    ).rows  # fmt: skip
    assert (before["bank_fen"], before["book_fen"]) == ("8,005.00", "8,000.00")
    assert (after["note"], gap["bank_serial"], gap["bank_fen"]) == ("相符", "S7", "5.00")
    await door.do("admin1", "set-day", day="2026-07-31")
    assert (await door.do("finance1", "accrue", month="2026-07")).row["amount_fen"] == "0.00"
    assert (await door.do("finance1", "accrue", month="2026-08")).refusal == "M09"
    await assert_books_agree(door)


async def assert_books_agree(door: Door) -> None:
    async with transaction(door.pool) as conn:
        assert (await books(conn)).disagreements == []


JOURNEYS: tuple[Callable[[Door, demo_ca.DemoCa], Awaitable[None]], ...] = (
    do_units, do_centre, do_staff, do_decisions, do_money, do_suspense, do_deferral, do_interest,
    do_books,
)  # fmt: skip


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda j: j.__name__)
async def test_actions_do_what_they_say(
    door: Door, ca: demo_ca.DemoCa, journey: Callable[[Door, demo_ca.DemoCa], Awaitable[None]]
) -> None:
    await journey(door, ca)
    outcomes = await sql(
        door, "select action, outcome, staff_id is null, operator_id from audit where action"
        " like 'counter:%%'",
    )  # fmt: skip
    assert outcomes and all(not nobody and operator is None for _, _, nobody, operator in outcomes)


def test_no_action_is_left_untried() -> None:
    tried = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [a.code for a in ACTIONS if f'"{a.code}"' not in tried] == []


async def test_audit_names_nobody_and_holds_no_number(door: Door, ca: demo_ca.DemoCa) -> None:
    await do_units(door, ca)
    await do_staff(door, ca)
    await door.do("teller1", "open-unit", **(UNIT | {"name": "另一家有限公司"}))
    rows = await sql(
        door, "select action, outcome, address, detail::text, session_ref, unit_id from audit"
    )
    kept = str(rows)
    secrets = (
        UNIT["name"], "另一家有限公司", UNIT["uscc"], ACCOUNT["account_no"], "5323010000001",
        *PERSON.values(), "wang", "王柜员", PASSWORD,
    )  # fmt: skip
    assert [s for s in secrets if s in kept] == []
    assert ("counter:open-unit", "T09") in {(row[0], row[1]) for row in rows}
    units = {row[5] for row in rows if row[0] == "counter:sign-account"}
    assert len(units) == 1 and 0 not in units
