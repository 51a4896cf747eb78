"""What happens on the centre's account without anybody's asking: vouchers of the bank's doings."""

from __future__ import annotations

from server.business.base import Business, Field
from server.business.counter import AMOUNT, ANY_OPEN_UNIT
from server.business.kinds import Choice, Day, Text

DIRECTIONS = {"in": "收入", "out": "支出"}
BANK_SERIAL = Field("bank_serial", "银行流水号", Text(200))
BANK_DAY = Field("bank_day", "银行记账日", Day())
DIRECTION = Field("direction", "收付方向", Choice(DIRECTIONS))
PARTY = Field("party", "对方户名", Text(200))
WORDS = Field("words", "附言", Text(200), required=False)
REASON = Field("reason", "说明", Text(200))

SUSPENSE = Business(
    code="suspense",
    label="暂收挂账",
    menu="",
    receipt="暂收挂账凭证",
    std="99",
    head=(BANK_SERIAL, BANK_DAY, PARTY, WORDS, AMOUNT),
    unit_statuses=ANY_OPEN_UNIT,
)
SUSPENSE_END = Business(
    code="suspense_end",
    label="暂收转出",
    menu="",
    receipt="暂收转出凭证",
    std="99",
    head=(BANK_SERIAL, AMOUNT, REASON),
    unit_statuses=ANY_OPEN_UNIT,
)
DIFFERENCE = Business(
    code="difference",
    label="错账挂账",
    menu="",
    receipt="错账挂账凭证",
    std="99",
    head=(BANK_SERIAL, BANK_DAY, DIRECTION, PARTY, AMOUNT, REASON),
    unit_statuses=ANY_OPEN_UNIT,
)
BANK_BUSINESSES = (SUSPENSE, SUSPENSE_END, DIFFERENCE)
