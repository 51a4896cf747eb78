"""What the server answers, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from server.business.facts import Person, Unit
from server.business.refusals import Problem

CENTRE_ZONE = timezone(timedelta(hours=8))  # China has one; a PC may be wrong.


@dataclass(frozen=True)
class Challenge:
    """A login challenge, with the key of the connection it came over."""

    challenge_id: str
    nonce: bytes
    audience: str
    expires_in_s: int
    server_spki_sha256: bytes = b""


@dataclass(frozen=True)
class Health:
    """A server that answers, and how far its clock is ahead of this computer's."""

    time: datetime
    version: str = ""
    interface: str = ""
    ahead: timedelta = timedelta()
    certificate_until: datetime | None = None  # None: the transport has no certificate


@dataclass(frozen=True)
class Examination:
    """What the server would say to a certificate, by check: the refusal's code, empty where it
    passes, None where it was not made."""

    chain: str
    dates: str | None = None
    purpose: str | None = None
    revocation: str | None = None
    binding: str | None = None


@dataclass(frozen=True)
class Captcha:
    """A picture of letters, and how long they will be taken."""

    png: bytes
    expires_in_s: int


@dataclass(frozen=True)
class Standing:
    """The session as the server sees it."""

    unit_id: int
    unit_name: str
    operator_name: str
    login_kind: str
    is_suspended: bool
    idle_left_s: int
    absolute_left_s: int


@dataclass(frozen=True)
class Facts:
    """What pages and checks know of the own unit: its rules and its whole roster."""

    unit: Unit
    operator_name: str
    login_kind: str
    persons: Mapping[int, Person] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckAnswer:
    head: Mapping[str, str]  # computed values as shown
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Saved:
    batch_id: str
    version: int


@dataclass(frozen=True)
class Unfinished:
    """A line in the list of saved batches."""

    batch_id: str
    version: int
    state: str
    row_count: int
    updated_at: str
    updated_by: str


@dataclass(frozen=True)
class Batch:
    batch_id: str
    version: int
    state: str
    head: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Approval:
    """The operator's signature under one document and one idempotency key."""

    algorithm: str
    signature: bytes


@dataclass(frozen=True)
class Candidate:
    """A person of another unit, as far as a transfer must know; ``sought`` found them."""

    sought: str
    account: int
    name: str
    id_tail: str
    status: str


@dataclass(frozen=True)
class Answer:
    """What came of a submission: ``state`` is posted, paying or failed."""

    state: str
    serial: str
    receipt_no: str | None
    rows: int
    amount_fen: int
    left_batch_id: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class PaymentStep:
    at: str
    state: str
    text: str


@dataclass(frozen=True)
class PaymentProgress:
    """How far a debit has come: pending, sent, unknown, collected, posted or failed."""

    serial: str
    business: str
    amount_fen: int
    state: str
    receipt_no: str | None
    timeline: tuple[PaymentStep, ...]
    problem: Problem | None = None

    @property
    def is_resolved(self) -> bool:
        return self.state in ("posted", "failed")


@dataclass(frozen=True)
class Page:
    """Some rows of a query; ``count`` and ``totals`` come with the first page only."""

    rows: tuple[Mapping[str, Any], ...]
    next: str | None
    count: int
    totals: Mapping[str, int]


@dataclass(frozen=True)
class Print:
    """One printing of a receipt; ``mark`` is what a reprint bears."""

    receipt_no: str
    print_id: str
    nth: int
    mark: str
