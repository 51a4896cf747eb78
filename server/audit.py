"""The audit log: who did what, from where, with what outcome. No names, numbers or secrets."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from server.db import Connection, new_id

OK = "ok"
UNKNOWN_UNIT = 0


async def record(
    conn: Connection,
    action: str,
    outcome: str,
    address: str,
    *,
    unit_id: int = UNKNOWN_UNIT,
    operator_id: int | None = None,
    token_sha256: bytes | None = None,
    detail: Mapping[str, str | int] | None = None,
) -> None:
    """``outcome`` is OK or a code of the catalogue; it stays if the caller's transaction does."""
    await conn.execute(
        "insert into audit (unit_id, audit_id, operator_id, session_ref, address, action, outcome,"
        " detail) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            unit_id,
            new_id(),
            operator_id,
            token_sha256[:8].hex() if token_sha256 else None,
            address,
            action,
            outcome,
            Jsonb(dict(detail or {})),
        ),
    )
