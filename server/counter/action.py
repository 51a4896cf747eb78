"""What an action at the counter is: one description that command line, API, rights, the rule of two
people and the audit trail all read."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from server.business.base import Field
from server.business.facts import Values
from server.counter.staff import Role, Staff
from server.db import Connection, Pool


@dataclass(frozen=True)
class Desk:
    """Where an action runs: its transaction, who entered it, and who approved it if two must.

    ``deed_id`` is the number of what is being done; ``is_production`` forbids what only a trial
    may do.
    """

    conn: Connection
    staff: Staff
    deed_id: int
    is_production: bool
    approver: Staff | None = None


@dataclass(frozen=True)
class Told:
    """What an action tells: columns, a row for each thing made or found, and whom it was about.

    ``then`` is what takes more than one transaction: done after the desk's is committed, it tells
    the rest. It may be done again after an end in between.
    """

    columns: tuple[Field, ...] = ()
    rows: Sequence[Values] = ()
    unit_id: int = 0
    then: Callable[[Pool], Awaitable[Told]] | None = None


@dataclass(frozen=True)
class Action:
    """One action of the centre's staff.

    ``run`` does all of it in the desk's transaction, or raises Refused. ``approved_by`` are the
    roles of which a second person must approve; empty: one person is enough. ``is_keyed`` is False
    for what only reads, or holds a secret that must not be remembered: it needs no key that makes
    it happen once. ``for_new`` may be done before the one-time password is replaced. ``due`` is the
    day by which the second person should have decided.
    """

    code: str
    label: str
    menu: str
    roles: frozenset[Role]
    run: Callable[[Desk, Values], Awaitable[Told]]
    fields: tuple[Field, ...] = ()
    approved_by: frozenset[Role] = frozenset()
    is_keyed: bool = True
    for_new: bool = False
    due: Callable[[Desk, Values], Awaitable[datetime.date]] | None = None

    def __post_init__(self) -> None:
        assert self.is_keyed or not self.approved_by, "what waits for a second person is remembered"
