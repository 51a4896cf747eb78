"""Saved batches: what an operator has typed, kept as typed until it is submitted."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.business.refusals import refused
from server.db import Connection, new_id

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Draft:
    """One batch as saved: texts, not values, so that nothing typed is lost."""

    batch_id: int
    version: int
    state: str
    head: Texts
    rows: Sequence[Texts]


@dataclass(frozen=True)
class Saved:
    """A line in the list of unfinished batches."""

    batch_id: int
    version: int
    state: str
    row_count: int
    updated_at: datetime.datetime
    updated_by: str


async def save_new(
    conn: Connection,
    unit_id: int,
    operator_id: int,
    business: str,
    head: Texts,
    rows: Sequence[Texts],
) -> tuple[int, int]:
    """Returns the batch's id and its version."""
    batch_id = new_id()
    await conn.execute(
        """
        insert into batch (unit_id, batch_id, business, state, version, head, rows, row_count,
                           updated_by)
        values (%s, %s, %s, 'saved', 1, %s, %s, %s, %s)
        """,
        (unit_id, batch_id, business, _json(head), _json(rows), len(rows), operator_id),
    )
    return batch_id, 1


async def save_again(
    conn: Connection,
    unit_id: int,
    operator_id: int,
    business: str,
    batch_id: int,
    version: int,
    head: Texts,
    rows: Sequence[Texts],
) -> int:
    """Replaces the texts if nobody saved in between (G08); returns the new version."""
    await load(conn, unit_id, business, batch_id, version)
    await conn.execute(
        """
        update batch set head = %s, rows = %s, row_count = %s, version = version + 1,
               updated_at = now(), updated_by = %s
        where unit_id = %s and batch_id = %s
        """,
        (_json(head), _json(rows), len(rows), operator_id, unit_id, batch_id),
    )
    return version + 1


async def load(
    conn: Connection, unit_id: int, business: str, batch_id: int, version: int | None = None
) -> Draft:
    """The batch. With ``version``, locked, and refused if it was changed or submitted since."""
    rows = await conn.execute(
        f"""
        select version, state, head, rows from batch
        where unit_id = %s and batch_id = %s and business = %s {"for update" if version else ""}
        """,
        (unit_id, batch_id, business),
    )
    row = await rows.fetchone()
    if row is None:
        raise refused("G13")
    if version is not None:
        if row[1] != "saved":
            raise refused("G11")
        if row[0] != version:
            raise refused("G08")
    return Draft(batch_id, *row)


async def unfinished(conn: Connection, unit_id: int, business: str) -> list[Saved]:
    """Newest first, at most 200."""
    rows = await conn.execute(
        """
        select b.batch_id, b.version, b.state, b.row_count, b.updated_at, coalesce(o.name, '')
        from batch b left join operator o on o.unit_id = b.unit_id and o.operator_id = b.updated_by
        where b.unit_id = %s and b.business = %s and b.state in ('saved', 'paying')
        order by b.updated_at desc limit 200
        """,
        (unit_id, business),
    )
    return [Saved(*row) for row in await rows.fetchall()]


async def discard(
    conn: Connection, unit_id: int, business: str, batch_id: int, version: int
) -> None:
    await load(conn, unit_id, business, batch_id, version)
    await conn.execute(
        "delete from batch where unit_id = %s and batch_id = %s", (unit_id, batch_id)
    )


async def keep_only(conn: Connection, unit_id: int, draft: Draft, rows: Sequence[Texts]) -> None:
    """The batch goes on with ``rows`` alone; the others have become a batch of their own."""
    await conn.execute(
        "update batch set rows = %s, row_count = %s where unit_id = %s and batch_id = %s",
        (_json(rows), len(rows), unit_id, draft.batch_id),
    )


async def set_state(conn: Connection, unit_id: int, batch_id: int, state: str) -> None:
    await conn.execute(
        "update batch set state = %s where unit_id = %s and batch_id = %s",
        (state, unit_id, batch_id),
    )


async def cover(conn: Connection, unit_id: int, batch_id: int, head: Texts) -> None:
    """What is done keeps its phones masked; the signature's digest stays as it is."""
    await conn.execute(
        "update batch set head = %s where unit_id = %s and batch_id = %s",
        (_json(head), unit_id, batch_id),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
