"""A refund that the real bank refuses: asked for again or put into the prepayment account, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest

from server.db import transaction
from server.ledger.balance import books
from server.outside.sandbox_bank.books import SUCCESS, Account
from server.outside.sandbox_bank.control import SandboxBank
from tests.counter.doors import Api, Door, Reply, sql
from tests.counter.test_every_action import balances, paying_unit, two_people
from tests.factory import ACCOUNT_NO, Desk, assert_books_agree

pytestmark = pytest.mark.anyio
AMOUNT = "2,400.00"
AMOUNT_FEN = 2400_00
NAME = "楚雄彩云科技有限公司"
REFUSAL = "收款账户不存在或户名不符"


@dataclass
class Owing:
    """A centre that owes a unit what it collected; ``serial`` is the refund that was refused."""

    door: Door
    bank: SandboxBank
    desk: Desk
    serial: str = ""

    @property
    def refund(self) -> dict[str, str]:
        return {"unit": str(self.desk.unit_id), "refund": self.serial}

    def rename(self, holder: str) -> None:
        """The account at the bank; what is paid to another name is refused."""
        balance_fen = self.bank.balance_fen(ACCOUNT_NO)
        self.bank.set_account(Account(ACCOUNT_NO, holder, balance_fen))

    async def until(self, serial: str, state: str) -> None:
        """The application's own runner takes it there."""
        async with asyncio.timeout(15):
            while await sql(
                self.door, "select state from payment where payment_id = %s", serial
            ) != [(state,)]:
                await asyncio.sleep(0.05)

    async def be_refused(self) -> None:
        answer = await self.desk.do("prepayment", amount=AMOUNT)
        await self.until(str(answer.serial), "posted")
        self.rename("改了名的公司")
        reversal = {**self.refund, "reverses": str(answer.serial), "reason": "录入有误"}
        reversal.pop("refund")
        assert (await two_people(self.door, "finance1", "reverse", **reversal)).row["receipt_no"]
        ((serial,),) = await sql(
            self.door, "select payment_id from payment where direction = 'out'"
        )
        self.serial = str(serial)
        await self.until(self.serial, "failed")

    async def gl(self, account: str) -> int:
        """What it owes, credits less debits."""
        statement = "select coalesce(sum(cr_fen - dr_fen), 0)::bigint from voucher_line where gl=%s"
        return int((await sql(self.door, statement, account))[0][0])

    async def owed(self) -> list[dict[str, str]]:
        return (await self.door.do("auditor1", "list-refunds")).rows

    def paid_out(self) -> list[str]:
        """Serials under which the bank has paid the unit since the test began."""
        return [
            debit.serial
            for debit in self.bank.debits()
            if debit.direction.value == "out" and debit.state == SUCCESS
        ]


@pytest.fixture
async def owing(door: Door, bank: SandboxBank) -> Owing:
    case = Owing(door, bank, await paying_unit(door))
    await case.be_refused()
    return case


async def test_refused_refund_asked_for_again_is_paid(owing: Owing) -> None:
    (row,) = await owing.owed()
    assert row.pop("begun_at")
    assert row == {
        **owing.refund, "amount_fen": AMOUNT, "payee": f"****{ACCOUNT_NO[-4:]}", "why": REFUSAL,
    }  # fmt: skip
    assert await owing.gl("21903") == AMOUNT_FEN
    await assert_books_agree(owing.door.pool)
    owing.rename(NAME)
    asked = (await two_people(owing.door, "finance1", "retry-refund", **owing.refund)).row
    assert asked["refund"] != owing.serial and await owing.owed() == []
    await owing.until(asked["refund"], "posted")
    assert await owing.gl("21903") == await owing.gl("101") == 0
    assert owing.serial not in owing.paid_out()
    assert owing.bank.balance_fen(ACCOUNT_NO) == 10_000_000_00
    ((content,),) = await sql(
        owing.door, "select content from receipt where txn_id = %s", asked["refund"]
    )
    facts = dict(content["facts"])
    reversal = await sql(owing.door, "select txn_id from txn where reverses is not null")
    assert (facts["冲正流水号"], facts["退款金额"]) == (str(reversal[0][0]), AMOUNT)
    assert content["operator"] == "财务1"
    await assert_books_agree(owing.door.pool)


async def test_refund_refused_twice_is_owed_under_its_new_serial(owing: Owing) -> None:
    asked = (await two_people(owing.door, "finance1", "retry-refund", **owing.refund)).row
    await owing.until(asked["refund"], "failed")
    assert [row["refund"] for row in await owing.owed()] == [asked["refund"]]
    assert await owing.gl("21903") == AMOUNT_FEN
    await assert_books_agree(owing.door.pool)
    owing.serial = asked["refund"]
    owing.rename(NAME)
    third = (await two_people(owing.door, "finance1", "retry-refund", **owing.refund)).row
    await owing.until(third["refund"], "posted")
    assert await owing.gl("21903") == 0
    await assert_books_agree(owing.door.pool)


async def test_refused_refund_kept_is_the_units_prepayment(owing: Owing) -> None:
    kept = (await two_people(owing.door, "finance1", "keep-refund", **owing.refund)).row
    assert kept["receipt_no"] and await owing.owed() == []
    assert await sql(
        owing.door, "select debit, credit, amount_fen from posting where txn_id = %s",
        kept["serial"],
    ) == [("21903", "21901", AMOUNT_FEN)]  # fmt: skip
    assert (await balances(owing.door, owing.refund["unit"]))[0] == AMOUNT
    assert await owing.gl("21903") == 0 and await owing.gl("21901") == AMOUNT_FEN
    ((title, content),) = await sql(
        owing.door, "select title, content from receipt where txn_id = %s", kept["serial"]
    )
    assert (title, dict(content["facts"])["退款流水号"]) == ("单位预缴回单", owing.serial)
    await assert_books_agree(owing.door.pool)
    undo = {"unit": owing.refund["unit"], "reverses": kept["serial"], "reason": "录入有误"}
    assert (await owing.door.do("finance1", "reverse", **undo)).refusal == "E08"
    owing.rename(NAME)
    await asyncio.sleep(0.6)  # One look of the runner: nothing goes to the bank any more.
    assert owing.serial not in owing.paid_out()


async def test_approval_repeated_does_nothing_again(owing: Owing) -> None:
    owing.rename(NAME)
    entered = [
        await owing.door.do("finance1", "retry-refund", _key="press-0001", **owing.refund)
        for _ in range(2)
    ]
    assert entered[0].number == entered[1].number and entered[0].state == "pending"
    first = await owing.door.do("approver1", "approve", _key="press-0002", number=entered[0].number)
    again = await owing.door.do("approver1", "approve", _key="press-0002", number=entered[0].number)
    assert first.row == again.row
    assert (await owing.door.do("approver1", "approve", number=entered[0].number)).refusal == "T06"
    await owing.until(first.row["refund"], "posted")
    assert await sql(owing.door, "select count(*) from payment where direction = 'out'") == [(2,)]


@pytest.mark.parametrize("code", ["retry-refund", "keep-refund"])
async def test_what_is_not_owed_is_refused(owing: Owing, code: str) -> None:
    async def refusal(**changes: str) -> tuple[str, str]:
        reply = await owing.door.do("finance1", code, **(owing.refund | changes))
        return reply.refusal, reply.text

    assert (await refusal(refund="12345"))[0] == "E15"
    ((collected,),) = await sql(owing.door, "select payment_id from payment where direction = 'in'")
    assert (await refusal(refund=str(collected)))[0] == "E15", "a debit is no refund"
    for who in ("teller1", "approver1", "auditor1"):
        assert (await owing.door.do(who, code, **owing.refund)).refusal == "T04"
    owing.rename(NAME)
    owing.bank.kill()  # What is asked for now gets no answer yet.
    try:
        asked = (await two_people(owing.door, "finance1", "retry-refund", **owing.refund)).row
        told = await refusal()
        assert told[0] == "E16" and asked["refund"] in told[1]
        told = await refusal(refund=asked["refund"])
        assert told[0] == "E16" and "银行正在办理" in told[1]
    finally:
        owing.bank.start()
    await owing.until(asked["refund"], "posted")
    told = await refusal(refund=asked["refund"])
    assert told[0] == "E16" and "已付给单位" in told[1]


async def race(api: Api, owing: Owing, codes: tuple[str, ...]) -> list[Reply]:
    """Entered while each is still possible, then approved at the same time."""
    numbers = [(await api.do("finance1", code, **owing.refund)).number for code in codes]
    await api.log_in("approver1")
    await api.log_in("supervisor1")
    deciders = ("approver1", "supervisor1")
    together: list[Awaitable[Reply]] = [
        api.do(who, "approve", number=number) for who, number in zip(deciders, numbers, strict=True)
    ]
    return list(await asyncio.gather(*together))


@pytest.mark.parametrize(
    "codes",
    [
        ("retry-refund", "keep-refund"), ("keep-refund", "retry-refund"),
        ("retry-refund", "retry-refund"), ("keep-refund", "keep-refund"),
    ],
    ids="-".join,
)  # fmt: skip
async def test_both_approved_at_once_only_one_happens(
    api: Api, bank: SandboxBank, codes: tuple[str, str]
) -> None:
    owing = Owing(api, bank, await paying_unit(api))
    await owing.be_refused()
    owing.rename(NAME)
    replies = await race(api, owing, codes)
    assert sorted(reply.refusal for reply in replies) == ["", "E16"]
    won = codes[[reply.refusal for reply in replies].index("")]
    if won == "retry-refund":
        ((serial,),) = await sql(
            api, "select settled_by from payment where payment_id = %s", owing.serial
        )
        await owing.until(str(serial), "posted")
    assert await owing.gl("21903") == 0
    expected_fen = 0 if won == "retry-refund" else AMOUNT_FEN
    assert await owing.gl("21901") == -await owing.gl("101") == expected_fen
    assert bank.balance_fen(ACCOUNT_NO) == 10_000_000_00 - expected_fen
    await assert_books_agree(api.pool)


async def test_books_cannot_forget_what_is_owed(api: Api, bank: SandboxBank) -> None:
    """A refund marked as settled without anything in its place shows in the check."""
    owing = Owing(api, bank, await paying_unit(api))
    await owing.be_refused()
    await sql(api, "update payment set settled_by = 1 where payment_id = %s", owing.serial)
    async with transaction(api.pool) as conn:
        found = (await books(conn)).disagreements
    assert any("21903" in str(one) for one in found)
