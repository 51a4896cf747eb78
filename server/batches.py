"""Submitting a batch or a form: checked over locked facts, then posted as a whole or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.errors import UniqueViolation

from server import drafts, payments, people, units
from server.business.base import DEBITS, Business, Due, Method, Person, Spread, Unit
from server.business.businesses import business_of
from server.business.check import Checked, Texts, check_batch
from server.business.document import document_sha256
from server.business.month import Month
from server.business.refusals import problem, refused
from server.db import Connection, Pool, new_id, transaction
from server.ledger.entry import Posting, Transaction
from server.ledger.post import post
from server.receipts import issue


@dataclass(frozen=True)
class Operator:
    """Who acts, for which unit, and how they logged in."""

    unit_id: int
    operator_id: int
    name: str
    login_kind: str
    certificate_id: int | None = None


@dataclass(frozen=True)
class Submit:
    """One press of 提交. ``idem`` is the client's name for it: again, it gets the first answer."""

    business: Business
    batch_id: int
    version: int
    only_passing: bool
    idem: str
    signature: bytes | None = None
    amount_fen: int | None = None  # what the operator saw; another amount by now is refused


@dataclass(frozen=True)
class Answer:
    """What became of a submission; ``state`` is posted, paying or failed."""

    state: str
    serial: int
    receipt_no: str | None
    rows: int
    amount_fen: int
    left_batch_id: int | None = None
    problem_code: str | None = None
    bank_text: str | None = None


Approve = Callable[[Connection, bytes], Awaitable[None]]


async def check(
    conn: Connection, unit_id: int, business: Business, head: Texts, rows: Sequence[Texts]
) -> Checked:
    """What submitting these texts would find, without changing anything."""
    return (await _check(conn, unit_id, business, head, rows))[1]


async def _check(
    conn: Connection, unit_id: int, business: Business, head: Texts, rows: Sequence[Texts]
) -> tuple[Unit, Checked]:
    unit = await units.facts(conn, unit_id)
    persons, taken = await _persons(conn, unit_id, business, rows)
    due = await _due(conn, unit, business, head)
    # Seconds of pure Python for the largest batches: not on the event loop.
    return unit, await asyncio.to_thread(
        check_batch, business, unit, head, rows, persons, due, True, taken
    )


async def _persons(
    conn: Connection, unit_id: int, business: Business, rows: Sequence[Texts]
) -> tuple[dict[Any, Person], dict[str, set[str]]]:
    """The persons that the rows name, and what others have already of what must be told."""
    if not business.is_batch:
        return {}, {}
    keys = _parsed(business, business.person_key, rows)
    taken = {
        spec.key: await people.taken_phones(conn, _parsed(business, spec.key, rows))
        for spec in business.rows
        if spec.taken_code
    }
    return await people.find(conn, unit_id, business, keys), taken


def _parsed(business: Business, key: str, rows: Sequence[Texts]) -> list[Any]:
    kind = business.field(key).kind
    return [v for v in (kind.read(row.get(key, "")) for row in rows) if v is not None]


async def _due(
    conn: Connection, unit: Unit, business: Business, head: Texts
) -> Mapping[Month, Due] | None:
    """What the unpaid months come to, if the roster is paid; None for an absurd month."""
    payment = business.payment
    if payment is None or payment.spread is not Spread.ROSTER:
        return None
    until = business.field(payment.until).kind.read(head.get(payment.until, ""))
    if until is None or until > unit.month_now.plus(unit.remit_ahead_months):
        return None
    return await units.due(conn, unit.unit_id, unit.next_month, until)


async def submit(pool: Pool, operator: Operator, order: Submit, approve: Approve) -> Answer:
    """All or nothing, in one transaction. ``approve`` checks the operator's signature.

    Two units may open the same person at once: each has passed its checks when the person's key
    tells them apart. The loser is checked again, and told what a moment later it would have been.
    """
    try:
        async with transaction(pool) as conn:
            return await _submit(conn, operator, order, approve)
    except UniqueViolation:
        async with transaction(pool) as conn:
            return await _submit(conn, operator, order, approve)


async def _submit(conn: Connection, operator: Operator, order: Submit, approve: Approve) -> Answer:
    unit_id = operator.unit_id
    await units.lock(conn, unit_id)
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
    unit, checked = await _check(conn, unit_id, order.business, draft.head, draft.rows)
    rows, left_batch_id = draft.rows, None
    if order.only_passing and checked.bad_rows:
        rows, left_batch_id = await _split(conn, operator, order, draft, checked)
        unit, checked = await _check(conn, unit_id, order.business, draft.head, rows)
    if checked.errors:
        raise refused("G14", checked.problems, count=len(checked.errors))
    _insist_on_amount(order, checked)
    txn_id = new_id()
    await _remember(conn, operator, order, digest, txn_id, left_batch_id)
    if _is_settled(order.business, checked):
        await payments.create(conn, await _payment(conn, operator, order, txn_id, checked))
        await drafts.set_state(conn, unit_id, order.batch_id, "paying")
        return Answer("paying", txn_id, None, len(rows), checked.head[_amount(order.business)])
    return await complete(conn, operator, order, txn_id, unit, checked, left_batch_id=left_batch_id)


def _amount(business: Business) -> str:
    assert business.payment is not None, "only a paying business has an amount"
    return business.payment.amount


def _insist_on_amount(order: Submit, checked: Checked) -> None:
    """A colleague may have opened or sealed somebody since the operator saw what is due."""
    if order.business.payment is None or order.amount_fen is None:
        return
    field = order.business.field(_amount(order.business))
    now_fen = checked.head[field.key]
    if now_fen != order.amount_fen:
        show = field.kind.show
        changed = problem("H13", field.key, now=show(now_fen), seen=show(order.amount_fen))
        raise refused("G14", [changed], count=1)


def _method(business: Business, checked: Checked) -> Method | None:
    if business.payment is None:
        return None
    key = business.payment.method
    return Method(checked.head[key]) if key else Method.SETTLE


def _is_settled(business: Business, checked: Checked) -> bool:
    return _method(business, checked) is Method.SETTLE


async def _payment(
    conn: Connection, operator: Operator, order: Submit, txn_id: int, checked: Checked
) -> payments.Payment:
    account = await units.signed_account(conn, operator.unit_id)
    assert account is not None, "the check refuses a unit that has signed no account"
    return payments.Payment(
        unit_id=operator.unit_id,
        payment_id=txn_id,
        business=order.business.code,
        batch_id=order.batch_id,
        idem=order.idem,
        operator_id=operator.operator_id,
        operator_name=operator.name,
        login_kind=operator.login_kind,
        amount_fen=checked.head[_amount(order.business)],
        account_no=account.account_no,
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
        select s.batch_id, s.version, s.only_passing, s.txn_id, s.left_batch_id, t.rows,
               t.total_fen, p.state, p.amount_fen, p.problem_code, p.bank_text
        from submission s
        left join txn t on t.unit_id = s.unit_id and t.txn_id = s.txn_id
        left join payment p on p.unit_id = s.unit_id and p.payment_id = s.txn_id
        where s.unit_id = %s and s.idem = %s
        """,
        (unit_id, order.idem),
    )
    row = await rows.fetchone()
    if row is None:
        return None
    (
        batch_id,
        version,
        only_passing,
        txn_id,
        left,
        count,
        total_fen,
        state,
        amount_fen,
        code,
        text,
    ) = row
    if (batch_id, version, only_passing) != (order.batch_id, order.version, order.only_passing):
        raise refused("G12")
    if count is not None:
        number = await issue.number_of(conn, unit_id, txn_id)
        return Answer("posted", txn_id, number, count, total_fen, left)
    state = "failed" if state == "failed" else "paying"
    return Answer(state, txn_id, None, 0, amount_fen, left, code, text)


async def complete(
    conn: Connection,
    operator: Operator,
    order: Submit,
    txn_id: int,
    unit: Unit,
    checked: Checked,
    payment: payments.Payment | None = None,
    left_batch_id: int | None = None,
) -> Answer:
    """Does what a checked batch says: changes accounts, posts, issues the receipt."""
    business = order.business
    if business.rows:
        await people.apply(conn, business, unit, txn_id, checked.rows)
    txn = _transaction(operator, order, txn_id, unit, checked, payment)
    posted = await post(conn, txn)
    number = await issue.issue(
        conn, operator.name, business, unit, txn, checked, posted.persons, payment
    )
    await drafts.set_state(conn, operator.unit_id, order.batch_id, "posted")
    return Answer("posted", txn_id, number, txn.rows, txn.total_fen, left_batch_id)


def _transaction(
    operator: Operator,
    order: Submit,
    txn_id: int,
    unit: Unit,
    checked: Checked,
    payment: payments.Payment | None,
) -> Transaction:
    business, head = order.business, checked.head
    method = _method(business, checked)
    postings: tuple[Posting, ...] = ()
    months: tuple[Month, ...] = ()
    if business.payment is not None and method is not None:
        amount_fen = head[business.payment.amount]
        postings = (Posting(DEBITS[method], business.payment.credit, amount_fen),)
        if business.payment.spread is Spread.ROSTER:
            until = head[business.payment.until]
            months = tuple(Month(m) for m in range(unit.next_month, until + 1))
    shown = {spec.key: spec.kind.show(head[spec.key]) for spec in business.head if spec.key in head}
    return Transaction(
        unit_id=operator.unit_id,
        txn_id=txn_id,
        business=business.code,
        biz_day=unit.business_day,
        operator_id=operator.operator_id,
        login_kind=operator.login_kind,
        idem=order.idem,
        rows=len(checked.rows),
        total_fen=sum(p.amount_fen for p in postings),
        head=shown,
        method=method,
        batch_id=order.batch_id,
        payment_id=payment.payment_id if payment else None,
        postings=postings,
        months=months,
    )


async def complete_paid(conn: Connection, payment: payments.Payment) -> Answer:
    """Posts what the bank has paid for; what is due must still be what was debited."""
    await units.lock(conn, payment.unit_id)
    business = business_of(payment.business)
    draft = await drafts.load(conn, payment.unit_id, business.code, payment.batch_id)
    unit, checked = await _check(conn, payment.unit_id, business, draft.head, draft.rows)
    if checked.head.get(_amount(business)) != payment.amount_fen:
        raise payments.NotWhatWasPaid("what is due has changed since the debit")
    operator = Operator(
        payment.unit_id, payment.operator_id, payment.operator_name, payment.login_kind
    )
    order = Submit(business, payment.batch_id, draft.version, False, payment.idem)
    return await complete(conn, operator, order, payment.payment_id, unit, checked, payment)
