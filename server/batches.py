"""Submitting a batch or a form: checked over locked facts, then posted as a whole or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from psycopg.errors import UniqueViolation

from server import drafts, parameters, payments, people, units
from server.business.base import Business, Method, Unit, Values
from server.business.businesses import business_of
from server.business.chart import Gl
from server.business.check import Checked, Texts
from server.business.document import document_sha256
from server.business.month import Month
from server.business.parts import FROM_PREPAYMENT, PAID
from server.business.refusals import problem, refused
from server.checking import check
from server.db import Connection, Pool, new_id, transaction
from server.ledger.entry import Posting, Transaction
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
    unit, checked = await check(conn, unit_id, order.business, draft.head, draft.rows)
    rows, left_batch_id = draft.rows, None
    if order.only_passing and checked.bad_rows:
        rows, left_batch_id = await _split(conn, operator, order, draft, checked)
        unit, checked = await check(conn, unit_id, order.business, draft.head, rows)
    if checked.errors:
        raise refused("G14", checked.problems, count=len(checked.errors))
    _insist_on_amount(order, checked)
    txn_id = new_id()
    await _remember(conn, operator, order, digest, txn_id, left_batch_id)
    if _asks_the_bank(order.business, checked):
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
    """How an operator pays; the counter does not."""
    payment = business.payment
    if payment is None or payment.debit is not None:
        return None
    return Method(checked.head[payment.method]) if payment.method else Method.SETTLE


def _debits(business: Business, head: Values) -> dict[Gl, int]:
    """What each account pays, in fen."""
    payment = business.payment
    if payment is None:
        return {}
    if payment.debit is not None or not payment.method:
        return {payment.debit or Gl.DEPOSITS: head[payment.amount]}
    shares = {Gl.PREPAYMENT: head[FROM_PREPAYMENT.key], Gl.DEPOSITS: head[PAID.key]}
    return {gl: amount_fen for gl, amount_fen in shares.items() if amount_fen}


def _asks_the_bank(business: Business, checked: Checked) -> bool:
    """The centre's counter enters what is at the bank already."""
    is_counter = business.payment is not None and business.payment.debit is not None
    return not is_counter and Gl.DEPOSITS in _debits(business, checked.head)


async def _payment(
    conn: Connection, operator: Operator, order: Submit, txn_id: int, checked: Checked
) -> payments.Payment:
    account = await units.signed_account(conn, operator.unit_id)
    assert account is not None, "the check refuses a unit that has signed no account"
    debits = _debits(order.business, checked.head)
    return payments.Payment(
        unit_id=operator.unit_id,
        payment_id=txn_id,
        business=order.business.code,
        batch_id=order.batch_id,
        idem=order.idem,
        operator_id=operator.operator_id,
        operator_name=operator.name,
        login_kind=operator.login_kind,
        amount_fen=debits[Gl.DEPOSITS],
        account_no=account.account_no,
        reserved_fen=debits.get(Gl.PREPAYMENT, 0),
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
    business = order.business.in_force(unit)
    if business.rows:
        await people.apply(conn, business, unit, txn_id, checked.rows)
    txn = _transaction(operator, replace(order, business=business), txn_id, unit, checked, payment)
    number = await issue.post_with_receipt(
        conn, operator.name, business, unit, txn, checked, payment
    )
    if business.payment is not None and business.payment.debit is Gl.MEMBERS:
        await people.mark_corrected(conn, operator.unit_id, txn_id, txn.lines)
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
    business, head, pays = order.business, checked.head, order.business.payment
    postings = tuple(
        Posting(debit, pays.credit, amount_fen)
        for debit, amount_fen in _debits(business, head).items()
        if pays
    )
    until: Month | None = head[pays.until] if pays and pays.until else None
    unpaid = range(unit.next_month, until + 1) if until else ()
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
        method=_method(business, checked),
        kind=head[pays.kind] if pays and pays.kind else None,
        batch_id=order.batch_id,
        payment_id=payment.payment_id if payment else None,
        postings=postings,
        months=[Month(m) for m in unpaid if m not in unit.deferred],
        lines=[line for row in checked.rows for line in row.get("lines", ())],
        paid_through=until,
    )


async def complete_paid(conn: Connection, payment: payments.Payment) -> Answer:
    """Posts what the bank has paid for, with what was reserved; both must still be what is due."""
    await units.lock(conn, payment.unit_id)
    business = business_of(payment.business)
    assert payment.batch_id is not None, "a debit pays for a batch"
    draft = await drafts.load(conn, payment.unit_id, business.code, payment.batch_id)
    choices = await _choices_accepted(conn, payment)
    unit, checked = await check(conn, payment.unit_id, business, draft.head, draft.rows, choices)
    if checked.head.get(_amount(business)) != payment.amount_fen + payment.reserved_fen:
        raise payments.NotWhatWasPaid("what is due has changed since the debit")
    if FROM_PREPAYMENT.key in checked.head:
        paid = {PAID.key: payment.amount_fen, FROM_PREPAYMENT.key: payment.reserved_fen}
        checked.head |= paid
    operator = Operator(
        payment.unit_id, payment.operator_id, payment.operator_name, payment.login_kind
    )
    order = Submit(business, payment.batch_id, draft.version, False, payment.idem)
    return await complete(conn, operator, order, payment.payment_id, unit, checked, payment)


async def _choices_accepted(
    conn: Connection, payment: payments.Payment
) -> Mapping[str, Mapping[str, str]]:
    """Those of the business day on which the debit was asked for: what was accepted then is posted
    as it was, though a day has been closed and a table changed since."""
    rows = await conn.execute(
        """
        select coalesce((select min(day) from day_close where closed_at > s.at),
                        (select business_day from centre))
        from payment_step s where unit_id = %s and payment_id = %s and step = 1
        """,
        (payment.unit_id, payment.payment_id),
    )
    (day,) = await rows.fetchone() or (await parameters.business_day(conn),)
    return parameters.code_tables(await parameters.in_force(conn, day))
