"""What the books say, and whether they agree with themselves; reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from server.business.chart import CHART, Side
from server.db import Connection
from server.ledger.invariants import INVARIANTS

SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A row where an invariant does not hold; ``text`` names both."""

    name: str
    unit_id: int
    txn_id: int | None
    account: int | None
    expected: str | None
    found: str | None

    @property
    def text(self) -> str:
        parts = [f"{self.name}：单位 {self.unit_id}"]
        parts += [f"流水号 {self.txn_id}"] if self.txn_id is not None else []
        parts += [f"个人账号 {self.account}"] if self.account is not None else []
        if self.expected is not None and self.found is not None:
            parts.append(f"应为 {self.expected}，实为 {self.found}")
        return "，".join(parts)


@dataclass(frozen=True)
class Books:
    """Balances in fen by general ledger account, counts, and every disagreement found."""

    balances: dict[str, int]
    txns: int
    entries: int
    disagreements: list[str]

    @property
    def is_balanced(self) -> bool:
        return not self.disagreements


async def books(conn: Connection) -> Books:
    """All units together."""
    counts = await conn.execute("select (select count(*) from txn), (select count(*) from entry)")
    txns, entries = await counts.fetchone() or (0, 0)
    found = await disagreements(conn)
    return Books(await first_level(conn), txns, entries, [finding.text for finding in found])


async def disagreements(
    conn: Connection, tell: Callable[[str, list[Finding]], None] = lambda name, found: None
) -> list[Finding]:
    """The rows that break an invariant, of each the first ``SHOWN_MAX``; none may. ``tell`` hears
    of each invariant as it is checked."""
    all_found = []
    for name, query in INVARIANTS.items():
        rows = await conn.execute(f"{query} limit {SHOWN_MAX}")
        found = [
            Finding(text, unit, txn, account, _text(expected), _text(actual))
            for unit, txn, account, expected, actual, text in await rows.fetchall()
        ]
        tell(name, found)
        all_found += found
    return all_found


def _text(value: object) -> str | None:
    return None if value is None else str(value)


async def first_level(conn: Connection) -> dict[str, int]:
    """Every first-level account's balance in fen, on its own side; 101, 201 and 219 always."""
    rows = await conn.execute(
        "select left(gl, 3), sum(dr_fen - cr_fen)::bigint from voucher_line group by 1 order by 1"
    )
    found = {"101": 0, "201": 0, "219": 0} | dict(await rows.fetchall())
    return {gl: fen if CHART[gl].side is Side.DEBIT else -fen for gl, fen in sorted(found.items())}
