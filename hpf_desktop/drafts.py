"""Unsent work kept on this computer, encrypted, so that a crash loses at most seconds. No Qt.

A SQLite file in WAL mode; each row of a batch is sealed with AES-GCM under a key from the system's
keyring. Where there is no trustworthy keyring there are no drafts, and the window says so.
"""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import sqlite3
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hpf_desktop import remembered
from hpf_desktop.settings import private_folder
from server.business.refusals import refused

KEY_BYTES = 32
NONCE_BYTES = 12
BUSY_TIMEOUT_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS draft (
    business TEXT NOT NULL, unit_id INTEGER NOT NULL, saved_at TEXT NOT NULL,
    row_count INTEGER NOT NULL, head BLOB NOT NULL, row_order BLOB NOT NULL,
    PRIMARY KEY (business, unit_id)) STRICT;
CREATE TABLE IF NOT EXISTS draft_row (
    business TEXT NOT NULL, unit_id INTEGER NOT NULL, row_id INTEGER NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (business, unit_id, row_id)) STRICT, WITHOUT ROWID;
"""
UPSERT_DRAFT = """
INSERT INTO draft (business, unit_id, saved_at, row_count, head, row_order)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (business, unit_id) DO UPDATE SET saved_at = excluded.saved_at,
    row_count = excluded.row_count, head = excluded.head, row_order = excluded.row_order
"""
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Draft:
    """What was being filled in: the head's texts and the rows' texts, in the operator's order."""

    head: dict[str, str]
    rows: list[dict[str, str]]
    saved_at: datetime.datetime


@dataclass(frozen=True)
class DraftSummary:
    """One line of the draft box."""

    business_code: str
    unit_id: int
    row_count: int
    saved_at: datetime.datetime


def draft_key() -> bytes:
    """The key of this computer's drafts, made once. Raises Refused S21 without a safe keyring."""
    kept = remembered.read(remembered.DRAFT_KEY)
    if kept is None:
        kept = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        remembered.keep(remembered.DRAFT_KEY, kept)
    try:
        key = base64.b64decode(kept, validate=True)
    except ValueError:
        raise refused("S21") from None
    if len(key) != KEY_BYTES:
        raise refused("S21")
    return key


class Drafts:
    """The draft box. One open connection, one thread at a time; every save is one transaction."""

    def __init__(self, connection: sqlite3.Connection, key: bytes) -> None:
        self._connection = connection
        self._cipher = AESGCM(key)

    @classmethod
    def open(cls, path: Path, key: bytes) -> Self:
        """Raises Refused S24 when the place cannot be written."""
        try:
            private_folder(path.parent)
            path.touch(mode=0o600)  # The files that SQLite puts beside it are as private.
            connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            # Kill -9 loses nothing; only a power cut may lose the last save.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error):
            raise refused("S24") from None
        return cls(connection, key)

    def save(
        self,
        business_code: str,
        unit_id: int,
        head: Texts,
        changed_rows: Mapping[int, Texts],
        order: Sequence[int],
    ) -> datetime.datetime:
        """Changed rows by their lasting ids; ``order`` names every row that exists, in order.

        Raises Refused S24; what was saved before is then still there.
        """
        place = (business_code, unit_id)
        now = datetime.datetime.now(datetime.UTC)
        ids = array("q", order)
        sealed = [
            (*place, row_id, self._seal(texts, *place, row_id))
            for row_id, texts in changed_rows.items()
        ]
        packed = self._seal_bytes(zlib.compress(ids.tobytes(), 1), *place, "order")
        draft = (*place, now.isoformat(), len(ids), self._seal(head, *place, "head"), packed)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO draft_row VALUES (?, ?, ?, ?)", sealed
                )
                self._connection.execute(UPSERT_DRAFT, draft)
                self._forget_others(place, ids)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error:
            raise refused("S24") from None
        return now

    def load(self, business_code: str, unit_id: int) -> Draft | None:
        """None when there is none. Raises Refused S22 when the key is another one."""
        place = (business_code, unit_id)
        found = self._connection.execute(
            "SELECT saved_at, head, row_order FROM draft WHERE business = ? AND unit_id = ?", place
        ).fetchone()
        if found is None:
            return None
        saved_at, head, packed = found
        ids = array("q")
        ids.frombytes(zlib.decompress(self._open_bytes(packed, *place, "order")))
        rows = dict(
            self._connection.execute(
                "SELECT row_id, sealed FROM draft_row WHERE business = ? AND unit_id = ?", place
            )
        )
        texts = [
            json.loads(self._open_bytes(rows[row_id], *place, row_id)) if row_id in rows else {}
            for row_id in ids
        ]
        opened = json.loads(self._open_bytes(head, *place, "head"))
        return Draft(opened, texts, datetime.datetime.fromisoformat(saved_at))

    def discard(self, business_code: str, unit_id: int) -> None:
        place = (business_code, unit_id)
        self._connection.execute("DELETE FROM draft WHERE business = ? AND unit_id = ?", place)
        self._connection.execute("DELETE FROM draft_row WHERE business = ? AND unit_id = ?", place)

    def list(self) -> list[DraftSummary]:
        """The latest first. Needs no key: only counts and times are readable."""
        found = self._connection.execute(
            "SELECT business, unit_id, row_count, saved_at FROM draft ORDER BY saved_at DESC"
        )
        return [
            DraftSummary(code, unit_id, count, datetime.datetime.fromisoformat(saved_at))
            for code, unit_id, count, saved_at in found
        ]

    def close(self) -> None:
        self._connection.close()

    def _forget_others(self, place: tuple[str, int], ids: array[int]) -> None:
        """Rows that were deleted in the sheet since they were saved."""
        stored = self._connection.execute(
            "SELECT row_id FROM draft_row WHERE business = ? AND unit_id = ?", place
        )
        gone = {row_id for (row_id,) in stored} - set(ids)
        self._connection.executemany(
            "DELETE FROM draft_row WHERE business = ? AND unit_id = ? AND row_id = ?",
            [(*place, row_id) for row_id in gone],
        )

    def _seal(self, texts: Texts, *place: object) -> bytes:
        return self._seal_bytes(json.dumps(texts, ensure_ascii=False).encode(), *place)

    def _seal_bytes(self, plain: bytes, *place: object) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(place))

    def _open_bytes(self, sealed: bytes, *place: object) -> bytes:
        try:
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(place)
            )
        except (InvalidTag, ValueError):
            raise refused("S22") from None


def _bound_to(place: Sequence[object]) -> bytes:
    """A sealed row opens only as itself: it cannot be moved to another unit, business or row."""
    return "|".join(map(str, place)).encode()
