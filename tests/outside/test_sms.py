"""The outbox of short messages, in a real database with the real schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import LiteralString

import pytest

from server.db import Connection, Pool, transaction
from server.outside.sms import MASK, Outbox, Template, full_text, shown_text

PHONE = "13887800000"
COLLECTED = {"business": "汇缴", "day": "2026年7月6日", "amount": "6,400.00", "serial": "9001"}
REFUSED = {"business": "汇缴", "amount": "6,400.00", "reason": "付款账户余额不足"}
COLLECTED_TEXT = (
    "【住房公积金】贵单位汇缴已于2026年7月6日扣款成功，金额6,400.00元，"
    "业务流水号9001，可在网厅打印回单。"
)


@pytest.fixture
async def open_transaction(pool: Pool) -> AsyncIterator[Connection]:
    async with transaction(pool) as conn:
        yield conn


async def _rows(conn: Connection, query: LiteralString) -> list[tuple[object, ...]]:
    found = await conn.execute(query)
    return list(await found.fetchall())


@pytest.mark.anyio
async def test_send_writes_a_waiting_message_with_its_text(open_transaction: Connection) -> None:
    message_id = await Outbox(open_transaction).send(PHONE, Template.COLLECTED, COLLECTED, "p1")
    rows = await _rows(
        open_transaction,
        "select message_id, phone, template, params, state, attempts, masked_text from sms_outbox",
    )
    assert rows == [(message_id, PHONE, "COLLECTED", COLLECTED, "waiting", 0, COLLECTED_TEXT)]


@pytest.mark.anyio
async def test_send_same_business_again_gives_the_first_id(open_transaction: Connection) -> None:
    outbox = Outbox(open_transaction)
    ids = [await outbox.send(PHONE, Template.COLLECTED, COLLECTED, "p1") for _ in range(2)]
    other = await outbox.send(PHONE, Template.NOT_COLLECTED, REFUSED, "p1")
    assert ids[0] == ids[1] != other
    assert await _rows(open_transaction, "select count(*) from sms_outbox") == [(2,)]


@pytest.mark.anyio
async def test_send_rolled_back_leaves_no_message(open_transaction: Connection) -> None:
    async with open_transaction.transaction(force_rollback=True):
        await Outbox(open_transaction).send(PHONE, Template.COLLECTED, COLLECTED, "p1")
        assert await _rows(open_transaction, "select count(*) from sms_outbox") == [(1,)]
    assert await _rows(open_transaction, "select count(*) from sms_outbox") == [(0,)]


@pytest.mark.anyio
@pytest.mark.parametrize("phone", ["", "0878-3123456", "12345678901", "+8613887800000"])
async def test_send_to_no_mobile_phone_fails_the_message_not_the_business(
    open_transaction: Connection, phone: str
) -> None:
    await Outbox(open_transaction).send(phone, Template.NOT_COLLECTED, REFUSED, "p1")
    assert await _rows(open_transaction, "select state from sms_outbox") == [("failed",)]


@pytest.mark.parametrize("template", Template)
def test_every_template_shows_its_params_and_hides_its_secrets(template: Template) -> None:
    params = {name: f"<{name}>" for name in template.value.params}
    assert all(value in full_text(template, params) for value in params.values())
    shown = shown_text(template, params)
    assert [name for name in params if params[name] not in shown] == sorted(template.value.secret)
    assert (MASK in shown) is bool(template.value.secret)


@pytest.mark.parametrize("params", [{}, REFUSED | {"phone": PHONE}])
def test_text_with_missing_or_foreign_params_is_a_programming_error(params: dict[str, str]) -> None:
    with pytest.raises(AssertionError) as error:
        full_text(Template.NOT_COLLECTED, params)
    assert PHONE not in str(error.value).splitlines()[0]


def test_text_with_a_long_reason_is_shortened_to_one_line() -> None:
    text = full_text(Template.NOT_COLLECTED, REFUSED | {"reason": "很\n长" * 200})
    assert "\n" not in text
    assert len(text) < 200
    assert text.endswith("请在网厅核对后重新提交。")


def test_text_takes_braces_in_a_value_for_what_they_are() -> None:
    assert "{amount}" in full_text(Template.NOT_COLLECTED, REFUSED | {"reason": "{amount}"})
