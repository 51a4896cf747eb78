"""The audit log: who did what, from where, with what outcome. No names, numbers or secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from server.db import Connection, new_id

OK = "ok"
UNKNOWN_UNIT = 0
CHAIN_LOCK = 0x68706661  # Any number that is nobody else's: rows are chained one after the other.


def _link(before: str) -> str:
    """The hash of a row and of the one before. Microseconds, because a moment's text depends on
    who reads it."""
    return f"""
        sha256(coalesce({before}, ''::bytea) || convert_to(jsonb_build_array(
            a.unit_id, a.audit_id, (extract(epoch from a.at) * 1000000)::bigint, a.staff_id,
            a.session_ref, a.address, a.action, a.outcome, a.detail)::text, 'UTF8'))
    """


EXTEND_CHAIN = f"""
    insert into audit_chain (position, unit_id, audit_id, hash)
    select coalesce(last.position, 0) + 1, a.unit_id, a.audit_id, {_link("last.hash")}
    from audit a
    left join (select position, hash from audit_chain order by position desc limit 1) last on true
    where a.unit_id = %(unit)s and a.audit_id = %(audit)s
"""
# A row that is gone has no hash; one that is not chained was put in by another hand.
CHECK_CHAIN = f"""
    with link as (
        select c.position, c.hash, a.audit_id,
               {_link("lag(c.hash) over (order by c.position)")} as expected,
               row_number() over (order by c.position) as nth
        from audit_chain c
        left join audit a on a.unit_id = c.unit_id and a.audit_id = c.audit_id)
    select (select count(*) from link),
           (select min(position) from link
            where audit_id is null or hash <> expected or position <> nth),
           (select count(*) from audit a where staff_id is not null and not exists (
                select from audit_chain c
                where c.unit_id = a.unit_id and c.audit_id = a.audit_id)),
           (select encode(hash, 'hex') from link order by position desc limit 1)
"""


async def record(
    conn: Connection,
    action: str,
    outcome: str,
    address: str,
    *,
    unit_id: int = UNKNOWN_UNIT,
    operator_id: int | None = None,
    staff_id: int | None = None,
    token_sha256: bytes | None = None,
    detail: Mapping[str, str | int] | None = None,
) -> None:
    """``outcome`` is OK or a code of the catalogue; it stays if the caller's transaction does.

    An operator of the unit acted, or one of the centre's staff, or the centre's own machine. The
    staff's rows are chained: record them last, others wait for the end of this transaction.
    """
    audit_id = new_id()
    await conn.execute(
        "insert into audit (unit_id, audit_id, operator_id, staff_id, session_ref, address, action,"
        " outcome, detail) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            unit_id,
            audit_id,
            operator_id,
            staff_id,
            token_sha256[:8].hex() if token_sha256 else None,
            address,
            action,
            outcome,
            Jsonb(dict(detail or {})),
        ),
    )
    if staff_id is not None:
        await conn.execute("select pg_advisory_xact_lock(%s)", (CHAIN_LOCK,))
        await conn.execute(EXTEND_CHAIN, {"unit": unit_id, "audit": audit_id})


@dataclass(frozen=True)
class Trail:
    """The chain of what the staff did: its length and last hash, the first place where it is
    broken, and how many rows are not in it. Whoever noted length and hash sees a cut end, too."""

    length: int
    broken_at: int | None
    strangers: int
    last_hash: str

    @property
    def is_whole(self) -> bool:
        return self.broken_at is None and self.strangers == 0


async def check_trail(conn: Connection) -> Trail:
    row = await (await conn.execute(CHECK_CHAIN)).fetchone()
    assert row is not None, "an aggregate has a row"
    length, broken_at, strangers, last = row
    return Trail(length, broken_at, strangers, last or "")
