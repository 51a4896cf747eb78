"""Each refusal by the smallest example that reaches it: at its exact cell, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from server.business.amounts import Rounding
from server.business.businesses import BUSINESSES, COUNTER_BUSINESSES, business_of
from server.business.check import ROWS_MAX, check_batch
from server.business.facts import (
    Due,
    OtherUnit,
    Past,
    PastMonth,
    Person,
    Ratios,
    Status,
    Unit,
    UnitStatus,
)
from server.business.month import Month
from server.business.origins import codes_of
from server.business.refusals import REFUSALS, Level
from tests.business.samples import (
    DUE,
    ELSEWHERE,
    GIVEN,
    GIVER,
    HEADS,
    ID_FEMALE,
    ID_MALE,
    LEAVING,
    NORMAL,
    OTHER_UNIT,
    PAST,
    PERSONS,
    RICH,
    SEALED,
    UNIT,
    WITHDRAWN,
    cells,
    id_born,
    rows_of,
    unit,
)

Cell = tuple[int | None, str, str]
JULY = Month.of(2026, 7)
MAY = Month.of(2026, 5)
OF_SENT_CODES = {"L19", "L20", "L21"}  # Found where a code is sent and used, not by a check.
SHORT = {"kind": "正常差额补缴"}


@dataclass(frozen=True)
class Example:
    """``changes`` are what differs from the passing rows, ``head`` from the passing head."""

    code: str
    business: str
    cell: tuple[int | None, str]
    changes: Sequence[Mapping[str, str]] = ({},)
    head: Mapping[str, str] = field(default_factory=dict)
    unit: Unit = UNIT
    persons: Mapping[Any, Person] = field(default_factory=lambda: PERSONS)
    due: Mapping[Month, Due] | None = field(default_factory=lambda: DUE)
    taken: Mapping[str, set[str]] = field(default_factory=dict)
    past: Mapping[int, Past] = field(default_factory=lambda: PAST)
    totals: Mapping[str, int] = field(default_factory=dict)
    also: tuple[Cell, ...] = ()
    words: str = ""
    other: OtherUnit | None = GIVER


def opening(code: str, key: str, change: Mapping[str, str], **more: Any) -> Example:
    more.setdefault("persons", {})
    return Example(code, "account_opening", (0, key), (change,), **more)


def registered(**changes: Any) -> Mapping[Any, Person]:
    return {ID_MALE: replace(NORMAL, **changes)}


def made_up(code: str, key: str, change: Mapping[str, str], **more: Any) -> Example:
    return Example(code, "back_payment", (0, key), (change,), **more)


def credited(**months: int) -> Mapping[int, Past]:
    """What ``NORMAL`` was credited for May."""
    return {NORMAL.account: Past({MAY: PastMonth(**months)})}


def choose(who: Person) -> Mapping[str, str]:
    return {"account": str(who.account)}


def move(code: str, change: Mapping[str, str], key: str = "person", **more: Any) -> Example:
    return Example(code, "transfer", (0, key), (change,), **({"persons": GIVEN} | more))


def leaving(**changes: Any) -> Mapping[Any, Person]:
    return {str(LEAVING.account): replace(LEAVING, **changes)}


def giving(code: str, **changes: Any) -> Example:
    """Of a unit that persons cannot be taken from."""
    return Example(
        code, "transfer", (None, "from_unit"), persons=GIVEN, other=replace(GIVER, **changes)
    )


def base(code: str, key: str, change: Mapping[str, str], **more: Any) -> Example:
    return Example(code, "base_change", (0, key), (change,), **more)


def ratio(code: str, key: str, head: Mapping[str, str], **more: Any) -> Example:
    return Example(code, "ratio_change", (None, key), head=head, **more)


def changed_in(month: Month) -> Mapping[int, Past]:
    return {NORMAL.account: Past({}, changes=(month,))}


def sealed_for(reason: str) -> Mapping[int, Past]:
    return {SEALED.account: Past({}, seal_reason=reason)}


def decided(month: Month, is_change: bool = True) -> Unit:
    """The unit's ratios hold from ``month`` on, at first or by a change."""
    return unit(
        ratios=(Ratios(Month.of(2020, 1), 1000, 1000), Ratios(month, 1200, 1200, is_change))
    )


def begins(month: Month) -> Mapping[Any, Person]:
    return {NORMAL.account: replace(NORMAL, from_month=month)}


BORN_2010 = id_born(datetime.date(2010, 7, 16))  # 15 on the unit's day, 16 on the next.
BORN_1880 = "440524188001010014"
PASSPORT = {"id_type": "护照", "id_number": "E12345678"}
PERMIT = {"id_type": "04", "id_number": "532301199003070013"}
PAYING = {"remittance": "S1"}


def proof(code: str, key: str, head: Mapping[str, str], **more: Any) -> Example:
    return Example(code, "deposit_proof", (None, key), head=head, **more)


EXAMPLES = (
    # What a cell can be.
    opening("V01", "phone", {"phone": " \u200b"}, words="手机号码不能为空"),
    opening("V01", "sex", {**PASSPORT, "born": "1990-03-07"}),
    opening("V02", "base", {"base": "八千"}, words="“八千”"),
    opening("V03", "month", {"month": "七月"}),
    opening("V04", "born", {"born": "1990-02-30"}),
    opening("V04", "born", {**PASSPORT, "sex": "男", "born": "1990-02-30"}),
    opening("V05", "id_type", {"id_type": "户口本"}, words="身份证"),
    Example("V06", "sealing", (0, "remark"), ({"remark": "长" * 61},), words="最多 60"),
    opening("V07", "phone", {"phone": "12345"}),
    Example("V08", "sealing", (0, "account"), ({"account": "张伟"},)),
    Example("V08", "unsealing", (0, "account"), ({"account": "李秀英"},)),
    Example("V12", "sealing", (None, ""), ({},) * (ROWS_MAX + 1)),
    opening("V13", "card", {"card": "6228480000000000019"}),
    Example("V14", "prepayment", (None, "remark"), head={"remark": "\x00"}),
    # From unit to unit.
    giving("Z01A", is_open=False),
    replace(giving("Z01A"), other=None),
    replace(giving("Z01B"), unit=unit(unit_id=GIVER.unit_id)),
    giving("Z05", is_paying=True),
    move("Z02A", {"person": "532399999999"}),
    move("Z02A", {"person": ID_FEMALE}),
    move("Z02A", {}, persons=leaving(unit_id=OTHER_UNIT)),
    move("Z02B", {}, persons=leaving(status=Status.NORMAL, until_month=None)),
    move("Z03", {"month": "2026-06"}, "month", words="2026-07"),
    move(
        "Z03",
        {"month": "2026-08"},
        "month",
        persons=leaving(until_month=Month.of(2026, 9)),
        words="2026-09",
    ),
    move(
        "Z03",
        {"month": "2026-08"},
        "month",
        persons=leaving(paid_through=Month.of(2026, 8)),
        words="2026-09",
    ),
    move("Z04", {}, persons=leaving(is_frozen=True)),
    move("Z06", {}, persons=leaving(owed_month=Month.of(2026, 6))),
    move("Z08", {"person": "0012"}),
    move("K08", {"base": "2019.99"}, "base"),
    # Any business.
    Example("G01", "sealing", (None, ""), unit=unit(status=UnitStatus.SEALED), words="封存"),
    Example("G01", "unsealing", (None, ""), unit=unit(status=UnitStatus.DEFERRED)),
    opening("G01", "", {}, unit=unit(status=UnitStatus.CLOSED)),
    Example("G01", "remittance", (None, ""), unit=unit(status=UnitStatus.SEALED)),
    Example("G01", "back_payment", (None, ""), unit=unit(status=UnitStatus.DEFERRED)),
    Example("G02", "sealing", (None, ""), unit=unit(paying=PAYING), words="S1"),
    Example("G02", "unsealing", (None, ""), unit=unit(paying={"back_payment": "S1"})),
    opening("G02", "", {}, unit=unit(paying={"prepayment": "S1"})),
    Example("G03", "sealing", (0, "account"), ({"account": "532399999999"},)),
    Example("G03", "sealing", (0, "account"), (choose(ELSEWHERE),)),
    Example("G03", "unsealing", (0, "account"), (choose(ELSEWHERE),)),
    Example("G04", "sealing", (0, "account"), (choose(WITHDRAWN),)),
    Example("G04", "unsealing", (0, "account"), (choose(WITHDRAWN),)),
    Example("G07", "sealing", (1, "account"), ({}, {}), words="第 1 行"),
    Example("G07", "account_opening", (1, "id_number"), ({}, {"phone": "13987812346"})),
    Example("G10", "sealing", (None, ""), ()),
    Example("G16", "sealing", (0, "name"), ({"name": "张炜"},), words="不符“张伟”"),
    Example("G16", "sealing", (0, "id_tail"), ({"id_tail": ID_FEMALE},)),
    Example("G16", "unsealing", (0, "name"), ({"name": "李秀"},)),
    made_up("G16", "name", {"name": "王芳"}),
    move("G16", {"name": "刘阳"}, "name", words="不符"),
    Example("G17", "sealing", (0, "month"), ({"month": "2062-07"},), words="封存年月太晚"),
    Example("G17", "sealing", (0, "month"), ({"month": "2027-08"},), words="2027-07"),
    Example("G17", "unsealing", (0, "month"), ({"month": "2999-12"},), words="启封年月太晚"),
    move("G17", {"month": "2027-08"}, "month", words="起缴年月太晚"),
    # 个人账户设立.
    opening("K01", "id_number", {"id_number": "532301199003070013"}, words="应为“2”"),
    opening("K01", "id_number", {"id_number": "532301199002300015"}, words="不是真实日期"),
    opening("K01", "id_number", {"id_number": "532301900307001"}, words="15 位"),
    opening("V09", "id_number", {"id_number": "5.32301E+17"}),
    Example("V09", "sealing", (0, "account"), ({"account": "5.323E+11"},)),
    opening("K01", "id_number", PERMIT),
    opening("K02", "sex", {"sex": "女"}, words="应为男"),
    opening("K02", "born", {"born": "1990-03-08"}, words="应为1990-03-07"),
    opening("K03A", "id_number", {}, persons=registered()),
    opening("K03B", "id_number", {}, persons=registered(status=Status.SEALED)),
    opening("K04A", "id_number", {}, persons=registered(unit_id=7, status=Status.SEALED)),
    opening("K04B", "id_number", {}, persons=registered(unit_id=7)),
    opening("K05", "id_number", {}, persons=registered(status=Status.WITHDRAWN)),
    opening("K06", "name", {}, persons=registered(name="张纬"), also=((0, "id_number", "K03A"),)),
    opening("K07", "phone", {}, taken={"phone": {"13987812345"}}),
    opening("K08", "base", {"base": "2019.99"}, words="2,020.00 至 26,023.00"),
    opening("K08", "base", {"base": "26023.01"}),
    opening("K08", "base", {"base": "-5"}),
    Example("K08", "unsealing", (0, "base"), ({"base": "26023.01"},)),
    opening("K09", "month", {"month": "2026-06"}, words="2026-07 至 2026-08"),
    opening("K09", "month", {"month": "2026-09"}),
    opening("K10A", "id_number", {"id_number": BORN_2010}),
    opening("K10A", "born", {**PASSPORT, "sex": "1", "born": "2010-07-16"}),
    opening("K10B", "id_number", {"id_number": BORN_1880}),
    opening("K11", "name", {"name": "张3"}, words="“张3”"),
    opening("K11", "name", {"name": "欧阳 小娜"}),
    # 个人封存, 个人启封.
    Example("F01", "sealing", (0, "account"), (choose(SEALED),), words="封存"),
    Example("F02", "sealing", (0, "month"), ({"month": "2026-06"},), words="2026-06"),
    Example(
        "F04",
        "sealing",
        (0, "month"),
        ({"month": "2026-07"},),
        persons={NORMAL.account: replace(NORMAL, from_month=JULY.plus(1))},
        words="2026-08",
    ),
    Example("Q01", "unsealing", (0, "account"), (choose(NORMAL),), words="正常"),
    Example("Q02", "unsealing", (0, "month"), ({"month": "2026-06"},), words="2026-07 或以后"),
    Example("Q03", "unsealing", (0, "account"), past=sealed_for("03"), words="因退休待销户封存"),
    Example("Q03", "unsealing", (0, "account"), past=sealed_for("04"), words="到中心柜台"),
    Example(
        "Q02",
        "unsealing",
        (0, "month"),
        ({"month": "2026-07"},),
        persons={SEALED.account: replace(SEALED, paid_through=JULY)},
        words="2026-08 或以后",
    ),
    Example(
        "Q06",
        "unsealing",
        (0, "month"),
        ({"month": "2026-07"},),
        persons={SEALED.account: replace(SEALED, until_month=JULY.plus(2))},
        words="2026-09",
    ),
    # 单位缴存登记信息变更, 预留手机号变更.
    Example(
        "U01",
        "registration",
        (None, ""),
        head={
            "address": "彝人古镇 1 号",
            "pay_day": "每月10日",
            "agent_phone": "",
        },
    ),
    Example("V22", "registration", (None, "postcode"), head={"postcode": "67500"}),
    Example(
        "V20",
        "transfer",
        (None, "from_unit"),
        head={"from_unit": "53010000001"},
        persons=GIVEN,
        also=((0, "person", "Z02A"),),
        words="12 位",
    ),
    Example("U02", "registration", (None, "nature"), head={"nature": "国有企业"}, words="单位性质"),
    Example(
        "U02",
        "registration",
        (None, "address"),
        unit=unit(registered_online=frozenset({"pay_day", "agent_phone"})),
    ),
    Example("U03", "phone_change", (None, "phone"), head={"phone": NORMAL.phone}),
    Example("U04", "phone_change", (None, ""), unit=unit(left_today=0)),
    Example("G03", "phone_change", (None, "account"), head=choose(ELSEWHERE)),
    Example("G04", "phone_change", (None, "account"), head=choose(WITHDRAWN)),
    Example("K07", "phone_change", (None, "phone"), taken={"phone": {"13987812345"}}),
    # 汇缴, 预缴.
    Example("H01", "remittance", (None, "until"), head={"until": "2026-06"}),
    Example("H01", "remittance", (None, "until"), head={"until": "2026-08"}, words="至 2026-07"),
    Example("H01A", "remittance", (None, "until"), unit=unit(paid_through=JULY), words="2026-08"),
    Example("H03", "remittance", (None, "until"), due={JULY: Due(0, 0)}),
    Example("H04", "remittance", (None, ""), unit=unit(paying=PAYING)),
    Example("H05", "remittance", (None, "method"), unit=unit(signed_account="")),
    Example(
        "H06",
        "remittance",
        (None, "method"),
        head={"method": "预缴转出"},
        due={JULY: Due(3, 6400_00)},
        words="5,000.00 元不足，还差 1,400.00 元",
    ),
    Example("Y01", "prepayment", (None, "payer"), unit=unit(signed_account="")),
    Example("Y02", "prepayment", (None, "amount"), head={"amount": "0"}),
    Example(
        "Y02",
        "prepayment",
        (None, "amount"),
        head={"amount": "100.01"},
        unit=unit(payment_limit_fen=100_00),
        words="100.00",
    ),
    Example("Y03", "prepayment", (None, ""), unit=unit(paying={"prepayment": "S1"})),
    Example("H07", "remittance", (None, "method"), head={"method": "mixed"}),
    Example("H07", "back_payment", (None, "method"), head={"method": "mixed"}),
    Example("H10", "remittance", (None, ""), unit=unit(status=UnitStatus.DEFERRED), words="补缴"),
    # 补缴.
    made_up("B01", "end", {"start": "2026-06", "end": "2026-05"}),
    made_up("B01", "end", {"end": "2026-07"}, words="1999-04 至 2026-06"),
    made_up("B01", "start", {"start": "1999-03", "end": "1999-04"}),
    made_up(
        "B01", "start", {}, past={NORMAL.account: Past({}, MAY.plus(1))}, words="2026-06 至 2026-06"
    ),
    made_up("B02", "start", {}, past=credited(remitted_fen=1), words="2026-05"),
    made_up("B02", "start", {}, past=credited(made_up_fen=1)),
    made_up("B03A", "start", {}, head=SHORT, words="2026-05"),
    made_up("B03A", "start", {}, head=SHORT, past=credited(made_up_fen=500_00)),  # Ruling 6.
    made_up(
        "B03B",
        "monthly",
        {"end": "2026-05", "monthly": "147"},
        head=SHORT,
        past=credited(remitted_fen=6000_00, difference_fen=100_00),
        words="6,100.00 元，加上补缴超过上限 6,246.00",
    ),
    made_up("B04", "monthly", {"monthly": "0"}, words="1.00 元的整数倍"),
    made_up("B04", "monthly", {"monthly": "-1"}),
    made_up("B04", "monthly", {"monthly": "500.50"}),
    made_up("B07", "end", {"start": "2023-06"}, words="36 个月"),
    made_up("G03", "account", {**choose(ELSEWHERE)}),
    made_up("G04", "account", {**choose(WITHDRAWN)}),
    Example("B08A", "back_payment", (None, "method"), unit=unit(signed_account="")),
    Example(
        "B08B",
        "back_payment",
        (None, "method"),
        ({"monthly": "3000"},),
        head={"method": "预缴户转出"},
        words="5,000.00 元不足，还差 1,000.00 元",
    ),
    # 缴存基数变更. NORMAL contributes 2104 yuan on 8765.43; July is the next month.
    base("V01", "monthly_fen", {"monthly_fen": ""}, words="月缴存额或缴存基数不能为空"),
    base("G16", "name", {"name": "张大伟"}),
    base("J01", "account", choose(SEALED), words="封存"),
    base("J02", "monthly_fen", {"monthly_fen": "2104"}),
    base("J02", "base", {"monthly_fen": "", "base": "8765.43"}),
    base("J03", "base", {"monthly_fen": "", "base": "26023.01"}, words="26,023.00"),
    base("J03", "base", {"monthly_fen": "", "base": "2019.99"}, words="2,020.00"),
    base("J03", "monthly_fen", {"monthly_fen": "6247"}, words="484.00 至 6,246.00"),
    base("J03", "monthly_fen", {"monthly_fen": "483"}),
    base("J04", "month", {}, past=changed_in(MAY), words="2026-01 至 2026-12"),
    base("J05", "month", {"month": "2026-08"}, unit=decided(Month.of(2026, 9)), words="2026-09"),
    base("J06", "month", {"month": "2026-06"}, words="2026-06 及以前已汇缴"),
    base("J06", "month", {"month": "2027-08"}, words="2026-07 至 2027-07"),
    base("J07", "month", {"month": "2026-07"}, persons=begins(Month.of(2026, 8))),
    base("J08", "monthly_fen", {"base": "6210"}, unit=unit(rounding=Rounding.EACH_FEN)),
    base("J08", "monthly_fen", {"base": "6200"}, words="1,488.00"),
    base("J09", "monthly_fen", {"monthly_fen": "1490.50"}, words="1.00 元"),
    base("G02", "", {}, unit=unit(paying=PAYING)),
    base("G03", "account", choose(ELSEWHERE)),
    base("G04", "account", choose(WITHDRAWN)),
    # 单位比例变更. The unit stands at 12 % and 12 %, and may lower them.
    ratio("V01", "unit_ratio", {"unit_ratio": ""}),
    ratio("V10", "unit_ratio", {"unit_ratio": "10a"}),
    ratio("J05", "month", {"month": "2026-08"}, unit=decided(Month.of(2026, 9), is_change=False)),
    ratio("J06", "month", {"month": "2026-06"}),
    ratio("J11", "unit_ratio", {"unit_ratio": "4%", "personal_ratio": "5%"}, words="5% 至 12%"),
    ratio("J11", "personal_ratio", {"personal_ratio": "13%"}),
    ratio("J11", "personal_ratio", {"personal_ratio": "10.5%"}, words="1% 的整数倍"),
    ratio(
        "J12",
        "unit_ratio",
        {},
        unit=unit(ratio_down_online=False),
        words="现行的 12%",
        also=((None, "personal_ratio", "J12"),),
    ),
    ratio("J13", "unit_ratio", {"unit_ratio": "12%"}),
    ratio("J14", "month", {}, unit=decided(Month.of(2026, 1)), words="2026-01 至 2026-12"),
    ratio("J15", "unit_ratio", {}, totals={"outside": 3}, words="3 人"),
    Example("G02", "ratio_change", (None, ""), unit=unit(paying=PAYING)),
    # The counter.
    Example("E01", "cheque", (None, "amount"), head={"amount": "0"}),
    Example("E01", "claim", (None, "amount"), head={"amount": "-1"}),
    Example("E02", "correction", (0, "amount"), ({"amount": "2104.01"},), words="2,104.00"),
    Example("E02", "correction", (0, "amount"), ({"amount": "0"},)),
    Example("E02", "correction", (0, "amount"), ({"month": "2026-07"},)),
    Example(
        "E03",
        "correction",
        (0, "amount"),
        persons={RICH.account: replace(RICH, balance_fen=99_99)},
        words="99.99",
    ),
    Example(
        "E04",
        "correction",
        (0, "month"),
        past={RICH.account: replace(PAST[RICH.account], corrected=frozenset({MAY.plus(1)}))},
        words="2026-06",
    ),
    # What is certified.
    proof("R01", "until", {"until": "2026-08"}, words="2026-07 以后"),
    proof(
        "R02",
        "from_month",
        {"from_month": "2019-12"},
        unit=decided(Month.of(2020, 2), False),
        words="2020-01",
    ),
    proof("R03", "until", {"from_month": "2026-06", "until": "2026-05"}),
    proof("R04", "until", {"from_month": "2016-06", "until": "2026-06"}, words="120"),
    proof("R05", "until", {}, totals={"paid": 0, "amount": 0}),
)


def place(example: Example) -> str:
    return f"{example.code}-{example.business}-{example.cell[1]}"


@pytest.mark.parametrize("example", EXAMPLES, ids=place)
def test_refusal_stands_at_its_cell_alone(example: Example) -> None:
    business = business_of(example.business)
    row, key = example.cell
    if business.is_batch and not key:
        row = None
    head = {**HEADS[business.code], **example.head}
    rows = rows_of(business, *example.changes) if example.changes else []
    checked = check_batch(
        business, example.unit, head, rows, example.persons, example.due, True, example.taken,
        example.past, totals=example.totals, other=example.other,
    )  # fmt: skip
    assert sorted(cells(checked), key=str) == sorted(
        [(row, key, example.code), *example.also], key=str
    )
    told = next(p for p in checked.problems if p.code == example.code)
    assert told.level is REFUSALS[example.code].level
    assert example.words in told.text + told.next_step


def test_whatever_a_check_can_find_has_an_example() -> None:
    """The rest of the catalogue is asked for in test_refusal_reach."""
    found = {code for b in BUSINESSES + COUNTER_BUSINESSES for code in codes_of(b)}
    assert {e.code for e in EXAMPLES} >= found - OF_SENT_CODES


def test_hints_do_not_block() -> None:
    hints = {code for code, refusal in REFUSALS.items() if refusal.level is Level.HINT}
    assert hints >= {"K07", "K10B", "K11H"}
    old = rows_of(business_of("account_opening"), {"id_number": BORN_1880})
    checked = check_batch(business_of("account_opening"), UNIT, {}, old, {})
    assert cells(checked) == [(0, "id_number", "K10B")]
    assert checked.errors == []
    assert checked.bad_rows == set()
