"""Cheques into the prepayment account: two people, once each, and three working days."""

from __future__ import annotations

import pytest

from tests import factory
from tests.counter.doors import Api, Door, sql
from tests.counter.test_every_action import CHEQUE, put_cheque, two_people

pytestmark = pytest.mark.anyio


async def test_cheque_moves_nothing_until_a_second_person_approves(door: Door) -> None:
    desk = await factory.open_unit(door.pool)
    unit = str(desk.unit_id)
    entered = await door.do("finance1", "cheque", unit=unit, **CHEQUE)
    for written in ("select 1 from txn", "select 1 from receipt", "select 1 from batch"):
        assert await sql(door, written) == []
    done = await door.do("approver1", "approve", number=entered.number)
    assert done.row["receipt_no"] == "2026-000001"
    lines = await sql(door, "select debit, credit, amount_fen from posting")
    assert lines == [("101", "21901", 50_000_00)]
    head = (await sql(door, "select head from txn"))[0][0]
    assert (head["cheque_no"], head["received_day"]) == ("30904421", "2026-07-17")
    people = await sql(
        door, "select e.name, d.name from deed join staff e on e.staff_id = entered_by"
        " join staff d on d.staff_id = decided_by",
    )  # fmt: skip
    assert people == [("finance1", "approver1")]


@pytest.mark.parametrize(
    ("received", "today", "due", "is_late"),
    [
        ("2026-07-15", "2026-07-20", "2026-07-20", False),  # Wednesday to Monday.
        ("2026-07-15", "2026-07-21", "2026-07-20", True),
        ("2026-09-24", "2026-09-30", "2026-09-30", False),  # 中秋 is free: 25 to 27 September.
        ("2026-09-30", "2026-10-10", "2026-10-10", False),  # 国庆, and the 10th is worked.
    ],
)
async def test_cheque_is_due_in_three_working_days(
    api: Api, received: str, today: str, due: str, is_late: bool
) -> None:
    desk = await factory.open_unit(api.pool)
    if today != "2026-07-20":
        await api.do("admin1", "set-day", day=today)
    cheque = CHEQUE | {"received_day": received, "unit": str(desk.unit_id)}
    assert (await api.do("finance1", "cheque", **cheque)).state == "pending"
    waiting = (await api.do("approver1", "pending")).row
    assert (waiting["due"], waiting.get("late")) == (due, "已逾期" if is_late else None)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"received_day": "2026-07-21"}, "T10"),
        ({"received_day": "2026-04-20"}, "T10"),
        ({"amount": "0"}, "E01"),
        ({"amount": "-1"}, "E01"),
        ({"amount": "一千"}, "V02"),
        ({"cheque_no": ""}, "V01"),
        ({"unit": "530199999995"}, "V20"),
        ({"unit": "530100000064"}, "N04"),
    ],
)
async def test_cheque_is_refused_when_entered(
    api: Api, changes: dict[str, str], refusal: str
) -> None:
    desk = await factory.open_unit(api.pool)
    cheque = CHEQUE | {"unit": str(desk.unit_id)} | changes
    assert (await api.do("finance1", "cheque", **cheque)).refusal == refusal


async def test_cheque_is_booked_once_and_again_after_it_was_reversed(door: Door) -> None:
    desk = await factory.open_unit(door.pool)
    unit = str(desk.unit_id)
    numbers = [(await door.do("finance1", "cheque", unit=unit, **CHEQUE)).number for _ in range(2)]
    first = await door.do("approver1", "approve", number=numbers[0])
    assert (await door.do("approver1", "approve", number=numbers[1])).refusal == "T17"
    assert (await door.do("finance1", "cheque", unit=unit, **CHEQUE)).refusal == "T17"
    reversal = {"unit": unit, "reverses": first.row["serial"], "reason": "出票有误"}
    await two_people(door, "finance1", "reverse", **reversal)
    assert (await door.do("approver1", "approve", number=numbers[1])).state == "done"
    assert await put_cheque(door, unit, cheque_no="30904499")


async def test_cheque_of_another_unit_may_bear_the_same_number(door: Door) -> None:
    for name in ("楚雄彩云科技有限公司", "楚雄州第二中学"):
        desk = await factory.open_unit(door.pool, name)
        await put_cheque(door, str(desk.unit_id))
    assert await sql(door, "select count(*) from txn") == [(2,)]
