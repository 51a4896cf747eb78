"""What an operator can submit, said once for the model and once, as texts, for the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from server.simulation.model import changes, payments, people, transfers
from server.simulation.model.changes import BaseChange
from server.simulation.model.payments import (
    DIFFERENCE,
    FREE,
    FULL,
    MIXED,
    PREPAID,
    SETTLED,
    BackRow,
)
from server.simulation.model.people import Opening, Sealing, Unsealing
from server.simulation.model.state import Centre, Refusals
from server.simulation.model.transfers import Moving

METHODS = {SETTLED: "settle", PREPAID: "prepayment", MIXED: "mixed"}
KINDS = {FULL: "1", DIFFERENCE: "2", FREE: "3"}
NOBODY = "532300000002"  # an account number that nobody has
UNTOLD = ("name", "phone", "reason")  # nothing hangs on them
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Move:
    """``kind`` names the payment that the bank may be asked for."""

    unit: str
    code: str
    head: Texts
    rows: Sequence[Texts]
    model: Callable[[Centre], Refusals]
    kind: str = ""

    def __str__(self) -> str:
        shown = [
            " ".join(f"{key}={text}" for key, text in row.items() if key not in UNTOLD)
            for row in (self.head, *self.rows)
        ]
        return f"{self.unit} {self.code} {'; '.join(filter(None, shown))}"


def month_text(month: int) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def yuan(fen: int) -> str:
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


def opening(unit: str, rows: Sequence[Opening], phones: Sequence[str]) -> Move:
    texts = [
        {
            "name": row.name,
            "id_number": row.id_no,
            "phone": phone,
            "base": yuan(row.base),
            "month": month_text(row.first),
        }
        for row, phone in zip(rows, phones, strict=True)
    ]
    return Move(
        unit, "account_opening", {}, texts, lambda centre: people.open_people(centre, unit, rows)
    )


def sealing(unit: str, rows: Sequence[Sealing], accounts: Mapping[str, str]) -> Move:
    texts = [
        {
            "account": accounts.get(row.person, NOBODY),
            "reason": "01",
            "month": month_text(row.month),
        }
        for row in rows
    ]
    return Move(unit, "sealing", {}, texts, lambda centre: people.seal(centre, unit, rows))


def unsealing(unit: str, rows: Sequence[Unsealing], accounts: Mapping[str, str]) -> Move:
    texts = [
        {
            "account": accounts.get(row.person, NOBODY),
            "month": month_text(row.month),
            **({} if row.base is None else {"base": yuan(row.base)}),
        }
        for row in rows
    ]
    return Move(unit, "unsealing", {}, texts, lambda centre: people.unseal(centre, unit, rows))


def transfer(
    unit: str, giver: str, giver_account: str, rows: Sequence[Moving], numbers: Mapping[str, str]
) -> Move:
    """``numbers`` are what each person is found by: an account, or the ID number itself."""
    texts = [
        {
            "person": numbers.get(row.person, row.person),
            "month": month_text(row.month),
            "base": yuan(row.base),
        }
        for row in rows
    ]
    return Move(
        unit,
        "transfer",
        {"from_unit": giver_account},
        texts,
        lambda centre: transfers.take_over(centre, unit, giver, rows),
    )


def base_change(unit: str, rows: Sequence[BaseChange], accounts: Mapping[str, str]) -> Move:
    texts = [
        {"account": accounts.get(row.person, NOBODY), "month": month_text(row.month)}
        | ({} if row.base is None else {"base": yuan(row.base)})
        | ({} if row.amount is None else {"monthly_fen": yuan(row.amount)})
        for row in rows
    ]
    return Move(
        unit, "base_change", {}, texts, lambda centre: changes.change_bases(centre, unit, rows)
    )


def ratio_change(unit: str, month: int, unit_ratio: int, person_ratio: int | None) -> Move:
    head = {
        "unit_ratio": f"{yuan(unit_ratio)}%",
        "month": month_text(month),
        "reason": "01",
        **({} if person_ratio is None else {"personal_ratio": f"{yuan(person_ratio)}%"}),
    }
    return Move(
        unit,
        "ratio_change",
        head,
        [],
        lambda centre: changes.change_ratio(centre, unit, month, unit_ratio, person_ratio),
    )


def prepayment(unit: str, amount: int) -> Move:
    head = {"amount": yuan(amount)}
    return Move(
        unit,
        "prepayment",
        head,
        [],
        lambda centre: payments.prepay(centre, unit, amount),
        "prepayment",
    )


def remittance(unit: str, until: int, method: str) -> Move:
    head = {"until": month_text(until), "method": METHODS[method]}
    return Move(
        unit,
        "remittance",
        head,
        [],
        lambda centre: payments.remit(centre, unit, until, method),
        "remittance",
    )


def back_payment(
    unit: str, kind: str, rows: Sequence[BackRow], method: str, accounts: Mapping[str, str]
) -> Move:
    head = {"kind": KINDS[kind], "method": METHODS[method]}
    texts = [
        {
            "account": accounts.get(row.person, NOBODY),
            "monthly": yuan(row.amount),
            "start": month_text(row.first),
            "end": month_text(row.last),
        }
        for row in rows
    ]
    return Move(
        unit,
        "back_payment",
        head,
        texts,
        lambda centre: payments.back_pay(centre, unit, kind, rows, method),
        "back payment",
    )
