"""Submitting a batch or a form: checked over locked facts, then posted as a whole or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from weakref import WeakValueDictionary

from psycopg.errors import UniqueViolation

from server import drafts, elsewhere, payments, sms_codes, units
from server.business.base import Business
from server.business.chart import Gl
from server.business.check import Checked, Texts, parse_cell
from server.business.document import document_sha256
from server.business.refusals import Refused, problem, refused
from server.checking import check
from server.completion import amount_key, complete, debits
from server.db import Connection, Pool, new_id, transaction
from server.receipts import issue
from server.submission import Answer, Operator, Submit

Approve = Callable[[Connection, bytes], Awaitable[None]]
COLLISIONS_MAX = 5
_turns: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()


async def submit(pool: Pool, operator: Operator, order: Submit, approve: Approve) -> Answer:
    """All or nothing, in one transaction. ``approve`` checks the operator's signature.

    Two units may open the same person at once: each has passed its checks when the person's key
    tells them apart. The loser is checked again, and told what a moment later it would have been.
    """
    async with _turn(operator.unit_id):
        for _ in range(COLLISIONS_MAX):
            try:
                async with transaction(pool) as conn:
                    return await submit_in(conn, operator, order, approve)
            except UniqueViolation as collision:
                last = collision
        raise last


def _turn(unit_id: int) -> asyncio.Lock:
    """A unit's submissions wait for each other here, holding no connection meanwhile."""
    key = (id(asyncio.get_running_loop()), unit_id)
    return _turns.setdefault(key, asyncio.Lock())


async def submit_in(
    conn: Connection, operator: Operator, order: Submit, approve: Approve
) -> Answer:
    """Within a transaction of the caller's, who has to see to collisions of two units."""
    unit_id = operator.unit_id
    await elsewhere.lock(conn, unit_id, order.business, order.batch_id)
    seen = await _seen(conn, unit_id, order)
    if seen is not None:
        return seen
    draft = await drafts.load(conn, unit_id, order.business.code, order.batch_id, order.version)
    digest = await asyncio.to_thread(
        document_sha256,
        order.business.code,
        unit_id,
        draft.head,
        draft.rows,
        order.only_passing,
        order.amount_fen,
    )
    await approve(conn, digest)
    me = operator.operator_id
    unit, checked = await check(conn, unit_id, order.business, draft.head, draft.rows, me)
    rows, left_batch_id = draft.rows, None
    if order.only_passing and checked.bad_rows:
        rows, left_batch_id = await _split(conn, operator, order, draft, checked)
        unit, checked = await check(conn, unit_id, order.business, draft.head, rows, me)
    if checked.errors:
        raise refused("G14", checked.problems, count=len(checked.errors))
    _insist_on_amount(order, checked)
    await _use_codes(conn, unit_id, order, checked)
    txn_id = new_id()
    await _remember(conn, operator, order, digest, txn_id, left_batch_id)
    if _asks_the_bank(order.business, checked):
        await payments.create(conn, await _payment(conn, operator, order, txn_id, checked))
        await drafts.set_state(conn, unit_id, order.batch_id, "paying")
        return Answer("paying", txn_id, None, len(rows), checked.head[amount_key(order.business)])
    return await complete(conn, operator, order, txn_id, unit, checked, left_batch_id=left_batch_id)


def _insist_on_amount(order: Submit, checked: Checked) -> None:
    """A colleague may have opened or sealed somebody since the operator saw what is due."""
    if order.business.payment is None or order.amount_fen is None:
        return
    field = order.business.field(amount_key(order.business))
    now_fen = checked.head[field.key]
    if now_fen != order.amount_fen:
        show = field.kind.show
        changed = problem("H13", field.key, now=show(now_fen), seen=show(order.amount_fen))
        raise refused("G14", [changed], count=1)


async def _use_codes(conn: Connection, unit_id: int, order: Submit, checked: Checked) -> None:
    """Whoever changes a phone shows that they read it. A wrong code is refused at its field."""
    for spec in order.business.codes:
        if spec.sent_to not in checked.changed:
            continue
        code, wrong = parse_cell(spec, order.codes.get(spec.key, ""))
        if code is None:
            raise refused("G14", [wrong or problem("V01", spec.key, label=spec.label)], count=1)
        phone = checked.changed[spec.sent_to]
        try:
            await sms_codes.consume(conn, order.business.code, unit_id, phone, code)
        except Refused as told:
            raise refused("G14", [replace(told.reason, key=spec.key)], count=1) from None


def _asks_the_bank(business: Business, checked: Checked) -> bool:
    """The centre's counter enters what is at the bank already."""
    is_counter = business.payment is not None and business.payment.debit is not None
    return not is_counter and Gl.DEPOSITS in debits(business, checked.head)


async def _payment(
    conn: Connection, operator: Operator, order: Submit, txn_id: int, checked: Checked
) -> payments.Payment:
    account = await units.signed_account(conn, operator.unit_id)
    assert account is not None, "the check refuses a unit that has signed no account"
    owed = debits(order.business, checked.head)
    return payments.Payment(
        unit_id=operator.unit_id,
        payment_id=txn_id,
        business=order.business.code,
        batch_id=order.batch_id,
        idem=order.idem,
        operator_id=operator.operator_id,
        operator_name=operator.name,
        login_kind=operator.login_kind,
        amount_fen=owed[Gl.DEPOSITS],
        account_no=account.account_no,
        reserved_fen=owed.get(Gl.PREPAYMENT, 0),
    )


async def _split(
    conn: Connection, operator: Operator, order: Submit, draft: drafts.Draft, checked: Checked
) -> tuple[list[Texts], int]:
    """只提交通过的行: the refused rows become a batch of their own."""
    bad = checked.bad_rows
    good = [row for number, row in enumerate(draft.rows) if number not in bad]
    if not good:
        raise refused("G15", checked.problems)
    left = [row for number, row in enumerate(draft.rows) if number in bad]
    left_batch_id, _ = await drafts.save_new(
        conn, operator.unit_id, operator.operator_id, order.business.code, draft.head, left
    )
    await drafts.keep_only(conn, operator.unit_id, draft, good)
    return good, left_batch_id


async def _remember(
    conn: Connection,
    operator: Operator,
    order: Submit,
    digest: bytes,
    txn_id: int,
    left_batch_id: int | None,
) -> None:
    await conn.execute(
        """
        insert into submission (unit_id, idem, digest, batch_id, version, only_passing,
                                left_batch_id, txn_id, signature, certificate_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            operator.unit_id, order.idem, digest, order.batch_id, order.version, order.only_passing,
            left_batch_id, txn_id, order.signature, operator.certificate_id,
        ),
    )  # fmt: skip


async def answer_now(conn: Connection, unit_id: int, order: Submit) -> Answer:
    """What has become of a submission that was accepted."""
    answer = await _seen(conn, unit_id, order)
    assert answer is not None, "an accepted submission is remembered"
    return answer


async def _seen(conn: Connection, unit_id: int, order: Submit) -> Answer | None:
    """The first answer, when this key was submitted before; G12 when it named something else."""
    rows = await conn.execute(
        """
        select s.batch_id, s.version, s.only_passing, s.txn_id, s.left_batch_id, t.total_fen,
               coalesce(t.rows, b.row_count, 0), p.state, p.amount_fen + p.reserved_fen,
               p.problem_code, p.bank_text
        from submission s
        left join txn t on t.unit_id = s.unit_id and t.txn_id = s.txn_id
        left join payment p on p.unit_id = s.unit_id and p.payment_id = s.txn_id
        left join batch b on b.unit_id = s.unit_id and b.batch_id = s.batch_id
        where s.unit_id = %s and s.idem = %s
        """,
        (unit_id, order.idem),
    )
    row = await rows.fetchone()
    if row is None:
        return None
    if row[:3] != (order.batch_id, order.version, order.only_passing):
        raise refused("G12")
    txn_id, left, total_fen, count, state, asked_fen, code, text = row[3:]
    if total_fen is not None:
        number = await issue.number_of(conn, unit_id, txn_id)
        return Answer("posted", txn_id, number, count, total_fen, left)
    state = "failed" if state == "failed" else "paying"
    return Answer(state, txn_id, None, count, asked_fen, left, code, text)
